"""fastMRI's random column masks: which columns of k-space an accelerated scan measures.

One column is one read-out, so that leaving out seven of eight columns makes the scan eight times as fast. The middle
columns, which hold most of an image's energy, are always measured; the others at random.
"""

from numbers import Real

import numpy as np

CENTER = {4: 0.08, 8: 0.04}
"""Share of the columns in the middle that fastMRI measures in any case, by acceleration."""


def column_mask(columns, acceleration, seed, *, center=None):
    """A random column mask, bool [columns]: True where it is measured. fastMRI's own on the same seed.

    The middle ``round(columns * center)`` columns are measured, and each of the others with the probability that makes
    columns / acceleration in all on average; a single mask has more or less.

    Args:
        columns: width of k-space.
        acceleration: 4 or 8 as in fastMRI, or another number above 1 with ``center``.
        seed: a whole number, or several as :func:`file_seed` gives; one seed gives one mask of a width.
        center: share of the columns in the middle; None takes fastMRI's.

    Returns:
        bool array [columns]; it multiplies k-space [..., H, columns].

    Raises:
        ValueError: no columns, an acceleration without a known centre, a centre that alone is more than
            columns / acceleration.

    Source: ``RandomMaskFunc`` of fastMRI (github.com/facebookresearch/fastMRI, fastmri/data/subsample.py) and its two
    draws in their order; paper 5, section 4.2.

    Example:
        >>> mask = column_mask(320, 8, seed=123)
        >>> int(mask.sum()), np.flatnonzero(mask)[:4].tolist()
        (39, [13, 65, 74, 87])
    """
    if isinstance(columns, bool) or not isinstance(columns, (int, np.integer)) or columns < 1:
        raise ValueError(f"column_mask: columns must be a whole number of at least 1, got {columns!r}")
    if isinstance(acceleration, bool) or not isinstance(acceleration, Real) or not 1 < acceleration < float("inf"):
        raise ValueError(f"column_mask: acceleration must be above 1, such as 4 or 8, got {acceleration!r}")
    if center is None and acceleration not in CENTER:
        raise ValueError(
            f"column_mask: fastMRI has no acceleration {acceleration}; give the middle's share, such as "
            f"center={0.32 / acceleration:.3f}"
        )
    center = CENTER[acceleration] if center is None else center
    middle = round(columns * center)
    if not 0 <= middle <= columns / acceleration:
        raise ValueError(
            f"column_mask: center={center!r} keeps {middle} of {columns} columns, but {acceleration}-fold acceleration "
            f"has {columns / acceleration:.1f} in all; take a smaller centre"
        )
    random = np.random.RandomState(seed)
    # fastMRI draws which of its accelerations it takes, of one; the mask of a seed depends on that.
    random.randint(0, 1)
    mask = random.uniform(size=columns) < (columns / acceleration - middle) / (columns - middle)
    begin = (columns - middle + 1) // 2
    mask[begin : begin + middle] = True
    return mask


def file_seed(name):
    """The seed that fastMRI takes for all slices of a file in validation: the codes of its letters.

    Example:
        >>> file_seed("f1.h5")
        (102, 49, 46, 104, 53)
    """
    if not isinstance(name, str) or not name:
        raise ValueError(f"file_seed: got {name!r}, expected a file's name such as 'file1000000.h5'")
    return tuple(map(ord, name))
