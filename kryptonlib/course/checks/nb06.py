"""Checks of notebook 06: scikit-image's SSIM, a search over windows, the library's drill-down and its tuner."""

import numpy as np
from skimage.metrics import structural_similarity

from kryptonlib.course.checks import expect
from kryptonlib.occlusion import drilldown, krypton_tuner
from kryptonlib.occlusion.grid import make_grid

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


def check_thresholded_window(answer):
    """``answer(low, high, middle, kernel, stride, padding, size, tau)``: the window after one layer, and its middle."""
    cases = [
        ((40, 48, 43.5, 3, 1, 1, 100, 1.0), "tau 1 cuts nothing: the window only grows"),
        ((40, 48, 43.5, 3, 1, 1, 100, 0.07), "cut a window that is larger than tau times the map's cells"),
        ((40, 48, 43.5, 3, 1, 1, 100, 0.05), "keep the cells around the patch's middle"),
        ((20, 40, 23.0, 3, 1, 1, 100, 0.08), "keep the cells around the patch's middle, not the window's"),
        ((0, 9, 1.5, 3, 1, 1, 100, 0.06), "the cells that are kept lie inside the window, at the border too"),
        ((90, 100, 98.0, 5, 1, 2, 100, 0.06), "the cells that are kept lie inside the window, at the border too"),
        ((40, 48, 43.5, 3, 2, 1, 50, 1.0), "a stride of 2 halves the window"),
        ((40, 60, 51.5, 3, 2, 1, 50, 0.1), "a stride moves the middle too: divide it"),
        ((40, 60, 51.0, 7, 2, 3, 50, 0.13), "halves are rounded up: 6.5 cells are 7"),
        ((10, 14, 11.5, 7, 2, 0, 30, 0.07), "without padding output j looks at inputs from stride * j on"),
        ((3, 6, 4.0, 3, 1, 1, 13, 0.01), "at least one cell is kept"),
    ]
    for arguments, hint in cases:
        call = f"thresholded_window{arguments}"
        got = answer(*arguments)
        expect.that(got is not None, call, expect.NOTHING)
        expect.that(np.size(got) == 3, call, f"it returned {got!r}; expected low, high, middle")
        low, high, middle = (float(number) for number in got)
        windows, centre = _windows_by_search(*arguments)
        expected = " or ".join(f"{one[0]} to {one[1]}" for one in windows)
        found = f"it returned the window {low:g} to {high:g}, a search over all windows finds {expected}: {hint}"
        expect.that((low, high) in windows, call, found)
        expect.that(
            abs(middle - centre) < 1e-9,
            call,
            f"the window is right, but its middle is {middle:g} and should be {centre:g}: output j lies over input "
            "stride * j - padding + (kernel - 1) / 2",
        )
    expect.passed("thresholded_window", len(cases))


def _windows_by_search(low, high, middle, kernel, stride, padding, size, tau):
    """Every window that the threshold may keep, best placed around the middle, and the middle in the output."""
    touched = [
        j for j in range(size) if any(low <= j * stride - padding + offset < high for offset in range(kernel))
    ]
    first, end = touched[0], touched[-1] + 1
    centres = np.arange(size) * stride - padding + (kernel - 1) / 2
    centre = float(np.interp(middle, centres, np.arange(size)))
    if not centres[0] <= middle <= centres[-1]:
        centre = (middle + padding - (kernel - 1) / 2) / stride
    most = next(cells for cells in range(1, size + 1) if cells >= tau * size - 0.5 and cells + 1 > tau * size + 0.5)
    length = min(most, end - first)
    off = {
        (start, start + length): abs((2 * start + length - 1) / 2 - centre) for start in range(first, end - length + 1)
    }
    return [window for window, distance in off.items() if distance <= min(off.values()) + 1e-9], centre


