"""Checks of notebook 05's exercises: each truth comes from changing cells and seeing what torch's layers make of it."""

import numpy as np
import torch
import torch.nn.functional as F

from kryptonlib.course.checks import expect


def check_output_interval(answer):
    """``answer(low, high, kernel, stride, padding, size)`` is the changed interval (low, high) of a layer's output."""
    stages = [
        (
            [(5, 6, 3, 1, 0, 12), (4, 8, 5, 1, 0, 20)],
            "output o reads the inputs o * stride - padding to o * stride - padding + kernel - 1; "
            "which o meet the change?",
        ),
        ([(5, 8, 3, 1, 1, 12), (9, 11, 5, 1, 2, 20)], "padding shifts what an output reads to the left"),
        (
            [(5, 9, 3, 2, 1, 16), (6, 7, 2, 2, 0, 16), (7, 12, 5, 3, 2, 24)],
            "divide by the stride: round the lower end up and the upper end down",
        ),
        (
            [(0, 3, 3, 1, 1, 12), (9, 12, 3, 1, 1, 12), (0, 2, 7, 2, 3, 15)],
            "there is no output below 0 and none at or beyond the output's length: cut the interval off",
        ),
        ([(5, 6, 1, 2, 0, 12)], "a kernel shorter than the stride skips inputs; if nothing changes, return (0, 0)"),
    ]
    rng = np.random.default_rng(5)
    drawn = []
    while len(drawn) < 24:
        kernel, stride, padding = (int(n) for n in rng.integers((1, 1, 0), (8, 4, 4)))
        low, high = sorted(int(n) for n in rng.choice(25, 2, replace=False))
        if padding < kernel:
            drawn.append((low, high, kernel, stride, padding, 24))
    stages.append((drawn, "compare the outputs one by one"))
    for cases, hint in stages:
        for case in cases:
            call = f"output_interval{case}"
            got = answer(*case)
            expect.parts(got, 2, call, "(low, high)")
            expect.that(
                all(isinstance(end, (int, np.integer)) for end in got),
                call,
                f"it returned {got!r}; cells are counted with whole numbers: use //",
            )
            truth = _changed(*case)
            expect.that(
                tuple(got) == truth,
                call,
                f"it returned {tuple(got)}, but torch's outputs {truth[0]} to "
                f"{truth[1] - 1} changed, that is {truth}: {hint}"
                if truth != (0, 0)
                else f"it returned {tuple(got)}, but no output changed: {hint}",
            )
    expect.passed("output_interval", sum(len(cases) for cases, _ in stages))


def check_window_growth(answer):
    """``answer(width, layers)`` lists the largest window after each (kernel, stride), far from any border."""
    cases = [
        (16, [(3, 1)], "a 3-wide kernel reaches one cell further on either side"),
        (16, [(3, 1), (3, 1)], "each layer starts from the window that the layer before it left"),
        (20, [(2, 2)], "a window of 20 cells meets at most ceil((20 + 2 - 1) / 2) windows of two cells"),
        (10, [(3, 1), (3, 2), (3, 1)], "grow by kernel - 1 first, then divide by the stride and round up"),
        (16, [(7, 2), (3, 2), (3, 1)], "an odd number divided by the stride is rounded up: the worst alignment counts"),
        (16, [(1, 1), (1, 2), (5, 3)], "a kernel of 1 does not grow anything"),
        (4, [(3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (2, 2)], "follow the widths layer by layer"),
    ]
    for width, layers, hint in cases:
        call = f"largest_windows({width}, {layers})"
        got = answer(width, list(layers))
        expect.parts(got, len(layers), call, f"a list of {len(layers)} widths, one after each layer")
        truth = _largest_windows(width, layers)
        expect.that(
            list(got) == truth,
            call,
            f"it returned {list(got)}, but moving the patch over all alignments gives at most {truth}: {hint}",
        )
    expect.passed("window_growth", len(cases))


def check_redundancy(answer):
    """``answer(layers, size, low, high)`` is eq. 14 for a chain of (C_in, C_out, kernel, stride, padding) layers."""
    one = [(3, 8, 3, 1, 1)]
    two = [(3, 8, 3, 1, 1), (8, 16, 3, 2, 1)]
    three = [(1, 4, 5, 2, 2), (4, 4, 3, 1, 1), (4, 32, 3, 2, 1)]
    cases = [
        (one, 12, 5, 7, "the window is as wide as it is high: both axes count"),
        (two, 16, 6, 9, "sum the layers' multiplications first and divide the sums: it is no mean of ratios"),
        (two, 16, 0, 3, "at the border the window is cut off"),
        (three, 24, 10, 14, "a layer's map is the one before it divided by the stride"),
        (three, 23, 19, 23, "at the border the window is cut off"),
        ([(2, 2, 1, 1, 0)] * 3, 10, 2, 4, "1x1 kernels keep the window as it is"),
        (one, 12, 0, 12, "a patch over the entire image saves nothing"),
    ]
    for layers, size, low, high, hint in cases:
        call = f"redundancy({layers}, {size}, {low}, {high})"
        got = answer(list(layers), size, low, high)
        truth = _counted_ratio(layers, size, low, high)
        expect.close(expect.number(got, call), truth, call, f"the truth counts the changed outputs; {hint}", atol=0)
    expect.passed("redundancy", len(cases))


def _changed(low, high, kernel, stride, padding, size):
    """Outputs of a convolution with positive weights that depend on the inputs [low, high)."""
    base = torch.zeros(1, 1, size, dtype=torch.double)
    base[0, 0, low:high] = 1.0
    weights = torch.ones(1, 1, kernel, dtype=torch.double)
    places = torch.nonzero(F.conv1d(base, weights, stride=stride, padding=padding)[0, 0]).flatten()
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)


def _largest_windows(width, layers):
    """The most outputs that a window of the width before can change, over all its alignments, layer after layer."""
    found = []
    for kernel, stride in layers:
        counts = []
        for shift in range(stride):
            window = F.pad(torch.ones(1, 1, width, dtype=torch.double), (60 + shift, 60))
            taps = torch.ones(1, 1, kernel, dtype=torch.double)
            counts.append(int((F.conv1d(window, taps, stride=stride) > 0).sum()))
        width = max(counts)
        found.append(width)
    return found


def _counted_ratio(layers, size, low, high):
    """Eq. 14 by counting outputs that differ."""
    change = torch.zeros(1, 1, size, size, dtype=torch.double)
    change[0, 0, low:high, low:high] = 1.0
    everything, changed = 0, 0
    for c_in, c_out, kernel, stride, padding in layers:
        change = F.conv2d(change, torch.ones(1, 1, kernel, kernel, dtype=torch.double), stride=stride, padding=padding)
        everything += c_in * c_out * kernel**2 * change.numel()
        changed += c_in * c_out * kernel**2 * int((change > 0).sum())
    return everything / changed
