"""Block diagrams: boxes joined by arrows from left to right, with letters that stay legible at a phone's width.

``chain`` draws one row, ``shortcut`` an arrow that goes around some of its boxes, ``frame`` sets the limits;
``classifier`` and ``residual_blocks`` are the two diagrams of notebook 03 made of them.
"""

from math import prod

from matplotlib.patches import FancyBboxPatch

from kryptonlib.anatomy.watching import layers

FONT = 14
"""Points in a figure of ``plots.WIDTH`` inches: about 6 points where a phone shows the figure 9 cm wide."""
SMALL = 12
WIDTH, HEIGHT, STEP = 0.74, 0.9, 1.0
"""A box, and the distance between the centres of neighbours; the units are the diagram's own."""
MOST_LAYERS = 6
FILLS = {
    "data": "#FFFFFF",
    "layer": "#BBD7EE",
    "function": "#B5E2D2",
    "sum": "#F6CDB0",
}
"""What stands in a box: numbers, a layer with weights, a function without weights, a sum of two paths."""


def chain(axes, blocks, *, y=0.0, x=0.0):
    """A row of boxes with an arrow from each to the next.

    Args:
        axes: matplotlib axes.
        blocks: tuples (text, kind) or (text, kind, below): what stands in the box, one of FILLS, and what stands
            below it, usually the shape of what leaves it. A line break in a text is drawn.
        y: height of the row; rows that are 2 apart do not touch.
        x: centre of the first box.

    Returns:
        The centres of the boxes, [(x, y), ...].

    Raises:
        ValueError: no blocks, or a kind that is not one of FILLS.

    Example:
        >>> chain(axes, [("image", "data", "3×64×64"), ("conv", "layer", "64×15×15")])
        [(0.0, 0.0), (1.0, 0.0)]
    """
    if not blocks:
        raise ValueError("chain() got no blocks; give tuples (text, kind) or (text, kind, below)")
    unknown = {block[1] for block in blocks} - set(FILLS)
    if unknown:
        raise ValueError(f"chain() got the kinds {', '.join(sorted(unknown))}; expected one of {', '.join(FILLS)}")
    centres = [(x + position * STEP, y) for position in range(len(blocks))]
    for (left, _), (right, _) in zip(centres, centres[1:]):
        _arrow(axes, (left + WIDTH / 2, y), (right - WIDTH / 2, y))
    for (centre, _), (text, kind, *below) in zip(centres, blocks):
        corner = (centre - WIDTH / 2, y - HEIGHT / 2)
        shape = "round,pad=0,rounding_size=0.37" if kind == "sum" else "round,pad=0,rounding_size=0.08"
        axes.add_patch(
            FancyBboxPatch(corner, WIDTH, HEIGHT, boxstyle=shape, facecolor=FILLS[kind], edgecolor="#333333")
        )
        axes.text(centre, y, text, ha="center", va="center", fontsize=FONT, linespacing=1.1)
        if below:
            axes.text(centre, y - HEIGHT / 2 - 0.1, below[0], ha="center", va="top", fontsize=SMALL, linespacing=1.1)
    return centres


def shortcut(axes, start, end, *, text="", lift=0.9):
    """An arrow that leaves the row behind the box at ``start`` and comes down on the box at ``end``.

    Args:
        start, end: centres that ``chain`` returned, on one row, start to the left.
        text: what stands on the way; in a box if it is a layer of its own.
        lift: how far above the row's centre the way runs.

    Raises:
        ValueError: ``end`` is not to the right of ``start`` on the same row.
    """
    if start[1] != end[1] or end[0] <= start[0]:
        raise ValueError(f"shortcut() goes to the right along one row, got {start} to {end}")
    leaves, above = start[0] + STEP / 2, start[1] + lift
    axes.plot([leaves, leaves, end[0]], [start[1], above, above], color="#333333", linestyle="-", marker="", lw=1.8)
    _arrow(axes, (end[0], above), (end[0], end[1] + HEIGHT / 2))
    if text:
        axes.text((leaves + end[0]) / 2, above, text, ha="center", va="center", fontsize=FONT,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 3})  # fmt: skip


def classifier(axes, trunk, side, classes):
    """A CNN as two rows of boxes: the trunk of convolutions, ReLUs and max pools, and the head behind it.

    Args:
        axes: matplotlib axes, at best ``plots.WIDTH`` x 4.1 inches.
        trunk: nn.Sequential in evaluation mode with at most six layers, from an image [3, side, side] to maps.
        side: rows and columns of the image.
        classes: how many logits the head has.

    Raises:
        ValueError: a layer that is no convolution, activation or pooling, or too many layers to be legible.
    """
    table = layers(trunk, side)
    if len(table) > MOST_LAYERS:
        raise ValueError(f"classifier() draws at most {MOST_LAYERS} layers, got {len(table)}: draw the first ones")
    shapes = ["×".join(map(str, layer.shape)) for layer in table]
    upper = [("image", "data", f"3×{side}×{side}")]
    for layer, shape in zip(table, shapes):
        if layer.kind == "conv":
            kernel, _, stride = layer.detail.split(" ")[0].partition("/")
            upper.append((f"conv\n{kernel}" + (f"\n/ {stride}" if stride else ""), "layer", shape))
        elif layer.kind == "pool":
            upper.append((f"{layer.detail.split(' ')[0]}\npool", "function", shape))
        elif layer.kind == "activation":
            upper.append(("ReLU", "function"))
        else:
            raise ValueError(f"classifier() draws convolutions, activations and pools, got {layer.kind} {layer.name!r}")
    numbers = prod(table[-1].shape)
    lower = [("maps", "data", shapes[-1]), ("flatten", "function", f"{numbers}"), ("linear", "layer"),
             ("logits", "data", f"{classes}"), ("softmax", "function"),
             ("proba-\nbilities", "data", f"{classes}")]  # fmt: skip
    for name, row, y in (("trunk", upper, 2.3), ("head", lower, 0.0)):
        chain(axes, row, y=y)
        axes.text(-WIDTH / 2, y + 0.75, name, fontsize=FONT, fontweight="bold", ha="left", va="center")
    frame(axes, max(len(upper), len(lower)), (-0.95, 3.4))


def residual_blocks(axes):
    """Two residual blocks (He et al. 2016): the shortcut is x itself, or a projection where the maps get smaller."""
    tail = [("batch\nnorm", "layer"), ("ReLU", "function"), ("conv\n3×3", "layer"), ("batch\nnorm", "layer"),
            ("+", "sum"), ("ReLU", "function")]  # fmt: skip
    for y, first, text in (
        (2.6, "conv\n3×3", "shortcut: x itself"),
        (0.0, "conv\n3×3/2", "shortcut: conv 1×1/2 and batch norm"),
    ):
        row = chain(axes, [("x", "data"), (first, "layer"), *tail], y=y)
        shortcut(axes, row[0], row[6], text=text, lift=1.0)
    frame(axes, 8, (-0.65, 4.1))


def frame(axes, columns, rows):
    """Set the limits for ``columns`` boxes and the heights (lowest, highest), and hide the axes."""
    axes.set(xlim=(-STEP / 2, (columns - 1) * STEP + STEP / 2), ylim=rows)
    axes.axis("off")


def _arrow(axes, start, end):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "lw": 1.8, "color": "#333333", "shrinkA": 0,
                                              "shrinkB": 0})  # fmt: skip
