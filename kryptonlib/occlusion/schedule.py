"""Everything about one batch that needs no activations: decided on the host, sent to the device at once."""

import numpy as np

from kryptonlib.occlusion.changes import in_strips
from kryptonlib.occlusion.costs import gathered, takes_own_padding, takes_window_as_is
from kryptonlib.occlusion.intervals import context, extent
from kryptonlib.occlusion.windows import NOWHERE, Around, Fetch, Shipment, among, inside, reaches_beyond

GATHERED_FROM = 2 * 8
"""Bytes beside each gathered place: its number among the clean activations, and among the windows."""


class How:
    """How one step of one batch is computed."""

    def __init__(self, kind, fetches=(), strides=(1, 1), padding=(0, 0), counts=(), shape=None, kept=False):
        self.kind, self.fetches, self.strides, self.padding = kind, fetches, strides, padding
        self.counts, self.shape, self.kept = counts, shape, kept
        # Number of the places of the window that lie outside of the map, or None.
        self.outside = None


class HowChange(How):
    """How a convolution computes with the change of its source alone.

    Attributes:
        cells: per axis the slice of the source's window that is read.
        around: :class:`~kryptonlib.occlusion.windows.Around` of the clean source at these places.
        nothing: number of those among them that later steps do not see or that lie outside of the map, or None.
        before: the ``Around`` of the clean result, for all outputs that ``padding`` leads to.
        part: per axis the slice of these outputs that is the window, or None where that is all of them.
        strip: True where the windows lie side by side, with zeros between them.
    """

    def __init__(self, shape, kept, cells, around, nothing, before, padding, part, strip):
        super().__init__("change", padding=padding, shape=shape, kept=kept)
        self.cells, self.around, self.nothing, self.before, self.part = cells, around, nothing, before, part
        self.strip = strip


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
        self.group, self.shipment, self.made = group, Shipment(), {}
        self.how = [None] + [self._how(index) for index in range(1, run.head[1])]
        for how, window, step in zip(self.how[1:], self.windows[1:], self.steps[1:]):
            if window is not None and reaches_beyond(window, step):
                how.outside = self._numbers(~inside(window, step))
        self.rims = [self.rim(index) for index in range(run.head[1])] if run.slopes is not None else None

    def _how(self, index):
        step, window = self.steps[index], self.windows[index]
        if window is None:
            if step.kind == "mean" and step.sources[0] and self.windows[step.sources[0]] is not None:
                return How("mean", [self._fetch(step.sources[0], self._own(step.sources[0]), clean=True)])
            return How("whole", [self._entire(source) for source in step.sources])
        shape = window[0][1], window[1][1]
        kept = index in self.run.maps and is_fetched(self.steps, self.group, index)
        if self.group.spans[index] is not None:
            return self._change(index, step, window, shape, kept)
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
            # A window of that length may also reach beyond the border on one side and fall short on the other.
            if takes_own_padding(step, axis, length) and not starts.any():
                wanted.append((starts, int(self.steps[source].size[axis]), 1))
                strides.append(stride)
                padding[axis] = before
                continue
            begin, reads = context(starts, length, kernel=kernel, stride=stride, before=before, dilation=dilation)
            if kernel == 1:
                # Only every stride-th place is read: fetch those alone.
                wanted.append((begin, length, stride))
                strides.append(1)
            else:
                wanted.append((begin, reads, 1))
                strides.append(stride)
        fetch = self._fetch(source, tuple(wanted), outside=part.outside)
        return How("window", [fetch], tuple(strides), tuple(padding), counts, shape, kept)

    def _change(self, index, step, window, shape, kept):
        source, padding = step.sources[0], []
        cells, read, given, part = [], [], [], []
        for (starts, length), (begins, _), span, (kernel, _, before, dilation) in zip(
            window, self.windows[source], self.group.spans[index], step.operator.axes
        ):
            cells.append(slice(span.begin, span.begin + span.cells))
            read.append((begins + span.begin, span.cells))
            skipped = span.padding - span.before
            given.append((starts - skipped, span.cells + 2 * span.padding - extent(kernel, dilation) + 1))
            part.append(slice(skipped, skipped + length))
            padding.append(span.padding)
        strip = in_strips(step, self.group.spans[index][1], self.run.device)
        whole = not strip and all(cut == slice(0, length) for cut, (_, length) in zip(part, given))
        if strip:
            # The zeros in front of one window are those behind the window before it.
            read, given = ([rows, (starts, length + padding[1])] for rows, (starts, length) in (read, given))
        nothing = None
        if self.kept[source] is not None or reaches_beyond(read, self.steps[source]):
            seen = inside(read, self.steps[source]) if self.kept[source] is None else among(read, self.kept[source])
            nothing = self._numbers(~seen.swapaxes(0, 1) if strip else ~seen)
        around, before = (
            Around(self.shipment, [int(size) for size in of.size], wanted, strip)
            for of, wanted in ((self.steps[source], read), (step, given))
        )
        return HowChange(shape, kept, cells, around, nothing, before, tuple(padding), None if whole else part, strip)

    def _numbers(self, places):
        """Number of the array of the places [n, rows, columns] that are True, or None where none is."""
        found = np.flatnonzero(places)
        return self.shipment.add(found) if len(found) else None

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
        size = self.steps[index].size
        pitches = int(size[1]), 1
        for (starts, length), (low, high), size, pitch in zip(self.windows[index], self.kept[index], size, pitches):
            cells = starts[:, None] + np.arange(length)
            here = (cells >= 0) & (cells < int(size))
            seen = (cells >= low[:, None]) & (cells < high[:, None])
            arrays += [np.where(here, cells * pitch, NOWHERE), seen.astype(np.int64)]
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
        window = self.windows[source]
        (top, height), (left, width) = window
        if self.kept[source] is None:
            (first, last), (begin_column, end_column) = (
                (np.maximum(starts, 0), np.minimum(starts + length, int(size)))
                for (starts, length), size in zip(window, self.steps[source].size)
            )
        else:
            (first, last), (begin_column, end_column) = self.kept[source]
        base = begin + np.arange(self.count) * (height * width) + (first - top) * width + (begin_column - left)
        return (first, last), (begin_column, end_column), (base, width)


