"""How far the change under a patch spreads, step by step, before and after a crop."""

import numpy as np

from kryptonlib.occlusion.intervals import extent, hull, through_window

WINDOWED = ("input", "window", "pointwise", "join")
"""The kinds of steps (``steps``) whose result is a window where their sources are windows."""


def changed_intervals(steps, low, high, axis, through=through_window, crop=None):
    """The changed interval of every step along one axis (0 rows, 1 columns).

    Args:
        steps: from ``read_steps``.
        low, high: integer arrays [U], the changed pixels ``[low, high)`` of the image.
        through: how an interval passes through a convolution or pool; called as ``through_window`` is.
        crop: function (number of the step, axis, low, high, middle) -> (low, high), what to keep of the interval of a
            map; ``middle`` is where the patch's own centre comes to lie. The patch itself, in step 0, stays as it is.
            None keeps all that can change: exact.

    Returns:
        A list of (low, high) arrays [U], one pair per step. Where the engine computes entire maps, that is the map.
    """
    return cropped_intervals(steps, low, high, axis, through, crop)[1]


def cropped_intervals(steps, low, high, axis, through=through_window, crop=None):
    """:func:`changed_intervals` before and after the crop: (what changes in each step, what later steps see of it)."""
    grown, found, middles, entire = [], [], [], []
    for index, step in enumerate(steps):
        size = int(step.size[axis])
        entire.append(step.kind not in WINDOWED or any(entire[source] for source in step.sources))
        before = [found[s] for s in step.sources]
        middle = middles[step.sources[0]] if step.sources else (low + high - 1) / 2
        if step.kind == "input":
            interval = low, high
        elif step.kind == "window":
            kernel, stride, start, dilation = step.operator.axes[axis]
            interval = through(*before[0], kernel=kernel, stride=stride, before=start, dilation=dilation, size=size)
            middle = (middle + start - (extent(kernel, dilation) - 1) / 2) / stride
        elif step.kind in ("pointwise", "join"):
            interval = hull(before)
        else:
            interval = np.zeros_like(low), np.full_like(high, size)
        grown.append(interval)
        # What a mean, a linear layer or a dense step reads is not cropped: that would save nothing.
        read_in_part = all(steps[user].kind in WINDOWED for user in step.users)
        if crop is not None and index and read_in_part and not entire[index]:
            interval = crop(index, axis, *interval, middle)
        found.append(interval)
        middles.append(middle)
    return grown, found
