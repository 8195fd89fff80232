"""What an operator is to the engine, and the operators that read a neighbourhood: convolution, pools, pads, means."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from kryptonlib.occlusion.intervals import extent
from kryptonlib.occlusion.packing import Convolution


@dataclass
class Operator:
    """How one operator acts.

    Attributes:
        kind: as in ``steps``; "same" for what changes nothing.
        layout: layout of the result.
        run: function(n, tensors) in place of the network's own call on entire maps; None keeps the call.
        layout_in: the layout that ``function`` expects.
        known: False for what the engine does not recognise.
        function: for pointwise and join, function(tensors) -> result, never in place.
        in_place: for pointwise, function(tensors) that overwrites its input; None where there is none.
        rectifier: True for ReLU, which may be written straight into a buffer.
        fresh: False where the result may share memory with the input.
        axes: for windows, (kernel, stride, padding before, dilation) of the rows and the columns.
        outside: what a window reads beyond the border: 0, or -inf for max pooling.
        local: for windows, function(patch, strides, padding) on a patch that holds its context, zeros of the border
            included except along an axis that is given a padding.
        pads: True for convolutions whose own padding, the same on both sides, may be given to ``local``.
        counts: for average pooling with uneven divisors, two factors per output row and column, or None.
        macs: multiply-accumulates per place of the output map.
        adds: True for convolutions that may be given a change alone, ``local.added``, see ``changes``.
        grouped: True for grouped and depthwise convolutions, which are slower per multiplication.
        weight, part: of a linear layer: its matrix, and the module itself.
        flattens: True where a map becomes a vector, all places of channel 0 first.
    """

    kind: str
    layout: str
    known: bool = True
    run: object = None
    function: object = None
    in_place: object = None
    rectifier: bool = False
    fresh: bool = True
    layout_in: str = "first"
    axes: tuple = ()
    outside: float = 0.0
    local: object = None
    pads: bool = False
    counts: tuple = None
    adds: bool = False
    macs: float = 0.0
    grouped: bool = False
    weight: torch.Tensor = None
    part: nn.Module = None
    flattens: bool = False


def convolution(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    kernel, stride, dilation = weight.shape[2:], _pair(stride), _pair(dilation)
    if padding == "same":
        before = [(extent(k, d) - 1) // 2 for k, d in zip(kernel, dilation)]
    else:
        before = _pair(0 if padding == "valid" else padding)
    even = padding != "same" or all((extent(k, d) - 1) % 2 == 0 for k, d in zip(kernel, dilation))
    local = Convolution(weight, bias, dilation, groups)
    return Operator(
        "window",
        "first",
        run=(lambda _, tensors: local(tensors[0], stride, before)) if even else None,
        axes=_axes(kernel, stride, before, dilation),
        local=local,
        pads=even,
        # Every stride-th output reads all of a change that is wide enough, and a 1x1 kernel reads no context.
        adds=groups == 1 and tuple(stride) == (1, 1) and max(kernel) > 1,
        macs=weight.numel(),
        grouped=groups > 1,
    )


def max_pool(input, kernel, stride, padding, dilation):
    kernel, dilation = _pair(kernel), _pair(dilation)
    stride = kernel if stride is None or stride == [] else _pair(stride)

    def local(patch, strides, padding):
        return F.max_pool2d(patch, kernel, strides, padding, dilation)

    return Operator(
        "window", "first", axes=_axes(kernel, stride, _pair(padding), dilation), outside=-torch.inf, local=local
    )


def avg_pool(source, clean, kernel, stride, padding, ceil_mode, include, divisor):
    kernel, padding = _pair(kernel), _pair(padding)
    stride = kernel if stride is None or stride == [] else _pair(stride)
    if divisor is None and tuple(clean.shape[2:]) == (1, 1) and padding == (0, 0) and kernel == tuple(source.size):
        return mean(clean)
    counts = None
    if divisor is None:
        # torch divides a border window by the cells it counts; a window in the middle counts all of them.
        full, counts = kernel[0] * kernel[1], []
        for size, out, k, s, p in zip(source.size, clean.shape[2:], kernel, stride, padding):
            begin = torch.arange(out) * s - p
            end = torch.minimum(begin + k, torch.tensor(size + p))
            counted = end - begin if include else end.clamp(max=size) - begin.clamp(min=0)
            counts.append((k / counted).to(clean))
        counts = None if all((c == 1).all() for c in counts) else tuple(counts)
    else:
        full = divisor

    def local(patch, strides, padding):
        return F.avg_pool2d(patch, kernel, strides, padding, divisor_override=full)

    return Operator("window", "first", axes=_axes(kernel, stride, padding, (1, 1)), local=local, counts=counts)


def adaptive(source, clean):
    sizes, wanted = tuple(source.size), tuple(clean.shape[2:])
    if sizes == wanted:
        return Operator("same", "first")
    if wanted == (1, 1):
        return mean(clean)
    if any(size % want for size, want in zip(sizes, wanted)):
        # Unequal regions: the map is small by now, and computing all of it costs little.
        return Operator("dense", "first")
    kernel = tuple(size // want for size, want in zip(sizes, wanted))
    return avg_pool(source, clean, kernel, kernel, 0, False, True, None)


def mean(clean):
    return Operator("mean", dense_layout(clean))


def pad(padding, value):
    padding = (padding,) * 4 if isinstance(padding, int) else tuple(padding)
    padding = padding + (0,) * (8 - len(padding))
    if any(padding[4:]):
        return None
    left, _, top, _ = padding[:4]
    if value not in (0, None, -torch.inf):
        return Operator("dense", "first")
    # A 1x1 window that keeps its input: only the border it reads beyond is new.
    return Operator(
        "window",
        "first",
        axes=_axes((1, 1), (1, 1), (top, left), (1, 1)),
        outside=value or 0.0,
        local=lambda patch, strides, padding: patch,
        fresh=False,
    )


def dense_layout(clean):
    """The layout of a result that is computed as a whole."""
    return "first" if clean.ndim == 4 else "flat"


def _axes(kernel, stride, before, dilation):
    return tuple(zip((int(k) for k in kernel), stride, before, dilation))


def _pair(value):
    if isinstance(value, int):
        return value, value
    value = tuple(int(v) for v in value)
    return value if len(value) == 2 else value * 2
