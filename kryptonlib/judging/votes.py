"""The votes of the thesis's two user studies, as counts, and what it measured of the networks that were judged.

The thesis prints shares (Tables 6.2 and 6.5). Times the number of comparisons of a pair they are whole numbers: 112 in
the denoising study (14 observers x 8 images) and 48 in the MRI study (12 x 4). One pair fits only another number,
LPIPS against Adaptive in MRI: 39 and 19 of 58. The text and the scores agree with the tables only if the columns are
the winners: the entry of row i and column j is how often j beat i.
"""

import numpy as np

from kryptonlib.losses import thesis

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

HIGHER = ("PSNR", "MS-SSIM")
"""Metrics of which more is better; of the others less is."""
OWN = {"l1": "l1", "l2": "l2", "PSNR": "l2", "MS-SSIM": "MS-SSIM", "LPIPS": "LPIPS+l2", "FLIP": "FLIP"}
"""Metric -> the network that was trained with it."""
_METRICS = {"l1": "l1", "l2": "l2", "PSNR": "psnr", "MS-SSIM": "ms_ssim", "LPIPS": "lpips", "FLIP": "flip"}


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
    if problem not in thesis.TABLES:
        raise ValueError(f"measured: problem must be one of {', '.join(thesis.TABLES)}, got {problem!r}")
    # Nobody judged the unrestored images, which are the tables' first column.
    return {metric: dict(zip(LOSSES, thesis.TABLES[problem][key][1:])) for metric, key in _METRICS.items()}


def quality(problem):
    """Metric -> a list for ``LOSSES``, the higher the better: distances are negated. Args: as :func:`measured`."""
    return {
        metric: [value if metric in HIGHER else -value for value in row.values()]
        for metric, row in measured(problem).items()
    }
