"""Hybrid noise against its definition and the paper's table; stabilisation against quadrature; estimates against
truth."""

import numpy as np
import pytest
import torch
from scipy import stats

from kryptonlib.restoration import noise, noise_level, published, stabilisation

GREY = np.tile(np.linspace(5, 250, 256), (256, 1))


def psnr(mean_square):
    return 10 * np.log10(255**2 / mean_square)


# The noise itself.


@pytest.mark.parametrize("eta, sigma", [(0.4, 0.0), (0.4, 15.0), (1.9, 20.0)])
@pytest.mark.parametrize("level", [20.0, 130.0])
def test_mean_and_variance(eta, sigma, level):
    noisy = noise.hybrid(np.full(200_000, level), eta, sigma, seed=1, clip=False).astype(np.float64)
    expected = noise.variance(level, eta, sigma)
    assert abs(noisy.mean() - level) < 5 * np.sqrt(expected / noisy.size)
    assert noisy.var() == pytest.approx(expected, rel=0.03)


def test_without_electronic_noise_values_are_whole_photons_of_a_poisson_distribution():
    photons = noise.hybrid(np.full(100_000, 10.0), 0.4, 0.0, seed=2, clip=False) * 0.4
    np.testing.assert_allclose(photons, photons.round(), atol=1e-4)
    share = np.bincount(photons.round().astype(int), minlength=20)[:20] / photons.size
    np.testing.assert_allclose(share, stats.poisson.pmf(np.arange(20), 4.0), atol=0.006)


