"""Everything about one batch that needs no activations: decided on the host, sent to the device at once."""

import numpy as np

from kryptonlib.occlusion.costs import gathered, takes_own_padding, takes_window_as_is
from kryptonlib.occlusion.intervals import context
from kryptonlib.occlusion.windows import Fetch, Shipment

GATHERED_FROM = 2 * 8
"""Bytes beside each gathered place: its number among the clean activations, and among the windows."""


class How:
    """How one step of one batch is computed."""

    def __init__(self, kind, fetches=(), strides=(1, 1), padding=(0, 0), counts=(), shape=None, kept=False):
        self.kind, self.fetches, self.strides, self.padding = kind, fetches, strides, padding
        self.counts, self.shape, self.kept = counts, shape, kept


class Schedule:
    """Everything about one batch that needs no activations: decided on the host, sent to the device at once."""

    def __init__(self, run, group, part):
        self.run, self.steps, self.count = run, run.steps, len(part)
        self.boxes = run.boxes[group.members[part]]
        self.windows = [
            None if window is None else tuple((starts[part], length) for starts, length in window)
            for window in group.windows
        ]
        self.kept = [
            None if kept is None else tuple(tuple(end[part] for end in ends) for ends in kept) for kept in group.kept
        ]
        self.shipment, self.made = Shipment(), {}
        self.how = [None] + [self._how(index) for index in range(1, run.head[1])]
        self.rims = [self.rim(index) for index in range(run.head[1])] if run.slopes is not None else None

    def _how(self, index):
        step, window = self.steps[index], self.windows[index]
        if window is None:
            if step.kind == "mean" and step.sources[0] and self.windows[step.sources[0]] is not None:
                return How("mean", [self._fetch(step.sources[0], self._own(step.sources[0]), clean=True)])
            return How("whole", [self._entire(source) for source in step.sources])
        shape = window[0][1], window[1][1]
        kept = index in self.run.maps and any(
            reads_map(self.steps[user], self.windows[user], self.windows[index], self.steps, index)
            or self.kept[index] is not None
            for user in step.users
        )
        if step.kind != "window":
            wanted = tuple((starts, length, 1) for starts, length in window)
            fetches = [
                None if source and self._same(source, index) else self._fetch(source, wanted) for source in step.sources
            ]
            return How("window", fetches, shape=shape, kept=kept)
        return self._window(index, step, window, shape, kept)

    def _window(self, index, step, window, shape, kept):
        source = step.sources[0]
        part = step.operator
        counts = ()
        if part.counts is not None:
            counts = [self.shipment.add(starts[:, None] + np.arange(length)) for starts, length in window]
        if source and takes_window_as_is(step) and self._same(source, index):
            return How("window", [None], counts=counts, shape=shape, kept=kept)
        wanted, strides, padding = [], [], [0, 0]
        for axis, (starts, length) in enumerate(window):
            kernel, stride, before, dilation = part.axes[axis]
            if takes_own_padding(step, axis, length):
                wanted.append((starts, int(self.steps[source].size[axis]), 1))
                strides.append(stride)
                padding[axis] = before
                continue
            begin, extent = context(starts, length, kernel=kernel, stride=stride, before=before, dilation=dilation)
            if kernel == 1:
                # Only every stride-th place is read: fetch those alone.
                wanted.append((begin, length, stride))
                strides.append(1)
            else:
                wanted.append((begin, extent, 1))
                strides.append(stride)
        fetch = self._fetch(source, tuple(wanted), outside=part.outside)
        return How("window", [fetch], tuple(strides), tuple(padding), counts, shape, kept)

    def _same(self, source, index):
        """True where the source's window is the step's own, so that nothing needs gathering."""
        return self.kept[source] is None and same_window(self.windows[source], self.windows[index])

    def rim(self, index):
        """Numbers of four arrays about a window whose rim later steps do not see, or None.

        Where its rows begin among the places of the map and whether each is kept, and the same for its columns.
        """
        if self.kept[index] is None:
            return None
        arrays = []
        pitches = int(self.steps[index].size[1]), 1
        for (starts, length), (low, high), pitch in zip(self.windows[index], self.kept[index], pitches):
            cells = starts[:, None] + np.arange(length)
            arrays += [cells * pitch, ((cells >= low[:, None]) & (cells < high[:, None])).astype(np.int64)]
        return [self.shipment.add(array) for array in arrays]

    def _own(self, source):
        return tuple((starts, length, 1) for starts, length in self.windows[source])

    def _entire(self, source):
        """The fetch that fills a window up to the map; None where the map is there already."""
        if self.windows[source] is None:
            return None
        zeros = np.zeros(self.count, dtype=np.int64)
        return self._fetch(source, tuple((zeros, int(size), 1) for size in self.steps[source].size))

    def _fetch(self, source, wanted, outside=0.0, clean=False):
        """A gather, shared by all branches that read the same patch of the same map."""
        key = source, outside, clean, tuple((starts.tobytes(), length, step) for starts, length, step in wanted)
        if key not in self.made:
            window = None if clean else self._window_of(source)
            size = tuple(int(s) for s in self.steps[source].size)
            self.made[key] = Fetch(self.shipment, size, window, wanted, outside)
        return self.made[key]

    def _window_of(self, source):
        begin = self.run.maps[source].begin
        if source == 0:
            # The fill lies behind the image as an entire map: a window into it starts at the changed box itself.
            top, bottom, left, right = self.boxes.T
            width = int(self.steps[0].size[1])
            return (top, bottom), (left, right), (begin + top * width + left, width)
        (top, height), (left, width) = self.windows[source]
        base = begin + np.arange(self.count) * (height * width)
        if self.kept[source] is None:
            return (top, top + height), (left, left + width), (base, width)
        (first, last), (begin_column, end_column) = self.kept[source]
        base = base + (first - top) * width + (begin_column - left)
        return (first, last), (begin_column, end_column), (base, width)


