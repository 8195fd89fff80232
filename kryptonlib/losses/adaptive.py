"""Barron's general robust loss: one formula from l2 (alpha = 2) over a smooth l1 (1) and Cauchy (0) to Welsch (-inf).

:func:`rho` is the formula; :class:`Adaptive` is the negative log-likelihood of the distribution that belongs to it,
with shape alpha and scale c learned beside the network.
"""

import math

import torch
from torch import nn

from kryptonlib.losses.checks import check_pair, reduced

SHAPES = (0.001, 1.999)
"""Limits of the learned alpha, inside (0, 2): there the distribution exists and its slopes are finite."""
LEAST_SCALE = 1e-5
"""Below every learned c; without it the likelihood of equal images has no bound."""
_NEAR = 1e-6


def rho(difference, alpha, c):
    """The general robust loss.

        rho = |a - 2| / a ((z / |a - 2| + 1)^(a / 2) - 1),   z = (difference / c)^2,

    and its limits z / 2 at a = 2, log(z / 2 + 1) at a = 0, 1 - exp(-z / 2) at a = -inf. Half the square of
    difference / c near 0 for every alpha; the smaller alpha, the less a large difference counts.

    Args:
        difference: any tensor.
        alpha: shape: a number from -inf, or a tensor that broadcasts with ``difference``.
        c: scale > 0: where the loss leaves the parabola; a number or a tensor.

    Returns:
        A tensor of the broadcast shape, at least 0.

    Raises:
        ValueError: c not positive; alpha NaN or +inf.

    Source: Barron, "A General and Adaptive Robust Loss Function", 2019; thesis (paper 5), eq. 2.13.

    Example:
        >>> rho(torch.tensor([1.0, 3.0]), alpha=1.0, c=1.0)
        tensor([0.4142, 2.1623])
    """
    alpha, c = (torch.as_tensor(value, dtype=difference.dtype, device=difference.device) for value in (alpha, c))
    if not bool((c > 0).all()):
        raise ValueError(f"rho: c must be positive, got {c.detach().min():g}")
    if bool((alpha.isnan() | (alpha == math.inf)).any()):
        raise ValueError("rho: alpha must be a number below infinity, got NaN or +inf")
    half = (difference / c).square() / 2
    # Within 1e-6 of a limit its own formula is as good, and the general one would divide 0 by 0. What a branch does not
    # need is computed for a harmless alpha, because NaN would get into the gradient.
    at_two, at_zero, at_end = (alpha - 2).abs() < _NEAR, alpha.abs() < _NEAR, alpha == -math.inf
    safe = torch.where(at_two | at_zero | at_end, torch.ones_like(alpha), alpha)
    distance = (safe - 2).abs()
    general = distance / safe * torch.expm1(safe / 2 * torch.log1p(2 * half / distance))
    value = torch.where(at_zero, torch.log1p(half), general)
    value = torch.where(at_end, -torch.expm1(-half), value)
    return torch.where(at_two, half, value)


def log_partition(alpha):
    """log Z(alpha), Z = integral of exp(-rho(x, alpha, 1)) over all x, which makes the likelihood's total 1.

    Integrated in x = sinh(u), where the heavy tails of small alpha fall exponentially and the trapezoid rule is exact
    to about 1e-9; differentiable, so no table is needed.

    Args:
        alpha: tensor of any shape with values in [0, 2].

    Returns:
        A tensor of that shape and type.

    Raises:
        ValueError: alpha outside of [0, 2]; below 0 the integral is infinite, and above 2 it is not tried.

    Source: thesis (paper 5), eq. 2.14.

    Example:
        >>> log_partition(torch.tensor([0.0, 2.0])).exp()
        tensor([4.4429, 2.5066])
    """
    if not bool(((alpha >= 0) & (alpha <= 2)).all()):
        low, high = torch.aminmax(alpha.detach())
        raise ValueError(f"log_partition: alpha must lie in [0, 2], got {low:g} to {high:g}")
    step = 0.05
    u = torch.arange(0, 40, step, dtype=torch.float64, device=alpha.device)
    weights = torch.where(u == 0, step, 2 * step) * torch.cosh(u)
    density = torch.exp(-rho(torch.sinh(u), alpha.double()[..., None], 1.0))
    return (weights * density).sum(-1).log().to(alpha.dtype)


class Adaptive(nn.Module):
    """Negative log-likelihood rho(x - y, alpha, c) + log c + log Z(alpha), with alpha and c per channel learned.

    Give its parameters to the optimizer beside the network's. The value may be negative, and falls without bound as
    differences and c go to 0 together, which ``LEAST_SCALE`` ends. As a metric it says nothing between two models whose
    alpha and c differ. Barron's code works on wavelets of YUV by default; the thesis does not say whether it did; this
    works on pixels.

    Args:
        channels: C of the images.
        alpha: where the shapes start, in (0.001, 1.999).
        c: where the scales start, above 1e-5, in units of [0, 1] images.

    Attributes:
        alpha, c: today's shapes and scales [C], tensors.

    Raises:
        ValueError: a start outside of its limits.

    Source: Barron 2019; thesis (paper 5), section 2.4.5.

    Example:
        >>> loss = Adaptive(channels=3, alpha=1.0, c=0.03)
        >>> loss(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)).item() < 0
        True
    """

    def __init__(self, channels, *, alpha=1.0, c=1.0):
        super().__init__()
        if isinstance(channels, bool) or not isinstance(channels, int) or channels < 1:
            raise ValueError(f"Adaptive: channels must be a whole number of at least 1, got {channels!r}")
        low, high = SHAPES
        if not low < alpha < high:
            raise ValueError(f"Adaptive: alpha must start between {low} and {high}, got {alpha!r}")
        if not LEAST_SCALE < c < math.inf:
            raise ValueError(f"Adaptive: c must start above {LEAST_SCALE}, got {c!r}")
        share = (alpha - low) / (high - low)
        self.shape = nn.Parameter(torch.full((channels,), math.log(share / (1 - share))))
        self.log_scale = nn.Parameter(torch.full((channels,), math.log(c - LEAST_SCALE)))

    @property
    def alpha(self):
        low, high = SHAPES
        return low + (high - low) * torch.sigmoid(self.shape)

    @property
    def c(self):
        return LEAST_SCALE + torch.exp(self.log_scale)

    def forward(self, x, y, *, reduction="mean"):
        """Mean over pixels and channels for x, y [N, C, H, W], y in [0, 1]; a scalar, or [N] with reduction="none"."""
        return reduced(self.map(x, y).mean((1, 2, 3)), reduction)

    def map(self, x, y):
        """The loss of every pixel, mean over the channels: [N, 1, H, W]."""
        check_pair("adaptive", x, y, 1.0, channels=len(self.shape))
        alpha, c = (value.view(1, -1, 1, 1).to(x.dtype) for value in (self.alpha, self.c))
        return (rho(x - y, alpha, c) + c.log() + log_partition(alpha)).mean(1, keepdim=True)
