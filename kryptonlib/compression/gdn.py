"""Generalized divisive normalization (GDN) and its approximate inverse (IGDN).

    GDN:   y_i = x_i / sqrt(beta_i + sum_j gamma_ij (x_j / s_j)^2)
    IGDN:  y_i = x_i * sqrt(beta_i + sum_j gamma_ij (x_j / s_j)^2)

Ballé, Laparra and Simoncelli, "Density modeling of images using a generalized normalization transformation", 2016,
https://arxiv.org/abs/1511.06281, eq. 3 with all exponents at 2 and 1/2. The sum runs over the maps at one place. An
IGDN has parameters of its own: it undoes a GDN only as well as it has learned to.

``s`` is fixed and 1 in the papers. Where maps differ a thousandfold in size, as the latents of a codec do, one learning
rate cannot suit all of gamma; measured in units of each map's own size it can. Nothing else changes: gamma_ij / s_j^2
is the gamma of the formula without ``s``.
"""

import torch
from torch import nn
from torch.autograd.function import once_differentiable

SMALLEST = 2e-5
"""Dumas, Roumy and Guillemot keep beta and gamma at or above this (their training code)."""
PEDESTAL = 2.0**-36
"""CompressAI's offset of the reparametrised variant: the square of 2^-18."""


class _Normalize(torch.autograd.Function):
    """x * n^p with n = beta + x^2 gamma^T, for rows of channels; a third of the memory that autograd would keep."""

    @staticmethod
    def forward(context, x, beta, gamma, inverse):
        energy = torch.addmm(beta, x * x, gamma.t())
        factor = energy.sqrt_() if inverse else energy.rsqrt_()
        context.save_for_backward(x, gamma, factor)
        context.inverse = inverse
        return x * factor

    @staticmethod
    @once_differentiable
    def backward(context, above):
        x, gamma, factor = context.saved_tensors
        # d n^p / d n = p n^(p-1): 1 / (2 sqrt n) or -1 / (2 n sqrt n).
        of_energy = above * x
        if context.inverse:
            of_energy.div_(factor).mul_(0.5)
        else:
            for _ in range(3):
                of_energy.mul_(factor)
            of_energy.mul_(-0.5)
        of_x = torch.mm(of_energy, gamma).mul_(x).mul_(2).addcmul_(above, factor)
        return of_x, of_energy.sum(0), torch.mm(of_energy.t(), x * x), None


def normalize(x, beta, gamma, *, inverse=False):
    """GDN or IGDN of maps with given parameters (the formulas above with s = 1).

    Args:
        x: tensor [N, C, H, W]; fastest in channels-last memory.
        beta: tensor [C], positive. gamma: tensor [C, C], not negative.
        inverse: IGDN, which multiplies.

    Returns:
        Tensor like ``x``, channels last in memory. Differentiable once, in all three arguments.

    Raises:
        ValueError: shapes that do not belong together.

    Example:
        >>> normalize(torch.full((1, 1, 1, 1), 3.0), torch.ones(1), torch.full((1, 1), 7.0)).item()
        0.375
    """
    if x.ndim != 4 or beta.shape != x.shape[1:2] or gamma.shape != (*beta.shape, *beta.shape):
        raise ValueError(
            f"normalize() got x {tuple(x.shape)}, beta {tuple(beta.shape)} and gamma {tuple(gamma.shape)}; expected "
            "[N, C, H, W], [C] and [C, C]"
        )
    count, channels, height, width = x.shape
    rows = x.permute(0, 2, 3, 1).reshape(-1, channels)
    result = _Normalize.apply(rows, beta, gamma, inverse)
    return result.reshape(count, height, width, channels).permute(0, 3, 1, 2)


class GDN(nn.Module):
    """GDN, or IGDN with ``inverse=True``, whose parameters ``project()`` brings back after every step (the paper's way).

    Args:
        channels: C.
        inverse: multiply instead of divide.
        gamma: first value of every entry of gamma.
        scale: tensor [C] of the maps' sizes s, or None for 1.

    Example:
        >>> GDN(128)(torch.rand(1, 128, 4, 4)).shape
        torch.Size([1, 128, 4, 4])
    """

    def __init__(self, channels, *, inverse=False, gamma=SMALLEST, scale=None):
        super().__init__()
        self.inverse = inverse
        self.beta = nn.Parameter(torch.ones(channels))
        self.gamma = nn.Parameter(torch.full((channels, channels), float(gamma)))
        self.register_buffer("scale", torch.ones(channels) if scale is None else scale.clone())

    def forward(self, x):
        """[N, C, H, W] -> the same shape."""
        return normalize(x, self.beta, self.gamma / self.scale.square(), inverse=self.inverse)

    @torch.no_grad()
    def project(self):
        """beta, gamma >= 2e-5, then gamma symmetric; to be called after every step of the optimizer."""
        self.beta.clamp_(min=SMALLEST)
        self.gamma.clamp_(min=SMALLEST)
        self.gamma.copy_((self.gamma + self.gamma.t()) / 2)


class _AtLeast(torch.autograd.Function):
    """max(x, bound), whose gradient passes where x is at or above the bound or a descent step would raise x.

    ``torch.clamp`` passes none below the bound: a parameter that once fell below would never come back.
    """

    @staticmethod
    def forward(context, x, bound):
        context.save_for_backward(x)
        context.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    @once_differentiable
    def backward(context, above):
        (x,) = context.saved_tensors
        return above * ((x >= context.bound) | (above < 0)), None


class ReparametrizedGDN(nn.Module):
    """GDN or IGDN that needs no projection: it learns sqrt(beta + p) and sqrt(gamma + p), p = 2^-36.

    Ballé, "Efficient nonlinear transforms for lossy image compression", 2018, https://arxiv.org/abs/1802.00847;
    equal to CompressAI's ``GDN`` with the same parameters.

    Args:
        channels: C.
        inverse: multiply instead of divide.
        smallest: lower bound of beta; that of gamma is 0.
        gamma: first value on the diagonal of gamma.

    Attributes:
        root_beta, root_gamma: the parameters; CompressAI's ``beta`` and ``gamma``.
    """

    def __init__(self, channels, *, inverse=False, smallest=1e-6, gamma=0.1):
        super().__init__()
        self.inverse, self.smallest = inverse, smallest
        self.root_beta = nn.Parameter((torch.ones(channels) + PEDESTAL).sqrt())
        self.root_gamma = nn.Parameter((gamma * torch.eye(channels) + PEDESTAL).sqrt())

    @property
    def beta(self):
        """beta [C] of the formula."""
        return _AtLeast.apply(self.root_beta, (self.smallest + PEDESTAL) ** 0.5).square() - PEDESTAL

    @property
    def gamma(self):
        """gamma [C, C] of the formula."""
        return _AtLeast.apply(self.root_gamma, PEDESTAL**0.5).square() - PEDESTAL

    def forward(self, x):
        """[N, C, H, W] -> the same shape."""
        return normalize(x, self.beta, self.gamma, inverse=self.inverse)
