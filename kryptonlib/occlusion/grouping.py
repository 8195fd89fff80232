"""Which positions travel together, and from which layer on whole maps are cheaper than windows.

A batch needs one window shape per layer. Positions differ: at the border windows are cut off, and with strides their
alignment differs. Grouping all of them wastes work on the largest window; a group per shape gives batches too small to
be fast. Row intervals and column intervals are therefore merged step by step, always the two that waste least, and the
number of groups with the least estimated cost is taken. A window rounded up to its group's size stays exact, because
around the change it holds clean activations.
"""

from dataclasses import dataclass, replace

import numpy as np

from kryptonlib.occlusion.changes import Span, pays, takes_change, through_change
from kryptonlib.occlusion.costs import StepCosts, gathered, whole_axis
from kryptonlib.occlusion.intervals import extent, hull, place, through_window

MOST_GROUPS = 16
"""Largest number of row (and of column) groups tried."""
WINDOWED = ("input", "window", "pointwise", "join")
"""The kinds of steps (``steps``) whose result is a window where their sources are windows."""


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


def make_groups(steps, boxes, batch, crop=None, patch=None, rim=False):
    """Divide positions into groups of one window shape per layer.

    Args:
        steps: from ``read_steps``.
        boxes: integer array [n, 4] of (top, bottom, left, right): the pixels that really change, none empty.
        batch: positions per batch that the machine likes.
        crop: as for ``changed_intervals``.
        patch: (rows, columns), needed with a crop: where a patch in the middle of the image turns to entire maps, all
            do, so that a score does not depend on what else is computed.
        rim: True computes what a crop leaves out too, for :mod:`~kryptonlib.occlusion.first_order`.

    Returns:
        A list of :class:`Group` that holds every position once.
    """
    costs = StepCosts(steps)
    axes = [_Axis(steps, boxes[:, 2 * axis : 2 * axis + 2], axis, crop, rim) for axis in (0, 1)]
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


