"""A planted lesion whose place, size and contrast are known, and how much of it a restoration keeps or invents."""

import numpy as np


def disc(shape, center, radius, edge=1.0):
    """A soft-edged disc, float64 [H, W] in [0, 1].

    Args:
        shape: (H, W).
        center: (row, column) in pixels, inside.
        radius: in pixels, where the value is 1/2.
        edge: width of the fall from 1 to 0, in pixels.

    Raises:
        ValueError: a centre outside, a radius or an edge that is not positive.

    Example:
        >>> float(disc((9, 9), (4, 4), 3)[4, 4]), float(disc((9, 9), (4, 4), 3)[4, 7])
        (1.0, 0.5)
    """
    if not all(0 <= place < length for place, length in zip(center, shape, strict=True)):
        raise ValueError(f"disc: center {tuple(center)} lies outside of {tuple(shape)}")
    if not radius > 0 or not edge > 0:
        raise ValueError(f"disc: radius and edge must be positive, got {radius!r} and {edge!r}")
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    distance = np.hypot(rows - center[0], columns - center[1])
    return np.clip(0.5 + (radius - distance) / edge, 0, 1)


def plant(image, center, radius, contrast):
    """The image with a brighter (contrast > 0) or darker disc, cut to [0, 1]: float32 [H, W]."""
    image = np.asarray(image)
    return np.clip(image + contrast * disc(image.shape, center, radius), 0, 1).astype(np.float32)


def response(difference, center, radius):
    """Contrast of a disc in a difference image: its mean inside minus that in a ring around, of twice the area.

    Args:
        difference: restored minus reference, [H, W].
        center, radius: of the disc in pixels.

    Returns:
        A number: c for ``c * disc(...)``, but for the soft edge; 0 for a difference that is the same everywhere.
    """
    difference = np.asarray(difference)
    # Only the part that the ring reaches: whole slices would take a hundred times as long.
    reach = int(np.ceil(1.75 * radius + 1))
    top, left = (max(0, int(np.floor(place)) - reach) for place in center)
    part = difference[top : int(np.ceil(center[0])) + reach + 1, left : int(np.ceil(center[1])) + reach + 1]
    rows, columns = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
    distance = np.hypot(rows - center[0], columns - center[1])
    inside, ring = distance <= radius - 0.5, (distance > radius + 1) & (distance <= 1.75 * radius + 1)
    if not inside.any() or not ring.any():
        raise ValueError(f"response: a disc of radius {radius} at {tuple(center)} does not fit into {difference.shape}")
    return float(part[inside].mean() - part[ring].mean())


def places(image, radius, count, seed, *, brightness=(0.15, 0.6), apart=8):
    """Random places where a lesion fits into tissue: list of (row, column).

    A place is taken where all of a disc of twice the radius is neither air nor bright fat or bone's edge.

    Args:
        image: reference [H, W] in [0, 1].
        radius: of the lesion in pixels.
        count: how many. seed: of the choice.
        brightness: (darkest, brightest) value that counts as tissue.
        apart: least distance of two places, in radii, so that lesions planted at once do not meet.

    Raises:
        ValueError: fewer places than asked for.
    """
    image = np.asarray(image)
    low, high = brightness
    reach = int(np.ceil(2 * radius))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    near = np.argwhere(np.hypot(rows, columns) <= 2 * radius) - reach
    inner = np.argwhere((image >= low) & (image <= high))
    inner = inner[((inner >= reach) & (inner < np.array(image.shape) - reach)).all(1)]
    around = image[inner[:, None, 0] + near[None, :, 0], inner[:, None, 1] + near[None, :, 1]]
    fits = inner[((around >= low) & (around <= high)).all(1)]
    chosen = []
    for place in np.random.default_rng(seed).permutation(fits):
        if all(np.hypot(*(place - other)) >= apart * radius for other in chosen):
            chosen.append(place)
        if len(chosen) == count:
            return [(int(row), int(column)) for row, column in chosen]
    raise ValueError(f"places: a disc of radius {radius} fits at {len(chosen)} places, {count} were asked for")
