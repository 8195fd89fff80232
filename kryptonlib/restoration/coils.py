"""Several receiver coils at once: simulated sensitivities, and one image out of all (root sum of squares).

Each coil of a parallel scan hears what is near to it: its image is the object times its sensitivity. Real
sensitivities are smooth and complex; ours are simulated as Gaussians around points on a circle, each with a slow phase.
"""

import numpy as np


def sensitivities(coils, shape, *, width=0.6):
    """Smooth coil sensitivities: complex64 [coils, H, W] whose squared magnitudes add up to 1 at every pixel.

    Args:
        coils: how many, at equal angles around the image.
        shape: (H, W).
        width: standard deviation of a coil's Gaussian in units of half the longer side.

    Raises:
        ValueError: no coil, a shape that is none, a width that is not positive.

    Source: multi-coil data as paper 5, section 4.2, and Zbontar et al. 2018 describe them; simulated.

    Example:
        >>> s = sensitivities(4, (8, 8))
        >>> bool(np.allclose((abs(s) ** 2).sum(0), 1))
        True
    """
    if isinstance(coils, bool) or not isinstance(coils, (int, np.integer)) or coils < 1:
        raise ValueError(f"sensitivities: coils must be a whole number of at least 1, got {coils!r}")
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"sensitivities: shape must be (H, W), got {shape!r}")
    if not 0 < width < float("inf"):
        raise ValueError(f"sensitivities: width must be positive, got {width!r}")
    half = max(shape) / 2
    rows, columns = ((np.arange(length) - (length - 1) / 2) / half for length in shape)
    angles = 2 * np.pi * np.arange(coils)[:, None, None] / coils
    down, across = rows[:, None] - np.sin(angles), columns[None, :] - np.cos(angles)
    strength = np.exp(-(down**2 + across**2) / (2 * width**2))
    strength /= np.sqrt((strength**2).sum(0))
    phase = np.exp(1j * (angles + np.pi / 2 * (np.sin(angles) * rows[:, None] + np.cos(angles) * columns[None, :])))
    return (strength * phase).astype(np.complex64)


def root_sum_of_squares(images, axis=-3):
    """One magnitude image of the coils' images: the root of the sum of their squared magnitudes along ``axis``.

    Args:
        images: real or complex, [..., coils, H, W] for the default axis.

    Source: paper 5, section 4.2; Roemer et al., "The NMR phased array", 1990.

    Example:
        >>> root_sum_of_squares(np.array([[[3.0]], [[4j]]])).tolist()
        [[5.0]]
    """
    images = np.asarray(images)
    if images.ndim < 3:
        raise ValueError(f"root_sum_of_squares: got shape {images.shape}, expected [..., coils, H, W]")
    return np.sqrt((abs(images) ** 2).sum(axis))
