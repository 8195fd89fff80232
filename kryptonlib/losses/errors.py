"""What kind of error is left: coarse or fine, and whether it repeats like a grid."""


from kryptonlib.gaussian import gaussian_blur


def bands(error, sigma=4.0):
    """Root mean squares of what a blur leaves of an error and of the rest.

    Args:
        error: tensor [N, C, H, W], the image minus the reference. sigma: of the Gaussian, in pixels.

    Returns:
        (coarse, fine), floats in the error's unit.

    Example:
        >>> "coarse {:.3f}, fine {:.3f}".format(*bands(torch.full((1, 1, 8, 8), 0.5)))
        'coarse 0.500, fine 0.000'
    """
    coarse = gaussian_blur(error, sigma)
    return tuple(float(part.square().mean().sqrt()) for part in (coarse, error - coarse))


def repeating(error, period):
    """How strongly an error repeats itself every ``period`` pixels, both ways: 1 is what independent noise has.

    The mean of all tiles of ``period`` x ``period`` pixels keeps what they share; of independent noise it keeps the
    mean square divided by the number of tiles, less the mean of each channel, which does not count here.

    Args:
        error: tensor [N, C, H, W]; rows and columns that do not fill a tile are left out. period: at least 2.

    Returns:
        A float: mean square of the mean tile over that of the error, times tiles * period^2 / (period^2 - 1).

    Raises:
        ValueError: a period below 2 or beyond half a side, or an error that is flat.

    Example:
        >>> stripes = torch.tensor([1.0, -1.0]).repeat(4).expand(1, 1, 8, 8)
        >>> f"{repeating(stripes, 2):.2f}"
        '21.33'
    """
    if not isinstance(period, int) or not 2 <= period <= min(error.shape[-2:]) // 2:
        raise ValueError(f"repeating: period must be a whole number from 2 to half a side, got {period!r}")
    rows, columns = (size // period for size in error.shape[-2:])
    error = error[..., : rows * period, : columns * period]
    error = error - error.mean((2, 3), keepdim=True)
    energy = float(error.square().mean())
    if not energy:
        raise ValueError("repeating: the error is the same everywhere, nothing repeats")
    tile = error.reshape(*error.shape[:2], rows, period, columns, period).mean((2, 4))
    return rows * columns * period**2 / (period**2 - 1) * float(tile.square().mean()) / energy
