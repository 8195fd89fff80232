"""Adaptive drill-down: a coarse map of the entire image, then the fine map where the coarse one is lowest.

Stage 1 computes positions at the coarse stride S1 and interpolates the rest; stage 2 computes the share r of the fine
grid's positions (stride S2) that look most sensitive. Its cost model counts positions: one in S1^2 pixels for stage 1,
r in S2^2 for stage 2, where the fine grid has one in S2^2.

Source: Krypton (SIGMOD 2019), adaptive drill-down; the section is empty in its draft, the formulas are the published
ones. Nothing here depends on an engine: a function from positions to scores is handed over.
"""

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np

from kryptonlib.choices import check_choice
from kryptonlib.occlusion.grid import Grid, pair


@dataclass(frozen=True)
class Drilldown:
    """What :func:`run` found.

    Attributes:
        values: float64 [rows, columns] of the fine grid: computed where ``exact``, interpolated elsewhere.
        exact: bool [rows, columns]: the positions whose value was computed, with the grid's own patch.
        passes: positions evaluated in stage 1 and in stage 2.
        predicted: the cost model's speed-up at the coarse stride used, see :func:`speedup`.
        counted: positions of the fine grid per position evaluated: what really was saved, borders, bounding box and
            shared positions included.
        coarse: (rows, columns) stride of stage 1 in pixels.
    """

    values: np.ndarray
    exact: np.ndarray
    passes: tuple
    predicted: float
    counted: float
    coarse: tuple


def coarse_stride(stride, share, target):
    """The coarse stride at which the cost model promises a speed-up of ``target``.

    S1 = S2 sqrt(target / (1 - r target)), :func:`speedup` solved for S1.

    Args:
        stride: S2 in pixels, the fine grid's.
        share: r, the share of the fine positions that stage 2 computes, in (0, 1].
        target: the speed-up asked for, positive. It must lie below 1/r: stage 2 alone costs r of the fine grid.

    Returns:
        S1 in pixels, a float.

    Raises:
        ValueError: share * target >= 1, or an argument outside its range.

    Source: Krypton (SIGMOD 2019), adaptive drill-down. Its three published settings (r, target) are (0.1, 5), (0.4, 2)
    and (0.25, 3).

    Example:
        >>> round(coarse_stride(4, share=0.25, target=3), 3)
        13.856
    """
    stride, share, target = _positive(stride, "stride"), _share(share), _positive(target, "target")
    if share * target >= 1:
        raise ValueError(
            f"no coarse stride reaches a speed-up of {target:g} with share {share:g}: computing that share of the fine "
            f"grid bounds the speed-up by 1/share = {1 / share:g}; choose a smaller target or share"
        )
    return stride * math.sqrt(target / (1 - share * target))


def speedup(coarse, stride, share):
    """The cost model: positions of the fine grid per position that both stages compute, S1^2 / (S2^2 + r S1^2).

    It is the limit for a large image. It knows neither of borders, nor of a bounding box, nor of shared positions.

    Args:
        coarse: S1 in pixels, a number or (rows, columns), whose product then replaces S1^2.
        stride: S2, likewise.
        share: r in (0, 1].

    Source: Krypton (SIGMOD 2019), adaptive drill-down.

    Example:
        >>> round(speedup(13, 4, 0.1), 2)
        5.14
    """
    coarse, stride, share = _area(coarse, "coarse"), _area(stride, "stride"), _share(share)
    return coarse / (stride + share * coarse)


def bound(width, stride, share):
    """What the speed-up stays below: min(W^2 / (S2^2 + r W^2), 1/r).

    The first is the cost of a single coarse position, S1 = W. It is itself below 1/r, so the minimum is the first; the
    second is the part of the bound that does not depend on the image.

    Args:
        width: W in pixels, the image's side, or (height, width).
        stride: S2 in pixels, a number or (rows, columns).
        share: r in (0, 1].

    Source: Krypton (SIGMOD 2019), adaptive drill-down.

    Example:
        >>> round(bound(224, 4, 0.25), 3)
        3.995
    """
    return min(speedup(_sides(width, "width"), stride, share), 1 / share)


