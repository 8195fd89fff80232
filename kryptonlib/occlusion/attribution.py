"""``Occlusion`` with the signature, semantics and results of ``captum.attr.Occlusion``, computed incrementally.

    from kryptonlib.occlusion.attribution import Occlusion
    attribution = Occlusion(net).attribute(images, sliding_window_shapes=(3, 16, 16), strides=(3, 4, 4), target=282)

A window replaces part of the input by the baseline; the drop of the output is credited to the window's cells, and each
cell gets the mean over the windows that cover it. Images [N, C, H, W] with windows over all channels go through the
incremental engine; everything else (other ranks, several inputs, additional arguments, functions instead of modules)
runs one forward pass per window, as Captum does. Captum itself is not needed.

Reference: captum 0.8, ``captum/attr/_core/occlusion.py`` and ``feature_ablation.py``.
"""

import itertools
import warnings
from numbers import Integral

import torch
from torch import nn

from kryptonlib.occlusion.captum_arguments import (
    baseline,
    checked_inputs,
    checked_output,
    checked_target,
    corners,
    is_vector,
    per_baseline,
    per_input,
    select,
)
from kryptonlib.occlusion.incremental import Incremental
from kryptonlib.occlusion.progress import Progress
from kryptonlib.occlusion.proof import FAR, agrees, closeness, tolerance
from kryptonlib.occlusion.steps import Unsupported

DENSE_BATCH = 16
"""Windows per forward pass of the dense way, where the caller does not say."""


class Occlusion:
    """Attribution by sliding a window of baseline values over the input.

    Args:
        forward_func: an nn.Module, or a function of the inputs. Only a module in evaluation mode is computed
            incrementally.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
        >>> Occlusion(net).attribute(torch.rand(2, 1, 8, 8), (1, 3, 3), target=1).shape
        torch.Size([2, 1, 8, 8])
    """

    def __init__(self, forward_func):
        if not callable(forward_func):
            raise TypeError(f"Occlusion needs an nn.Module or a function, got {type(forward_func).__name__}")
        self.forward_func = forward_func

    def attribute(
        self,
        inputs,
        sliding_window_shapes,
        strides=None,
        baselines=None,
        target=None,
        additional_forward_args=None,
        perturbations_per_eval=None,
        show_progress=False,
    ):
        """The attributions of ``inputs``.

        Args:
            inputs: tensor [N, ...], or a tuple of tensors with equal N.
            sliding_window_shapes: shape of the window without the batch axis; one per input for a tuple.
            strides: step of the window, an integer or one per axis (for a tuple of inputs, one of these each). None
                is 1. A stride may not exceed the window unless the window covers the entire axis.
            baselines: what the window shows: a number, a tensor of the input's shape (or with a first axis of 1), a
                tuple of these, or None for 0.
            target: which output to follow: None, an integer, a tuple (outputs with more axes), a tensor, or a list with
                one of these per example.
            additional_forward_args: further arguments of the forward function; tensors whose first axis is N are taken
                to have an entry per example.
            perturbations_per_eval: most windows per forward pass; None chooses. Where an answer would depend on the
                windows beside it, each gets a pass of its own, which is Captum's default.
            show_progress: write progress to standard error.

        Returns:
            A tensor of the input's shape, or a tuple of them. Where the output is one number for the entire batch,
            the first axis is 1.

        Raises:
            ValueError, TypeError: a window larger than the input, a stride beyond the window or below 1, a target or
                baseline that does not fit, NaN, an empty batch, a forward function that returns no tensor.
        """
        several, tensors = isinstance(inputs, tuple), checked_inputs(inputs)
        windows = per_input(sliding_window_shapes, tensors, several, "sliding_window_shapes")
        steps = per_input(1 if strides is None else strides, tensors, several, "strides")
        places = [corners(*each) for each in zip(tensors, windows, steps)]
        fills = [baseline(*each) for each in zip(per_baseline(baselines, tensors, several), tensors)]
        if perturbations_per_eval is not None and (
            not isinstance(perturbations_per_eval, Integral) or perturbations_per_eval < 1
        ):
            raise ValueError(
                f"perturbations_per_eval must be a positive integer or None, got {perturbations_per_eval!r}"
            )
        further = additional_forward_args
        further = () if further is None else further if isinstance(further, tuple) else (further,)
        meter = Progress(sum(len(some) for some in places) * len(tensors[0]), bool(show_progress))
        run = _Run(self.forward_func, tensors, windows, places, fills, checked_target(target), further, meter)
        with torch.no_grad():
            result = run.incremental(perturbations_per_eval) if not further else None
            if result is None:
                result = run.dense(perturbations_per_eval)
        if run.notes:
            warnings.warn("; ".join(run.notes), stacklevel=2)
        return tuple(result) if several else result[0]


