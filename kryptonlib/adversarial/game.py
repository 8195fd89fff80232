"""The GAN game in one dimension, where every quantity can be computed.

I. Goodfellow et al., "Generative adversarial nets", NIPS 2014. Data have the density p, generated numbers the
density q. The value of the game (equation 1) is

    V(D, G) = E_p log D(x) + E_q log(1 - D(x)).

For a fixed generator it is largest for D = p / (p + q) (proposition 1), where it is -log 4 + 2 JS(p, q); its least
value over all generators is -log 4, at q = p, where D is 1/2 everywhere (theorem 1).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from kryptonlib.adversarial import losses
from kryptonlib.choices import check_choice
from kryptonlib.threads import one_thread

LOG_4 = float(np.log(4))
UNIT = 2.0
"""The discriminator sees x in this unit, so that x and its square are of about the same size, and one rate suits
both."""


def normal(x, mean=0.0, deviation=1.0):
    """Density of a Gaussian at x."""
    return np.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))


def optimal_discriminator(p, q):
    """The best answer to a generator: p / (p + q).

    Args:
        p, q: densities of data and of generated numbers at the same places, arrays, not negative.

    Returns:
        Array in [0, 1]; 1/2 where both densities are 0, where any number is as good.

    Example:
        >>> optimal_discriminator(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
        array([0.5 , 0.75])
    """
    p, q = np.asarray(p, float), np.asarray(q, float)
    if (p < 0).any() or (q < 0).any():
        raise ValueError("optimal_discriminator() got a negative density")
    total = p + q
    return np.where(total > 0, p / np.where(total > 0, total, 1), 0.5)


def value(d, p, q, x):
    """V(D, G) by the trapezoidal rule.

    Args:
        d: D at the places x, in [0, 1]. p, q: the densities there. x: places, rising, beyond which nothing is left.

    Returns:
        In nats; -infinity where D is sure and wrong.

    Example:
        >>> x = np.linspace(-9, 9, 2001)
        >>> round(value(np.full(2001, 0.5), normal(x), normal(x), x), 6)
        -1.386294
    """
    d, p, q = np.broadcast_arrays(*(np.asarray(part, float) for part in (d, p, q)))
    if d.shape != np.shape(x) or d.min() < 0 or d.max() > 1:
        raise ValueError(
            f"value() got D of shape {d.shape} from {d.min():.3g} to {d.max():.3g}; expected {np.shape(x)}, in [0, 1]"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(p > 0, p * np.log(d), 0.0) + np.where(q > 0, q * np.log1p(-d), 0.0)
    return float(np.trapezoid(parts, x))


def jensen_shannon(p, q, x):
    """Jensen-Shannon divergence by the trapezoidal rule: 0 for equal densities, log 2 for ones that nowhere overlap."""
    p, q = np.asarray(p, float), np.asarray(q, float)
    middle = (p + q) / 2
    divergences = []
    for density in (p, q):
        ratio = np.where(density > 0, density, 1) / np.where((density > 0) & (middle > 0), middle, 1)
        divergences.append(np.trapezoid(density * np.log(ratio), x))
    return float(sum(divergences) / 2)


@dataclass(frozen=True)
class Played:
    """What happened in a game, one entry per round, the start first.

    Attributes:
        mean, deviation: of the generator.
        value: V of both players as they stood.
        furthest: largest distance of D from 1/2 within two deviations of the data's mean.
        logits: a, b, c of the discriminator's a + b u + c u^2 at the end, u = (x - the data's mean) / ``UNIT``.
    """

    mean: np.ndarray
    deviation: np.ndarray
    value: np.ndarray
    furthest: np.ndarray
    logits: np.ndarray


class Board:
    """Both players and how they move. Expectations are Gauss-Hermite sums: there are no samples and no noise.

    The generator is G(z) = mean + deviation z with z from N(0, 1). The discriminator's logit is a square function of
    x, as the best one against it is: log p - log q.

    Args:
        data, start: (mean, deviation) of the data, and of the generator at first.
    """

    def __init__(self, data, start):
        if min(data[1], start[1]) <= 0:
            raise ValueError(f"Board() got deviations {data[1]} and {start[1]}; expected numbers above 0")
        nodes, weights = np.polynomial.hermite_e.hermegauss(40)
        self.z, self.weights = torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())
        self.centre = data[0]
        self.generator = torch.tensor([start[0], np.log(start[1])], dtype=torch.float64)
        self.logit = torch.zeros(3, dtype=torch.float64)
        self.real = _powers(data[1] * self.z / UNIT)
        self.places = _powers(torch.linspace(-2, 2, 41, dtype=torch.float64) * data[1] / UNIT)

    def generated(self, generator):
        """Powers of what the generator (mean, log deviation) makes of the nodes: [40, 3]."""
        return _powers((generator[0] + generator[1].exp() * self.z - self.centre) / UNIT)

    def wrong(self, logit):
        """The discriminator's loss against the generator as it stands: -V."""
        fake = self.generated(self.generator)
        return self.weights @ functional.softplus(-(self.real @ logit)) + self.weights @ functional.softplus(
            fake @ logit
        )

    def move_discriminator(self, rate):
        """One step of gradient descent; the generator is held."""
        logit = self.logit.clone().requires_grad_()
        self.logit = self.logit - rate * torch.autograd.grad(self.wrong(logit), logit)[0]

    def slope(self, kind):
        """Gradient of the generator's loss in (mean, log deviation); the discriminator is held."""
        generator = self.generator.clone().requires_grad_()
        fake = self.generated(generator) @ self.logit
        sign = -1 if kind == "saturating" else 1
        return torch.autograd.grad(sign * (self.weights @ functional.softplus(-sign * fake)), generator)[0]

    def told(self):
        """(mean, deviation, V, largest distance of D from 1/2 within two deviations of the data's mean)."""
        furthest = ((self.places @ self.logit).sigmoid() - 0.5).abs().max()
        return self.generator[0].item(), self.generator[1].exp().item(), -self.wrong(self.logit).item(), furthest.item()


