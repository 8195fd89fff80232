"""Controlled changes: what each does, their common error, and images on a sphere around a photo."""

import math

import numpy as np
import pytest
import torch
from skimage import data
from skimage.transform import rotate

from kryptonlib import images
from kryptonlib.gaussian import gaussian_blur
from kryptonlib.losses import distortions, errors

PHOTO = torch.from_numpy(data.astronaut()[20:68, 180:244].astype(np.float32) / 255).permute(2, 0, 1)[None]
each = pytest.mark.parametrize("name", distortions.DISTORTIONS)


def mse(x):
    return float((x - PHOTO).square().mean())


@each
def test_nothing_happens_at_strength_0(name):
    changed = distortions.distort(PHOTO, name, 0.0)
    if name == "JPEG":  # of quality 100, which still rounds and halves the resolution of colours
        assert mse(changed) < 1e-4
    else:
        torch.testing.assert_close(changed, PHOTO, atol=1e-5, rtol=0)


@each
def test_the_error_grows_with_the_strength_and_the_image_stays_one(name):
    strongest = distortions.DISTORTIONS[name].strongest
    changed = [distortions.distort(PHOTO, name, share * strongest) for share in (0.1, 0.3, 0.9)]
    assert all(image.shape == PHOTO.shape and 0 <= image.min() and image.max() <= 1 for image in changed)
    assert 0 < mse(changed[0]) < mse(changed[1]) < mse(changed[2])
    assert distortions.DISTORTIONS[name].told(1.5).count("1.5") == 1


def test_changes_by_other_means():
    distort = distortions.distort
    shifted = distort(PHOTO, "shift", 2.0)
    torch.testing.assert_close(shifted[..., 2:], PHOTO[..., :-2], atol=1e-5, rtol=0)
    torch.testing.assert_close(shifted[..., :2], PHOTO[..., 1:3].flip(-1), atol=1e-5, rtol=0)
    turned = rotate(images.from_tensor(PHOTO), -5, order=3, mode="reflect")[10:-10, 10:-10]
    ours = images.from_tensor(distort(PHOTO, "rotation", 5.0))[10:-10, 10:-10]
    # Two cubic kernels, so not equal; the other direction is far off.
    wrong = rotate(images.from_tensor(PHOTO), 5, order=3, mode="reflect")[10:-10, 10:-10]
    assert np.abs(ours - turned).mean() < 0.01 < 0.05 < np.abs(ours - wrong).mean()
    blurred = gaussian_blur(PHOTO, 1.5, reach=6, border="reflect")
    torch.testing.assert_close(distort(PHOTO, "blur", 1.5), blurred, atol=1e-5, rtol=0)
    torch.testing.assert_close(distort(PHOTO, "brightness", 20.0), (PHOTO + 20 / 255).clamp(0, 1))
    mean = PHOTO.mean((2, 3), keepdim=True)
    torch.testing.assert_close(distort(PHOTO, "contrast", 25.0), mean + 0.75 * (PHOTO - mean))


def test_random_changes_keep_their_pattern():
    grey = torch.full((1, 3, 64, 64), 0.5)
    weak, strong = (distortions.distort(grey, "noise", level) - 0.5 for level in (5.0, 10.0))
    torch.testing.assert_close(2 * weak, strong, atol=1e-5, rtol=0)
    assert float(weak.std()) == pytest.approx(5 / 255, rel=0.05)
    few, many = (distortions.distort(grey, "impulses", share) != 0.5 for share in (2.0, 10.0))
    assert bool((many | ~few).all()) and float(many.float().mean()) == pytest.approx(0.1, rel=0.2)
    spots = distortions.distort(grey, "impulses", 10.0)[:, :, many[0, 0]]
    assert set(spots.unique().tolist()) == {0.0, 1.0} and bool((spots == spots[:, :1]).all())


def test_hue_turns_the_colours_and_leaves_luma():
    muted = 0.5 + 0.3 * (PHOTO - 0.5)  # so that nothing is cut off
    turned = distortions.distort(muted, "hue", 90.0)
    torch.testing.assert_close(images.luma(turned), images.luma(muted), atol=1e-5, rtol=0)
    (_, blue, red), (_, new_blue, new_red) = (images.ycbcr(image).split(1, 1) for image in (muted, turned))
    torch.testing.assert_close(new_blue - 0.5, 0.5 - red, atol=1e-5, rtol=0)
    torch.testing.assert_close(new_red, blue, atol=1e-5, rtol=0)


