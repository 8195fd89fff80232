"""FLIP against NVIDIA's own evaluator on photos at several viewing distances, and the thesis's grey variant."""

import sys

import flip_evaluator
import numpy as np
import pytest
import torch
from skimage import color, data

from kryptonlib import losses


def photos(name):
    """A photo and a damaged copy, float32 [H, W, 3] in [0, 1]."""
    y = np.ascontiguousarray(getattr(data, name)()[40:200, 60:240, :3].astype(np.float32) / 255)
    x = np.clip(y + 0.05 * np.random.default_rng(0).standard_normal(y.shape), 0, 1).astype(np.float32)
    x[50:90] = np.roll(x[50:90], 1, axis=1)
    x[100:] *= (1.0, 0.8, 1.0)
    return x, y


def tensor(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None].contiguous()


def official(x, y, ppd):
    error, mean, _ = flip_evaluator.evaluate(y, x, "LDR", applyMagma=False, parameters={"ppd": ppd})
    return error[..., 0], mean


@pytest.mark.parametrize("ppd", [8.0, 30.0, losses.PIXELS_PER_DEGREE, 130.0])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_maps_are_those_of_the_evaluator(name, ppd):
    x, y = photos(name)
    expected, mean = official(x, y, ppd)
    found = losses.flip_map(tensor(x), tensor(y), pixels_per_degree=ppd)
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-4)
    assert losses.flip(tensor(x), tensor(y), pixels_per_degree=ppd).item() == pytest.approx(mean, abs=1e-5)


def by_hand(lightness):
    """FLIP of two flat greys whose L* differs by so much: the distance to the power 0.7, spread over [0, 0.95] up to
    0.4 of the largest power, that of green and blue (41.2761), and over the rest of [0, 1] from there."""
    power, largest = lightness**0.7, 41.2761
    knee = 0.4 * largest
    return 0.95 * power / knee if power < knee else 0.95 + 0.05 * (power - knee) / (largest - knee)


def lightness(luminance):
    return 116 * np.cbrt(luminance) - 16


@pytest.mark.parametrize("dark, bright", [(0.5, 0.6), (0.2, 0.9), (0.0, 1.0)])
def test_flat_greys_by_hand(dark, bright):
    """L* by scikit-image. The evaluator's own mean strays from these by up to 4e-5 with the size of the image."""
    x, y = (torch.full((1, 3, 9, 9), value) for value in (dark, bright))
    levels = [color.rgb2lab(np.full((1, 1, 3), value))[0, 0, 0] for value in (dark, bright)]
    found = losses.flip(x, y).item()
    assert found == pytest.approx(by_hand(levels[1] - levels[0]), abs=1e-5)
    flat = [np.full((64, 64, 3), value, np.float32) for value in (dark, bright)]
    assert found == pytest.approx(official(*flat, losses.PIXELS_PER_DEGREE)[1], abs=5e-5)


def test_green_and_blue_are_as_different_as_can_be():
    x, y = (torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, 9, 9) for colour in ((0.0, 1, 0), (0.0, 0, 1)))
    assert losses.flip(x, y).item() == pytest.approx(1, abs=1e-6)


def test_pixels_per_degree():
    assert losses.pixels_per_degree(0.7, 0.7, 3840) == losses.PIXELS_PER_DEGREE
    assert losses.pixels_per_degree(1.4, 0.7, 1920) == pytest.approx(67.0206, abs=1e-4)


def test_values_outside_are_cut_and_still_have_a_gradient():
    x, y = (tensor(image) for image in photos("coffee"))
    bright = (x + 0.5).requires_grad_()
    value = losses.flip(bright, y)
    assert value.item() == pytest.approx(losses.flip(bright.detach().clamp(0, 1), y).item(), abs=1e-6)
    value.backward()
    assert bright.grad[bright > 1].abs().max() > 0


def test_softened_roots_take_the_pull_from_the_smallest_errors():
    """Slope times pixels, rms, at noise of 0.0001 and 0.1: without softening the smaller error pulls harder."""
    y = tensor(photos("coffee")[1]).clamp(0.1, 0.9)
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(0))

    def pull(size, softened):
        x = (y + size * noise).requires_grad_()
        (gradient,) = torch.autograd.grad(losses.flip(x, y, softened=softened), x)
        return gradient.square().mean().sqrt().item() * y[0, 0].numel()

    plain, softened = ([pull(size, kind) for size in (1e-4, 0.1)] for kind in (False, True))
    assert plain[0] > 3 * plain[1] and softened[0] < 0.5 * softened[1]
    assert softened[1] == pytest.approx(plain[1], rel=0.05)
    assert abs(losses.flip(y, y, softened=True).item()) < 1e-6


def test_the_grey_variant_on_flat_areas_by_hand():
    found = losses.flip_grey(torch.full((1, 1, 9, 9), 0.3), torch.full((1, 1, 9, 9), 0.4)).item()
    assert found == pytest.approx(by_hand(lightness(0.4) - lightness(0.3)), abs=1e-5)


def test_the_grey_variant_is_colour_flip_without_points(monkeypatch):
    """Linear grey given as an sRGB photo to the colour version: the same, once its point detector finds edges too."""
    x, y = (color.rgb2gray(image).astype(np.float32) for image in photos("coffee"))
    linear = [tensor(image[..., None]) for image in (x, y)]
    curved = [1.055 * image.clamp(min=0.003) ** (1 / 2.4) - 0.055 for image in linear]
    photo = [
        torch.where(image > 0.0031308, high, 12.92 * image).expand(-1, 3, -1, -1) for image, high in zip(linear, curved)
    ]
    grey, whole = losses.flip_grey_map(*linear), losses.flip_map(*photo)
    assert (whole > grey - 1e-4).all() and (whole > grey + 0.01).any()
    room = sys.modules["kryptonlib.losses.flip"]
    monkeypatch.setattr(room, "_point", room._edge)
    torch.testing.assert_close(grey, losses.flip_map(*photo), rtol=0, atol=1e-4)


def test_the_grey_variant_misses_points_but_not_edges():
    y = torch.full((1, 1, 41, 41), 0.5)
    dot, edge = y.clone(), y.clone()
    dot[..., 20, 20] = 0.8
    edge[..., 20:] = 0.8
    photo = [losses.flip_map(*(image.expand(-1, 3, -1, -1) for image in (x, y))) for x in (dot, edge)]
    as_photo = [error[0, 0, 20, 20].item() for error in photo]
    grey = [losses.flip_grey_map(x, y)[0, 0, 20, 20].item() for x in (dot, edge)]
    # At the centre of a dot the first derivative is 0, so that only its blurred difference in lightness is left.
    assert grey[0] < 0.5 * as_photo[0]
    assert grey[1] > 0.5 * as_photo[1]


def test_one_channel_is_refused_with_both_ways_out():
    with pytest.raises(ValueError, match="expand.*flip_grey"):
        losses.flip(torch.ones(1, 1, 9, 9), torch.ones(1, 1, 9, 9))
    with pytest.raises(ValueError, match="1 channel"):
        losses.flip_grey(torch.ones(1, 3, 9, 9), torch.ones(1, 3, 9, 9))
