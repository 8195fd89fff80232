"""Measures of an approximate map against loops over windows and positions, and the traps that each of them hides."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from kryptonlib.occlusion import quality

shapes = st.tuples(st.integers(7, 12), st.integers(7, 12))
hundredths = st.integers(0, 100).map(lambda number: number / 100)


@st.composite
def pairs(draw, shape=shapes):
    """Two maps of probabilities, the first not constant; values in hundredths, so ties are common."""
    size = draw(shape)
    exact, approximate = draw(arrays(float, size, elements=hundredths)), draw(arrays(float, size, elements=hundredths))
    exact[0, 0] = 0.25 if exact[-1, -1] != 0.25 else 0.75
    return exact, approximate


def smooth_map(seed, low=0.2, high=0.9, shape=(20, 23)):
    values = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2)
    return low + (values - values.min()) / np.ptp(values) * (high - low)


def ssim_by_windows(x, y, data_range):
    """Wang et al. 2004, equation 13, with sample (co)variances, averaged over all windows inside the map."""
    c1, c2, found = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2, []
    for top in range(x.shape[0] - 6):
        for left in range(x.shape[1] - 6):
            a, b = (values[top : top + 7, left : left + 7].astype(float).ravel() for values in (x, y))
            (saa, sab), (_, sbb) = np.cov(a, b)
            ma, mb = a.mean(), b.mean()
            found.append((2 * ma * mb + c1) * (2 * sab + c2) / ((ma**2 + mb**2 + c1) * (saa + sbb + c2)))
    return np.mean(found)


def ranks(values):
    """Mean rank of each value among all, ties sharing theirs."""
    return np.array([(values < v).sum() + ((values == v).sum() - 1) / 2 for v in values])


@given(pairs())
def test_ssim_is_the_mean_over_all_windows(maps):
    expected = ssim_by_windows(*maps, data_range=np.ptp(maps[0]))
    assert quality.ssim(*maps) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@given(pairs(), st.integers(1, 100).map(lambda number: number / 100))
def test_rendered_ssim_is_the_mean_over_windows_and_colours(maps, probability):
    low, high = 0.75 * probability, min(1, 1.25 * probability)
    pictures = []
    for values in maps:
        scaled = np.clip((values - low) / (high - low), 0, 1)
        pictures.append((plt.get_cmap("jet_r")(scaled)[..., :3] * 255).astype(np.uint8))
        np.testing.assert_array_equal(quality.rendered(values, probability), pictures[-1])
    expected = np.mean([ssim_by_windows(pictures[0][..., c], pictures[1][..., c], 255) for c in range(3)])
    assert quality.rendered_ssim(*maps, probability) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@given(pairs(st.tuples(st.integers(2, 6), st.integers(2, 6))))
def test_spearman_is_the_correlation_of_ranks(maps):
    exact, approximate = (ranks(values.ravel()) for values in maps)
    expected = np.corrcoef(exact, approximate)[0, 1] if np.ptp(approximate) else 0.0
    assert quality.spearman(*maps) == pytest.approx(expected, abs=1e-12)


@given(pairs(st.tuples(st.integers(1, 6), st.integers(2, 6))), st.integers(1, 20))
def test_overlap_compares_the_first_positions_in_the_order_of_value_and_place(maps, twentieths):
    count = max(1, (twentieths * maps[0].size + 10) // 20)
    first, second = (set(sorted(range(m.size), key=lambda at: (m.flat[at], at))[:count]) for m in maps)
    assert quality.overlap(*maps, share=twentieths / 20) == len(first & second) / len(first | second)


@given(pairs())
def test_equal_maps_score_one(maps):
    found = quality.compare(maps[0], maps[0].copy(), probability=0.8)
    assert (found.ssim, found.spearman) == (pytest.approx(1, abs=1e-12), pytest.approx(1, abs=1e-12))
    assert (found.rendered_ssim, found.overlap) == (1, 1)


@given(pairs())
def test_bounds(maps):
    found = quality.compare(*maps, probability=0.6, share=0.2)
    assert found.ssim <= 1 + 1e-9 and found.rendered_ssim <= 1 + 1e-9
    assert -1 <= found.spearman <= 1
    assert 0 <= found.overlap <= 1


@given(pairs())
def test_which_measures_are_symmetric(maps):
    exact, approximate = maps
    assert quality.rendered_ssim(exact, approximate, 0.6) == pytest.approx(
        quality.rendered_ssim(approximate, exact, 0.6), abs=1e-12
    )
    assert quality.overlap(exact, approximate, 0.3) == quality.overlap(approximate, exact, 0.3)
    if np.ptp(approximate):
        assert quality.spearman(exact, approximate) == pytest.approx(quality.spearman(approximate, exact), abs=1e-12)


def test_raw_ssim_is_not_symmetric_because_the_range_is_the_exact_map_s():
    exact, flat = smooth_map(0), smooth_map(1, 0.5, 0.6)
    assert abs(quality.ssim(exact, flat) - quality.ssim(flat, exact)) > 0.01


@given(pairs(), st.floats(0.01, 100))
def test_raw_ssim_does_not_depend_on_the_unit(maps, factor):
    exact, approximate = maps
    assert quality.ssim(factor * exact, factor * approximate) == pytest.approx(
        quality.ssim(exact, approximate), abs=1e-8
    )


@given(pairs(), st.integers(0, 5))
def test_order_measures_see_the_order_only(maps, power):
    """An increasing function of the approximation, exact in floating point, changes neither."""
    exact, approximate = maps
    bent = approximate * 2.0**power - 3
    assert quality.spearman(exact, bent) == quality.spearman(exact, approximate)
    assert quality.overlap(exact, bent, 0.2) == quality.overlap(exact, approximate, 0.2)


def test_the_rendered_map_hides_what_lies_outside_its_colour_limits():
    """Every position below 0.75 p, flattened: the picture is unchanged, the raw map has lost its depth."""
    exact = smooth_map(2, low=0.05, high=0.8)
    flattened = np.maximum(exact, 0.675)
    found = quality.compare(exact, flattened, probability=0.9)
    assert found.rendered_ssim == 1
    assert found.ssim < 0.2
    assert found.overlap < 0.5


def test_the_rendered_map_hides_a_lost_spot():
    """The one spot that decides lies below the limits like its surroundings; without it Krypton's measure is 1."""
    exact = np.full((20, 20), 0.6)
    exact[:, :8] = 0.85
    lost = exact.copy()
    exact[10:13, 12:15] = 0.05
    found = quality.compare(exact, lost, probability=0.9, share=0.02)
    assert found.rendered_ssim == 1
    assert found.ssim < 0.9
    assert found.overlap == 0


