"""The training room: a stopped run loses nothing, a checkpoint alone continues, cards tell what was done."""

import csv
import json
import os
import signal
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from kryptonlib import cli, samples, store
from kryptonlib.compression.autoencoder import Autoencoder
from kryptonlib.compression.start import block_transform
from kryptonlib.training import card, codec, codec_context, photos, queue, schedule, studies
from kryptonlib.training.clock import Clock
from kryptonlib.training.loop import Loop, Stopped
from kryptonlib.training.study import Options, Study

CPU = torch.device("cpu")


class Line(Study):
    """Fits y = 3 x + 1 with a batch that the step alone decides."""

    log_every = 3

    def __init__(self, steps=10, name="line", rate=0.1):
        self.name, self.steps, self.rate = name, steps, rate
        torch.manual_seed(0)
        self.net = torch.nn.Linear(1, 1)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=rate)
        self.paces, self.after_step = [], lambda step: None

    def choices(self):
        return {"rate": self.rate}

    def learn(self, step, pace):
        self.paces.append(pace)
        self.optimizer.param_groups[0]["lr"] = self.rate * pace
        x = torch.randn(8, 1, generator=torch.Generator().manual_seed(step))
        loss = (self.net(x) - (3 * x + 1)).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.after_step(step)
        return {"loss": loss.item()}

    def measure(self):
        return {"slope": self.net.weight.item()}

    def state(self):
        return {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state(self, state):
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])

    def weights(self):
        return self.net.state_dict()

    def load_weights(self, weights):
        self.net.load_state_dict(weights)

    def facts(self, finished):
        return {"what": "a line", "data": [], "result": self.net.weight.item() if finished else None}


def loop(folder, study=None, **more):
    return Loop(study or Line(), Options(folder / "work"), folder / "out", **more)


def rows(folder):
    return list(csv.DictReader((folder / "work" / "log.csv").open(encoding="utf-8")))


# Stopping and continuing.


def test_a_stopped_run_ends_with_the_same_weights_and_log(tmp_path):
    through, stopped = tmp_path / "through", tmp_path / "stopped"
    assert loop(through).run()
    for _ in range(3):
        assert not loop(stopped).finished
        run = loop(stopped)
        # The clock jumps a minute after four steps, so that the budget is used up.
        run.clock.now = iter(range(0, 10**6, 20)).__next__
        run.run(minutes=1)
    loop(stopped).run()
    found, expected = (load_file(folder / "out" / "line.safetensors") for folder in (stopped, through))
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    logs = [[(row["step"], row["loss"], row["slope"]) for row in rows(folder)] for folder in (stopped, through)]
    assert logs[0] == logs[1] and [row[0] for row in logs[0]] == ["3", "6", "9", "10"]


def test_on_another_machine_it_continues_from_checkpoint_and_step_with_a_warm_up(tmp_path):
    first = loop(tmp_path, Line(steps=400))
    first.study.after_step = lambda step: setattr(first, "_stop", signal.SIGTERM) if step == 249 else None
    with pytest.raises(Stopped, match="line: stopped at step 250; the same command continues"):
        first.run()
    assert card.read("line", tmp_path / "out")["step"] == 250
    for file in (tmp_path / "work").iterdir():
        file.unlink()
    second = loop(tmp_path, Line(steps=400))
    assert (second.source, second.step, second.begun) == ("checkpoint", 250, 250)
    stored = load_file(tmp_path / "out" / "line.safetensors")["weight"]
    assert second.study.net.weight.item() == pytest.approx(stored.item(), abs=1e-3)
    assert second.run()
    assert second.study.paces[0] == pytest.approx(1 / schedule.WARM_UP) and first.study.paces[249] > 0.9
    steps = [int(row["step"]) for row in rows(tmp_path)]
    assert steps == sorted(set(steps)) and steps[0] == 3 and steps[-1] == 400
    written = card.read("line", tmp_path / "out")
    assert written["finished"] and written["step"] == 400 and written["result"] is not None


def test_a_signal_ends_the_run_after_its_step_with_everything_saved(tmp_path):
    run = loop(tmp_path, Line(steps=10**6))
    run.study.after_step = lambda step: os.kill(os.getpid(), signal.SIGTERM) if step == 4 else None
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped):
        run.run()
    assert signal.getsignal(signal.SIGTERM) is before
    assert loop(tmp_path, Line(steps=10**6)).step == 5


