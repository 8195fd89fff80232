"""Small panels of notebook 22: curves and errors of competitors, shares of statistics, signals over depth."""

import matplotlib.pyplot as plt
import numpy as np

from kryptonlib import plots
from kryptonlib.basics.learning_drawing import lines


def curves(axes, comparison, what, **settings):
    """The curves of a ``fitting.Comparison``: mean and range over the seeds.

    Args:
        axes: matplotlib axes.
        comparison: ``fitting.Comparison``.
        what: an attribute of ``fitting.Curves``.
        settings: for ``learning_drawing.lines``.
    """
    steps = next(iter(comparison.curves.values()))[0].steps
    series = {name: comparison.over(name, what) for name in comparison.curves}
    lines(axes, steps, series, **{"markers": True, "xlabel": "step", **settings})


def errors(axes, comparison, **settings):
    """Errors at the end of a ``fitting.Comparison``: a dash per seed, a marker at their mean, competitors from top to
    bottom; test errors as diamonds, training errors as grey dots below them.

    Args:
        axes: matplotlib axes.
        comparison: ``fitting.Comparison``.
        settings: for ``axes.set``.
    """
    names = list(comparison.curves)
    looks = (("train_error", "0.5", "o", 0.2), ("test_error", plots.COLOURS[0], "D", 0.0))
    for place, name in enumerate(names):
        for what, colour, marker, below in looks:
            values = comparison.last(name, what)
            axes.plot(values, np.full(len(values), place + below), "|", color=colour, ms=8)
            axes.plot(values.mean(), place + below, marker, color=colour, ms=4)
    axes.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5), **settings)
    axes.set_xlim(left=0)
    axes.grid(axis="x", alpha=0.3)


def shares(axes, values, labels, **settings):
    """Shares that add up to 1 as stacked bars.

    Args:
        axes: matplotlib axes.
        values: [bars, parts].
        labels: names of the parts.
        settings: for ``axes.set``.
    """
    values, left = np.asarray(values, dtype=float), 0
    for part, (label, hatch) in enumerate(zip(labels, ("", "//", ".."))):
        axes.bar(range(1, len(values) + 1), values[:, part], bottom=left, label=label, color=plots.COLOURS[part],
                 hatch=hatch, edgecolor="white", width=0.8)  # fmt: skip
        left = left + values[:, part]
    axes.set(ylim=(0, 1), xticks=range(1, len(values) + 1), **settings)


def signal_depth(found, title=""):
    """Figure of ``probes.Signals``: mean and standard deviation of each layer's outputs, and the gradient's size."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(plots.WIDTH, 3))
    layers = np.arange(1, len(found.mean) + 1)
    spread = np.sqrt(found.variance)
    left.fill_between(layers, found.mean - spread, found.mean + spread, color=plots.COLOURS[0], alpha=0.2, lw=0)
    left.plot(layers, found.mean, color=plots.COLOURS[0], marker="", ls="-")
    left.set(xlabel="layer", ylabel="output", title="mean and one standard deviation")
    relative = found.gradient / found.gradient[-1]
    right.plot(layers, np.where(relative > 0, relative, np.nan), color=plots.COLOURS[1], ls="--", marker="")
    right.set(xlabel="layer", yscale="log", ylabel="gradient, last layer = 1", title="gradient on its way back")
    for axes in (left, right):
        axes.grid(True)
    figure.suptitle(title, fontsize=10)
    return figure