def test_ssim_alone_can_flatter():
    """A high SSIM although none of the most sensitive positions is found: hence spearman and overlap beside it."""
    exact = smooth_map(3, shape=(40, 40))
    lost = exact.copy()
    lost[quality.lowest(exact, 0.01)] = exact.max()
    found = quality.compare(exact, lost, probability=0.9, share=0.01)
    assert found.ssim > 0.8
    assert found.overlap == 0


def test_why_a_data_range_must_be_given():
    """Floats have no range of their own; scikit-image refuses to guess, and its former guess of 2 flatters."""
    exact = smooth_map(4, low=0.85, high=0.9)
    flat = np.full_like(exact, exact.mean())
    with pytest.raises(ValueError, match="data_range"):
        structural_similarity(exact, flat)
    assert structural_similarity(exact, flat, data_range=2) > 0.85
    assert quality.ssim(exact, flat) < 0.1


def test_ssim_is_refused_where_rounding_would_decide():
    """Near 1 with a tiny range the variances cancel: scikit-image leaves the interval, we say so."""
    exact = smooth_map(5, low=1 - 1e-8, high=1)
    approximate = smooth_map(6, low=1 - 1e-8, high=1)
    assert abs(structural_similarity(exact, approximate, data_range=np.ptp(exact))) > 1
    with pytest.raises(ValueError, match="too little for SSIM.*log-odds"):
        quality.ssim(exact, approximate)


