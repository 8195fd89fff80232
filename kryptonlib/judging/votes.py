"""The votes of the thesis's two user studies, as counts, and what it measured of the networks that were judged.

The thesis prints shares (Tables 6.2 and 6.5). Times the number of comparisons of a pair they are whole numbers: 112 in
the denoising study (14 observers x 8 images) and 48 in the MRI study (12 x 4). One pair fits only another number,
LPIPS against Adaptive in MRI: 39 and 19 of 58. The text and the scores agree with the tables only if the columns are
the winners: the entry of row i and column j is how often j beat i.
"""

import numpy as np

LOSSES = ("l1", "l2", "MS-SSIM", "LPIPS+l2", "FLIP", "Adaptive")
"""The candidates: networks trained with these losses."""

# How often the column's loss beat the row's.
_DENOISING = (
    (0, 36, 58, 81, 66, 57),
    (76, 0, 79, 87, 77, 69),
    (54, 33, 0, 75, 52, 51),
    (31, 25, 37, 0, 38, 28),
    (46, 35, 60, 74, 0, 51),
    (55, 43, 61, 84, 61, 0),
)
_MRI = (
    (0, 26, 27, 21, 13, 22),
    (22, 0, 31, 28, 24, 20),
    (21, 17, 0, 21, 14, 14),
    (27, 20, 27, 0, 18, 19),
    (35, 24, 34, 30, 0, 24),
    (26, 28, 34, 39, 24, 0),
)

# What the thesis measured of the same networks. The rows of the unrestored images ("Noisy", "Masked") are left out:
# nobody judged them. The caption of Table 6.4 says knee; its text and place say brain.
HIGHER = ("PSNR", "MS-SSIM")
"""Metrics of which more is better; of the others less is."""
OWN = {"l1": "l1", "l2": "l2", "PSNR": "l2", "MS-SSIM": "MS-SSIM", "LPIPS": "LPIPS+l2", "FLIP": "FLIP"}
"""Metric -> the network that was trained with it."""
_MEASURED = {
    "denoising": {
        "l1": (24.52e-3, 18.50e-3, 19.30e-3, 19.02e-3, 20.87e-3, 18.60e-3),
        "l2": (1.11e-3, 0.68e-3, 0.74e-3, 0.70e-3, 0.86e-3, 0.69e-3),
        "PSNR": (29.81, 32.05, 31.69, 31.89, 31.01, 31.97),
        "MS-SSIM": (0.9614, 0.9805, 0.9814, 0.9801, 0.9808, 0.9810),
        "LPIPS": (0.3182, 0.2274, 0.2096, 0.0500, 0.2083, 0.2235),
        "FLIP": (0.1611, 0.1207, 0.1246, 0.1247, 0.1121, 0.1221),
    },
    "knee": {
        "l1": (20.35e-3, 20.53e-3, 20.96e-3, 21.89e-3, 20.46e-3, 20.36e-3),
        "l2": (1.16e-3, 1.17e-3, 1.24e-3, 1.28e-3, 1.17e-3, 1.17e-3),
        "PSNR": (30.29, 30.25, 30.01, 29.81, 30.23, 30.27),
        "MS-SSIM": (0.9591, 0.9585, 0.9595, 0.9559, 0.9590, 0.9590),
        "LPIPS": (0.3597, 0.3618, 0.3352, 0.1563, 0.3644, 0.3589),
        "FLIP": (0.1241, 0.1238, 0.1255, 0.1309, 0.1222, 0.1245),
    },
    "brain": {
        "l1": (28.17e-3, 28.32e-3, 30.06e-3, 32.59e-3, 27.57e-3, 27.64e-3),
        "l2": (1.87e-3, 1.85e-3, 1.95e-3, 2.21e-3, 1.85e-3, 1.83e-3),
        "PSNR": (27.53, 27.55, 27.37, 26.83, 27.56, 27.62),
        "MS-SSIM": (0.9541, 0.9531, 0.9587, 0.9509, 0.9544, 0.9555),
        "LPIPS": (0.2973, 0.2971, 0.2906, 0.1496, 0.3011, 0.3002),
        "FLIP": (0.1890, 0.1918, 0.2097, 0.2280, 0.1842, 0.1862),
    },
}


def denoising():
    """Votes of the denoising study, wins[i, j] = how often ``LOSSES[i]`` beat ``LOSSES[j]``: int array [6, 6].

    Source: thesis (paper 5), Table 6.2, times 112.

    Example:
        >>> int(denoising()[LOSSES.index("LPIPS+l2"), LOSSES.index("l2")])
        87
    """
    return np.array(_DENOISING).T.copy()


def mri():
    """Votes of the MRI study, as :func:`denoising`. Source: Table 6.5, times 48 (one pair times 58)."""
    return np.array(_MRI).T.copy()


def measured(problem):
    """Metric -> its mean for each of ``LOSSES``, as printed (l1 and l2 divided by the 1000 of the table).

    Args:
        problem: "denoising" (Kodak, Table 6.1), "knee" (Table 6.3) or "brain" (Table 6.4).

    Raises:
        ValueError: another problem.

    Example:
        >>> measured("denoising")["LPIPS"]["LPIPS+l2"]
        0.05
    """
    if problem not in _MEASURED:
        raise ValueError(f"measured: problem must be one of {', '.join(_MEASURED)}, got {problem!r}")
    return {metric: dict(zip(LOSSES, values)) for metric, values in _MEASURED[problem].items()}


def quality(problem):
    """Metric -> a list for ``LOSSES``, the higher the better: distances are negated. Args: as :func:`measured`."""
    return {
        metric: [value if metric in HIGHER else -value for value in row.values()]
        for metric, row in measured(problem).items()
    }
