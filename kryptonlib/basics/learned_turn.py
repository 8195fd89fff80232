"""The smallest learned compressor: the angle that pairs of numbers are turned by, trained with a stand-in for rounding.

A pair is turned, both coefficients are scaled by gains of their own and rounded to whole numbers, and all is undone.
Angle, gains and the density of the coefficients are learned from J = mean squared error + weight * bits per number. The
bits are always those with noise; what the decoder is given differs: noise, straight-through or soft rounding, as in the
codec's training (``training.codec``). How good a result is, is told with real rounding and the empirical entropy.
"""

from dataclasses import dataclass

import torch
from torch import nn

from kryptonlib.basics import transform_coding
from kryptonlib.choices import check_choice
from kryptonlib.compression import density, quantization

TRAINED_ON, MEASURED_ON = 1024, 20_000
"""Pairs."""
WAYS = ("noise", "straight-through", "soft")
WARMEST, COLDEST = 0.5, 0.05
"""Temperatures of the soft quantizer at the first and the last step of training; between them it falls evenly."""


@dataclass(frozen=True)
class Turn:
    """What was learned, measured on pairs that were not trained on.

    Attributes:
        angle: in degrees, 0 to 90: a quarter turn exchanges the coefficients and changes nothing.
        error: mean squared error per number after real rounding.
        rate: bits per number, the mean of both coefficients' empirical entropies.
        cost: error + weight * rate.
    """

    angle: float
    error: float
    rate: float
    cost: float


def learn(way, seed, *, weight=0.02, steps=400, correlation=0.9):
    """Descend on J from a random angle.

    Args:
        way: of ``WAYS``: what stands for rounding in front of the decoder.
        seed: of the pairs, the first angle and the noise.
        weight: squared error that one bit is worth.
        steps: of Adam, at the rate 0.02.
        correlation: of the two numbers of a pair, which have the variance 1.

    Returns:
        :class:`Turn`.

    Raises:
        ValueError: an unknown way, or a weight that is not positive.

    Example:
        >>> 40 < learn("noise", 0).angle < 50
        True
    """
    check_choice("way", way, WAYS)
    if not weight > 0:
        raise ValueError(f"learn() got weight={weight!r}; expected a positive number")
    random = torch.Generator().manual_seed(seed)
    pairs = torch.from_numpy(transform_coding.pairs(TRAINED_ON, correlation, seed)).float()
    angle = nn.Parameter(torch.rand((), generator=random) * torch.pi)
    gain = nn.Parameter(torch.zeros(2))
    model = density.Logistics(torch.ones(2))
    optimizer, one = torch.optim.Adam([angle, gain, *model.parameters()], 2e-2), torch.ones(2)
    for step in range(steps):
        latent = _latents(pairs, angle, gain)
        noisy = quantization.add_noise(latent, one, random)
        temperature = WARMEST + (COLDEST - WARMEST) * step / max(1, steps - 1)
        given = _given(way, latent, noisy, one, temperature)
        loss = (_pairs(given, angle, gain) - pairs).square().mean() + weight * model.bits(noisy, one).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    others = torch.from_numpy(transform_coding.pairs(MEASURED_ON, correlation, [seed, 1])).float()
    with torch.no_grad():
        rounded, symbols = quantization.quantize(_latents(others, angle, gain), one)
        error = (_pairs(rounded, angle, gain) - others).square().mean().item()
    rate = density.map_bits(symbols[0]) / others.numel()
    return Turn(float(torch.rad2deg(angle.detach())) % 90, error, rate, error + weight * rate)


def _given(way, latent, noisy, one, temperature):
    """What the decoder gets in training."""
    if way == "noise":
        return noisy
    if way == "straight-through":
        return quantization.straight_through(latent, one)
    return quantization.soft_round(latent, one, temperature)


def _turn(angle):
    """The rotation by an angle in radians: tensor [2, 2], differentiable."""
    return torch.stack([torch.stack([angle.cos(), angle.sin()]), torch.stack([-angle.sin(), angle.cos()])])


def _latents(pairs, angle, gain):
    """Pairs [N, 2], turned and scaled, as latents [1, 2, N, 1]."""
    return (pairs @ _turn(angle).T * gain.exp()).T[None, :, :, None]


def _pairs(latents, angle, gain):
    """The inverse of ``_latents``."""
    return (latents[0, :, :, 0].T / gain.exp()) @ _turn(angle)
