"""How close is an approximate heat map to the exact one? Four numbers, because one alone can flatter.

- ``ssim``: structural similarity of the maps themselves
- ``rendered_ssim``: structural similarity of the coloured pictures, which is what Krypton reports
- ``spearman``: are the positions ordered alike?
- ``overlap``: is the most sensitive region the same?

Every map is [rows, columns] of scores, one per position of the grid; a low score means a sensitive position.
"""

from dataclasses import dataclass
from numbers import Real

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity

from kryptonlib.occlusion.drilldown import lowest

WINDOW = 7
"""Side of the window in which SSIM compares means and variances; scikit-image's default."""
RESOLUTION = 1e-5
"""The smallest range, relative to the largest value, for which double precision is enough. scikit-image takes a
variance as a difference of mean squares, which cancel: at a relative range of 1e-5 the SSIM is wrong by up to 0.002, at
1e-6 by 0.4, and at 1e-7 it exceeds 1."""


@dataclass(frozen=True)
class Quality:
    """How close an approximate map is to the exact one; 1 is equal in each.

    Attributes:
        ssim: SSIM of the raw maps, see :func:`ssim`.
        rendered_ssim: SSIM of the coloured maps, see :func:`rendered_ssim`.
        spearman: rank correlation of the positions, see :func:`spearman`.
        overlap: intersection over union of the most sensitive regions, see :func:`overlap`.
    """

    ssim: float
    rendered_ssim: float
    spearman: float
    overlap: float


def compare(exact, approximate, probability, share=0.1):
    """All four measures.

    Args:
        exact, approximate: maps of probabilities, [rows, columns], at least 7 x 7, finite.
        probability: the clean image's, in (0, 1]; it sets the colour limits of the rendered maps.
        share: size of the most sensitive region, in (0, 1].

    Returns:
        A :class:`Quality`.

    Raises:
        ValueError, TypeError: as the four functions do; above all for a constant exact map.

    Example:
        >>> exact = np.linspace(0.2, 0.9, 100).reshape(10, 10)
        >>> found = compare(exact, exact**1.1, probability=0.9)
        >>> f"{found.ssim:.2f} {found.rendered_ssim:.2f} {found.spearman:.2f} {found.overlap:.2f}"
        '1.00 0.85 1.00 1.00'
    """
    return Quality(
        ssim=ssim(exact, approximate),
        rendered_ssim=rendered_ssim(exact, approximate, probability),
        spearman=spearman(exact, approximate),
        overlap=overlap(exact, approximate, share),
    )


def ssim(exact, approximate):
    """Structural similarity of the maps themselves, data range = the exact map's maximum minus its minimum.

    The mean, over all 7 x 7 windows, of

        (2 m_x m_y + C1) (2 s_xy + C2) / ((m_x^2 + m_y^2 + C1) (s_x^2 + s_y^2 + C2)),

    C1 = (0.01 L)^2, C2 = (0.03 L)^2, with L the data range. The constants keep flat windows from counting noise, so L
    must fit the map. Probabilities that vary by 0.01 scored with L = 1 are noise to SSIM, and every map is then like
    every other; hence the range is the exact map's, and the measure is not symmetric.

    Args:
        exact, approximate: [rows, columns], at least 7 x 7, finite.

    Returns:
        A float of at most 1, which equal maps reach.

    Raises:
        ValueError: an exact map that is constant, or varies by so little of its size (``RESOLUTION``) that rounding
            would decide; a map smaller than the window, of another shape, or with NaN.

    Source: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment", 2004, in scikit-image's uniform-window form.

    Example:
        >>> exact = np.linspace(0.2, 0.9, 100).reshape(10, 10)
        >>> ssim(exact, np.full_like(exact, exact.mean())) < 0.1
        True
    """
    exact, approximate = _maps(exact, approximate)
    _check_window(exact)
    span = exact.max() - exact.min()
    if span == 0:
        raise ValueError(f"the exact map is constant ({exact.flat[0]:g}): it has no data range, so no SSIM")
    size = max(np.abs(exact).max(), np.abs(approximate).max())
    if span < RESOLUTION * size:
        raise ValueError(
            f"the exact map varies by {span:.1e} in values of up to {size:.1e}: too little for SSIM in double "
            "precision; score='log-odds' spreads probabilities near 1"
        )
    return float(structural_similarity(exact, approximate, win_size=WINDOW, data_range=span))


