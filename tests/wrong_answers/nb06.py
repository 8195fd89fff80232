"""Plausible wrong answers to notebook 06's exercises, and the hint each must get."""

SSIM = (
    "def ssim_of_window(x, y, data_range):\n"
    "    c1, c2 = {c1}, {c2}\n"
    "    covariance = {covariance}\n"
    "    means = (2 * x.mean() * y.mean() + c1) / (x.mean() ** 2 + y.mean() ** 2 + c1)\n"
    "    return {means} * (2 * covariance + c2) / (x.var() + y.var() + c2)\n"
)
RIGHT = {
    "c1": "(0.01 * data_range) ** 2",
    "c2": "(0.03 * data_range) ** 2",
    "covariance": "((x - x.mean()) * (y - y.mean())).mean()",
    "means": "means",
}

WINDOW = (
    "def thresholded_window(low, high, middle, kernel, stride, padding, size, tau):\n"
    "    first = max(-((kernel - 1 - padding - low) // stride), 0)\n"
    "    end = min((high - 1 + padding) // stride + 1, size)\n"
    "    middle = {middle}\n"
    "    length = min(end - first, {most})\n"
    "    start = int(np.floor({centre} - (length - 1) / 2 + 0.5))\n"
    "    start = {start}\n"
    "    return start, start + length, middle\n"
)
STEPS = {
    "middle": "(middle + padding - (kernel - 1) / 2) / stride",
    "most": "max(1, int(tau * size + 0.5))",
    "centre": "middle",
    "start": "min(max(start, first), end - length)",
}
DRILL = (
    "def drill_down(score, size, coarse, share):\n"
    "    every, knots = np.arange(size), np.arange(0, size, coarse)\n"
    "    rough = [[score(row, column) for column in knots] for row in knots]\n"
    "    lines = np.array([np.interp(every, knots, line) for line in rough])\n"
    "    values = {columns}\n"
    "    for place in np.argsort({order}, axis=None, kind='stable')[: {count}]:\n"
    "        row, column = divmod(int(place), size)\n"
    "        if {new}:\n"
    "            values[row, column] = score(row, column)\n"
    "    return values\n"
)
STAGES = {
    "columns": "np.array([np.interp(every, knots, column) for column in lines.T]).T",
    "order": "values",
    "count": "int(share * size**2 + 0.5)",
    "new": "row % coarse or column % coarse",
}
TUNER = (
    "def krypton_tau(taus, ssims, target):\n"
    "    def flat(taus, ssims):\n"
    "        return np.tile(taus, np.size(ssims) // len(taus)), np.ravel(ssims)\n"
    "    fit = np.polyfit(*flat({points}), {degree})\n"
    "    fine = np.linspace({lowest}, 1, 10001)\n"
    "    enough = fine[np.polyval(fit, fine) >= target]\n"
    "    return {rounded} if len(enough) else {otherwise}\n"
)
FIT = {
    "points": "taus, ssims",
    "degree": "2",
    "lowest": "min(taus)",
    "rounded": "np.floor(10 * enough[0] + 0.5) / 10",
    "otherwise": "1.0",
}

WRONG_ANSWERS = {
    "06-ssim": {
        "constants without a range": (
            SSIM.format(**{**RIGHT, "c1": "0.01**2", "c2": "0.03**2"}),
            "data range, squared",
        ),
        "constants not squared": (
            SSIM.format(**{**RIGHT, "c1": "0.01 * data_range", "c2": "0.03 * data_range"}),
            "the first factor|data range, squared",
        ),
        "a range read off the window": (
            SSIM.format(**{**RIGHT, "c1": "(0.01 * np.ptp(x)) ** 2", "c2": "(0.03 * np.ptp(x)) ** 2"}),
            "data range",
        ),
        "deviations instead of the covariance": (
            SSIM.format(**{**RIGHT, "covariance": "x.std() * y.std()"}),
            "divide by their number|not the product of the deviations",
        ),
        "means left out": (SSIM.format(**{**RIGHT, "means": "1"}), "a shift changes the means"),
    },
    "06-window": {
        "cut around the window's own middle": (
            WINDOW.format(**{**STEPS, "centre": "(first + end - 1) / 2"}),
            "patch's middle",
        ),
        "middle not moved by the stride": (
            WINDOW.format(**{**STEPS, "middle": "middle + padding - (kernel - 1) / 2"}),
            "its middle is 43.5 and should be 21.75",
        ),
        "Python's round": (WINDOW.format(**{**STEPS, "most": "max(1, round(tau * size))"}), "halves are rounded up"),
        "no cell left": (WINDOW.format(**{**STEPS, "most": "int(tau * size + 0.5)"}), "at least one cell"),
        "border forgotten": (WINDOW.format(**{**STEPS, "start": "start"}), "lie inside the window"),
        "not cut": (WINDOW.format(**{**STEPS, "most": "size"}), "cut a window that is larger"),
    },
    "06-drill-down": {
        "the highest values": (DRILL.format(**{**STAGES, "order": "-values"}), "lowest values"),
        "a share of the coarse positions": (
            DRILL.format(**{**STAGES, "count": "int(share * len(knots) ** 2 + 0.5)"}),
            "a share of the fine positions",
        ),
        "everything computed twice": (DRILL.format(**{**STAGES, "new": "True"}), "is known already"),
        "rows only": (
            DRILL.format(**{**STAGES, "columns": "np.repeat(lines, coarse, axis=0)[:size]"}),
            "along the rows, then along the columns",
        ),
        "nothing computed anew": (DRILL.format(**{**STAGES, "new": "False"}), "a share of the fine positions anew"),
    },
    "06-tuner": {
        "the first image alone": (TUNER.format(**{**FIT, "points": "taus, ssims[0]"}), "all images together"),
        "a straight line": (TUNER.format(**{**FIT, "degree": "1"}), "solve the parabola"),
        "not rounded": (TUNER.format(**{**FIT, "rounded": "enough[0]"}), "round to a tenth"),
        "rounded up": (TUNER.format(**{**FIT, "rounded": "np.ceil(10 * enough[0]) / 10"}), "nearest tenth"),
        "lowest where none is enough": (TUNER.format(**{**FIT, "otherwise": "min(taus)"}), r"only 1 \(exact\)"),
        "extrapolated": (TUNER.format(**{**FIT, "lowest": "0.05"}), "lowest threshold that was tried"),
    },
}
