"""Move a patch over an image and see which part of each layer's map it can change.

``windows`` computes the intervals, ``render`` draws them (without a browser too), ``panel`` adds the controls. Source:
Krypton, section 4.1.
"""

from typing import NamedTuple

import ipywidgets
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

from kryptonlib import plots
from kryptonlib.occlusion.bounds import patch_boxes
from kryptonlib.occlusion.spread import changed_intervals
from kryptonlib.widgets import wiring

MOST = 6
"""Maps that still fit beside the image."""


class Window(NamedTuple):
    """The changed part of one map: its name, map size (rows, columns) and changed rows, columns (first, last + 1)."""

    name: str
    size: tuple
    rows: tuple
    columns: tuple

    @property
    def share(self):
        """Changed share of the map, 0 to 1."""
        return (self.rows[1] - self.rows[0]) * (self.columns[1] - self.columns[0]) / (self.size[0] * self.size[1])


def windows(steps, top, left, size):
    """The :class:`Window` of every map for a patch of ``size`` x ``size`` pixels at (top, left).

    Args:
        steps: a network's steps, from ``occlusion.bounds.steps_of``.

    Raises:
        ValueError: a patch that does not lie inside the image.
    """
    height, width = (int(side) for side in steps[0].size)
    if size < 1 or not (0 <= top <= height - size and 0 <= left <= width - size):
        raise ValueError(f"the patch {size} x {size} at ({top}, {left}) does not lie in the {height} x {width} image")
    box = patch_boxes([(top, left)], (size, size))
    rows, columns = (changed_intervals(steps, box[:, 2 * axis], box[:, 2 * axis + 1], axis) for axis in (0, 1))
    return [
        Window(
            step.name,
            tuple(int(side) for side in step.size),
            *((int(low[0]), int(high[0])) for low, high in (row, column)),
        )
        for step, row, column in zip(steps, rows, columns)
        if step.spatial
    ]


def render(picture, steps, top, left, size, shown=None):
    """Draw the image with its patch and, beside it, maps with their changed windows.

    Args:
        picture: the image [H, W] or [H, W, 3] in [0, 1], of the network's input size.
        steps, top, left, size: as for ``windows``.
        shown: which maps, as positions in the list that ``windows`` gives; None takes at most six, evenly.

    Returns:
        The matplotlib figure; the caller closes it.
    """
    found = windows(steps, top, left, size)
    places = _chosen(found, shown)
    figure, axes = plt.subplots(1, len(places) + 1, figsize=(plots.WIDTH, 1.9))
    axes[0].imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes[0].add_patch(Rectangle((left - 0.5, top - 0.5), size, size, color="black"))
    axes[0].set_title(f"image\n{found[0].size[0]} x {found[0].size[1]}", fontsize=8)
    for axis, place in zip(axes[1:], places):
        window = found[place]
        height, width = window.size
        (first, last), (begin, end) = window.rows, window.columns
        axis.add_patch(Rectangle((0, 0), width, height, facecolor="0.9", edgecolor="0.5"))
        axis.add_patch(
            Rectangle((begin, first), end - begin, last - first, facecolor=plots.COLOURS[1], edgecolor="black")
        )
        axis.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
        axis.set_title(
            f"map {place}, {height} x {width}\n{last - first} x {end - begin} ({window.share:.0%})", fontsize=8
        )
    for axis in axes:
        axis.axis("off")
    return figure


def panel(picture, steps, shown=None, size=16):
    """The controls (top, left, patch size) above the drawing.

    Args:
        picture, steps, shown: as for ``render``.
        size: the patch's side at the beginning.

    Returns:
        An ipywidgets box; ``box.controls`` maps each control's name to its widget, ``box.picture`` is the drawing.
    """
    height, width = (int(side) for side in steps[0].size)
    look = wiring.look()
    controls = {
        "top": ipywidgets.IntSlider(
            (height - size) // 2,
            0,
            height - size,
            description="Top",
            tooltip="Upper edge of the patch in pixels",
            **look,
        ),
        "left": ipywidgets.IntSlider(
            (width - size) // 2,
            0,
            width - size,
            description="Left",
            tooltip="Left edge of the patch in pixels",
            **look,
        ),
        "size": ipywidgets.IntSlider(
            size, 1, min(height, width) // 2, description="Patch", tooltip="Side of the patch in pixels", **look
        ),
    }

    def fit():
        for name, side in (("top", height), ("left", width)):
            controls[name].max = side - controls["size"].value

    def drawn(top, left, size):
        return _picture(picture, steps, shown, top, left, size)

    return wiring.panel(controls, drawn, adjust={"size": fit})


def _chosen(found, shown):
    """Positions of the maps to draw."""
    if shown is None:
        shown = np.unique(np.linspace(1, len(found) - 1, MOST).round().astype(int)).tolist()
    shown = list(shown)
    if not 1 <= len(shown) <= MOST or any(not 0 <= place < len(found) for place in shown):
        raise ValueError(f"shown must name 1 to {MOST} of the {len(found)} maps (0 to {len(found) - 1}), got {shown}")
    return shown


def _picture(picture, steps, shown, top, left, size):
    """The drawing as an HTML image whose alternative text says the numbers."""
    found = windows(steps, top, left, size)
    parts = [
        f"map {place} ({found[place].size[0]} x {found[place].size[1]}): rows {found[place].rows[0]} to "
        f"{found[place].rows[1] - 1}, columns {found[place].columns[0]} to {found[place].columns[1] - 1}"
        for place in _chosen(found, shown)
    ]
    alt = f"A patch of {size} x {size} pixels at ({top}, {left}) changes " + "; ".join(parts)
    return plots.as_html(render(picture, steps, top, left, size, shown), alt)