class _Run:
    """One call of ``attribute``: its checked arguments, and the two ways to compute it."""

    def __init__(self, forward, tensors, windows, places, fills, target, further, meter):
        self.forward, self.tensors, self.windows, self.places = forward, tensors, windows, places
        self.fills, self.target, self.further, self.meter = fills, target, further, meter
        self.notes = []

    def incremental(self, batch_size):
        """By the engine, one example at a time; None where it cannot."""
        images, window, places, fill = self.tensors[0], self.windows[0], self.places[0], self.fills[0]
        fits = len(self.tensors) == 1 and images.ndim == 4 and window[0] == images.shape[1]
        if not fits or not images.is_floating_point() or self._training():
            return None
        try:
            if not isinstance(self.forward, nn.Module):
                raise Unsupported("a function cannot be traced; pass the nn.Module itself")
            engine = Incremental(self.forward, images[:1], notes=self.notes)
            answers = checked_output(self.forward(images.clone()))
            clean = select(answers, self.target)
            if clean.shape != images.shape[:1]:
                self.notes = []
                return None
            totals = []
            for number, image in enumerate(images):
                engine.look_at(image[None])
                if not agrees(engine.clean, answers[number : number + 1]):
                    raise Unsupported("the network answers an image beside others otherwise than alone")
                positions = [corner[1:] for corner in places]
                outputs = engine.logits(positions, window[1:], fill[number], batch_size=batch_size, meter=self.meter)
                wanted = self.target
                if isinstance(wanted, list) or is_vector(wanted):
                    wanted = wanted[number]
                changes = clean[number] - select(outputs, wanted)
                totals.append(_spread(changes[:, None], places, window, images.shape[1:])[0])
        except Unsupported as reason:
            self.notes = [f"{reason}; every window is computed by a forward pass"]
            return None
        return [torch.stack(totals)]

    def dense(self, batch_size):
        """One forward pass per window, or several windows in a pass where no answer depends on the others."""
        clean = self._forward([tensor.clone() for tensor in self.tensors], 1)
        batch_size = self._batch_size(batch_size, clean)
        clean = clean.reshape(-1)
        results = []
        for index, (tensor, window, places, fill) in enumerate(
            zip(self.tensors, self.windows, self.places, self.fills)
        ):
            changes = []
            for begin in range(0, len(places), batch_size):
                part = places[begin : begin + batch_size]
                occluded = torch.cat([tensor] * len(part)).to(fill.dtype)
                for number, corner in enumerate(part):
                    box = _box(corner, window)
                    mine = slice(number * len(tensor), (number + 1) * len(tensor))
                    occluded[(mine, *box)] = fill[(slice(None), *box)]
                batch = [torch.cat([other] * len(part)) for other in self.tensors]
                batch[index] = occluded
                outputs = self._forward(batch, len(part)).reshape(len(part), -1)
                changes.append(clean - outputs)
                self.meter.update(len(part) * len(tensor))
            results.append(_spread(torch.cat(changes), places, window, tensor.shape[1:]))
        return results

    def _batch_size(self, wanted, clean):
        """Windows per pass: 1, as Captum has it where nothing is said, unless windows in one pass do not matter."""
        wanted = DENSE_BATCH if wanted is None else wanted
        # In training mode dropout and batch statistics depend on the batch, and a pass more changes the latter.
        if wanted == 1 or self._training() or clean.ndim == 0 or len(clean) != len(self.tensors[0]):
            return 1
        # Random images tell what a black one hides; they stand in the middle, since the first and the last of a batch
        # may be what the others are compared with.
        tried = [_random(tensor) for tensor in self.tensors]
        far = [_far(tensor, 1) for tensor in self.tensors], [_far(tensor, -1) for tensor in self.tensors]
        try:
            truths = torch.cat([clean, self._forward([tensor.clone() for tensor in tried], 1)])
            together = [
                self._forward([torch.cat(four) for four in zip(before, self.tensors, tried, behind)], 4)
                for before, behind in itertools.product(far, far)
            ]
        # The caller's own code may be made for batches of that size only.
        except Exception:
            return 1
        if any(len(answers) != 4 * len(clean) for answers in together):
            return 1
        one, *others = (answers[len(clean) : 3 * len(clean)] for answers in together)
        if clean.is_floating_point():
            right = agrees(one, truths, tolerance(truths.reshape(len(truths), -1)))
        else:
            right = torch.equal(one, truths)
        return wanted if right and all(agrees(other, one, closeness(one)) for other in others) else 1

    def _training(self):
        return isinstance(self.forward, nn.Module) and any(part.training for part in self.forward.modules())

    def _forward(self, tensors, times):
        """The target's outputs, for ``times`` copies of the examples."""
        examples, target = len(self.tensors[0]), self.target
        arguments = [
            torch.cat([argument] * times)
            if isinstance(argument, torch.Tensor) and argument.ndim and len(argument) == examples and times > 1
            else argument
            for argument in self.further
        ]
        if isinstance(target, list):
            target = target * times
        elif is_vector(target):
            target = target.repeat(times)
        return select(checked_output(self.forward(*tensors, *arguments)), target)


def _random(tensor):
    """Another tensor of that kind, drawn from the values in it and, for decimal ones, from [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    if tensor.is_floating_point():
        low, high = min(0.0, float(tensor.min())), max(1.0, float(tensor.max()))
        return (low + (high - low) * torch.rand(tensor.shape, generator=generator)).to(tensor)
    order = torch.randperm(tensor.numel(), generator=generator)
    return tensor.flatten()[order.to(tensor.device)].view(tensor.shape)


def _far(tensor, sign):
    """One far beyond its range, up or down; of whole numbers, which may be indices, their largest or smallest."""
    if tensor.is_floating_point():
        return _random(tensor).flip(-1) * FAR * sign
    return torch.full_like(tensor, int(tensor.max() if sign > 0 else tensor.min()))


def _box(corner, window):
    return tuple(slice(begin, begin + extent) for begin, extent in zip(corner, window))


def _spread(changes, corners, window, shape):
    """Mean over the windows that cover a cell: changes [n, outputs] -> [outputs, *shape]."""
    total = changes.new_zeros(changes.shape[1], *shape)
    count = torch.zeros(shape)
    axes = (1,) * len(shape)
    for change, corner in zip(changes, corners):
        box = _box(corner, window)
        total[(slice(None), *box)] += change.reshape(-1, *axes)
        count[box] += 1
    return total / count.to(total)
