"""How probable a latent is: one density per map, fitted while the transform learns, and the entropies that follow.

``PiecewiseLinear`` is the paper's: values on a grid, a straight line between neighbours, fitted by the integrated
squared error. ``Logistics`` is smooth: a few logistic distributions per map, fitted by maximum likelihood. Both give
the bits of a latent to which uniform noise was added, the quantity h~ of Dumas, Roumy and Guillemot, eq. 3:

    h~ = -log2(step) - log2 f~(y + step * noise),   f~ = density of y + step * noise,  noise uniform on [-1/2, 1/2].
"""

import math

import torch
from torch import nn
from torch.nn import functional

LEAST = 1e-6
"""Smallest value of a density on the paper's grid (their training code); 20 bits."""


class PiecewiseLinear(nn.Module):
    """The paper's density: f~_i is a straight line between values psi on a grid over [-reach, reach].

    Args:
        maps: number of densities.
        per_unit: grid points per unit.
        reach: the grid goes from -reach to reach at first; ``grow`` widens it.

    Attributes:
        psi: tensor [maps, 2 * reach * per_unit + 1]; it begins as the density of a Cauchy distribution.

    Example:
        >>> PiecewiseLinear(128).psi.shape
        torch.Size([128, 101])
    """

    def __init__(self, maps, *, per_unit=5, reach=10):
        super().__init__()
        self.per_unit, self.reach = per_unit, reach
        cauchy = 1 / (math.pi * (1 + self.points().square()))
        self.register_buffer("psi", cauchy.repeat(maps, 1))

    def points(self):
        """Where the grid points lie: tensor [K]."""
        count = self.reach * self.per_unit
        return torch.arange(-count, count + 1) / self.per_unit

    def density(self, y):
        """f~_i(y) of y [N, maps, h, w]; 1e-6 beyond the grid. Differentiable in y."""
        place = (y * self.per_unit + self.reach * self.per_unit).transpose(0, 1).flatten(1)
        below = place.detach().floor().clamp(0, self.psi.shape[1] - 2).long()
        low, high = self.psi.gather(1, below), self.psi.gather(1, below + 1)
        value = low + (high - low) * (place - below)
        inside = (place >= 0) & (place <= self.psi.shape[1] - 1)
        value = torch.where(inside, value, LEAST)
        return value.reshape(y.shape[1], y.shape[0], *y.shape[2:]).transpose(0, 1)

    def bits(self, y, steps):
        """h~ of noisy latents: tensor like ``y`` [N, maps, h, w]; ``steps`` [maps]."""
        return -self.density(y).clamp_min(LEAST).log2() - steps.log2().reshape(-1, 1, 1)

    @torch.no_grad()
    def fit(self, y, rate=0.2):
        """One step of gradient descent on the integrated squared error, with the paper's rate; then psi >= 1e-6.

        The error of a map is (1 / per_unit) sum_k psi_k^2 - (2 / n) sum_j f~(y_j): up to a constant, and with the
        integral taken as a sum over the grid, the integral of (f~ - density of y)^2.

        Args:
            y: noisy latents [N, maps, h, w]. The grid grows to hold them.
        """
        self.grow(float(y.abs().max()))
        place = (y.transpose(0, 1).flatten(1) + self.reach) * self.per_unit
        below = place.floor().clamp(0, self.psi.shape[1] - 2).long()
        share = place - below
        hits = torch.zeros_like(self.psi)
        hits.scatter_add_(1, below, 1 - share).scatter_add_(1, below + 1, share)
        self.psi -= rate * (2 / self.per_unit * self.psi - 2 / place.shape[1] * hits)
        self.psi.clamp_(min=LEAST)

    @torch.no_grad()
    def grow(self, largest):
        """Widen the grid so that it holds values up to ``largest``; new points get 1e-6."""
        if largest < self.reach:
            return
        more = math.ceil(largest) + 1 - self.reach
        self.psi = functional.pad(self.psi, (more * self.per_unit,) * 2, value=LEAST)
        self.reach += more

    def _load_from_state_dict(self, state, prefix, *rest):
        # A stored grid may be wider than a new one.
        if prefix + "psi" in state:
            self.psi = self.psi.new_zeros(state[prefix + "psi"].shape)
            self.reach = (self.psi.shape[1] - 1) // (2 * self.per_unit)
        super()._load_from_state_dict(state, prefix, *rest)


