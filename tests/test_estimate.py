"""The estimated SSIM against the true one, on random maps that are interpolated or have errors of known size."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from kryptonlib.occlusion.estimate import Errors, Estimate, errors_of, estimated_ssim, worth
from kryptonlib.occlusion.lattice import fill_in, mask
from kryptonlib.occlusion.quality import ssim

SHAPE = (40, 40)
CHECKS = 48


def smooth(seed, scale=4):
    """A smooth random map with range 1."""
    values = gaussian_filter(np.random.default_rng(seed).standard_normal(SHAPE), scale)
    return values / np.ptp(values)


def noisy(approximate, size, seed):
    """The map plus noise of ``size`` of its standard deviations, the same everywhere."""
    return approximate + size * approximate.std() * np.random.default_rng(seed + 1000).standard_normal(SHAPE)


def drawn(seed, count=CHECKS):
    places = np.random.default_rng(seed + 2000).permutation(SHAPE[0] * SHAPE[1])[:count]
    return np.stack(np.unravel_index(places, SHAPE), 1)


def estimate(approximate, exact, positions, **more):
    return estimated_ssim(approximate, positions, exact[tuple(positions.T)], **more)


def interpolated(seed, lattice):
    """(approximate map, exact map, known positions): smooth in one half, rough in the other, as heat maps are."""
    share = 1 / (1 + np.exp(np.linspace(-4, 4, SHAPE[1])))
    exact = share * smooth(seed, 1.8) + (1 - share) * smooth(seed + 500, 0.9)
    known = mask(SHAPE, lattice)
    return fill_in(np.where(known, exact, np.nan), known), exact, known


def trials(lattice, count=40):
    """(estimates, true SSIMs) of seeded trials."""
    found = []
    for seed in range(count):
        approximate, exact, known = interpolated(seed, lattice)
        found.append((estimate(approximate, exact, drawn(seed), known=known), ssim(exact, approximate)))
    return zip(*found)


@pytest.mark.parametrize("lattice", ["quarter", "third", "half"])
def test_the_estimate_of_an_interpolated_map_is_near_the_truth(lattice):
    estimates, truths = trials(lattice)
    errors, lost = np.array([one.value for one in estimates]) - truths, 1 - np.mean(truths)
    assert 0.005 < lost < 0.1
    assert abs(errors.mean()) < 0.25 * lost
    assert np.quantile(np.abs(errors), 0.9) < lost


@pytest.mark.parametrize("size, off", [(0.05, 0.01), (0.1, 0.02), (0.2, 0.06)])
def test_errors_that_do_not_follow_the_model_are_seen_too(size, off):
    """The same everywhere, whatever the map's curvature."""
    maps = [(smooth(seed), noisy(smooth(seed), size, seed)) for seed in range(40)]
    errors = [estimate(*one, drawn(seed)).value - ssim(*one[::-1]) for seed, one in enumerate(maps)]
    assert abs(np.mean(errors)) < off


@pytest.mark.parametrize("lattice", ["quarter", "third", "half"])
def test_the_interval_holds_the_truth_in_most_trials(lattice):
    estimates, truths = trials(lattice)
    held = [one.low <= truth <= one.high for one, truth in zip(estimates, truths)]
    assert sum(held) >= 36


def test_the_ends_lie_around_the_value_and_more_checks_bring_them_closer():
    approximate = smooth(0)
    exact = noisy(approximate, 0.4, 0)
    few, many = (estimate(approximate, exact, drawn(0, count)) for count in (32, 800))
    assert few.low < few.value < few.high and many.low < many.value < many.high
    assert many.high - many.low < 0.5 * (few.high - few.low)
    assert (few.checks, many.checks) == (32, 800)


def test_without_an_error_it_is_1():
    for approximate in (smooth(0), np.full(SHAPE, 0.99)):
        assert estimate(approximate, approximate, drawn(0)) == Estimate(1.0, 1.0, 1.0, CHECKS)


def test_a_constant_map_of_what_varies_is_bad():
    assert estimate(np.zeros(SHAPE), smooth(0), drawn(0)).value < 0.1


