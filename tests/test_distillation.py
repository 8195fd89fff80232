"""Distillation: what is drawn and learnt from, that a stopped run loses nothing, and what lies in the checkpoints."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from safetensors.torch import load_file

from kryptonlib import occlusion, samples, small_weights, store, zoo
from kryptonlib.training import agreement, card, distillation, studies
from kryptonlib.training import distillation_pool as pool_maker
from kryptonlib.training.loop import Loop
from kryptonlib.training.study import Options

CARDS = sorted(store.CHECKPOINTS.glob("*-distilled.json"))
CARD_NAMES = [file.stem for file in CARDS]
READY = [pytest.param(name, marks=pytest.mark.optional(name)) for name in CARD_NAMES]
"""Networks that can be loaded; one whose trunk is optional is skipped where that was not fetched."""


@pytest.fixture
def photos(tmp_path):
    """A folder with two small photos of the reader's own."""
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    cat = Image.fromarray(np.round(samples.load("chelsea").image * 255).astype(np.uint8))
    cat.crop((100, 40, 260, 170)).save(folder / "cat.png")
    cat.crop((10, 10, 110, 140)).save(folder / "below" / "ear.JPG")
    return folder


@pytest.fixture
def make(tmp_path, photos, monkeypatch):
    """Loops on little: two photos, four crops, one held-out photo of each split; one thread computes."""
    every = pool_maker.sample_photos
    monkeypatch.setattr(distillation, "sample_photos", lambda *splits: every(*splits)[:1])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def call(work, student="resnet18", steps=4, data=photos, seed=0, **changed):
        options = Options(tmp_path / work, data, torch.device("cpu"), seed, steps)
        recipe = replace(distillation.RECIPES[student], **{"crops": 4, "batch": 2, "held_out": 1, **changed})
        return Loop(distillation.Distillation(options, student, recipe), options, tmp_path / work / "out")

    yield call
    torch.set_num_threads(threads)


# The study.


def test_a_stopped_run_continues_to_the_same_weights(make, tmp_path):
    assert make("through").run()
    stopped = make("stopped")
    # A budget that the first step uses up; the last steps are then another process's in all but name.
    assert not stopped.run(minutes=1e-9) and stopped.step == 1
    assert make("stopped").run()
    through, stopped = (load_file(tmp_path / work / "out" / "resnet18-distilled.safetensors")
                        for work in ("through", "stopped"))  # fmt: skip
    assert through.keys() == stopped.keys()
    assert all(torch.equal(through[name], stopped[name]) for name in through)
    fresh = zoo.distilled.resnet18().state_dict()
    assert through["bn1.num_batches_tracked"] == 4
    assert not torch.equal(through["bn1.running_mean"], fresh["bn1.running_mean"])
    log = (tmp_path / "stopped" / "log.csv").read_text(encoding="utf-8").splitlines()
    assert log[0].split(",")[:4] == ["step", "seconds", "side", "loss"]
    assert [row.split(",")[0] for row in log[1:]] == ["1", "2", "3", "4"]
    assert [row.split(",")[2] for row in log[1:]] == ["80", "80", "80", "128"]


def test_the_card_tells_what_was_done_and_the_zoo_loads_the_weights(make, tmp_path, monkeypatch):
    assert make("work", steps=2, seed=3).run()
    folder = tmp_path / "work" / "out"
    written = card.read("resnet18-distilled", folder)
    assert [photo["name"] for photo in written["data"]] == ["below/ear.JPG", "cat.png"]
    assert written["command"] == "python -m kryptonlib train resnet18-distilled --data FOLDER"
    assert (written["step"], written["seed"], written["finished"]) == (2, 3, True)
    assert str(tmp_path) not in json.dumps(written)
    assert written["file"]["sha256"] == store.sha256(folder / "resnet18-distilled.safetensors")
    monkeypatch.setattr(store, "CHECKPOINTS", folder)
    assert zoo.names()["resnet18-distilled"] == "ready"
    assert zoo.names()["vgg16-distilled"] == "run `python -m kryptonlib train vgg16-distilled`"
    cnn = zoo.load("resnet18-distilled", device="cpu")
    state = torch.load(tmp_path / "work" / "state.pt", weights_only=True)["study"]["module"]
    trained = zoo.distilled.resnet18()
    trained.load_state_dict(state)
    image = cnn.prepare(samples.load("astronaut").image)
    with torch.no_grad():
        difference = (trained.eval()(image) - cnn.module(image)).abs().max()
    assert 0 < difference < 0.02
    assert abs(written["rounding"]["largest_logit_difference"]) < 0.02