def test_a_loss_that_is_no_number_stops_and_leaves_the_saved_state(tmp_path):
    assert not loop(tmp_path, Line(steps=20)).run(minutes=1e-9)
    wrong = loop(tmp_path, Line(steps=20))
    wrong.study.after_step = lambda step: wrong.study.net.weight.data.fill_(np.nan)
    with pytest.raises(RuntimeError, match=r"line: loss = nan at step 2; the rate is too high"):
        wrong.run()
    again = loop(tmp_path, Line(steps=20))
    assert again.step == 1 and torch.isfinite(again.study.net.weight).all()


def test_a_state_made_otherwise_is_refused(tmp_path):
    loop(tmp_path).run()
    with pytest.raises(ValueError, match="was made with another rate"):
        loop(tmp_path, Line(rate=0.2))


def test_what_is_further_along_is_not_replaced(tmp_path):
    assert loop(tmp_path).run()
    before = store.sha256(tmp_path / "out" / "line.safetensors")
    for file in (tmp_path / "work").iterdir():
        file.unlink()
    anew = loop(tmp_path, fresh=True)
    assert (anew.source, anew.step) == ("start", 0)
    anew.run(minutes=1e-9)
    assert store.sha256(tmp_path / "out" / "line.safetensors") == before
    assert card.read("line", tmp_path / "out")["finished"]


# Schedule, clock, card.


def test_the_rate_rises_stays_and_falls_and_does_not_depend_on_the_end_before_that():
    assert schedule.pace(0, 10**4) == 1 / schedule.WARM_UP and schedule.pace(5000, 10**4) == 1
    assert schedule.pace(10**4, 10**4) == pytest.approx(0.05)
    assert schedule.pace(8750, 10**4) == pytest.approx((1 + 0.05) / 2)
    assert all(schedule.pace(step, 10**4) == schedule.pace(step, 10**5) for step in range(0, 7500, 500))
    assert schedule.pace(10**4 - 1, 10**4, decay=0) == 1
    assert schedule.pace(700, 10**4, begun=700) == 1 / schedule.WARM_UP


def test_the_clock_does_not_count_pauses():
    times = iter([float(t) for t in range(41)] + [1000.0, 1001.0, 5000.0, 5001.0])
    clock = Clock(now=lambda: next(times))
    for _ in range(40):
        clock.tick()
    assert clock.seconds == 40
    assert clock.tick() == 8 and clock.tick() == 1
    clock.skip()
    assert clock.tick() == 1 and clock.seconds == 50


def test_the_card_names_every_machine_once(tmp_path, monkeypatch):
    some = loop(tmp_path)
    some.clock.now = iter(range(0, 10**6, 20)).__next__
    some.run(minutes=1)
    first = card.read("line", tmp_path / "out")
    assert 0 < first["step"] < 10 and not first["finished"] and len(first["runs"]) == 1
    assert first["file"]["sha256"] == store.sha256(tmp_path / "out" / "line.safetensors")
    monkeypatch.setattr(card, "hardware", lambda device: "another machine")
    loop(tmp_path).run()
    last = card.read("line", tmp_path / "out")
    assert [run["to_step"] for run in last["runs"]] == [first["step"], 10]
    assert last["runs"][1]["hardware"] == "another machine" and last["runs"][0] == first["runs"][0]
    assert (tmp_path / "out" / "line.csv").read_text(encoding="utf-8").startswith("step,seconds,loss,slope\n")
    assert str(tmp_path) not in json.dumps(last)


# The queue and the command.


@pytest.fixture
def short_list(monkeypatch):
    made = []

    def make(name, steps):
        def build(options, folder):
            made.append(name)
            return Line(steps=options.steps or steps, name=name)

        return build

    entries = {
        "first": studies.Entry(make("first", 5), "one", 1, group="pair"),
        "second": studies.Entry(make("second", 5), "two", 1, after="first", group="pair"),
        "third": studies.Entry(make("third", 5), "three", 1, needs=("brain", "default")),
    }
    monkeypatch.setattr(studies, "STUDIES", entries)
    return made


def test_without_a_name_all_that_is_not_finished_is_trained_in_order(tmp_path, short_list):
    places = {"options": Options(tmp_path / "work"), "target": tmp_path / "out"}
    with pytest.raises(ValueError, match="second begins from first, which has no checkpoint"):
        queue.train(["second"], **places)
    assert queue.train(**places) == dict.fromkeys(["first", "second", "third"], "finished")
    assert short_list == ["first", "second", "third"]
    assert queue.train(**places) == {} and queue.train(["first"], **places) == {"first": "finished"}
    assert [queue.progress(name, tmp_path / "out") for name in ("first", "second")] == ["finished"] * 2
    heading, first, *_ = queue.overview(tmp_path / "out")
    assert heading == "pair:" and first.split()[:2] == ["first", "finished"]


