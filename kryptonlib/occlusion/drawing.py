"""Figures that compare heat maps: fills, scores, methods, networks that forgot, and orders of deletion."""

import matplotlib.pyplot as plt
import numpy as np

from kryptonlib import plots


def attribution(place, values, name, percentile=100):
    """Draw one attribution [H, W] on axes, on its own scale, which the title states.

    Args:
        place: matplotlib axes.
        values: what covering a pixel takes away; red is positive. Without negative values (a map without a sign) it is
            drawn in grey, dark is large. NaN is left out.
        name: the title's first line.
        percentile: of the absolute values, at which the scale ends.
    """
    strength = np.nanpercentile(np.abs(values), percentile)
    signed = np.nanmin(values) < 0
    place.imshow(values, cmap=plots.DIVERGING if signed else "Greys", vmin=-strength if signed else 0, vmax=strength)
    place.set_title(f"{name}\n{'±' if signed else 'up to '}{strength:.2g}", fontsize=9)
    place.axis("off")


def probability_and_log_odds(maps):
    """One row for each map of log-odds: the picture, the probability in [0, 1], and the log-odds.

    Args:
        maps: name of the fill -> a ``Heatmap`` of log-odds with one target.

    Returns:
        The matplotlib figure.
    """
    figure, axes = plt.subplots(len(maps), 3, figsize=(plots.WIDTH, 2.6 * len(maps)), squeeze=False)
    for (fill, heat), row in zip(maps.items(), axes):
        row[0].imshow(heat.picture, cmap="gray", vmin=0, vmax=1)
        row[0].set_title(heat.names[0])
        probability = row[1].imshow(1 / (1 + np.exp(-heat.values)), vmin=0, vmax=1)
        row[1].set_title(f"probability, {fill} patch")
        odds = row[2].imshow(heat.values)
        row[2].set_title("log-odds")
        for place, drawn in zip(row[1:], (probability, odds)):
            figure.colorbar(drawn, ax=place, shrink=0.8)
        for place in row:
            place.axis("off")
    return figure


def randomised(pairs, kept):
    """What is left of maps when layers are randomised: pictures of some, and rank correlations of all.

    Args:
        pairs: up to two names -> (map of the trained network, map with all layers random), arrays [rows, columns].
        kept: name -> {stage: rank correlations with the trained map, one for each random network}.

    Returns:
        The matplotlib figure: bars from the lowest to the highest correlation, a line through the means.
    """
    figure, axes = plt.subplot_mosaic("abccc\ndeccc", figsize=(plots.WIDTH, 3.6))
    for letters, (name, pair) in zip(("ab", "de"), pairs.items()):
        for letter, which, values in zip(letters, ("trained", "all random"), pair):
            strength = np.percentile(np.abs(values), 99.5)
            axes[letter].imshow(np.abs(values), cmap="Greys", vmin=0, vmax=strength)
            axes[letter].set_title(f"{name},\n{which}", fontsize=8)
            axes[letter].axis("off")
    stages = list(next(iter(kept.values())))
    right = axes["c"]
    for number, (name, by_stage) in enumerate(kept.items()):
        values = np.array([by_stage[stage] for stage in stages])
        means = values.mean(1)
        reach = means - values.min(1), values.max(1) - means
        right.errorbar(np.arange(len(stages)) + 0.06 * number, means, reach, capsize=3, label=name)
    right.axhline(0, color="black", lw=0.8, ls="-", marker="")
    right.set(xticks=np.arange(len(stages)) + 0.09, ylim=(-0.65, 1.05), ylabel="rank correlation with the trained map")
    right.set_xticklabels(stages, fontsize=8)
    right.set_xlabel("randomised layers")
    right.legend(fontsize=8, loc="upper right")
    return figure


def against_chance(gains, luck, titles, ylabel):
    """Dots for the results of each method on several images, beside the range of random ones.

    Args:
        gains: method -> array [images, tests], differences from the mean of the image's random results.
        luck: array [n, tests], the same differences of single random results.
        titles: one for each test.
        ylabel: what the differences are.

    Returns:
        The matplotlib figure, one panel for each test; a line is the mean of the images, the band the range of luck.
    """
    figure, axes = plt.subplots(1, len(titles), figsize=(plots.WIDTH, 3.2))
    for test, (place, title) in enumerate(zip(axes, titles)):
        for at, each in enumerate(gains.values()):
            across = at + np.linspace(-0.15, 0.15, len(each))
            place.plot(across, each[:, test], color=plots.COLOURS[at], marker=plots.MARKERS[at], ls="")
            place.hlines(each[:, test].mean(), at - 0.3, at + 0.3, color=plots.COLOURS[at])
        place.axhspan(luck[:, test].min(), luck[:, test].max(), color="0.88", zorder=0)
        place.axhline(0, color="black", lw=0.8, ls="-", marker="")
        place.set(title=title, xticks=range(len(gains)))
        place.set_xticklabels([name.replace(" ", "\n") for name in gains], fontsize=8)
    axes[0].set_ylabel(ylabel)
    return figure
