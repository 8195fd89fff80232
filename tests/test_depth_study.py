"""The study of depths: a stopped run loses nothing, results without weights are kept, the committed ones are whole."""

import numpy as np
import pytest

from kryptonlib.deep import experiments
from kryptonlib.training import card, depth, studies
from kryptonlib.training.loop import Loop
from kryptonlib.training.study import Options


def loop(folder, steps=4):
    options = Options(folder / "work")
    return Loop(depth.Depth(options, rate_steps=2, steps=steps, seeds=2, width=1), options, folder / "out")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(depth, "NETWORKS", {"plain-20": (8, False), "residual-20": (14, True)})
    monkeypatch.setattr(depth, "RATES", (0.01, 0.1))
    monkeypatch.setattr(depth, "TRAIN", 200)
    monkeypatch.setattr(depth, "TEST", 50)
    monkeypatch.setattr(depth.Depth, "log_every", 1)


def test_a_stopped_run_ends_as_one_that_was_not(tmp_path):
    through, stopped = tmp_path / "through", tmp_path / "stopped"
    assert loop(through).run()
    while not loop(stopped).run(minutes=1e-9):
        pass
    one, two = (card.read("depth", folder / "out") for folder in (through, stopped))
    assert one["results"] == two["results"] and one["recipe"] == two["recipe"] and one["finished"]
    logs = [card.read_log("depth", folder / "out") for folder in (through, stopped)]
    assert logs[0].keys() == logs[1].keys()
    for column in logs[0].keys() - {"seconds"}:
        np.testing.assert_array_equal(logs[0][column], logs[1][column])


def test_what_is_kept_is_a_card_and_a_log(tmp_path):
    loop(tmp_path).run()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["depth.csv", "depth.json"]
    written = card.read("depth", tmp_path / "out")
    assert "file" not in written and set(written["results"]) == {
        f"{name} seed {seed}" for name in depth.NETWORKS for seed in (0, 1)
    }
    log = card.read_log("depth", tmp_path / "out")
    trial, final = log["plain-20 at 0.1: loss"], log["plain-20 seed 1: test error"]
    assert np.isfinite(trial).tolist() == [True, True, False, False] == np.isnan(final).tolist()
    errors, table = experiments.depth_results(written)
    assert errors["plain-20"].shape == (2, 2) and len(table.splitlines()) == 4
    # Without its state a finished study is finished; one that is not begins anew.
    for path in (tmp_path / "work").iterdir():
        path.unlink()
    assert loop(tmp_path).finished


def test_without_a_state_an_unfinished_study_begins_anew(tmp_path):
    loop(tmp_path).run(minutes=1e-9)
    for path in (tmp_path / "work").iterdir():
        path.unlink()
    again = loop(tmp_path)
    assert again.step == 0 and again.source == "start" and again.run()


def test_each_network_gets_the_rate_with_the_least_loss(tmp_path):
    run = loop(tmp_path)
    run.run()
    for name in depth.NETWORKS:
        losses = {rate: run.study.losses[f"{name} at {rate:g}"] for rate in depth.RATES}
        assert run.study.rates[name] == min(losses, key=losses.get)


def test_a_missing_log_names_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="train depth"):
        card.read_log("depth", tmp_path)


def test_the_list_makes_it():
    assert studies.make("depth", Options(None)).steps == sum(studies.DEPTH_STEPS)


def test_the_committed_results_are_finished_and_belong_to_the_log():
    written, log = card.read("depth"), card.read_log("depth")
    assert written["finished"] and log["step"][-1] == written["step"] == written["steps"]
    for run, values in written["results"].items():
        assert values["test error"] == pytest.approx(log[f"{run}: test error"][-1], abs=1e-6)