class Logistics(nn.Module):
    """A mixture of logistic distributions per map: p(y) = sum_k w_k / s_k * l((y - m_k) / s_k).

    The probability of a whole step around a value needs no grid: f~(y) * step = P(y + step/2) - P(y - step/2) with the
    distribution function P, a mixture of sigmoids. Its gradient never vanishes, however far out a value lies.

    Args:
        spread: tensor [maps], the first standard deviations.
        parts: logistic distributions per map.

    Example:
        >>> bits = Logistics(torch.ones(3)).bits(torch.zeros(1, 3, 2, 2), torch.ones(3))
    """

    def __init__(self, spread, *, parts=3):
        super().__init__()
        # A logistic distribution of scale s has the standard deviation pi s / sqrt 3. Narrow, middle and wide parts.
        widths = torch.logspace(-0.6, 0.3, parts)
        scale = spread.clamp_min(0.05)[:, None] * 3**0.5 / math.pi * widths
        self.log_scale = nn.Parameter(scale.log())
        self.mean = nn.Parameter(torch.zeros_like(self.log_scale))
        self.weight = nn.Parameter(torch.zeros_like(self.log_scale))

    def probability(self, y, steps):
        """Probability of the step around y, tensor like ``y`` [N, maps, h, w]; at least 2^-40."""
        columns = y.transpose(0, 1).flatten(1)
        probability = torch.zeros_like(columns)
        weights = self.weight.softmax(1)
        for part in range(self.weight.shape[1]):
            inverse = torch.exp(-self.log_scale[:, part, None])
            # On the side where both sigmoids are small their difference loses no digits.
            distance = (columns - self.mean[:, part, None]).abs()
            half = steps[:, None] / 2
            cell = torch.sigmoid((half - distance) * inverse) - torch.sigmoid((-half - distance) * inverse)
            probability = probability + weights[:, part, None] * cell
        probability = probability.clamp_min(2.0**-40)
        return probability.reshape(y.shape[1], y.shape[0], *y.shape[2:]).transpose(0, 1)

    def bits(self, y, steps):
        """h~ of noisy latents: tensor like ``y`` [N, maps, h, w]; ``steps`` [maps]."""
        return -self.probability(y, steps).log2()


def empirical_entropy(symbols):
    """Bits per symbol if each symbol's frequency in this very array were its probability.

    Args:
        symbols: tensor of whole numbers, any shape.

    Example:
        >>> empirical_entropy(torch.tensor([0, 0, 1, -1]))
        1.5
    """
    _, counts = symbols.flatten().unique(return_counts=True)
    share = counts.double() / symbols.numel()
    return float(-(share * share.log2()).sum()) + 0.0


def map_bits(symbols):
    """Bits of an image's coefficients by the paper's count: each map's empirical entropy times its coefficients.

    Args:
        symbols: tensor of whole numbers [maps, ...].

    Example:
        >>> map_bits(torch.tensor([[0, 1, 0, 1], [3, 3, 3, 3]]))
        4.0
    """
    return sum(empirical_entropy(some) * some.numel() for some in symbols)


def entropy(distribution, step, *, mean=0.0, reach=1000):
    """Entropy in bits of a random variable rounded to mean + step * whole number.

    Args:
        distribution: its distribution function, from a float64 tensor to one of the same shape.
        step: the quantization step.
        mean: a value that is hit exactly.
        reach: whole numbers from -reach to reach are summed; the rest counts as the two ends.

    Example:
        >>> round(entropy(laplace_distribution, 1.0), 4)
        2.4841
    """
    edges = mean + step * (torch.arange(-reach, reach, dtype=torch.float64) + 0.5)
    below = distribution(edges)
    cells = torch.cat([below[:1], below.diff(), 1 - below[-1:]])
    cells = cells[cells > 0]
    return float(-(cells * cells.log2()).sum())


def laplace_distribution(x, scale=1.0):
    """P(X <= x) of a Laplace distribution with mean 0; float64 keeps its digits in the left tail."""
    tail = 0.5 * torch.exp(-x.abs() / scale)
    return torch.where(x < 0, tail, 1 - tail)


def laplace_differential_entropy(scale=1.0):
    """h = log2(2 e scale) in bits; h - log2(step) is what the entropy after rounding tends to for small steps."""
    return math.log2(2 * math.e * scale)


def noisy_entropy(distribution, step, *, reach=60.0, points=240_001):
    """Rate with uniform noise in place of rounding: h(y + step * noise) - log2(step) in bits.

    Args:
        distribution: distribution function of y, from a float64 tensor to one of the same shape.
        step: the quantization step.
        reach, points: of the numerical integral, from -reach to reach.

    Example:
        >>> round(noisy_entropy(laplace_distribution, 0.01) - entropy(laplace_distribution, 0.01, reach=10_000), 4)
        0.0
    """
    x = torch.linspace(-reach, reach, points, dtype=torch.float64)
    noisy = ((distribution(x + step / 2) - distribution(x - step / 2)) / step).clamp_min(1e-300)
    return float(-(noisy * noisy.log2()).sum() * 2 * reach / (points - 1)) - math.log2(step)
