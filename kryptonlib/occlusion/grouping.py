"""Which positions travel together, and from which layer on whole maps are cheaper than windows.

A batch needs one window shape per layer. Positions differ: at the border windows are cut off, and with strides their
alignment differs. Grouping all of them wastes work on the largest window; a group per shape gives batches too small to
be fast. Row intervals and column intervals are therefore merged (``axes``), and the number of groups with the least
estimated cost is taken. A window rounded up to its group's size stays exact, because around the change it holds clean
activations; of a cropped one later steps see what the crop keeps. No score depends on what else is computed.
"""

from dataclasses import dataclass

import numpy as np

from kryptonlib.occlusion.axes import Axis
from kryptonlib.occlusion.costs import StepCosts
from kryptonlib.occlusion.spread import WINDOWED

MOST_GROUPS = 16
"""Largest number of row (and of column) groups tried."""


@dataclass
class Group:
    """Positions that share a window shape at every layer.

    Attributes:
        members: indices of the positions [n].
        windows: per step None (the whole map) or ((row starts [n], rows), (column starts [n], columns)). A window may
            reach beyond its map; what lies there is zero.
        cost: estimated MACs per position.
        kept: per step None (later steps see the window as it is) or ((row starts [n], stops [n]), (column starts,
            stops)): the part of the cropped window that later steps see; around it they see clean activations.
        spans: per step None (it reads its context) or (rows', columns') :class:`~kryptonlib.occlusion.changes.Span`:
            it convolves a change alone.
    """

    members: np.ndarray
    windows: list
    cost: float
    kept: list
    spans: list


def make_groups(steps, boxes, batch, crop=None, patch=None, rim=False):
    """Divide positions into groups of one window shape per layer.

    Args:
        steps: from ``read_steps``.
        boxes: integer array [n, 4] of (top, bottom, left, right): the pixels that really change, none empty.
        batch: positions per batch that the machine likes.
        crop: as for ``spread.changed_intervals``.
        patch: (rows, columns), needed with a crop: where a patch in the middle of the image turns to entire maps, all
            do, so that a score does not depend on what else is computed.
        rim: True computes what a crop leaves out too, for :mod:`~kryptonlib.occlusion.first_order`.

    Returns:
        A list of :class:`Group` that holds every position once.
    """
    costs = StepCosts(steps)
    axes = [Axis(steps, boxes[:, 2 * axis : 2 * axis + 2], axis, crop, rim) for axis in (0, 1)]
    switch = None
    if any(axis.cropped for axis in axes):
        switch = _switch_in_the_middle(steps, costs, crop, patch, rim)
    mean_sizes = [axis.profile @ axis.counts / axis.counts.sum() for axis in axes]
    for axis, other in zip(axes, reversed(mean_sizes)):
        axis.merge(costs.weights * other)
    best = None
    for many in range(1, MOST_GROUPS + 1):
        labels = [axis.labels(many) for axis in axes]
        cost = _total_cost(axes, labels, costs, batch)
        if best is None or cost < best[0]:
            best = cost, labels
    rows, columns = (axis.geometry(labels) for axis, labels in zip(axes, best[1]))
    keys = [labels[axis.which] for axis, labels in zip(axes, best[1])]
    groups = []
    for row in np.unique(keys[0]):
        for column in np.unique(keys[1][keys[0] == row]):
            members = np.flatnonzero((keys[0] == row) & (keys[1] == column))
            groups.append(_group(steps, costs, members, axes, rows[row], columns[column], switch))
    return groups


def _switch_in_the_middle(steps, costs, crop, patch, rim):
    """The step from which entire maps are cheapest for a patch in the middle of the image."""
    profiles = []
    for axis, side in enumerate(patch):
        low = (int(steps[0].size[axis]) - side) // 2
        profiles.append(Axis(steps, np.array([[low, low + side]]), axis, crop, rim).profile[:, 0])
    return int(costs.switch(*profiles)[0])


def _total_cost(axes, labels, costs, batch):
    """Estimated MACs of all positions under a division into groups."""
    maxima, numbers = [], []
    for axis, label in zip(axes, labels):
        names, dense = np.unique(label, return_inverse=True)
        maxima.append(np.stack([axis.profile[:, label == name].max(1) for name in names]))
        numbers.append(dense.reshape(-1)[axis.which])
    members = np.zeros((len(maxima[0]), len(maxima[1])))
    np.add.at(members, tuple(numbers), 1)
    each = costs.switch(maxima[0][:, None], maxima[1][None])[1]
    return float((members * each + np.ceil(members / batch) * costs.per_batch).sum())


def _group(steps, costs, members, axes, rows, columns, switch):
    both, windows, spans, kept, profiles = (rows, columns), [], [], [], []
    for axis, lines in zip(axes, both):
        lengths = np.array([[line.length] for line in lines])
        seen = lengths.copy()
        for step, line in zip(steps, lines):
            if line.span is not None:
                seen[step.sources[0]] = line.span.cells
        profiles.append(axis.profiles(np.minimum(lengths, axis.sizes[:, None]), seen)[:, 0])
    cheapest, cost = costs.switch(*profiles)
    for index, step in enumerate(steps):
        lines = rows[index], columns[index]
        entire = any(windows[source] is None for source in step.sources)
        if switch is None:
            entire = entire or all(line.length >= size for line, size in zip(lines, step.size))
        entire = entire and step.kind != "input"
        if step.kind not in WINDOWED or index >= max(cheapest if switch is None else switch, 1) or entire:
            windows.append(None)
        else:
            windows.append(tuple((line.starts[axis.which[members]], line.length) for axis, line in zip(axes, lines)))
        changes = windows[index] is not None and all(line.span is not None for line in lines)
        spans.append(tuple(line.span for line in lines) if changes else None)
        partial = windows[index] is not None and any(line.partial for line in lines)
        ends = (axis.kept[index] for axis in axes)
        kept.append(
            tuple(tuple(end[axis.which[members]] for end in pair) for axis, pair in zip(axes, ends))
            if partial
            else None
        )
    return Group(members, windows, cost, kept, spans)
