"""Weights stored small: float16, or int8 with one scale per output channel; read back as float32.

Batch-norm statistics stay float32: a variance may leave float16's range, and they are few. int8 is the symmetric
per-channel scheme of Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference: A whitepaper",
2018, https://arxiv.org/abs/1806.08342, section 2.2: weight ~ scale * q with q in -127..127.
"""

import torch
from safetensors.torch import load_file, save

from kryptonlib.store import written_whole

SCALE = ".int8-scale"
"""What is added to a tensor's name for the scales [channels] that belong to its int8 values."""
STATISTICS = ("running_mean", "running_var")


def write_small(state, path, int8=False):
    """Write a state dict as safetensors, whole or not at all.

    Args:
        state: name -> tensor; float tensors are stored as float16, but batch-norm statistics as float32, and whole
            numbers as they are.
        path: the file to write.
        int8: store tensors of two or more axes (the weights of layers) as int8, scaled per output channel.

    Raises:
        ValueError: a value that is not finite, or that float16 cannot hold (beyond 65504).
    """
    stored = {}
    for name, tensor in state.items():
        tensor = tensor.detach().cpu().contiguous()
        if not tensor.is_floating_point():
            stored[name] = tensor
            continue
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name}: holds NaN or infinite values; such weights are not stored")
        if name.endswith(STATISTICS):
            stored[name] = tensor.float()
        elif int8 and tensor.ndim >= 2:
            stored[name], stored[name + SCALE] = quantize(tensor)
        elif tensor.numel() and tensor.abs().max() > torch.finfo(torch.float16).max:
            raise ValueError(f"{name}: {tensor.abs().max():.4g} is beyond float16's largest number, 65504")
        else:
            stored[name] = tensor.half()
    with written_whole(path) as part:
        # Bytes, since save_file makes files that only their owner may read.
        part.write_bytes(save(stored))


def read_small(path):
    """The state dict that ``write_small`` wrote: name -> tensor, floats as float32, int8 weights scaled back."""
    stored = load_file(path)
    state = {}
    for name, tensor in stored.items():
        if name.endswith(SCALE):
            continue
        scale = stored.get(name + SCALE)
        if scale is not None:
            state[name] = dequantize(tensor, scale)
        else:
            state[name] = tensor.float() if tensor.is_floating_point() else tensor
    return state


def quantize(weight):
    """int8 values of a weight [channels, ...] and the scale [channels] of each output channel.

    Example:
        >>> quantize(torch.tensor([[1.27, -0.5], [0.0, 0.0]]))[0].tolist()
        [[127, -50], [0, 0]]
    """
    scale = weight.float().abs().flatten(1).amax(1) / 127
    divisor = torch.where(scale > 0, scale, torch.ones_like(scale))
    values = torch.round(weight.float() / divisor.reshape(-1, *[1] * (weight.ndim - 1)))
    return values.clamp(-127, 127).to(torch.int8), scale


def dequantize(values, scale):
    """The float32 weight that int8 ``values`` [channels, ...] and their ``scale`` [channels] stand for."""
    return values.float() * scale.reshape(-1, *[1] * (values.ndim - 1))
