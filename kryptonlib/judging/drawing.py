"""The figures of a pairwise study: scores with intervals, who beats whom surely, and how metrics agree with people."""

import matplotlib.pyplot as plt
import numpy as np

from kryptonlib.plots import COLOURS, MARKERS


def scores(scaling, *, lowest=None, axes=None):
    """JOD scores with 95 % intervals, best candidate first.

    Args:
        scaling: a :class:`kryptonlib.judging.jod.Scaling`.
        lowest: the score that the lowest candidate is moved to (the thesis draws 1); None leaves the mean at 0.
        axes: matplotlib axes to draw on; None makes a figure.

    Returns:
        The matplotlib figure.

    Source: thesis (paper 5), figures 6.7 and 6.17.
    """
    if axes is None:
        _, axes = plt.subplots()
    order = np.argsort(-scaling.scores)
    shift = 0.0 if lowest is None else lowest - scaling.scores.min()
    middle = scaling.scores[order]
    # A percentile interval need not hold the score; the whisker on that side is then left out.
    whiskers = np.maximum([middle - scaling.low[order], scaling.high[order] - middle], 0)
    places = np.arange(len(order))
    look = {"fmt": "o", "color": COLOURS[0], "capsize": 4, "markersize": 6, "linestyle": "none"}
    axes.errorbar(places, middle + shift, whiskers, **look)
    axes.set_xticks(places, [scaling.names[number] for number in order], rotation=30)
    axes.set_ylabel("quality in JOD")
    axes.grid(True, axis="y")
    return axes.figure


def triangles(scaling, *, level=0.05, axes=None):
    """The triangle graph: candidates on the JOD axis, lines between those one and two ranks apart.

    Solid blue: the difference is significant; dashed orange: not. The number on a line is the difference in JOD.

    Args:
        scaling: a :class:`kryptonlib.judging.jod.Scaling`.
        level: of the two-sided test.
        axes: matplotlib axes to draw on; None makes a figure.

    Returns:
        The matplotlib figure.

    Source: thesis (paper 5), figures 6.8 and 6.18; pwcmp's pw_plot_ranking_triangles.
    """
    if axes is None:
        _, axes = plt.subplots()
    order = np.argsort(scaling.scores)
    height = {scaling.names[number]: rank % 2 for rank, number in enumerate(order)}
    at = dict(zip(scaling.names, scaling.scores))
    for number, (better, worse, difference, _, significant) in enumerate(scaling.neighbours(level)):
        ends = np.array([[at[better], height[better]], [at[worse], height[worse]]])
        axes.plot(*ends.T, color=COLOURS[0 if significant else 1], linestyle="-" if significant else "--", marker="")
        # Numbers keep out of each other's way: higher and lower on slanted lines in turn, inside of level ones.
        if height[better] == height[worse]:
            x, y = ends[:, 0].mean(), 0.08 if height[worse] == 0 else 0.92
        else:
            y = (0.3, 0.7)[number // 2 % 2]
            x = np.interp(y, *ends[ends[:, 1].argsort()].T[::-1])
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
        axes.text(x, y, f"{difference:.2f}", ha="center", va="center", bbox=box)
    for name in scaling.names:
        axes.plot(at[name], height[name], "o", color="black", markersize=6)
        axes.text(at[name], height[name] + (0.14 if height[name] else -0.14), name, ha="center", va="center")
    axes.set(ylim=(-0.4, 1.4), yticks=[], xlabel="quality in JOD")
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.1)
    return axes.figure


def compared(scalings, *, axes=None):
    """Scores of the same candidates by several scalings, side by side with 95 % intervals, best candidate first.

    Args:
        scalings: label -> :class:`kryptonlib.judging.jod.Scaling`; all with the same names.
        axes: matplotlib axes to draw on; None makes a figure.

    Returns:
        The matplotlib figure.
    """
    if axes is None:
        _, axes = plt.subplots()
    first = next(iter(scalings.values()))
    order = np.argsort(-first.scores)
    shifts = np.linspace(-0.15, 0.15, len(scalings)) if len(scalings) > 1 else [0.0]
    for shift, (label, scaling), colour, marker in zip(shifts, scalings.items(), COLOURS, MARKERS):
        middle = scaling.scores[order]
        whiskers = np.maximum([middle - scaling.low[order], scaling.high[order] - middle], 0)
        look = {"fmt": marker, "color": colour, "capsize": 3, "linestyle": "none"}
        axes.errorbar(np.arange(len(order)) + shift, middle, whiskers, label=label, **look)
    axes.set_xticks(range(len(order)), [first.names[number] for number in order], rotation=40, ha="right")
    axes.set_ylabel("quality in JOD")
    axes.grid(True, axis="y")
    axes.legend(fontsize=8)
    return axes.figure


def agreements(groups, names, *, best, chance=0.5, axes=None, title="", rotation=0):
    """Bars of how far metrics agree with people, below the most that is possible (a dashed line).

    Args:
        groups: label -> values, one for each metric; or, for dots in place of bars, one list for each metric.
        names: of the metrics.
        best: the ceiling.
        chance: what guessing gives, a solid line.
        axes: matplotlib axes to draw on; None makes a figure.
        title, rotation: of the axes, and of the metrics' names in degrees.

    Returns:
        The matplotlib figure.
    """
    if axes is None:
        _, axes = plt.subplots()
    width = 0.8 / len(groups)
    places = np.arange(len(names))
    for number, (label, values) in enumerate(groups.items()):
        at = places + (number - (len(groups) - 1) / 2) * width
        if np.ndim(values[0]):
            for place, some in zip(at, values):
                axes.plot([place] * len(some), some, "o", color=COLOURS[number], linestyle="none", markersize=6)
        else:
            axes.bar(at, values, width, label=label, color=COLOURS[number], hatch=("", "//")[number % 2])
    axes.axhline(chance, color="0.3", linewidth=1, linestyle="-", marker="")
    axes.axhline(best, color="0.3", linewidth=1.5, linestyle="--", marker="")
    axes.set_xticks(places, names, rotation=rotation)
    axes.set_title(title)
    return axes.figure
