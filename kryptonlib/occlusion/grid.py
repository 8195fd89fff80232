"""Where the occluding patches go, and how values per patch become values per pixel.

Along an axis of ``H`` pixels a patch of ``h`` pixels moved by ``s`` has ``floor((H - h) / s) + 1`` positions. Krypton's
released code drops the last of them (52 a side for 224, 16, 4 where this one has 53), so compare ratios with it, not
counts.
"""

from dataclasses import dataclass

import numpy as np

from kryptonlib.choices import check_choice


def pair(value, name):
    """``value`` as (rows, columns) of positive integers; an integer stands for both."""
    values = (value, value) if np.ndim(value) == 0 else tuple(value)
    if len(values) != 2:
        raise ValueError(f"{name} must be an integer or (rows, columns), got {value!r}")
    for number in values:
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
            raise TypeError(f"{name} must be an integer or two of them, in pixels, got {value!r}")
        if number < 1:
            raise ValueError(f"{name} must be at least 1 pixel, got {value!r}")
    return int(values[0]), int(values[1])


@dataclass(frozen=True)
class Grid:
    """The positions of one patch on an image; made by :func:`make_grid`.

    Attributes:
        size: (height, width) of the image in pixels.
        patch: (height, width) of the patch.
        stride: (rows, columns) between neighbouring positions.
        region: (top, left, height, width) inside which the patch stays.
        tops: the patch's upper row at each grid row; ascending.
        lefts: the patch's left column at each grid column; ascending.
    """

    size: tuple
    patch: tuple
    stride: tuple
    region: tuple
    tops: tuple
    lefts: tuple

    @property
    def shape(self):
        """(grid rows, grid columns)."""
        return len(self.tops), len(self.lefts)

    def __len__(self):
        return len(self.tops) * len(self.lefts)

    def positions(self):
        """The upper left corners, row by row: integer array [n, 2] of (top, left)."""
        tops, lefts = np.meshgrid(self.tops, self.lefts, indexing="ij")
        return np.stack([tops.ravel(), lefts.ravel()], axis=1)

    def covered(self):
        """How many positions cover each pixel: integer array [height, width]."""
        rows, columns = self._membership()
        return np.outer(rows.sum(1), columns.sum(1)).astype(int)

    def per_pixel(self, values):
        """The mean, at each pixel, of the values of the patches that cover it.

        Args:
            values: array [..., grid rows, grid columns]. NaN marks a position that was not computed; it is left out.

        Returns:
            float64 array [..., height, width]. A pixel that no computed patch covers is NaN: nothing is known of it.
        """
        values = np.asarray(values, dtype=np.float64)
        if values.shape[-2:] != self.shape:
            raise ValueError(f"per_pixel() got values of shape {values.shape}, the grid is {self.shape}")
        rows, columns = self._membership()
        known = ~np.isnan(values)
        sums = rows @ np.where(known, values, 0.0) @ columns.T
        counts = rows @ known.astype(np.float64) @ columns.T
        return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0.5)

    def _membership(self):
        """Two 0/1 matrices: pixel row x grid row, pixel column x grid column. Coverage is their product."""
        return tuple(
            ((np.arange(size)[:, None] >= starts) & (np.arange(size)[:, None] < np.add(starts, patch))).astype(float)
            for size, starts, patch in zip(self.size, (self.tops, self.lefts), self.patch)
        )


def starts(length, patch, stride, cover):
    """Positions along one axis; with ``cover="flush"`` a last one is added where the stride leaves a remainder."""
    found = list(range(0, length - patch + 1, stride))
    if cover == "flush" and found[-1] != length - patch:
        found.append(length - patch)
    return found


def make_grid(size, patch, stride, region=None, cover="grid"):
    """Where a patch of ``patch`` pixels goes on an image of ``size`` pixels.

    Args:
        size: (height, width) of the image.
        patch, stride: pixels; an integer or (rows, columns).
        region: (top, left, height, width) to stay inside; None is the entire image.
        cover: "grid" gives floor((H - h) / s) + 1 positions a side and may leave a margin at the lower and right border
            uncovered; "flush" adds a last position that ends at the border.

    Returns:
        A :class:`Grid`.

    Raises:
        ValueError, TypeError: a patch larger than the region, a stride below 1, a region outside the image.

    Example:
        >>> len(make_grid((224, 224), patch=16, stride=4))
        2809
    """
    height, width = (int(number) for number in size)
    patch, stride = pair(patch, "patch"), pair(stride, "stride")
    check_choice("cover", cover, ("grid", "flush"))
    region = (0, 0, height, width) if region is None else region
    if np.shape(region) != (4,) or not all(
        isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in tuple(region)
    ):
        raise ValueError(f"region must be four integers (top, left, height, width), got {region!r}")
    top, left, rows, columns = region = tuple(int(number) for number in region)
    if top < 0 or left < 0 or rows < 1 or columns < 1 or top + rows > height or left + columns > width:
        raise ValueError(f"region (top, left, height, width) = {region} does not lie in the {height}x{width} input")
    if patch[0] > rows or patch[1] > columns:
        raise ValueError(
            f"the patch of {patch[0]}x{patch[1]} pixels is larger than the {rows}x{columns} "
            f"{'image' if region == (0, 0, height, width) else 'region'}; choose a smaller patch"
        )
    return Grid(
        size=(height, width),
        patch=patch,
        stride=stride,
        region=region,
        tops=tuple(top + start for start in starts(rows, patch[0], stride[0], cover)),
        lefts=tuple(left + start for start in starts(columns, patch[1], stride[1], cover)),
    )
