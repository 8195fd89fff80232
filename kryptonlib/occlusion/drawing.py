"""Figures that compare heat maps, and figures of what incremental inference saves (notebooks 04 and 05)."""

import matplotlib.pyplot as plt
import numpy as np

from kryptonlib import plots


def attributions(maps, picture=None, title="", *, rows=1, percentile=100):
    """Attributions side by side, each on its own scale, which its title states.

    Args:
        maps: name -> array [H, W]: what covering a pixel takes away; red is positive. A map without negative values
            (one without a sign) is drawn in grey, dark is large. NaN is left out.
        picture: [H, W] or [H, W, 3] in [0, 1], drawn first, below ``title``; None draws none.
        rows: of the figure.
        percentile: of a map's absolute values, at which its scale ends.

    Returns:
        The matplotlib figure.
    """
    count = len(maps) + (picture is not None)
    columns = -(-count // rows)
    height = rows * (0.5 + plots.WIDTH / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(plots.WIDTH, height), squeeze=False)
    for place in axes.flat:
        place.axis("off")
    places = iter(axes.flat)
    if picture is not None:
        place = next(places)
        place.imshow(picture, cmap="gray", vmin=0, vmax=1)
        place.set_title(title, fontsize=9)
    for place, (name, values) in zip(places, maps.items()):
        strength = np.nanpercentile(np.abs(values), percentile)
        signed = np.nanmin(values) < 0
        place.imshow(values, cmap=plots.DIVERGING if signed else "Greys", vmin=-strength * signed, vmax=strength)
        place.set_title(f"{name}\n{'±' if signed else 'up to '}{strength:.2g}", fontsize=9)
    return figure


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


def changed_windows(picture, place, patch, changes, windows):
    """The picture with its patch, and maps of how much each changed, with the computed window outlined.

    Args:
        picture: [H, W] or [H, W, 3] in [0, 1].
        place: (row, column) of the patch's upper left corner; ``patch`` is its side in pixels.
        changes: absolute changes of each map [rows, columns].
        windows: for each map a window with ``rows`` and ``columns`` (first, last + 1), ``size`` and ``share``.

    Returns:
        The matplotlib figure; changes on a logarithmic scale over four decades, each map on its own.
    """
    figure, axes = plt.subplots(1, len(changes) + 1, figsize=(plots.WIDTH, 1.6))
    axes[0].imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes[0].add_patch(plt.Rectangle(place[::-1], patch, patch, color="black"))
    axes[0].set_title("photo", fontsize=8)
    for axis, change, window in zip(axes[1:], changes, windows):
        axis.imshow(np.log10(change + 1e-4 * change.max()))
        height, width = (last - first for first, last in (window.rows, window.columns))
        corner = window.columns[0] - 0.5, window.rows[0] - 0.5
        axis.add_patch(plt.Rectangle(corner, width, height, fill=False, edgecolor=plots.COLOURS[1], lw=1.5))
        axis.set_title(f"{window.size[0]} x {window.size[1]}\n{window.share:.0%} changed", fontsize=8)
    for axis in axes:
        axis.axis("off")
    return figure


def ratio_bars(ratios, labels):
    """Redundancy ratios as groups of bars.

    Args:
        ratios: network -> one ratio for each of ``labels``.
        labels: the ways of counting.

    Returns:
        The matplotlib figure.
    """
    figure, axis = plt.subplots(figsize=(plots.WIDTH, 3))
    places, width = np.arange(len(ratios)), 0.84 / len(labels)
    for number, label in enumerate(labels):
        heights = [each[number] for each in ratios.values()]
        across = places + (number - (len(labels) - 1) / 2) * width
        bars = axis.bar(across, heights, 0.95 * width, label=label, color=plots.COLOURS[(5, 0, 1)[number % 3]])
        axis.bar_label(bars, fmt="%.1f", fontsize=7, padding=2)
    axis.set(xticks=places, xticklabels=list(ratios), ylabel="redundancy ratio R")
    axis.tick_params(axis="x", labelsize=8)
    axis.legend(fontsize=8)
    return figure


def work_over_depth(work):
    """The work of full passes and of windows, cumulated from the first layer to the last, as shares of a full pass.

    Args:
        work: network -> the layers' work, from ``bounds.layer_work``.

    Returns:
        The matplotlib figure, one panel for each network.
    """
    figure, axes = plt.subplots(1, len(work), figsize=(plots.WIDTH, 2.8), sharey=True, squeeze=False)
    for axis, (name, layers) in zip(axes[0], work.items()):
        full = np.cumsum([layer.full for layer in layers])
        windows = np.cumsum([layer.incremental for layer in layers])
        depth = np.linspace(0, 1, len(layers))
        axis.fill_between(depth, full / full[-1], color="0.85", label="full")
        axis.fill_between(depth, windows / full[-1], color=plots.COLOURS[1], label="window only")
        axis.set(title=f"{name}: R = {full[-1] / windows[-1]:.2f}", xlabel="depth (share of layers)", ylim=(0, 1))
    axes[0, 0].set_ylabel("work so far")
    axes[0, 0].legend(loc="upper left", fontsize=8)
    return figure