@one_thread()
def play(*, data=(2.0, 0.7), start=(-1.0, 1.5), rounds=600, d_steps=5, rate_d=0.5, rate_g=0.1, kind="non-saturating"):
    """Both players learn by gradient descent, in turns.

    Args:
        data, start: of :class:`Board`.
        rounds: each is ``d_steps`` steps of the discriminator and one of the generator.
        rate_d, rate_g: learning rates.
        kind: the generator's loss, of ``losses.KINDS``.

    Returns:
        :class:`Played`.
    """
    check_choice("kind", kind, losses.KINDS)
    if min(rate_d, rate_g) <= 0 or rounds < 1 or d_steps < 1:
        raise ValueError("play() needs rates above 0, and at least one round and step")
    board = Board(data, start)
    told = [board.told()]
    for _ in range(rounds):
        for _ in range(d_steps):
            board.move_discriminator(rate_d)
        board.generator = board.generator - rate_g * board.slope(kind)
        told.append(board.told())
    return Played(*np.array(told).T, board.logit.numpy())


@one_thread()
def sharpen(*, data=(2.0, 0.4), start=(-1.0, 0.4), steps=1000, rate=0.2):
    """A discriminator learns against a generator that is held: what would the generator's gradient be?

    Args:
        data, start, rate: as in ``play``. steps: of the discriminator.

    Returns:
        Array [steps + 1, 3]: the mean of D over what the generator makes, and the size of the gradient in the
        generator's mean of the saturating and of the non-saturating loss.
    """
    board, told = Board(data, start), []
    for number in range(steps + 1):
        if number:
            board.move_discriminator(rate)
        fooled = board.weights @ (board.generated(board.generator) @ board.logit).sigmoid()
        slopes = [board.slope(kind)[0].abs().item() for kind in ("saturating", "non-saturating")]
        told.append((fooled.item(), *slopes))
    return np.array(told)


def _powers(u):
    """1, u, u^2 as columns [N, 3]."""
    return torch.stack([torch.ones_like(u), u, u * u], 1)
