"""What the incremental engine knows about torch's functions and the methods of tensors, in each form of a call."""

import inspect

import torch
import torch.nn.functional as F

from kryptonlib.occlusion.neighbourhoods import (
    Operator,
    adaptive,
    avg_pool,
    convolution,
    dense_layout,
    max_pool,
    mean,
    pad,
)

ELEMENTWISE_NAMES = set(
    "relu relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh sigmoid tanh softplus "
    "softsign logsigmoid threshold clamp clip clamp_min clamp_max exp log sqrt rsqrt abs neg square reciprocal sin cos "
    "erf float prelu pow".split()
)
BINARY_NAMES = {
    "add": torch.add,
    "iadd": torch.add,
    "sub": torch.sub,
    "isub": torch.sub,
    "mul": torch.mul,
    "imul": torch.mul,
    "multiply": torch.mul,
    "subtract": torch.sub,
    "div": torch.div,
    "truediv": torch.div,
    "itruediv": torch.div,
    "divide": torch.div,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "pow": torch.pow,
}
SAME_NAMES = {"contiguous", "detach", "clone"}
FLATTENING_NAMES = {"flatten", "view", "reshape", "squeeze"}


def classify_function(name, target, arguments, keywords, call, steps, clean):
    source = steps[0]
    if name in SAME_NAMES:
        return Operator("same", source.layout)
    if name in ("dropout", "dropout2d", "alpha_dropout", "feature_dropout"):
        return None if argument(arguments, keywords, 2, "training", True) else Operator("same", source.layout)
    if name in FLATTENING_NAMES and clean.ndim == 2:
        return flattening(source, clean)
    if name == "cat" or name == "concat":
        dim, parts = argument(arguments, keywords, 1, "dim", 0), argument(arguments, keywords, 0, "tensors", ())
        if not all(hasattr(part, "number") for part in parts):
            return None  # beside a constant map, whose window would have to be cut out
        if all(s.layout == source.layout for s in steps) and source.layout in ("first", "last"):
            if dim % 4 == (1 if source.layout == "first" else 3) and all(s.size == source.size for s in steps):
                return Operator("join", source.layout, function=call, layout_in=source.layout)
        return None
    if name in BINARY_NAMES and len(arguments) > 1 and not (name == "pow" and len(steps) > 1):
        return _binary(BINARY_NAMES[name], arguments, keywords, steps, clean)
    if name in ELEMENTWISE_NAMES and len(steps) == 1 and clean.shape == source.clean.shape:
        if name == "prelu":
            if source.layout != "first":
                return None
        elif not _all_constant(arguments, keywords, source):
            return None
        in_place = (lambda tensors: tensors[0].relu_()) if name == "relu" else None
        # What is of that type already comes back itself.
        return pointwise(call, source, in_place, rectifier=name == "relu", fresh=name != "float")
    if name == "permute":
        return _permute(arguments, keywords, call, source)
    if name == "layer_norm" and source.layout == "last" and len(steps) == 1:
        shape = argument(arguments, keywords, 1, "normalized_shape", ())
        return pointwise(call, source) if len(shape) == 1 else None
    if name == "linear" and source.layout == "last" and len(steps) == 1:
        return pointwise(call, source, macs=argument(arguments, keywords, 1, "weight", None).numel())
    if name == "getitem":
        return _getitem(arguments[1], call, source)
    if name == "unsqueeze" and source.layout == "none" and argument(arguments, keywords, 1, "dim", 0) == 1:
        return pointwise(call, source, layout="first", fresh=False)
    if name == "mean":
        dims = argument(arguments, keywords, 1, "dim", None)
        return mean(clean) if source.layout == "first" and _over_map(dims) else None
    if source.layout != "first" or len(steps) > 1:
        return None
    if name in ("max_pool2d", "boolean_dispatch"):
        bound = _bind(F._max_pool2d, arguments, keywords)
        return (
            None
            if bound["return_indices"]
            else max_pool(None, bound["kernel_size"], bound["stride"], bound["padding"], bound["dilation"])
        )
    if name == "batch_norm" and not argument(arguments, keywords, 5, "training", False):
        return pointwise(call, source)
    if name == "avg_pool2d":

        def order(
            input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
        ):
            return kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override

        return avg_pool(source, clean, *order(*arguments, **keywords))
    if name == "adaptive_avg_pool2d":
        return adaptive(source, clean)
    if name == "pad" and argument(arguments, keywords, 2, "mode", "constant") == "constant":
        return pad(argument(arguments, keywords, 1, "pad", None), argument(arguments, keywords, 3, "value", 0))
    if name == "conv2d":
        return convolution(*arguments, **keywords)
    return None


