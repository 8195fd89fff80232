"""Denoisers that were not trained: non-local means, and BM3D where its package is installed."""

from numbers import Real

import numpy as np

from kryptonlib.restoration.restore import check_noisy


def non_local_means(image, sigma, *, strength=0.6, patch=5, distance=6):
    """Non-local means: each pixel becomes a mean of pixels whose surroundings look like its own.

    Args:
        image: noisy image, float [H, W] or [H, W, 3], the clean one's values in [0, 1].
        sigma: deviation of the noise in parts of the range, above 0.
        strength: h / sigma, where exp(-d^2 / h^2) is the weight of a patch at distance d.
        patch: side of the patches in pixels. distance: how far patches are searched, in pixels.

    Returns:
        float32 of the same shape, clipped to [0, 1].

    Raises:
        ValueError, TypeError: no image, or settings that cannot be.

    Source: Buades, Coll and Morel, "A non-local algorithm for image denoising", 2005; scikit-image's fast mode.

    Example:
        >>> non_local_means(np.full((16, 16), 0.5), 0.1).shape
        (16, 16)
    """
    from skimage.restoration import denoise_nl_means

    image = check_noisy(image)
    _check_positive("non_local_means", sigma=sigma, strength=strength, patch=patch, distance=distance)
    settings = {"patch_size": patch, "patch_distance": distance, "h": strength * sigma, "sigma": sigma}
    restored = denoise_nl_means(image, fast_mode=True, channel_axis=-1 if image.ndim == 3 else None, **settings)
    return np.clip(restored, 0, 1).astype(np.float32)


def bm3d(image, sigma):
    """BM3D: similar patches are stacked, transformed together and shrunk.

    The package ``bm3d`` is no part of the course: its licence allows informational use with a non-commercial scope only,
    and no copy on any network computer without its owner's consent.

    Args, returns: as :func:`non_local_means`.

    Raises:
        ImportError: the package is not installed; the message says how.

    Source: Dabov, Foi, Katkovnik and Egiazarian, "Image denoising by sparse 3-D transform-domain collaborative filtering",
    2007; Mäkinen, Azzari and Foi, 2020.
    """
    try:
        import bm3d as package
    except ImportError:
        raise ImportError("bm3d() needs the package bm3d (non-commercial use only): pip install bm3d") from None
    image = check_noisy(image)
    _check_positive("bm3d", sigma=sigma)
    restored = package.bm3d_rgb(image, sigma) if image.ndim == 3 else package.bm3d(image, sigma)
    return np.clip(restored, 0, 1).astype(np.float32)


def _check_positive(function, **values):
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not value > 0:
            raise ValueError(f"{function}: {name} must be a number above 0, got {value!r}")
