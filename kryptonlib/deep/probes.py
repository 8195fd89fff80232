"""Look into a network: how signals and gradients change from layer to layer, and how far a gradient can be trusted."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

ACTIVATED = (nn.ReLU, nn.SELU, nn.Sigmoid, nn.Tanh)


@dataclass(frozen=True)
class Signals:
    """Arrays over the activations of a network, from the input up: the ``mean`` and ``variance`` of their outputs
    over pictures
    and units, and the root mean square of the loss's gradient with respect to them, ``gradient``."""

    mean: np.ndarray
    variance: np.ndarray
    gradient: np.ndarray


def signals(network, pictures, classes):
    """The ``Signals`` of a sequential network in training mode, on a batch.

    Args:
        network: ``nn.Sequential``; its weights and statistics are not changed.
        pictures, classes: the batch.

    Raises:
        ValueError: a network without an activation.
    """
    found, x = [], pictures
    for layer in copy.deepcopy(network).train():
        x = layer(x)
        if isinstance(layer, ACTIVATED):
            x.retain_grad()
            found.append(x)
    if not found:
        raise ValueError(f"signals() got a {type(network).__name__} without any of the activations that it knows")
    functional.cross_entropy(x, classes).backward()
    # Deep sigmoid networks have gradients whose squares underflow in 32 bits.
    mean, variance = zip(*((some.mean().item(), some.var(unbiased=False).item()) for some in found))
    gradient = [some.grad.double().square().mean().sqrt().item() for some in found]
    return Signals(np.array(mean), np.array(variance), np.array(gradient))


def trust(network, pictures, classes, decreases=(0.1, 0.2, 0.5, 1.0)):
    """What becomes of loss and gradient after one step down the gradient, as long as it promises a certain decrease.

    To first order a step of rate r lowers the loss by r |g|^2. For each share in ``decreases`` the rate is chosen so
    that this is that share of the loss; so networks whose weights have different sizes can be compared. (Santurkar et
    al., 2018, look at the loss and the gradient along the same line, at fixed rates.)

    Args:
        network: in training mode; a copy is changed.
        pictures, classes: the batch of the loss, before and after the step.
        decreases: promised decreases, as shares of the loss.

    Returns:
        (kept, turned): arrays [decreases]: the decrease that came, as a share of the promised one (below 0: the loss
        rose), and the change of the gradient |g' - g| / |g|.
    """
    copied = copy.deepcopy(network).train()
    weights = list(copied.parameters())

    def loss_and_gradient():
        loss = functional.cross_entropy(copied(pictures), classes)
        return loss.item(), torch.autograd.grad(loss, weights)

    before, slope = loss_and_gradient()
    square = sum(part.square().sum() for part in slope).item()
    start = [weight.detach().clone() for weight in weights]
    kept, turned = [], []
    for share in decreases:
        with torch.no_grad():
            for weight, old, part in zip(weights, start, slope):
                weight.copy_(old - share * before / square * part)
        after, other = loss_and_gradient()
        kept.append((before - after) / (share * before))
        turned.append((sum((a - b).square().sum() for a, b in zip(other, slope)).item() / square) ** 0.5)
    return np.array(kept), np.array(turned)
