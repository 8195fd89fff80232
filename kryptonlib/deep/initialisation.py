"""First weights: zero, small, Glorot's, He's, LeCun's.

A unit adds n products of a weight and an input. With independent weights of mean 0 and variance v, its sum has n v
times the inputs' mean square; v decides whether signals grow or fade from layer to layer. n is the fan-in, the inputs
of a unit.

    LeCun   1 / n                   keeps the variance of linear layers and is what SELU is made for
    Glorot  2 / (n + m)             a compromise of forward and backward, m is the fan-out (Glorot and Bengio, 2010)
    He      2 / n                   doubles it, since ReLU sets half of the sums to zero (He et al., 2015)
"""

import torch
from torch import nn

from kryptonlib.choices import check_choice

SMALL = 0.01
"""Standard deviation of "small" weights, AlexNet's."""
RULES = {
    "zero": lambda fan_in, fan_out: 0.0,
    "small": lambda fan_in, fan_out: SMALL**2,
    "lecun": lambda fan_in, fan_out: 1 / fan_in,
    "glorot": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he": lambda fan_in, fan_out: 2 / fan_in,
}
"""Name -> variance of a weight as a function of fan-in and fan-out."""


def fans(weight):
    """(fan-in, fan-out) of weights [outputs, inputs] or [outputs, inputs, rows, columns].

    Example:
        >>> fans(torch.zeros(16, 8, 3, 3))
        (72, 144)
    """
    if weight.ndim not in (2, 4):
        raise ValueError(
            f"fans() got weights of shape {tuple(weight.shape)}; expected those of a linear or 2-d convolution"
        )
    window = weight[0, 0].numel()
    return weight.shape[1] * window, weight.shape[0] * window


def initialise(network, rule, seed=0):
    """Set the weights of all convolutions and linear layers by a rule, the biases to zero; returns the network.

    The weights are normally distributed. Normalisation layers keep theirs. The global random state is not touched.

    Args:
        rule: a name of ``RULES``; also of the last layer.
        seed: of the weights.

    Raises:
        ValueError: an unknown rule.

    Example:
        >>> initialise(nn.Linear(4, 2), "zero").weight.abs().max().item()
        0.0
    """
    check_choice("rule", rule, RULES)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                spread = RULES[rule](*fans(layer.weight)) ** 0.5
                layer.weight.copy_(spread * torch.randn(layer.weight.shape, generator=generator))
                if layer.bias is not None:
                    layer.bias.zero_()
    return network
