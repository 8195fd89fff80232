"""Pictures side by side: in one row, wrapped, or as a grid whose rows have names and scales."""

import matplotlib.pyplot as plt
import numpy as np

from kryptonlib.plots.look import WIDTH

# Colour values slightly outside [0, 1] are results of restoration and are clipped; far outside, the range is wrong.
MOST_OUTSIDE = 1.0


def images(pictures, titles=None, *, columns=None, cmap="gray", limits=(0.0, 1.0), height=2.2):
    """Pictures side by side, without axes.

    Args:
        pictures: arrays [H, W] or [H, W, 3]; colour ones in [0, 1].
        titles: one text per picture, or None.
        columns: pictures per row; None puts all in one row.
        cmap: colour map of the [H, W] ones.
        limits: (lowest, highest) value of the colour map, or None to scale each picture by itself.
        height: height of a row in inches.

    Returns:
        The matplotlib figure.
    """
    pictures = [checked(picture, f"images() with picture {i}") for i, picture in enumerate(pictures)]
    if not pictures:
        raise ValueError("images() got no pictures")
    titles = list(titles) if titles is not None else [""] * len(pictures)
    if len(titles) != len(pictures):
        raise ValueError(f"images() got {len(pictures)} pictures and {len(titles)} titles")
    columns = columns or len(pictures)
    rows = -(-len(pictures) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, height * rows), squeeze=False)
    low, high = checked_limits(limits, "images()")
    for place in axes.flat:
        place.axis("off")
    for place, picture, title in zip(axes.flat, pictures, titles):
        place.imshow(picture, cmap=cmap, vmin=low, vmax=high)
        place.set_title(title)
    return figure


def grid(rows, columns=None, *, cmap="gray", limits=(0.0, 1.0), colourbar=None, height=2.0, inches=WIDTH):
    """A table of pictures whose rows have names: "noisy", "restored", "difference".

    Args:
        rows: mapping from a row's name to its pictures, [H, W] or [H, W, 3] (colour ones in [0, 1]); None leaves a
            place empty. All rows have the same number of places.
        columns: one title per column, above the first row; or None.
        cmap: colour map of the [H, W] ones; or a mapping from the rows' names to one each.
        limits: (lowest, highest) value of the colour map; or a mapping from the rows' names to one pair each. None
            spans the values of the row, so that a row's pictures can be compared with each other.
        colourbar: label of a colour bar beside every row of [H, W] pictures, for example "score"; or a mapping from
            the names of the rows that get one to its label. None draws none.
        height: height of a row in inches. inches: width of the figure; less of it closes the gaps between columns.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: no rows, rows of different length, a picture of another shape or range, limits that are no range,
            a row named in ``cmap``, ``limits`` or ``colourbar`` that does not exist, a bar for a row in colour.

    Example:
        >>> figure = grid({"before": [a, b], "difference": [a - c, b - d]}, ["cat", "dog"],
        ...               limits={"before": (0, 1), "difference": (-0.1, 0.1)}, cmap={"difference": DIVERGING},
        ...               colourbar={"difference": "after - before"})
    """
    pictures = {
        name: [None if item is None else checked(item, f"grid() with row {name!r}") for item in row]
        for name, row in rows.items()
    }
    lengths = {len(row) for row in pictures.values()}
    if lengths in (set(), {0}):
        raise ValueError("grid() got no pictures")
    if len(lengths) != 1:
        counts = ", ".join(f"{name!r} {len(row)}" for name, row in pictures.items())
        raise ValueError(f"grid() got rows of different length: {counts}; put None where a picture is missing")
    width = lengths.pop()
    if columns is not None and len(columns) != width:
        raise ValueError(f"grid() got {len(columns)} column titles for rows of {width} pictures")
    maps = per_row(cmap, pictures, "cmap", "gray")
    ranges = per_row(limits, pictures, "limits", (0.0, 1.0))
    bars = per_row(colourbar, pictures, "colourbar", None)
    figure, axes = plt.subplots(len(pictures), width, figsize=(inches, height * len(pictures)), squeeze=False)
    for row, (name, items) in zip(axes, pictures.items()):
        low, high = checked_limits(ranges[name] or span(items), f"grid() with row {name!r}")
        drawn = [draw(place, item, maps[name], low, high) for place, item in zip(row, items)]
        row[0].set_ylabel(name)
        if bars[name] is not None:
            scaled = [image for image, item in zip(drawn, items) if item is not None and item.ndim == 2]
            if not scaled:
                raise ValueError(f"grid() got a colour bar for row {name!r}, whose pictures are in colour")
            figure.colorbar(scaled[0], ax=list(row), shrink=0.85, label=bars[name])
    for place, title in zip(axes[0], columns or ()):
        place.set_title(title)
    return figure


def draw(place, picture, cmap, low, high):
    """One picture on axes that keep their label and lose ticks and frame; returns what can get a colour bar."""
    place.set(xticks=[], yticks=[])
    for side in place.spines.values():
        side.set_visible(False)
    return None if picture is None else place.imshow(picture, cmap=cmap, vmin=low, vmax=high)


def checked(picture, caller):
    """A picture as an array that matplotlib shows as it is meant."""
    picture = np.asarray(picture)
    if picture.ndim not in (2, 3) or picture.ndim == 3 and picture.shape[2] != 3 or picture.size == 0:
        raise ValueError(f"{caller} got an array of shape {picture.shape}; expected [H, W] or [H, W, 3]")
    if picture.ndim == 3 and picture.dtype != np.uint8:
        low, high = picture.min(), picture.max()
        if not (low >= -MOST_OUTSIDE and high <= 1 + MOST_OUTSIDE):
            raise ValueError(f"{caller} got colours from {low:.4g} to {high:.4g}; expected [0, 1]")
        picture = np.clip(picture.astype(float), 0, 1)
    return picture


def checked_limits(limits, caller):
    """(lowest, highest) of a scale; (None, None) leaves it to each picture."""
    if limits is None:
        return None, None
    low, high = limits
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"{caller} got limits=({low}, {high}); expected (lowest, highest), finite and different")
    return low, high


def span(pictures):
    """The range of the values of a row's [H, W] pictures; a flat row gets a range of 1 around its value."""
    values = [picture for picture in pictures if picture is not None and picture.ndim == 2]
    if not values:
        return 0.0, 1.0
    low, high = min(map(np.nanmin, values)), max(map(np.nanmax, values))
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def per_row(given, rows, option, default):
    """Name of each row -> its value of an option that was given once for all or as a mapping."""
    if not isinstance(given, dict):
        return dict.fromkeys(rows, given)
    unknown = [name for name in given if name not in rows]
    if unknown:
        raise ValueError(f"grid() got {option} for the row {unknown[0]!r}; the rows are {', '.join(map(repr, rows))}")
    return {name: given.get(name, default) for name in rows}