def check_drill_down(answer):
    """``answer(score, size, coarse, share)`` is the map [size, size] of a two-stage drill-down."""

    def pit(row, column):
        return float(np.hypot(row - 5.3, column - 8.2) + 0.1 * np.sin(3 * row + column))

    def slope(row, column):
        return 0.5 * row - 0.25 * column + 3.0

    def saddle(row, column):
        return float(np.sin(0.4 * row) * np.cos(0.7 * column) + 0.01 * row)

    cases = [
        (slope, 13, 4, 0.1, "between the coarse positions interpolate along the rows, then along the columns"),
        (pit, 13, 4, 0.1, "the share is of the fine positions, those with the lowest values of the interpolated map"),
        (pit, 13, 3, 0.4, "the share is of the fine positions, those with the lowest values of the interpolated map"),
        (saddle, 21, 5, 0.25, "compute the chosen positions anew: their interpolated values are only a guess"),
        (saddle, 9, 2, 0.05, "round the number of positions, halves upwards"),
        (saddle, 9, 2, 1.0, "a share of 1 gives the exact map"),
    ]
    for score, size, coarse, share, hint in cases:
        call = f"drill_down({score.__name__}, {size}, {coarse}, {share})"
        asked = []

        def counted(row, column, score=score, asked=asked):
            asked.append((int(row), int(column)))
            return score(row, column)

        got = answer(counted, size, coarse, share)
        expect.that(got is not None, call, expect.NOTHING)
        got = np.asarray(got, dtype=float)
        expect.that(got.shape == (size, size), call, f"it returned shape {got.shape}; expected {(size, size)}")
        truth = drilldown.run(
            lambda at, _, score=score: np.array([score(*place) for place in at.tolist()]),
            make_grid((size, size), 1, 1),
            share=share,
            coarse=coarse,
            align=True,
        )
        wrong = np.abs(got - truth.values) > 1e-9
        where = tuple(int(index) for index in np.argwhere(wrong)[0]) if wrong.any() else None
        expect.that(where is None, call, f"{wrong.sum()} positions are wrong, first {where}: {hint}")
        count = f"the map is right, but score() was called {len(asked)} times instead of {sum(truth.passes)}: "
        few = "stage 2 computes a share of the fine positions anew, also where the interpolated value looks right"
        expect.that(len(asked) >= sum(truth.passes), call, count + few)
        many = "a position of the coarse stage is known already, and the others are needed once"
        expect.that(len(asked) == sum(truth.passes), call, count + many)
    expect.passed("drill_down", len(cases))


def check_krypton_tau(answer):
    """``answer(taus, ssims, target)``: the threshold at which a parabola through all images meets the target."""
    taus = np.array([1.0, 0.8, 0.6, 0.5, 0.4])
    falling = 1 - (1 - taus) ** 2
    cases = [
        (taus, [falling], 0.9, "solve the parabola for the target, then round to a tenth"),
        (taus, [falling, 1 - 2 * (1 - taus) ** 2, falling**2], 0.9, "fit one parabola to all images together"),
        (taus, [falling, falling**3], 0.8, "fit one parabola to all images together"),
        (taus, [falling], 0.93, "round to the nearest tenth: 0.735 is 0.7"),
        (taus, [falling], 0.2, "do not go below the lowest threshold that was tried"),
        (taus, [0.5 * falling], 0.9, "where the parabola stays below the target, only 1 (exact) keeps it"),
    ]
    for number, (tried, ssims, target, hint) in enumerate(cases, 1):
        call = f"case {number}, {len(ssims)} image{'s' * (len(ssims) > 1)}, target {target}"
        got = expect.number(answer(tried.copy(), np.array(ssims), target), call)
        truth = krypton_tuner.fit(tried, ssims, target)
        expect.that(
            np.isclose(got, truth.value, atol=1e-6),
            call,
            f"it returned {got:.6g}, but the parabola gives {truth.solution:.3f}, rounded {truth.value:g}: {hint}",
        )
    expect.passed("krypton_tau", len(cases))
