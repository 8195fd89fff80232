"""How far can an estimate from a few exact positions be trusted?

``explore`` shows a map that is interpolated from a lattice of its positions, the positions that are checked, and the
estimated SSIM with its interval beside the true one. ``render`` draws one state, without a browser too.
"""

from typing import NamedTuple

import ipywidgets
import numpy as np
from IPython.display import display
from matplotlib import pyplot as plt

from kryptonlib import plots
from kryptonlib.choices import check_choice
from kryptonlib.occlusion import lattice, quality
from kryptonlib.occlusion.estimate import Estimate, estimated_ssim
from kryptonlib.widgets import wiring

NAMES = tuple(name for name in lattice.LATTICES if name != "all")
FEWEST = 8


class Guess(NamedTuple):
    """An interpolated map [rows, columns], what of it is known, the places checked [n, 2], its estimate and truth."""

    values: np.ndarray
    known: np.ndarray
    checked: np.ndarray
    estimate: Estimate
    truth: float


def guess(exact, name, checks, draw):
    """The :class:`Guess` from one lattice of an exact map of probabilities and one random draw of checks.

    Args:
        exact: float [rows, columns] in [0, 1], at least 7 x 7.
        name: of a lattice, one of ``NAMES``.
        checks: positions checked, from 8 to all.
        draw: number of the draw, from 0; the same number draws the same positions.
    """
    exact = np.asarray(exact, dtype=np.float64)
    check_choice("lattice", name, NAMES)
    if not FEWEST <= checks <= exact.size:
        raise ValueError(f"checks must lie in {FEWEST} to {exact.size}, got {checks}")
    known = lattice.mask(exact.shape, name)
    values = lattice.fill_in(exact, known, probability=True)
    places = np.random.default_rng(draw).permutation(exact.size)[:checks]
    checked = np.stack(np.unravel_index(np.sort(places), exact.shape), 1)
    estimate = estimated_ssim(values, checked, exact[tuple(checked.T)], known)
    return Guess(values, known, checked, estimate, quality.ssim(exact, values))


def render(exact, name="quarter", checks=16, draw=0, promised=0.9):
    """Draw one state: the map with its checked positions, the lattice, and the estimate beside the truth.

    Returns:
        The matplotlib figure; the caller closes it.
    """
    shown = guess(exact, name, checks, draw)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(plots.WIDTH, 2.6), width_ratios=(1, 1, 1.3))
    left.imshow(shown.values, vmin=np.min(exact), vmax=np.max(exact))
    left.plot(*shown.checked.T[::-1], ls="", marker="x", color="white")
    left.set_title(f"interpolated, {checks} checks")
    middle.imshow(shown.known, cmap="gray_r", vmin=0, vmax=1.4)
    middle.set_title(f"lattice: {shown.known.mean():.0%}")
    for axis in (left, middle):
        axis.axis("off")
    found = shown.estimate
    ends = [[found.value - found.low], [found.high - found.value]]
    right.errorbar([0], [found.value], np.abs(ends), capsize=5, ls="", label="estimate, 90 % interval")
    right.plot([0], [shown.truth], ls="", marker="X", ms=8, label="truth")
    right.axhline(promised, color="0.5", lw=1, ls="--", marker="")
    right.set(xticks=[], xlim=(-1, 1), ylim=(0, 1.35), yticks=(0, 0.5, promised, 1), ylabel="raw SSIM")
    right.legend(fontsize=7, loc="upper center")
    return figure


def explore(exact, promised=0.9):
    """Display a panel with the lattice, the number of checks and their draw, and return it.

    Args:
        exact: the exact map, see :func:`guess`.
        promised: the SSIM to draw a line at.

    Returns:
        An ipywidgets box; ``box.controls`` maps each control's name to its widget, ``box.picture`` is the drawing.

    Example:
        >>> explore(occlusion.heatmap(zoo.load("efficientnet-lite0"), photo, patch=32, stride=8).values)
    """
    look = wiring.look()
    controls = {
        "lattice": ipywidgets.Dropdown(
            options=NAMES, value="quarter", description="Lattice", tooltip="Which positions are computed", **look
        ),
        "checks": ipywidgets.IntSlider(
            16, FEWEST, 64, 8, description="Checks", tooltip="How many further positions are computed to judge the map",
            **look,
        ),
        "draw": ipywidgets.IntSlider(
            0, 0, 30, description="Draw", tooltip="Number of the random draw of the checks", **look
        ),
    }  # fmt: skip

    def drawn(lattice, checks, draw):
        return _picture(exact, lattice, checks, draw, promised)

    box = wiring.panel(controls, drawn)
    display(box)
    return box


def _picture(exact, name, checks, draw, promised):
    """The drawing as an HTML image whose alternative text says the numbers."""
    shown = guess(exact, name, checks, draw)
    alt = (
        f"Lattice {name}, {shown.known.mean():.0%} of the positions; {checks} checks, draw {draw}: estimated SSIM "
        f"{shown.estimate.value:.3f}, between {shown.estimate.low:.3f} and {shown.estimate.high:.3f}; true SSIM "
        f"{shown.truth:.3f}"
    )
    return plots.as_html(render(exact, name, checks, draw, promised), alt)
