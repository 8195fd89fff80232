"""Batch norm folded into the convolutions before it: the same function with fewer passes over memory.

In evaluation mode batch norm is y = (x - mean) * gamma / sqrt(var + eps) + beta, an affine map per channel, and so is
the convolution before it: W' = W * gamma / sqrt(var + eps), b' = (b - mean) * gamma / sqrt(var + eps) + beta.
"""

import copy

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

NORMS = {nn.Conv1d: nn.BatchNorm1d, nn.Conv2d: nn.BatchNorm2d, nn.Conv3d: nn.BatchNorm3d}
RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.Hardtanh, nn.LeakyReLU, nn.ELU)


def trace(module):
    """The module's graph by torch.fx on a copy of its parts, or None where fx cannot follow its Python code."""
    try:
        return fx.symbolic_trace(duplicate(module))
    # fx runs the module's own forward on proxies; whatever that code then raises means only "cannot be traced".
    except Exception:
        return None


def duplicate(module):
    """A copy of ``module`` whose parts can be changed and replaced; the weights' memory is shared until they are."""
    shared = {id(weight): nn.Parameter(weight.detach(), requires_grad=False) for weight in module.parameters()}
    return copy.deepcopy(module, shared)


def fold(module):
    """A copy of ``module`` for inference: batch norm folded, rectifiers after a convolution working in place.

    Args:
        module: an nn.Module in evaluation mode. It is not changed.

    Returns:
        An fx.GraphModule computing the same function up to rounding; where fx cannot trace the module, a plain copy.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8)).eval()
        >>> [type(part).__name__ for part in fold(net).children()]
        ['Conv2d']
    """
    traced = trace(module)
    if traced is None:
        return duplicate(module)
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
    """``module`` folded, without gradients, weights in channels_last, where CPU and GPU convolutions are fastest."""
    with torch.no_grad():
        ready = fold(module)
    return ready.requires_grad_(False).to(memory_format=torch.channels_last)


def agrees(logits, truth):
    """Whether a folded network gives the original's logits, rounding apart.

    It does not where the module's Python code decides by the input's values: torch.fx followed one branch of it.
    """
    return torch.allclose(logits, truth, rtol=1e-3, atol=1e-3 * float(truth.abs().max()))
