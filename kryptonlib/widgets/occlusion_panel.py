"""Move a patch over the image and watch the classes' probabilities.

``measure`` computes one position, ``render`` draws it (without a browser too), ``panel`` adds the controls.
"""

from typing import NamedTuple

import ipywidgets
import numpy as np
import torch
from matplotlib import pyplot as plt

from kryptonlib import occlusion, plots
from kryptonlib.occlusion.full import Batch
from kryptonlib.occlusion.scores import score
from kryptonlib.widgets import wiring

FILLS = {"black": 0.0, "grey": 0.5, "white": 1.0, "mean colour": "mean", "blurred": "blur"}
TOP = 4
"""How many classes are followed."""


class Reading(NamedTuple):
    """One position: the covered picture, class names, their clean and covered probabilities [TOP], both decisions."""

    picture: np.ndarray
    names: tuple
    clean: np.ndarray
    covered: np.ndarray
    decisions: tuple


def measure(model, image, row, column, size, fill="grey"):
    """Cover ``size`` x ``size`` pixels at (row, column) of the network's input and classify.

    Args:
        model: a ``zoo.Classifier``.
        image: [H, W] or [H, W, 3] in [0, 1], or a ``samples.Sample``.
        row, column: the patch's upper left corner in pixels of the network's input.
        size: its side in pixels.
        fill: one of ``FILLS``.

    Returns:
        A :class:`Reading` of the classes that are most probable for the clean image.

    Raises:
        ValueError: an unknown fill, or a patch that does not lie inside the input.
    """
    if fill not in FILLS:
        raise ValueError(f"fill must be one of {', '.join(FILLS)}, got {fill!r}")
    # A region of the patch's own size has one position.
    job = occlusion.prepare(model, image, patch=size, stride=1, region=(row, column, size, size), fill=FILLS[fill])
    covered = Batch(job, 1).occluded(job.grid.positions())
    with torch.inference_mode():
        logits = job.module(covered)
    top = job.clean_logits[0].topk(min(TOP, job.clean_logits.shape[1])).indices.tolist()
    before, after = (score(each, top, "probability")[:, 0].numpy() for each in (job.clean_logits, logits))
    names = tuple(str(model.class_names[place]) for place in top)
    decisions = tuple(str(model.class_names[int(each.argmax())]) for each in (job.clean_logits, logits))
    return Reading(model.display(covered), names, before, after, decisions)


def render(model, image, row, column, size, fill="grey"):
    """Draw one position: the covered picture, and the probabilities before and after. Arguments as for ``measure``.

    Returns:
        The matplotlib figure; the caller closes it.
    """
    return _drawn(measure(model, image, row, column, size, fill))


def panel(model, image, size=48):
    """The controls (row, column, size, fill) above the drawing.

    Args:
        model, image: as for ``measure``.
        size: the patch's side at the beginning.

    Returns:
        An ipywidgets box; ``box.controls`` maps each control's name to its widget, ``box.picture`` is the drawing.
    """
    height, width = model.input_size
    look = wiring.look()
    slider = {"step": 4, **look}
    controls = {
        "row": ipywidgets.IntSlider(
            (height - size) // 2, 0, height - size, description="Row", tooltip="Upper edge of the patch", **slider
        ),
        "column": ipywidgets.IntSlider(
            (width - size) // 2, 0, width - size, description="Column", tooltip="Left edge of the patch", **slider
        ),
        "size": ipywidgets.IntSlider(
            size, 8, min(height, width) // 2, description="Size", tooltip="Side of the patch in pixels", **slider
        ),
        "fill": ipywidgets.Dropdown(
            options=list(FILLS), value="grey", description="Fill", tooltip="What the patch shows", **look
        ),
    }

    def fit():
        for name, side in (("row", height), ("column", width)):
            controls[name].max = side - controls["size"].value

    def drawn(row, column, size, fill):
        return _picture(model, image, row, column, size, fill)

    return wiring.panel(controls, drawn, rows=[("row", "column"), ("size", "fill")], adjust={"size": fit})


def _drawn(reading):
    figure, (left, right) = plt.subplots(1, 2, figsize=(plots.WIDTH, 2.8), width_ratios=[1, 1.4])
    left.imshow(reading.picture, cmap="gray", vmin=0, vmax=1)
    left.axis("off")
    places = np.arange(len(reading.names))
    for offset, label, values, colour in (
        (-0.2, "clean", reading.clean, plots.COLOURS[5]),
        (0.2, "covered", reading.covered, plots.COLOURS[1]),
    ):
        bars = right.barh(places + offset, values, 0.38, label=label, color=colour)
        right.bar_label(bars, fmt="%.3f", padding=3, fontsize=8)
    right.set(yticks=places, yticklabels=reading.names, xlim=(0, 1.15), xlabel="probability")
    clean, now = reading.decisions
    right.set_title(f"still {clean}" if now == clean else f"changed its mind: {clean} → {now}")
    right.invert_yaxis()
    right.legend(loc="lower right")
    return figure


def _picture(model, image, row, column, size, fill):
    """The drawing as an HTML image whose alternative text says the numbers."""
    reading = measure(model, image, row, column, size, fill)
    told = "; ".join(f"{name} {a:.3f} to {b:.3f}" for name, a, b in zip(reading.names, reading.clean, reading.covered))
    alt = (
        f"{fill} patch of {size} pixels at row {row}, column {column}. Decision: {' to '.join(reading.decisions)}. "
        f"Probability clean to covered: {told}"
    )
    return plots.as_html(_drawn(reading), alt, format="jpeg", pil_kwargs={"quality": 85})
