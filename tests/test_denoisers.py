"""The X-ray networks: what the paper fixes of them, tiles, the closed-form start, training; the classical rivals."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from kryptonlib import losses, restoration
from kryptonlib.restoration import classical, denoisers, noise, restore
from kryptonlib.training import studies, xrays
from kryptonlib.training.study import Options

NETWORKS = {
    "xbdcnn": {"network": "xbdcnn", "levels": (4, 5, 6)},
    "without NLE": {"network": "xbdcnn", "levels": (4, 5, 6), "estimate": False},
    "dncnn": {"network": "dncnn", "width": 4},
    "recnn": {"network": "recnn", "width": 4},
}


@pytest.fixture(params=NETWORKS)
def network(request):
    torch.manual_seed(3)
    net = restoration.build(NETWORKS[request.param]).eval().requires_grad_(False)
    for parameter in net.parameters():
        parameter += 0.02 * torch.randn_like(parameter)
    return net


SHIPPED = ("xray-bdcnn", "xray-bdcnn-no-nle", "xray-bdcnn-no-ssim", "xray-dncnn", "xray-recnn")


@pytest.mark.long
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks_leave_no_seam_in_a_whole_x_ray(name):
    rows, columns = np.mgrid[:1024, :1024] / 200
    clean = 130 + 70 * np.sin(3 * rows) * np.cos(2 * columns) + 20 * (np.hypot(rows - 2, columns - 3) < 1)
    noisy = noise.hybrid(clean, 0.4, 10.0, seed=0) / 255
    restorer = restoration.load(name)
    whole = restorer(noisy, tile=1024)
    assert np.abs(whole - clean / 255).mean() < 0.25 * np.abs(noisy - clean / 255).mean()
    for tile in (512, 300):
        assert np.abs(restorer(noisy, tile=tile) - whole).max() <= 1e-5


# Architecture.


def convolutions(net):
    return [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]


def test_x_bdcnn_is_built_as_the_paper_says():
    net = denoisers.XBDCNN()
    inside = convolutions(net.noise_level)
    assert [layer.out_channels for layer in inside] == [32, 32, 32, 32, 2]
    own = [layer for layer in convolutions(net) if layer not in inside]
    assert len(own) == 17 and len([m for m in net.modules() if isinstance(m, nn.ConvTranspose2d)]) == 2
    assert all(layer.kernel_size == (3, 3) for layer in convolutions(net))
    assert len(convolutions(denoisers.XBDCNN(estimate=False))) == 17


def test_the_sub_network_adds_its_first_layer_to_its_fourth():
    net = denoisers.NoiseLevel(width=6)
    seen = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    one, two, three, four, five = convolutions(net)
    first = one(seen).relu()
    fourth = four(three(two(first).relu()).relu()).relu()
    torch.testing.assert_close(net(seen), denoisers.LEVEL * five(first + fourth).relu())


def test_dncnn_has_seventeen_layers_and_normalises_all_but_the_ends():
    net = denoisers.DnCNN()
    assert len(convolutions(net)) == 17
    assert len([m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]) == 15


def test_the_two_that_are_compared_most_are_of_like_size_and_fit_their_file():
    sizes = [sum(p.numel() for p in net.parameters()) for net in (denoisers.XBDCNN(), denoisers.DnCNN())]
    assert max(sizes) < 1.15 * min(sizes) and 2 * max(sizes) < 0.6e6


# Any size, tiles, reach.


@pytest.mark.parametrize("size", [(9, 14), (37, 50)])
def test_any_size(network, size):
    restored, maps = network.both(torch.rand(2, 1, *size))
    assert restored.shape == (2, 1, *size)
    assert maps is None or (maps.shape[:2] == (2, 2) and maps.min() >= 0)


def test_tiles_leave_no_seam(network):
    image = torch.rand(1, 1, 233, 310, generator=torch.Generator().manual_seed(1))
    whole = network(image)
    assert (whole - restore.restore_tensor(network, image, 96)).abs().max() <= 1e-5
    assert (whole - image).abs().max() > 1e-2


def test_nothing_beyond_the_reach_counts(network):
    image = torch.rand(1, 1, 8, 2 * network.reach + 64, generator=torch.Generator().manual_seed(2))
    before, middle = network(image), image.shape[3] // 2
    changed = image.clone()
    changed[..., middle : middle + 8] += 2.0
    different = ((network(changed) - before).abs().amax((0, 1, 2)) > 0).nonzero().flatten()
    assert middle - different.min() <= network.reach and different.max() - middle - 7 <= network.reach


def test_the_closed_form_start_is_the_least_squares_solution():
    torch.manual_seed(4)
    net = denoisers.ReCNN(width=3, blocks=1)
    clean = torch.rand(3, 1, 24, 24)
    noisy = clean + 0.1 * torch.randn_like(clean)
    before = losses.l2(net(noisy), clean, data_range=1.0)
    denoisers.start(net, [(noisy, clean)])
    columns = functional.unfold(net.features(noisy)[0], 3, padding=1).transpose(1, 2).flatten(0, 1)
    columns = torch.cat([columns, torch.ones_like(columns[:, :1])], 1).double().detach().numpy()
    wanted = functional.pixel_unshuffle(noisy - clean, 2).flatten(2).transpose(1, 2).flatten(0, 1).double().numpy()
    best = np.square(columns @ np.linalg.lstsq(columns, wanted)[0] - wanted).mean()
    after = losses.l2(net(noisy), clean, data_range=1.0).item()
    assert after < before and after == pytest.approx(best, rel=1e-2) and after >= best * (1 - 1e-5)


def test_layers_of_one_width_begin_near_the_identity():
    torch.manual_seed(5)
    layer = denoisers.convolution(6, 6)
    positive = torch.rand(1, 6, 9, 9)
    identity = torch.zeros_like(layer.weight)
    identity[:, :, 1, 1] = torch.eye(6)
    mixed = (layer.weight - identity).detach().flatten(1) / denoisers.MIXED
    torch.testing.assert_close(mixed @ mixed.T, 2 * torch.eye(6), atol=1e-5, rtol=0)
    assert (layer(positive).relu() - positive).abs().mean() < 0.3
    # Others begin with orthogonal weights alone.
    wide = denoisers.convolution(4, 6).weight.detach().flatten(1)
    torch.testing.assert_close(wide @ wide.T, 2 * torch.eye(6), atol=1e-5, rtol=0)


@pytest.mark.parametrize("network", [{"network": "xbdcnn"}, {"network": "dncnn"}, {"network": "recnn"}])
def test_a_fitted_start_is_a_denoiser_already(network):
    """Before any training each takes away most of the noise of a smooth picture."""
    torch.manual_seed(6)
    net = restoration.build(network)
    rows, columns = torch.meshgrid(torch.linspace(0, 3, 64), torch.linspace(0, 4, 64), indexing="ij")
    clean = (0.5 + 0.3 * torch.sin(rows + torch.arange(12)[:, None, None]) * torch.cos(columns))[:, None]
    pairs = [(noisy, clean) for noisy in (clean + 0.1 * torch.randn_like(clean) for _ in range(3))]
    denoisers.start(net, pairs)
    fresh = clean + 0.1 * torch.randn_like(clean)
    assert losses.l2(net(fresh), clean, data_range=1.0).item() < 0.25 * losses.l2(fresh, clean, data_range=1.0).item()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"network": "xbdcnn", "levels": (4, 5)}, "three numbers"),
        ({"network": "xbdcnn", "levels": (4, 5, 0)}, "at least 1"),
        ({"network": "dncnn", "depth": 2}, "depth must be at least 3"),
        ({"network": "recnn", "width": 0}, "at least 1"),
        ({"network": "dncnn", "sise": 3}, "unexpected keyword"),
    ],
)
def test_networks_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        restoration.build(settings)


# Training.


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two X-rays of each of five people; person p has grey levels of its own, those that leave the rest p by 5."""
    monkeypatch.setattr(xrays, "FIRST", 2)
    random = np.random.default_rng(0)
    for person in range(5):
        for visit in range(2):
            rough = 5 * random.integers(8, 40, (6, 6)) + person
            picture = np.kron(rough, np.ones((30, 30)))
            Image.fromarray(picture.astype(np.uint8)).save(tmp_path / f"{person:08d}_{visit:03d}.png")
    return tmp_path


