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

import numpy as np
import torch
from torch import nn

from kryptonlib.occlusion.incremental import Incremental
from kryptonlib.occlusion.progress import Progress
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
            additional_forward_args: further arguments of the forward function; tensors have N as first axis.
            perturbations_per_eval: windows per forward pass; None chooses.
            show_progress: write progress to standard error.

        Returns:
            A tensor of the input's shape, or a tuple of them. Where the output is one number for the entire batch,
            the first axis is 1.

        Raises:
            ValueError, TypeError: a window larger than the input, a stride beyond the window or below 1, a target or
                baseline that does not fit.
        """
        several = isinstance(inputs, tuple)
        tensors = inputs if several else (inputs,)
        if not tensors or not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
            raise TypeError("inputs must be a tensor or a tuple of tensors")
        windows = _per_input(sliding_window_shapes, tensors, several, "sliding_window_shapes")
        steps = _per_input(1 if strides is None else strides, tensors, several, "strides")
        steps = [
            (step,) * (tensor.ndim - 1) if isinstance(step, int) else tuple(step)
            for step, tensor in zip(steps, tensors)
        ]
        corners = [_corners(*each) for each in zip(tensors, windows, steps)]
        fills = [_baseline(*each) for each in zip(_per_baseline(baselines, tensors, several), tensors)]
        if perturbations_per_eval is not None and (
            not isinstance(perturbations_per_eval, int) or perturbations_per_eval < 1
        ):
            raise ValueError(
                f"perturbations_per_eval must be a positive integer or None, got {perturbations_per_eval!r}"
            )
        further = additional_forward_args
        further = () if further is None else further if isinstance(further, tuple) else (further,)
        meter = Progress(sum(len(places) for places in corners) * len(tensors[0]), bool(show_progress))
        with torch.no_grad():
            result = None
            if (
                len(tensors) == 1
                and not further
                and tensors[0].ndim == 4
                and tuple(windows[0])[0] == tensors[0].shape[1]
            ):
                result = self._incremental(
                    tensors[0], windows[0], corners[0], fills[0], target, perturbations_per_eval, meter
                )
            if result is None:
                result = self._dense(tensors, windows, corners, fills, target, further, perturbations_per_eval, meter)
        return tuple(result) if several else result[0]

    def _incremental(self, images, window, corners, fill, target, batch_size, meter):
        """By the engine, one example at a time; None where it cannot."""
        module = self.forward_func
        if isinstance(module, nn.Module) and any(part.training for part in module.modules()):
            # Dropout and batch statistics depend on the batch that the caller's own forward pass would make.
            return None
        try:
            if not isinstance(module, nn.Module):
                raise Unsupported("a function cannot be traced; pass the nn.Module itself")
            engine = Incremental(module, images[:1])
            clean = _select(module(images), target)
            if clean.shape != images.shape[:1]:
                return None
            totals = []
            for number, image in enumerate(images):
                engine.look_at(image[None])
                positions = [corner[1:] for corner in corners]
                outputs = engine.logits(positions, window[1:], fill[number], batch_size=batch_size, meter=meter)
                wanted = target[number] if isinstance(target, list) or _is_vector(target) else target
                changes = clean[number] - _select(outputs, wanted)
                totals.append(_spread(changes[:, None], corners, window, images.shape[1:])[0])
        except Unsupported as reason:
            warnings.warn(f"{reason}; every window is computed by a forward pass", stacklevel=3)
            return None
        return [torch.stack(totals)]

    def _dense(self, tensors, windows, corners, fills, target, further, batch_size, meter):
        """One forward pass per window (or several windows in a pass where the output grows with the batch)."""
        clean = self._forward(tensors, further, target, 1)
        grows = clean.ndim > 0 and clean.shape[0] == len(tensors[0])
        batch_size = (batch_size or DENSE_BATCH) if grows else 1
        clean = clean.reshape(-1)
        results = []
        for index, (tensor, window, places, fill) in enumerate(zip(tensors, windows, corners, fills)):
            changes = []
            for begin in range(0, len(places), batch_size):
                part = places[begin : begin + batch_size]
                occluded = torch.cat([tensor] * len(part))
                for number, corner in enumerate(part):
                    box = _box(corner, window)
                    mine = slice(number * len(tensor), (number + 1) * len(tensor))
                    occluded[(mine, *box)] = fill[(slice(None), *box)]
                batch = [torch.cat([other] * len(part)) for other in tensors]
                batch[index] = occluded
                outputs = self._forward(batch, further, target, len(part)).reshape(-1)
                if len(outputs) != len(clean) * len(part):
                    raise ValueError(
                        f"{len(part)} windows in one pass gave {len(outputs)} outputs where {len(clean) * len(part)} "
                        "were expected: the output does not grow with the batch; use perturbations_per_eval=1"
                    )
                changes.append(clean - outputs.reshape(len(part), -1))
                meter.update(len(part) * len(tensor))
            results.append(_spread(torch.cat(changes), places, window, tensor.shape[1:]))
        return results

    def _forward(self, tensors, further, target, times):
        arguments = [
            torch.cat([argument] * times) if isinstance(argument, torch.Tensor) and argument.ndim else argument
            for argument in further
        ]
        if isinstance(target, list):
            target = target * times
        elif _is_vector(target):
            target = target.repeat(times)
        output = self.forward_func(*tensors, *arguments)
        if isinstance(output, (int, float)):
            output = torch.tensor(output)
        return _select(output, target)


def _corners(tensor, window, stride):
    """First cell of every window, all axes but the batch; the last window of an axis may be cut off at the border."""
    window, shape = tuple(window), tuple(tensor.shape[1:])
    if len(window) != len(shape) or len(stride) != len(shape):
        raise ValueError(
            f"an input of shape {tuple(tensor.shape)} needs {len(shape)} window sizes and strides (without the batch "
            f"axis), got window {window} and strides {tuple(stride)}"
        )
    axes = []
    for size, extent, step in zip(shape, window, stride):
        if not 1 <= extent <= size:
            raise ValueError(
                f"the window {window} does not fit the input {shape}: sizes must lie between 1 and the input's"
            )
        if step < 1 or (step > extent and extent < size):
            raise ValueError(f"stride {step} must lie between 1 and the window size {extent}, or cells stay uncovered")
        axes.append(range(0, (-(-(size - extent) // step)) * step + 1, step))
    return list(itertools.product(*axes))


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


def _select(output, target):
    """The target's output per example, as Captum chooses it."""
    if target is None:
        return output
    if isinstance(target, torch.Tensor) and target.numel() == 1:
        target = int(target)
    if isinstance(target, (int, np.integer, tuple)):
        place = target if isinstance(target, tuple) else (int(target),)
        if len(place) > output.ndim - 1:
            raise ValueError(f"target {target} does not fit an output of shape {tuple(output.shape)}")
        for index, size in zip(place, output.shape[1:]):
            if not -size <= index < size:
                raise ValueError(f"target {target} is out of range for an output of shape {tuple(output.shape)}")
        return output[(slice(None), *place)]
    places = target.tolist() if isinstance(target, torch.Tensor) else list(target)
    if len(places) != len(output):
        raise ValueError(f"got {len(places)} targets for {len(output)} examples")
    places = [place if isinstance(place, tuple) else (int(place),) for place in places]
    return torch.stack([output[(number, *place)] for number, place in enumerate(places)])


def _is_vector(target):
    return isinstance(target, torch.Tensor) and target.ndim == 1 and target.numel() > 1


def _per_input(value, tensors, several, name):
    """One setting per input tensor."""
    if not several:
        return [value]
    if isinstance(value, int):
        return [value] * len(tensors)
    if len(value) != len(tensors):
        raise ValueError(f"{name} must have one entry per input ({len(tensors)}), got {value!r}")
    return list(value)


def _per_baseline(baselines, tensors, several):
    if baselines is None:
        return [0] * len(tensors)
    if isinstance(baselines, tuple):
        if len(baselines) != len(tensors):
            raise ValueError(f"baselines must have one entry per input ({len(tensors)}), got {len(baselines)}")
        return list(baselines)
    if several:
        raise TypeError("with a tuple of inputs the baselines must be a tuple too")
    return [baselines]


def _baseline(value, tensor):
    """The baseline as a tensor of the input's shape."""
    value = torch.as_tensor(value, dtype=tensor.dtype, device=tensor.device)
    try:
        return value.expand_as(tensor)
    except RuntimeError:
        raise ValueError(
            f"a baseline of shape {tuple(value.shape)} does not fit an input of shape {tuple(tensor.shape)}"
        ) from None
