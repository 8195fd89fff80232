"""Losses that compare pixel by pixel: l1, l2, PSNR and NMSE.

They see how far each pixel is off and nothing of where: any rearrangement of the errors over the image scores the same.
"""

import torch

from kryptonlib.losses.checks import check_pair, reduced


def l1(x, y, *, data_range, reduction="mean"):
    """Mean absolute difference in parts of the data range.

    Args:
        x, y: image and reference [N, C, H, W], see :mod:`kryptonlib.losses.checks`.
        data_range: largest minus smallest possible value, 1.0 or 255.
        reduction: "mean" over the images, or "none" for a value each [N].

    Returns:
        A scalar, or [N]; at least 0, lower is better. Equal images have gradient 0.

    Raises:
        ValueError, TypeError: see :func:`kryptonlib.losses.checks.check_pair`.

    Source: thesis (paper 5), section 2.4.1.

    Example:
        >>> l1(torch.full((1, 3, 4, 4), 0.5), torch.zeros(1, 3, 4, 4), data_range=1.0)
        tensor(0.5000)
    """
    return reduced(l1_map(x, y, data_range=data_range).mean((1, 2, 3)), reduction)


def l1_map(x, y, *, data_range):
    """Absolute difference per pixel, mean over the channels, in parts of the data range: [N, 1, H, W]."""
    check_pair("l1", x, y, data_range)
    return (x - y).abs().mean(1, keepdim=True) / data_range


def l2(x, y, *, data_range, reduction="mean"):
    """Mean squared difference (MSE) in parts of the squared data range; no root is taken.

    Args, returns, raises: as :func:`l1`.

    Source: thesis (paper 5), eq. 2.5.

    Example:
        >>> l2(torch.full((1, 3, 4, 4), 127.5), torch.zeros(1, 3, 4, 4), data_range=255)
        tensor(0.2500)
    """
    return reduced(l2_map(x, y, data_range=data_range).mean((1, 2, 3)), reduction)


def l2_map(x, y, *, data_range):
    """Squared difference per pixel, mean over the channels, in parts of the squared data range: [N, 1, H, W]."""
    check_pair("l2", x, y, data_range)
    return ((x - y) / data_range).square().mean(1, keepdim=True)


def psnr(x, y, *, data_range, reduction="mean"):
    """Peak signal-to-noise ratio in dB: 10 log10(data_range^2 / MSE).

    A mean over images is the mean of their PSNRs, not the PSNR of their mean error.

    Args, raises: as :func:`l1`.

    Returns:
        A scalar, or [N]; higher is better, infinite for equal images, whose gradient is 0. As a loss take ``-psnr``.

    Source: thesis (paper 5), eq. 2.6.

    Example:
        >>> psnr(torch.full((1, 3, 4, 4), 0.1), torch.zeros(1, 3, 4, 4), data_range=1.0)
        tensor(20.)
    """
    error = l2(x, y, data_range=data_range, reduction="none")
    equal = error == 0
    # The logarithm is taken of a 1 where the error is 0, so that its slope there is no 1 / 0.
    value = -10 * torch.log10(torch.where(equal, torch.ones_like(error), error))
    return reduced(torch.where(equal, torch.full_like(error, torch.inf), value), reduction)


def nmse(x, y, *, reduction="mean"):
    """Normalised mean squared error ||x - y||^2 / ||y||^2, which needs no data range.

    fastMRI takes it over the volume of a patient: put the volume's slices into the channels of one image, and the sums
    run over all of them.

    Args:
        x, y: image and reference [N, C, H, W], of any range; not symmetric.
        reduction: as in :func:`l1`.

    Returns:
        A scalar, or [N]; at least 0, lower is better, 1 for a black x.

    Raises:
        ValueError: a reference that is 0 everywhere; and as :func:`kryptonlib.losses.checks.check_pair`.

    Source: Zbontar et al., "fastMRI: An Open Dataset and Benchmarks for Accelerated MRI", 2018, eq. 7.

    Example:
        >>> nmse(torch.full((1, 1, 4, 4), 0.9), torch.ones(1, 1, 4, 4))
        tensor(0.0100)
    """
    check_pair("nmse", x, y, None)
    energy = y.square().sum((1, 2, 3))
    if not bool((energy > 0).all()):
        raise ValueError("nmse: a reference y is 0 everywhere, and the error cannot be normalised by it; take l2")
    return reduced((x - y).square().sum((1, 2, 3)) / energy, reduction)
