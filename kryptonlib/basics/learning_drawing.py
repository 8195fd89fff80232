"""Figures about learning: lines with a band, activations above their slopes, decisions, gradients on edges, fits."""

import matplotlib.pyplot as plt
import numpy as np

from kryptonlib import plots
from kryptonlib.basics.neurons import ACTIVATIONS


def lines(axes, x, series, *, markers=False, legend=True, **settings):
    """Draw one line per name on axes.

    Args:
        axes: matplotlib axes.
        x: [N].
        series: mapping from a name to its values [N], or [N, runs]: then the line is their mean, and a band reaches
            from the smallest to the largest. Infinite values are left out.
        markers: mark the points as well.
        legend: name the lines in a legend.
        settings: for ``axes.set``, for example ``xlabel``, ``yscale``, ``ylim``, ``title``.

    Raises ValueError if a series is not as long as ``x``.
    """
    x = np.asarray(x)
    for place, (name, values) in enumerate(series.items()):
        values = np.asarray(values, dtype=float)
        if values.ndim not in (1, 2) or len(values) != len(x):
            raise ValueError(f"lines() got {len(x)} x values and {name!r} of shape {values.shape}")
        values = np.where(np.isfinite(values), values, np.nan)
        colour = plots.COLOURS[place % len(plots.COLOURS)]
        look = {"color": colour, "ls": plots.STYLES[place % len(plots.STYLES)], "label": name}
        look["marker"] = plots.MARKERS[place % len(plots.MARKERS)] if markers else ""
        if values.ndim == 2:
            axes.fill_between(x, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.15, lw=0)
            values = values.mean(axis=1)
        axes.plot(x, values, lw=1.5, **look)
    axes.set(**settings)
    axes.grid(True)
    if legend:
        axes.legend(fontsize=8)


def activations(names, x=None):
    """The named activation functions above their slopes, one column each; returns the figure.

    Args:
        names: names of ``kryptonlib.basics.neurons.ACTIVATIONS``.
        x: where to draw them [N]; None takes -4..4.
    """
    for name in names:
        if name not in ACTIVATIONS:
            raise ValueError(f"unknown activation {name!r}; known are {', '.join(ACTIVATIONS)}")
    x = np.linspace(-4, 4, 801) if x is None else np.asarray(x, dtype=float)
    figure, axes = plt.subplots(
        2, len(names), figsize=(plots.WIDTH, 3.6), sharex=True, sharey="row", squeeze=False
    )
    for (above, below), name in zip(axes.T, names):
        slope = ACTIVATIONS[name].slope(x)
        above.plot(x, ACTIVATIONS[name].value(x), marker="", lw=2)
        below.plot(x, slope, marker="", lw=2, color=plots.COLOURS[1])
        below.fill_between(x, slope, color=plots.COLOURS[1], alpha=0.2)
        above.set(title=name, ylim=(-2.2, 4.2))
        below.set(xlabel="x", ylim=(-0.1, 1.95), xticks=[x[0], 0, x[-1]])
        for place in (above, below):
            place.axhline(0, color="0.6", lw=0.7)
            place.axvline(0, color="0.6", lw=0.7)
    axes[0, 0].set_ylabel("f(x)")
    axes[1, 0].set_ylabel("slope f′(x)")
    return figure


def decisions(networks, points, labels, *, window=(-0.4, 1.4)):
    """The output of networks with two inputs over a square, with labelled points on it.

    Args:
        networks: mapping from a title to a function of inputs [N, 2] that returns outputs [N, 1].
        points: [M, 2].
        labels: [M], 0 or 1.
        window: (lowest, highest) of both inputs.

    Returns:
        The figure: outputs in colour from -0.5 to 1.5, a black line where the output is 1/2, the mean square error on
        the points in the titles.
    """
    points, labels = np.asarray(points, dtype=float), np.asarray(labels).ravel()
    if points.ndim != 2 or points.shape[1] != 2 or len(labels) != len(points):
        raise ValueError(f"expected points [M, 2] and a label for each, got {points.shape} and {labels.shape}")
    side = np.linspace(*window, 120)
    plane = np.stack(np.meshgrid(side, side), axis=-1)
    figure, axes = plt.subplots(1, len(networks), figsize=(plots.WIDTH, 3), sharey=True, squeeze=False)
    for place, (title, network) in zip(axes[0], networks.items()):
        out = np.reshape(network(plane.reshape(-1, 2)), plane.shape[:2])
        shade = place.contourf(side, side, out, np.linspace(-0.5, 1.5, 21), cmap=plots.DIVERGING, extend="both")
        if out.min() < 0.5 < out.max() and np.ptp(out) > 0.01:
            place.contour(side, side, out, levels=[0.5], colors="black")
        for label, marker in ((0, "o"), (1, "^")):
            chosen = points[labels == label]
            place.plot(*chosen.T, marker, color="w", mec="k", ms=10, ls="", label=f"class {label}")
        error = np.mean((np.ravel(network(points)) - labels) ** 2)
        place.set(title=f"{title}\nmean square error {error:.2g}", xlabel="input 1", aspect="equal")
    axes[0, 0].set_ylabel("input 2")
    axes[0, 0].legend(loc="center", fontsize=8)
    figure.colorbar(shade, ax=axes, label="output", ticks=[-0.5, 0, 0.5, 1, 1.5], shrink=0.8)
    return figure


