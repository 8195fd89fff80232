"""The losses of blind denoising: of a noise map that a sub-network estimates, and X-BDCNN's mixture with it."""

from numbers import Real

import torch

from kryptonlib.losses.checks import check_pair
from kryptonlib.losses.pointwise import l2
from kryptonlib.losses.ssim import ssim

ALPHA = 0.3
"""Paper 4, section III.A."""
SHARES = {"mse": 0.4, "ssim": 0.6, "asymmetric": 0.5, "tv": 0.05}
"""lambda_1 to lambda_4 of eq. 8: section III.A."""


def asymmetric(estimated, true, *, alpha=ALPHA):
    """Mean of |alpha - beta| (estimated - true)^2, beta = 1 where the noise is under-estimated and 0 elsewhere.

    Under-estimation leaves noise in the image, over-estimation blurs it a little more: so it weighs 1 - alpha against
    alpha, with alpha 0.3 seven thirds as much. The printed eq. 3 sets beta = 1 for *over*-estimation, against the
    sentence above it and against CBDNet, where the loss comes from; we follow the sentence. The printed
    form is ``asymmetric(..., alpha=1 - alpha)``. A mean stands for the printed sum, with which the weights of eq. 8
    would depend on the size of the patches.

    Args:
        estimated, true: noise maps, tensors of one shape, at least 0.
        alpha: in [0, 0.5] for the meaning above; up to 1 is taken.

    Returns:
        A scalar, at least 0.

    Raises:
        TypeError, ValueError: no tensors, two shapes, NaN, or alpha outside [0, 1].

    Source: Yin et al. (paper 4), eq. 3; Guo et al., CBDNet, 2019, eq. 3.

    Example:
        >>> true = torch.tensor([0.10])
        >>> (asymmetric(true - 0.01, true) / asymmetric(true + 0.01, true)).round(decimals=4)
        tensor(2.3333)
    """
    _check_maps("asymmetric", estimated, true)
    if isinstance(alpha, bool) or not isinstance(alpha, Real) or not 0 <= alpha <= 1:
        raise ValueError(f"asymmetric: alpha must lie in [0, 1], got {alpha!r}")
    error = estimated - true
    under = (error < 0).to(error)
    return ((alpha - under).abs() * error.square()).mean()


def total_variation(maps):
    """Mean squared difference of neighbours, over rows plus over columns: 0 for a flat map.

    Args:
        maps: tensor [N, C, H, W], at least 2x2.

    Source: Yin et al. (paper 4), eq. 4, with means for sums.

    Example:
        >>> total_variation(torch.ones(1, 2, 4, 4))
        tensor(0.)
    """
    if not isinstance(maps, torch.Tensor) or maps.ndim != 4 or min(maps.shape[2:]) < 2:
        got = tuple(maps.shape) if isinstance(maps, torch.Tensor) else type(maps).__name__
        raise ValueError(f"total_variation: got {got}, expected a tensor [N, C, H, W] of at least 2x2")
    return maps.diff(dim=2).square().mean() + maps.diff(dim=3).square().mean()


def blind(x, y, maps, true_maps, *, data_range, shares=SHARES, alpha=ALPHA):
    """X-BDCNN's loss: shares of MSE, 1 - SSIM, the asymmetric loss and total variation of the noise maps.

    Args:
        x, y: restored and clean image [N, C, H, W], see :mod:`kryptonlib.losses.checks`.
        maps, true_maps: noise maps [N, M, h, w], or None for a network that estimates none: the two terms are 0.
        data_range: of x and y, 1.0 or 255.
        shares: the four lambdas by name, as ``SHARES``; a share of 0 leaves its term out.
        alpha: of :func:`asymmetric`.

    Returns:
        (loss, parts): a scalar, and a dict of the four terms (without their shares) as scalars.

    Source: Yin et al. (paper 4), eq. 8, with means for sums throughout.

    Example:
        >>> y = torch.rand(1, 1, 16, 16)
        >>> level = torch.full((1, 2, 16, 16), 0.05)
        >>> blind(y, y, level, level, data_range=1.0)[0] < 1e-6
        tensor(True)
    """
    unknown = set(shares) ^ set(SHARES)
    if unknown:
        raise ValueError(f"blind: shares must name {', '.join(SHARES)}; wrong or missing: {', '.join(sorted(unknown))}")
    check_pair("blind", x, y, data_range)
    nothing = x.new_zeros(())
    parts = {
        "mse": l2(x, y, data_range=data_range),
        "ssim": 1 - ssim(x, y, data_range=data_range) if shares["ssim"] else nothing,
        "asymmetric": nothing if maps is None else asymmetric(maps, true_maps, alpha=alpha),
        "tv": nothing if maps is None else total_variation(maps),
    }
    return sum(shares[name] * part for name, part in parts.items()), parts


def _check_maps(name, estimated, true):
    for what, maps in (("estimated", estimated), ("true", true)):
        if not isinstance(maps, torch.Tensor) or not maps.is_floating_point():
            raise TypeError(f"{name}: {what} must be a floating-point tensor, got {type(maps).__name__}")
        if not torch.isfinite(maps.detach()).all():
            raise ValueError(f"{name}: {what} holds NaN or infinite values")
    if estimated.shape != true.shape or not estimated.numel():
        raise ValueError(f"{name}: the maps differ in shape, {tuple(estimated.shape)} and {tuple(true.shape)}")