def test_a_checkpoint_that_could_not_be_written_is_written_by_the_next_call(tmp_path, short_list, monkeypatch):
    places = {"options": Options(tmp_path / "work"), "target": tmp_path / "out"}

    def full(*_):
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(Loop, "_publish", full)
        with pytest.raises(OSError, match="no space left"):
            queue.train(["first"], **places)
    assert queue.progress("first", tmp_path / "out") == "not begun"
    assert queue.train(["first"], **places) == {"first": "finished"}
    assert queue.progress("first", tmp_path / "out") == "finished"


def test_a_group_is_all_of_it_that_is_not_finished(tmp_path, short_list):
    places = {"options": Options(tmp_path / "work"), "target": tmp_path / "out"}
    assert queue.train(["pair"], **places) == {"first": "finished", "second": "finished"}
    assert queue.wanted(["pair", "third"], tmp_path / "out") == ["third"]
    assert queue.wanted(["pair", "first"], tmp_path / "out") == ["first"]
    assert queue.wanted(["pair"], tmp_path / "out", fresh=True) == ["first", "second"]
    assert queue.train(["pair", "third"], **places) == {"third": "finished"}
    assert short_list == ["first", "second", "third"]
    with pytest.raises(ValueError, match="study: got 'pairs'; did you mean pair?"):
        queue.train(["pairs"], **places)


