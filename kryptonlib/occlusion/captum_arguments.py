"""The arguments of Captum's ``Occlusion``, checked: windows, strides, baselines, targets, and a function's answer."""

import itertools
from numbers import Integral

import torch


def checked_inputs(inputs):
    """The inputs as a tuple of tensors with equal numbers of examples."""
    tensors = inputs if isinstance(inputs, tuple) else (inputs,)
    if not tensors or not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
        raise TypeError("inputs must be a tensor or a tuple of tensors")
    for tensor in tensors:
        if tensor.ndim < 2:
            raise ValueError(f"inputs need a batch axis and at least one more, got shape {tuple(tensor.shape)}")
        if not len(tensor):
            raise ValueError(f"inputs hold no example: their shape is {tuple(tensor.shape)}")
        if len(tensor) != len(tensors[0]):
            raise ValueError(f"inputs must hold equally many examples, got {[len(tensor) for tensor in tensors]}")
        if not tensor.isfinite().all():
            raise ValueError("inputs hold NaN or infinite values: an attribution to them has no meaning")
    return tensors


def corners(tensor, window, stride):
    """First cell of every window, all axes but the batch; the last window of an axis may be cut off at the border."""
    shape = tuple(tensor.shape[1:])
    window = _whole_numbers(window, "sliding_window_shapes")
    stride = (stride,) * len(shape) if _is_whole(stride) else _whole_numbers(stride, "strides")
    if len(window) != len(shape) or len(stride) != len(shape):
        raise ValueError(
            f"an input of shape {tuple(tensor.shape)} needs {len(shape)} window sizes and strides (without the batch "
            f"axis), got window {window} and strides {stride}"
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


def _is_whole(value):
    return isinstance(value, Integral) and not isinstance(value, bool)


def _whole_numbers(value, name):
    if not isinstance(value, (tuple, list, torch.Size)) or not all(_is_whole(one) for one in value):
        raise TypeError(
            f"{name} must be a tuple of whole numbers, one per axis without the batch such as (3, 16, 16), "
            f"got {value!r}"
        )
    return tuple(int(one) for one in value)


def per_input(value, tensors, several, name):
    """One setting per input tensor."""
    if not several:
        return [value]
    if _is_whole(value):
        return [value] * len(tensors)
    if not isinstance(value, (tuple, list)) or len(value) != len(tensors):
        raise ValueError(f"{name} must have one entry per input ({len(tensors)}), got {value!r}")
    return list(value)


def per_baseline(baselines, tensors, several):
    """One baseline per input tensor; None is 0."""
    if baselines is None:
        return [0] * len(tensors)
    if isinstance(baselines, tuple):
        if len(baselines) != len(tensors):
            raise ValueError(f"baselines must have one entry per input ({len(tensors)}), got {len(baselines)}")
        return list(baselines)
    if several:
        raise TypeError("with a tuple of inputs the baselines must be a tuple too")
    return [baselines]


def baseline(value, tensor):
    """The baseline as a tensor of the input's shape; of whole numbers where both are, as Captum has it."""
    if not isinstance(value, (int, float, torch.Tensor)):
        raise TypeError(f"a baseline must be a number or a tensor, got {type(value).__name__}")
    value = torch.as_tensor(value, device=tensor.device)
    value = value.to(tensor.dtype if tensor.is_floating_point() else torch.result_type(tensor, value))
    if not value.isfinite().all():
        raise ValueError("the baseline holds NaN or infinite values")
    try:
        return value.expand_as(tensor)
    except RuntimeError:
        raise ValueError(
            f"a baseline of shape {tuple(value.shape)} does not fit an input of shape {tuple(tensor.shape)}"
        ) from None


def checked_output(output):
    """What a forward function returned, as a tensor."""
    if isinstance(output, (int, float)):
        return torch.tensor(output)
    if not isinstance(output, torch.Tensor):
        raise TypeError(
            f"the forward function must return a tensor or a number, got {type(output).__name__}; wrap it in a "
            "function that picks the tensor to explain, such as lambda x: net(x)[0]"
        )
    return output


def checked_target(target):
    """A target as Captum takes it, or TypeError: a fraction would be cut to another class without a word."""
    whole = target is None or _is_whole(target)
    if isinstance(target, torch.Tensor):
        whole = not target.is_floating_point() and not target.is_complex() and target.dtype != torch.bool
    elif isinstance(target, (tuple, list)):
        whole = all(_is_whole(one) or isinstance(one, (tuple, torch.Tensor)) for one in target)
        for one in target:
            if isinstance(one, (tuple, torch.Tensor)):
                checked_target(one)
    if not whole:
        raise TypeError(f"target must be None, an integer, a tuple or tensor of integers, or a list, got {target!r}")
    return target


def select(output, target):
    """The target's output per example, as Captum chooses it."""
    if target is None:
        return output
    if isinstance(target, torch.Tensor) and target.numel() == 1:
        target = int(target)
    if _is_whole(target) or isinstance(target, tuple):
        place = target if isinstance(target, tuple) else (int(target),)
        if len(place) > output.ndim - 1:
            raise ValueError(f"target {target} does not fit an output of shape {tuple(output.shape)}")
        _check_place(place, output)
        return output[(slice(None), *(int(index) for index in place))]
    places = target.tolist() if isinstance(target, torch.Tensor) else list(target)
    if len(places) != len(output):
        raise ValueError(f"got {len(places)} targets for {len(output)} examples")
    places = [place if isinstance(place, tuple) else (int(place),) for place in places]
    for place in places:
        _check_place(place, output)
    return torch.stack([output[(number, *place)] for number, place in enumerate(places)])


def _check_place(place, output):
    for index, size in zip(place, output.shape[1:]):
        if not -size <= index < size:
            raise ValueError(f"target {place} is out of range for an output of shape {tuple(output.shape)}")


def is_vector(target):
    """True for a tensor with one target per example."""
    return isinstance(target, torch.Tensor) and target.ndim == 1 and target.numel() > 1
