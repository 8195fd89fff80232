"""Convolutions whose weights are brought into oneDNN's order once instead of at every call.

A window is small, so reordering the weights for each batch would cost VGG16 as much as one more position per batch.
torch's compiler calls ``mkldnn::_convolution_pointwise`` for this; it is no public function, so it is tried once and
compared with ``conv2d``, and where it is missing or different, ``conv2d`` is used throughout.
"""

import functools

import torch
import torch.nn.functional as F


class Convolution:
    """A convolution without padding, for patches that hold their context.

    Args:
        weight: [C_out, C_in / groups, H_k, W_k].
        bias: [C_out] or None.
        stride, dilation: (rows, columns).
        groups: as for ``conv2d``.
    """

    def __init__(self, weight, bias, stride, dilation, groups):
        self.weight, self.bias, self.groups = weight, bias, groups
        self.stride, self.dilation = list(stride), list(dilation)
        self.packed = None

    def __call__(self, patch, strides):
        """The outputs of ``patch`` [n, C, h, w]; ``strides`` are (1, 1) where the patch holds only what is read."""
        if patch.device.type != "cpu" or patch.dtype != torch.float32 or self.groups > 1 or not available():
            return F.conv2d(patch, self.weight, self.bias, strides, 0, self.dilation, self.groups)
        if self.packed is None:
            self.packed = _pack(self.weight, self.stride, self.dilation)
        return _packed_convolution(patch, self.packed, self.bias, list(strides), self.dilation)


@functools.cache
def available():
    """True where the packed convolution exists and gives what ``conv2d`` gives, channels last."""
    last = torch.channels_last
    generator = torch.Generator().manual_seed(0)
    patch = torch.rand(2, 16, 5, 6, generator=generator).contiguous(memory_format=last)
    weight = torch.rand(32, 16, 3, 3, generator=generator).contiguous(memory_format=last)
    try:
        with torch.inference_mode():
            got = _packed_convolution(patch, _pack(weight, [1, 1], [1, 1]), None, [1, 1], [1, 1])
            return got.is_contiguous(memory_format=last) and torch.allclose(got, F.conv2d(patch, weight), rtol=1e-4)
    except (AttributeError, RuntimeError, NotImplementedError):
        return False


def _pack(weight, stride, dilation):
    return torch.ops.mkldnn._reorder_convolution_weight(weight, [0, 0], stride, dilation, 1, [])


def _packed_convolution(patch, packed, bias, strides, dilation):
    return torch.ops.mkldnn._convolution_pointwise(patch, packed, bias, [0, 0], strides, dilation, 1, "none", [], "")
