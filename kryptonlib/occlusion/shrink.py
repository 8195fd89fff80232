"""Windows trimmed by value: border rows and columns that hardly changed are set back to the clean activation.

Krypton's threshold keeps the centre share tau of each map whatever is in it. Here the change itself decides: after each
layer, the window shrinks to the bounding box of the places where some channel changed by more than ``eps`` times the
clean map's standard deviation. ``eps = 0`` drops only what did not change at all, and is exact.

This is a reference that tells what trimming gives and what it would cost in MACs: it takes the positions one by one,
because windows whose size depends on the values do not fit a batch.
"""

from dataclasses import dataclass

import numpy as np
import torch

from kryptonlib.occlusion.costs import step_macs
from kryptonlib.occlusion.head import Head, finished_map, from_rows, to_rows
from kryptonlib.occlusion.intervals import context, hull, through_window
from kryptonlib.occlusion.scores import score
from kryptonlib.occlusion.sweep import HEAD_ROWS

CARRIED = "window", "pointwise", "join"
"""Kinds of steps that windows pass through; every other takes and gives entire maps, and nothing there is trimmed."""


@dataclass(frozen=True)
class Shrunk:
    """What trimmed windows give.

    Attributes:
        scores: float64 tensor [T, n].
        macs: mean MACs per position; each layer counts the window that its trimmed inputs can change.
    """

    scores: torch.Tensor
    macs: float


def shrunk_scores(engine, positions, patch, fill, eps, targets, kind="probability"):
    """Scores with trimmed windows.

    Args:
        engine: an :class:`~kryptonlib.occlusion.incremental.Incremental`.
        positions, patch, fill: as for ``Incremental.logits``.
        eps: largest change that is dropped, in standard deviations of the step's clean map; at least 0.
        targets, kind: as for ``scores.score``.

    Returns:
        A :class:`Shrunk`.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(72, 3)).eval()
        >>> engine = Incremental(net, torch.rand(1, 1, 8, 8))
        >>> shrunk_scores(engine, [(0, 0)], (2, 2), 0.0, 0.0, [0]).macs  # 2 x 2 places of the 3x3 convolution, the head
        288.0
    """
    if not np.isfinite(eps) or eps < 0:
        raise ValueError(f"eps must be a number of at least 0, got {eps!r}")
    fill = torch.as_tensor(fill).to(engine.image).expand_as(engine.image[0])
    boxes = engine.changed_boxes(positions, patch, fill)
    logits = engine.clean.repeat(len(boxes), 1)
    head, total = Head(engine), 0.0
    fixed = sum(step_macs(step) * float(np.prod(step.size)) for step in engine.steps[head.begin :])
    with torch.inference_mode():
        limits = [eps * float(step.clean.std()) if step.clean.numel() > 1 else 0.0 for step in engine.steps]
        for number, box in enumerate(boxes):
            if box[1] > box[0]:
                change = _Change(engine.steps, box, fill, limits)
                for index in range(1, head.begin):
                    change.step(index)
                head.add(np.array([number]), change.map(head.source), None)
                total += change.macs + fixed
                if head.waiting >= HEAD_ROWS:
                    head.finish(logits)
        head.finish(logits)
    return Shrunk(score(logits, targets, kind), total / len(boxes))


