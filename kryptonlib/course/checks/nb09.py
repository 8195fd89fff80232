"""Checks of notebook 09's exercises."""

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

from kryptonlib.course.checks import expect


def check_laplace_bits(answer):
    """``answer(y, step)`` is (median, scale, bits): the likeliest Laplace density of y and its entropy after rounding."""
    rng = np.random.default_rng(9)
    cases = [("[-3, 0, 0, 1, 4]", np.array([-3.0, 0, 0, 1, 4]), 1.0)]
    cases += [(f"{n} draws", rng.laplace(centre, scale, n), step)
              for n, centre, scale, step in ((101, 0, 1, 1.0), (501, 5, 0.4, 2.0), (301, -2, 6, 0.5), (51, 0, 0.2, 8.0))]  # fmt: skip
    for name, y, step in cases:
        case = f"laplace_bits({name}, {step:g})"
        location, scale, bits = expect.parts(answer(y, step), 3, case, "(median, scale, bits)")
        middle, width = stats.laplace.fit(y)
        expect.close(expect.number(location, case), middle, f"the location of {case}",
                     "the likelihood of |y - mu| is greatest at the median")  # fmt: skip
        expect.close(expect.number(scale, case), width, f"the scale of {case}",
                     "it is the mean distance from the median, not a standard deviation")  # fmt: skip
        edges = step * (np.arange(-4000, 4001) + 0.5)
        cells = np.diff(stats.laplace.cdf(np.concatenate([[-np.inf], edges, [np.inf]]), scale=width))
        truth = stats.entropy(cells[cells > 0], base=2)
        expect.close(expect.number(bits, case), truth, f"the bits of {case}",
                     "sum -p log2 p over the cells mu + step k ± step/2, on both sides, far enough out", atol=1e-4, rtol=1e-4)  # fmt: skip
    expect.passed("laplace_bits", len(cases))


def check_divergence(answer):
    """``answer(values, bins)`` is the Jensen-Shannon divergence in bits of a histogram from the uniform distribution."""
    rng = np.random.default_rng(10)
    cases = [("one of each of 0, 1, 2, 3", np.arange(4.0), 4), ("0, 0, 0, 1", np.array([0.0, 0, 0, 1]), 2)]
    cases += [("uniform draws", rng.uniform(-70, 70, 900), 40), ("Laplace draws", rng.laplace(3, 2, 900), 40)]
    cases += [("Gaussian draws", rng.normal(size=300), 25)]
    hint = ("(KL(p, m) + KL(u, m)) / 2 with m = (p + u) / 2 and u = 1 / bins in every bin, in bits; empty bins of p add nothing "
            "to the first sum and something to the second; scipy's jensenshannon is the square root")  # fmt: skip
    for name, values, bins in cases:
        case = f"divergence({name}, {bins})"
        counts = np.histogram(values, bins)[0]
        truth = jensenshannon(counts, np.ones(bins), base=2) ** 2
        expect.close(expect.number(answer(values, bins), case), truth, case, hint, atol=1e-7)
    expect.passed("divergence", len(cases))


def check_binarize(answer):
    """``answer(q)`` writes a coefficient as "0" and "1": unary up to 10, Exp-Golomb beyond, then the sign."""
    texts = {}
    for q in [*range(-40, 41), 10**6, -(10**6)]:
        case = f"binarize({q})"
        text = answer(q)
        expect.that(text is not None, case, expect.NOTHING)
        expect.that(isinstance(text, str) and set(text) <= {"0", "1"}, case, f"it returned {expect.shortened(text)}; expected 0s and 1s")
        size = abs(q)
        prefix = "1" * size + "0" if size < 10 else "1" * 10
        expect.that(text.startswith(prefix), case, f"it begins with {text[:12]!r}: the unary part of {size} is {prefix!r}, and no 0 "
                    "follows ten 1s")  # fmt: skip
        rest = text[len(prefix) :]
        sign = "" if q == 0 else "01"[q < 0]
        expect.that(rest.endswith(sign), case, f"it ends with {text[-1:]!r}: the last bit is the sign, 1 for negative, none for 0")
        middle = rest[: len(rest) - len(sign)]
        if size < 10:
            expect.that(middle == "", case, f"{middle!r} stands between the unary part and the sign: below 10 nothing does, and 0 has "
                        "no sign")  # fmt: skip
        else:
            digits = bin(size - 9)[3:]
            expect.that(middle == "1" * len(digits) + "0" + digits, case, f"the Exp-Golomb part is {middle!r}, expected "
                        f"{'1' * len(digits) + '0' + digits!r}: v = |q| - 10, v + 1 = {bin(size - 9)[2:]} in binary")  # fmt: skip
        texts[text] = q
    expect.passed("binarize", len(texts), "numbers")
