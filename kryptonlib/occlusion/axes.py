"""The windows of all positions along one axis: which there are, what they cost, and which travel well together.

A rectangle's two sides spread independently. Along an axis of a grid there are few different intervals; they are merged
step by step, always the two sets that waste least.
"""

from dataclasses import dataclass, replace

import numpy as np

from kryptonlib.occlusion.changes import Span, pays, takes_change, through_change
from kryptonlib.occlusion.costs import gathered, whole_axis
from kryptonlib.occlusion.intervals import place
from kryptonlib.occlusion.spread import cropped_intervals


@dataclass(frozen=True)
class Line:
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


class Axis:
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
        """label -> per step a :class:`Line`."""
        return {label: self._lines(labels == label) for label in np.unique(labels)}

    def _lines(self, mine):
        lines = []
        for index, step in enumerate(self.steps):
            low, high = self.intervals[index]
            length = int(self.lengths[index][mine].max())
            line = Line(place(low, high, length, int(self.sizes[index])), length)
            busy = mine & (high > low)
            if self.changes[index] and busy.any():
                source = step.sources[0]
                needed, seen = ((ends[0][busy], ends[1][busy]) for ends in ((low, high), self.kept[source]))
                axis = step.operator.axes[self.axis]
                shift, length, span = through_change(lines[source].starts[busy], seen, needed, axis)
                if pays(span, length, line.length, axis[0]):
                    line = Line(lines[source].starts + shift, length, span, aligned=True)
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
