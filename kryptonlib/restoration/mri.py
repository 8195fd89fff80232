"""MR images from too few columns of k-space: what is measured, what it gives, and how good a restoration is.

Not for diagnosis. Images are float arrays [H, W] or volumes [slices, H, W] in [0, 1].
"""

import numpy as np
import torch

from kryptonlib import losses
from kryptonlib.restoration.kspace import checked, to_image, to_kspace


def undersample(image, mask):
    """The k-space of images with the columns that are not measured set to 0: complex [..., H, W].

    Args:
        image: [..., H, W], or [coils, H, W] complex ones.
        mask: bool [W] of :func:`kryptonlib.restoration.masks.column_mask`.

    Raises:
        ValueError: a mask that is not bool [W].
    """
    return to_kspace(image) * checked_mask(mask, np.shape(image))


def zero_filled(image, mask):
    """The magnitude image of what was measured, with 0 for the rest: the input of every method. float32 [..., H, W].

    The image is smeared along its rows: leaving out columns of k-space convolves each row with the mask's transform.

    Example:
        >>> picture = np.eye(8)
        >>> bool(np.allclose(zero_filled(picture, np.ones(8, bool)), picture, atol=1e-6))
        True
    """
    return abs(to_image(undersample(image, mask))).astype(np.float32)


def data_consistent(image, measured, mask):
    """An image whose k-space has the measured columns as they were measured, and the others from ``image``.

    Args:
        image: a restoration [..., H, W], real.
        measured: k-space [..., H, W] of :func:`undersample`.
        mask: bool [W].

    Returns:
        The real part, float32 [..., H, W]: the images here are real, and so the part that is not real is an error.

    Raises:
        ValueError: a mask that is not bool [W], shapes that differ.
    """
    image = checked(image, "data_consistent")
    if np.shape(measured) != image.shape:
        raise ValueError(f"data_consistent: the image is {image.shape}, the measured k-space {np.shape(measured)}")
    mask = checked_mask(mask, image.shape)
    return to_image(np.where(mask, measured, to_kspace(image))).real.astype(np.float32)


def checked_mask(mask, shape):
    """The mask as bool [W], if it fits an array of this shape."""
    mask = np.asarray(mask)
    if mask.dtype != np.bool_ or mask.shape != tuple(shape[-1:]):
        raise ValueError(
            f"the mask is {mask.dtype} {mask.shape}, expected bool ({shape[-1] if shape else 0},): one value a column "
            "of k-space, as column_mask() makes it"
        )
    return mask


def volume_metrics(test, reference):
    """fastMRI's three metrics, each over a whole volume: {"nmse", "psnr", "ssim"}.

    NMSE and PSNR add up the squared errors of all slices first; PSNR and SSIM take the volume's largest value as the
    data range; SSIM (7 x 7 uniform windows) is a mean over the slices. A slice-wise mean of PSNR is another number.

    Args:
        test, reference: [slices, H, W], not negative.

    Raises:
        ValueError: shapes that differ or are no volume, a reference that is 0 everywhere.

    Source: fastMRI's evaluate.py; Zbontar et al. 2018, section 5.1.

    Example:
        >>> y = np.random.default_rng(0).random((2, 16, 16))
        >>> {name: round(value, 3) for name, value in volume_metrics(0.9 * y, y).items()}["nmse"]
        0.01
    """
    test, reference = (np.asarray(volume, np.float64) for volume in (test, reference))
    if test.shape != reference.shape or test.ndim != 3:
        raise ValueError(
            f"volume_metrics: got shapes {test.shape} and {reference.shape}, expected one shape [slices, H, W]"
        )
    largest = float(checked(reference, "volume_metrics").max())
    if not largest > 0:
        raise ValueError("volume_metrics: the reference is 0 everywhere, and the errors cannot be normalised by it")
    # Slices are the channels of one image: sums then run over the volume.
    x, y = (torch.from_numpy(volume)[None] for volume in (test, reference))
    return {
        "nmse": float(losses.nmse(x, y)),
        "psnr": float(losses.psnr(x, y, data_range=largest)),
        "ssim": float(losses.ssim(x, y, data_range=largest, window="uniform")),
    }