def _binary(function, arguments, keywords, steps, clean):
    source = steps[0]
    call = caller(function, arguments, keywords)
    if len(steps) == 1:
        if _all_constant(arguments, keywords, source) and clean.shape == source.clean.shape:
            return pointwise(call, source)
        return None
    if len({(s.layout, tuple(s.size)) for s in steps}) == 1 and clean.ndim == source.clean.ndim:
        return Operator("join", source.layout, function=call, layout_in=source.layout)
    # Squeeze and excitation: a factor per channel changes every place, and the entire map is due.
    return Operator("dense", dense_layout(clean))


def _permute(arguments, keywords, call, source):
    dims = keywords.get("dims", arguments[1] if len(arguments) == 2 else arguments[1:])
    dims = tuple(d % 4 for d in dims) if source.clean.ndim == 4 else ()
    if (source.layout, dims) == ("first", (0, 2, 3, 1)):
        return pointwise(call, source, layout="last", fresh=False)
    if (source.layout, dims) == ("last", (0, 3, 1, 2)):
        return pointwise(call, source, layout="first", fresh=False)
    return None


def _getitem(index, call, source):
    """``x[:, a:b]`` and ``x[:, c]``: a choice of channels."""
    index = index if isinstance(index, tuple) else (index,)
    entire = slice(None)
    if source.layout != "first" or len(index) < 2 or index[0] != entire or any(i != entire for i in index[2:]):
        return None
    if isinstance(index[1], int):
        return pointwise(call, source, layout="none", fresh=False)
    return pointwise(call, source, fresh=False) if isinstance(index[1], slice) else None


def flattening(source, clean):
    if clean.ndim == 2 and clean[0].numel() == source.clean[0].numel():
        return Operator("dense", "flat", flattens=source.layout == "first")
    return Operator("dense", dense_layout(clean), known=False)


def pointwise(function, source, in_place=None, layout=None, rectifier=False, fresh=True, macs=0.0):
    return Operator(
        "pointwise",
        layout or source.layout,
        function=function,
        in_place=in_place,
        rectifier=rectifier,
        fresh=fresh,
        layout_in=source.layout,
        macs=macs,
    )


def caller(target, arguments, keywords):
    """function(tensors) that makes the call out of place."""
    keywords = {**keywords, "inplace": False} if "inplace" in keywords else keywords
    if isinstance(target, str):
        name = target.rstrip("_")

        def target(first, *rest, **more):
            return getattr(first, name)(*rest, **more)

    def put(value, tensors):
        if hasattr(value, "number"):
            return tensors[value.number]
        if isinstance(value, (list, tuple)):
            return type(value)(put(v, tensors) for v in value)
        return value

    def call(tensors):
        return target(*put(tuple(arguments), tensors), **{k: put(v, tensors) for k, v in keywords.items()})

    return call


def is_torch(target):
    module = getattr(target, "__module__", None) or ""
    if module.startswith("torchvision"):
        return False
    return module.startswith(("torch", "_operator", "operator")) or inspect.isbuiltin(target)


def _bind(function, arguments, keywords):
    bound = inspect.signature(function).bind(*arguments, **keywords)
    bound.apply_defaults()
    return bound.arguments


def argument(arguments, keywords, place, name, default):
    return arguments[place] if len(arguments) > place else keywords.get(name, default)


def _all_constant(arguments, keywords, source):
    """True where every tensor among the arguments, the source apart, is the same all over the map."""
    tensors = [one for one in (*arguments, *keywords.values()) if isinstance(one, torch.Tensor)]
    return all(_constant_over_map(tensor, source) for tensor in tensors)


def _constant_over_map(tensor, source):
    shape = (1,) * (source.clean.ndim - tensor.ndim) + tuple(tensor.shape)
    rows = 2 if source.layout == "first" else 1
    return len(shape) == source.clean.ndim and shape[0] == 1 and shape[rows : rows + 2] == (1, 1)


def _over_map(dims):
    dims = (dims,) if isinstance(dims, int) else tuple(dims or ())
    return {d % 4 for d in dims} == {2, 3}
