"""Drawings for explaining layers: tables of numbers, sliding windows, and tensors as boxes of coloured blocks."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Polygon, Rectangle

from kryptonlib import plots

DARK, PALE = "#222222", "#FFFFFF"


def numbers(axes, values, *, title="", form="{:g}", cmap="gray", limits=None, colours=None, size=None):
    """A 2-D array as a table of numbers on coloured cells; row 0 is on top.

    Args:
        axes: matplotlib axes.
        values: [rows, columns]; NaN leaves a cell empty and white.
        title: text above.
        form: format of a number; "" writes none.
        cmap, limits: colour map and its (lowest, highest) value; None takes the array's own.
        colours: [rows][columns] of colours instead of a colour map.
        size: font size; None fits the cell.

    Raises ValueError if ``values`` is not a table.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"numbers() needs a 2-D array with at least one number, got shape {values.shape}")
    rows, columns = values.shape
    low, high = limits if limits is not None else (np.nanmin(values), np.nanmax(values))
    shade = plt.get_cmap(cmap)
    box = axes.get_position()
    inches = min(axes.figure.get_figwidth() * box.width / columns, axes.figure.get_figheight() * box.height / rows)
    longest = max((len(form.format(value + 0.0)) for value in values[~np.isnan(values)]), default=1)
    size = size or np.clip(min(26, 100 / max(longest, 1)) * inches, 5, 11)
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            fill = PALE
        elif colours is not None:
            fill = colours[row][column]
        else:
            fill = shade(0.5 if high == low else float(np.clip((value - low) / (high - low), 0, 1)))
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=fill, edgecolor="#999999", linewidth=0.6))
        if form and not np.isnan(value):
            axes.text(column, row, form.format(value + 0.0), ha="center", va="center",
                      color=_ink(fill), fontsize=size)
    axes.set(xlim=(-0.55, columns - 0.45), ylim=(rows - 0.45, -0.55), aspect="equal", title=title)
    axes.axis("off")


def outline(axes, row, column, height, width, *, colour=plots.COLOURS[1], style="-", linewidth=2.5):
    """A frame around ``height`` x ``width`` cells of ``numbers``, the first of them at (row, column)."""
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), width, height, fill=False, edgecolor=colour, linestyle=style,
                             linewidth=linewidth, zorder=3))


def windows(axes, size, kernel, *, stride=1, padding=0, dilation=1, title=""):
    """A square input with its padding, the pixels that the first window reads and the next window beside it.

    White cells are pixels, hatched ones padding; filled circles are read by the first window, open squares by the
    second one. The number of windows per side stands below.
    """
    from kryptonlib.basics.layers import output_size

    count = output_size(size, kernel, stride, padding, dilation)
    whole = size + 2 * padding
    for row, column in np.ndindex(whole, whole):
        inside = padding <= row < padding + size and padding <= column < padding + size
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=PALE if inside else "#DDDDDD",
                                 edgecolor="#888888", linewidth=0.6, hatch=None if inside else "////"))
    reads = dilation * np.stack(np.meshgrid(np.arange(kernel), np.arange(kernel)), -1).reshape(-1, 2)
    if count > 1:
        axes.plot(reads[:, 0] + stride, reads[:, 1], linestyle="", marker="s", markersize=11, fillstyle="none",
                  color=plots.COLOURS[1], markeredgewidth=1.8)
    axes.plot(reads[:, 0], reads[:, 1], linestyle="", marker="o", markersize=6, color=plots.COLOURS[0])
    axes.set(xlim=(-0.6, whole - 0.4), ylim=(whole - 0.4, -0.6), aspect="equal", title=title)
    axes.text((whole - 1) / 2, whole - 0.2, f"{count} x {count} windows", ha="center", va="top")
    axes.axis("off")


def box(axes, pools, *, highlight=0, depth=3, title=""):
    """A batch [N, C, H, W] as a box: channels to the right, samples to the back, pixels downwards.

    Args:
        axes: matplotlib axes.
        pools: integers [N, C]: blocks with the same number share one mean and one variance.
        highlight: this pool is drawn dark; the others alternate between two pale tones.
        depth: how many pixel rows to draw.
        title: text above; the number of pools is added.

    Raises ValueError if ``pools`` is not [N, C].
    """
    pools = np.asarray(pools)
    if pools.ndim != 2:
        raise ValueError(f"box() needs the pool of every sample and channel [N, C], got shape {pools.shape}")
    samples, channels = pools.shape
    lean = np.array([0.5, 0.42])  # one step to the back, in the drawing plane

    def face(corner, right, down, pool):
        tone = plots.COLOURS[0] if pool == highlight else ("#E4E4E4", "#C4C4C4")[int(pool) % 2]
        points = [corner, corner + right, corner + right + down, corner + down]
        axes.add_patch(Polygon(points, facecolor=tone, edgecolor="#555555", linewidth=0.7))

    across, down = np.array([1.0, 0.0]), np.array([0.0, -1.0])
    for sample, channel in np.ndindex(samples, channels):
        face(channel * across + sample * lean, across, lean, pools[sample, channel])
    for channel, pixel in np.ndindex(channels, depth):
        face(channel * across + pixel * down, across, down, pools[0, channel])
    for sample, pixel in np.ndindex(samples, depth):
        face(channels * across + sample * lean + pixel * down, lean, down, pools[sample, -1])
    axes.text(channels / 2, -depth - 0.15, "C", ha="center", va="top")
    axes.text(-0.2, -depth / 2, "H, W", ha="right", va="center", rotation=90)
    axes.text(*(samples * lean / 2 + (-0.25, 0.1)), "N", ha="right", va="bottom")
    axes.set(xlim=(-1, channels + samples * 0.5 + 0.2), ylim=(-depth - 1, samples * 0.42 + 0.4), aspect="equal")
    pieces = len(np.unique(pools))
    axes.set_title(f"{title}\n{pieces} mean{'s' if pieces > 1 else ''}")
    axes.axis("off")


def _ink(fill):
    """Black or white, whichever is readable on ``fill``."""
    red, green, blue = plt.matplotlib.colors.to_rgb(fill)
    return DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else PALE