def test_where_no_unknown_position_was_checked_nothing_can_be_said():
    approximate, exact, _ = interpolated(0, "third")
    positions = drawn(0, 8)
    known = np.zeros(SHAPE, bool)
    known[tuple(positions.T)] = True
    assert estimate(np.where(known, exact, approximate), exact, positions, known=known) == Estimate(0.0, 0.0, 1.0, 8)
    known[:] = True
    assert estimate(exact, exact, positions, known=known) == Estimate(1.0, 1.0, 1.0, 8)


def test_the_value_by_its_formula():
    """Windows of 7x7 one by one, and the curvature of each position from its four neighbours."""
    approximate, exact, known = interpolated(1, "third")
    positions = drawn(1)
    x, y = (
        (one - approximate.mean()) / np.ptp(np.r_[approximate.ravel(), exact[tuple(positions.T)]])
        for one in (exact, approximate)
    )
    edged = np.pad(y, 1, mode="symmetric")
    bend = (edged[:-2, 1:-1] + edged[2:, 1:-1] + edged[1:-1, :-2] + edged[1:-1, 2:] - 4 * y) ** 2
    around = np.pad(bend, 1, mode="symmetric")
    likely = sum(around[i : i + 40, j : j + 40] for i in range(3) for j in range(3)) / 9 + 1e-3 * bend.mean()
    likely[known] = 0
    at = tuple(positions.T)
    factor = ((x - y)[at] ** 2).sum() / likely[at].sum()
    windows = [(slice(i, i + 7), slice(j, j + 7)) for i in range(34) for j in range(34)]
    told = [
        (2 * y[window].var() + 0.03**2) / (2 * y[window].var() + factor * likely[window].mean() + 0.03**2)
        for window in windows
    ]
    assert estimate(approximate, exact, positions, known=known).value == pytest.approx(np.mean(told), rel=1e-9)


def blurred(seed):
    """(approximate map, exact map, None) with an error that is smoother than the map: a window's mean absorbs part."""
    # Far from 0, as probabilities are: SSIM's term of the means would see a smooth error there.
    approximate = 1 + smooth(seed, 1.5)
    return approximate, approximate + 0.2 * smooth(seed + 300, 4), None


def thirds(seed):
    """A third of the positions is exact."""
    return interpolated(seed, "third")


@pytest.mark.parametrize("kind", [thirds, blurred])
def test_with_what_a_map_itself_tells_the_estimate_is_the_truth(kind):
    for seed in range(5):
        approximate, exact, known = kind(seed)
        errors, truth = errors_of(approximate, exact, known), ssim(exact, approximate)
        everywhere = np.argwhere(np.ones(SHAPE, bool))
        told = estimate(approximate, exact, everywhere, known=known, others=errors).value
        assert told == pytest.approx(truth, abs=1e-6)
        np.testing.assert_allclose(errors_of(3 * approximate, 3 * exact, known), errors, rtol=1e-6)


def test_smooth_errors_are_seen_less_than_rough_ones():
    smooth_ones = [errors_of(*blurred(seed)).seen for seed in range(5)]
    rough = [errors_of(approximate, noisy(approximate, 0.1, 0)).seen for approximate, _, _ in map(blurred, range(5))]
    assert max(smooth_ones) < 0.7 < 0.8 < min(rough)


def test_equal_maps_have_hardly_any_error_and_opposite_ones_much():
    _, exact, known = interpolated(3, "third")
    for some in (None, known, np.ones(SHAPE, bool)):
        factor, seen = errors_of(exact, exact, some)
        assert 0 < factor < 1e-12 and seen == 1
    rough = np.random.default_rng(0).standard_normal(SHAPE)
    factor, seen = errors_of(1 - rough, 1 + rough)
    assert factor > 1e12 and 0 < seen < np.inf


