"""Networks drawn to scale, every block as high as its map and as wide as its number of channels; filters and maps."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from kryptonlib import plots

COLOURS = {"conv": plots.COLOURS[0], "pool": plots.COLOURS[4], "linear": plots.COLOURS[1]}
"""The kinds of layer that can be drawn."""


def blocks(table, kinds=("conv", "linear")):
    """The rectangles of a drawing: a list of (left, width, height, layer); left, width in channels, height in pixels.

    Layers follow each other in the order of execution, parallel branches too. A vector is one pixel high.
    """
    unknown = set(kinds) - set(COLOURS)
    if unknown:
        raise ValueError(f"blocks() draws {', '.join(COLOURS)}, got {', '.join(sorted(unknown))}")
    found, left = [], 0
    for layer in table:
        if layer.kind in kinds:
            width, height = (layer.shape[0], layer.shape[1]) if len(layer.shape) == 3 else (layer.shape[-1], 1)
            found.append((left, width, height, layer))
            left += width
    return found


def to_scale(table, axes, *, kinds=("conv", "linear")):
    """Draw one network as blocks that stand on a common ground; both axes start at 0 and are linear.

    Args:
        table: what ``layers`` returned.
        axes: matplotlib axes. Give several networks axes of the same limits to compare them.
        kinds: the kinds of layer to draw.

    Returns:
        The right end of the drawing in channels.
    """
    drawn = blocks(table, kinds)
    if not drawn:
        raise ValueError(f"{table.title} has no layer of the kinds {', '.join(kinds)}")
    for left, width, height, layer in drawn:
        axes.add_patch(
            Rectangle((left, 0), width, height, facecolor=COLOURS[layer.kind], edgecolor="white", linewidth=0.4)
        )
        if height == 1:  # a line of one pixel would vanish below its own edge
            axes.plot([left, left + width], [1, 1], color=COLOURS[layer.kind], linestyle="-", marker="", linewidth=2)
    end = drawn[-1][0] + drawn[-1][1]
    axes.set(xlim=(0, end), ylim=(0, max(height for _, _, height, _ in drawn) * 1.05))
    return end


def filters(weight, *, columns=16, gap=1, side=12):
    """The filters of a first layer as one picture, each scaled by itself around grey.

    Args:
        weight: Tensor or array [F, 3, k, k].
        columns: filters in a row.
        gap: white pixels around each filter.
        side: small filters are enlarged by a whole number towards this side.

    Returns:
        Array [H, W, 3] in [0, 1].

    Raises:
        ValueError: not [F, 3, k, k], or a filter that is zero everywhere.
    """
    weight = np.asarray(weight, dtype=float)
    if weight.ndim != 4 or weight.shape[1] != 3 or weight.size == 0:
        raise ValueError(f"filters() needs weights [F, 3, k, k] of a layer that reads colours, got {weight.shape}")
    largest = np.abs(weight).max((1, 2, 3), keepdims=True)
    if not largest.min() > 0:
        raise ValueError(f"filter {int(largest.ravel().argmin())} is zero everywhere and has no scale")
    tiles = (weight / largest / 2 + 0.5).transpose(0, 2, 3, 1)
    larger = max(1, side // tiles.shape[1])
    tiles = tiles.repeat(larger, 1).repeat(larger, 2)
    tiles = np.pad(tiles, ((0, -len(tiles) % columns), (gap, gap), (gap, gap), (0, 0)), constant_values=1.0)
    return np.vstack([np.hstack(tiles[row : row + columns]) for row in range(0, len(tiles), columns)])


def answers(image, table, maps, depths, *, channels=5):
    """What some layers of a network answer to an image: per layer one unit's field and the maps that vary most.

    Args:
        image: [H, W, 3] in [0, 1], in the pixels of the network's input.
        table: the network's ``LayerTable``.
        maps: layer name -> array [channels, rows, columns].
        depths: label -> layer name, one row of the figure each.
        channels: how many maps to show of each layer.

    Returns:
        The matplotlib figure. The box on the image is the field of the unit in the middle of the map.
    """
    missing = [name for name in depths.values() if name not in maps]
    if not depths or missing:
        raise ValueError(f"answers() needs layers of the network, got {missing or 'none'}; there are {', '.join(maps)}")
    figure, axes = plt.subplots(
        len(depths), channels + 1, figsize=(plots.WIDTH, 1.44 * len(depths)), squeeze=False
    )
    for line, (label, name) in zip(axes, depths.items()):
        layer = table[name]
        top, bottom, left, right = layer.box(layer.shape[1] // 2, layer.shape[2] // 2)
        line[0].imshow(image)
        for shade, width in (("black", 3), ("white", 1.5)):  # two lines: seen on dark and on bright pixels
            box = (left - 0.5, top - 0.5), right - left + 1, bottom - top + 1
            line[0].add_patch(Rectangle(*box, fill=False, edgecolor=shade, linewidth=width))
        line[0].set_title(f"{label}: {layer.receptive_field[0]} px")
        for place, channel in zip(line[1:], maps[name].std((1, 2)).argsort()[::-1]):
            place.imshow(maps[name][channel])
        for place in line:
            place.axis("off")
    return figure


def band(axes, x, draws, *, index, label, middle=np.mean, every=1):
    """The middle of several draws as a line and their range as a band.

    Args:
        axes: matplotlib axes.
        x: the common values [N].
        draws: [draws, N].
        index: which of the palette's colours, line styles and markers.
        label: the line's name.
        middle: a function of (draws, axis), for example ``np.median``.
        every: how many points apart the markers stand.
    """
    draws = np.asarray(draws, dtype=float)
    if draws.ndim != 2 or draws.shape[1] != len(x):
        raise ValueError(f"band() needs draws [draws, {len(x)}] over {len(x)} values of x, got shape {draws.shape}")
    colour = plots.COLOURS[index]
    style = {"linestyle": plots.STYLES[index], "marker": plots.MARKERS[index], "markevery": every}
    axes.plot(x, middle(draws, 0), color=colour, label=label, **style)
    axes.fill_between(x, draws.min(0), draws.max(0), color=colour, alpha=0.18, linewidth=0)
