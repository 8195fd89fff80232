"""Sums of two losses that make up for each other's faults: LPIPS + w l2, and l1 + MS-SSIM."""

from numbers import Real

from kryptonlib.losses.lpips import lpips
from kryptonlib.losses.ms_ssim import ms_ssim
from kryptonlib.losses.pointwise import l1, l2

MS_SSIM_SHARE = 0.84
"""Zhao et al.'s share of MS-SSIM."""


def lpips_l2(x, y, *, weight=1.0, net="alex", reduction="mean"):
    """LPIPS + weight * l2, the thesis's remedy for the grid that LPIPS leaves by itself.

    The thesis does not print its weight. Near a photo LPIPS is some 0.1 and l2 some 0.001, so that a weight of 1 hardly
    counts.

    Args:
        x, y: image and reference [N, 3, H, W] in [0, 1].
        weight: of l2, at least 0.
        net: LPIPS's network, "alex" or "vgg".
        reduction: "mean" over the images, or "none" for a value each [N].

    Returns:
        A scalar, or [N]; at least 0, lower is better.

    Raises:
        ValueError, TypeError: as :func:`kryptonlib.losses.lpips`; a negative weight.

    Source: thesis (paper 5), end of section 2.4.4.

    Example:
        >>> lpips_l2(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64), weight=20.0)  # doctest: +SKIP
    """
    _check("lpips_l2", "weight", weight, float("inf"))
    return lpips(x, y, net=net, reduction=reduction) + weight * l2(x, y, data_range=1.0, reduction=reduction)


def l1_ms_ssim(x, y, *, data_range, share=MS_SSIM_SHARE, scales=5, reduction="mean"):
    """share * (1 - MS-SSIM) + (1 - share) * l1: structure from the one, colours and brightness from the other.

    Zhao et al. take MS-SSIM from five Gaussian windows on the full image instead of halved images, and blur |x - y|
    with the widest of them, which leaves its mean as it is but for the border. This is their mixture of the usual
    MS-SSIM.

    Args:
        x, y: image and reference [N, C, H, W].
        data_range: 1.0 or 255.
        share: of MS-SSIM, in [0, 1].
        scales: of MS-SSIM, see :func:`kryptonlib.losses.ms_ssim`.
        reduction: "mean" over the images, or "none" for a value each [N].

    Returns:
        A scalar, or [N]; at least 0, lower is better.

    Raises:
        ValueError, TypeError: as :func:`kryptonlib.losses.ms_ssim`; a share outside of [0, 1].

    Source: Zhao, Gallo, Frosio and Kautz, "Loss Functions for Image Restoration with Neural Networks", 2017, section
    III.D; thesis (paper 5), section 1.2.

    Example:
        >>> import torch
        >>> y = torch.rand(1, 3, 176, 176)
        >>> f"{l1_ms_ssim(y, y, data_range=1.0):.3f}"
        '0.000'
    """
    _check("l1_ms_ssim", "share", share, 1.0)
    structure = 1 - ms_ssim(x, y, data_range=data_range, scales=scales, reduction=reduction)
    return share * structure + (1 - share) * l1(x, y, data_range=data_range, reduction=reduction)


def _check(function, name, value, highest):
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{function}: {name} must be a number, got {value!r}")
    if not 0 <= value <= highest:
        raise ValueError(f"{function}: {name} must lie in [0, {highest:g}], got {value!r}")
