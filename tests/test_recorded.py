"""Recorded steps give what usual ones give; what is drawn ahead is what would have been drawn."""

import threading

import pytest
import torch

from kryptonlib import samples
from kryptonlib.training import codec
from kryptonlib.training.recorded import BEFORE, Ahead, Recorded
from kryptonlib.training.study import Options

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")


def test_without_cuda_the_function_is_called():
    seen = []
    step = Recorded(lambda x: seen.append(x) or x + 1, torch.device("cpu"))
    for number in range(BEFORE + 3):
        assert step(torch.tensor(number)).item() == number + 1
    assert len(seen) == BEFORE + 3


def test_ahead_gives_each_number_its_value_and_makes_one_ahead():
    made, background = [], set()

    def function(number):
        made.append(number)
        background.add(threading.current_thread().name)
        return number**2

    ahead = Ahead(function, last=6)
    assert [ahead(number) for number in (0, 1, 2)] == [0, 1, 4]
    assert ahead(5) == 25  # not the one that was made ahead
    assert ahead(2) == 4
    ahead._thread.shutdown()
    assert made == [0, 1, 2, 3, 5, 2, 3]  # 6 is not made
    assert threading.current_thread().name not in background


def test_an_error_of_what_is_made_ahead_comes_when_it_is_asked_for():
    ahead = Ahead(lambda number: 1 / (2 - number), last=9)
    assert ahead(1) == 1
    with pytest.raises(ZeroDivisionError):
        ahead(2)


@on_cuda
def test_a_recorded_step_reads_its_inputs_and_changes_state_in_place():
    device = torch.device("cuda")
    total = torch.zeros(1, device=device)
    step = Recorded(lambda x: total.add_(x).clone(), device)
    told = [step(torch.full((1,), float(number), device=device)).item() for number in range(10)]
    assert told == [number * (number + 1) / 2 for number in range(10)]


@on_cuda
@pytest.mark.parametrize("case", ["start", "steps", "normalized"])
def test_the_codecs_recorded_steps_are_its_usual_ones(tmp_path, monkeypatch, case):
    # Photos that need no data but the default ones.
    names = {"train": ["chelsea", "astronaut"], "tune": ["coffee"]}
    monkeypatch.setattr(samples, "names", lambda kind=None, split=None: names[split])
    monkeypatch.setattr(codec, "EXTRA_SIDE", 64)

    def losses(recorded):
        options = Options(tmp_path, device=torch.device("cuda"), steps=40)
        study = codec.Codec(options, name="codec-test", case=case, steps=40)
        if not recorded:
            study.descend = study._descend
        return [study.learn(step, min(1.0, step / 20))["loss"] for step in range(40)]

    assert losses(True) == pytest.approx(losses(False), rel=2e-3)
