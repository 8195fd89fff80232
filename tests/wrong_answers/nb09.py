"""Plausible wrong answers to notebook 09's exercises, and the hint each must get."""

LAPLACE = (
    "def laplace_bits(y, step):\n"
    "    mu = {mu}\n"
    "    scale = {scale}\n"
    "    edges = step * (np.arange(-5000, 5001) + 0.5)\n"
    "    below = stats.laplace.cdf(edges, scale=scale)\n"
    "    cells = np.diff(np.concatenate([[0], below, [1]]))\n"
    "    cells = cells[cells > 0]\n"
    "    return mu, scale, -(cells * {log}(cells)).sum()\n"
)
DIVERGENCE = (
    "def divergence(values, bins=40):\n"
    "    counts, _ = np.histogram(values, bins)\n"
    "    p, u = counts / counts.sum(), np.full(bins, 1 / bins)\n"
    "    m = (p + u) / 2\n"
    "    full = p > 0\n"
    "{end}"
)
BINARIZE = (
    "def binarize(q):\n"
    "    size = abs(q)\n"
    "    text = '1' * min(size, 10) + '0' * {ended}\n"
    "    if size >= 10:\n"
    "        digits = bin(size - {offset})[3:]\n"
    "        text += '1' * len(digits) + '0' + digits\n"
    "    return text + {sign}\n"
)

WRONG_ANSWERS = {
    "09-laplace": {
        "the mean": (
            LAPLACE.format(mu="y.mean()", scale="np.abs(y - np.median(y)).mean()", log="np.log2"),
            "greatest at the median",
        ),
        "a standard deviation": (
            LAPLACE.format(mu="np.median(y)", scale="y.std()", log="np.log2"),
            "mean distance from the median",
        ),
        "natural logarithm": (
            LAPLACE.format(mu="np.median(y)", scale="np.abs(y - np.median(y)).mean()", log="np.log"),
            r"-p log2 p",
        ),
        "differential entropy": (
            "def laplace_bits(y, step):\n"
            "    mu = np.median(y)\n"
            "    scale = np.abs(y - mu).mean()\n"
            "    return mu, scale, np.log2(2 * np.e * scale / step)\n",
            "over the cells",
        ),
    },
    "09-divergence": {
        "Kullback-Leibler": (
            DIVERGENCE.format(end="    return (p[full] * np.log2(p[full] / u[full])).sum()\n"),
            r"with m = \(p \+ u\) / 2",
        ),
        "empty bins left out twice": (
            DIVERGENCE.format(
                end="    parts = [(a[full] * np.log2(a[full] / m[full])).sum() for a in (p, u)]\n    return sum(parts) / 2\n"
            ),
            "something to the second",
        ),
        "the square root": (
            DIVERGENCE.format(
                end="    parts = (p[full] * np.log2(p[full] / m[full])).sum() + (u * np.log2(u / m)).sum()\n"
                "    return np.sqrt(parts / 2)\n"
            ),
            "square root",
        ),
    },
    "09-binarize": {
        "a 0 after ten 1s": (BINARIZE.format(ended="1", offset="9", sign="('' if q == 0 else '01'[q < 0])"), "Exp-Golomb part"),
        "v instead of v + 1": (
            BINARIZE.format(ended="(size < 10)", offset="10", sign="('' if q == 0 else '01'[q < 0])"),
            "v \\+ 1",
        ),
        "a sign for 0": (BINARIZE.format(ended="(size < 10)", offset="9", sign="'01'[q < 0]"), "0 has no sign"),
    },
}