def test_seeds_clipping_and_kinds():
    first, again, other = (noise.hybrid(GREY, 0.4, 20.0, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.min() == 0 and first.max() == 255 and first.dtype == np.float32
    free = noise.hybrid(GREY, 0.4, 20.0, seed=3, clip=False)
    assert free.min() < 0 and free.max() > 255
    np.testing.assert_array_equal(np.clip(free, 0, 255), first)
    tensor = noise.hybrid(torch.from_numpy(GREY), 0.4, 20.0, seed=3)
    np.testing.assert_array_equal(tensor.numpy(), first)
    np.testing.assert_array_equal(noise.hybrid(GREY.astype(np.uint8), 1.0, 0.0, seed=3) % 1, 0)


def test_a_level_for_each_image_of_a_batch():
    grey = torch.full((2, 1, 200, 200), 100.0)
    eta, sigma = (torch.tensor(pair).view(2, 1, 1, 1) for pair in ([0.5, 2.0], [0.0, 20.0]))
    noisy = noise.hybrid(grey, eta, sigma, seed=5)
    np.testing.assert_allclose(noisy.var((1, 2, 3)), [200.0, 450.0], rtol=0.05)


def test_correlated_noise_keeps_its_variance_and_neighbours_are_alike():
    flat = np.full((400, 400), 120.0)
    spread = (noise.correlated(flat, 0.5, 10.0, seed=6, clip=False) - flat)[8:-8, 8:-8]
    assert spread.var() == pytest.approx(noise.variance(120.0, 0.5, 10.0), rel=0.06)
    assert np.corrcoef(spread[:, 1:].ravel(), spread[:, :-1].ravel())[0, 1] > 0.5
    white = noise.hybrid(flat, 0.5, 10.0, seed=6) - flat
    assert abs(np.corrcoef(white[:, 1:].ravel(), white[:, :-1].ravel())[0, 1]) < 0.02


def test_quantized():
    np.testing.assert_allclose(np.unique(noise.quantized(GREY, 4)), [0, 85, 170, 255])
    np.testing.assert_array_equal(noise.quantized(GREY, 256), GREY.astype(np.float32).round())


def test_level_maps_and_back():
    eta, sigma = torch.tensor([0.4, 1.9]), torch.tensor([5.0, 20.0])
    maps = noise.level_maps(eta, sigma, (3, 4))
    assert maps.shape == (2, 2, 3, 4)
    for got, true in zip(noise.levels_of_maps(maps), (eta, sigma)):
        np.testing.assert_allclose(got, true, rtol=1e-5)
    # A standard deviation of both: together they give the variance at white.
    np.testing.assert_allclose(
        255**2 * maps[:, :, 0, 0].square().sum(1), noise.variance(255.0, eta, sigma), rtol=1e-5
    )


# What the paper's table says of the noise.


@pytest.fixture(scope="module")
def bell():
    """Grey levels N(146, 55), clipped."""
    return np.clip(np.random.default_rng(0).normal(146, 55, 400_000), 0, 255)


READINGS = {
    "Poisson of the grey level over eta": lambda g, eta, rng: eta * rng.poisson(g / eta),
    "Poisson noise times eta": lambda g, eta, rng: g + eta * (rng.poisson(g) - g),
    "the count itself": lambda g, eta, rng: rng.poisson(eta * g),
    "an image in [0, 1]": lambda g, eta, rng: 255 * rng.poisson(eta * g / 255) / eta,
}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_hybrid_noise_on_cuda_stays_there_and_has_the_same_moments():
    grey = torch.full((400_000,), 100.0, device="cuda")
    first, again, other = (noise.hybrid(grey, 0.4, 10.0, seed=seed, clip=False) for seed in (1, 1, 2))
    assert first.device.type == "cuda" and first.dtype == torch.float32
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.mean().item() == pytest.approx(100, abs=5 * np.sqrt(350 / 400_000))
    assert first.var().item() == pytest.approx(350, rel=5 * np.sqrt(2 / 400_000))
    eta = torch.tensor([0.4, 1.9], device="cuda").view(2, 1, 1, 1)
    batch = noise.hybrid(torch.full((2, 1, 300, 300), 100.0, device="cuda"), eta, 10.0, seed=3)
    expected = [noise.variance(100.0, level, 10.0) for level in (0.4, 1.9)]
    assert batch.var((1, 2, 3)).tolist() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("eta, sigma", published.NOISY_PSNR)
def test_the_nine_noisy_psnrs_of_table_ii(bell, eta, sigma):
    noisy = noise.hybrid(bell, eta, sigma, seed=7).astype(np.float64)
    assert psnr(np.square(noisy - bell).mean()) == pytest.approx(published.NOISY_PSNR[eta, sigma], abs=0.15)


@pytest.mark.parametrize("name", READINGS)
def test_the_other_readings_miss_the_table(bell, name):
    random = np.random.default_rng(8)
    errors = []
    for (eta, sigma), said in published.NOISY_PSNR.items():
        noisy = READINGS[name](bell, eta, random) + random.normal(0, sigma, bell.shape)
        errors.append(psnr(np.square(np.clip(noisy, 0, 255) - bell).mean()) - said)
    assert np.max(np.abs(errors)) > 3


def test_the_printed_snrs_differ_from_the_psnrs_by_no_one_number():
    """SNR - PSNR depends on the clean images alone; Table I has two such numbers in one column."""
    rows = published.TABLE_1.values()
    differences = [snr - decibels for snr, decibels, _ in rows]
    assert min(differences) < -5 and max(differences) > 4.8
    cells = [cell for row in published.TABLE_2.values() for cell in row.values()]
    np.testing.assert_allclose([snr - decibels for snr, decibels, _ in cells], 4.2829, atol=2e-4)


# Variance stabilisation.


def expected(grey, eta, sigma, moment=1):
    """E[T^moment] by summation over the photons and quadrature over the electronic noise."""
    photons = np.arange(0, int(eta * grey + 12 * np.sqrt(eta * grey) + 30))
    places, weights = np.polynomial.hermite_e.hermegauss(40)
    noisy = photons[:, None] / eta + sigma * places
    values = stabilisation.anscombe(noisy, eta, sigma) ** moment
    return stats.poisson.pmf(photons, eta * grey) @ values @ weights / weights.sum()


@pytest.mark.parametrize("eta, sigma", [(0.4, 5.0), (0.4, 20.0), (1.9, 2.0)])
@pytest.mark.parametrize("grey", [15.0, 60.0, 240.0])
def test_stabilised_noise_has_deviation_one_and_the_inverse_no_bias(eta, sigma, grey):
    mean = expected(grey, eta, sigma)
    assert expected(grey, eta, sigma, 2) - mean**2 == pytest.approx(1, abs=0.05)
    bias = abs(stabilisation.inverse(mean, eta, sigma) - grey)
    # In photons: the closed form is good to some hundredths, the algebraic one is off by about a quarter.
    assert eta * bias < 0.06
    assert eta * abs(stabilisation.algebraic_inverse(mean, eta, sigma) - grey) > 3 * eta * bias


def test_algebraic_inverse_undoes_the_transform():
    np.testing.assert_allclose(
        stabilisation.algebraic_inverse(stabilisation.anscombe(GREY, 0.7, 12.0), 0.7, 12.0), GREY, atol=1e-9
    )


def test_stabilised_hands_on_noise_of_one_level():
    told = {}

    def watch(image, sd):
        told["deviation"] = (np.diff(image[:, :40], axis=0).std() / sd, np.diff(image[:, -40:], axis=0).std() / sd)
        return image

    noisy = noise.hybrid(GREY, 0.5, 8.0, seed=9, clip=False)
    restored = stabilisation.stabilised(watch, noisy, 0.5, 8.0)
    np.testing.assert_allclose(told["deviation"], np.sqrt(2), rtol=0.06)
    assert restored.shape == GREY.shape and restored.min() >= 0 and restored.max() <= 255


# Estimation from one image.


def scene(seed):
    """A smooth picture with edges and a little texture."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:320, :320] / 320
    grey = 130 + 90 * np.sin(3 * rows + 2 * columns) * np.cos(2 * rows - 4 * columns)
    for _ in range(6):
        row, column, radius = random.uniform(0, 1, 3)
        grey += random.uniform(-30, 30) * (np.hypot(rows - row, columns - column) < 0.3 * radius)
    return np.clip(grey + 4 * np.sin(60 * rows * columns), 20, 235)


@pytest.mark.parametrize("eta, sigma", [(0.4, 5.0), (0.4, 15.0), (0.8, 10.0), (1.5, 5.0)])
def test_estimated_levels_are_near_the_true_ones(eta, sigma):
    found = [noise_level.estimate(noise.hybrid(scene(seed), eta, sigma, seed=seed)) for seed in range(3)]
    assert np.median([one.eta for one in found]) == pytest.approx(eta, rel=0.15)
    assert np.median([one.sigma for one in found]) == pytest.approx(sigma, abs=2.0)


def test_where_electronic_noise_drowns_the_photons_their_sum_is_still_right():
    """At eta 1.9, sigma 18 photons make a sixth of the variance: the slope is uncertain, the line's height is not."""
    for seed in range(3):
        found = noise_level.estimate(noise.hybrid(scene(seed), 1.9, 18.0, seed=seed))
        deviation = np.sqrt(noise.variance(130.0, found.eta, found.sigma))
        assert deviation == pytest.approx(np.sqrt(noise.variance(130.0, 1.9, 18.0)), rel=0.05)


def test_pure_electronic_noise_has_no_photons_and_a_clean_image_little_noise():
    flat = 128 + np.random.default_rng(0).normal(0, 6, (256, 256))
    assert noise_level.estimate(flat).sigma == pytest.approx(6, rel=0.1)
    ramp = np.clip(GREY + np.random.default_rng(1).normal(0, 6, GREY.shape), 0, 255)
    found = noise_level.estimate(ramp)
    assert found.eta > 10 and found.sigma == pytest.approx(6, rel=0.25)
    clean = noise_level.estimate(GREY)
    assert clean.sigma < 0.1


# Refusals.


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: noise.hybrid(GREY / 255, 0.4, 5, seed=0), ValueError, "an image in \\[0, 1\\]"),
        (lambda: noise.hybrid(GREY + 10, 0.4, 5, seed=0), ValueError, "expected grey levels in \\[0, 255\\]"),
        (lambda: noise.hybrid(GREY, 0, 5, seed=0), ValueError, "eta: got 0, expected more than 0"),
        (lambda: noise.hybrid(GREY, 0.4, -1, seed=0), ValueError, "sigma: got -1"),
        (lambda: noise.hybrid(GREY, "0.4", 5, seed=0), TypeError, "eta: got str"),
        (lambda: noise.hybrid(GREY, 0.4, 5, seed=0.5), TypeError, "seed"),
        (lambda: noise.hybrid([], 0.4, 5, seed=0), ValueError, "empty"),
        (lambda: noise.hybrid([["a"]], 0.4, 5, seed=0), TypeError, "expected numbers"),
        (lambda: noise.hybrid([np.nan], 0.4, 5, seed=0), ValueError, "NaN"),
        (lambda: noise.correlated(GREY[0], 0.4, 5, seed=0), ValueError, r"got shape \(256,\)"),
        (lambda: noise.quantized(GREY, 1), ValueError, "levels"),
        (lambda: stabilisation.anscombe(GREY, -1, 5), ValueError, "eta"),
        (lambda: stabilisation.inverse(GREY, 1, float("nan")), ValueError, "sigma"),
        (lambda: noise_level.estimate(GREY / 255), ValueError, "255 times"),
        (lambda: noise_level.estimate(GREY[:20]), ValueError, "at least 32x32"),
        (lambda: noise_level.estimate(GREY - 10), ValueError, "clip"),
        (lambda: noise_level.estimate(torch.zeros(64, 64)), TypeError, "tensor"),
        (lambda: noise_level.estimate(np.zeros((64, 64, 3))), ValueError, "one grey image"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