def is_fetched(steps, group, index):
    """True where some step reads the window of step ``index`` out of its map rather than as it is."""
    return any(reads_map(steps, group, user, index) for user in steps[index].users)


def reads_map(steps, group, user, index):
    """True where step ``user`` reads the window of step ``index`` out of its map rather than as it is."""
    wanted = group.windows[user]
    if group.spans[user] is not None:
        return False
    if wanted is None or group.kept[index] is not None:
        return True
    if steps[user].kind == "window" and not takes_window_as_is(steps[user]):
        return True
    return not same_window(group.windows[index], wanted)


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
        if group.spans[index] is None:
            copies = 1 + bool(step.posts) + (window is not None and is_fetched(steps, group, index))
        else:
            # The change is added to the clean result, which is gathered to where the window is to lie.
            copies = 1 + (len(step.posts) > step.posts[0].rectifier if step.posts else 0)
            patches += window[0][1] * window[1][1] * GATHERED_FROM
        peak = max(peak, sum(live.values()) + patches + own * copies)
        live = {other: taken for other, taken in live.items() if last_use[other] > index} | {index: own}
    return peak


def _gathered_places(steps, group, index):
    """How many places a step gathers from each source."""
    step, window = steps[index], group.windows[index]
    for source in step.sources:
        own = group.windows[source]
        if group.spans[index] is not None:
            yield int(np.prod([span.cells for span in group.spans[index]]))
        elif window is None and own is None:
            yield 0
        elif window is None:
            # A mean takes the change alone, what else needs the entire map has it filled up.
            yield own[0][1] * own[1][1] if step.kind == "mean" else int(np.prod(steps[source].size))
        elif source and not reads_map(steps, group, index, source):
            yield 0
        elif step.kind == "window":
            sizes = steps[source].size
            yield int(np.prod([gathered(step, axis, window[axis][1], int(sizes[axis])) for axis in (0, 1)]))
        else:
            yield window[0][1] * window[1][1]