class _Change:
    """The changed windows of one position, layer by layer."""

    def __init__(self, steps, box, fill, limits):
        self.steps, self.limits, self.macs = steps, limits, 0.0
        top, bottom, left, right = (int(edge) for edge in box)
        # Per step ((low, high) of rows, (low, high) of columns) and the window [1, rows, columns, C].
        # A vector is whole.
        self.spans = {0: ((top, bottom), (left, right))}
        self.windows = {0: fill[None, :, top:bottom, left:right].permute(0, 2, 3, 1)}

    def step(self, index):
        """Compute a step on what its trimmed inputs change, and trim the result."""
        step, sources = self.steps[index], self.steps[index].sources
        size = tuple(int(length) for length in step.size)
        if step.kind == "window":
            axes = step.operator.axes
            span = tuple(
                through_window(*part, kernel=axis[0], stride=axis[1], before=axis[2], dilation=axis[3], size=length)
                for part, axis, length in zip(self.spans[sources[0]], axes, size)
            )
        elif step.kind in ("pointwise", "join"):
            span = tuple(hull([self.spans[source][axis] for source in sources]) for axis in (0, 1))
        else:
            span = (0, size[0]), (0, size[1])
        rows, columns = (high - low for low, high in span)
        self.macs += step_macs(step) * rows * columns
        if step.kind not in CARRIED:
            result = finished_map(step.run(1, [self.map(source) for source in sources]), step)
            self.spans[index] = span
            self.windows[index] = to_rows(result, step.layout) if step.spatial else result
        elif rows * columns == 0:
            self.spans[index] = (0, 0), (0, 0)
            self.windows[index] = self._clean(index, self.spans[index])
        else:
            self._trim(index, span, self._computed(step, span))

    def _computed(self, step, span):
        """The step's values [1, rows, columns, C] inside ``span``, which is not empty."""
        part = step.operator
        if step.kind == "window":
            wanted, strides = [], []
            for (low, high), (kernel, stride, before, dilation) in zip(span, part.axes):
                wanted.append(context(low, high - low, kernel=kernel, stride=stride, before=before, dilation=dilation))
                strides.append(stride)
            patch = self.crop(step.sources[0], wanted, part.outside)
            result = part.local(from_rows(patch, self.steps[step.sources[0]].layout), tuple(strides), (0, 0))
            if part.counts is not None:
                rows, columns = (factors[low:high] for factors, (low, high) in zip(part.counts, span))
                result = result * (rows[:, None] * columns)
            layout = "first"
        else:
            wanted = [(low, high - low) for low, high in span]
            patches = [from_rows(self.crop(source, wanted), self.steps[source].layout) for source in step.sources]
            result, layout = part.function(patches), part.layout
        for post in step.posts:
            result, layout = post.function([result]), post.layout
        return to_rows(result, layout)

    def _trim(self, index, span, window):
        """Keep the bounding box of the places where a channel changed by more than the step's limit."""
        clean = self._clean(index, span)
        # "Not at most", so that a NaN counts as a change.
        changed = ~((window - clean).abs().amax(3)[0] <= self.limits[index])
        kept = []
        for (low, _), some in zip(span, (changed.any(1), changed.any(0))):
            found = torch.nonzero(some)[:, 0].tolist()
            kept.append((low + found[0], low + found[-1] + 1) if found else (0, 0))
        inside = [slice(new[0] - old[0], new[1] - old[0]) if new[1] else slice(0, 0) for new, old in zip(kept, span)]
        self.spans[index], self.windows[index] = tuple(kept), window[:, inside[0], inside[1]]

    def _clean(self, index, span):
        (top, bottom), (left, right) = span
        return to_rows(self.steps[index].clean, self.steps[index].layout)[:, top:bottom, left:right]

    def crop(self, index, wanted, outside=0.0):
        """The changed map inside ``wanted``, per axis (first cell, cells), which may reach beyond the map."""
        clean = to_rows(self.steps[index].clean, self.steps[index].layout)
        patch = clean.new_full((1, wanted[0][1], wanted[1][1], clean.shape[3]), outside)
        whole = tuple((0, size) for size in clean.shape[1:3])
        for span, values in ((whole, clean), (self.spans[index], self.windows[index])):
            there, here = [], []
            for (begin, length), (low, high) in zip(wanted, span):
                first, last = max(begin, low), max(min(begin + length, high), max(begin, low))
                there.append(slice(first - begin, last - begin))
                here.append(slice(first - low, last - low))
            patch[:, there[0], there[1]] = values[:, here[0], here[1]]
        return patch

    def map(self, index):
        """The entire changed value of a step, in its own layout."""
        step = self.steps[index]
        if not step.spatial:
            return self.windows[index]
        return from_rows(self.crop(index, [(0, int(size)) for size in step.size]), step.layout)