def test_a_factor_counts_as_so_many_checks():
    """The more checks, the less it says; and without any that is unknown it says all."""
    approximate, exact, known = interpolated(4, "third")
    errors, small = errors_of(approximate, exact, known), Errors(1e-9, 1.0)
    distances = []
    for count in (8, 48, 400):
        positions = drawn(4, count)
        alone, pulled = (estimate(approximate, exact, positions, known=known, others=o).value for o in (None, small))
        assert alone < pulled
        distances.append((1 - pulled) / (1 - alone))
    assert distances == sorted(distances) and distances[-1] > 0.9
    told = known.copy()
    told[tuple(drawn(4, 8).T)] = True
    almost = np.where(told, exact, approximate)
    alone, truth = estimate(almost, exact, drawn(4, 8), known=told, others=errors), ssim(exact, almost)
    assert alone.value == pytest.approx(truth, abs=0.01) and alone.low < alone.value < alone.high


def test_a_factor_counts_for_less_where_windows_were_cropped():
    approximate, exact, _ = blurred(4)
    nowhere = np.zeros_like(exact, bool)
    for count in (8, 16, 64):
        cropped, other, alone = (
            estimate(approximate, exact, drawn(4, count), known=known, others=others).value
            for known, others in ((None, Errors(1e-9, 1.0)), (nowhere, Errors(1e-9, 1.0)), (None, None))
        )
        # A factor that promises too much lifts the estimate less.
        assert alone < cropped < other


@pytest.mark.parametrize("kind", [thirds, blurred])
def test_errors_of_other_maps_of_the_kind_make_estimates_better(kind):
    maps = [kind(seed) for seed in range(40)]
    logs = np.log([errors_of(*one) for one in maps])
    off = {False: [], True: []}
    for seed, (approximate, exact, known) in enumerate(maps):
        others = Errors(*np.exp(np.delete(logs, seed, 0).mean(0)))
        for helped, found in off.items():
            told = estimate(approximate, exact, drawn(seed, 16), known=known, others=others if helped else None)
            found.append((told.value - ssim(exact, approximate), told.low <= ssim(exact, approximate) <= told.high))
    rms = {helped: np.sqrt(np.mean(np.square([one for one, _ in found]))) for helped, found in off.items()}
    assert rms[True] < 0.6 * rms[False]
    assert sum(held for _, held in off[True]) >= 36


def test_worth_is_how_much_the_estimate_loses_by_each_position():
    """Its error's share in the mean of all windows, to first order: by differences."""
    approximate, exact, known = interpolated(2, "third")
    values, positions = worth(approximate, known), drawn(2)
    assert values.shape == SHAPE and (values[known] == 0).all() and (values[~known] > 0).all()
    tiny = 0.999 * approximate + 0.001 * exact

    def lost(also):
        return 1 - estimate(approximate, tiny, positions, known=also).value

    # Where a position is known as well its part is missing; the factor stays, because it was not checked.
    free = [place for place in np.argwhere(~known) if 8 < place.min() and place.max() < 31][::40]
    free = [place for place in free if not (positions == place).all(1).any()]
    parts = []
    for place in free:
        also = known.copy()
        also[tuple(place)] = True
        parts.append(lost(known) - lost(also))
    told = np.array([values[tuple(place)] for place in free])
    np.testing.assert_allclose(np.array(parts) / sum(parts), told / told.sum(), rtol=1e-3)


def test_larger_errors_are_worse():
    approximate, positions = smooth(1), drawn(1)
    sizes = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0)
    values = [estimate(approximate, noisy(approximate, size, 1), positions).value for size in sizes]
    assert values == sorted(values, reverse=True) and len(set(values)) == len(values)
    assert values[0] == 1 and 0 < values[-1] < 0.2


@pytest.mark.parametrize("scale, shift", [(1e-9, 1.0), (1e-6, -3.0), (1e4, 0.0), (-1.0, 1e3)])
def test_scale_and_shift_do_not_matter(scale, shift):
    """Probabilities near 1 may hardly move: their squares would drown the variance."""
    approximate = smooth(2)
    exact = noisy(approximate, 0.3, 2)
    got = estimate(approximate * scale + shift, exact * scale + shift, drawn(2))
    np.testing.assert_allclose(got, estimate(approximate, exact, drawn(2)), rtol=1e-5)


def test_the_same_seed_gives_the_same_interval():
    approximate = smooth(3)
    exact = noisy(approximate, 0.3, 3)
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
