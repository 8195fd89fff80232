"""The Gaussian: its kernel, and the blur of an image or of a batch."""

import math

import numpy as np
import torch
from torch.nn import functional

BORDERS = ("replicate", "reflect", "valid")


def gaussian_kernel(sigma, reach=None):
    """Samples of a Gaussian that sum to 1: float64 [2 reach + 1].

    Args:
        sigma: standard deviation in pixels, > 0.
        reach: pixels on each side of the centre; None takes 3 sigma, rounded.

    Example:
        >>> gaussian_kernel(1.0, reach=1).round(3)
        array([0.274, 0.452, 0.274])
    """
    if not (isinstance(sigma, (int, float, np.number)) and math.isfinite(sigma) and sigma > 0):
        raise ValueError(f"sigma must be a positive number of pixels, got {sigma!r}")
    reach = int(3 * sigma + 0.5) if reach is None else reach
    if not isinstance(reach, (int, np.integer)) or isinstance(reach, bool) or reach < 0:
        raise ValueError(f"reach must be a whole number of at least 0, got {reach!r}")
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return weights / weights.sum()


def gaussian_blur(image, sigma, *, reach=None, border="replicate"):
    """Convolution with a Gaussian, rows and columns one after the other.

    Args:
        image: a floating-point array [H, W] or [H, W, C], or tensor [..., H, W].
        sigma, reach: as in ``gaussian_kernel``.
        border: what lies beyond: "replicate" repeats the edge pixel, "reflect" mirrors about it, "valid" leaves away
            the places that would need it, so that the result is smaller by 2 reach in each direction.

    Raises:
        ValueError: an unknown border, or an image too small for the kernel with "reflect" or "valid".
    """
    if border not in BORDERS:
        raise ValueError(f"border must be one of {', '.join(BORDERS)}, got {border!r}")
    if not isinstance(image, torch.Tensor):
        array = np.asarray(image)
        if not np.issubdtype(array.dtype, np.floating) or array.ndim not in (2, 3):
            raise ValueError(f"image: got {array.dtype} {array.shape}, expected floats [H, W] or [H, W, C]")
        planes = torch.from_numpy(np.ascontiguousarray(array if array.ndim == 2 else np.moveaxis(array, -1, 0)))
        blurred = gaussian_blur(planes, sigma, reach=reach, border=border).numpy()
        return blurred if array.ndim == 2 else np.ascontiguousarray(np.moveaxis(blurred, 0, -1))
    weights = torch.from_numpy(gaussian_kernel(sigma, reach)).to(image)
    reach = len(weights) // 2
    height, width = image.shape[-2:]
    least = {"replicate": 1, "reflect": reach + 1, "valid": 2 * reach + 1}[border]
    if min(height, width) < least:
        raise ValueError(f"border={border!r} with reach {reach} needs {least}x{least} pixels, got {height}x{width}")
    planes = image.reshape(-1, 1, height, width)
    if border != "valid":
        planes = functional.pad(planes, (reach,) * 4, mode=border)
    planes = functional.conv2d(planes, weights.reshape(1, 1, -1, 1))
    planes = functional.conv2d(planes, weights.reshape(1, 1, 1, -1))
    return planes.reshape(*image.shape[:-2], *planes.shape[-2:])
