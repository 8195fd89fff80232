"""Estimate eta and sigma of hybrid noise from one image: the variance of its finest detail against its mean.

Signal-dependent noise makes bright places rougher than dark ones. In

    var(f | g) = g / eta + sigma^2

the slope over the grey level tells the photons per grey level, and the intercept the electronic noise. This is the
classical rival of X-BDCNN's sub-network.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from kryptonlib.gaussian import gaussian_blur
from kryptonlib.restoration.noise import WHITE

BINS = 24
"""Grey levels are sorted into so many bins of equally many pixels."""
QUIET = 0.6
"""Share of each bin that is used: the pixels with the least slope around them."""
SMALLEST = 32
"""Least height and width of an image."""
DEVIATION = 0.6744897501960817
"""Median of |x| of a standard normal variable."""


class Level(NamedTuple):
    """What was estimated: photons per grey level (inf without photon noise), grey levels, and the points fitted."""

    eta: float
    sigma: float
    means: np.ndarray
    variances: np.ndarray


def estimate(noisy):
    """Estimate the noise of one image; nothing else of it is known.

    A mask that gives 0 on every plane is laid over the image; what is left is noise, and texture and edges, of which
    the steeper two fifths of each grey level are left out. In each of 24 bins of the local mean the variance of
    the rest is taken from the median of its size, which outliers hardly move, and a line is laid through the
    variances, each weighed by its own uncertainty. Bins that clipping reaches are left out.

    Neighbouring pixels must have independent noise: of blurred noise (a resampled image, a JPEG) too little is found.

    Args:
        noisy: [H, W], grey levels in [0, 255], at least 32x32; for an image in [0, 1] give 255 times it.

    Returns:
        :class:`Level`; eta is inf where the variance does not rise with the mean.

    Raises:
        TypeError, ValueError: another shape or size, no numbers, values outside [0, 255].

    Source: the mask is that of Immerkaer, "Fast noise variance estimation", 1996; the fit follows the idea of Foi,
    Trimeche, Katkovnik and Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting", 2008.

    Example:
        >>> ramp = np.tile(np.linspace(20, 230, 256), (256, 1))
        >>> found = estimate(noise.hybrid(ramp, 0.5, 10.0, seed=0))
        >>> abs(found.eta - 0.5) < 0.05, abs(found.sigma - 10) < 1
        (True, True)
    """
    image = _checked(noisy)
    mask = torch.tensor([1.0, -2.0, 1.0], dtype=torch.float64)
    planes = torch.from_numpy(image)[None, None]
    # 36 is the sum of the squared mask, so that white noise keeps its variance.
    detail = functional.conv2d(planes, (mask[:, None] * mask)[None, None])[0, 0].numpy() / 6
    smooth = gaussian_blur(image, 2.0)
    slope = np.hypot(*np.gradient(smooth))[1:-1, 1:-1].ravel()
    means, detail = smooth[1:-1, 1:-1].ravel(), detail.ravel()
    centres, variances, counts = _bins(means, detail, slope)
    # Noise that is cut off at black or white has lost variance.
    inside = (centres - 2 * np.sqrt(variances) > 0) & (centres + 2 * np.sqrt(variances) < WHITE)
    if inside.sum() >= 2:
        centres, variances, counts = centres[inside], variances[inside], counts[inside]
    slope, intercept = _line(centres, variances, counts)
    eta = 1 / slope if slope > 1e-6 else np.inf
    return Level(float(eta), float(np.sqrt(intercept)), centres, variances)


def _bins(means, detail, slope):
    """Mean, robust variance and number of pixels of each bin."""
    order = np.argsort(means, kind="stable")
    rows = []
    for places in np.array_split(order, BINS):
        quiet = places[slope[places] <= np.quantile(slope[places], QUIET)]
        deviation = np.median(np.abs(detail[quiet])) / DEVIATION
        rows.append((means[quiet].mean(), deviation**2, len(quiet)))
    return np.array(rows).T


def _line(x, y, counts):
    """(slope, intercept), both at least 0, of the line through variances whose uncertainty grows with them."""
    slope, intercept = 0.0, float(np.average(y, weights=counts))
    for _ in range(20):
        expected = np.maximum(slope * x + intercept, 1e-6)
        weights = counts / expected**2
        mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
        spread = np.average((x - mean_x) ** 2, weights=weights)
        slope = np.average((x - mean_x) * (y - mean_y), weights=weights) / spread if spread > 1e-9 else 0.0
        intercept = mean_y - slope * mean_x
        if slope < 0:
            slope, intercept = 0.0, mean_y
        elif intercept < 0:
            # No electronic noise: a line through the origin.
            slope, intercept = np.average(x * y, weights=weights) / np.average(x * x, weights=weights), 0.0
    return max(slope, 0.0), max(intercept, 0.0)


def _checked(noisy):
    if isinstance(noisy, torch.Tensor):
        raise TypeError("noisy: got a tensor, expected an array [H, W]; images.from_tensor makes one")
    image = np.asarray(noisy)
    if image.dtype == bool or not (np.issubdtype(image.dtype, np.number) and np.isrealobj(image)):
        raise TypeError(f"noisy: got {image.dtype}, expected grey levels in [0, 255]")
    if image.ndim != 2 or min(image.shape) < SMALLEST:
        raise ValueError(f"noisy: got shape {image.shape}, expected one grey image [H, W] of at least 32x32 pixels")
    image = image.astype(np.float64)
    if not np.isfinite(image).all():
        raise ValueError("noisy: it holds NaN or infinite values")
    if image.min() < 0 or image.max() > WHITE:
        raise ValueError(f"noisy: values run from {image.min():.4g} to {image.max():.4g}, expected [0, 255]; clip them")
    if 0 < image.max() <= 1:
        raise ValueError("noisy: values lie in [0, 1]; give grey levels in [0, 255], 255 times them")
    return image
