"""Plausible wrong answers to notebook 11's exercises, and the hint each must get."""

WRONG_ANSWERS = {
    "11-two-psnrs": {
        "the same number twice": (
            "def two_psnrs(errors):\n    value = -10 * np.log10(errors.mean())\n    return value, value\n",
            "of every image, then the mean",
        ),
        "exchanged": (
            "def two_psnrs(errors):\n    return -10 * np.log10(errors.mean()), -10 * np.log10(errors).mean()\n",
            "of every image, then the mean",
        ),
        "20 instead of 10, as for amplitudes": (
            "def two_psnrs(errors):\n    return -20 * np.log10(errors).mean(), -20 * np.log10(errors.mean())\n",
            "10 log10",
        ),
        "the median": (
            "def two_psnrs(errors):\n    return -10 * np.log10(errors).mean(), -10 * np.log10(np.median(errors))\n",
            "the mean of the errors first",
        ),
    },
    "11-unrolled": {
        "no padding": (
            "def unrolled(rows, columns, levels):\n"
            "    down = [(channels, rows >> level, columns >> level) for level, channels in enumerate(levels)]\n"
            "    return down + down[-2::-1]\n",
            "pad each side to a multiple",
        ),
        "the lowest level twice": (
            "def unrolled(rows, columns, levels):\n"
            "    multiple = 2 ** (len(levels) - 1)\n"
            "    rows, columns = (-(-length // multiple) * multiple for length in (rows, columns))\n"
            "    down = [(channels, rows >> level, columns >> level) for level, channels in enumerate(levels)]\n"
            "    return down + down[::-1]\n",
            "the lowest level counts once",
        ),
        "channels of the joined maps on the way up": (
            "def unrolled(rows, columns, levels):\n"
            "    multiple = 2 ** (len(levels) - 1)\n"
            "    rows, columns = (-(-length // multiple) * multiple for length in (rows, columns))\n"
            "    down = [(channels, rows >> level, columns >> level) for level, channels in enumerate(levels)]\n"
            "    return down + [(c + levels[-1 - i], h, w) for i, (c, h, w) in enumerate(down[-2::-1])]\n",
            "the channels are those of the level",
        ),
        "halved once too often": (
            "def unrolled(rows, columns, levels):\n"
            "    multiple = 2 ** len(levels)\n"
            "    rows, columns = (-(-length // multiple) * multiple for length in (rows, columns))\n"
            "    down = [(channels, rows >> level + 1, columns >> level + 1) for level, channels in enumerate(levels)]\n"
            "    return down + down[-2::-1]\n",
            "pad each side to a multiple",
        ),
    },
    "11-gradient": {
        "the sum's slope": (
            "def gradient(x, y, c):\n    error = x - y\n    return error / c**2 / np.sqrt((error / c) ** 2 + 1)\n",
            "the mean divides by the number of values",
        ),
        "the chain rule's 1 / c forgotten": (
            "def gradient(x, y, c):\n    error = (x - y) / c\n    return error / np.sqrt(error**2 + 1) / x.size\n",
            "1 / c is missing",
        ),
        "the sign": (
            "def gradient(x, y, c):\n    error = y - x\n    return error / c**2 / np.sqrt((error / c) ** 2 + 1) / x.size\n",
            "its sign is wrong",
        ),
        "l2's": (
            "def gradient(x, y, c):\n    return 2 * (x - y) / x.size\n",
            "the root's slope is",
        ),
    },
}
