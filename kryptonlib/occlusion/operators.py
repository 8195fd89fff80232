"""What the incremental engine knows about torch's operators.

``classify`` looks at one call of a traced network and answers with an :class:`Operator`: how a changed interval passes
through it and how to compute it on a window. What it does not recognise becomes "dense": correct, but without savings.
"""

import copy

from torch import nn

from kryptonlib.occlusion.functions import (
    argument,
    caller,
    classify_function,
    flattening,
    is_torch,
    pointwise,
)
from kryptonlib.occlusion.neighbourhoods import (
    Operator,
    adaptive,
    avg_pool,
    convolution,
    dense_layout,
    max_pool,
    pad,
)
from kryptonlib.occlusion.plain import is_plain

ELEMENTWISE_MODULES = tuple(
    getattr(nn, name)
    for name in (
        "ReLU ReLU6 LeakyReLU ELU SELU CELU GELU SiLU Mish Hardswish Hardsigmoid Hardtanh Sigmoid Tanh Softplus "
        "Softsign LogSigmoid PReLU Threshold Hardshrink Softshrink Tanhshrink"
    ).split()
)
SAME_MODULES = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


def classify(target, arguments, keywords, steps, clean):
    """The :class:`Operator` of one call.

    Args:
        target: a module, a function or a method's name.
        arguments, keywords: those of the call; a source stands as an object with ``.number``, numbers and weights as
            themselves.
        steps: the steps the sources stand for.
        clean: the call's result for the clean image.
    """
    layouts = [step.layout for step in steps]
    if all(layout == "flat" for layout in layouts):
        return _flat(target, arguments, keywords, clean)
    name = target if isinstance(target, str) else getattr(target, "__name__", type(target).__name__).strip("_")
    own = isinstance(target, (str, nn.Module)) or is_torch(target)
    call = caller(target, arguments, keywords)
    found = None
    if isinstance(target, nn.Module):
        found = _module(target, call, steps, clean)
    elif name == "stochastic_depth":
        found = Operator("same", layouts[0]) if not argument(arguments, keywords, 3, "training", True) else None
    elif own:
        found = classify_function(name.rstrip("_"), target, arguments, keywords, call, steps, clean)
    if found is None:
        found = Operator("dense", dense_layout(clean), known=False)
    return found


def classify_item(several, which, source, clean):
    """One tensor out of several: a slice of the channels where it was cut along them, else dense."""
    node = several.node
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    dim = node.kwargs.get("dim", node.args[2] if len(node.args) > 2 else 0)
    if name in ("chunk", "split") and source.layout == "first" and dim in (1, -3):
        begin = sum(part.shape[1] for part in several.clean[:which])
        end = begin + clean.shape[1]
        return pointwise(lambda tensors: tensors[0][:, begin:end], source, fresh=False)
    return Operator("dense", dense_layout(clean), known=source.layout == "flat")


def _module(part, call, steps, clean):
    source = steps[0]
    if not is_plain(part) or len(steps) > 1:
        return None
    if isinstance(part, SAME_MODULES):
        return Operator("same", source.layout)
    if isinstance(part, nn.Flatten):
        return flattening(source, clean)
    if type(part) in ELEMENTWISE_MODULES:
        if isinstance(part, nn.PReLU) and part.weight.numel() > 1 and source.layout != "first":
            return None
        in_place = None
        if hasattr(part, "inplace"):
            part, over = copy.copy(part), copy.copy(part)
            part.inplace, over.inplace = False, True

            def in_place(tensors):
                return over(tensors[0])

        return pointwise(lambda tensors: part(tensors[0]), source, in_place, rectifier=type(part) is nn.ReLU)
    if isinstance(part, nn.Linear) and source.layout == "last":
        return pointwise(lambda tensors: part(tensors[0]), source, macs=part.weight.numel())
    if isinstance(part, nn.LayerNorm) and source.layout == "last":
        return pointwise(lambda tensors: part(tensors[0]), source) if len(part.normalized_shape) == 1 else None
    if source.layout != "first":
        return None
    if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None:
        return pointwise(lambda tensors: part(tensors[0]), source)
    if isinstance(part, nn.Conv2d) and part.padding_mode == "zeros":
        found = convolution(None, part.weight, part.bias, part.stride, part.padding, part.dilation, part.groups)
        # Where ``run`` takes the place of the traced copy's module, nobody calls that any more.
        found.local.part = part if found.run else None
        return found
    if isinstance(part, nn.MaxPool2d) and not part.return_indices:
        return max_pool(None, part.kernel_size, part.stride, part.padding, part.dilation)
    if isinstance(part, nn.AvgPool2d):
        return avg_pool(
            source,
            clean,
            part.kernel_size,
            part.stride,
            part.padding,
            part.ceil_mode,
            part.count_include_pad,
            part.divisor_override,
        )
    if isinstance(part, nn.AdaptiveAvgPool2d):
        return adaptive(source, clean)
    if isinstance(part, nn.ConstantPad2d):  # ZeroPad2d is one too
        return pad(part.padding, part.value)
    return None


def _flat(target, arguments, keywords, clean):
    """Anything on [n, features]: computed as it is."""
    layout = dense_layout(clean)
    if type(target) is nn.Linear and is_plain(target):
        return Operator("dense", layout, weight=target.weight, part=target, macs=target.weight.numel())
    if isinstance(target, SAME_MODULES) and is_plain(target):
        return Operator("same", layout)
    return Operator("dense", layout)
