"""Figures of notebook 09 that take more than a few lines."""

import numpy as np
from matplotlib import pyplot as plt
from scipy.special import erfc

from kryptonlib import plots
from kryptonlib.compression.latents import families, likeness

NAMES = {"Laplace": families.LAPLACE, "Gaussian": families.GAUSSIAN, "free power": None}


def density(axes, y, *, number=0, limits=None, bins=81):
    """A map's histogram with its three fits, on a logarithmic axis.

    Args:
        axes: of matplotlib. y: array [maps, n]. number: of the map.
        limits: of the axis; None takes 10 Laplace scales on either side of the median.
    """
    values = y[number]
    models = {name: families.fit(y[number : number + 1], power) for name, power in NAMES.items()}
    centre, scale = models["Laplace"].location[0], models["Laplace"].scale[0]
    low, high = limits or (centre - 10 * scale, centre + 10 * scale)
    # An odd number of bins has one around the median, where the peak is.
    edges = np.linspace(low, high, bins + 1)
    heights = np.histogram(values, edges)[0] / len(values) / np.diff(edges)
    axes.stairs(heights, edges, fill=True, color="0.8", label="histogram")
    x = np.linspace(low, high, 801)
    for (name, model), colour, style in zip(models.items(), plots.COLOURS, plots.STYLES):
        axes.plot(x, model.density(0, x), style, color=colour, marker="", label=name)
    lowest = 0.5 / len(values) / (edges[1] - edges[0])
    axes.set(yscale="log", ylim=(lowest, 3 * max(heights.max(), lowest)), xlim=(low, high), xlabel="coefficient")


def distributions(y, chosen, exceptional, powers, band=(0.5, 2.0)):
    """Histograms of two maps, the scales of all, the tails of all, and how peaked they are.

    Args:
        y: array [maps, n] of latents. chosen: two maps. exceptional: a map that is left out of the scales and tails.
        powers: name -> array of powers of the generalised Gaussian.
        band: of scales that is marked.

    Returns:
        The matplotlib figure.
    """
    rest = np.delete(y, exceptional, 0)
    laplace = families.fit(rest, families.LAPLACE)
    figure, axes = plt.subplot_mosaic([["one", "two"], ["scales", "tails"], ["powers", "powers"]],
                                      figsize=(plots.WIDTH, 7.6), height_ratios=(1, 1, 0.9))  # fmt: skip
    for name, number in zip(("one", "two"), chosen):
        density(axes[name], y, number=number)
        axes[name].set(title=f"map {number}")
    axes["one"].set_ylabel("density")
    axes["one"].legend(fontsize=8)
    edges = np.geomspace(min(0.1, laplace.scale.min()), max(10.0, 1.01 * laplace.scale.max()), 31)
    axes["scales"].axvspan(*band, color=plots.COLOURS[4], alpha=0.2, label=f"{band[0]:g} to {band[1]:g}")
    axes["scales"].hist(laplace.scale, edges, color=plots.COLOURS[0])
    axes["scales"].set(xscale="log", xlabel="Laplace scale λ", ylabel="maps")
    axes["scales"].legend(fontsize=8)
    x = np.linspace(0, 12, 200)
    places = [1 - np.arange(rest.shape[1]) / rest.shape[1]] * len(rest)
    sizes = np.sort(np.abs(rest - laplace.location[:, None]) / laplace.scale[:, None], 1)
    for size, share in zip(sizes, places):
        axes["tails"].plot(size, share, linestyle="-", marker="", color="0.6", linewidth=0.4, alpha=0.5)
    axes["tails"].plot([], [], linestyle="-", marker="", color="0.6", label="every map")
    axes["tails"].plot(x, np.exp(-x), plots.STYLES[0], marker="", color=plots.COLOURS[0], label="Laplace")
    axes["tails"].plot(x, erfc(x / np.pi**0.5), plots.STYLES[1], marker="", color=plots.COLOURS[1], label="Gaussian")
    axes["tails"].set(yscale="log", xlim=(0, 12), ylim=(0.5 / rest.shape[1], 1.2), xlabel="distance from the median / λ",
                      ylabel="share beyond")  # fmt: skip
    axes["tails"].legend(fontsize=8)
    for (name, values), colour, style in zip(powers.items(), plots.COLOURS, plots.STYLES):
        share = np.arange(1, len(values) + 1) / len(values)
        axes["powers"].plot(np.sort(values), share, style, marker="", color=colour, label=name)
    for power, name in ((1, "Laplace"), (2, "Gaussian")):
        axes["powers"].axvline(power, color="0.4", linewidth=0.8, linestyle=":", marker="")
        axes["powers"].text(power, 1.04, name, ha="center", fontsize=8)
    axes["powers"].set(xlabel="power of the density that fits best", ylabel="share of the maps", xscale="log", ylim=(0, 1.12))
    axes["powers"].set_xticks([0.25, 0.5, 1, 2], ["0.25", "0.5", "1", "2"])
    axes["powers"].minorticks_off()
    axes["powers"].legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=4)
    return figure


