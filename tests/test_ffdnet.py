"""FFDNet's architecture by hand, its refusals, and its values on Set12 where weights and images are here."""

import os

import numpy as np
import pytest
import torch
from torch.nn import functional

from kryptonlib import datasets, restoration, store
from kryptonlib.restoration import restore

SET12 = os.environ.get("KRYPTON_SET12")


def fetched():
    try:
        store.path("ffdnet/ffdnet_weights_rgb.pth")
    except FileNotFoundError:
        return False
    return True


needs_weights = pytest.mark.skipif(not fetched(), reason="python -m kryptonlib data ffdnet")


def random_network(channels, sigma=0.1):
    torch.manual_seed(channels)
    net = restoration.FFDNet(channels, sigma)
    for name, value in net.state_dict().items():
        if "running_var" in name or name.endswith("weight") and value.ndim == 1:
            value.uniform_(0.8, 1.2)
    return net.eval()


@pytest.mark.parametrize("channels", [1, 3])
@torch.no_grad()
def test_it_is_what_the_paper_describes(channels):
    """By hand: the four neighbours picked by slices, the map of the deviation in front, layer after layer."""
    net, image = random_network(channels), torch.rand(1, channels, 10, 14)
    halves = [image[0, c, i::2, j::2] for c in range(channels) for i in (0, 1) for j in (0, 1)]
    value = torch.stack([torch.full((5, 7), 0.1)] * channels + halves)[None]
    state = {name: tensor for name, tensor in net.state_dict().items()}
    places = sorted({int(name.split(".")[1]) for name in state})
    for place in places:
        weight = state[f"layers.{place}.weight"]
        if weight.ndim == 4:
            value = functional.conv2d(value, weight, padding=1)
        else:
            names = ("running_mean", "running_var", "weight", "bias")
            mean, variance, scale, shift = (state[f"layers.{place}.{name}"].view(1, -1, 1, 1) for name in names)
            value = (value - mean) / (variance + 1e-5).sqrt() * scale + shift
        if place != places[-1] and place + 1 not in places:
            value = value.clamp(min=0)
    noise = torch.empty_like(image)
    for number, plane in enumerate(value[0]):
        c, i, j = number // 4, number // 2 % 2, number % 2
        noise[0, c, i::2, j::2] = plane
    assert torch.allclose(net(image), image - noise, atol=1e-5)


@torch.no_grad()
def test_any_size_in_tiles():
    net, image = random_network(3), torch.rand(1, 3, 91, 75)
    assert torch.allclose(net(image), restore.restore_tensor(net, image, 40), atol=1e-5)


@pytest.mark.parametrize("channels, sigma, message", [
    (2, 0.1, "channels must be 1 or 3"), (3, 25, "divide 0..75 by 255"), (1, -0.1, "sigma"), (1, True, "sigma"),
])  # fmt: skip
def test_it_refuses_what_it_was_not_trained_for(channels, sigma, message):
    with pytest.raises(ValueError, match=message):
        restoration.FFDNet(channels, sigma)


def psnr(image, sigma, seed, channels):
    noisy = image + sigma * np.random.default_rng(seed).standard_normal(image.shape)
    restored = restoration.ffdnet(sigma, channels)(noisy)
    return -10 * np.log10(np.square(restored - image).mean())


@needs_weights
@pytest.mark.parametrize("channels", [1, 3])
def test_the_pretrained_network_takes_noise_out(channels):
    from kryptonlib import samples

    image = samples.load("coffee").image[100:228, 200:328].astype(np.float64)
    image = image if channels == 3 else image[..., 0]
    assert psnr(image, 25 / 255, 0, channels) > 30 > 21 > -10 * np.log10((25 / 255) ** 2)


@needs_weights
@pytest.mark.skipif(not SET12, reason="KRYPTON_SET12 names no folder with the 12 images")
@pytest.mark.parametrize("sigma, expected", [(15, 32.76), (25, 30.47), (50, 27.37)])
def test_set12(sigma, expected):
    """Values that other code found with these weights; another draw of the noise moves the mean by some 0.01 dB."""
    images = [record.image for record in datasets.photos(SET12)]
    assert len(images) == 12
    grey = [image if image.ndim == 2 else image[..., 0] for image in images]
    assert np.mean([psnr(image, sigma / 255, seed, 1) for seed, image in enumerate(grey)]) == pytest.approx(expected, abs=0.05)
