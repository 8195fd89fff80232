"""Plausible wrong answers to notebook 21's exercises, and the hint each must get."""

REACH = (
    "def within_reach(low, high, middle, size, reach):\n"
    "    most = {most}\n"
    "    begin = int(np.floor({centre} - (most - 1) / 2 + 0.5))\n"
    "    {moved}\n"
    "    return {start}, {stop}\n"
)
KEPT = {
    "most": "max(1, int(reach * size + 0.5))",
    "centre": "middle",
    "moved": "pass",
    "start": "max(begin, low)",
    "stop": "min(begin + most, high)",
}
EXPECTED = (
    "def expected_ssim(values, likely, checked, exact, data_range):\n"
    "    at = tuple(checked.T)\n"
    "    factor = {factor}\n"
    "    c2, terms = {c2}, []\n"
    "    for row in range(values.shape[0] - 6):\n"
    "        for column in range(values.shape[1] - 6):\n"
    "            part = slice(row, row + 7), slice(column, column + 7)\n"
    "            signal, noise = values[part].var(), {noise}\n"
    "            terms.append((2 * signal + c2) / ({below} + c2))\n"
    "    return np.mean(terms)\n"
)
TERMS = {
    "factor": "((exact - values[at]) ** 2).sum() / likely[at].sum()",
    "c2": "(0.03 * data_range) ** 2",
    "noise": "factor * likely[part].mean()",
    "below": "2 * signal + noise",
}
MOST = (
    "def reached_by_most(ssims):\n"
    "    from scipy.stats import norm, t\n"
    "    n = len(ssims)\n"
    "    return ssims.mean() - {quantile} * {deviation}\n"
)
STUDENT = {"quantile": "t.ppf(0.9, n - 1)", "deviation": "np.sqrt(1 + 1 / n) * ssims.std(ddof=1)"}

WRONG_ANSWERS = {
    "21-reach": {
        "the threshold instead": (
            REACH.format(**{**KEPT, "moved": "begin = min(max(begin, low), max(high - most, low))"}),
            "fewer cells are left",
        ),
        "around the window": (
            REACH.format(**{**KEPT, "centre": "(low + high - 1) / 2"}),
            "fewer cells are left|not around the window's own",
        ),
        "no cell left": (REACH.format(**{**KEPT, "most": "int(reach * size + 0.5)"}), "at least one cell"),
        "Python's round": (REACH.format(**{**KEPT, "most": "max(1, round(reach * size))"}), "halves are rounded up"),
        "reach to each side": (REACH.format(**{**KEPT, "most": "max(1, int(2 * reach * size + 0.5))"}), "cells around"),
    },
    "21-estimate": {
        "a factor for each place": (
            EXPECTED.format(**{**TERMS, "factor": "((exact - values[at]) ** 2 / np.maximum(likely[at], 0.01)).mean()"}),
            "one factor for all",
        ),
        "the error counted twice": (
            EXPECTED.format(**{**TERMS, "below": "2 * signal + 2 * noise"}),
            "it returned .* window by window",
        ),
        "the mean error everywhere": (
            EXPECTED.format(**{**TERMS, "noise": "((exact - values[at]) ** 2).mean()"}),
            "it returned .* window by window",
        ),
        "constants without a range": (EXPECTED.format(**{**TERMS, "c2": "0.03**2"}), "data range, squared"),
    },
    "21-most": {
        "the mean": (MOST.format(**{**STUDENT, "quantile": "0"}), "Student's quantile"),
        "the worst": ("def reached_by_most(ssims):\n    return ssims.min()\n", "Student's quantile"),
        "the normal quantile": (MOST.format(**{**STUDENT, "quantile": "norm.ppf(0.9)"}), "Student's quantile"),
        "an interval of the mean": (
            MOST.format(**{**STUDENT, "deviation": "ssims.std(ddof=1) / np.sqrt(n)"}),
            r"sqrt\(1 \+ 1/n\)",
        ),
    },
}
