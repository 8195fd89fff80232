"""Which positions of a grid are computed, and what the others get.

Neighbouring patches overlap, so a heat map is smooth, and some of its positions tell the others. How many are needed
depends more on how they lie than on how one interpolates: on diagonals a third of the positions does better than a
quarter on every second row and column, because no position is further than one step from a computed one.
"""

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.special import expit, logit

from kryptonlib.choices import check_choice

LATTICES = {
    "sixteenth": lambda i, j: (i % 4 == 0) & (j % 4 == 0),
    "eighth": lambda i, j: (i % 2 == 0) & (j % 2 == 0) & ((i + j) % 4 == 0),
    "quarter": lambda i, j: (i % 2 == 0) & (j % 2 == 0),
    "third": lambda i, j: (i + j) % 3 == 0,
    "half": lambda i, j: (i + j) % 2 == 0,
    "all": lambda i, j: i >= 0,
}
"""Name -> function of the row and column number in the grid, true where the position is computed."""
FINER = {"sixteenth": "eighth", "eighth": "quarter", "quarter": "half", "half": "all"}
"""The next denser lattice that holds all positions of this one."""
COARSEST = "sixteenth"
"""The first of these."""
NEIGHBOURS = 20
"""Computed positions that an interpolated value depends on."""


def mask(shape, lattice):
    """bool [rows, columns]: the positions of a lattice.

    Example:
        >>> mask((3, 3), "half").sum()
        5
    """
    check_choice("lattice", lattice, LATTICES)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return LATTICES[lattice](rows, columns)


def fill_in(values, known, probability=False, base=None):
    """Interpolate a map between its known positions by thin plate splines.

    Args:
        values: float array [..., rows, columns]; read at known positions only.
        known: bool [rows, columns]; at least three positions, not all in one line.
        probability: True interpolates the log-odds of ``values``, which must lie in [0, 1]. Near 0 and 1 a probability
            is pressed flat and then falls steeply, which a spline follows badly; its log-odds do not.
        base: another map, close to this one, of the same shape; then the difference from it is interpolated.

    Returns:
        float64 array of the shape of ``values``; known positions keep their values.

    Source:
        Duchon, "Splines minimizing rotation-invariant semi-norms in Sobolev spaces", 1977; scipy's RBFInterpolator with
        the nearest 20 positions.
    """
    values, known = np.asarray(values, dtype=np.float64), np.asarray(known, dtype=bool)
    if values.shape[-2:] != known.shape:
        raise ValueError(f"fill_in() got values {values.shape} and a mask {known.shape}")
    at, wanted = np.argwhere(known), np.argwhere(~known)
    if not len(wanted):
        return values.copy()
    if len(at) < 3 or np.linalg.matrix_rank(at - at[0]) < 2:
        raise ValueError("fill_in() needs three known positions that are not all in one line")
    result, data = values.copy(), np.moveaxis(values[..., known], -1, 0)
    data = _log_odds(data) if probability else data
    if base is not None:
        base = np.moveaxis(_log_odds(base) if probability else np.asarray(base, dtype=np.float64), (-2, -1), (0, 1))
        data = data - base[known]
    try:
        found = RBFInterpolator(at, data, neighbors=min(NEIGHBOURS, len(at)))(wanted)
    except np.linalg.LinAlgError:
        # Somewhere the nearest known positions lie in a line; all of them together do not.
        found = RBFInterpolator(at, data)(wanted)
    if base is not None:
        found = found + base[~known]
    result[..., ~known] = np.moveaxis(expit(found) if probability else found, 0, -1)
    return result


def _log_odds(values):
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"probabilities lie in [0, 1], got values from {values.min():g} to {values.max():g}")
    # A probability that rounding has made 0 or 1 has no log-odds.
    return logit(np.clip(values, np.finfo(values.dtype).tiny, 1 - np.finfo(values.dtype).epsneg))
