"""TensorFlow's SAME padding as ordinary PyTorch modules.

SAME pads so that the output has ``ceil(size / stride)`` positions, and puts the odd row or column at the bottom and at
the right. PyTorch's own ``padding=`` is symmetric, so an odd total becomes an explicit pad module in front. The amount
depends on the size of the input, which is why the networks here are built for one input size.
"""

import math

from torch import nn


def same_padding(size, kernel, stride):
    """Padding (before, after) of one axis that gives ``ceil(size / stride)`` outputs.

    Example:
        >>> same_padding(224, kernel=3, stride=2)
        (0, 1)
    """
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def same_conv(channels_in, channels_out, kernel, *, stride=1, groups=1, size):
    """The modules of a bias-free SAME convolution on a ``size`` x ``size`` input: [pad,] convolution."""
    before, after = same_padding(size, kernel, stride)
    symmetric = before == after
    convolution = nn.Conv2d(
        channels_in, channels_out, kernel, stride, padding=before if symmetric else 0, groups=groups, bias=False
    )
    return [convolution] if symmetric else [nn.ZeroPad2d((before, after, before, after)), convolution]


def same_max_pool(kernel, stride, *, size):
    """The modules of a SAME max pooling on a ``size`` x ``size`` input; padded positions never win."""
    before, after = same_padding(size, kernel, stride)
    if before == after:
        return [nn.MaxPool2d(kernel, stride, padding=before)]
    return [nn.ConstantPad2d((before, after, before, after), -math.inf), nn.MaxPool2d(kernel, stride)]
