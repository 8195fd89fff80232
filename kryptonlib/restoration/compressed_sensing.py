"""Compressed sensing with total variation: of all images that fit what was measured, one with few edges."""

import numpy as np

from kryptonlib.restoration.kspace import checked, to_image
from kryptonlib.restoration.mri import checked_mask


def total_variation(measured, mask, weight, *, iterations=60, penalty=None, real=False):
    """The image x that minimises

        1/2 ||mask * F x - measured||^2 + weight * sum of |gradient of x| over the pixels

    by split Bregman (the method of multipliers): the gradient is a variable of its own, so that one step is a division
    in k-space and the other shrinks each pixel's gradient. The image counts as periodic at its borders, where there is
    air.

    Args:
        measured: k-space [H, W] of one coil, 0 where not measured, of an image in about [0, 1].
        mask: bool [W].
        weight: of the edges, above 0, in units of the image; small: fits what was measured, large: flat areas.
        iterations: of both steps.
        penalty: how strongly the gradient's variable is tied to the gradient; it changes the speed, not the answer.
            None takes 10 times the weight.
        real: True for what is known to be real, such as magnitude images whose k-space is simulated: frequency -k is
            then known with k, which nearly doubles what was measured. A scanner's image has a phase.

    Returns:
        float32 [H, W]: the magnitude, or the real image.

    Raises:
        ValueError: a weight or a penalty that is not positive, no iterations, another shape.

    Source: Goldstein and Osher, "The split Bregman method for L1-regularized problems", 2009, section 4.2; the model is
    that of Lustig, Donoho and Pauly, "Sparse MRI", 2007, without wavelets.

    Example:
        >>> from kryptonlib.restoration.mri import undersample
        >>> box = np.zeros((32, 32)); box[8:24, 8:24] = 1
        >>> mask = np.arange(32) % 3 > 0
        >>> restored = total_variation(undersample(box, mask), mask, 0.002)
        >>> bool(abs(restored - box).mean() < abs(abs(to_image(undersample(box, mask))) - box).mean())
        True
    """
    measured = checked(measured, "total_variation")
    if measured.ndim != 2:
        raise ValueError(f"total_variation: got k-space of shape {measured.shape}, expected [H, W] of one coil")
    mask = checked_mask(mask, measured.shape)
    penalty = 10 * weight if penalty is None else penalty
    if not 0 < weight < np.inf or not 0 < penalty < np.inf or iterations < 1:
        raise ValueError(
            f"total_variation: weight and penalty must be positive and iterations at least 1, got {weight!r}, "
            f"{penalty!r}, {iterations!r}"
        )
    # From here on in the FFT's own order, without shifts.
    image = to_image(measured)
    sampled = np.fft.ifftshift(mask).astype(float)
    if real:
        # Half of what is known of frequency k is known of -k, and only the real part of the zero-filled image counts.
        image, sampled = image.real, (sampled + np.roll(sampled[::-1], 1)) / 2
    given = np.fft.fft2(image)
    frequencies = [np.fft.fftfreq(length) for length in measured.shape]
    laplacian = 4 * (np.sin(np.pi * frequencies[0])[:, None] ** 2 + np.sin(np.pi * frequencies[1])[None, :] ** 2)
    divisor = sampled + penalty * laplacian
    divisor[0, 0] = max(divisor[0, 0], 1e-12)
    split = np.zeros((2, *image.shape), image.dtype)
    dual = np.zeros_like(split)
    for _ in range(iterations):
        wanted = split - dual
        back = np.roll(wanted[0], 1, 0) - wanted[0] + np.roll(wanted[1], 1, 1) - wanted[1]
        image = np.fft.ifft2((given + penalty * np.fft.fft2(back)) / divisor)
        image = image.real if real else image
        gradient = np.stack([np.roll(image, -1, 0) - image, np.roll(image, -1, 1) - image])
        moved = gradient + dual
        length = np.sqrt((abs(moved) ** 2).sum(0))
        split = moved * np.maximum(0, 1 - weight / penalty / np.maximum(length, 1e-12))
        dual = moved - split
    return (image if real else abs(image)).astype(np.float32)
