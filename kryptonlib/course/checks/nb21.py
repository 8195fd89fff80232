"""Checks of notebook 21: windows counted cell by cell, the expected SSIM window by window, scipy's Student quantile."""

import numpy as np
from scipy.stats import t as student

from kryptonlib.course.checks import expect

WINDOW = 7


def check_within_reach(answer):
    """``answer(low, high, middle, size, reach)``: the part of a window that lies near enough to the patch's middle."""
    cases = [
        ((10, 20, 14.5, 40, 1.0), "a reach of 1 keeps what is at most half a map away: here everything"),
        ((10, 20, 14.5, 40, 0.2), "keep round(reach * size) cells around the middle"),
        ((0, 12, 1.0, 40, 0.2), "at the border fewer cells are left: the threshold would keep as many as elsewhere"),
        ((25, 40, 38.0, 40, 0.2), "at the border fewer cells are left: the threshold would keep as many as elsewhere"),
        ((10, 20, 13.0, 40, 0.15), "keep round(reach * size) cells around the middle, not around the window's own"),
        ((10, 20, 15.0, 40, 0.01), "at least one cell is kept"),
        ((10, 20, 15.0, 26, 0.25), "halves are rounded up: 6.5 cells are 7"),
    ]
    for arguments, hint in cases:
        low, high, middle, size, reach = arguments
        call = f"within_reach{arguments}"
        got = answer(*arguments)
        expect.that(got is not None, call, expect.NOTHING)
        expect.that(np.size(got) == 2, call, f"it returned {got!r}; expected low, high")
        most = max(1, int(np.floor(reach * size + 0.5)))
        # Cell by cell; of the two that may be equally far at an even number, either is taken.
        truths = []
        for begin in {int(np.floor(middle - (most - 1) / 2 + 0.5)), int(np.ceil(middle - (most - 1) / 2 - 0.5))}:
            cells = [cell for cell in range(low, high) if begin <= cell < begin + most]
            truths.append((cells[0], cells[-1] + 1))
        found = f"it returned {tuple(int(end) for end in got)}, counted cell by cell {truths[0]}: {hint}"
        expect.that(tuple(int(end) for end in got) in truths, call, found)
    expect.passed("within_reach", len(cases))


def check_expected_ssim(answer):
    """``answer(values, likely, checked, exact, data_range)``: the SSIM expected from errors at checked places."""
    rng = np.random.default_rng(21)
    rows, columns = np.mgrid[:12, :14]
    values = np.sin(0.4 * rows) + 0.5 * np.cos(0.7 * columns)
    likely = rng.random(values.shape) * (rng.random(values.shape) < 0.7)
    checked = np.argwhere(rng.random(values.shape) < 0.2)
    exact = values[tuple(checked.T)] + 0.2 * rng.standard_normal(len(checked))
    flat = np.full((9, 9), 0.5)
    somewhere = np.array([[1, 1], [4, 5], [7, 2]])
    cases = [
        (values, likely, checked, exact, 1.0, "one factor for all: the sum of squared errors over the sum of likely"),
        (values, likely, checked, values[tuple(checked.T)], 1.0, "without errors the SSIM is 1"),
        (values, 2 * likely, checked, exact, 1.0, "likely counts up to a factor only: doubled, nothing changes"),
        (values, likely, checked, exact, 3.0, "C2 holds the data range, squared"),
        (flat, np.ones((9, 9)), somewhere, flat[0, :3] + 0.1, 1.0, "in a flat window v is 0 and C2 keeps 0/0 away"),
    ]
    for number, (guess, weight, places, truth, span, hint) in enumerate(cases, 1):
        call = f"case {number}, data_range {span:g}"
        got = expect.number(answer(guess.copy(), weight.copy(), places.copy(), truth.copy(), span), call)
        squares = sum((truth[k] - guess[i, j]) ** 2 for k, (i, j) in enumerate(places))
        factor = squares / sum(weight[i, j] for i, j in places)
        terms = []
        for i in range(guess.shape[0] - WINDOW + 1):
            for j in range(guess.shape[1] - WINDOW + 1):
                part = slice(i, i + WINDOW), slice(j, j + WINDOW)
                signal, noise, c2 = guess[part].var(), factor * weight[part].mean(), (0.03 * span) ** 2
                terms.append((2 * signal + c2) / (2 * signal + noise + c2))
        expected = float(np.mean(terms))
        expect.that(
            np.isclose(got, expected, rtol=1e-6),
            call,
            f"it returned {got:.6g}, window by window it is {expected:.6g}: {hint}",
        )
    expect.passed("expected_ssim", len(cases))


def check_reached_by_most(answer):
    """``answer(ssims)``: what nine in ten new images are expected to reach, by the SSIMs of a few."""
    cases = [
        (np.array([0.95, 0.93, 0.97]), "the mean minus Student's quantile times sqrt(1 + 1/n) times the deviation"),
        (np.array([0.95, 0.95, 0.95, 0.95]), "without spread every image reaches the same"),
        (np.array([0.99, 0.91, 0.96, 0.93, 0.95, 0.90]), "the deviation divides by n - 1: few images spread less"),
        (np.array([0.92, 0.98]), "Student's quantile has n - 1 degrees of freedom"),
    ]
    for ssims, hint in cases:
        call = f"reached_by_most({ssims.tolist()})"
        got = expect.number(answer(ssims.copy()), call)
        count = len(ssims)
        truth = ssims.mean() - student.ppf(0.9, count - 1) * np.sqrt((1 + 1 / count) * ssims.var(ddof=1))
        expect.that(np.isclose(got, truth, rtol=1e-9), call, f"it returned {got:.6g} instead of {truth:.6g}: {hint}")
    expect.passed("reached_by_most", len(cases))