def test_a_hole_is_flat_and_cuts_pixels():
    side = 25.0 / 100 * 48
    changed = distortions.distort(PHOTO, "hole", 25.0)
    inside = (changed - PHOTO.mean((2, 3), keepdim=True)).abs().amax(1)[0] < 1e-6
    assert int(inside.sum()) == side**2 and bool(inside[18:30, 26:38].all())
    assert mse(distortions.distort(PHOTO, "hole", 25.5)) > mse(changed)


def test_a_quality_between_two_mixes_their_images():
    images_at = [distortions.distort(PHOTO, "JPEG", strength) for strength in (90.0, 90.25, 91.0)]
    torch.testing.assert_close(images_at[1], 0.75 * images_at[0] + 0.25 * images_at[2], atol=1e-6, rtol=0)


@each
def test_changes_are_matched_to_an_error(name):
    strength, changed = distortions.matched(PHOTO, name, 0.002)
    # Impulses are whole pixels, each of which has its share.
    assert mse(changed) == pytest.approx(0.002, abs=1 / 48 / 64 if name == "impulses" else 2e-6)
    torch.testing.assert_close(changed, distortions.distort(PHOTO, name, strength))


def test_all_changes_share_the_error_of_one():
    changed, strengths, error = distortions.all_matched(PHOTO, "blur", 1.0)
    assert error == pytest.approx(mse(distortions.distort(PHOTO, "blur", 1.0)))
    assert changed.shape == (10, 3, 48, 64) and strengths[2] == pytest.approx(1.0, abs=0.01)
    for image in changed:
        assert mse(image[None]) == pytest.approx(error, abs=1 / 48 / 64)


def test_images_on_the_sphere():
    start = PHOTO + 0.01 * torch.randn(PHOTO.shape, generator=torch.Generator().manual_seed(0))
    for error in (1e-4, 0.008, 0.03):
        found = distortions.with_error(start, PHOTO, error)
        assert mse(found) == pytest.approx(error, rel=5e-3) and 0 <= found.min() and found.max() <= 1
    inside = 0.4 + 0.2 * PHOTO  # nothing is cut there, and the image stays on its line
    found = distortions.with_error(inside + 0.1, inside, 0.0025)
    torch.testing.assert_close(found, inside + 0.05)


def test_bands_and_repeats_by_hand():
    random = torch.randn(4, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    for period in (2, 3, 4):
        assert errors.repeating(random, period) == pytest.approx(1, abs=0.35)
    tile = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    grid = tile.repeat(1, 1, 24, 24)
    assert errors.repeating(grid, 4) == pytest.approx(24 * 24 * 16 / 15, rel=1e-4)
    assert errors.repeating(grid, 3) < 1 and errors.repeating(grid + 5.0, 4) == pytest.approx(614.4, rel=1e-3)
    coarse, fine = errors.bands(random)
    assert math.hypot(coarse, fine) == pytest.approx(float(random.square().mean().sqrt()), rel=0.05)
    assert fine > 5 * coarse
    assert errors.bands(torch.full((1, 1, 9, 9), -0.25)) == pytest.approx((0.25, 0.0), abs=1e-6)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: distortions.distort(PHOTO, "sharpen", 1.0), ValueError, "distortion"),
        (lambda: distortions.distort(PHOTO, "shift", 9.0), ValueError, "from 0 to 8, got 9"),
        (lambda: distortions.distort(PHOTO, "blur", -1.0), ValueError, "from 0 to 8"),
        (lambda: distortions.distort(PHOTO[:, :1], "blur", 1.0), ValueError, "3 channel"),
        (lambda: distortions.distort(torch.cat([PHOTO, PHOTO]), "blur", 1.0), ValueError, "one image"),
        (lambda: distortions.distort(255 * PHOTO, "blur", 1.0), ValueError, "expected 0 to 1"),
        (lambda: distortions.distort(PHOTO.numpy(), "blur", 1.0), TypeError, "tensor"),
        (lambda: distortions.matched(PHOTO, "contrast", 0.9), ValueError, "has mean squared errors up to"),
        (lambda: distortions.matched(PHOTO, "contrast", 0.0), ValueError, "got error=0.0"),
        (lambda: distortions.with_error(PHOTO, PHOTO, 0.1), ValueError, "differs from y"),
        (lambda: distortions.with_error(PHOTO + 0.1, PHOTO, 0.0), ValueError, "error above 0"),
        (lambda: distortions.with_error(PHOTO[..., 1:], PHOTO, 0.1), ValueError, "differ in shape"),
        (lambda: errors.repeating(PHOTO, 1), ValueError, "whole number from 2"),
        (lambda: errors.repeating(PHOTO, 25), ValueError, "half a side"),
        (lambda: errors.repeating(torch.ones(1, 1, 8, 8), 2), ValueError, "nothing repeats"),
    ],
)
def test_bad_input_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
