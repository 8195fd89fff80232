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

WRONG_ANSWERS = {
    "06-ssim": {
        "constants without a range": (SSIM.format(**{**RIGHT, "c1": "0.01**2", "c2": "0.03**2"}), "data range, squared"),
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
    "06-coarse-stride": {
        "root forgotten": (
            "def coarse_stride(stride, share, target):\n"
            "    if share * target >= 1:\n"
            "        raise ValueError('too fast')\n"
            "    return stride * target / (1 - share * target)\n",
            "it occurs squared",
        ),
        "stage 2 for nothing": (
            "def coarse_stride(stride, share, target):\n"
            "    if share * target >= 1:\n"
            "        raise ValueError('too fast')\n"
            "    return stride * target**0.5\n",
            "solve for S1|what is left for stage 1",
        ),
        "rounded": (
            "def coarse_stride(stride, share, target):\n"
            "    if share * target >= 1:\n"
            "        raise ValueError('too fast')\n"
            "    return round(stride * (target / (1 - share * target)) ** 0.5)\n",
            "S1 = 12.649",
        ),
        "an impossible target": (
            "def coarse_stride(stride, share, target):\n"
            "    return stride * abs(target / (1 - share * target + 1e-12)) ** 0.5\n",
            "raise a ValueError",
        ),
    },
    "06-bound": {
        "the share alone": (
            "def largest_speedup(width, stride, share):\n    return 1 / share\n",
            "S1 cannot exceed the image",
        ),
        "the coarse stage alone": (
            "def largest_speedup(width, stride, share):\n    return (width / stride) ** 2\n",
            r"largest_speedup\(224, 4, 0.25\).*S1 cannot exceed",
        ),
        "one axis only": (
            "def largest_speedup(width, stride, share):\n    return width / (stride + share * width)\n",
            r"largest_speedup\(224, 4, 0.25\)",
        ),
    },
}
