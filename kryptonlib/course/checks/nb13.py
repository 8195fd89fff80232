"""Checks of notebook 13's exercises."""

import numpy as np

from kryptonlib.course.checks import expect
from kryptonlib.restoration import nodule


def check_hybrid(answer):
    """``answer(grey, eta, sigma, random)`` is clip(Poisson(eta g) / eta + N(0, sigma^2), 0, 255)."""
    cases = [(100.0, 0.5, 0.0), (100.0, 1.9, 0.0), (40.0, 0.4, 0.0), (120.0, 1.0, 15.0), (150.0, 0.4, 10.0)]
    for level, eta, sigma in cases:
        case = f"hybrid(grey={level:g}, eta={eta:g}, sigma={sigma:g}, random)"
        noisy = _noisy(answer, np.full((200, 200), level), eta, sigma, case)
        wanted = level / eta + sigma**2
        expect.that(
            abs(noisy.mean() - level) < 0.03 * level,
            case,
            f"the mean is {noisy.mean():.4g}, expected about {level:g}: divide the count by eta again",
        )
        expect.that(
            abs(noisy.var() / wanted - 1) < 0.08,
            case,
            f"the variance is {noisy.var():.4g}, expected about {wanted:.4g} = g / eta + sigma^2: the count has mean "
            "eta g, and sigma is a standard deviation",
        )
        steps = noisy * eta
        expect.that(
            sigma > 0 or np.allclose(steps, steps.round(), atol=1e-6),
            case,
            "without electronic noise eta f must be whole: photons are counted",
        )
    for level in (2.0, 253.0):
        case = f"hybrid(grey={level:g}, eta=0.4, sigma=20, random)"
        noisy = _noisy(answer, np.full((60, 60), level), 0.4, 20.0, case)
        expect.that(noisy.min() >= 0 and noisy.max() <= 255, case, "clip the sum to [0, 255]")
    pixels = _noisy(answer, np.full((60, 60), 100.0), 1.0, 10.0, "hybrid of a flat image")
    hint = "every pixel needs a draw of its own: give the shape"
    expect.that(len(np.unique(pixels)) > 1000, "hybrid of a flat image", hint)
    expect.passed("hybrid", len(cases) + 3)


def _noisy(answer, grey, eta, sigma, case):
    before = grey.copy()
    noisy = expect.array(answer(grey, eta, sigma, np.random.default_rng(5)), grey.shape, case)
    expect.that(np.array_equal(grey, before), case, "the clean image must stay as it was; make a new array")
    return noisy


def check_levels_of_line(answer):
    """``answer(means, variances)`` is (eta, sigma) of a least squares line."""
    rng = np.random.default_rng(6)
    hint = "the slope is 1 / eta, the height at 0 is sigma squared"
    cases = [(0.4, 15.0, 0.0), (1.9, 3.0, 0.0), (0.8, 10.0, 5.0), (0.6, 5.0, 20.0)]
    means = np.linspace(20, 230, 24)
    for eta, sigma, scatter in cases:
        variances = means / eta + sigma**2 + rng.normal(0, scatter, len(means))
        case = f"levels_of_line on a line of eta {eta:g}, sigma {sigma:g}{', scattered' if scatter else ''}"
        design = np.stack([means, np.ones_like(means)], 1)
        slope, height = np.linalg.lstsq(design, variances, rcond=None)[0]
        got = expect.parts(answer(means, variances), 2, case, "(eta, sigma)")
        for name, value, truth in zip(("eta", "sigma"), got, (1 / slope, np.sqrt(max(height, 0)))):
            expect.close(expect.number(value, f"{name} of {case}"), truth, f"{name} of {case}", hint, rtol=1e-6)
    got = expect.parts(answer(means, 100 - 0.01 * means), 2, "a falling line", "(eta, sigma)")
    expect.that(got[0] == np.inf, "a falling line", f"eta is {got[0]}, expected np.inf: no photon noise is to be seen")
    got = expect.parts(answer(means, 2 * means - 10), 2, "a line below 0 at 0", "(eta, sigma)")
    expect.that(got[1] == 0, "a line below 0 at 0", f"sigma is {got[1]}, expected 0: a variance cannot be negative")
    expect.close(got[0], 0.5, "eta of a line below 0 at 0", hint, rtol=1e-6)
    expect.passed("levels_of_line", len(cases) + 2)


def check_asymmetric(answer):
    """``answer(estimated, true, alpha)`` weighs under-estimation by 1 - alpha and over-estimation by alpha."""
    rng = np.random.default_rng(7)
    one = np.full(5, 0.1)
    for alpha in (0.3, 0.1):
        case = f"asymmetric of one error downwards and upwards, alpha={alpha}"
        under, over = (expect.number(answer(one + sign * 0.02, one, alpha), case) for sign in (-1, 1))
        expect.that(
            under > over,
            case,
            "under-estimation must cost more: with alpha 0.3 it weighs 0.7. (The printed eq. 3 has it otherwise.)",
        )
        hint = "|alpha - beta| times the squared error"
        expect.close(under, (1 - alpha) * 0.02**2, f"under-estimation, alpha={alpha}", hint)
        expect.close(over, alpha * 0.02**2, f"over-estimation, alpha={alpha}", hint)
    for shape in ((4,), (3, 5), (2, 2, 4, 4)):
        true, estimated = rng.uniform(0, 0.1, shape), rng.uniform(0, 0.1, shape)
        total = sum((0.7 if e < t else 0.3) * (e - t) ** 2 for e, t in zip(estimated.ravel(), true.ravel()))
        case = f"asymmetric of arrays {shape}"
        got = expect.number(answer(estimated, true), case)
        expect.close(got, total / true.size, case, "each place has its own weight, and the mean is taken over all")
    expect.passed("asymmetric", 5)


def check_kept_and_index(answer):
    """``answer(restored, restored_without, clean, template, contrast)`` is (share of the contrast kept, d')."""
    rng = np.random.default_rng(8)
    template = nodule.spot(24, 6.0)
    clean = rng.uniform(60, 180, template.shape)
    keeps = "read sum(t (image - clean)) / sum(t^2), and divide the difference of the means by the contrast"
    for kept, contrast, spread in ((1.0, 10.0, 3.0), (0.4, 20.0, 3.0), (0.0, 10.0, 2.0), (0.8, -15.0, 5.0)):
        absent = [clean + 7 + rng.normal(0, spread, clean.shape) for _ in range(8)]
        present = [clean + 7 + kept * contrast * template + rng.normal(0, spread, clean.shape) for _ in range(6)]
        case = f"kept_and_index with {kept:.0%} of a contrast of {contrast:g} kept"
        got = expect.parts(answer(present, absent, clean, template, contrast), 2, case, "(kept, d')")
        # Least squares by another way than the formula of the notebook.
        column = template.reshape(-1, 1)
        fits = [
            np.array([np.linalg.lstsq(column, (one - clean).ravel(), rcond=None)[0][0] for one in group])
            for group in (present, absent)
        ]
        difference = fits[0].mean() - fits[1].mean()
        expect.close(expect.number(got[0], case), difference / contrast, f"the share of {case}", keeps, rtol=1e-6)
        deviation = np.sqrt((fits[0].var(ddof=1) + fits[1].var(ddof=1)) / 2)
        expect.close(
            expect.number(got[1], case), difference / deviation, f"d' of {case}",
            "divide by the root of the mean of both variances, with ddof=1", rtol=1e-6,
        )  # fmt: skip
    expect.passed("kept_and_index", 4)
