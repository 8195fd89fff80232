"""k-space: the spatial frequencies that an MR scanner measures, and what of them a stored image still holds.

A scanner measures the Fourier transform of the magnetisation, a row of frequencies after the other. Our k-space is
*simulated*: the transform of a magnitude image, whose phase and noise are gone. Arrays are [..., H, W], the frequency 0
lies at [H // 2, W // 2], and the transform keeps lengths (it is orthonormal), as in fastMRI.
"""

import numpy as np

FAINTEST = 0.15
"""A frequency counts as measured where the mean magnitude is at least so much of that at 0.35 of the highest one."""
_AXES = (-2, -1)


def to_kspace(image):
    """k-space of images: complex [..., H, W], centred and orthonormal.

    Args:
        image: real or complex [..., H, W].

    Raises:
        ValueError: fewer than two axes, an empty array, NaN or infinite values.

    Source: fastMRI's convention, Zbontar et al. 2018; paper 5, section 4.2.

    Example:
        >>> k = to_kspace(np.ones((4, 6)))
        >>> np.argwhere(abs(k) > 1e-9).tolist(), abs(k).max().round(3)
        ([[2, 3]], np.float64(4.899))
    """
    image = checked(image, "to_kspace")
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image, _AXES), norm="ortho"), _AXES)


def to_image(kspace):
    """The complex image [..., H, W] of a k-space; the inverse of :func:`to_kspace`. To look at it, take its ``abs``."""
    kspace = checked(kspace, "to_image")
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(kspace, _AXES), norm="ortho"), _AXES)


def center_crop(array, size):
    """The middle of the last two axes, [..., size[0], size[1]]: fastMRI's images are the middle 320 x 320.

    Raises:
        ValueError: a size that is larger than the array, or below 1.

    Example:
        >>> center_crop(np.arange(16).reshape(4, 4), (2, 2)).tolist()
        [[5, 6], [9, 10]]
    """
    array = np.asarray(array)
    height, width = size
    if array.ndim < 2 or not (1 <= height <= array.shape[-2] and 1 <= width <= array.shape[-1]):
        raise ValueError(f"center_crop: got size {tuple(size)}; expected at most that of the array, {array.shape}")
    top, left = (array.shape[-2] - height) // 2, (array.shape[-1] - width) // 2
    return array[..., top : top + height, left : left + width]


def measured_share(volume):
    """How much of k-space the images hold: the share of the smaller axis, in (0, 1].

    Scanners often measure fewer lines than the image has and interpolate. The outer lines of such an image's transform
    are nearly empty, and leaving out what is empty would cost nothing: a mask on it flatters every method.

    Args:
        volume: magnitude images [slices, H, W] or one [H, W]; the middle half of the slices is looked at.

    Returns:
        The largest share s for which the lines up to s times the highest frequency are not empty (``FAINTEST``), of the
        axis that has less.

    Example:
        >>> sharp = np.random.default_rng(0).random((256, 256))
        >>> smooth = abs(to_image(np.pad(center_crop(to_kspace(sharp), (192, 192)), 32)))
        >>> measured_share(sharp), round(measured_share(smooth), 2)
        (1.0, 0.77)
    """
    volume = checked(volume, "measured_share")
    if volume.ndim == 3:
        quarter = len(volume) // 4
        volume = volume[quarter : max(len(volume) - quarter, quarter + 1)]
    strength = abs(to_kspace(volume)).reshape(-1, *volume.shape[-2:]).mean(0)
    return min(_filled(strength.mean(axis)) for axis in (0, 1))


def _filled(profile):
    """Share of a centred profile [N] up to which it is not empty; means over both sides and five lines."""
    middle = len(profile) // 2
    right, left = profile[middle:], profile[middle::-1]
    both = [one + other for one, other in zip(right, left)]
    smooth = np.convolve(np.pad(both, 2, mode="edge"), np.full(5, 0.2), "valid")
    # The lowest frequencies are never empty; the level is compared beyond them.
    begin = len(smooth) // 3
    empty = smooth[begin:] < FAINTEST * smooth[int(0.35 * len(smooth))]
    return (begin + int(empty.argmax())) / len(smooth) if empty.any() else 1.0


def trim(volume, share=None):
    """Magnitude images of the part of k-space that was measured: [..., h, w], both sides smaller by one factor, even.

    Args:
        volume: magnitude images [slices, H, W] or one [H, W], in [0, 1].
        share: of k-space to keep along each axis; None asks :func:`measured_share`.

    Returns:
        float32 in [0, 1]; the pixels are larger by the factor that the sides are smaller.

    Raises:
        ValueError: a share outside of (0, 1].
    """
    volume = checked(volume, "trim")
    share = measured_share(volume) if share is None else share
    if not 0 < share <= 1:
        raise ValueError(f"trim: share must lie in (0, 1], got {share!r}")
    height, width = (2 * round(share * length / 2) for length in volume.shape[-2:])
    kept = center_crop(to_kspace(volume), (height, width))
    # Orthonormal transforms keep the energy: fewer pixels would be brighter.
    scale = np.sqrt(height * width / np.prod(volume.shape[-2:]))
    return np.clip(abs(to_image(kept)) * scale, 0, 1).astype(np.float32)


def checked(array, caller):
    """An array [..., H, W] of finite numbers, as it came."""
    array = np.asarray(array)
    if array.ndim < 2 or array.size == 0 or array.dtype.kind not in "fciub":
        raise ValueError(f"{caller}: got an array of shape {array.shape}, {array.dtype}; expected numbers [..., H, W]")
    if not np.isfinite(array).all():
        raise ValueError(f"{caller}: the array holds NaN or infinite values")
    return array
