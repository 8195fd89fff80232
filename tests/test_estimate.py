"""The estimated SSIM against the true one, on smooth random maps with errors of known size."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

from kryptonlib.occlusion.estimate import Estimate, estimated_ssim
from kryptonlib.occlusion.quality import ssim

SHAPE = (40, 40)
CHECKS = 48


def smooth(seed, scale=4):
    """A smooth random map with range 1."""
    values = gaussian_filter(np.random.default_rng(seed).standard_normal(SHAPE), scale)
    return values / np.ptp(values)


def noisy(approximate, size, seed, even):
    """The map plus noise: ``size`` standard deviations of the map's windows, the same everywhere where ``even`` is 1,
    in proportion to the window's own where it is 0."""
    variance = uniform_filter(approximate**2, 7) - uniform_filter(approximate, 7) ** 2
    error = np.sqrt(even * variance.mean() + (1 - even) * np.maximum(variance, 0))
    return approximate + size * error * np.random.default_rng(seed + 1000).standard_normal(SHAPE)


def drawn(seed, count=CHECKS):
    places = np.random.default_rng(seed + 2000).permutation(SHAPE[0] * SHAPE[1])[:count]
    return np.stack(np.unravel_index(places, SHAPE), 1)


def estimate(approximate, exact, positions, **more):
    return estimated_ssim(approximate, positions, exact[tuple(positions.T)], **more)


def trials(size, even, count=40):
    """(estimates, true SSIMs) of seeded trials."""
    found = []
    for seed in range(count):
        approximate = smooth(seed)
        exact = noisy(approximate, size, seed, even)
        found.append((estimate(approximate, exact, drawn(seed)), ssim(exact, approximate)))
    return zip(*found)


@pytest.mark.parametrize("even", [0.5, 1.0])
@pytest.mark.parametrize("size, off", [(0.1, 0.005), (0.2, 0.015), (0.4, 0.03)])
def test_the_estimate_is_near_the_truth(size, off, even):
    estimates, truths = trials(size, even)
    errors = np.array([one.value for one in estimates]) - truths
    assert abs(errors.mean()) < off
    assert np.quantile(np.abs(errors), 0.9) < 2 * off


@pytest.mark.parametrize("size", [0.1, 0.3, 0.6])
def test_the_interval_holds_the_truth_in_most_trials(size):
    estimates, truths = trials(size, 0.5)
    held = [one.low <= truth <= one.high for one, truth in zip(estimates, truths)]
    assert sum(held) >= 36


def test_the_ends_lie_around_the_value_and_more_checks_bring_them_closer():
    approximate = smooth(0)
    exact = noisy(approximate, 0.4, 0, 0.5)
    few, many = (estimate(approximate, exact, drawn(0, count)) for count in (32, 800))
    assert few.low < few.value < few.high and many.low < many.value < many.high
    assert many.high - many.low < 0.5 * (few.high - few.low)
    assert (few.checks, many.checks) == (32, 800)


def test_without_an_error_it_is_1():
    for approximate in (smooth(0), np.full(SHAPE, 0.99)):
        assert estimate(approximate, approximate, drawn(0)) == Estimate(1.0, 1.0, 1.0, CHECKS)


def test_a_constant_map_of_what_varies_is_bad():
    assert estimate(np.zeros(SHAPE), smooth(0), drawn(0)).value < 0.1


def test_larger_errors_are_worse():
    approximate, positions = smooth(1), drawn(1)
    sizes = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0)
    values = [estimate(approximate, noisy(approximate, size, 1, 1.0), positions).value for size in sizes]
    assert values == sorted(values, reverse=True) and len(set(values)) == len(values)
    assert values[0] == 1 and 0 < values[-1] < 0.2


@pytest.mark.parametrize("scale, shift", [(1e-9, 1.0), (1e-6, -3.0), (1e4, 0.0), (-1.0, 1e3)])
def test_scale_and_shift_do_not_matter(scale, shift):
    """Probabilities near 1 may hardly move: their squares would drown the variance."""
    approximate = smooth(2)
    exact = noisy(approximate, 0.3, 2, 0.5)
    got = estimate(approximate * scale + shift, exact * scale + shift, drawn(2))
    np.testing.assert_allclose(got, estimate(approximate, exact, drawn(2)), rtol=1e-5)


def test_the_same_seed_gives_the_same_interval():
    approximate = smooth(3)
    exact = noisy(approximate, 0.3, 3, 0.5)
    one, again, other = (estimate(approximate, exact, drawn(3), seed=seed) for seed in (0, 0, 1))
    assert one == again and one.value == other.value and one.low != other.low


@pytest.mark.parametrize(
    "shape, count, values, message",
    [
        ((6, 40), 8, 8, "windows of 7x7"),
        ((40, 6), 8, 8, "windows of 7x7"),
        ((2, 40, 40), 8, 8, "windows of 7x7"),
        ((40, 40), 7, 7, "at least 8 positions"),
        ((40, 40), 9, 8, "at least 8 positions"),
    ],
)
def test_bad_input_is_refused(shape, count, values, message):
    with pytest.raises(ValueError, match=message):
        estimated_ssim(np.zeros(shape), np.zeros((count, 2), int), np.zeros(values))
