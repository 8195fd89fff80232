"""Batch norm folded into the convolutions before it: the same function with fewer passes over memory.

In evaluation mode batch norm is y = (x - mean) * gamma / sqrt(var + eps) + beta, an affine map per channel, and so is
the convolution before it: W' = W * gamma / sqrt(var + eps), b' = (b - mean) * gamma / sqrt(var + eps) + beta.
"""

import copy
import inspect

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from kryptonlib.occlusion.plain import computed_tensors, is_changed, is_plain, settle

NORMS = {nn.Conv1d: nn.BatchNorm1d, nn.Conv2d: nn.BatchNorm2d, nn.Conv3d: nn.BatchNorm3d}
RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.Hardtanh, nn.LeakyReLU, nn.ELU)


class _Tracer(fx.Tracer):
    """Takes modules that something was added to as they are: hooks see tensors, and are called each time."""

    def is_leaf_module(self, m, module_qualified_name):
        return (
            super().is_leaf_module(m, module_qualified_name) or is_changed(m) or isinstance(m, torch.jit.ScriptModule)
        )


def trace(module):
    """The module's graph by torch.fx on a copy of its parts, or None where fx cannot follow its Python code."""
    try:
        ours = duplicate(module)
        settle(ours)
        # fx calls the class's forward: it passes by what was added to the module itself.
        called = type(ours).__call__ is nn.Module.__call__ or isinstance(ours, fx.GraphModule)
        if is_changed(ours) or not called or isinstance(ours, torch.jit.ScriptModule):
            return None
        traced = fx.GraphModule(ours, _Tracer().trace(ours), type(ours).__name__)
    # fx runs the module's own forward on proxies; whatever that code then raises means only "cannot be traced".
    except Exception:
        return None
    for node in traced.graph.nodes:
        _normalise(node)
    traced.recompile()
    return traced


def _normalise(node):
    """Calls whose meaning depends on how memory lies, or hides in an argument's place, made explicit."""
    if node.op == "call_method" and node.target == "view" and not _is_type(node):
        # The same numbers, also where a map lies in channels_last.
        node.target = "reshape"
    if node.op == "call_function" and len(node.args) > 1 and inspect.isfunction(node.target):
        names = list(inspect.signature(node.target).parameters)
        if "inplace" in names[: len(node.args)]:
            place = names.index("inplace")
            node.kwargs = {**node.kwargs, **dict(zip(names[place:], node.args[place:]))}
            node.args = node.args[:place]


def _is_type(node):
    return "dtype" in node.kwargs or any(isinstance(argument, torch.dtype) for argument in node.args)


def duplicate(module):
    """A copy of ``module`` whose parts can be changed and replaced; the weights' memory is shared until they are."""
    shared = {id(weight): nn.Parameter(weight.detach(), requires_grad=False) for weight in module.parameters()}
    shared |= {id(tensor): tensor.detach() for tensor in computed_tensors(module)}
    try:
        return copy.deepcopy(module, dict(shared))
    except Exception:
        # A lock, a file, a generator: what cannot be copied stays the caller's own.
        for part in module.modules():
            shared |= {id(value): value for value in vars(part).values() if not _can_be_copied(value, shared)}
        return copy.deepcopy(module, shared)


def _can_be_copied(value, shared):
    if isinstance(value, (dict, nn.Module)):  # the module's own lists of its parts
        return True
    try:
        copy.deepcopy(value, dict(shared))
    except Exception:
        return False
    return True


def fold(module):
    """A copy of ``module`` for inference: batch norm folded, rectifiers after a convolution working in place.

    Args:
        module: an nn.Module in evaluation mode. It is not changed.

    Returns:
        An fx.GraphModule computing the same function up to rounding; None where fx cannot trace the module.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8)).eval()
        >>> [type(part).__name__ for part in fold(net).children()]
        ['Conv2d']
    """
    traced = trace(module)
    if traced is None:
        return None
    calls = {}
    for node in traced.graph.nodes:
        if node.op == "call_module":
            calls[node.target] = calls.get(node.target, 0) + 1
    parts = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
            continue
        first, second = parts[before.target], parts[node.target]
        if not is_plain(first) or not is_plain(second):
            continue
        if isinstance(second, RECTIFIERS) and isinstance(first, tuple(NORMS)) and calls[node.target] == 1:
            # Nothing else reads the convolution's output, so it may be overwritten.
            second.inplace = True
        # A convolution or norm that is called twice has two meanings and one set of weights: it stays as it is.
        elif NORMS.get(type(first)) is type(second) and calls[before.target] == calls[node.target] == 1:
            if second.running_mean is None:
                continue
            first.weight, first.bias = fuse_conv_bn_weights(
                first.weight,
                first.bias,
                second.running_mean,
                second.running_var,
                second.eps,
                second.weight,
                second.bias,
            )
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)
    traced.graph.lint()
    traced.recompile()
    traced.delete_all_unused_submodules()
    return traced


def prepared(module):
    """``module`` folded, without gradients, weights in channels_last, where CPU and GPU convolutions are fastest.

    None where fx cannot trace the module. Parts that are not plain keep their weights as they lie.
    """
    with torch.no_grad():
        ready = fold(module)
        if ready is None:
            return None
        for part in ready.modules():
            if is_plain(part):
                part.requires_grad_(False).to(memory_format=torch.channels_last)
    return ready
