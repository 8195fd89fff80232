"""Cropped windows whose rim is not forgotten: what a crop leaves out counts to first order.

A crop (``cropping``) shows later layers the inner part of a changed window and clean activations around it. The rim
that it cuts off was computed all the same. Let da be its change, and g the gradient of the score by that map at the
clean image. Then <g, da> is what the rim would have done to the score, as long as it is small; and at the rim changes
are small. Each step's rim adds its own term, at the price of one multiplication per place and channel, and all
gradients come from one backward pass of the clean image.

Cropping everything away after one step is the linear tail (``linear_tail``); keeping everything is exact.
"""

import numpy as np
import torch

from kryptonlib.choices import check_choice
from kryptonlib.occlusion.head import Head, finished_map, to_rows
from kryptonlib.occlusion.scores import OWN_VALUE, SCORES, score


class Slopes:
    """The gradient of each target's score by every map, at an engine's clean image.

    Args:
        engine: an :class:`~kryptonlib.occlusion.incremental.Incremental`.
        targets: class indices, T of them.
        kind: one of ``scores.SCORES``. What is linear is the log-odds, the logit or the output; a
            probability is the logistic function of its log-odds, so that it stays in [0, 1].

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(72, 3)).eval()
        >>> engine = Incremental(net, torch.rand(1, 1, 8, 8))
        >>> Slopes(engine, [0]).scores([(0, 0)], (3, 3), 0.0, crop=Reach(engine.steps, 0.5)).shape
        torch.Size([1, 1])
    """

    def __init__(self, engine, targets, kind="probability"):
        check_choice("kind", kind, SCORES)
        self.engine, self.image, self.targets, self.kind = engine, engine.image, tuple(targets), kind
        self.straight = "logit" if kind in OWN_VALUE else "log-odds"
        maps = [index for index, step in enumerate(engine.steps) if step.spatial]
        self.gradients, self.rows = gradients(engine, self.targets, self.straight, 0, maps), {}
        self.change = None

    def scores(self, positions, patch, fill, *, crop, **options):
        """The score of each target with the patch at each position, windows cropped and their rims counted.

        Args:
            as for ``Incremental.logits``; ``crop`` is not None.

        Returns:
            float64 tensor [T, n] on the CPU.
        """
        if self.engine.image is not self.image:
            raise ValueError("the engine has been given another clean image; make new Slopes for it")
        result = self.engine.clean.repeat(len(positions), 1)
        self.change = result.new_zeros(len(positions), len(self.targets))
        self.engine.sweep(Head(self.engine), result, positions, patch, fill, crop=crop, slopes=self, **options)
        found = score(result, self.targets, self.straight) + self.change.T.cpu().double()
        return found.sigmoid() if self.kind == "probability" else found

    def add(self, numbers, index, window, rim):
        """Count the rims of a batch of windows.

        Args:
            numbers: the positions that they belong to [n].
            index: the step.
            window: its changed windows [n, h, w, C].
            rim: tensors (row places [n, h], 1 where a row is kept, column places [n, w], 1 where a column is kept).
        """
        row_places, row_kept, column_places, column_kept = rim
        slopes, clean = self._rows(index)
        places = row_places[:, :, None] + column_places[:, None, :]
        # The last row of the gradients is zero: what later steps see does not count here, nor what lies outside.
        nothing = (row_kept[:, :, None] & column_kept[:, None, :]).bool() | (places < 0)
        places = torch.where(nothing, clean.shape[1] - 1, places)
        at = places.view(-1)
        flat = window.reshape(len(at), -1)
        numbers = torch.from_numpy(np.asarray(numbers)).to(flat.device)
        for target, (slope, still) in enumerate(zip(slopes, clean)):
            moved = (flat * slope.index_select(0, at)).sum(1) - still.index_select(0, at)
            self.change[numbers, target] += moved.view(len(numbers), -1).sum(1)

    def _rows(self, index):
        """(gradients [T, places + 1, C], their products with the clean map [T, places + 1]); the last place is zero."""
        if index not in self.rows:
            step = self.engine.steps[index]
            clean = to_rows(step.clean, step.layout).reshape(-1, step.channels)
            slopes = torch.stack([to_rows(one[index], step.layout).reshape(clean.shape) for one in self.gradients])
            slopes = torch.nn.functional.pad(slopes, (0, 0, 0, 1))
            self.rows[index] = slopes, torch.nn.functional.pad((slopes[:, :-1] * clean).sum(2), (0, 1))
        return self.rows[index]


def gradients(engine, targets, kind, begin, maps):
    """Gradients of scores at an engine's clean image.

    Args:
        engine: an :class:`~kryptonlib.occlusion.incremental.Incremental`.
        targets: class indices.
        kind: "log-odds" or "logit".
        begin: the step to start from, one through which everything after it passes; 0 is the image.
        maps: steps from ``begin`` on whose gradients are wanted.

    Returns:
        Per target a dict: step -> gradient, in the step's own layout.
    """
    steps = engine.steps
    with torch.inference_mode(False), torch.enable_grad():
        values = {begin: steps[begin].clean.detach().clone().requires_grad_()}
        for index in range(begin + 1, len(steps)):
            step = steps[index]
            values[index] = finished_map(step.run(1, [values[source] for source in step.sources]), step)
        wanted, found = [values[index] for index in maps], []
        for target in targets:
            value = _score_of(values[engine.output][0], target, kind)
            slopes = torch.autograd.grad(value, wanted, retain_graph=True, materialize_grads=True)
            found.append(dict(zip(maps, slopes)))
    return found


def _score_of(logits, target, kind):
    """The logit or the log-odds of a target as a tensor that can be differentiated; ``logits`` [classes]."""
    logits = logits.double()
    if kind == "logit":
        return logits[target]
    mine = torch.arange(len(logits), device=logits.device) == target
    return logits[target] - logits.masked_fill(mine, -torch.inf).logsumexp(0)