def rendered(values, probability):
    """The picture that Krypton scores: colour map jet_r between 0.75 p and min(1, 1.25 p).

    Whatever falls below 0.75 p gets the colour of 0.75 p: differences among the most sensitive positions vanish.

    Args:
        values: probabilities [rows, columns], finite.
        probability: p, the clean image's, in (0, 1].

    Returns:
        uint8 array [rows, columns, 3], RGB.

    Source: Krypton's released notebooks on tuning SSIM.

    Example:
        >>> rendered([[0.1, 0.3, 0.5]], probability=0.4).tolist()
        [[[127, 0, 0], [127, 0, 0], [0, 0, 127]]]
    """
    if isinstance(probability, bool) or not isinstance(probability, Real):
        raise TypeError(f"probability must be a number, the clean image's, got {probability!r}")
    if not 0 < probability <= 1:
        raise ValueError(f"probability must lie in (0, 1], got {probability!r}")
    limits = Normalize(0.75 * probability, min(1.0, 1.25 * probability))
    return matplotlib.colormaps["jet_r"](limits(_map(values, "values")), bytes=True)[..., :3]


def rendered_ssim(exact, approximate, probability):
    """Structural similarity of the :func:`rendered` maps: mean over the three colours, data range 255.

    This is the measure for which Krypton states 0.9. It is blind outside the colour limits: maps that differ only in
    how far they fall below 0.75 p score 1.

    Args, raises: as :func:`rendered`; maps of at least 7 x 7. A constant map is no error, as the range is 255.

    Returns:
        A float of at most 1.

    Source: Krypton (SIGMOD 2019), SSIM tuning.

    Example:
        >>> exact = np.linspace(0.1, 0.9, 100).reshape(10, 10)
        >>> rendered_ssim(exact, np.maximum(exact, 0.675), probability=0.9)
        1.0
    """
    exact, approximate = _maps(exact, approximate)
    _check_window(exact)
    pictures = rendered(exact, probability), rendered(approximate, probability)
    return float(structural_similarity(*pictures, win_size=WINDOW, channel_axis=2, data_range=255))


def spearman(exact, approximate):
    """Rank correlation of the positions' values, in [-1, 1]; equal values share their mean rank.

    A constant approximation orders nothing and gets 0, where the formula is 0/0.

    Args:
        exact, approximate: [rows, columns], finite.

    Raises:
        ValueError: a constant exact map, which has no order.

    Example:
        >>> spearman([[1.0, 2.0, 3.0]], [[1.0, 20.0, 300.0]])
        1.0
    """
    exact, approximate = _maps(exact, approximate)
    if np.ptp(exact) == 0:
        raise ValueError(f"the exact map is constant ({exact.flat[0]:g}): its positions have no order")
    if np.ptp(approximate) == 0:
        return 0.0
    # Rounding leaves scipy's value up to 1e-15 outside.
    return float(np.clip(spearmanr(exact.ravel(), approximate.ravel()).statistic, -1.0, 1.0))


def overlap(exact, approximate, share=0.1):
    """Intersection over union of the most sensitive regions: the ``share`` of positions with the lowest values.

    Both regions hold the same number of positions; of equal values the first, row by row, is taken, see
    :func:`kryptonlib.occlusion.drilldown.lowest`.

    Args:
        exact, approximate: [rows, columns], finite.
        share: in (0, 1].

    Returns:
        A float in [0, 1]. Independent regions expect about share / (2 - share).

    Example:
        >>> overlap([[0.0, 0.1, 0.9, 1.0]], [[0.0, 0.8, 0.1, 1.0]], share=0.5)
        0.3333333333333333
    """
    exact, approximate = _maps(exact, approximate)
    exact, approximate = lowest(exact, share), lowest(approximate, share)
    return float((exact & approximate).sum() / (exact | approximate).sum())


def _map(values, name):
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"{name} must be a map [rows, columns], got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinite values; every position must have a score")
    return values


def _maps(exact, approximate):
    exact, approximate = _map(exact, "exact"), _map(approximate, "approximate")
    if exact.shape != approximate.shape:
        raise ValueError(f"the maps differ in shape: exact {exact.shape}, approximate {approximate.shape}")
    return exact, approximate


def _check_window(values):
    if min(values.shape) < WINDOW:
        raise ValueError(
            f"SSIM needs a map of at least {WINDOW}x{WINDOW} positions, got {values.shape}; use a stride "
            "that gives more positions"
        )
