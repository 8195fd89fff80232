"""Runs a module once and writes a row for every operator that executes.

The run takes place on torch's *meta* device, where tensors have shapes and no numbers: VGG19 takes milliseconds and no
memory. Watching what really executes needs no special kind of module: branches, functional calls and loops over layers
are all seen.
"""

from dataclasses import replace
from math import ceil, prod

import torch
from torch import nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from kryptonlib.anatomy.fields import MOVES, UNKNOWN, Axis, field_after, pooling
from kryptonlib.anatomy.table import Layer, LayerTable

_KINDS = {
    "convolution": "conv", "addmm": "linear", "mm": "linear", "bmm": "matmul", "baddbmm": "matmul", "cat": "concat",
    "max_pool2d_with_indices": "pool", "avg_pool2d": "pool", "_adaptive_avg_pool2d": "pool", "mean": "pool",
    "adaptive_max_pool2d": "pool", "native_batch_norm": "norm", "native_group_norm": "norm", "add": "add", "sub": "add",
    "native_layer_norm": "norm", "constant_pad_nd": "pad", "reflection_pad2d": "pad", "replication_pad2d": "pad",
    "mul": "multiply", "div": "multiply", "_softmax": "activation", "upsample_nearest2d": "resize",
    "upsample_bilinear2d": "resize",
}  # fmt: skip
# Pointwise operators that torch does not tag so.
_POINTWISE = {"hardswish", "_prelu_kernel", "log_sigmoid_forward", "rrelu_with_noise"}


