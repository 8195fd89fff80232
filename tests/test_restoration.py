"""Restoration networks: any size, tiles without seams, names from cards, and refusals that say what was expected."""

import json

import numpy as np
import pytest
import torch

from kryptonlib import restoration
from kryptonlib.restoration import restore, unet
from kryptonlib.small_weights import write_small


def lively(network, seed=0):
    """The network with weights that make every layer count, also those that begin at 0."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return network.eval().requires_grad_(False)


NETWORKS = {
    "unet": lambda: restoration.UNet(3, levels=(6, 8, 10)),
    "unet-grey": lambda: restoration.UNet(1, levels=(6, 8), shuffle=1),
    "plain": lambda: restoration.PlainUNet(3, levels=(6, 8, 10)),
    "plain-without-skips": lambda: restoration.PlainUNet(1, levels=(6, 8, 10), skips=False),
}


@pytest.fixture(params=NETWORKS)
def network(request):
    return lively(NETWORKS[request.param]())


# Shapes and locality.


@pytest.mark.parametrize("size", [(1, 1), (7, 12), (33, 40), (64, 64)])
def test_any_size_keeps_its_size(network, size):
    image = torch.rand(2, network.inputs, *size)
    assert network(image).shape == (2, network.channels, *size)


def test_padding_repeats_the_border_and_is_cut_off(network):
    """By hand: the odd image as the corner of one whose last rows and columns are repeated."""
    image = torch.rand(1, network.inputs, 21, 30)
    columns = torch.cat([image, *[image[..., -1:]] * (-30 % network.multiple)], 3)
    whole = torch.cat([columns, *[columns[..., -1:, :]] * (-21 % network.multiple)], 2)
    assert torch.allclose(network(image), network(whole)[..., :21, :30], atol=1e-6)


def test_nothing_beyond_the_reach_counts_and_the_reach_is_tight(network):
    """Every place of a strip is changed in turn; how far the farthest change of the output is away, brute force."""
    side = 4 * network.reach // network.multiple * network.multiple
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(1, network.inputs, 8, side, generator=generator)
    before, farthest = network(image), 0
    for place in range(side // 2 - network.multiple, side // 2 + network.multiple):
        changed = image.clone()
        changed[..., place] += 3.0
        different = ((network(changed) - before).abs().amax((0, 1, 2)) > 0).nonzero().flatten()
        farthest = max(farthest, place - int(different.min()), int(different.max()) - place)
    assert network.reach - network.multiple < farthest <= network.reach


@pytest.mark.parametrize("size", [(150, 203), (64, 171)])
@pytest.mark.parametrize("tile", [1, 40, 96])
def test_tiles_leave_no_seam(network, size, tile):
    image = torch.rand(1, network.inputs, *size, generator=torch.Generator().manual_seed(2))
    if tile == 1:
        image = image[..., :40, :51]
    whole, tiled = network(image), restore.restore_tensor(network, image, tile)
    assert (whole - tiled).abs().max() <= 1e-5
    assert (whole - image[:, : network.channels]).abs().max() > 1e-2


def test_without_skips_fine_detail_has_no_way_around_the_coarsest_level():
    """A pattern that max-pooling cannot tell from a shifted one is lost without skips, and kept with them."""
    checks = (torch.arange(32)[:, None] + torch.arange(32)) % 2
    patterns = torch.stack([checks, 1 - checks])[:, None].float()
    for skips in (True, False):
        net = lively(restoration.PlainUNet(1, levels=(4, 4), skips=skips))
        # The first layers are the identity on the first map, so that pooling sees the pattern itself.
        for layer in (net.down[0][0], net.down[0][2]):
            layer.weight.data.zero_()
            layer.bias.data.zero_()
            layer.weight.data[:, 0, 1, 1] = 1.0
        one, other = net(patterns)
        assert bool((one - other).abs().max() > 1e-6) == skips


def test_a_new_unet_gives_back_its_image():
    image = torch.rand(1, 3, 20, 20)
    assert torch.equal(restoration.UNet(3)(image), image)


def test_the_recipe_has_the_size_that_the_study_states():
    """By hand: blocks (12, 32), (32, 48), (48, 64), (112, 48), (80, 32), and a last layer of 44 to 12."""
    sizes = [(12, 32), (32, 48), (48, 64), (112, 48), (80, 32)]
    by_hand = sum(9 * i * o + o + 9 * o * o + o for i, o in sizes) + 9 * 44 * 12 + 12
    assert sum(p.numel() for p in restoration.UNet(3).parameters()) == by_hand == 218332


# Whole images.


def test_apply_takes_grey_and_colour_with_either_network():
    colour, grey = lively(restoration.UNet(3, levels=(4, 6))), lively(restoration.UNet(1, levels=(4, 6)))
    image = np.random.default_rng(0).random((19, 22, 3))
    for net in (colour, grey):
        for array in (image, image[..., 0]):
            found = restoration.apply(net, array)
            assert found.shape == array.shape and found.dtype == np.float32
            assert 0 <= found.min() <= found.max() <= 1
    by_channel = np.stack([restoration.apply(grey, image[..., channel]) for channel in range(3)], -1)
    assert np.allclose(restoration.apply(grey, image), by_channel, atol=1e-6)
    three = restoration.apply(colour, np.repeat(image[..., :1], 3, -1))
    assert np.allclose(restoration.apply(colour, image[..., 0]), three.mean(-1), atol=1e-6)


def test_noise_may_leave_the_range_and_is_given_to_the_network_as_it_is():
    image = np.full((16, 16), 1.4)
    net = restoration.UNet(1, levels=(4,))
    assert np.allclose(restoration.apply(net, image), 1.0)
    net.last.bias.data += 0.5
    assert np.allclose(restoration.apply(net, image), 0.9, atol=1e-6)


@pytest.mark.parametrize(
    "image, error, message",
    [
        (np.zeros((4, 4, 2)), ValueError, "expected"),
        (np.full((4, 4), 200.0), ValueError, "divide by the white value"),
        (np.full((4, 4), np.nan), ValueError, "16 values are NaN"),
        (np.zeros((0, 4)), ValueError, "expected"),
        (torch.zeros(4, 4), TypeError, "from_tensor"),
        (np.zeros((4, 4), np.int64), TypeError, "int64"),
    ],
)
def test_apply_refuses_what_is_no_image(image, error, message):
    with pytest.raises(error, match=message):
        restoration.apply(restoration.UNet(1, levels=(4,)), image)


@pytest.mark.parametrize("tile", [0, -8, 2.5, True])
def test_apply_refuses_tiles_that_cannot_be(tile):
    with pytest.raises(ValueError, match="tile must be a whole number"):
        restoration.apply(restoration.UNet(1, levels=(4,)), np.zeros((8, 8)), tile=tile)


@pytest.mark.parametrize("kind", [restoration.UNet, restoration.PlainUNet])
def test_networks_refuse_sizes_and_tensors_that_do_not_fit(kind):
    for arguments, message in (({"levels": ()}, "whole numbers"), ({"channels": 0}, "whole numbers"),
                               ({"channels": 3, "inputs": 2}, "cannot hold")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            kind(**arguments)
    with pytest.raises(ValueError, match=r"got a tensor \(1, 1, 8, 8\), expected \[N, 3, H, W\]"):
        kind(3, levels=(4,))(torch.zeros(1, 1, 8, 8))
    with pytest.raises(ValueError, match="shuffle must be 1 or 2"):
        unet.UNet(3, shuffle=3)


# Names and loading.


def shipped(folder, name, settings):
    folder.mkdir(exist_ok=True)
    net = lively(restoration.build(settings))
    write_small(net.state_dict(), folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps({"name": name, "restores": settings}), encoding="utf-8")
    return net


def test_names_are_the_cards_that_restore_and_load_builds_what_they_name(tmp_path):
    settings = {"network": "plain-unet", "channels": 1, "levels": [4, 6], "skips": False}
    net = shipped(tmp_path, "mri-x", settings)
    shipped(tmp_path, "denoise-x", {"network": "unet", "levels": [4, 6]})
    (tmp_path / "codec-x.json").write_text("{}", encoding="utf-8")
    assert restoration.names(tmp_path) == ["denoise-x", "mri-x"]
    restorer = restoration.load("mri-x", folder=tmp_path)
    image = np.random.default_rng(1).random((13, 18))
    assert np.allclose(restorer(image), restoration.apply(net, image), atol=2e-3)
    assert "mri-x" in repr(restorer) and "parameters" in repr(restorer)
    with pytest.raises(ValueError, match="did you mean denoise-x"):
        restoration.load("denoise", folder=tmp_path)


@pytest.mark.parametrize(
    "settings, message",
    [
        ("unet", "expected a dict"),
        ({"channels": 1}, "expected a dict"),
        ({"network": "u-net"}, "did you mean"),
        ({"network": "unet", "depth": 3}, "unet.*depth"),
    ],
)
def test_build_refuses_unknown_networks_and_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        restoration.build(settings)
