"""Which traced networks are known to compute each example of a batch by itself, from what they call.

It spares the usual networks passes in other company (``proof``). What is not known here is not taken to mix: it is
tried.
"""

from torch import nn

from kryptonlib.occlusion.functions import BINARY_NAMES, ELEMENTWISE_NAMES, SAME_NAMES, argument, is_torch
from kryptonlib.occlusion.operators import ELEMENTWISE_MODULES, SAME_MODULES
from kryptonlib.occlusion.plain import is_plain

MODULES = (
    *ELEMENTWISE_MODULES,
    *SAME_MODULES,
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, nn.LayerNorm, nn.GroupNorm, nn.Flatten),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.ConstantPad2d, nn.ZeroPad2d),
)
FUNCTIONS = {
    *(*ELEMENTWISE_NAMES, *BINARY_NAMES, *SAME_NAMES, "linear", "layer_norm", "size", "dropout"),
    *("max_pool2d", "boolean_dispatch", "avg_pool2d", "adaptive_avg_pool2d", "stochastic_depth"),
}


def computes_apart(traced):
    """True where every call of a traced network is known to compute each example by itself."""
    parts = dict(traced.named_modules())
    return all(_is_apart(node, parts) for node in traced.graph.nodes)


def _is_apart(node, parts):
    if node.op not in ("call_module", "call_function", "call_method"):
        return True
    if node.op == "call_module":
        part = parts[node.target]
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            return is_plain(part) and part.running_mean is not None
        first = not isinstance(part, nn.Flatten) or part.start_dim == 1
        return type(part) in MODULES and is_plain(part) and first
    name = node.target if node.op == "call_method" else getattr(node.target, "__name__", "")
    if node.op == "call_function" and not is_torch(node.target) and name != "stochastic_depth":
        return False
    name = name.strip("_")
    if name in FUNCTIONS:
        return True
    # Whether the examples' own axis is among those that are joined, moved or averaged stands in the arguments.
    if name in ("cat", "concat"):
        return argument(node.args, node.kwargs, 1, "dim", 0) == 1
    if name == "flatten":
        return argument(node.args, node.kwargs, 1, "start_dim", 0) == 1
    if name == "mean":
        dims = argument(node.args, node.kwargs, 1, "dim", None)
        return list(dims if isinstance(dims, (tuple, list)) else [dims]) == [2, 3]
    if name == "permute":
        dims = node.args[1] if len(node.args) == 2 and isinstance(node.args[1], (tuple, list)) else node.args[1:]
        return bool(dims) and dims[0] == 0
    return False