def round_half_up(number):
    """The nearest integer of a positive number, halves upwards: Python 2's ``round``, with which Krypton was run.

    Python 3 and NumPy round halves to the even neighbour: 12.5 gives 12 there, 13 here.
    """
    whole = math.floor(number)
    return whole + (number - whole >= 0.5)


def lowest(values, share):
    """The ``share`` of positions with the lowest values: the most sensitive region.

    Exactly round_half_up(share * n) positions, at least one. Of equal values the one that comes first row by row is
    taken, so the answer does not depend on a sorting algorithm. (Krypton takes all values up to a percentile, which is
    more of them where values tie.)

    Args:
        values: array [rows, columns].
        share: in (0, 1].

    Returns:
        bool array [rows, columns].

    Example:
        >>> lowest(np.array([[3.0, 1.0], [1.0, 2.0]]), 0.25)
        array([[False,  True],
               [False, False]])
    """
    values = np.asarray(values)
    mask = np.zeros(values.size, dtype=bool)
    count = max(1, round_half_up(_share(share) * values.size))
    mask[np.argsort(values, axis=None, kind="stable")[:count]] = True
    return mask.reshape(values.shape)


def run(evaluate, grid, *, share, target=None, coarse=None, choose="individual", coarse_patch=None, align=False):
    """A map by adaptive drill-down.

    Stage 1 computes every S1-th pixel of the fine grid's extent, from its first position on, and its last row and
    column besides, whatever remainder is left: each fine position then lies between coarse ones and is interpolated
    bilinearly at its own place. (Krypton stretches the coarse map to the fine map's size instead, which moves it.)
    Stage 2 computes the :func:`lowest` share of that map at the fine grid.

    Args:
        evaluate: function of positions, integers [n, 2] of (top, left), and a patch (rows, columns), that returns n
            scores. A low score means a sensitive position.
        grid: the fine :class:`Grid`.
        share: r in (0, 1], the share of its positions that stage 2 computes.
        target: the speed-up from which :func:`coarse_stride` takes S1, for each axis; or else
        coarse: S1 in pixels, a number or (rows, columns). It is rounded to whole pixels, halves upwards, and may not
            be finer than the grid.
        choose: "individual" computes the share itself, as published; "box" its bounding box, as Krypton's
            demonstration does: more positions, without holes.
        coarse_patch: patch of stage 1, an integer or (rows, columns); None is the grid's own, as published. Another
            one is centred where the grid's lies, and moved inside the region at its border.
        align: round S1 to the nearest multiple of S2 instead, so that the coarse positions are fine ones, and do not
            compute them again in stage 2. Krypton does compute them again.

    Returns:
        A :class:`Drilldown`.

    Raises:
        ValueError, TypeError: neither or both of target and coarse, a coarse stride below the grid's, align with
            another patch, share * target >= 1, scores that are not n finite numbers.

    Source: Krypton (SIGMOD 2019), adaptive drill-down.

    Example:
        >>> from kryptonlib.occlusion.grid import make_grid
        >>> found = run(lambda at, patch: np.hypot(*(at - 20).T), make_grid((64, 64), 8, 2), share=0.1, target=4)
        >>> found.coarse, found.passes
        ((5, 5), (169, 84))
    """
    if not callable(evaluate):
        raise TypeError(f"evaluate must be a function (positions, patch) -> scores, got {type(evaluate).__name__}")
    if not isinstance(grid, Grid):
        raise TypeError(f"grid must be a Grid (make_grid makes one), got {type(grid).__name__}")
    share = _share(share)
    check_choice("choose", choose, ("individual", "box"))
    patch = grid.patch if coarse_patch is None else pair(coarse_patch, "coarse_patch")
    if patch[0] > grid.region[2] or patch[1] > grid.region[3]:
        raise ValueError(f"coarse_patch {patch} is larger than the region of {grid.region[2]}x{grid.region[3]} pixels")
    if align and patch != grid.patch:
        raise ValueError(f"align=True shares positions between the stages; stage 1 has patch {patch}, not {grid.patch}")
    strides = _whole_strides(grid.stride, _wanted_strides(grid.stride, share, target, coarse), align)

    rows, columns = _knots(grid.tops, strides[0]), _knots(grid.lefts, strides[1])
    # At the border several positions of another patch may be moved to the same place.
    tops, row_of = np.unique(_moved(rows, grid, patch, 0), return_inverse=True)
    lefts, column_of = np.unique(_moved(columns, grid, patch, 1), return_inverse=True)
    corners = np.stack(np.meshgrid(tops, lefts, indexing="ij"), axis=-1).reshape(-1, 2)
    sampled = _scores(evaluate, corners, patch).reshape(len(tops), len(lefts))[np.ix_(row_of, column_of)]
    values = _stretched(_stretched(sampled, columns, grid.lefts).T, rows, grid.tops).T

    chosen = lowest(values, share)
    if choose == "box":
        chosen = np.outer(_span(chosen.any(1)), _span(chosen.any(0)))
    shared = np.zeros(grid.shape, dtype=bool)
    if patch == grid.patch:
        shared = np.outer(np.isin(grid.tops, rows), np.isin(grid.lefts, columns))
    wanted = chosen & ~shared if align else chosen
    if wanted.any():
        values[wanted] = _scores(evaluate, grid.positions()[wanted.ravel()], grid.patch)
    passes = len(corners), int(wanted.sum())
    return Drilldown(
        values=values,
        exact=chosen | shared,
        passes=passes,
        predicted=speedup(strides, grid.stride, share),
        counted=len(grid) / sum(passes),
        coarse=strides,
    )