def alikeness(atoms):
    """Where atoms lie and what they are: energy outside the own block over frequency, and likeness to one DCT function.

    Args:
        atoms: name -> array [N, 112, 112], or several draws of such atoms [draws, N, 112, 112]: the first is drawn on
            the left, a line for each on the right.

    Returns:
        The matplotlib figure.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(plots.WIDTH, 3.0))
    for (name, some), colour, style, marker in zip(atoms.items(), plots.COLOURS, plots.STYLES, plots.MARKERS):
        draws = some[None] if some.ndim == 3 else some
        places = likeness.frequency(draws[0]), likeness.outside(draws[0])
        left.plot(*places, linestyle="", marker=marker, color=colour, label=name, alpha=0.7)
        for number, one in enumerate(draws):
            share = np.sort(likeness.dct_share(one))
            label = None if number else name if len(draws) == 1 else f"{name}, {len(draws)} draws"
            right.plot(share, np.arange(1, len(share) + 1) / len(share), style, marker="", color=colour, label=label,
                       linewidth=None if len(draws) == 1 else 0.8)  # fmt: skip
    left.set(xlabel="mean frequency (cycles per pixel)", ylabel="energy outside its block", ylim=(-0.03, 1))
    right.set(xlabel="energy in its strongest DCT function", ylabel="share of the atoms", xlim=(0, 1.02))
    left.legend(fontsize=8)
    right.legend(fontsize=8, loc="lower right")
    return figure


def gaps(betas, lines, per_map, limit, bound):
    """Files against the entropy: over the step size, and by map.

    Args:
        betas: factors of the step. lines: mode -> mean gap [betas] in bit/pixel.
        per_map: mode -> gap [maps] in bit/pixel at one beta; drawn by falling gap of the first mode.
        limit: that a line is drawn at.
        bound: [betas], what probabilities of these very photos would leave; drawn dashed.

    Returns:
        The matplotlib figure.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(plots.WIDTH, 3.0))
    plots.curves(betas, lines, xlabel="β", ylabel="file − entropy (bit/pixel)", axes=left)
    left.axhline(limit, color="0.3", linestyle=":", marker="", linewidth=1)
    left.plot(betas, bound, linestyle="--", marker="", color="0.3", linewidth=1, label="own tables")
    left.legend(fontsize=8)
    left.axhline(0, color="0.3", linestyle="-", marker="", linewidth=0.6)
    order = np.argsort(-next(iter(per_map.values())))
    for (name, gap), colour, style in zip(per_map.items(), plots.COLOURS, plots.STYLES):
        right.plot(np.cumsum(gap[order]), style, marker="", color=colour, label=name)
    right.axhline(0, color="0.3", linestyle="-", marker="", linewidth=0.6)
    right.set(xlabel="maps, largest gap first", ylabel="gap so far (bit/pixel)", title="summed over the maps, β = 1")
    right.legend(fontsize=8)
    return figure


def saved(before, after, names):
    """Bits per place with two coders on one scale, and the difference on its own.

    Args:
        before, after: arrays [h, w] in bits. names: of the two coders.

    Returns:
        The matplotlib figure.
    """
    figure, axes = plt.subplots(1, 3, figsize=(plots.WIDTH, 2.5))
    for place, name, values in zip(axes, names, (before, after)):
        both = place.imshow(values, vmin=0, vmax=before.max())
        place.set_title(name, fontsize=8)
    difference = axes[2].imshow(before - after, vmin=min(0, (before - after).min()))
    axes[2].set_title("saved", fontsize=8)
    for place in axes:
        place.axis("off")
    figure.colorbar(both, ax=axes[:2], label="bits per place", shrink=0.8)
    figure.colorbar(difference, ax=axes[2], label="bits per place", shrink=0.8)
    return figure


def map_and_atom(y, number, atom, alpha):
    """A map's histogram with alpha marked, and what the coefficient alpha draws.

    Args:
        y: array [maps, n]. number: of the map. atom: array [H, W] in grey levels. alpha: the coefficient's value.

    Returns:
        The matplotlib figure.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(plots.WIDTH, 3.2), width_ratios=(1.3, 1))
    values = y[number]
    ends = min(values.min(), alpha), max(values.max(), alpha)
    margin = 0.03 * (ends[1] - ends[0]) + 1e-6
    density(left, y, number=number, limits=(ends[0] - margin, ends[1] + margin))
    left.axvline(alpha, color=plots.COLOURS[3], linestyle="-", marker="", linewidth=2, label=f"α = {alpha:.2f}")
    left.set(ylabel="density", title=f"map {number}")
    left.legend(fontsize=8, frameon=True, facecolor="white", framealpha=0.85)
    strongest = max(np.abs(atom).max(), 1e-6)
    drawn = right.imshow(atom, cmap="gray", vmin=-strongest, vmax=strongest)
    right.set(xticks=[], yticks=[], title="what it draws")
    figure.colorbar(drawn, ax=right, label="grey levels", shrink=0.85)
    return figure