INCEPTION = pytest.param("inception_v3", marks=pytest.mark.optional("inception_v3-distilled"))


@pytest.mark.parametrize("student", ["vgg16", INCEPTION])
def test_a_head_is_stored_for_features_that_are_not_standardised(make, tmp_path, monkeypatch, student):
    assert make("work", student, steps=2, bfloat16=False).run()
    monkeypatch.setattr(store, "CHECKPOINTS", tmp_path / "work" / "out")
    cnn = zoo.load(f"{student}-distilled", device="cpu")
    assert [name for name, _ in cnn.module.named_children()] == ["features", "head"]
    head = torch.load(tmp_path / "work" / "state.pt", weights_only=True)["study"]["module"]
    features = torch.from_numpy(np.load(tmp_path / "work" / "features.npy")).float()
    standardised = (features - features.mean(0)) / (features.std(0) + 1e-3)
    expected = standardised @ head["classifier.weight"].T + head["classifier.bias"]
    crops = np.load(tmp_path / "work" / "pool" / "crops.npy")
    # Features are kept as float16, and those whose spread over four crops is small are multiplied by up to 1000.
    torch.testing.assert_close(pool_maker.logits(cnn, crops), expected, rtol=0, atol=0.02)
    # What was stored is what another machine would continue from.
    (tmp_path / "work" / "state.pt").unlink()
    again = make("work", student, steps=3, bfloat16=False)
    assert (again.source, again.step) == ("checkpoint", 2)
    torch.testing.assert_close(again.study.student.module.classifier.weight, head["classifier.weight"], rtol=0, atol=2e-3)


def test_photos_that_cannot_be_used_are_refused_with_the_remedy(make, tmp_path, photos):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="no file there ends in .jpg"):
        make("a", data=empty)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        make("a", data=tmp_path / "missing")
    Image.new("RGB", (200, 63)).save(empty / "flat.png")
    with pytest.raises(ValueError, match="flat.png is 200x63 pixels"):
        make("a", data=empty)
    (empty / "broken.jpg").write_bytes((photos / "cat.png").read_bytes()[:500])
    with pytest.raises(ValueError, match="broken.jpg"):
        make("a", data=empty)


def test_a_state_made_otherwise_is_refused(make):
    assert make("work", steps=2).run()
    with pytest.raises(ValueError, match="another batch"):
        make("work", steps=2, batch=3)
    with pytest.raises(ValueError, match="another choice of seed"):
        make("work", steps=2, seed=1)


# What is learnt from.


def test_crops_depend_on_seed_and_number_alone(photos):
    own = pool_maker.folder_photos(photos)
    crop = pool_maker.draw(own, 5, 17, 48)
    assert crop.shape == (48, 48, 3) and crop.dtype == np.uint8
    assert np.array_equal(crop, pool_maker.draw(own, 5, 17, 48))
    assert not np.array_equal(crop, pool_maker.draw(own, 5, 18, 48))
    assert not np.array_equal(crop, pool_maker.draw(own, 6, 17, 48))