def _wanted_strides(stride, share, target, coarse):
    """The coarse stride of each axis before rounding."""
    if (target is None) == (coarse is None):
        raise ValueError(f"give either target or coarse, got target={target!r} and coarse={coarse!r}")
    if target is not None:
        return tuple(coarse_stride(step, share, target) for step in stride)
    return _sides(coarse, "coarse")


def _whole_strides(stride, wanted, align):
    strides = tuple(
        step * round_half_up(length / step) if align else round_half_up(length) for step, length in zip(stride, wanted)
    )
    if strides[0] < stride[0] or strides[1] < stride[1]:
        raise ValueError(
            f"the coarse stride {strides} (rows, columns) is finer than the grid's {stride}; give a larger coarse, or "
            "a target of at least 1 / (1 + share)"
        )
    return strides


def _knots(starts, coarse):
    """The coarse positions along an axis, in pixels, ascending; the fine grid's first and last are among them."""
    found = list(range(starts[0], starts[-1] + 1, coarse))
    return np.array(found if found[-1] == starts[-1] else [*found, starts[-1]])


def _moved(knots, grid, patch, axis):
    """Where a patch of another size begins to have the centre of the grid's, kept inside the region."""
    low, length = grid.region[axis], grid.region[2 + axis]
    return np.clip(knots - (patch[axis] - grid.patch[axis]) // 2, low, low + length - patch[axis])


def _stretched(lines, knots, starts):
    """Each line [n, coarse] linearly interpolated at the fine positions [n, fine]; equal neighbours stay equal, so that
    rounding does not choose among ties."""
    return np.stack([np.interp(starts, knots, line) for line in lines])


def _span(flags):
    """True from the first to the last True."""
    found = np.flatnonzero(flags)
    return (np.arange(len(flags)) >= found[0]) & (np.arange(len(flags)) <= found[-1])


def _scores(evaluate, positions, patch):
    scores = np.asarray(evaluate(positions, patch), dtype=np.float64)
    if scores.shape != (len(positions),):
        raise ValueError(f"evaluate must return one score a position, shape ({len(positions)},), got {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("evaluate returned NaN or infinite scores")
    return scores


def _positive(value, name):
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return float(value)


def _share(share):
    if _positive(share, "share") > 1:
        raise ValueError(f"share must lie in (0, 1], got {share!r}")
    return float(share)


def _sides(value, name):
    """``value`` as (rows, columns) of positive numbers; one number stands for both."""
    values = (value, value) if np.ndim(value) == 0 else tuple(value)
    if len(values) != 2:
        raise ValueError(f"{name} must be a number or (rows, columns), got {value!r}")
    return tuple(_positive(number, name) for number in values)


def _area(value, name):
    return math.prod(_sides(value, name))
