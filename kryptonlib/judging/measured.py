"""What the thesis measured of the networks whose images its people judged: Tables 6.1, 6.3 and 6.4.

The rows of the unrestored images ("Noisy", "Masked") are left out: nobody judged them. The caption of Table 6.4 says
knee; its text and place say brain.
"""

from kryptonlib.judging.votes import LOSSES

HIGHER = ("PSNR", "MS-SSIM")
"""Metrics of which more is better; of the others less is."""
OWN = {"l1": "l1", "l2": "l2", "PSNR": "l2", "MS-SSIM": "MS-SSIM", "LPIPS": "LPIPS+l2", "FLIP": "FLIP"}
"""Metric -> the network that was trained with it."""
_TABLES = {
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


def table(problem):
    """Metric -> its mean for each of ``LOSSES``, as printed (l1 and l2 divided by the 1000 of the table).

    Args:
        problem: "denoising" (Kodak, Table 6.1), "knee" (Table 6.3) or "brain" (Table 6.4).

    Raises:
        ValueError: another problem.

    Example:
        >>> table("denoising")["LPIPS"]["LPIPS+l2"]
        0.05
    """
    if problem not in _TABLES:
        raise ValueError(f"table: problem must be one of {', '.join(_TABLES)}, got {problem!r}")
    return {metric: dict(zip(LOSSES, values)) for metric, values in _TABLES[problem].items()}


def quality(problem):
    """Metric -> a list for each of ``LOSSES``, the higher the better: distances are negated. Args: as :func:`table`."""
    return {
        metric: [value if metric in HIGHER else -value for value in row.values()]
        for metric, row in table(problem).items()
    }
