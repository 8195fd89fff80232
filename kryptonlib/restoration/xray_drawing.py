"""Figures of notebook 13: noise levels estimated and true, gains over the noise, and planted spots."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patheffects import withStroke

from kryptonlib import plots
from kryptonlib.restoration import noise


def readings(said, found):
    """PSNR of several readings of the noise model over the printed one.

    Args:
        said: PSNR printed for each noise level, in dB. found: label of a reading -> its PSNR at each level.
    """
    figure, axis = plt.subplots(figsize=(5.6, 3.6))
    for (label, values), marker in zip(found.items(), "osD^v"):
        axis.plot(said, values, ls="", marker=marker, label=label)
    axis.axline((said[0], said[0]), slope=1, color="0.5", lw=1, marker="")
    axis.set(xlabel="PSNR printed in Table II (dB)", ylabel="PSNR of the reading (dB)")
    axis.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def levels(fitted, pair, difference, truth, guesses):
    """How the noise of one image is read off it, and how two estimators do over many.

    Args:
        fitted: ``noise_level.Level`` of an image. pair: its true (eta, sigma).
        difference: the sub-network's photon map minus its truth, in grey levels [h, w].
        truth: [n, 2] true pairs. guesses: label -> [n, 2] estimated pairs.

    Returns:
        The matplotlib figure.
    """
    figure, (one, two, three, four) = plt.subplots(1, 4, figsize=(9.6, 2.5), width_ratios=(1.2, 1, 1, 1.1))
    one.plot(fitted.means, fitted.variances, ls="", ms=4)
    ends = np.array([0.0, 255.0])
    for (eta, sigma), style, label in ((pair, "-", "true"), (fitted[:2], "--", "fitted")):
        one.plot(ends, noise.variance(ends, eta, sigma), ls=style, marker="", label=label)
    one.set(xlabel="grey level", ylabel="variance")
    for axis, index, name in ((two, 0, "η"), (three, 1, "σ")):
        for (label, found), marker in zip(guesses.items(), "o^s"):
            axis.plot(truth[:, index], found[:, index], ls="", marker=marker, ms=4, mfc="none", label=label)
        # Many points: on a logarithmic axis the diagonal is a curve.
        ends = np.linspace(truth[:, index].min(), truth[:, index].max(), 50)
        axis.plot(ends, ends, color="0.5", lw=1, ls="-", marker="")
        axis.set(xlabel=f"true {name}", ylabel=f"estimated {name}")
    # A line through few grey levels may miss eta by a factor.
    two.set_yscale("log")
    for axis in (one, two):
        axis.legend(fontsize=7)
    reach = max(float(np.abs(difference).max()), 1e-6)
    shown = four.imshow(difference, cmap=plots.DIVERGING, vmin=-reach, vmax=reach)
    figure.colorbar(shown, ax=four, label="grey levels")
    four.set_title("map - truth", fontsize=8)
    four.axis("off")
    return figure


def gains(maps, etas, sigmas):
    """Gain in PSNR over eta and sigma, a panel for each method, one scale from the least gain to the largest.

    Args:
        maps: label -> [etas, sigmas] in dB.
    """
    figure, axes = plt.subplots(1, len(maps), figsize=(plots.WIDTH, 2.6), sharey=True, squeeze=False)
    least, most = (float(pick(list(maps.values()))) for pick in (np.min, np.max))
    for axis, (label, values) in zip(axes[0], maps.items()):
        drawn = axis.imshow(values, vmin=least, vmax=most, aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            text = axis.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=7, color="white")
            text.set_path_effects([withStroke(linewidth=1.5, foreground="black")])
        axis.set(title=label, xlabel="σ (grey levels)", xticks=range(len(sigmas)), xticklabels=sigmas)
    axes[0, 0].set(ylabel="η (photons per level)", yticks=range(len(etas)), yticklabels=etas)
    figure.colorbar(drawn, ax=list(axes[0]), label="gain in PSNR (dB)")
    return figure


def bars(groups, series):
    """Gain in PSNR for several kinds of noise, a bar for each method.

    Args:
        groups: labels of the kinds. series: label -> value of each kind in dB.
    """
    figure, axis = plt.subplots(figsize=(plots.WIDTH, 2.8))
    width = 0.8 / len(series)
    for place, ((label, values), hatch) in enumerate(zip(series.items(), ("", "//", "..", "xx"))):
        offset = width * (place - (len(series) - 1) / 2)
        axis.bar(np.arange(len(values)) + offset, values, width, label=label, hatch=hatch)
    axis.set(xticks=range(len(groups)), xticklabels=groups, ylabel="gain in PSNR (dB)")
    axis.axhline(0, color="0.3", lw=1, marker="")
    axis.legend(fontsize=7)
    return figure


def spots(trials, planted, restored, contrast):
    """What is kept of planted spots, how well they can be told from nothing, and one of them.

    Args:
        trials: label -> list of ``nodule.Kept``, of the same contrasts.
        planted, restored: [h, w] in [0, 255]. contrast: of the spot in them.
    """
    figure, axes = plt.subplots(1, 4, figsize=(9.6, 2.5), width_ratios=(1.4, 1.4, 1, 1))
    contrasts = [one.contrast for one in next(iter(trials.values()))]
    for axis, what, label in ((axes[0], "share", "share that is kept"), (axes[1], "index", "detectability d'")):
        series = {name: [getattr(one, what) for one in found] for name, found in trials.items()}
        plots.curves(contrasts, series, xlabel="contrast (grey levels)", ylabel=label, axes=axis)
        axis.legend(fontsize=6)
    for line, found in zip(list(axes[0].lines), trials.values()):
        errors = [one.share_error for one in found]
        axes[0].errorbar(contrasts, line.get_ydata(), errors, ls="", marker="", color=line.get_color(), capsize=2, lw=1)
    axes[0].set_ylim(0, None)
    # Ticks that are chosen while drawing come after the layout, which then leaves no room for the label.
    axes[0].set_yticks([0, 0.25, 0.5, 0.75, 1])
    for axis in axes[:2]:
        axis.set_xscale("log", base=2)
        axis.set_xticks(contrasts, [f"{contrast:g}" for contrast in contrasts])
    low, high = float(planted.min()), float(planted.max())
    pictures = (planted, restored), (f"planted: {contrast:g}", "noisy, then restored")
    for axis, picture, title in zip(axes[2:], *pictures):
        axis.imshow(picture, cmap="gray", vmin=low, vmax=high)
        axis.set_title(title, fontsize=8)
        axis.axis("off")
        scale = {"fontsize": 7, "ha": "center", "va": "top", "transform": axis.transAxes}
        axis.text(0.5, -0.02, f"grey {low:.0f} to {high:.0f}", **scale)
    return figure
