"""Plausible wrong answers to notebook 15's exercises, and the hint each must get."""

LOOP = (
    "def truncated_gradient(h, u, slopes, k2):\n"
    "    total = 0.0\n"
    "    for t in range(1, len(h)):\n"
    "        later = slopes[t - 1]\n"
    "        for s in range(t, max(t - k2, 0), -1):\n"
    "            delta = (1 - h[s] ** 2) * later\n"
    "            total += delta * h[s - 1]\n"
    "            later = u * delta\n"
    "    return total\n"
)
STEP = (
    "def lstm_step(x, h, c, W, U, b):\n"
    "    i, f, g, o = np.split(W @ x + U @ h + b, 4)\n"
    "    i, f, o = (1 / (1 + np.exp(-part)) for part in (i, f, o))\n"
    "    c = f * c + i * np.tanh(g)\n"
    "    return o * np.tanh(c), c\n"
)

WRONG_ANSWERS = {
    "15-truncated": {
        "one step too many": (LOOP.replace("max(t - k2, 0)", "max(t - k2 - 1, 0)"), "with k2 = 1 a loss reaches u"),
        "the slope of tanh forgotten": (LOOP.replace("(1 - h[s] ** 2) * later", "later"), r"\(1 - h_t\^2\)"),
        "u forgotten": (LOOP.replace("later = u * delta", "later = delta"), "multiplies by u"),
        "the state after instead of before": (LOOP.replace("delta * h[s - 1]", "delta * h[s]"), r"h_\(t-1\)"),
        "blocks of k2 steps": (
            LOOP.replace("max(t - k2, 0)", "(t - 1) // k2 * k2"),
            "every loss goes back over its own last k2 steps",
        ),
    },
    "15-lstm-step": {
        "another order of the gates": (STEP.replace("i, f, g, o = np", "i, f, o, g = np"), "g the tanh of the third"),
        "a sigmoid for the candidate": (STEP.replace("np.tanh(g)", "(1 / (1 + np.exp(-g)))"), "g the tanh"),
        "no tanh on the way out": (STEP.replace("o * np.tanh(c)", "o * c"), r"h' = o tanh\(c'\)"),
        "the old cell on the way out": (
            STEP.replace("    c = f", "    new = f").replace("np.tanh(c), c", "np.tanh(c), new"),
            "c' the new cell",
        ),
        "only h": (STEP.replace("return o * np.tanh(c), c", "return o * np.tanh(c)"), r"expected \(h, c\)|parts"),
    },
    "15-temperature": {
        "multiplied": (
            "def with_temperature(scores, temperature):\n"
            "    scaled = (scores - scores.max()) * temperature\n"
            "    return np.exp(scaled) / np.exp(scaled).sum()\n",
            "divide the scores by the temperature",
        ),
        "the probabilities divided": (
            "def with_temperature(scores, temperature):\n"
            "    p = np.exp(scores - scores.max())\n"
            "    return p / p.sum() / temperature\n",
            "before exp",
        ),
        "overflow": (
            "def with_temperature(scores, temperature):\n"
            "    p = np.exp(scores / temperature)\n"
            "    return p / p.sum()\n",
            "subtract the largest score first",
        ),
    },
}
