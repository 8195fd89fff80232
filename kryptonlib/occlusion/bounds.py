"""What incremental inference could save: multiply-accumulates (MACs) counted, nothing timed.

Krypton's redundancy ratio (eq. 10-14) is the MACs of full inference over those of the changed windows. Krypton takes
the largest window over all alignments, for a patch in the middle of the image; ``tight=True`` takes each position's
own window, cut off at the border, and the mean over the positions. Linear layers are counted in full, as in Krypton's
published ratios (eq. 11 itself sums convolutions alone).

A window's outputs are more than need be multiplied: a convolution is linear, and a product without a changed factor is
known from the clean image. The change ratio counts the others alone.
"""

from dataclasses import dataclass

import numpy as np
import torch

from kryptonlib.occlusion.costs import step_macs
from kryptonlib.occlusion.fold import prepared
from kryptonlib.occlusion.intervals import extent, through_window
from kryptonlib.occlusion.reader import read_steps
from kryptonlib.occlusion.spread import changed_intervals


@dataclass(frozen=True)
class LayerWork:
    """One layer with weights.

    Attributes:
        name: the operator.
        size: (rows, columns) of its output map.
        window: mean (rows, columns) of the changed window.
        full: MACs of full inference (eq. 10).
        incremental: MACs of the changed window (eq. 12), the mean over the positions.
        change: those of them that a changed value enters.
    """

    name: str
    size: tuple
    window: tuple
    full: float
    incremental: float
    change: float


def steps_of(module, image):
    """The steps of a network in evaluation mode, for the functions here: see ``reader.read_steps``.

    Raises:
        Unsupported: the network cannot be traced.
    """
    with torch.inference_mode():
        return read_steps(prepared(module), image)[0]


def layer_work(steps, boxes, *, tight=True):
    """The work of every layer that multiplies.

    Args:
        steps: from :func:`steps_of`.
        boxes: integer array [n, 4] of (top, bottom, left, right): the patch at each position.
        tight: each position's own window; False takes Krypton's formulas.

    Returns:
        A list of :class:`LayerWork`.
    """
    boxes = np.asarray(boxes, dtype=np.int64)
    through = through_window if tight else published_window
    rows, columns = (
        changed_intervals(steps, boxes[:, 2 * axis], boxes[:, 2 * axis + 1], axis, through) for axis in (0, 1)
    )
    work = []
    for step, row, column in zip(steps, rows, columns):
        macs = step_macs(step) if step.operator is not None else 0
        if macs:
            height, width = row[1] - row[0], column[1] - column[0]
            entire = not step.spatial
            changed = 1.0 if entire else float((height * width).mean())
            window = (1.0, 1.0) if entire else (float(height.mean()), float(width.mean()))
            full = macs * float(np.prod(step.size))
            change = macs * changed
            if step.kind == "window":
                (source,) = step.sources
                read = [
                    products(*ends[source], axis, int(size)) / axis[0]
                    for ends, axis, size in zip((rows, columns), step.operator.axes, step.size)
                ]
                change -= step.operator.macs * (changed - float((read[0] * read[1]).mean()))
            work.append(LayerWork(step.name, tuple(int(s) for s in step.size), window, full, macs * changed, change))
    return work


def products(low, high, axis, size):
    """How many products with a kernel's weights the changed inputs ``[low, high)`` enter along an axis.

    Args:
        low, high: integer arrays.
        axis: the layer's (kernel, stride, padding before, dilation).
        size: number of outputs.

    Example:
        >>> products(np.array([4]), np.array([6]), (3, 1, 1, 1), 10)  # 2 inputs, and each is read by 3 outputs
        array([6])
    """
    kernel, stride, before, dilation = axis
    total = np.zeros_like(low)
    for place in range(kernel):
        # Output o reads input o * stride + shift with this weight.
        shift = place * dilation - before
        first = np.maximum(-((shift - low) // stride), 0)
        last = np.minimum((high - 1 - shift) // stride, size - 1)
        total += np.maximum(last - first + 1, 0)
    return total


def redundancy_ratio(work):
    """Krypton, eq. 14: MACs of full inference over those of incremental inference.

    Example:
        >>> redundancy_ratio([LayerWork("conv", (8, 8), (4, 4), 64.0, 16.0, 10.0)])
        4.0
    """
    return sum(layer.full for layer in work) / sum(layer.incremental for layer in work)


def change_ratio(work):
    """MACs of full inference over those that a changed value enters, the bound of ``changes``.

    Example:
        >>> change_ratio([LayerWork("conv", (8, 8), (4, 4), 64.0, 16.0, 10.0)])
        6.4
    """
    return sum(layer.full for layer in work) / sum(layer.change for layer in work)


def published_window(low, high, *, kernel, stride, before, dilation, size):
    """Krypton's own window (section 4.1): the width of the worst alignment, shifted inwards at the border.

    The arguments and the result are those of ``intervals.through_window``.
    """
    reach = extent(kernel, dilation) - 1
    width = np.minimum(-(-(high - low + reach) // stride), size)
    begin = np.minimum(np.maximum(-((reach - before - low) // stride), 0), size - width)
    return begin, begin + width


def patch_boxes(positions, patch):
    """Boxes [n, 4] of (top, bottom, left, right) for a patch of (rows, columns) at positions [n, 2]."""
    top, left = np.asarray(positions, dtype=np.int64).T
    return np.stack([top, top + patch[0], left, left + patch[1]], axis=1)
