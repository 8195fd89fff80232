"""Which modules the engine may replace by its own operators, and weights that are computed before each pass.

A module of torch does what its class says only where nothing was added to the instance: a hook, a parametrization, a
``forward`` of its own. ``is_plain`` is the one place that decides. What is not plain is called as it is.
"""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

HOOKS = ("_forward_hooks", "_forward_pre_hooks")
"""What a module calls around its ``forward``. Backward hooks leave values alone."""
OF_ALL = ("_global_forward_hooks", "_global_forward_pre_hooks")
"""Hooks that torch calls around every module's ``forward``."""
CALLS = ("forward", "_call_impl", "_wrapped_call_impl", "_slow_forward")
"""What a call goes through; an attribute of that name at the instance takes its place."""
WEIGHT_HOOKS = (WeightNorm, SpectralNorm, BasePruningMethod)
"""Torch's own hooks that compute a weight from parameters; in evaluation mode it is the same each time."""


def is_changed(part):
    """True where a call of a module is more than the ``forward`` of its class: hooks, computed weights, another one."""
    if any(getattr(part, hooks, None) for hooks in HOOKS) or any(getattr(torch_module, hooks) for hooks in OF_ALL):
        return True
    return any(name in vars(part) for name in CALLS) or parametrize.is_parametrized(part)


def is_plain(part):
    """True where a module does what its class in ``torch.nn`` does, and nothing else: the engine may replace it."""
    kind = type(part)
    if getattr(nn, kind.__name__, None) is not kind or is_changed(part):
        return False
    # An attribute of the instance may hide a method of the class that ``forward`` calls.
    if any(callable(getattr(kind, name, None)) for name in vars(part) if name != "extra_repr"):
        return False
    if not (kind.forward.__module__ or "").startswith("torch.nn.modules"):
        return False
    tensors = [tensor for tensor in (*part._parameters.values(), *part._buffers.values()) if tensor is not None]
    # A subclass of Tensor (quantized, distributed) may compute otherwise.
    return all(type(tensor) in (torch.Tensor, nn.Parameter, nn.Buffer) for tensor in tensors)


def settle(module):
    """Give every part whose weights are computed before each pass the computed weights instead, in place.

    Meant are weight norm, spectral norm and pruning, old and new, and other parametrizations. What computes something
    else each time is found by the proof that follows (``proof``).
    """
    for part in list(module.modules()):
        if parametrize.is_parametrized(part):
            weights = {name: getattr(part, name) for name in part.parametrizations}
            # Not ``remove_parametrizations``: it takes the weights from the class, which the caller's part has too.
            part.__class__ = parametrize.type_before_parametrizations(part)
            del part._modules["parametrizations"]
            _keep(part, weights)
        hooks = part._forward_pre_hooks
        if hooks and all(isinstance(hook, WEIGHT_HOOKS) for hook in hooks.values()):
            names = []
            for hook in hooks.values():
                hook(part, None)
                names.append(hook._tensor_name if isinstance(hook, BasePruningMethod) else hook.name)
            part._forward_pre_hooks = OrderedDict()
            _keep(part, {name: part.__dict__.pop(name) for name in dict.fromkeys(names)})


def _keep(part, weights):
    for name, weight in weights.items():
        part.register_parameter(name, nn.Parameter(weight.detach(), requires_grad=False))


def computed_tensors(module):
    """Tensors that hang on a module as results of a computation, which ``copy.deepcopy`` refuses."""
    for part in module.modules():
        for value in vars(part).values():
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                yield value
