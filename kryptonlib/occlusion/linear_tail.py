"""The last layers replaced by their gradient at the clean image, so that they cost a dot product.

Let a(x) be the map after step c, through which everything passes, and s(a) the score computed from it. A patch changes
a by da inside a small window, and to first order the score by <grad s(a_clean), da>. Late layers have windows as large
as the map and most of the MACs that incremental inference cannot save; one backward pass for the clean image replaces
all of them, for all positions. The result is an approximation, exact only where the tail is affine.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from kryptonlib.choices import check_choice
from kryptonlib.occlusion.costs import step_macs
from kryptonlib.occlusion.first_order import gradients
from kryptonlib.occlusion.head import changed_places, to_rows
from kryptonlib.occlusion.scores import OWN_VALUE, SCORES, check_outputs, score
from kryptonlib.occlusion.spread import cropped_intervals


@dataclass(frozen=True)
class Cut:
    """A step after which the network can be replaced by its gradient.

    Attributes:
        index: its number among ``engine.steps``.
        name: the operator.
        size: (rows, columns) of its map.
        channels: channels of its map.
        full: share of full inference's MACs that lies after it, in [0, 1].
        incremental: share of incremental inference's MACs (the mean over the positions) after it.
    """

    index: int
    name: str
    size: tuple
    channels: int
    full: float
    incremental: float


def cuts(engine, boxes):
    """The steps through which everything passes, and what lies after each.

    Args:
        engine: an :class:`~kryptonlib.occlusion.incremental.Incremental`.
        boxes: integer array [n, 4] of (top, bottom, left, right), see ``bounds.patch_boxes``.

    Returns:
        A list of :class:`Cut` from the first layer to the last map.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(72, 3)).eval()
        >>> [cut.name for cut in cuts(Incremental(net, torch.rand(1, 1, 8, 8)), patch_boxes([(0, 0)], (2, 2)))]
        ['Conv2d']
    """
    full = np.array([step_macs(step) * float(np.prod(step.size)) for step in engine.steps])
    windows = window_macs(engine.steps, boxes)
    return [
        Cut(
            index,
            engine.steps[index].name,
            tuple(int(size) for size in engine.steps[index].size),
            engine.steps[index].channels,
            float(full[index + 1 :].sum() / full.sum()),
            float(windows[index + 1 :].sum() / windows.sum()),
        )
        for index in range(1, len(engine.steps))
        if _is_cut(engine, index)
    ]


def window_macs(steps, boxes, crop=None, rim=False):
    """MACs of each step's changed window, the mean over the positions [steps]; layers without maps count in full.

    Args:
        steps: from ``read_steps``.
        boxes: integer array [n, 4].
        crop: as for ``spread.changed_intervals``.
        rim: True counts what a crop leaves out too, and its product with the gradient: one MAC per place and channel.
    """
    boxes = np.asarray(boxes, dtype=np.int64)
    both = [cropped_intervals(steps, boxes[:, 2 * axis], boxes[:, 2 * axis + 1], axis, crop=crop) for axis in (0, 1)]
    # Per step the mean area of what changes, and of what later steps see of it.
    grown, seen = (
        [float(((row[1] - row[0]) * (column[1] - column[0])).mean()) for row, column in zip(rows, columns)]
        for rows, columns in zip(*both)
    )
    areas = grown if rim else seen
    macs = np.array([step_macs(step) * (area if step.spatial else 1.0) for step, area in zip(steps, areas)])
    return macs + [step.channels * (area - part) for step, area, part in zip(steps, areas, seen)]


class LinearTail:
    """Scores by incremental inference up to a step, and by the gradient after it.

    Args:
        engine: an :class:`~kryptonlib.occlusion.incremental.Incremental`; the gradient belongs to its clean image.
        cut: index of the step, one of :func:`cuts`.
        targets: class indices, T of them.
        kind: one of ``scores.SCORES``. What is linear is the log-odds, the logit or the output; a
            probability is the logistic function of its log-odds, so that it stays in [0, 1].

    Raises:
        ValueError: no such step, or one that something passes by; a target out of range; log-odds of a single class.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(72, 3)).eval()
        >>> tail = LinearTail(Incremental(net, torch.rand(1, 1, 8, 8)), 1, [0])
        >>> tail.scores([(0, 0), (2, 4)], (3, 3), 0.0).shape
        torch.Size([1, 2])
    """

    def __init__(self, engine, cut, targets, kind="probability"):
        check_choice("kind", kind, SCORES)
        _check_cut(engine, cut)
        self.engine, self.cut, self.kind = engine, int(cut), kind
        self.targets = tuple(int(target) for target in targets)
        classes = engine.clean.shape[1]
        if not self.targets or not all(0 <= target < classes for target in self.targets):
            raise ValueError(f"targets: got {targets!r}, expected at least one index from 0 to {classes - 1}")
        check_outputs(classes, kind)
        self.image = engine.image
        self.straight = "logit" if kind in OWN_VALUE else "log-odds"
        self.clean = score(engine.clean, self.targets, self.straight)
        self.gradients = self._gradients()

    def scores(self, positions, patch, fill, **options):
        """The approximate score of each target with the patch at each position.

        Args:
            as for ``Incremental.logits``.

        Returns:
            float64 tensor [T, n] on the CPU.
        """
        if self.engine.image is not self.image:
            raise ValueError("the engine has been given another clean image; make a new LinearTail for it")
        result = self.clean.T.repeat(len(positions), 1)
        self.engine.sweep(_GradientHead(self), result, positions, patch, fill, **options)
        return result.T.sigmoid() if self.kind == "probability" else result.T

    def macs(self, boxes, crop=None):
        """MACs per position, the mean over ``boxes`` [n, 4]: the windows up to the cut, and the dot products."""
        # What reads the map after the cut is replaced, as in the sweep.
        steps = [*self.engine.steps[: self.cut], replace(self.engine.steps[self.cut], users=[])]
        # A window of the map after the cut costs one MAC per place, channel and target.
        last = replace(steps[-1], posts=[], operator=replace(steps[-1].operator, macs=1.0))
        products = window_macs([*steps[:-1], last], boxes, crop)[-1] * last.channels * len(self.targets)
        return float(window_macs(steps, boxes, crop).sum() + products)

    def _gradients(self):
        """The gradient of each target's score by the map after the cut, [T][places, C]."""
        step = self.engine.steps[self.cut]
        found = gradients(self.engine, self.targets, self.straight, self.cut, [self.cut])
        return [to_rows(one[self.cut], step.layout).reshape(-1, step.channels) for one in found]