def test_a_stopped_pool_is_completed_to_the_same(photos, tmp_path, monkeypatch):
    own, teacher = pool_maker.folder_photos(photos), zoo.load("efficientnet-lite0", device="cpu")
    monkeypatch.setattr(pool_maker, "CHUNK", 2)
    through = pool_maker.Pool(tmp_path / "through", own, teacher, 5, 64, 0)
    calls = []

    def stop_at_the_third(*arguments):
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return through_logits(*arguments)

    through_logits = pool_maker.logits
    monkeypatch.setattr(pool_maker, "logits", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        pool_maker.Pool(tmp_path / "stopped", own, teacher, 5, 64, 0)
    monkeypatch.setattr(pool_maker, "logits", through_logits)
    stopped = pool_maker.Pool(tmp_path / "stopped", own, teacher, 5, 64, 0)
    assert np.array_equal(through.crops, stopped.crops) and np.array_equal(through.logits, stopped.logits)
    mirrored = pool_maker.logits(teacher, through.crops[:, :, ::-1])
    np.testing.assert_allclose(through.logits[:, 1], mirrored, atol=0.02)
    assert len(np.unique(through.crops.reshape(5, -1), axis=0)) == 5


def test_held_out_photos_are_no_training_photos():
    # Their names alone: most training photos are fetched by `make train` only.
    training = set(samples.names(kind="photo", split="train"))
    held_out = pool_maker.sample_photos("test", "tune")
    assert len(training) == 25 and len(held_out) == 29
    assert {photo.split for photo in held_out} == {"test", "tune"}
    assert training.isdisjoint(photo.name for photo in held_out)
    crops = pool_maker.held_out_crops(held_out[0], 3, 0, 32)
    assert crops.shape == (3, 32, 32, 3)
    assert np.array_equal(crops, pool_maker.held_out_crops(held_out[0], 3, 0, 32))


# The loss and the measure.


def softmax(logits):
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


LOGITS = arrays(np.float64, (2, 3, 4), elements=st.floats(-8, 8))


@given(both=LOGITS, temperature=st.floats(0.5, 8), match=st.floats(0, 2), shift=st.floats(-5, 5))
def test_distillation_loss_is_its_formula(both, temperature, match, shift):
    found, truth = both
    p, q = softmax(truth / temperature), softmax(found / temperature)
    expected = temperature**2 * (p * np.log(p / q)).sum(1).mean()
    centred = (found - found.mean(1, keepdims=True)) - (truth - truth.mean(1, keepdims=True))
    expected += match * np.square(centred).mean()
    tensors = [torch.from_numpy(values) for values in (found, truth)]
    loss = distillation.distillation_loss(*tensors, temperature, match)
    np.testing.assert_allclose(loss, expected, rtol=1e-9, atol=1e-9)
    moved = distillation.distillation_loss(tensors[0] + shift, tensors[1], temperature, match)
    np.testing.assert_allclose(moved, loss, rtol=1e-9, atol=1e-9)
    assert loss >= -1e-12
    assert abs(distillation.distillation_loss(tensors[1], tensors[1], temperature, match)) < 1e-12


def test_distillation_loss_has_the_gradient_of_its_formula():
    found = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    truth = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(lambda values: distillation.distillation_loss(values, truth, 2.0, 0.5), found)


def test_compare_counts_agreement():
    truth = torch.tensor([[9.0, 5, 4, 3, 2, 1, 0], [0.0, 1, 2, 3, 4, 5, 9]])
    assert agreement.compare(truth + 3, truth) == {"top1": 1, "top5": 1, "kl": 0, "correlation": 1}
    # The first row's best class comes sixth, the second row's comes second.
    found = torch.tensor([[1.0, 9, 8, 7, 6, 5, 0], [0.0, 1, 2, 3, 4, 9, 5]])
    result = agreement.compare(found, truth)
    assert result["top1"] == 0 and result["top5"] == 0.5
    p, q = (softmax(values.double().numpy()) for values in (truth, found))
    assert result["kl"] == pytest.approx((p * np.log(p / q)).sum(1).mean(), abs=1e-4)
    correlations = [np.corrcoef(a, b)[0, 1] for a, b in zip(found.numpy(), truth.numpy(), strict=True)]
    assert result["correlation"] == pytest.approx(np.mean(correlations), abs=1e-4)


# Weights stored small.


@given(arrays(np.float32, (3, 2, 2), elements=st.floats(-50, 50, width=32)))
def test_int8_is_within_half_a_step(weight):
    values, scale = small_weights.quantize(torch.from_numpy(weight))
    assert values.dtype == torch.int8 and values.abs().max() <= 127
    error = (small_weights.dequantize(values, scale) - torch.from_numpy(weight)).abs().flatten(1).amax(1)
    assert (error <= 0.5001 * scale + 1e-30).all()


def test_small_weights_round_trip(tmp_path):
    generator = torch.Generator().manual_seed(0)
    state = {"conv.weight": torch.randn(4, 3, 3, 3, generator=generator), "conv.bias": torch.randn(4),
             "bn.running_var": torch.tensor([1e-9, 1e9]), "bn.num_batches_tracked": torch.tensor(7)}  # fmt: skip
    state["conv.weight"][2] = 0
    for int8, bound in ((False, 2**-11 * 4), (True, 4 / 127)):
        small_weights.write_small(state, tmp_path / "net.safetensors", int8=int8)
        back = small_weights.read_small(tmp_path / "net.safetensors")
        assert back.keys() == state.keys()
        assert torch.equal(back["bn.running_var"], state["bn.running_var"]) and back["bn.num_batches_tracked"] == 7
        assert torch.equal(back["conv.bias"], state["conv.bias"].half().float())
        assert 0 < (back["conv.weight"] - state["conv.weight"]).abs().max() < bound
        assert back["conv.weight"].dtype == torch.float32 and not back["conv.weight"][2].any()
    stored = load_file(tmp_path / "net.safetensors")
    assert stored["conv.weight"].dtype == torch.int8 and stored["conv.bias"].dtype == torch.float16


@pytest.mark.parametrize("value, message", [(float("nan"), "NaN or infinite"), (7e4, "65504")])
def test_weights_that_cannot_be_stored_are_refused(tmp_path, value, message):
    with pytest.raises(ValueError, match=f"fc.bias: .*{message}"):
        small_weights.write_small({"fc.bias": torch.tensor([1.0, value])}, tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())


# The checkpoints of this repository.


def read_card(name):
    return json.loads((store.CHECKPOINTS / f"{name}.json").read_text(encoding="utf-8"))


def test_every_checkpoint_has_its_card():
    assert {"vgg16-distilled", "resnet18-distilled", "inception_v3-distilled"} <= set(CARD_NAMES)
    assert CARD_NAMES == sorted(file.stem for file in store.CHECKPOINTS.glob("*-distilled.safetensors"))


@pytest.mark.parametrize("name", CARD_NAMES)
def test_cards_are_complete_and_agree_with_their_files(name):
    card, file = read_card(name), store.checkpoint(name)
    assert card["name"] == name and card["file"]["name"] == file.name
    assert card["file"]["bytes"] == file.stat().st_size <= 30_000_000
    assert card["file"]["sha256"] == store.sha256(file)
    for key in ("what", "command", "recipe", "step", "seed", "finished", "runs", "training_seconds"):
        assert card[key] or card[key] == 0, key
    assert [photo["name"] for photo in card["data"]] == samples.names(kind="photo", split="train")
    assert all(photo["licence"] == samples.CATALOGUE[photo["name"]].licence for photo in card["data"])
    assert card["teacher"]["sha256"] == store.sha256(store.path("weights/efficientnet-lite0.safetensors"))
    assert card["command"] == f"python -m kryptonlib train {name}" and name in studies.STUDIES
    recipe = distillation.RECIPES[name.removesuffix("-distilled")]
    assert (recipe.steps, recipe.batch, recipe.crops) == (card["step"], card["recipe"]["batch"], card["recipe"]["crops"])
    assert recipe.bfloat16 == card["recipe"]["bfloat16"] and recipe.held_out == card["recipe"]["held_out"] == 20
    assert 0 < card["rounding"]["largest_logit_difference"] < 0.05 and card["rounding"]["photos"] == 29
    for split, count in (("test", 19), ("tune", 10)):
        assert card["agreement"][split]["photos"] == count
        assert card["agreement"][split]["crops"]["count"] == 20 * count
    assert card["agreement"]["train"]["photos"] == 25 and "labels" not in card["agreement"]["train"]


@pytest.mark.parametrize("name", READY)
def test_stored_networks_answer_and_the_engine_knows_their_layers(name):
    cnn, card = zoo.load(name, device="cpu"), read_card(name)
    assert ("trunk" in card) == hasattr(cnn.module, "features")
    if "trunk" in card:
        assert card["trunk"]["sha256"] == store.sha256(store.path(card["trunk"]["name"]))
    side = 299 if "inception" in name else 224
    assert cnn.name == name and cnn.input_size == (side, side) and len(cnn.class_names) == 1000
    assert not any(parameter.requires_grad or parameter.is_meta for parameter in cnn.module.parameters())
    image = samples.load("china").image
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exact, full = (
            occlusion.heatmap(cnn, image, patch=64, stride=80, method=method).values for method in ("exact", "full")
        )
    np.testing.assert_allclose(exact, full, rtol=1e-4, atol=1e-6)
    assert np.ptp(full) > 1e-4


@pytest.mark.long
@pytest.mark.parametrize("name", READY)
def test_stated_agreement_is_what_the_stored_network_has(name):
    card = read_card(name)
    cnn, teacher = zoo.load(name, device="cpu"), zoo.load("efficientnet-lite0", device="cpu")
    for split in ("test", "tune"):
        photos = pool_maker.sample_photos(split)
        found = agreement.compare(*(agreement.centre_logits(net, photos) for net in (cnn, teacher)))
        assert found == pytest.approx(card["agreement"][split]["centre"], abs=2e-3)
