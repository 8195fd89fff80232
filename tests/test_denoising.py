"""The denoising studies: what is given and wanted, which losses there are, and how their rates are chosen."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from resumed_step import check_a_step_is_saved_and_resumed

from kryptonlib import losses, restoration, store
from kryptonlib.small_weights import read_small
from kryptonlib.training import card, denoising, restoring, studies
from kryptonlib.training.loop import Loop
from kryptonlib.training.photos import TrainingPhotos
from kryptonlib.training.rate_sweep import RateSweep
from kryptonlib.training.study import Options

ROOT = Path(__file__).resolve().parents[1]


class Photos:
    """Patches of three constant colours, told apart by their level."""

    def batch(self, step, count):
        levels = torch.tensor([0.2, 0.5, 0.8]).view(1, 3, 1, 1)
        return levels.expand(count, 3, denoising.SIDE, denoising.SIDE).clone()

    def fingerprint(self):
        return "a" * 64


@pytest.fixture(scope="module")
def photos():
    texture = torch.rand(1, 3, 180, 200, generator=torch.Generator().manual_seed(5))
    return TrainingPhotos(Photos(), None, [texture], [{"name": "levels", "licence": "none"}])


def study(photos, loss="l2", seed=0, **more):
    parent = restoration.build(denoising.NETWORK).state_dict()
    settings = {"name": "denoise-x", "steps": 6, "rate": 1e-4, "photos": photos, "parent": parent, **more}
    return denoising.Denoising(Options(None, seed=seed), loss=loss, **settings)


def test_pairs_are_noise_of_every_strength_on_colours_in_every_order(photos):
    made = study(photos)
    deviations, orders = [], set()
    for step in range(60):
        given, wanted = made.pairs(step)
        assert given.shape == wanted.shape == (4, 3, 64, 64)
        deviations += (given - wanted).std((1, 2, 3)).tolist()
        orders |= {tuple((10 * colours[:, 0, 0]).round().int().tolist()) for colours in wanted}
    assert orders == {(2, 5, 8), (2, 8, 5), (5, 2, 8), (5, 8, 2), (8, 2, 5), (8, 5, 2)}
    # Uniform in [0, 40/255]: mean 20/255, deviation 40/255 / sqrt(12); 240 draws.
    assert np.mean(deviations) == pytest.approx(20 / 255, abs=3 * 40 / 255 / 12**0.5 / 240**0.5)
    assert max(deviations) < 41 / 255 and min(deviations) < 2 / 255
    assert min(given.min() for given, _ in [made.pairs(n) for n in range(9)]) < 0


def test_pairs_depend_on_seed_and_number_alone_and_go_on_after_the_start(photos):
    one, same, other = study(photos), study(photos, "flip"), study(photos, seed=1)
    later = study(photos, first=7)
    assert torch.equal(one.pairs(9)[0], same.pairs(9)[0])
    assert not torch.equal(one.pairs(9)[0], other.pairs(9)[0])
    assert torch.equal(later.pairs(2)[0], one.pairs(9)[0])
    assert torch.equal(one.pairs(-3)[0], one.pairs(-3)[0])


def test_photos_held_out_have_the_noise_that_is_tested(photos):
    ((given, wanted),) = study(photos).held_out()
    assert given.shape == (1, 3, 176, 176)
    assert (given - wanted).std().item() == pytest.approx(25 / 255, rel=0.02)


@pytest.mark.parametrize("loss", denoising.LOSSES)
def test_every_loss_trains_and_is_what_its_name_says(photos, loss):
    made = study(photos, loss)
    torch.manual_seed(0)
    y = torch.rand(2, 3, 64, 64)
    x = (y + 0.1 * torch.randn(y.shape)).requires_grad_()
    by_hand = {
        "l1": lambda: (x - y).abs().mean(),
        "l2": lambda: (x - y).square().mean(),
        "msssim": lambda: 1 - losses.ms_ssim(x, y, data_range=1.0, scales=3),
        "lpips": lambda: losses.lpips(x, y) + 20 * (x - y).square().mean(),
        "flip": lambda: losses.flip(x, y, softened=True),
        "adaptive": lambda: losses.Adaptive(3, alpha=1.0, c=0.03)(x, y),
        "l1-msssim": lambda: 0.84 * (1 - losses.ms_ssim(x, y, data_range=1.0, scales=3)) + 0.16 * (x - y).abs().mean(),
    }
    assert torch.allclose(made.loss(x, y), by_hand[loss](), rtol=1e-5)
    (gradient,) = torch.autograd.grad(made.loss(x, y), x)
    assert torch.isfinite(gradient).all() and gradient.abs().max() > 0
    before = {name: value.clone() for name, value in made.weights().items()}
    told = made.learn(0, 1.0)
    assert np.isfinite(told["loss"])
    assert any(not torch.equal(before[name], value) for name, value in made.weights().items())


def test_a_study_ends_with_a_checkpoint_that_restoration_loads(photos, tmp_path):
    made = study(photos, steps=3)
    Loop(made, Options(tmp_path / "work"), tmp_path / "out").run()
    written = card.read("denoise-x", tmp_path / "out")
    assert written["restores"] == denoising.NETWORK and written["recipe"]["loss"] == "l2"
    assert {"held_out_loss", *denoising.METRICS} == written["held_out"].keys()
    assert (tmp_path / "out" / "denoise-x.safetensors").stat().st_size < 1e6
    assert restoration.load("denoise-x", folder=tmp_path / "out")(np.full((20, 30, 3), 0.5)).shape == (20, 30, 3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_step_on_cuda_is_saved_and_resumed(photos, tmp_path):
    def on_cuda():
        options = Options(tmp_path, device=torch.device("cuda"))
        parent = restoration.build(denoising.NETWORK).state_dict()
        settings = {"loss": "adaptive", "steps": 6, "rate": 1e-4, "parent": parent}
        return denoising.Denoising(options, name="cuda-test", photos=photos, **settings)

    check_a_step_is_saved_and_resumed(on_cuda, tmp_path)


def test_the_notebook_says_what_the_cards_say():
    """Numbers that stand in its text, since nothing has run when the first screen is read."""
    cells = json.loads((ROOT / "notebooks" / "11_denoising_with_six_losses.ipynb").read_text(encoding="utf-8"))["cells"]
    start, own = store.read_card("denoise-start"), store.read_card("denoise-l2")
    folder = next(one["name"] for one in own["data"] if "folder" in one["name"])
    screen, without = (" ".join("".join(cells[n]["source"]).split()) for n in (0, 31))
    side = own["recipe"]["side"]
    steps = f"{start['step']:,} steps of a common start and {own['step']:,} of each loss"
    photos = f"{len(own['data']) - 1} wallpapers and {folder.split()[0]} photos of BSDS500"
    assert steps in screen and photos in screen and f"{side}×{side}" in screen and start["recipe"]["side"] == side
    seconds = [store.read_card(f"denoise-{loss}")["training_seconds"] for loss in denoising.LOSSES]
    assert "one to two minutes a loss" in screen and 59 < min(seconds) and max(seconds) < 130
    assert f"{own['step']:,} steps plus its share, a seventh, of the start's {start['step']:,}" in without
    scratch = store.read_card("denoise-l2-scratch")
    assert scratch["step"] == own["step"] + round(start["step"] / len(denoising.LOSSES))


# The sweep.


class Bowl(restoring.Restoring):
    """One weight that is drawn to 1; of three rates one is too small and one too large."""

    def __init__(self, options, kind, rate, length):
        self.target = {"one": 1.0, "two": 2.0}[kind]
        network = {"network": "unet", "channels": 1, "levels": [1]}
        super().__init__(options, name="bowl", network=network, steps=length, rate=rate)

    def pairs(self, step):
        return torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), self.target)

    def loss(self, restored, wanted):
        return (restored - wanted).square().mean()

    def held_out(self):
        return [self.pairs(0)]

    def scores(self, restored, wanted):
        return {}

    def about(self):
        return {}


def sweep(folder, length=12):
    options = Options(folder / "work")
    return RateSweep(
        options,
        name="rates",
        make=lambda kind, rate: Bowl(options, kind, rate, length),
        kinds=("one", "two"),
        rates=(1e-4, 0.1, 30.0),
        length=length,
        about={"what": "a sweep", "data": []},
    )


def test_the_sweep_takes_the_rate_whose_held_out_loss_is_least(tmp_path):
    """Against each candidate trained by itself in the ordinary loop."""
    options = Options(tmp_path / "work")
    Loop(sweep(tmp_path), options, tmp_path / "out").run()
    written = card.read("rates", tmp_path / "out")
    assert written["chosen"] == {"one": 0.1, "two": 0.1} and written["steps_of_a_candidate"] == 12
    for kind in ("one", "two"):
        for rate in (1e-4, 0.1, 30.0):
            alone = Bowl(options, kind, rate, 12)
            Loop(alone, Options(tmp_path / f"{kind}{rate}"), tmp_path / "alone", fresh=True).run()
            assert written["held_out_loss"][kind][f"{rate:g}"] == alone.measure()["held_out_loss"]


def test_a_stopped_sweep_goes_on_in_the_middle_of_a_candidate(tmp_path):
    Loop(sweep(tmp_path), Options(tmp_path / "work"), tmp_path / "through").run()
    options = Options(tmp_path / "stopped")
    for _ in range(200):
        loop = Loop(sweep(tmp_path), options, tmp_path / "out")
        if loop.run(minutes=1e-9):
            break
    found, expected = (card.read("rates", tmp_path / name) for name in ("out", "through"))
    assert found["held_out_loss"] == expected["held_out_loss"] and "chosen" in found


def test_a_sweep_goes_on_from_its_checkpoint_alone(tmp_path):
    whole = Loop(sweep(tmp_path), Options(tmp_path / "work"), tmp_path / "out")
    whole.run()
    other = sweep(tmp_path)
    other.load_weights(read_small(tmp_path / "out" / "rates.safetensors"))
    assert torch.equal(other.values, whole.study.values) and other.chosen() == whole.study.chosen()


def test_the_group_holds_start_sweep_losses_seeds_and_scratch():
    names = studies.groups()["denoising"]
    assert names[:2] == [denoising.START, denoising.RATES]
    assert {f"denoise-{loss}" for loss in denoising.LOSSES} <= set(names)
    assert {f"denoise-{loss}-seed1" for loss in ("l1", "l2", "msssim", "lpips", "flip", "adaptive")} <= set(names)
    assert sum(name.endswith("-scratch") for name in names) == 2