def test_nobody_is_trained_and_measured_on(folder):
    own = xrays.TrainingXRays(folder, 0)
    assert own.facts()["data"][0]["name"].startswith("6 X-rays of 3 patients")
    trained = {int(level) % 5 for step in range(-3, 12) for level in (255 * own.patches(step, 4)).round().unique()}
    held = {int(level) % 5 for piece in own.held_out for level in (255 * piece).round().unique()}
    assert trained == {1, 2, 3} and held == {0, 4}


@pytest.mark.parametrize("name", studies.XRAYS)
def test_all_studies_see_the_same_and_learn(name, folder, tmp_path):
    study = studies.make(name, Options(tmp_path, data=folder, steps=3))
    noisy, clean, levels = study.pairs(0)
    assert noisy.shape == clean.shape == (4, 1, 64, 64) and levels.shape == (4, 2, 32, 32)
    again = studies.make("xray-recnn", Options(tmp_path, data=folder, seed=study.options.seed)).pairs(0)
    assert torch.equal(noisy, again[0]) and torch.equal(levels, again[2])
    assert not torch.equal(study.pairs(1)[0], noisy)
    eta, sigma = noise.levels_of_maps(levels)
    assert (eta > 0.4).all() and (eta < 1.9).all() and (sigma < 20).all()
    before = [p.clone() for p in study.net.parameters()]
    told = [study.learn(step, 1.0)["loss"] for step in range(3)]
    assert np.isfinite(told).all()
    # Every parameter has a gradient: no part of the network is left out of the loss.
    assert all(not torch.equal(old, new) for old, new in zip(before, study.net.parameters()))
    assert set(study.measure()) >= {"psnr", "ssim"} and study.about()["not_for"] == "diagnosis"