def test_never_two_at_once(tmp_path, short_list, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def wait(step):
        begun.set()
        go_on.wait(20)

    slow = Line(steps=2, name="first")
    slow.after_step = wait
    monkeypatch.setitem(studies.STUDIES, "first", studies.Entry(lambda options, folder: slow, "slow", 1))
    thread = threading.Thread(target=queue.train, args=(["first"],), kwargs={"options": Options(tmp_path), "target": tmp_path / "out"})
    thread.start()
    assert begun.wait(20)
    with pytest.raises(RuntimeError, match="another training runs in"):
        queue.train(["second"], options=Options(tmp_path), target=tmp_path / "out")
    go_on.set()
    thread.join()


def test_the_command(tmp_path, short_list, capsys):
    places = ["--work", str(tmp_path / "work"), "--target", str(tmp_path / "out")]
    assert cli.main(["train", "--list", *places]) == 0
    assert "not begun" in capsys.readouterr().out
    assert cli.main(["train", "first", "--steps", "7", "--device", "cpu", *places]) == 0
    assert card.read("first", tmp_path / "out")["step"] == 7
    for wrong, said in [(["fourth"], "study: got 'fourth'"), (["first", "--minutes", "0"], "--minutes got 0")]:
        assert cli.main(["train", *wrong, *places]) == 2
        assert said in capsys.readouterr().err


def test_the_command_fetches_the_data_that_its_studies_read_and_no_others(tmp_path, short_list, monkeypatch):
    fetched = []
    missing = SimpleNamespace(main=lambda groups: fetched.append(groups) or 1)
    monkeypatch.setattr(store, "load_script", lambda name: missing)
    places = ["--work", str(tmp_path / "work"), "--target", str(tmp_path / "out"), "--device", "cpu"]
    assert cli.main(["train", "third", *places]) == 1 and fetched == [["brain", "default"]]
    assert cli.main(["train", *places]) == 1 and fetched[1:] == [["brain", "default", "wallpapers"]]
    assert queue.progress("third", tmp_path / "out") == "not begun"
    missing.main = lambda groups: 0
    assert cli.main(["train", "third", *places]) == 0
    assert card.read("third", tmp_path / "out")["command"] == "python -m kryptonlib train third"


def test_the_card_of_a_training_on_a_folder_says_so(tmp_path):
    options = Options(tmp_path / "work", data=tmp_path)
    Loop(Line(steps=2), options, tmp_path / "out").run()
    assert card.read("line", tmp_path / "out")["command"] == "python -m kryptonlib train line --data FOLDER"


# Photos to train on.


def save_photos(folder, count, side=130):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        values = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(values).resize((side, side)).save(folder / f"{number:02d}.png")


@pytest.fixture
def few_samples(monkeypatch):
    """Two of the course's photos instead of all, so that tests need none that is fetched by ``make train`` only."""
    names = {"train": ["chelsea", "astronaut"], "tune": ["coffee"]}
    monkeypatch.setattr(samples, "names", lambda kind=None, split=None: names[split])


def test_photos_are_kept_back_and_val_is_left_out(tmp_path, few_samples):
    save_photos(tmp_path / "train", 5)
    save_photos(tmp_path / "val", 3)
    assert [file.parent.name for file in photos.photo_files(tmp_path)] == ["train"] * 5
    found = photos.training_photos(tmp_path, side=64, seed=0)
    assert len(found.others) + len(found.kept) == 5 and len(found.kept) >= 2
    batch = found.batch(3, 8)
    assert batch.shape == (8, 1, 64, 64) and torch.equal(batch, found.batch(3, 8))
    assert 16 / 255 - 1e-6 <= batch.min() and batch.max() <= 235 / 255 + 1e-6
    assert not torch.equal(found.batch(-1, 8), found.batch(1, 8))
    assert found.facts()["data"][-1]["name"].startswith(f"{len(found.others)} photos of the folder")
    assert str(tmp_path) not in json.dumps(found.facts())


def test_without_a_folder_the_photos_to_tune_on_are_kept_back(few_samples):
    found = photos.training_photos(None, side=64, seed=0, channels="rgb")
    assert found.others is None and len(found.kept) == 1 and found.batch(0, 2).shape == (2, 3, 64, 64)
    assert [piece.shape for piece in found.held_out(100)] == [(1, 3, 100, 100)]


def test_a_folder_that_cannot_be_trained_on_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        photos.photo_files(tmp_path / "missing")
    with pytest.raises(ValueError, match="holds 0 photos"):
        photos.photo_files(tmp_path)


# The codec's studies.


@pytest.fixture
def small_codec(tmp_path, monkeypatch, few_samples):
    monkeypatch.setattr(codec, "SIDE", 32)
    monkeypatch.setattr(codec, "BATCH", 2)
    monkeypatch.setattr(codec, "EXTRA", 8)
    monkeypatch.setattr(codec, "EXTRA_SIDE", 64)
    monkeypatch.setattr(photos.TrainingPhotos, "held_out", lambda self: [255 * self.kept[0][:, :, :40, :40]])

    def make(**settings):
        given = {"name": "codec", "case": "start", "steps": 6, "maps": 12, "hidden": (16, 64)} | settings
        return codec.Codec(Options(tmp_path), **given)

    return make


def test_the_codec_continues_to_the_same_weights(tmp_path, small_codec):
    assert loop(tmp_path / "through", small_codec()).run()
    stopped = loop(tmp_path / "stopped", small_codec())
    stopped.clock.now = iter(range(0, 10**6, 20)).__next__
    stopped.run(minutes=1)
    assert 0 < stopped.step < 6
    assert loop(tmp_path / "stopped", small_codec()).run()
    found, expected = (load_file(tmp_path / way / "out" / "codec.safetensors") for way in ("stopped", "through"))
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert {name for name in expected if name.startswith("density.")} == {
        "density.mean", "density.log_scale", "density.weight"
    }  # fmt: skip


def test_a_state_that_was_saved_on_a_gpu_continues_on_a_cpu(small_codec):
    study = small_codec()
    study.learn(0, 1.0)
    state = study.state()
    for optimizer in state["optimizers"].values():
        optimizer["param_groups"][0].update(capturable=True, lr=1.0)
    study.load_state(state)
    assert np.isfinite(study.learn(1, 0.5)["loss"])
    group = study.optimizers["transform"].param_groups[0]
    assert group["lr"].item() == pytest.approx(0.5 * codec.RATES["transform"]) and group["capturable"] is False


@pytest.mark.parametrize("quantizer", codec.QUANTIZERS)
def test_each_quantizer_lowers_the_loss_on_one_batch(small_codec, quantizer):
    study = small_codec(quantizer=quantizer)
    study.photos.batch = lambda step, count, batch=study.photos.batch: batch(0, count)
    losses = [study.learn(step, 0.5)["loss"] for step in range(25)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) and np.isfinite(losses).all()


def test_one_wild_batch_does_not_throw_the_network_back(small_codec, monkeypatch):
    study = small_codec()
    wild = torch.zeros(2, 1, 32, 32)
    wild[:, :, ::2] = 40  # far beyond an image's range
    monkeypatch.setattr(study.photos, "batch", lambda step, count: wild)
    norms = {}
    for name, optimizer in study.optimizers.items():
        def step(name=name, optimizer=optimizer, go=optimizer.step):
            gradients = [p.grad.flatten() for p in optimizer.param_groups[0]["params"]]
            norms[name] = torch.cat(gradients).norm().item()
            return go()

        monkeypatch.setattr(optimizer, "step", step)
    assert study.learn(0, 1.0)["loss"] > 100
    assert norms["transform"] == pytest.approx(2, rel=1e-3) and norms["normalization"] <= 0.5 * (1 + 1e-3)


def test_the_cases_begin_where_the_common_start_ended(small_codec):
    start = small_codec()
    for step in range(3):
        start.learn(step, 0.2)
    parent = start.weights()
    image = start.held_out[0]
    with torch.no_grad():
        expected = start.average.decode(start.average.encode(image))
        one = small_codec(case="normalized", parent=parent)
        coarse = small_codec(case="normalized", parent=parent, gamma=40000)
        two = small_codec(case="steps", parent=parent)
        torch.testing.assert_close(two.net.decode(two.net.encode(image)), expected, rtol=0, atol=1e-2)
        for study in (one, coarse):
            assert (study.net.decode(study.net.encode(image)) - expected).abs().mean() < 1
        torch.testing.assert_close(2 * coarse.net.encode(image), one.net.encode(image), rtol=1e-3, atol=1e-3)
    assert isinstance(two.net.steps, torch.nn.Parameter) and (two.net.steps == 1).all()
    before = two.net.steps.detach().clone()
    two.learn(0, 1.0)
    assert not torch.equal(two.net.steps, before)


def test_all_but_the_common_start_are_stored_with_the_coder_s_tables(small_codec):
    start = small_codec()
    assert not any(name.startswith("tables.") for name in start.weights())
    centred = small_codec(case="steps", parent=start.weights()).weights()
    assert centred["tables.probabilities"].shape == (9, 12, 10) and centred["tables.means"].any()
    assert not small_codec(case="normalized", gamma=24000, parent=start.weights()).weights()["tables.means"].any()
    again = small_codec(case="steps", parent=start.weights())
    again.load_weights(centred)
    torch.testing.assert_close(again.net.state_dict()["encoder.0.weight"], centred["encoder.0.weight"])


def test_photos_too_small_for_the_coder_s_tables_are_refused_before_training(small_codec, monkeypatch):
    start = small_codec().weights()
    monkeypatch.setattr(codec, "EXTRA_SIDE", 10_000)
    with pytest.raises(ValueError, match="smaller than a patch of 10000x10000"):
        small_codec(case="steps", parent=start)
    small_codec()


def test_the_context_model_s_fit_continues_and_saves_bits(tmp_path, few_samples, monkeypatch):
    monkeypatch.setattr(codec_context, "SIDE", 64)
    monkeypatch.setattr(codec_context, "CROPS", 16)
    torch.manual_seed(0)
    net = Autoencoder(128, hidden=(16, 64), normalized=False)
    pieces = photos.training_photos(None, side=64, seed=0)
    block_transform(net, 255 * pieces.batch(0, 8))

    def make(steps=8):
        options = Options(tmp_path / "work", steps=steps)
        return codec_context.CodecContext(options, name="x-context", parent=net.state_dict())

    assert not loop(tmp_path, make()).run(minutes=1e-9)
    assert loop(tmp_path, make()).run()
    log = [float(row["share_of_static"]) for row in rows(tmp_path)]
    assert np.isfinite(log).all()
    stored = load_file(tmp_path / "out" / "x-context.safetensors")
    assert stored["order"].sort().values.equal(torch.arange(128)) and stored["scales"].shape == (9, 128)
    written = card.read("x-context", tmp_path / "out")
    assert written["parameters"] == 96_747 and 0 < written["held_out"]["share_beta_1"] < 3


def test_measuring_counts_rounded_latents_and_the_card_names_the_recipe(small_codec):
    study = small_codec()
    told = study.measure()
    assert set(told) == {"held_out_loss", "psnr", "rate"} and 15 < told["psnr"] < 60 and 0 < told["rate"] < 8
    facts = study.facts(False)
    assert facts["parameters"] == sum(p.numel() for p in Autoencoder(12, hidden=(16, 64), normalized=False).parameters())
    assert facts["recipe"]["gamma"] == 10000 and facts["data"][0]["licence"]
    assert "three logistics" in facts["recipe"]["density"]


def test_the_list_holds_the_eight_networks_and_their_start():
    names = list(studies.STUDIES)
    codecs = ["codec-start", *(f"codec-{gamma}" for gamma in studies.GAMMAS), "codec-steps", "codec-10000-context"]
    assert names[names.index("codec-start") :][:10] == codecs
    # Each stands behind what it begins from.
    assert all(entry.after is None or names.index(entry.after) < names.index(name) for name, entry in studies.STUDIES.items())


def test_every_study_has_a_group_whose_name_is_no_study():
    assert not studies.groups().keys() & studies.STUDIES.keys()
    assert [name for names in studies.groups().values() for name in names] == list(studies.STUDIES)
    assert studies.groups()["codec"][0] == "codec-start"
