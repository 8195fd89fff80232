"""Plausible wrong answers to notebook 08's exercises, and the hint each must get."""

BISECTION = (
    "def factor_for(rate, wanted):\n"
    "    low, high = 1.0, 10.0\n"
    "    for _ in range(30):\n"
    "        middle = (low + high) / 2\n"
)
CUBIC = (
    "def bd_rate(anchor, test):\n"
    "    sides = [(np.asarray(quality), np.log(rates)) for rates, quality in (anchor, test)]\n"
    "    low = max(quality.min() for quality, _ in sides)\n"
    "    high = min(quality.max() for quality, _ in sides)\n"
)

WRONG_ANSWERS = {
    "08-dead-zone": {
        "rounding": (
            "def dead_zone(y, step, edge):\n    return np.round(y / step)\n",
            "every further threshold lies one step on",
        ),
        "not symmetric": (
            "def dead_zone(y, step, edge):\n    return np.floor(y / step + 1 - edge)\n",
            r"work with \|y\| and put the sign back",
        ),
        "the edge not in steps": (
            "def dead_zone(y, step, edge):\n"
            "    return np.sign(y) * np.maximum(np.floor((np.abs(y) - edge) / step + 1), 0)\n",
            "divide by the step first",
        ),
        "only 0 changed": (
            "def dead_zone(y, step, edge):\n"
            "    found = np.round(y / step)\n"
            "    return np.where(np.abs(y) < edge * step, 0, found)\n",
            "every further threshold lies one step on",
        ),
    },
    "08-factor-for": {
        "as if the rate were 1 / beta": (
            "def factor_for(rate, wanted):\n    return min(10.0, max(1.0, rate(1.0) / wanted))\n",
            "halve the interval",
        ),
        "the wrong half": (
            BISECTION
            + "        low, high = (low, middle) if rate(middle) > wanted else (middle, high)\n"
            + "    return middle\n",
            "where it is too high, beta must rise",
        ),
        "only the paper's factors": (
            "def factor_for(rate, wanted):\n"
            "    return min((1, 1.25, 1.5, 2, 3, 4, 6, 8, 10), key=lambda beta: abs(rate(beta) - wanted))\n",
            "more than 1 % off",
        ),
        "every beta tried": (
            "def factor_for(rate, wanted):\n"
            "    return min(np.linspace(1, 10, 20001), key=lambda beta: abs(rate(beta) - wanted))\n",
            "it asked for 20001 rates",
        ),
    },
    "08-bd-rate": {
        "not back from the logarithm": (
            CUBIC
            + "    means = []\n"
            "    for quality, logarithm in sides:\n"
            "        integral = np.polyint(np.polyfit(quality, logarithm, 3))\n"
            "        means.append((np.polyval(integral, high) - np.polyval(integral, low)) / (high - low))\n"
            "    return 100 * (means[1] - means[0])\n",
            r"100 \(exp\(mean\) - 1\)",
        ),
        "anchor and test exchanged": (
            CUBIC
            + "    means = []\n"
            "    for quality, logarithm in sides:\n"
            "        integral = np.polyint(np.polyfit(quality, logarithm, 3))\n"
            "        means.append((np.polyval(integral, high) - np.polyval(integral, low)) / (high - low))\n"
            "    return 100 * (np.exp(means[0] - means[1]) - 1)\n",
            r"100 \(exp\(mean\) - 1\)|if the second needs more",
        ),
        "each curve over its own range": (
            "def bd_rate(anchor, test):\n"
            "    means = []\n"
            "    for rates, quality in (anchor, test):\n"
            "        integral = np.polyint(np.polyfit(quality, np.log(rates), 3))\n"
            "        low, high = min(quality), max(quality)\n"
            "        means.append((np.polyval(integral, high) - np.polyval(integral, low)) / (high - low))\n"
            "    return 100 * (np.exp(means[1] - means[0]) - 1)\n",
            "only over the PSNRs that both reach",
        ),
    },
}
