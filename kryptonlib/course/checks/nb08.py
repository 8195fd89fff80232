"""Checks of notebook 08's exercises."""

import numpy as np
from numpy.polynomial import Polynomial
from scipy.integrate import quad

from kryptonlib.course.checks import expect


def check_dead_zone(answer):
    """``answer(y, step, edge)`` gives whole numbers: rounding whose 0 reaches as far as edge * step."""
    signs = "below 0 it must do what it does above 0: work with |y| and put the sign back"
    further = "what lies below edge * step becomes 0, and every further threshold lies one step on"
    cases = [
        ([0.2, 0.4, 0.6, 1.4, 1.6], 1.0, 0.5, "with edge 1/2 it is rounding"),
        ([-0.2, -0.6, -1.4, -1.6], 1.0, 0.5, signs),
        ([0.55, 0.65, 1.55, 1.65, 2.62], 1.0, 0.6, further),
        ([-1.55, -1.65, 0.0], 1.0, 0.6, signs),
        ([2.3, 2.5, 6.3, 6.5, -6.5], 4.0, 0.6, "the edge is in units of the step: divide by the step first"),
        ([0.99, 1.01, 1.99, -2.01], 1.0, 1.0, "with edge 1 the fraction is cut off"),
    ]
    for values, step, edge, hint in cases:
        y = np.array(values)
        case = f"dead_zone({values}, step={step:g}, edge={edge:g})"
        thresholds = (np.arange(12) + edge) * step
        truth = np.sign(y) * (np.abs(y)[:, None] >= thresholds).sum(1)
        expect.close(answer(y, step, edge), truth, case, hint)
    rng = np.random.default_rng(8)
    for number in range(8):
        step, edge = float(rng.uniform(0.3, 3)), float(rng.uniform(0.4, 1))
        y = rng.laplace(0, 2, 40)
        truth = np.sign(y) * (np.abs(y)[:, None] >= (np.arange(200) + edge) * step).sum(1)
        case = f"dead_zone of 40 Laplace values, step {step:.2f}, edge {edge:.2f}"
        hint = "count the thresholds edge, edge + 1, edge + 2 … (in steps) that lie below |y|"
        expect.close(answer(y, step, edge), truth, case, hint)
    expect.passed("dead_zone", len(cases) + 8)


def check_factor_for(answer):
    """``answer(rate, wanted)`` finds the beta in [1, 10] at which the falling function ``rate`` gives ``wanted``."""
    rates = {
        "0.8 / beta": lambda beta: 0.8 / beta,
        "0.7 beta^-1.4": lambda beta: 0.7 * beta**-1.4,
        "a curve that bends": lambda beta: 0.9 * np.exp(-0.5 * (beta - 1)) + 0.02 / beta,
        "one that falls late": lambda beta: 1 / (1 + np.exp(2 * (beta - 6))),
    }
    count = 0
    for name, rate in rates.items():
        for wanted_at in (1.3, 2.0, 4.7, 8.9):
            calls = []

            def counted(beta, rate=rate, calls=calls):
                calls.append(beta)
                return rate(beta)

            case = f"factor_for(rate = {name}, {rate(wanted_at):.4g})"
            beta = expect.number(answer(counted, rate(wanted_at)), case)
            far = abs(rate(beta) / rate(wanted_at) - 1)
            hint = "the rate falls as beta grows: where it is too high, beta must rise; halve the interval on and on"
            expect.that(far < 0.01, case, f"beta = {beta:.4g} gives {rate(beta):.4g}, more than 1 % off: {hint}")
            expect.that(len(calls) <= 60, case, f"it asked for {len(calls)} rates; halving an interval needs about 15")
            expect.that(min(calls, default=1) >= 1 and max(calls, default=1) <= 10, case, "it asked outside [1, 10]")
            count += 1
    expect.passed("factor_for", count)


def check_bd_rate(answer):
    """``answer(anchor, test)`` is Bjøntegaard's difference of rates in per cent; each is (rates, PSNRs), two arrays."""
    psnr = np.array([30.0, 32.0, 34.0, 36.0, 38.0])
    rates = np.exp(0.2 * (psnr - 34)) * 0.4
    hint = "the mean difference of ln(rate) over the PSNRs; then 100 (exp(mean) - 1)"
    range_of_both = "integrate only over the PSNRs that both reach, and divide by the length of that range"
    anchor, worse = (rates, psnr), rates * np.exp(0.02 * (psnr - 30))
    cases = [
        (anchor, anchor, 0.0, "a curve against itself", hint),
        (anchor, (1.25 * rates, psnr), 25.0, "25 % more rate everywhere", hint),
        ((1.25 * rates, psnr), anchor, -20.0, "an anchor that needs 25 % more", "above 0 if the second needs more"),
        (anchor, (1.1 * rates[:4], psnr[:4]), 10.0, "a test that ends earlier", range_of_both),
        (anchor, (worse[1:], psnr[1:]), 100 * np.expm1(0.1), "a test that is worse at high PSNR", range_of_both),
    ]
    for first, second, truth, case, why in cases:
        expect.close(expect.number(answer(first, second), case), truth, case, why, rtol=1e-4, atol=1e-4)
    rng = np.random.default_rng(9)
    for number in range(5):
        curves = []
        for _ in range(2):
            quality = np.sort(rng.uniform(28, 40, 6)) + np.arange(6)
            curves.append((np.exp(0.15 * (quality - 34) + rng.normal(0, 0.02, 6)) * rng.uniform(0.3, 0.5), quality))
        case = f"random curves {number + 1}"
        expect.close(expect.number(answer(*curves), case), by_quadrature(*curves), case, hint, rtol=1e-4, atol=1e-4)
    expect.passed("bd_rate", len(cases) + 5)


def by_quadrature(anchor, test):
    """The same difference with cubics on a scaled axis and a numerical integral."""
    cubics = [Polynomial.fit(psnr, np.log(rates), 3) for rates, psnr in (anchor, test)]
    low = max(psnr.min() for _, psnr in (anchor, test))
    high = min(psnr.max() for _, psnr in (anchor, test))
    return 100 * np.expm1(quad(lambda psnr: cubics[1](psnr) - cubics[0](psnr), low, high)[0] / (high - low))
