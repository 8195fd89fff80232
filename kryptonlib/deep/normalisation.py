"""Normalisation layers for ``chain``: batch, layer, instance, group, and switchable with learned weights."""

import torch
from torch import nn

from kryptonlib.choices import check_choice

STATISTICS = ("instance", "layer", "batch")
"""What ``SwitchNorm`` mixes, in the order of its weights; ``basics.layers.switchable_norm`` has the same."""


class SwitchNorm(nn.Module):
    """Normalise [N, C, H, W] by a mixture of instance, layer and batch statistics whose weights are learned.

    x -> gain (x - sum_k w_k mean_k) / sqrt(sum_k w'_k variance_k + eps) + shift, with w and w' the softmax of three
    learned numbers each (Luo et al., "Differentiable learning-to-normalize via switchable normalization", 2018, eq. 3
    and 5). In evaluation the batch's statistics are moving averages, as batch norm's; the paper averages over batches
    once at the end.

    Args:
        channels: C.
        momentum: share of a new batch in the moving averages.
        speed: the softmax is taken of ``speed`` times the learned numbers, whose shares then learn speed^2 times as
            fast under gradient descent. 1 in the paper, which trains for days.

    Attributes:
        mean_logits, variance_logits: parameters [3] in the order of ``STATISTICS``.
    """

    def __init__(self, channels, eps=1e-5, momentum=0.1, speed=1.0):
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.mean_logits, self.variance_logits = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(3))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))
        self.eps, self.momentum, self.speed = eps, momentum, speed

    def shares(self):
        """The two sets of weights [2, 3], of the means and of the variances; each adds up to 1."""
        return (self.speed * torch.stack([self.mean_logits, self.variance_logits])).softmax(1)

    def forward(self, x):
        # The layer's and the batch's statistics follow from the instances' at no cost.
        mean, variance = x.mean((2, 3)), x.var((2, 3), unbiased=False)
        square = variance + mean.square()
        layer_mean = mean.mean(1, keepdim=True)
        layer_variance = square.mean(1, keepdim=True) - layer_mean.square()
        if self.training:
            batch_mean = mean.mean(0, keepdim=True)
            batch_variance = square.mean(0, keepdim=True) - batch_mean.square()
            with torch.no_grad():
                self.running_mean.lerp_(batch_mean[0], self.momentum)
                self.running_variance.lerp_(batch_variance[0], self.momentum)
        else:
            batch_mean, batch_variance = self.running_mean[None], self.running_variance[None]
        of_mean, of_variance = self.shares()
        mean = of_mean[0] * mean + of_mean[1] * layer_mean + of_mean[2] * batch_mean
        variance = of_variance[0] * variance + of_variance[1] * layer_variance + of_variance[2] * batch_variance
        scale = self.gain * (variance.clamp(min=0) + self.eps).rsqrt()
        return x * scale[:, :, None, None] + (self.shift - mean * scale)[:, :, None, None]


NORMS = {
    "none": lambda channels: [],
    "batch": lambda channels: [nn.BatchNorm2d(channels)],
    "layer": lambda channels: [nn.GroupNorm(1, channels)],
    "instance": lambda channels: [nn.InstanceNorm2d(channels, affine=True)],
    "switchable": lambda channels: [SwitchNorm(channels)],
}
"""Name -> the layers to put after a convolution, as a list of none or one."""


def norm_layer(name, channels):
    """The normalisation of a name of ``NORMS``, as a list of layers.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> len(norm_layer("batch", 8)), len(norm_layer("none", 8))
        (1, 0)
    """
    check_choice("norm", name, NORMS)
    return NORMS[name](channels)
