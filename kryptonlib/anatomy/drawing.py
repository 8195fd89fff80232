"""Networks drawn to scale: every block as high as its map and as wide as its number of channels."""

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
