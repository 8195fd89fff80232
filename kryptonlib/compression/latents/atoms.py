"""What one latent coefficient draws, and which image drives it highest (Dumas, Roumy and Guillemot, section 3.2).

An *atom* is the change of the decoded image when one coefficient is moved away from its mean and all others stay at theirs.
A linear decoder's image would be a sum of atoms; the IGDNs between the layers make it something else where they add up.
"""

import numpy as np
import torch

from kryptonlib.compression.autoencoder import STRIDE, Autoencoder

GRID = 7
"""Coefficients along each side of the field that an atom is drawn in: with three on every side an atom does not meet the
zeros beyond the border, which change the IGDNs near them."""
SIDE = GRID * STRIDE
BLOCK = slice(GRID // 2 * STRIDE, (GRID // 2 + 1) * STRIDE)
"""Rows and columns of the coefficient's own block of 16 x 16 pixels."""
FIELD = slice(BLOCK.start - 27, BLOCK.start + 30)
"""Rows and columns of the 57 pixels that coefficient and image share: kernels of 9, 5 and 5 pixels with strides 4, 2, 2."""

VIEW = slice(BLOCK.start - 2 * STRIDE, BLOCK.start + 2 * STRIDE)
"""Rows and columns of 64 pixels around the block, to be shown: the piece that ``maximize`` works on."""


def resting(means, size=(GRID, GRID)):
    """Latents that are at their means everywhere: tensor [1, maps, h, w] of means [maps]."""
    return means.reshape(1, -1, 1, 1).expand(1, -1, *size).clone()


@torch.no_grad()
def atoms(net, latents, maps, amounts, *, batch=16):
    """Changes of the decoded image when the middle coefficient of one map is moved, for several maps.

    Args:
        net: :class:`kryptonlib.compression.autoencoder.Autoencoder`.
        latents: tensor [1, maps, 7, 7] to begin from, for example ``resting(means)``.
        maps: list of N numbers of maps. amounts: what is added to the coefficient of each, in its own units.
        batch: images that are decoded at once.

    Returns:
        Float array [N, 112, 112] in grey levels, not clipped.

    Raises:
        ValueError: latents of another size, a map that is not there, or another number of amounts.
    """
    maps, amounts = list(maps), np.asarray(amounts, float)
    if latents.shape != (1, net.maps, GRID, GRID) or amounts.shape != (len(maps),):
        raise ValueError(
            f"atoms() got latents {tuple(latents.shape)}, {len(maps)} maps and {amounts.shape} amounts; expected "
            f"(1, {net.maps}, {GRID}, {GRID}) and an amount per map"
        )
    if not all(0 <= number < net.maps for number in maps):
        raise ValueError(f"atoms() got the maps {maps}; they are numbered 0 to {net.maps - 1}")
    rest, found = net.decode(latents), []
    for start in range(0, len(maps), batch):
        some = maps[start : start + batch]
        moved = latents.repeat(len(some), 1, 1, 1)
        place = torch.arange(len(some)), some, GRID // 2, GRID // 2
        moved[place] += torch.from_numpy(amounts[start : start + batch]).to(moved)
        found.append((net.decode(moved) - rest)[:, 0].cpu())
    return torch.cat(found).double().numpy()


def even_share(plus, minus):
    """Share of the energy of two atoms, of +alpha and -alpha, that does not change its sign with alpha: array [N], 0 to 1.

    An atom a(alpha) is the sum of an odd part, (a(alpha) - a(-alpha)) / 2, and an even one. A feature that "turns into its
    symmetrical feature" has no even part.

    Example:
        >>> even_share(np.full((1, 2, 2), 3.0), np.full((1, 2, 2), -1.0))
        array([0.2])
    """
    even, odd = (np.square(part).sum((1, 2)) for part in (plus + minus, plus - minus))
    return even / (even + odd)


def deviation(found, expected):
    """|found - expected| / |expected| of images [N, H, W]: array [N]."""
    return np.sqrt(np.square(found - expected).sum((1, 2)) / np.square(expected).sum((1, 2)))


def additivity(net, means, photo, maps, scales, sizes):
    """How far atoms are from adding up, for coefficients of growing size.

    Args:
        net: :class:`Autoencoder`. means: tensor [maps], at which latents rest.
        photo: latents [1, maps, h, w] of an image of at least 112 x 112 pixels; the middle is taken.
        maps: list of N numbers of maps. scales: array [N], the unit of each map's sizes.
        sizes: of the coefficients, in these units.

    Returns:
        Name -> list of medians over the maps of the relative deviation (``deviation``), one per size: of an atom from the
        multiple of that of half a unit ("a multiple"); of an atom beside one at the same place, as large and of the next of
        ``maps``, from one alone ("beside another"); and of an atom in the photo from one alone ("in a photo").
    """
    top, left = ((length - GRID) // 2 for length in photo.shape[2:])
    rest, busy = resting(means), photo[:, :, top : top + GRID, left : left + GRID]
    scales = np.asarray(scales, float)
    small = atoms(net, rest, maps, scales / 2)
    found = {"a multiple": [], "beside another": [], "in a photo": []}
    for size in sizes:
        alone = atoms(net, rest, maps, size * scales)
        beside = np.empty_like(alone)
        for place, number in enumerate(maps):
            other = (place + 1) % len(maps)
            base = rest.clone()
            base[0, maps[other], GRID // 2, GRID // 2] += size * scales[other]
            beside[place] = atoms(net, base, [number], [size * scales[place]])[0]
        pairs = (alone, 2 * size * small), (beside, alone), (atoms(net, busy, maps, size * scales), alone)
        for values, (what, expected) in zip(found.values(), pairs):
            values.append(float(np.median(deviation(what, expected))))
    return found


def maximize(net, maps, *, steps=100, rate=4.0, contrast=None):
    """Images that drive one coefficient of one map each as high as gradient ascent over the pixels gets.

    The ascent begins at grey 128; each step adds the gradient, scaled so that the field's pixels move by ``rate`` in the
    root mean square.

    Args:
        net: :class:`Autoencoder`.
        maps: list of N numbers of maps.
        steps: of the ascent. rate: grey levels a step. With large ones it saturates more pixels and ends lower.
        contrast: most that the image may differ from grey: root mean square over the 57 x 57 pixels that reach the
            coefficient, in grey levels. None allows all images from 0 to 255.

    Returns:
        (images [N, 64, 64] in [0, 255], values [N] of the coefficients, saturated [steps + 1, N]): the last is the share
        of the pixels of the coefficient's own block that are 0 or 255, after each step.

    Raises:
        ValueError: a contrast that is not positive.
    """
    if not isinstance(net, Autoencoder):
        raise TypeError(f"maximize() got a {type(net).__name__}; expected an Autoencoder")
    if contrast is not None and not contrast > 0:
        raise ValueError(f"maximize() got contrast={contrast!r}; expected positive grey levels or None")
    maps = list(maps)
    # The pixels that reach the coefficient lie in 4 x 4 blocks.
    image = torch.full((len(maps), 1, 4 * STRIDE, 4 * STRIDE), 128.0, device=net.steps.device)
    block = slice(2 * STRIDE, 3 * STRIDE)
    saturated = []
    for step in range(steps + 1):
        inner = image[:, 0, block, block]
        saturated.append(((inner == 0) | (inner == 255)).double().mean((1, 2)).cpu())
        image.requires_grad_(True)
        values = net.encode(image)[torch.arange(len(maps)), maps, 2, 2]
        if step == steps:
            break
        (slope,) = torch.autograd.grad(values.sum(), image)
        with torch.no_grad():
            image = image + rate * slope / _size(slope).clamp_min(1e-12)
            if contrast is not None:
                image = 128 + (image - 128) * (contrast / _size(image - 128).clamp_min(contrast))
            image = image.clamp(0, 255)
    return image.detach()[:, 0].cpu().numpy(), values.detach().cpu().numpy(), torch.stack(saturated).numpy()


def _size(images):
    """Root mean square over the 57 x 57 pixels of images that can differ from grey: tensor [N, 1, 1, 1]."""
    return (images.square().sum((2, 3), keepdim=True) / (FIELD.stop - FIELD.start) ** 2).sqrt()
