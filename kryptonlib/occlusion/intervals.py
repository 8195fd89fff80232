"""How a changed interval passes through the layers of a CNN, one axis at a time.

An occluded patch changes the cells ``[low, high)`` of an axis. After a layer, only the cells whose input meets that
interval can have changed. All functions are pure integer arithmetic and take plain ints or NumPy integer arrays, so
that the intervals of all positions of a patch are computed at once. They are tight (each border cell of the result
reads a changed cell) and clipped at the border of the map. An interval with ``low == high`` is empty: nothing changed.

Source: Krypton, section 4.1, whose equations give the largest window over all alignments; the forms here are the exact
ones for each position, with dilation, uneven padding and ``ceil_mode`` added.
"""

import numpy as np


def extent(kernel, dilation=1):
    """Cells from the first to the last one that a kernel touches: ``dilation * (kernel - 1) + 1``."""
    return dilation * (kernel - 1) + 1


def output_size(size, kernel, stride=1, padding=(0, 0), dilation=1, ceil_mode=False):
    """Length of a layer's output axis (Krypton, eq. 8 and 9, with torch's ``ceil_mode`` of the pools).

    Args:
        size: length of the input axis, at least 1.
        kernel, stride, dilation: positive integers.
        padding: (before, after), cells added at either end.
        ceil_mode: round up, but never let a window start in the padding after the map.

    Example:
        >>> output_size(224, 7, 2, (3, 3))
        112
    """
    before, after = padding
    room = size + before + after - extent(kernel, dilation)
    if room < 0:
        raise ValueError(
            f"a kernel of extent {extent(kernel, dilation)} does not fit an axis of {size} cells with padding {padding}"
        )
    count = room // stride + 1
    if ceil_mode and room % stride and count * stride < size + before:
        count += 1
    return count


def through_window(low, high, *, kernel, stride=1, before=0, dilation=1, size):
    """Changed interval of the output of a convolution or pool.

    Output cell ``o`` reads input cells ``o * stride - before + dilation * k`` for ``k = 0 .. kernel - 1``.

    Args:
        low, high: changed input interval ``[low, high)``; ints or integer arrays of one shape.
        kernel, stride, dilation: positive integers.
        before: padding in front of the axis.
        size: length of the output axis.

    Returns:
        (low, high) of the output. With dilation the interval is the tight one of the kernel's whole extent.

    Example:
        >>> through_window(4, 5, kernel=3, before=1, size=10)
        (3, 6)
    """
    start = -((extent(kernel, dilation) - 1 - before - low) // stride)
    stop = (high - 1 + before) // stride + 1
    return _clipped(start, stop, size, high > low)


def through_adaptive(low, high, *, size_in, size_out):
    """Changed interval of an adaptive pool, whose output ``o`` reads ``floor(o*I/O) .. ceil((o+1)*I/O) - 1``.

    Example:
        >>> through_adaptive(0, 1, size_in=14, size_out=7)
        (0, 1)
    """
    # The last cell read by o is at least low: ceil((o + 1) * I / O) > low, so (o + 1) * I > low * O.
    start = (low * size_out) // size_in
    # The first cell read by o is below high: floor(o * I / O) < high, so o * I < high * O.
    stop = -((-high * size_out) // size_in)
    return _clipped(start, stop, size_out, high > low)


def through_pad(low, high, *, before, size):
    """Changed interval after ``before`` cells were put in front (negative: cut off); ``size`` is the new length."""
    return _clipped(low + before, high + before, size, high > low)


def hull(intervals):
    """Smallest interval that holds all given ones: the change of a sum or a concatenation. Empty ones do not count.

    Example:
        >>> hull([(2, 5), (4, 9), (0, 0)])
        (2, 9)
    """
    low, high = intervals[0]
    for other_low, other_high in intervals[1:]:
        first, second = high > low, other_high > other_low
        both = first & second
        new_low = np.where(both, np.minimum(low, other_low), np.where(second, other_low, low))
        new_high = np.where(both, np.maximum(high, other_high), np.where(second, other_high, high))
        low, high = _plain(new_low, low, other_low), _plain(new_high, high, other_high)
    return low, high


def kept(low, high, middle, most):
    """``most`` cells of ``[low, high)``, those nearest to ``middle``; all of them where there are no more.

    Example:
        >>> kept(2, 9, 5, 3)
        (4, 7)
        >>> kept(0, 9, 1, 3)
        (0, 3)
    """
    start = np.clip(_centred(middle, most), low, np.maximum(high - most, low))
    return _plain(start, low, high), _plain(np.minimum(start + most, high), low, high)


def within(low, high, middle, most):
    """The cells of ``[low, high)`` that lie among the ``most`` cells around ``middle``, at least one.

    Where the border cuts the interval off on one side, less than ``most`` cells are left.

    Example:
        >>> within(0, 9, 1, 5)
        (0, 4)
    """
    begin = _centred(middle, most)
    start = np.clip(begin, low, np.maximum(high - 1, low))
    stop = np.clip(begin + most, np.minimum(low + 1, high), high)
    return _plain(start, low, high), _plain(stop, low, high)


def _centred(middle, most):
    """First of ``most`` cells around ``middle``; of two equally good ones the later."""
    return np.floor(middle - (most - 1) / 2 + 0.5).astype(np.int64)


def context(start, length, *, kernel, stride=1, before=0, dilation=1):
    """Input cells that a window of outputs reads (Krypton's read-in): first cell and number of cells.

    The first cell may be negative and the last beyond the map: those are padding.

    Example:
        >>> context(3, 3, kernel=3, before=1)
        (2, 5)
    """
    return start * stride - before, (length - 1) * stride + extent(kernel, dilation)


def place(low, high, length, size):
    """Start of a window of ``length`` cells that holds ``[low, high)`` and lies inside the map of ``size`` cells."""
    start = np.minimum(low, size - length)
    return _plain(np.maximum(start, 0), low, high)


def _clipped(start, stop, size, some):
    """``[start, stop)`` cut to the map; empty where nothing was changed or nothing is left."""
    low, high = np.maximum(start, 0), np.minimum(stop, size)
    some = some & (high > low)
    return _plain(np.where(some, low, 0), start, stop), _plain(np.where(some, high, 0), start, stop)


def _plain(value, *arguments):
    """A plain int where all arguments were plain, so that callers without arrays see no NumPy scalars."""
    return value if any(isinstance(argument, np.ndarray) for argument in arguments) else int(value)