def layers(module, input_size):
    """Take a network apart.

    Args:
        module: any nn.Module in evaluation mode that takes one image batch [N, C, H, W].
        input_size: the side of a square image, (H, W), or (C, H, W); without C, that of the first convolution.

    Returns:
        LayerTable: one ``Layer`` per convolution, linear layer, pooling, normalisation, activation, sum, product,
        concatenation and explicit padding, in the order of execution, and one row of kind "not called" per part with
        weights that did not run (an auxiliary head, for example), so that the parameters always add up.

    Raises:
        TypeError, ValueError: not a module, training mode, or an input size that the module cannot take.

    Notes:
        Multiply-adds are per image. The receptive field counts a zero, reflected or repeated border as if the picture
        went on; after an operator with no rule here (an FFT, bilinear resizing, ...) it is None instead of a guess.

    Example:
        >>> layers(nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU()).eval(), 32)[1].receptive_field
        (3, 3)
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"layers() takes an nn.Module, got {type(module).__name__}")
    if module.training:
        raise ValueError("the module is in training mode, where batch normalisation needs a batch: call .eval() first")
    shape = _input_shape(module, input_size)
    tensors = dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers(remove_duplicate=False))
    meta = {}  # by identity, so that tied weights stay tied
    swapped = {name: meta.setdefault(id(tensor), tensor.detach().to("meta")) for name, tensor in tensors.items()}
    watch = _Watch(module)
    try:
        with torch.device("meta"):
            watch.run(lambda image: functional_call(module, swapped, (image,)), torch.empty(1, *shape, device="meta"))
    except (RuntimeError, NotImplementedError):
        # A module that looks at values, or that holds tensors outside its buffers, cannot run without numbers.
        device = next((tensor.device for tensor in tensors.values()), "cpu")
        watch = _Watch(module)
        try:
            watch.run(module, torch.zeros(1, *shape, device=device))
        except RuntimeError as error:
            raise ValueError(f"{type(module).__name__} cannot take an input of shape (1, {shape}): {error}") from error
    return LayerTable(watch.finished(), f"{type(module).__name__}, input {'×'.join(map(str, shape))}")


def _input_shape(module, size):
    sizes = size if isinstance(size, (list, tuple, torch.Size)) else (size, size)
    if len(sizes) == 2:
        first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
        if first is None:
            raise ValueError(f"input_size {size} has no channels and the module no Conv2d: give (C, H, W)")
        sizes = (first.in_channels, *sizes)
    if len(sizes) != 3 or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in sizes):
        raise ValueError(f"input_size must be a side, (H, W) or (C, H, W) with positive whole numbers, got {size!r}")
    return tuple(sizes)


class _Watch(TorchDispatchMode):
    """Sees every operator of one forward pass, writes the rows and hands each tensor's field on to its users."""

    def __init__(self, module):
        super().__init__()
        self.names = {id(part): name for name, part in module.named_modules()}
        self.module, self.stack, self.called, self.rows, self.owners = module, [("", module)], set(), [], []

    def run(self, forward, image):
        image.field = (Axis(0, 0, 1), Axis(0, 0, 1))
        hooks = []
        for part in self.module.modules():
            hooks.append(part.register_forward_pre_hook(self._enter))
            hooks.append(part.register_forward_hook(lambda *_: self.stack.pop() and None))
        try:
            with torch.no_grad(), self:
                forward(image)
        finally:
            for hook in hooks:
                hook.remove()

    def _enter(self, part, _):
        name = self.names[id(part)]
        self.stack.append((name, part))
        self.called.add(name)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        inputs = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor) and hasattr(t, "field")]
        shapes = [tuple(t.shape) for t in inputs]
        fields = [t.field for t in inputs]
        output = func(*args, **kwargs)
        if not inputs:
            return output
        name = func.overloadpacket.__name__
        name = name if name.startswith("_") or not name.endswith("_") else name[:-1]
        pointwise = (torch.Tag.pointwise in func.tags and name not in MOVES) or name in _POINTWISE
        outputs = [t for t in tree_leaves(output) if isinstance(t, torch.Tensor)]
        for result in outputs:
            result.field = field_after(name, pointwise, args, kwargs, fields, shapes, result)
        kind = _KINDS.get(name, "activation" if pointwise else None)
        if kind in {"add", "multiply"} and len(inputs) == 1:
            kind = "scale"
        if kind == "pool" and name == "mean" and outputs[0].numel() == shapes[0][0] * shapes[0][-2] * shapes[0][-1]:
            kind = "norm"  # a mean over the channels
        if kind is not None:
            self._row(name, kind, args, outputs[0], shapes)
        return output

    def _row(self, name, kind, args, output, shapes):
        path, part = self.stack[-1]
        leaf = not any(True for _ in part.children())
        own = leaf and path and (kind != "pad" or not any(True for _ in part.parameters()))
        label = path if own else ".".join(filter(None, [path, name.strip("_")]))
        taken = sum(row.name.split("#")[0] == label for row in self.rows)
        shown = _shown(output)
        macs, detail = 0, ""
        if name == "convolution":
            weight, stride, padding, dilation, transposed, groups = *args[1:2], *args[3:7], args[8]
            macs = prod(weight.shape[1:]) * prod((shapes[0] if transposed else output.shape)[1:])
            detail = "×".join(map(str, weight.shape[2:])) + (" transposed" if transposed else "")
            detail += _settings(stride, 1, "/") + _settings(padding, 0, " pad ") + _settings(dilation, 1, " dilation ")
            detail += f" groups {groups}" if groups > 1 else ""
        elif name in {"max_pool2d_with_indices", "avg_pool2d"}:
            kernel, stride, padding, _ = pooling(args)
            detail = ("max " if "max" in name else "average ") + "×".join(map(str, kernel))
            detail += _settings(stride, 1, "/") + _settings(padding, 0, " pad ")
        elif kind in {"linear", "matmul"}:
            left = args[1] if name in {"addmm", "baddbmm"} else args[0]
            macs = output.numel() * left.shape[-1]
        self.owners.append(path)
        self.rows.append(
            Layer(f"{label}#{taken + 1}" if taken else label, kind, detail, tuple(output.shape[1:]), 0, macs, *shown)
        )

    def finished(self):
        """The rows with the parameters filled in: each weight once, in the first row of the module that owns it."""
        seen, rows, absent = set(), list(self.rows), []
        for name, part in self.module.named_modules():
            fresh = [p for p in part.parameters(recurse=False) if id(p) not in seen]
            seen.update(map(id, fresh))
            count = sum(p.numel() for p in fresh)
            if not count:
                continue
            place = name
            while place and place not in self.owners and name in self.called:
                place = place.rpartition(".")[0]
            at = [i for i, owner in enumerate(self.owners) if owner == place]
            if name in self.called or not name:
                weighty = [i for i in at if rows[i].kind not in {"pad", "activation"}] or at or [0]
                if rows:
                    rows[weighty[0]] = replace(rows[weighty[0]], parameters=rows[weighty[0]].parameters + count)
                    continue
            absent.append(Layer(name or "(module)", "not called", "", (), count, 0, None, None, None))
        return rows + absent


def _settings(values, usual, text):
    if all(value == usual for value in values):
        return ""
    return text + (str(values[0]) if len(set(values)) == 1 else "×".join(map(str, values)))


def _shown(tensor):
    """(receptive field, jump, start) of a tensor's units, or three times None."""
    field = tensor.field
    if field == UNKNOWN:
        return None, None, None
    size = tuple(ceil(axis.high - axis.low + 1) for axis in field)
    if tensor.dim() < 4:
        return size, None, None
    plain = [(int(a.jump) if a.jump == int(a.jump) else float(a.jump), float(a.low + a.high) / 2) for a in field]
    return size, tuple(jump for jump, _ in plain), tuple(start for _, start in plain)
