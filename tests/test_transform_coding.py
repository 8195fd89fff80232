"""The toy transform code against closed forms and brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kryptonlib.basics import transform_coding as tc


@given(st.floats(-360, 360))
def test_a_rotation_keeps_lengths_and_inverts(angle):
    transform = tc.rotation(angle)
    np.testing.assert_allclose(transform @ transform.T, np.eye(2), atol=1e-12)
    assert np.linalg.det(transform) == pytest.approx(1)


def test_at_45_degrees_the_pairs_are_uncorrelated_with_known_variances():
    turned = tc.pairs(200_000, 0.9) @ tc.rotation(45).T
    np.testing.assert_allclose(np.cov(turned.T), np.diag([1.9, 0.1]), atol=0.02)


@given(st.floats(0, 90), st.floats(0.1, 3), st.integers(0, 20))
def test_code_is_rounding_in_the_rotated_frame(angle, step, seed):
    x = tc.pairs(50, 0.7, seed)
    decoded, symbols, rate, distortion = tc.code(x, angle, step)
    turned = x @ tc.rotation(angle).T
    assert (np.abs(symbols * step - turned) <= step / 2 + 1e-9).all()
    assert distortion == pytest.approx(np.square(symbols * step - turned).mean())
    expected = np.mean([stats.entropy(np.unique(c, return_counts=True)[1], base=2) for c in symbols.T])
    assert rate == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(decoded @ tc.rotation(angle).T, symbols * step, atol=1e-9)


def test_a_small_step_costs_a_quarter_bit_above_the_bound():
    x = tc.pairs(400_000, 0.9)
    _, _, rate, distortion = tc.code(x, 45, 0.1)
    assert distortion == pytest.approx(0.01 / 12, rel=0.01)
    # 1/2 log2(2 pi e / 12): what uniform rounding with entropy coding loses on the best code at high rates.
    assert rate - tc.reverse_water_filling([1.9, 0.1], distortion) == pytest.approx(0.2546, abs=0.005)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=5), st.floats(0.001, 1))
def test_reverse_water_filling_is_the_least_rate_that_any_division_gives(variances, share):
    variances = np.array(variances)
    distortion = share * variances.mean()
    rate = tc.reverse_water_filling(variances, distortion)
    # Other divisions of the same distortion, none above its variance, cost at least as much.
    rng = np.random.default_rng(0)
    for _ in range(50):
        parts = rng.dirichlet(np.ones(len(variances))) * distortion * len(variances)
        if (parts <= variances).all():
            assert (0.5 * np.log2(variances / parts)).mean() >= rate - 1e-6


@pytest.mark.parametrize("size", [2, 8, 16])
@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.95])
def test_the_gain_of_the_klt_is_the_closed_form_and_no_transform_gains_more(size, correlation):
    covariance = tc.markov_covariance(size, correlation)
    # The determinant of the covariance is (1 - r^2)^(N - 1).
    closed = -10 * (size - 1) / size * np.log10(1 - correlation**2)
    assert tc.coding_gain(covariance, tc.klt(covariance)) == pytest.approx(closed, abs=1e-9)
    assert tc.coding_gain(covariance, np.eye(size)) == pytest.approx(0, abs=1e-12)
    assert tc.coding_gain(covariance, tc.dct_transform(size)) <= closed + 1e-9


def test_the_dct_is_the_klt_of_pairs_and_close_to_it_where_neighbours_are_alike():
    assert np.abs(tc.dct_transform(2)) == pytest.approx(np.sqrt(np.full((2, 2), 0.5)))
    covariance = tc.markov_covariance(8, 0.95)
    assert tc.coding_gain(covariance, tc.dct_transform(8)) > tc.coding_gain(covariance, tc.klt(covariance)) - 0.05


def test_the_gain_is_that_of_the_codes_of_pairs():
    x = tc.pairs(200_000, 0.9)
    (flat, _), (turned, _) = (tc.code(x, angle, 0.05)[2:] for angle in (0, 45))
    gain = tc.coding_gain(tc.markov_covariance(2, 0.9), tc.rotation(45))
    assert gain == pytest.approx(20 * np.log10(2) * (flat - turned), abs=0.05)


def test_bad_input_is_refused():
    for call in (lambda: tc.pairs(3, 1.0), lambda: tc.code(np.zeros((2, 2)), 0, 0), lambda: tc.reverse_water_filling([0], 1),
                 lambda: tc.markov_covariance(4, 1.0), lambda: tc.coding_gain(np.eye(2), 2 * np.eye(2))):  # fmt: skip
        with pytest.raises(ValueError, match="expected"):
            call()
    assert tc.reverse_water_filling([1.0, 1.0], 2.0) == 0
