"""Figures of notebook 16 that take more than a few lines."""

import numpy as np
from matplotlib import pyplot as plt

from kryptonlib import plots
from kryptonlib.adversarial import game, ring


def one_dimension(played, data):
    """Densities and best discriminator at the start and the end of a game, and its value on the way.

    Args:
        played: :class:`game.Played`. data: (mean, deviation) of the data.

    Returns:
        The matplotlib figure.
    """
    x = np.linspace(-6, 6, 601)
    figure, axes = plt.subplots(1, 3, figsize=(plots.WIDTH, 2.9))
    p = game.normal(x, *data)
    for place, number, title in ((axes[0], 0, "before the game"), (axes[1], -1, "after it")):
        q = game.normal(x, played.mean[number], played.deviation[number])
        for label, line, k in (
            ("data p", p, 0),
            ("generated q", q, 1),
            ("best D = p / (p + q)", game.optimal_discriminator(p, q), 2),
        ):
            place.plot(x, line, plots.STYLES[k], color=plots.COLOURS[k], marker="", label=label)
        place.set(title=title, xlabel="x", ylim=(-0.02, 1.05))
    axes[0].set_ylabel("density, and D")
    rounds = np.arange(len(played.value))
    axes[2].plot(rounds, played.value, marker="", color=plots.COLOURS[0], label="V(D, G)")
    axes[2].axhline(-game.LOG_4, color="0.4", linestyle=":", label="-log 4")
    axes[2].set(title="value of the game", xlabel="round", ylabel="nats")
    axes[2].legend()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def rings(found, titles, shown=500):
    """Points of several generators over the centres of the ring.

    Args:
        found: tensors or arrays [N, 2]. titles: one each. shown: points that are drawn.

    Returns:
        The matplotlib figure.
    """
    figure, axes = plt.subplots(1, len(found), figsize=(plots.WIDTH, 2.5), sharex=True, sharey=True, squeeze=False)
    for place, points, title in zip(axes[0], found, titles):
        place.plot(*ring.centres().numpy().T, linestyle="", marker="o", markersize=13, fillstyle="none", color="0.6")
        place.plot(*np.asarray(points)[:shown].T, linestyle="", marker=".", markersize=2.5, color=plots.COLOURS[0])
        place.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", title=title, xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    return figure


def tips(tried):
    """What ``ring.judged`` says of several ways to train, group by group: one dot a seed, a line at the mean.

    Args:
        tried: group -> {way: (modes [runs], good [runs], overlap [runs])}.

    Returns:
        The matplotlib figure.
    """
    count = sum(len(ways) for ways in tried.values())
    figure, axes = plt.subplots(1, 3, figsize=(plots.WIDTH, 0.27 * count + 0.12 * len(tried) + 0.7), sharey=True)
    ticks, labels, height = [], [], 0.0
    for group, ways in tried.items():
        for line, (way, results) in enumerate(ways.items()):
            ticks.append(height)
            labels.append(f"{group}: {way}" if group else way)
            for place, values in zip(axes, results):
                values = np.asarray(values, float)
                # Equal numbers lie above each other, so that all seeds are seen.
                beside = height + np.linspace(-0.25, 0.25, len(values))
                place.plot(
                    values, beside, linestyle="", marker=plots.MARKERS[line], markersize=5, color=plots.COLOURS[line]
                )
                place.plot(
                    [values.mean()] * 2,
                    [height - 0.4, height + 0.4],
                    color=plots.COLOURS[line],
                    marker="",
                    linestyle="-",
                )
            height += 1
        height += 0.5
    axes[0].set(
        yticks=ticks,
        yticklabels=labels,
        xticks=range(0, ring.MODES + 1, 2),
        xlim=(-0.4, ring.MODES + 0.4),
        xlabel=f"modes covered, of {ring.MODES}",
    )
    for place, label in zip(axes[1:], ("share of good points", "overlap with the data")):
        place.set(xlim=(-0.04, 1.04), xlabel=label)
    axes[0].invert_yaxis()
    for place in axes:
        place.grid(True, axis="x")
    return figure


def stopping(log, real):
    """What the losses say during a training, and what the Fréchet distance says.

    Args:
        log: column -> array [rows] of a DCGAN's log.
        real: Fréchet distance of real digits to real digits.

    Returns:
        The matplotlib figure.
    """
    figure, axes = plt.subplots(1, 2, figsize=(plots.WIDTH, 3.0))
    lines = {"discriminator": log["discriminator_loss"], "generator": log["generator_loss"]}
    plots.curves(log["step"], lines, xlabel="step", ylabel="loss (nats)", axes=axes[0])
    axes[0].axhline(game.LOG_4, color="0.4", linestyle=":")
    axes[0].annotate("log 4", (log["step"][-1], game.LOG_4), ha="right", va="top")
    lines = {"network": log["frechet"], "moving average": log["frechet_average"]}
    plots.curves(log["step"], lines, xlabel="step", ylabel="Fréchet distance", logy=True, axes=axes[1])
    axes[1].set_yticks([5, 10, 20, 50, 100, 200, 500], ["5", "10", "20", "50", "100", "200", "500"], minor=False)
    axes[1].tick_params(axis="y", which="minor", labelleft=False)
    axes[1].axhline(real, color="0.4", linestyle=":")
    axes[1].annotate("real digits", (log["step"][-1], real), ha="right", va="bottom")
    return figure


def distances(found):
    """How the distances to the nearest digit are spread, as lines through the bins of a histogram.

    Args:
        found: name -> array of distances.

    Returns:
        The matplotlib figure.
    """
    edges = np.linspace(0, max(np.max(some) for some in found.values()), 41)
    lines = {name: np.histogram(some, edges)[0] / len(some) for name, some in found.items()}
    middles = (edges[1:] + edges[:-1]) / 2
    xlabel = "distance to the nearest digit (rms difference of a pixel)"
    return plots.curves(middles, lines, xlabel=xlabel, ylabel="share of the pictures")