class _GradientHead:
    """Stands where ``head.Head`` does: takes the change of the map after the cut, gives the change of the scores."""

    def __init__(self, tail):
        steps = tail.engine.steps
        self.tail, self.source, self.begin = tail, tail.cut, tail.cut + 1
        # Nobody reads the last step's map, so that the engine keeps no buffer for it.
        self.steps = [*steps[: tail.cut], replace(steps[tail.cut], users=[])]
        self.clear()

    def clear(self):
        """Forget what was collected."""
        self.numbers, self.changes, self.waiting = [], [], 0

    def add(self, numbers, value, window):
        """One batch: the rows of the result that it belongs to, its value, and its window (None: entire maps)."""
        change, places = changed_places(self.steps[self.source], value, window)
        places = torch.from_numpy(places).to(change.device)
        change = change.reshape(len(numbers), -1, change.shape[-1])
        columns = [(change * slope[places].view_as(change)).sum((1, 2)) for slope in self.tail.gradients]
        self.changes.append(torch.stack(columns, 1))
        self.numbers.append(numbers)
        self.waiting += len(numbers)

    def finish(self, result):
        """Add the changes collected to their rows of ``result`` [n, T]."""
        if self.waiting:
            rows = torch.from_numpy(np.concatenate(self.numbers))
            result[rows] += torch.cat(self.changes).to(result)
            self.clear()


def _is_cut(engine, index):
    """True for a map that every way from the image to the logits passes through."""
    later = [source for step in engine.steps[index + 1 :] for source in step.sources]
    return engine.steps[index].spatial and bool(later) and min(later) >= index


def _check_cut(engine, cut):
    if isinstance(cut, bool) or not isinstance(cut, (int, np.integer)):
        raise TypeError(f"cut must be the number of a step (an integer), got {cut!r}")
    possible = [index for index in range(1, len(engine.steps)) if _is_cut(engine, index)]
    if cut not in possible:
        what = "something passes by it, or it is no map" if 0 < cut < len(engine.steps) else "there is no such step"
        raise ValueError(f"step {cut} is no cut ({what}); possible are {possible}")
