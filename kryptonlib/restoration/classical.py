"""Denoisers that nobody trained: total variation, non-local means, and BM3D.

All assume Gaussian noise of one known level; ``stabilisation.stabilised`` brings photon noise to that form.
"""

from numbers import Real

import numpy as np

from kryptonlib.images import check_image


def non_local_means(image, sd, *, strength=0.7):
    """Every pixel becomes a mean of the pixels whose surroundings look like its own.

    Patches of 7x7 pixels, searched up to 10 pixels away; what two patches differ by because of the noise alone is taken
    off their distance.

    Args:
        image: float [H, W] or [H, W, 3]; noise may bring it out of [0, 1].
        sd: standard deviation of the noise, white being 1; > 0.
        strength: the filter's h in noise deviations, > 0. On X-rays 0.6 to 0.8 are within 0.2 dB of the best, on photos
            0.6 (tried on other pictures than the notebooks test on).

    Returns:
        float32, of the same shape.

    Source: Buades, Coll and Morel, 2005; scikit-image's ``denoise_nl_means``, in its fast mode.

    Example:
        >>> non_local_means(np.full((16, 16), 0.5), 0.1).round(3).max()
        np.float32(0.5)
    """
    from skimage.restoration import denoise_nl_means

    image, sd = _checked("non_local_means", image, sd, strength)
    axis = -1 if image.ndim == 3 else None
    return denoise_nl_means(
        image, patch_size=7, patch_distance=10, h=strength * sd, sigma=sd, fast_mode=True, channel_axis=axis
    ).astype(np.float32)


def total_variation(image, sd, *, strength=0.8):
    """The image that trades closeness to the noisy one against the sum of its gradients' lengths.

    Args:
        image, sd: as in :func:`non_local_means`.
        strength: weight of the gradients in noise deviations, > 0: about 0.8 for photos, 1.4 for the smoother X-rays
            (tried on other pictures than the notebooks test on).

    Returns:
        float32, of the same shape.

    Source: Rudin, Osher and Fatemi, 1992; scikit-image's ``denoise_tv_chambolle``.

    Example:
        >>> total_variation(np.full((16, 16), 0.5), 0.1).round(3).max()
        np.float32(0.5)
    """
    from skimage.restoration import denoise_tv_chambolle

    image, sd = _checked("total_variation", image, sd, strength)
    axis = -1 if image.ndim == 3 else None
    # Its usual tolerance of 2e-4 stops far from the minimum where there is much noise.
    found = denoise_tv_chambolle(image, weight=strength * sd, eps=1e-6, max_num_iter=200, channel_axis=axis)
    return found.astype(np.float32)


def bm3d(image, sd):
    """BM3D, our own code of it: similar patches are stacked, transformed and shrunk together; see ``restoration.bm3d``.

    Red, green and blue are denoised each by itself, which the paper's colour version does better.

    Args, returns: as :func:`non_local_means`; at least 33x33 pixels.
    """
    from kryptonlib.restoration.bm3d import bm3d as own

    image, sd = _checked("bm3d", image, sd)
    if image.ndim == 2:
        return own(image, sd)
    return np.stack([own(channel, sd) for channel in np.moveaxis(image, -1, 0)], -1)


def bm3d_package(image, sd):
    """BM3D by the package ``bm3d`` of its authors (tried: 4.0.3), which is no part of this project.

    Its licence (Tampere University) allows use "for informational and having non-commercial scope only", asks that the
    authors are named where results are made public, and forbids to pass copies on over a network. On 256x256 pixels it
    takes about five times as long as ours, and is 0.2 to 0.3 dB better.

    Args, returns: as :func:`non_local_means`.

    Raises:
        ImportError: the package is not installed; the message says how.
    """
    image, sd = _checked("bm3d_package", image, sd)
    try:
        import bm3d as package
    except ImportError as error:
        raise ImportError(
            "bm3d_package needs the package bm3d, for non-commercial use only (read its licence): pip install bm3d"
        ) from error
    function = package.bm3d_rgb if image.ndim == 3 else package.bm3d
    return np.asarray(function(image.astype(np.float64), sd), dtype=np.float32).reshape(image.shape)


METHODS = {
    "total-variation": total_variation,
    "non-local-means": non_local_means,
    "bm3d": bm3d,
    "bm3d-package": bm3d_package,
}


def _checked(name, image, sd, strength=1.0):
    """The image as float32 and the deviation as a float."""
    image = np.asarray(image)
    if not np.issubdtype(image.dtype, np.floating):
        image = check_image(image, name)
    if image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or 0 in image.shape:
        raise ValueError(f"{name}: got shape {image.shape}, expected [H, W] or [H, W, 3]")
    if not np.isfinite(image).all():
        raise ValueError(f"{name}: the image holds NaN or infinite values")
    if isinstance(sd, bool) or not isinstance(sd, (Real, np.number)) or not 0 < sd < np.inf:
        raise ValueError(f"{name}: sd must be a positive number, white being 1, got {sd!r}")
    if isinstance(strength, bool) or not isinstance(strength, (Real, np.number)) or not 0 < strength < np.inf:
        raise ValueError(f"{name}: strength must be a positive number of noise deviations, got {strength!r}")
    if np.abs(image).max() > 10:
        most = np.abs(image).max()
        raise ValueError(f"{name}: values reach {most:.4g}, expected about [0, 1]; divide by white (255)")
    return np.ascontiguousarray(image, dtype=np.float32), float(sd)
