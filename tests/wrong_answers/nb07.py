"""Plausible wrong answers to notebook 07's exercises, and the hint each must get."""

WRONG_ANSWERS = {
    "07-rate": {
        "natural logarithm": (
            "def rate(symbols):\n"
            "    total = 0.0\n"
            "    for row in symbols:\n"
            "        _, counts = np.unique(row, return_counts=True)\n"
            "        share = counts / counts.sum()\n"
            "        total -= (share * np.log(share)).sum()\n"
            "    return total / len(symbols)\n",
            "use log2",
        ),
        "one table for all coefficients": (
            "def rate(symbols):\n"
            "    _, counts = np.unique(symbols, return_counts=True)\n"
            "    share = counts / counts.sum()\n"
            "    return -(share * np.log2(share)).sum()\n",
            "a table of its own",
        ),
        "the sum over the coefficients": (
            "def rate(symbols):\n"
            "    total = 0.0\n"
            "    for row in symbols:\n"
            "        _, counts = np.unique(row, return_counts=True)\n"
            "        share = counts / counts.sum()\n"
            "        total -= (share * np.log2(share)).sum()\n"
            "    return total\n",
            r"a table of its own|scipy|negative",
        ),
    },
    "07-straight-through": {
        "plain rounding": (
            "def straight_through(y, step):\n    return step * torch.round(y / step)\n",
            "the derivative of each value in y must be 1",
        ),
        "everything detached": (
            "def straight_through(y, step):\n    return (step * torch.round(y / step)).detach()\n",
            "no gradient reaches y",
        ),
        "the step forgotten": (
            "def straight_through(y, step):\n    return y + (torch.round(y) - y).detach()\n",
            "divide by the step, round, multiply",
        ),
    },
    "07-water-filling": {
        "the level for all": (
            "def water_filling(variances, level):\n"
            "    distortions = np.full(len(variances), level)\n"
            "    return distortions, 0.5 * np.log2(variances / distortions)\n",
            "never more than its variance",
        ),
        "bits without the half": (
            "def water_filling(variances, level):\n"
            "    distortions = np.minimum(level, variances)\n"
            "    return distortions, np.log2(variances / distortions)\n",
            r"1/2 log2\(variance / distortion\)",
        ),
        "natural logarithm": (
            "def water_filling(variances, level):\n"
            "    distortions = np.minimum(level, variances)\n"
            "    return distortions, 0.5 * np.log(variances / distortions)\n",
            r"1/2 log2\(variance / distortion\)",
        ),
    },
}
