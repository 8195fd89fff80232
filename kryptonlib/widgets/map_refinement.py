"""Watch a heat map sharpen while ``occlusion.refine`` computes it.

``watch`` shows each map as it comes and leaves a slider to go back through them; ``render`` draws one, without a
browser too.
"""

from typing import NamedTuple

import ipywidgets
import numpy as np
from IPython.display import display
from matplotlib import pyplot as plt

from kryptonlib import plots
from kryptonlib.occlusion.estimate import Estimate
from kryptonlib.widgets import wiring


class Stage(NamedTuple):
    """One map on the way: its values and computed positions [rows, columns], passes so far, and its estimated SSIM."""

    values: np.ndarray
    known: np.ndarray
    passes: int
    estimate: Estimate


def stage(heat):
    """The :class:`Stage` of one heat map of one target that ``occlusion.refine`` yields; ValueError for any other."""
    if heat.estimated_ssim is None or "known" not in heat.info or heat.values.ndim != 2:
        raise ValueError(f"expected maps of one target from occlusion.refine, got method {heat.method!r}")
    known = np.zeros(heat.values.shape, bool)
    known.flat[heat.info["known"]] = True
    return Stage(heat.values, known, int(heat.info["passes"]), heat.estimated_ssim)


def render(stages, step, promised=0.9):
    """Draw a stage: its map, where it was computed, and the estimate over the positions spent.

    Args:
        stages: those there are so far, in their order.
        step: which, from 0.
        promised: the SSIM to draw a line at.

    Returns:
        The matplotlib figure; the caller closes it.
    """
    if not 0 <= step < len(stages):
        raise ValueError(f"step must lie in 0 to {len(stages) - 1}, got {step}")
    stage, last = stages[step], stages[-1]
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(plots.WIDTH, 2.6), width_ratios=(1, 1, 1.3))
    # The limits of the latest map for all, so that colours can be compared.
    left.imshow(stage.values, vmin=last.values.min(), vmax=last.values.max())
    left.set_title(f"after {stage.passes} passes")
    middle.imshow(stage.known, cmap="gray_r", vmin=0, vmax=1.4)
    middle.set_title(f"computed: {stage.known.mean():.0%}")
    for axis in (left, middle):
        axis.axis("off")
    passes = [one.passes for one in stages]
    estimates = np.array([one.estimate[:3] for one in stages])
    right.fill_between(passes, estimates[:, 1], estimates[:, 2], color=plots.COLOURS[0], alpha=0.2, lw=0)
    right.plot(passes, estimates[:, 0])
    right.plot([stage.passes], [stage.estimate.value], ls="", marker="o", ms=9, mfc="none", color=plots.COLOURS[1])
    right.axhline(promised, color="0.5", lw=1, ls="--", marker="")
    right.set(xlabel="passes", ylabel="estimated SSIM", title=f"{stage.estimate.value:.3f}")
    return figure


def watch(heats, promised=0.9):
    """Display a panel, draw every map in it as soon as it is computed, and return it.

    Args:
        heats: what ``occlusion.refine`` returns; it is read to its end.
        promised: as for :func:`render`.

    Returns:
        An ipywidgets box; ``box.stages`` lists the :class:`Stage` of each map, ``box.controls`` maps each control's
        name to its widget, ``box.picture`` is the drawing.

    Raises:
        ValueError: no maps, or one that ``refine`` did not make.

    Example:
        >>> watch(occlusion.refine(zoo.load("efficientnet-lite0"), samples.load("chelsea"), seconds=10))
    """
    stages = []
    tooltip = "Which map of the refinement to show"
    slider = ipywidgets.IntSlider(0, 0, 0, description="Stage", tooltip=tooltip, **wiring.look())
    box = wiring.panel(
        {"stage": slider}, lambda stage: _picture(stages, stage, promised), waiting="Computing the first map"
    )
    box.stages = stages
    display(box)
    for heat in heats:
        stages.append(stage(heat))
        if len(stages) == 1:
            box.redraw()  # The slider is there already: it does not move.
        slider.max = len(stages) - 1
        slider.value = slider.max
    if not stages:
        raise ValueError("occlusion.refine gave no maps; give it more time")
    return box


def _picture(stages, step, promised):
    """The drawing as an HTML image whose alternative text says the numbers."""
    stage = stages[step]
    alt = (
        f"Stage {step + 1} of {len(stages)}: after {stage.passes} passes {stage.known.mean():.0%} of the positions are "
        f"computed; estimated SSIM {stage.estimate.value:.3f}, between {stage.estimate.low:.3f} and "
        f"{stage.estimate.high:.3f}"
    )
    return plots.as_html(render(stages, step, promised), alt)
