"""The denoising trial's pieces, noise, logs and equivariance; the panel without a browser."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kryptonlib import restoration
from kryptonlib.restoration import denoising_trial as trial
from kryptonlib.widgets import denoising_panel

CLEAN = np.random.default_rng(0).random((24, 30, 3)).astype(np.float32)
MODELS = {"nothing": lambda noisy: np.clip(noisy, 0, 1), "grey": lambda noisy: np.full_like(noisy, 0.5)}


def test_the_noisy_row_is_that_of_table_61():
    """An unclipped deviation of 25/255: its mean absolute value, its square, and the PSNR of that square."""
    images = [np.zeros((400, 500, 3), np.float32)]
    (noise,) = trial.with_noise(images)
    row = {"l1": np.abs(noise).mean(), "l2": np.square(noise).mean(), "psnr": -10 * np.log10(np.square(noise).mean())}
    for metric, value in row.items():
        # Three deviations of the mean square of 600,000 draws are 0.55 %.
        assert value == pytest.approx(trial.TABLE_61[metric]["noisy"], rel=5.5e-3)


def test_noise_is_the_same_again_and_another_for_every_image_and_seed():
    same, again, other = trial.with_noise([CLEAN, CLEAN]), trial.with_noise([CLEAN, CLEAN]), trial.with_noise([CLEAN], seed=1)
    assert np.array_equal(same[1], again[1]) and not np.array_equal(same[0], same[1])
    assert not np.array_equal(same[0], other[0])


def test_middles():
    image = np.arange(5 * 8.0).reshape(5, 8)
    assert trial.middles([image], 3)[0].tolist() == image[1:4, 2:5].tolist()
    assert trial.middles([image], 6)[0].shape == (5, 6) and trial.middles([image], 0)[0].shape == (5, 8)


def test_every_model_of_the_table_is_one_of_ours_and_has_a_checkpoint_name():
    for row in trial.TABLE_61.values():
        assert set(row) - {"noisy"} <= set(trial.LOSSES.values())
    assert trial.checkpoint("LPIPS + l2") == "denoise-lpips"
    assert trial.checkpoint("l1 + MS-SSIM", "seed1") == "denoise-l1-msssim-seed1"


def test_learning_curve(tmp_path):
    (tmp_path / "x.csv").write_text("step,psnr\n10,20.5\n20,21\n", encoding="utf-8")
    assert trial.learning_curve("x", "psnr", tmp_path) == ([10, 20], [20.5, 21.0])
    with pytest.raises(KeyError, match="no column 'ssim'"):
        trial.learning_curve("x", "ssim", tmp_path)


@torch.no_grad()
def test_pooling_breaks_equivariance_and_a_shift_by_its_stride_does_not():
    torch.manual_seed(0)
    net = restoration.PlainUNet(1, levels=(4, 6)).eval()
    image = torch.rand(1, 1, 60, 60)
    errors = [trial.shift_error(net, image, shift) for shift in range(5)]
    assert errors[0] == 0 and errors[2] < 1e-6 and errors[4] < 1e-6
    assert min(errors[1], errors[3]) > 1e-4
    convolution = restoration.PlainUNet(1, levels=(4,)).eval()
    assert trial.shift_error(convolution, image, 1) < 1e-6
    with pytest.raises(ValueError, match="has no place"):
        trial.shift_error(net, torch.rand(1, 1, 20, 60), 1)


def test_the_panel_shows_both_models_with_their_psnr(monkeypatch):
    monkeypatch.setattr(denoising_panel, "display", lambda box: None)
    shown = denoising_panel.restored(MODELS, CLEAN, 25, ["nothing", "grey"])
    titles = [title.split("\n")[0] for title in shown]
    assert titles == ["clean", "noisy", "nothing", "grey"]
    expected = -10 * np.log10(np.square(0.5 - CLEAN).mean())
    assert f"grey\n{expected:.1f} dB" in shown
    box = denoising_panel.explore(MODELS, CLEAN, "nothing", "grey")
    before = box.picture.value
    assert "Noise of 25/255" in before and f"grey, {expected:.1f} dB" in before
    box.controls["level"].value = 60
    assert "Noise of 60/255" in box.picture.value
    box.controls["first"].value = "grey"
    assert box.picture.value.count("grey, ") == 1
    with pytest.raises(ValueError, match="there is no model 'FLIP'"):
        denoising_panel.render(MODELS, CLEAN, 25, ["FLIP"])
    plt.close("all")
