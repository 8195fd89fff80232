"""Checks of notebook 06's exercises: scikit-image's SSIM, a numerical root, and a search over all coarse strides."""

import numpy as np
from scipy.optimize import brentq
from skimage.metrics import structural_similarity

from kryptonlib.course.checks import expect

SIDE = 7


def check_ssim_of_window(answer):
    """``answer(x, y, data_range)`` is the SSIM of two windows, with variances that divide by the number of cells."""
    rng = np.random.default_rng(6)
    x = rng.random((SIDE, SIDE))
    noisy = x + 0.2 * rng.standard_normal((SIDE, SIDE))
    flat = np.full((SIDE, SIDE), 0.5)
    cases = [
        (x, x, 1.0, "equal windows have SSIM 1"),
        (x, x + 0.4, 1.0, "a shift changes the means: the first factor must fall below 1"),
        (
            x,
            noisy,
            1.0,
            "compare the means, the variances and the covariance of all cells (divide by their number), with C1 and C2 "
            "from the data range that was given",
        ),
        (x, 1 - x, 1.0, "the covariance, not the product of the deviations: an inverted window scores below 0"),
        (x, noisy, 0.5, "C1 and C2 hold the data range, squared"),
        (255 * x, 255 * noisy, 255.0, "C1 and C2 hold the data range, squared: in units of 255 the score is the same"),
        (x, noisy, 100.0, "take the data range that was given; the windows do not tell it"),
        (flat, flat + 0.01, 1.0, "a flat window has variance 0: C2 must keep 0/0 away"),
    ]
    for number, (first, second, span, hint) in enumerate(cases, 1):
        call = f"case {number}, data_range {span:g}"
        got = expect.number(answer(first.copy(), second.copy(), span), call)
        truth = structural_similarity(first, second, win_size=SIDE, data_range=span, use_sample_covariance=False)
        expect.that(np.isclose(got, truth, rtol=1e-6), call, f"it returned {got:.6g}, scikit-image {truth:.6g}: {hint}")
    expect.passed("ssim_of_window", len(cases))


def check_coarse_stride(answer):
    """``answer(stride, share, target)`` is S1, at which the cost model gives the speed-up ``target``."""
    cases = [
        (4, 0.1, 5, "set the speed-up equal to the target and solve for S1: it occurs squared"),
        (4, 0.4, 2, "stage 2 costs r of the fine grid: what is left for stage 1 is 1/target - r"),
        (4, 0.25, 3, "stage 2 costs r of the fine grid: what is left for stage 1 is 1/target - r"),
        (8, 0.25, 3, "S1 grows with the fine stride"),
        (1, 0.5, 1.5, "do not round: the result is a length, not a number of pixels"),
        (2, 0.01, 20, "solve for S1 anew"),
    ]
    for stride, share, target, hint in cases:
        call = f"coarse_stride({stride}, {share}, {target})"
        got = expect.number(answer(stride, share, target), call)
        truth = brentq(lambda coarse: 1 / (share + (stride / coarse) ** 2) - target, 1e-6 * stride, 1e6 * stride)
        expect.that(
            np.isclose(got, truth, rtol=1e-6),
            call,
            f"it returned {got:.6g}, but the cost model gives {target} at S1 = {truth:.6g}: {hint}",
        )
    impossible = [(4, 0.5, 2), (4, 0.4, 3)]
    for case in impossible:
        call = f"coarse_stride{case}"
        try:
            got = answer(*case)
        except ValueError:
            continue
        raise AssertionError(
            f"{call}: it returned {got!r}, but stage 2 alone already costs more than the target allows: "
            "raise a ValueError where share * target >= 1"
        )
    expect.passed("coarse_stride", len(cases) + len(impossible))


def check_largest_speedup(answer):
    """``answer(width, stride, share)``: the speed-up of the cost model that no coarse stride up to ``width`` beats."""
    cases = [
        (224, 4, 0.25, "stage 1 costs at least one position: S1 cannot exceed the image"),
        (224, 4, 0.01, "with a small share the single coarse position counts: 1/r is not reached"),
        (64, 16, 0.1, "with few positions the single coarse position counts: 1/r is not reached"),
        (32, 4, 0.5, "even without stage 1 the share must be computed: the speed-up stays below 1/r"),
        (224, 8, 1.0, "a share of 1 computes everything, and stage 1 besides"),
    ]
    for width, stride, share, hint in cases:
        call = f"largest_speedup({width}, {stride}, {share})"
        got = expect.number(answer(width, stride, share), call)
        coarse = np.linspace(stride, width, 2000)
        truth = float(np.max(1 / ((stride / coarse) ** 2 + share)))
        expect.that(
            np.isclose(got, truth, rtol=1e-6),
            call,
            f"it returned {got:.6g}, but the best coarse stride from {stride} to {width} gives {truth:.6g}: {hint}",
        )
    expect.passed("largest_speedup", len(cases))
