"""Krypton's tuner against the normal equations in fractions, a search on a fine grid, and curves solved by hand."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kryptonlib.occlusion import krypton_tuner

TAUS = np.array(krypton_tuner.TAUS)


def solved(matrix, right):
    """Gauss elimination in fractions."""
    rows = [[Fraction(x) for x in row] + [Fraction(y)] for row, y in zip(matrix, right)]
    for i in range(len(rows)):
        pivot = next(k for k in range(i, len(rows)) if rows[k][i] != 0)
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for k in range(len(rows)):
            if k != i:
                rows[k] = [x - rows[k][i] * y for x, y in zip(rows[k], rows[i])]
    return [row[-1] for row in rows]


def normal_equations(values, ssims):
    """The parabola of least squared error over all images, exactly."""
    points = [(Fraction(v), Fraction(s)) for line in ssims for v, s in zip(values, line)]
    power = [sum(v**k for v, _ in points) for k in range(5)]
    matrix = [[power[i + j] for j in (2, 1, 0)] for i in (2, 1, 0)]
    return [float(x) for x in solved(matrix, [sum(s * v**i for v, s in points) for i in (2, 1, 0)])]


images = st.lists(
    st.lists(st.floats(0, 1, allow_subnormal=False), min_size=len(TAUS), max_size=len(TAUS)), min_size=1, max_size=4
)


@given(images)
def test_the_parabola_solves_the_normal_equations(ssims):
    found = krypton_tuner.fit(TAUS, ssims, 0.9)
    np.testing.assert_allclose(found.coefficients, normal_equations(TAUS.tolist(), ssims), atol=1e-8)
    mean = np.mean(ssims, axis=0)
    expected = max(abs(mean - (found.coefficients[0] * TAUS**2 + found.coefficients[1] * TAUS + found.coefficients[2])))
    assert found.residual == pytest.approx(expected, abs=1e-12)


@given(images, st.floats(0.05, 0.95))
def test_the_solution_is_the_first_value_at_which_the_parabola_reaches_the_target(ssims, target):
    found = krypton_tuner.fit(TAUS, ssims, target)
    fine = np.linspace(0.4, 1, 6001)
    reached = fine[np.polyval(found.coefficients, fine) >= target + 1e-9]
    if len(reached):
        assert found.met and found.solution <= reached[0] + 1e-9
        # A parabola that touches the target between two points of the search may be met earlier, never missed.
        there = np.polyval(found.coefficients, found.solution)
        assert found.solution == 0.4 or there == pytest.approx(target, abs=1e-9)
    elif not found.met:
        assert found.solution == 1.0
    assert 0.4 <= found.value <= 1.0
    assert abs(found.value - found.solution) <= 0.05 + 1e-8
    assert found.value * 10 == pytest.approx(round(found.value * 10))


@pytest.mark.parametrize(
    "target, value, solution",
    [
        (0.9, 0.7, 1 - 0.1**0.5),  # 0.684
        (0.64, 0.4, 0.4),  # the lowest value tried serves
        (0.2, 0.4, 0.4),
        (0.99, 0.9, 0.9),
        (0.9775, 0.9, 0.85),  # halves upwards
        (0.8775, 0.7, 0.65),
    ],
)
def test_a_curve_whose_solution_is_known(target, value, solution):
    found = krypton_tuner.fit(TAUS, [1 - (1 - TAUS) ** 2, 1 - (1 - TAUS) ** 2], target)
    assert found.met and found.solution == pytest.approx(solution, abs=1e-9) and found.value == value
    assert found.residual < 1e-12


def test_a_target_out_of_reach_takes_the_largest_value():
    found = krypton_tuner.fit(TAUS, [0.5 * TAUS], 0.9)
    assert (found.met, found.solution, found.value) == (False, 1.0, 1.0)


def test_a_line_is_a_parabola_too():
    found = krypton_tuner.fit([0.1, 0.25, 0.4, 0.6], [[0.75, 0.825, 0.9, 1.0]], 0.85, step=0.05)
    assert found.value == 0.3 and found.solution == pytest.approx(0.3)


def test_tune_measures_every_image_with_every_setting_and_the_share_with_the_threshold_found():
    asked = []

    def measure(image, tau, share):
        asked.append((image, tau, share))
        loss = (1 - tau) ** 2 * image
        return 1 - loss - (0 if share is None else 0.1 * (1 - share))

    tuned = krypton_tuner.tune(measure, [0.5, 1.5], ssim=0.9, tau_ssim=0.97, shares=(0.1, 0.4, 0.6))
    # The mean image has loss (1 - tau)^2: 0.03 at tau 0.827, rounded to 0.8; then 0.04 + 0.1 (1 - r) = 0.1 at r = 0.4.
    assert (tuned.tau.value, tuned.share.value) == (0.8, 0.4)
    assert tuned.tau.solution == pytest.approx(1 - 0.03**0.5) and tuned.share.solution == pytest.approx(0.4)
    assert asked[:14] == [(image, tau, None) for image in (0.5, 1.5) for tau in krypton_tuner.TAUS]
    assert asked[14:] == [(image, 0.8, share) for image in (0.5, 1.5) for share in (0.1, 0.4, 0.6)]


def test_without_shares_only_the_threshold_is_tuned():
    tuned = krypton_tuner.tune(lambda image, tau, share: tau, ["one"], ssim=0.9)
    assert tuned.share is None and tuned.tau.value == 0.9


def test_a_drill_down_that_no_share_saves_says_so():
    tuned = krypton_tuner.tune(
        lambda image, tau, share: tau if share is None else 0.5 * tau, ["one"], ssim=0.9, shares=(0.1, 0.25, 0.4)
    )
    assert not tuned.share.met and tuned.share.value == 0.4


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (dict(values=[0.5, 1.0]), ValueError, "at least three different values"),
        (dict(values=[0.5, 1.0, 1.0]), ValueError, "at least three different values"),
        (dict(values=[0.0, 0.5, 1.0]), ValueError, r"in \(0, 1\]"),
        (dict(ssims=[[0.9, 0.8]]), ValueError, r"expected finite SSIMs \[images, 3\]"),
        (dict(ssims=[[0.9, 0.8, float("nan")]]), ValueError, "expected finite SSIMs"),
        (dict(target=1.0), ValueError, r"target must lie in \(0, 1\)"),
        (dict(target="0.9"), TypeError, "target must be a number"),
        (dict(step=0), ValueError, "step must lie in"),
        (dict(step=True), TypeError, "step must be a number"),
    ],
)
def test_bad_input_is_refused(arguments, error, message):
    good = dict(values=[1.0, 0.7, 0.4], ssims=[[1.0, 0.9, 0.5]], target=0.9)
    with pytest.raises(error, match=message):
        krypton_tuner.fit(**{**good, **arguments})


def test_tune_refuses_no_images_and_a_threshold_below_the_promise():
    with pytest.raises(ValueError, match="got no images"):
        krypton_tuner.tune(lambda *_: 1.0, [])
    with pytest.raises(ValueError, match="tau_ssim must be at least"):
        krypton_tuner.tune(lambda *_: 1.0, ["one"], tau_ssim=0.8)
