"""The two figures of a pairwise study: scores with their intervals, and the triangle graph of who beats whom surely."""

import matplotlib.pyplot as plt
import numpy as np

from kryptonlib.plots import COLOURS


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
    axes.set_xticks(places, [scaling.names[number] for number in order])
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
