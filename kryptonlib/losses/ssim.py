"""Structural similarity (SSIM): means, contrasts and structure compared in small windows."""

import torch

from kryptonlib.gaussian import gaussian_kernel
from kryptonlib.losses.checks import check_pair, reduced
from kryptonlib.losses.filters import separable

K1, K2 = 0.01, 0.03
SIGMA = 1.5
"""Standard deviation of the Gaussian window in pixels."""
SIDES = {"gaussian": 11, "uniform": 7}


def ssim(x, y, *, data_range, window="gaussian", reduction="mean"):
    """Structural similarity of two images, mean over all windows that lie in the image, and over the channels.

        (2 m_x m_y + C1) (2 s_xy + C2) / ((m_x^2 + m_y^2 + C1) (s_x^2 + s_y^2 + C2)),

    with C1 = (0.01 L)^2, C2 = (0.03 L)^2, L the data range, and means m, variances s^2 and covariance s_xy in a window
    around each pixel. Conventions differ, and one pair of images gets as many answers; these two are meant by most:

    - ``window="gaussian"``: 11x11, sigma 1.5, variances over the window's weights: Wang's own, the thesis's, and
      pytorch-msssim's; scikit-image's with ``gaussian_weights=True, use_sample_covariance=False``.
    - ``window="uniform"``: 7x7, variances over n - 1: scikit-image's default and fastMRI's.

    Args:
        x, y: image and reference [N, C, H, W], at least as large as the window, see :mod:`kryptonlib.losses.checks`.
        data_range: largest minus smallest possible value, 1.0 or 255; never guessed, because the constants hang on it.
        window: "gaussian" or "uniform".
        reduction: "mean" over the images, or "none" for a value each [N].

    Returns:
        A scalar, or [N], in [-1, 1]; higher is better. As a loss take ``1 - ssim``.

    Raises:
        ValueError, TypeError: see :func:`kryptonlib.losses.checks.check_pair`; an unknown window.

    Source: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment", 2004; thesis (paper 5), eq. 2.7-2.8.

    Example:
        >>> y = torch.linspace(0, 1, 256).view(1, 1, 16, 16)
        >>> f"{ssim(y, y, data_range=1.0):.3f} {ssim(1 - y, y, data_range=1.0):.3f}"
        '1.000 -0.826'
    """
    return reduced(ssim_map(x, y, data_range=data_range, window=window).mean((1, 2, 3)), reduction)


def ssim_map(x, y, *, data_range, window="gaussian"):
    """SSIM of every window that lies in the image: [N, C, H - side + 1, W - side + 1], side 11 or 7.

    Args, raises: as :func:`ssim`.
    """
    if window not in SIDES:
        raise ValueError(f"ssim: window must be one of {', '.join(SIDES)}, got {window!r}")
    check_pair("ssim", x, y, data_range, smallest=SIDES[window])
    luminance, contrast = terms(x + y, x - y, data_range, window)
    return luminance * contrast


def terms(total, difference, data_range, window="gaussian"):
    """The two factors of SSIM per window, from the sum and the difference of the images.

    With s = x + y and d = x - y: 4 m_x m_y = m_s^2 - m_d^2, 2 (m_x^2 + m_y^2) = m_s^2 + m_d^2, and the same holds for
    covariance and variances. So four blurs are enough where x, y, x^2, y^2 and xy need five, and near equality the
    small difference is squared by itself instead of arising from large numbers. s is squared about its middle, the data
    range, which costs fewer digits of the variance.

    Args:
        total, difference: x + y and x - y, [N, C, H, W].
        data_range: of x and y.
        window: as in :func:`ssim`.

    Returns:
        (luminance, contrast and structure), each [N, C, H - side + 1, W - side + 1].
    """
    taps = _taps(window)
    centred = total - data_range
    maps = torch.stack([centred, difference, centred.square(), difference.square()])
    mean_s, mean_d, square_s, square_d = separable(maps, taps, taps)
    unbias = 1.0 if window == "gaussian" else len(taps) ** 2 / (len(taps) ** 2 - 1)
    variance_s, variance_d = unbias * (square_s - mean_s.square()), unbias * (square_d - mean_d.square())
    mean_s, mean_d = (mean_s + data_range).square(), mean_d.square()
    c1, c2 = (2 * (k * data_range) ** 2 for k in (K1, K2))
    luminance = (mean_s - mean_d + c1) / (mean_s + mean_d + c1)
    return luminance, (variance_s - variance_d + c2) / (variance_s + variance_d + c2)


def _taps(window):
    side = SIDES[window]
    if window == "uniform":
        return [1 / side] * side
    return gaussian_kernel(SIGMA, reach=side // 2).tolist()