class _Axis:
    """The distinct changed intervals along one axis, and how to merge them."""

    def __init__(self, steps, spans, axis, crop, rim):
        unique, which, counts = np.unique(spans, axis=0, return_inverse=True, return_counts=True)
        self.steps, self.axis = steps, axis
        self.which, self.counts = which.reshape(-1), counts.astype(float)
        grown, self.kept = cropped_intervals(steps, unique[:, 0], unique[:, 1], axis, crop=crop)
        self.intervals = grown if rim else self.kept
        self.sizes = np.array([int(step.size[axis]) for step in steps])
        self.changes = [takes_change(steps, index) for index in range(len(steps))]
        # Per step and interval, whether later steps see less than what can change.
        self.cut = [(first[0] != last[0]) | (first[1] != last[1]) for first, last in zip(grown, self.kept)]
        self.cropped = any(cut.any() for cut in self.cut)
        # Around a crop a larger window would hold what the crop leaves out.
        self.whole = self.sizes if self.cropped else whole_axis(steps, axis)
        lengths, seen = (
            np.array([np.maximum(high - low, 1) for low, high in intervals])
            for intervals in (self.intervals, self.kept)
        )
        # The whole axis where that costs no more.
        self.lengths = np.where(lengths >= self.whole[:, None], self.sizes[:, None], lengths)
        self.profile = self.profiles(self.lengths, seen)

    def profiles(self, lengths, seen):
        """What windows cost along the axis: their own places, and those they gather, [2K, U].

        Args:
            lengths: of the windows [K, U].
            seen: cells of them that later steps see [K, U].
        """
        own, contexts = np.minimum(lengths, self.whole[:, None]), np.zeros(lengths.shape)
        for index, step in enumerate(self.steps):
            source = step.sources[0] if step.sources else None
            if self.changes[index]:
                own[index], contexts[index] = np.minimum(own[index], seen[source]), seen[source]
            elif step.kind == "window":
                contexts[index] = gathered(step, self.axis, lengths[index], self.sizes[source])
            elif step.kind == "linear":
                contexts[index] = lengths[source]
        return np.concatenate([own, contexts])

    def merge(self, weights):
        """Record which two sets of intervals to merge, from each alone down to all in one."""
        profiles, counts = self.profile.T.copy(), self.counts.copy()
        own = counts * (profiles @ weights)
        alive = len(counts)
        waste = np.full((alive, alive), np.inf)
        for i in range(alive):
            self._waste_of(waste, i, profiles, counts, own, weights, np.ones(alive, bool))
        present = np.ones(alive, bool)
        self.merges = []
        for _ in range(alive - 1):
            keep, gone = divmod(int(np.argmin(waste)), alive)
            self.merges.append((keep, gone))
            profiles[keep] = np.maximum(profiles[keep], profiles[gone])
            counts[keep] += counts[gone]
            own[keep] = counts[keep] * (profiles[keep] @ weights)
            present[gone] = False
            waste[gone, :] = waste[:, gone] = np.inf
            self._waste_of(waste, keep, profiles, counts, own, weights, present)

    @staticmethod
    def _waste_of(waste, i, profiles, counts, own, weights, present):
        joint = (counts[i] + counts) * (np.maximum(profiles[i], profiles) @ weights)
        line = np.where(present, joint - own[i] - own, np.inf)
        line[i] = np.inf
        waste[i, :] = waste[:, i] = line

    def labels(self, many):
        """Label of each distinct interval when they are merged into at most ``many`` sets."""
        labels = np.arange(len(self.counts))
        for keep, gone in self.merges[: max(0, len(self.counts) - many)]:
            labels[labels == gone] = keep
        return labels

    def geometry(self, labels):
        """label -> per step a :class:`_Line`."""
        return {label: self._lines(labels == label) for label in np.unique(labels)}

    def _lines(self, mine):
        lines = []
        for index, step in enumerate(self.steps):
            low, high = self.intervals[index]
            length = int(self.lengths[index][mine].max())
            line = _Line(place(low, high, length, int(self.sizes[index])), length)
            busy = mine & (high > low)
            if self.changes[index] and busy.any():
                source = step.sources[0]
                needed, seen = ((ends[0][busy], ends[1][busy]) for ends in ((low, high), self.kept[source]))
                axis = step.operator.axes[self.axis]
                shift, length, span = through_change(lines[source].starts[busy], seen, needed, axis)
                if pays(span, length, line.length, axis[0]):
                    line = _Line(lines[source].starts + shift, length, span, aligned=True)
            elif step.kind in ("pointwise", "join"):
                # A window that some source has already need not be gathered.
                line = next((lines[source] for source in step.sources if lines[source].holds(low, high, busy)), line)
                line = replace(line, span=None)
            first, last = self.kept[index]
            cut = self.cut[index] & mine
            if cut.any() and ((line.starts != first) | (line.starts + line.length != last))[cut].any():
                line = replace(line, partial=True)
            lines.append(line)
        return lines


@dataclass(frozen=True)
class _Line:
    """The windows of one step along one axis, for the intervals of a set.

    Attributes:
        starts: of all distinct intervals [U]; those of other sets mean nothing.
        length: of each window.
        span: a :class:`Span` where the step convolves a change, or None.
        aligned: True where the windows lie as those of such a step do.
        partial: True where a window holds changes that later steps do not see.
    """

    starts: np.ndarray
    length: int
    span: Span | None = None
    aligned: bool = False
    partial: bool = False

    def holds(self, low, high, which):
        """True for windows to be taken as they are by an elementwise step that needs [low, high) of ``which``."""
        inside = (self.starts <= low) & (high <= self.starts + self.length)
        return self.aligned and not self.partial and bool(inside[which].all())


def _switch_in_the_middle(steps, costs, crop, patch, rim):
    """The step from which entire maps are cheapest for a patch in the middle of the image."""
    profiles = []
    for axis, extent_ in enumerate(patch):
        low = (int(steps[0].size[axis]) - extent_) // 2
        profiles.append(_Axis(steps, np.array([[low, low + extent_]]), axis, crop, rim).profile[:, 0])
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