def is_fetched(steps, group, index):
    return group.kept[index] is not None or any(
        reads_map(steps[user], group.windows[user], group.windows[index], steps, index) for user in steps[index].users
    )


def reads_map(user, wanted, own, steps, index):
    """True where ``user`` reads the window of step ``index`` out of its map rather than as it is."""
    if wanted is None:
        return True
    if user.kind == "window" and not takes_window_as_is(user):
        return True
    return not same_window(own, wanted)


def same_window(one, other):
    return (
        one is not None
        and other is not None
        and all(a[1] == b[1] and np.array_equal(a[0], b[0]) for a, b in zip(one, other))
    )


def last_use(steps, source, begin):
    """For each step before ``begin`` the last one that reads its value; ``begin`` for the step ``source``."""
    last = [begin] * begin
    for index in reversed(range(begin)):
        # What gives a part of what it reads, and no copy, keeps it for its own readers.
        readers = [user if steps[user].operator.fresh else last[user] for user in steps[index].users if user < begin]
        if index != source and readers:
            last[index] = max(readers)
    return last


def window_bytes(steps, group, begin, last_use):
    """Most bytes that one position of a group needs at a time.

    These are the windows and values that later steps need, what a step gathers (with the places it is gathered from),
    and the step's result, once more where other functions follow, and where it goes to a map.
    """
    live, peak = {}, 0
    for index in range(1, begin):
        step, window = steps[index], group.windows[index]
        each = step.clean.element_size()
        own = step.clean[0].numel() * each if window is None else window[0][1] * window[1][1] * step.channels * each
        patches = sum(
            places * (steps[source].channels * each + GATHERED_FROM)
            for source, places in zip(step.sources, _gathered_places(steps, group, index))
        )
        copies = 1 + bool(step.posts) + (window is not None and is_fetched(steps, group, index))
        peak = max(peak, sum(live.values()) + patches + own * copies)
        live = {other: taken for other, taken in live.items() if last_use[other] > index} | {index: own}
    return peak


def _gathered_places(steps, group, index):
    """How many places a step gathers from each source."""
    step, window = steps[index], group.windows[index]
    for source in step.sources:
        own = group.windows[source]
        if window is None and own is None:
            yield 0
        elif window is None:
            # A mean takes the change alone, what else needs the entire map has it filled up.
            yield own[0][1] * own[1][1] if step.kind == "mean" else int(np.prod(steps[source].size))
        elif source and group.kept[source] is None and not reads_map(step, window, own, steps, index):
            yield 0
        elif step.kind == "window":
            sizes = steps[source].size
            yield int(np.prod([gathered(step, axis, window[axis][1], int(sizes[axis])) for axis in (0, 1)]))
        else:
            yield window[0][1] * window[1][1]
