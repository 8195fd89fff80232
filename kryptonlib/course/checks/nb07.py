"""Checks of notebook 07's exercises."""

import numpy as np
import torch
from scipy import stats

from kryptonlib.basics.transform_coding import reverse_water_filling
from kryptonlib.course.checks import expect


def check_rate(answer):
    """``answer(symbols)`` is the empirical entropy in bits per symbol of an int array [coefficients, places]."""
    rng = np.random.default_rng(7)
    cases = [
        (np.array([[0, 0, 1, 1]]), "two symbols, equally often, cost one bit each: use log2"),
        (np.array([[3, 3, 3, 3]]), "a symbol that always comes costs nothing"),
        (np.array([[0, 0, 1, 1], [5, 5, 5, 5]]), "each coefficient has a table of its own: take the mean of the rows' entropies"),
        (np.array([[-1, 0, 1, 0], [2, 2, 2, -7]]), "symbols may be negative: np.bincount cannot count them, np.unique can"),
    ]
    cases += [(np.round(rng.laplace(0, 2, (3, 40))).astype(int), "compare with scipy.stats.entropy") for _ in range(8)]
    for symbols, hint in cases:
        case = f"rate({symbols.tolist() if symbols.size <= 8 else f'array {symbols.shape}'})"
        truth = np.mean([stats.entropy(np.unique(row, return_counts=True)[1], base=2) for row in symbols])
        expect.close(expect.number(answer(symbols), case), truth, case, hint)
    expect.passed("rate", len(cases))


def check_straight_through(answer):
    """``answer(y, step)`` rounds a tensor to multiples of the step and hands the gradient on unchanged."""
    for values, step in (([0.4, 1.6, -2.7], 1.0), ([0.3, -0.8, 5.0], 0.5), ([3.1, -7.9, 0.0], 4.0)):
        y = torch.tensor(values, requires_grad=True)
        case = f"straight_through({values}, {step:g})"
        got = answer(y, step)
        expect.that(isinstance(got, torch.Tensor), case, expect.NOTHING if got is None else "it must return a tensor")
        expect.close(got, step * np.round(np.array(values) / step), case, "divide by the step, round, multiply", atol=1e-6)
        weights = torch.tensor([1.0, 2.0, -3.0])
        expect.that(
            got.requires_grad, case, "no gradient reaches y: add the rounding error as a constant, y + (rounded - y).detach()"
        )
        (slope,) = torch.autograd.grad((got * weights).sum(), y)
        expect.close(slope, weights.numpy(), f"the gradient of {case}", "the derivative of each value in y must be 1", atol=1e-6)
    expect.passed("straight_through", 3)


def check_water_filling(answer):
    """``answer(variances, level)`` is (distortions, bits): each coefficient's share and cost at a water level."""
    rng = np.random.default_rng(8)
    hint = "a coefficient gets the distortion level, but never more than its variance"
    cost = "it costs 1/2 log2(variance / distortion) bits, and nothing where it is not coded at all"
    cases = [([4.0, 1.0], 0.5), ([4.0, 1.0], 2.0), ([1.9, 0.1], 0.1)]
    cases += [(rng.uniform(0.1, 5, 4).round(2).tolist(), round(float(rng.uniform(0.1, 3)), 2)) for _ in range(6)]
    for variances, level in cases:
        case = f"water_filling({variances}, {level:g})"
        distortions, bits = expect.parts(answer(np.array(variances), level), 2, case, "(distortions, bits)")
        distortions = expect.close(distortions, np.minimum(level, variances), f"the distortions of {case}", hint)
        bits = expect.array(bits, (len(variances),), f"the bits of {case}")
        truth = 0.5 * np.log2(np.array(variances) / np.minimum(level, variances))
        expect.close(bits, truth, f"the bits of {case}", cost)
        # The same rate by a search for the level that gives this mean distortion.
        mean = float(distortions.mean())
        if mean < np.mean(variances):
            expect.close(bits.mean(), reverse_water_filling(variances, mean), f"the mean bits of {case}", cost, rtol=1e-6)
    expect.passed("water_filling", len(cases))