def test_too_few_patients_are_refused(tmp_path):
    for visit in range(2):
        Image.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / f"00000001_{visit:03d}.png")
    with pytest.raises(ValueError, match="1 patient; at least 2, one to measure on"):
        xrays.TrainingXRays(tmp_path, 0)


# Classical methods.

CLEAN = np.kron(np.random.default_rng(5).uniform(0.2, 0.8, (4, 4)), np.ones((20, 20)))
NOISY = CLEAN + np.random.default_rng(6).normal(0, 0.1, CLEAN.shape)


@pytest.mark.parametrize("method", [classical.non_local_means, classical.total_variation, classical.bm3d])
@pytest.mark.parametrize("colours", [(), (3,)])
def test_classical_methods_take_noise_away(method, colours):
    clean = np.broadcast_to(CLEAN.reshape(80, 80, *[1] * len(colours)), (80, 80, *colours))
    noisy = clean + np.random.default_rng(7).normal(0, 0.1, clean.shape)
    restored = method(noisy, 0.1)
    assert restored.shape == noisy.shape and restored.dtype == np.float32
    assert np.square(restored - clean).mean() < 0.15 * np.square(noisy - clean).mean()


def test_total_variation_reaches_its_minimum():
    """No step towards the clean, the noisy or a smoother image lowers the functional."""

    def value(image):
        rows, columns = np.diff(image, axis=0, append=image[-1:]), np.diff(image, axis=1, append=image[:, -1:])
        # Chambolle's functional as scikit-image scales it: half the squared distance, the weight times the variation.
        return 0.5 * np.square(image - NOISY).sum() + 0.08 * np.hypot(rows, columns).sum()

    found = classical.total_variation(NOISY, 0.1, strength=0.8).astype(np.float64)
    for other in (CLEAN, NOISY, np.full_like(NOISY, NOISY.mean())):
        assert value(found) < value(found + 0.02 * (other - found)) + 1e-4 * value(found)
    assert value(found) < min(value(CLEAN), value(NOISY))


def test_the_package_bm3d_is_said_to_be_missing_or_works(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(ImportError, match="non-commercial use only"):
        classical.bm3d_package(NOISY, 0.1)

    class Package:
        @staticmethod
        def bm3d(image, sd):
            return image[..., None] * 0 + sd

    monkeypatch.setitem(sys.modules, "bm3d", Package)
    np.testing.assert_allclose(classical.bm3d_package(NOISY, 0.1), np.full(NOISY.shape, 0.1, np.float32))


@pytest.mark.parametrize("method", classical.METHODS.values())
@pytest.mark.parametrize(
    "image, sd, message",
    [
        (NOISY, 0, "sd must be a positive number"),
        (NOISY * 255, 0.1, "divide by white"),
        (NOISY[0], 0.1, "got shape"),
        (NOISY * np.nan, 0.1, "NaN"),
    ],
)
def test_bad_input_is_refused(method, image, sd, message):
    with pytest.raises(ValueError, match=message):
        method(image, sd)


def test_a_strength_must_be_positive():
    with pytest.raises(ValueError, match="strength must be a positive number"):
        classical.non_local_means(NOISY, 0.1, strength=0)