@pytest.mark.parametrize("seed", range(5))
def test_ssim_just_above_that_limit_is_right(seed):
    span = 1.01 * quality.RESOLUTION
    exact, approximate = smooth_map(seed, 1 - span, 1), smooth_map(seed + 10, 1 - span, 1)
    expected = ssim_by_windows(exact, approximate, np.ptp(exact))
    assert quality.ssim(exact, approximate) == pytest.approx(expected, abs=0.002)


def test_a_constant_approximation_orders_nothing():
    exact = smooth_map(7)
    assert quality.spearman(exact, np.full_like(exact, 0.3)) == 0


def test_overlap_breaks_ties_by_position():
    exact = np.array([[0.5, 0.1, 0.1], [0.1, 0.5, 0.5]])
    assert quality.lowest(exact, 1 / 3).tolist() == [[False, True, True], [False, False, False]]
    assert quality.overlap(exact, np.full_like(exact, 0.2), 1 / 3) == 1 / 3


GOOD = np.linspace(0.1, 0.9, 64).reshape(8, 8)
HOLED = np.where(GOOD > 0.8, np.nan, GOOD)


@pytest.mark.parametrize(
    "exact, approximate", [(HOLED, GOOD), (GOOD, HOLED), (GOOD, np.where(GOOD > 0.8, np.inf, GOOD))]
)
@pytest.mark.parametrize("measure", ["ssim", "rendered_ssim", "spearman", "overlap", "compare"])
def test_every_measure_refuses_nan(measure, exact, approximate):
    extra = [0.9] if measure in ("rendered_ssim", "compare") else []
    with pytest.raises(ValueError, match="NaN or infinite"):
        getattr(quality, measure)(exact, approximate, *extra)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: quality.ssim(GOOD, GOOD[:7]), ValueError, r"exact \(8, 8\), approximate \(7, 8\)"),
        (lambda: quality.ssim(GOOD[None], GOOD[None]), ValueError, r"map \[rows, columns\], got shape \(1, 8, 8\)"),
        (lambda: quality.ssim(GOOD[:6], GOOD[:6]), ValueError, "at least 7x7"),
        (lambda: quality.ssim(np.full((8, 8), 0.3), GOOD), ValueError, r"constant \(0.3\)"),
        (lambda: quality.rendered_ssim(GOOD[:, :6], GOOD[:, :6], 0.9), ValueError, "at least 7x7"),
        (lambda: quality.rendered(HOLED, 0.9), ValueError, "NaN"),
        (lambda: quality.rendered(GOOD, 0.0), ValueError, r"probability must lie in \(0, 1\], got 0.0"),
        (lambda: quality.rendered(GOOD, 1.2), ValueError, "probability must lie"),
        (lambda: quality.rendered(GOOD, float("nan")), ValueError, "probability must lie"),
        (lambda: quality.rendered(GOOD, "0.9"), TypeError, "probability must be a number"),
        (lambda: quality.rendered(GOOD, True), TypeError, "probability must be a number"),
        (lambda: quality.spearman(np.zeros((3, 3)), GOOD[:3, :3]), ValueError, "no order"),
        (lambda: quality.spearman(np.zeros((0, 3)), np.zeros((0, 3))), ValueError, r"got shape \(0, 3\)"),
        (lambda: quality.overlap(GOOD, GOOD, share=0), ValueError, "share must be positive"),
        (lambda: quality.overlap(GOOD, GOOD, share=1.1), ValueError, r"share must lie in \(0, 1\]"),
        (lambda: quality.overlap(GOOD, GOOD, share="all"), TypeError, "share must be a number"),
    ],
)
def test_bad_input_is_told(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_quality_cannot_be_changed():
    with pytest.raises(AttributeError):
        quality.compare(GOOD, GOOD, 0.9).ssim = 1.0
