"""Multi-scale SSIM: contrast and structure at five resolutions, luminance at the coarsest."""

import torch
import torch.nn.functional as F

from kryptonlib.losses.checks import check_pair, reduced
from kryptonlib.losses.ssim import SIDES, terms

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first; they add up to 1 (to 1e-4)."""
FLOOR = 1e-4
"""Least value of a scale's term. A negative one has no real power, and the slope of the power explodes towards 0."""


def ms_ssim(x, y, *, data_range, scales=5, reduction="mean"):
    """Multi-scale structural similarity.

        MS-SSIM = SSIM_M^w_M * prod_{j < M} CS_j^w_j

    with SSIM_M the mean SSIM at the coarsest scale, CS_j the mean of SSIM's contrast-and-structure term at scale j, and
    each scale the 2x2 mean of the one before. Terms below 1e-4 count as 1e-4; there the gradient still passes where a
    step would raise the term, so that a network is not stuck at an anti-correlated output.

    Args:
        x, y: image and reference [N, C, H, W], see :mod:`kryptonlib.losses.checks`; more than 10 * 2^(scales - 1)
            pixels a side: 161 for five scales.
        data_range: largest minus smallest possible value, 1.0 or 255.
        scales: 1 to 5; with fewer than 5 the first weights are used, scaled to the sum of all five.
        reduction: "mean" over the images, or "none" for a value each [N].

    Returns:
        A scalar, or [N], in (0, 1]; higher is better. As a loss take ``1 - ms_ssim``.

    Raises:
        ValueError: too small an image for the scales; and as :func:`kryptonlib.losses.checks.check_pair`.

    Source: Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment", 2003; thesis
    (paper 5), eq. 2.9. A side that is odd is mirrored by one pixel before it is halved, as in Wang's code
    (pytorch-msssim pads zeros).

    Example:
        >>> y = torch.rand(1, 3, 176, 176)
        >>> f"{ms_ssim(y, y, data_range=1.0):.3f}"
        '1.000'
    """
    if isinstance(scales, bool) or not isinstance(scales, int):
        raise TypeError(f"ms_ssim: scales must be a whole number from 1 to {len(WEIGHTS)}, got {scales!r}")
    if not 1 <= scales <= len(WEIGHTS):
        raise ValueError(f"ms_ssim: scales must lie in 1 to {len(WEIGHTS)}, got {scales}")
    smallest = (SIDES["gaussian"] - 1) * 2 ** (scales - 1) + 1
    if isinstance(x, torch.Tensor) and x.ndim == 4 and min(x.shape[-2:]) < smallest:
        fits = [fewer for fewer in range(1, scales) if min(x.shape[-2:]) > 10 * 2 ** (fewer - 1)]
        hint = f"; scales={fits[-1]} fits it" if fits else ""
        raise ValueError(
            f"ms_ssim: {scales} scales need images of at least {smallest}x{smallest} pixels, got {tuple(x.shape[-2:])}"
            + hint
        )
    check_pair("ms_ssim", x, y, data_range)
    total, difference = x + y, x - y
    product = 1.0
    for scale in range(scales):
        if scale:
            total, difference = _halved(total), _halved(difference)
        luminance, contrast = terms(total, difference, data_range)
        term = (luminance * contrast if scale == scales - 1 else contrast).mean((2, 3))
        weight = WEIGHTS[scale] * sum(WEIGHTS) / sum(WEIGHTS[:scales])
        product = product * _Floor.apply(term) ** weight
    return reduced(product.mean(1), reduction)


def _halved(image):
    """Means of 2x2 pixels; an odd side is mirrored by one pixel first."""
    rows, columns = image.shape[-2:]
    if rows % 2 or columns % 2:
        image = F.pad(image, (0, columns % 2, 0, rows % 2), mode="replicate")
    return F.avg_pool2d(image, 2)


class _Floor(torch.autograd.Function):
    """max(term, FLOOR), whose gradient also passes below the floor if a step against it would raise the term."""

    @staticmethod
    def forward(ctx, term):
        ctx.save_for_backward(term)
        return term.clamp(min=FLOOR)

    @staticmethod
    def backward(ctx, gradient):
        (term,) = ctx.saved_tensors
        return gradient * ((term >= FLOOR) | (gradient < 0))