def backpropagation(axes, outputs, weights, slopes, letters="iho"):
    """A fully connected network: outputs in its units, and on each edge the weight above its gradient.

    Args:
        axes: matplotlib axes.
        outputs: outputs of the units of each layer, the inputs first: [layers + 1][units].
        weights, slopes: one array [outputs, inputs] per layer, and dE/dW of the same shapes.
        letters: one letter per layer for the names of its units; at most two units fit beside each other legibly.
    """
    if len(weights) != len(outputs) - 1 or [np.shape(w) for w in weights] != [np.shape(s) for s in slopes]:
        raise ValueError(
            f"expected a weight and a gradient array of equal shape for each of {len(outputs) - 1} layers, "
            f"got shapes {[np.shape(w) for w in weights]} and {[np.shape(s) for s in slopes]}"
        )
    white = {"fc": "white", "ec": "none", "pad": 0.8}
    for column, (letter, values) in enumerate(zip(letters, outputs)):
        for row, value in enumerate(values):
            axes.text(
                2 * column, -row, f"{letter}{row + 1}\n{value:.4f}", ha="center", va="center", fontsize=9, zorder=3,
                bbox={"boxstyle": "circle,pad=0.35", "fc": "#DCE9F5", "ec": "0.3"},
            )  # fmt: skip
    number = 0
    for column, (layer, slope) in enumerate(zip(weights, slopes)):
        for (end, begin), value in np.ndenumerate(layer):
            number += 1
            axes.plot([2 * column, 2 * column + 2], [-begin, -end], color="0.6", marker="", ls="-", zorder=0)
            # Crossing edges are labelled before they cross.
            along = 0.3 if begin != end else 0.5
            x, y = 2 * (column + along), -begin + along * (begin - end)
            axes.text(x, y, f"w{number} = {value:.2f}", ha="center", va="bottom", fontsize=8, bbox=white)
            axes.text(x, y, f"{slope[end, begin]:+.4f}", ha="center", va="top", fontsize=8, color="#A84300", bbox=white)
    axes.set(xlim=(-0.5, 2 * len(weights) + 0.5), ylim=(-max(map(len, outputs)) + 0.55, 0.5))
    axes.axis("off")


def fits(x, truth, fitted, degrees, curves, *, draws=20):
    """Fits of some degrees in many draws, and mean squares over all degrees; returns the figure.

    Args:
        x, truth: where the fits are drawn, and the noiseless values there [F].
        fitted: degree -> fits [F, draws]; one panel each.
        degrees: [D].
        curves: a list of mappings from a name to mean squares [D]; one panel each, logarithmic.
        draws: how many fits to draw.
    """
    count = len(fitted) + len(curves)
    widths = [1] * len(fitted) + [2] * len(curves)
    figure, axes = plt.subplots(1, count, figsize=(plots.WIDTH, 3), width_ratios=widths)
    for place, (degree, values) in zip(axes, fitted.items()):
        place.plot(x, values[:, :draws], color=plots.COLOURS[5], ls="-", marker="", lw=0.6, alpha=0.6)
        place.plot(x, truth, color="black", ls="--", marker="", lw=2)
        place.set(title=f"degree {degree}", ylim=(-2, 2), yticks=[-1, 0, 1], xlabel="x")
    for place, series in zip(axes[len(fitted) :], curves):
        values = np.concatenate([np.asarray(line) for line in series.values()])
        # Whole decades, and room above for the legend, so that every curve stays on its axis.
        limits = 10.0 ** np.array([np.floor(np.log10(values.min())), np.ceil(np.log10(values.max())) + 0.6])
        lines(place, degrees, series, xlabel="degree", title="mean square", yscale="log", ylim=limits)
    return figure
