"""Figures of notebook 08: why one transform may do for all steps, the three cases, and other coders."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.ticker import ScalarFormatter

from kryptonlib import plots
from kryptonlib.basics import transform_coding
from kryptonlib.compression import scalar
from kryptonlib.compression.autoencoder import STRIDE
from kryptonlib.compression.step_sweep import gap


def why(steps, correlations):
    """Three pictures: what transforms gain, what quantizers of a Laplace coefficient lose, and what a bit is worth.

    Args:
        steps: array of steps in units of the Laplace scale, 0.01 to 6. correlations: array, 0 to 1 without the 1.

    Returns:
        The matplotlib figure.
    """
    blocks = [transform_coding.markov_covariance(8, correlation) for correlation in correlations]
    gains = {
        "KLT, 8 numbers": [transform_coding.coding_gain(block, transform_coding.klt(block)) for block in blocks],
        "DCT, 8 numbers": [transform_coding.coding_gain(block, transform_coding.dct_transform(8)) for block in blocks],
    }
    losses = {
        "rounding": [float(scalar.laplace_loss(*scalar.laplace_code(step))) for step in steps],
        "best dead zone": [scalar.best_edge(step)[1] for step in steps],
    }
    worth = {"rounding": [scalar.laplace_slope(step) for step in steps]}
    figure, axes = plt.subplots(1, 3, figsize=(plots.WIDTH, 3.0))
    texts = (
        (correlations, gains, "correlation of neighbours", "coding gain (dB)", "a. transforms", False),
        (steps, losses, "step / scale", "loss (dB)", "b. one quantizer", True),
        (steps, worth, "step / scale", "worth of a bit (small steps: 1)", "c. sharing bits", True),
    )
    for place, (x, lines, xlabel, ylabel, title, logx) in zip(axes, texts):
        plots.curves(x, lines, xlabel=xlabel, ylabel=ylabel, title=title, logx=logx, axes=place)
        for line in place.lines:
            line.set_marker("")
        place.legend(fontsize=7.5)
        place.set_ylim(bottom=0)
        if logx:
            _plain_numbers(place, (0.1, 0.3, 1, 3, 10))
    return figure


def _plain_numbers(place, ticks):
    """Ticks of a logarithmic axis of x as 0.1, 0.3, 1."""
    low, high = place.get_xlim()
    place.set_xticks([tick for tick in ticks if low <= tick <= high])
    place.xaxis.set_major_formatter(ScalarFormatter())
    place.xaxis.set_minor_formatter("")


def rate_distortion(cases, coders):
    """The cases, how far they lie from case 3 at equal rate, and case 3 among other coders.

    Args:
        cases: name -> mean curve, a list of :class:`kryptonlib.compression.rate_distortion.Point`; one is "case 3".
        coders: name -> mean curve; what stands in brackets behind a name is not drawn.

    Returns:
        The matplotlib figure.
    """
    places = [["cases", "coders"], ["gaps", "coders"]]
    figure, axes = plt.subplot_mosaic(places, figsize=(plots.WIDTH, 4.8), width_ratios=(1, 1.1))
    _lines(cases, axes["cases"])
    axes["cases"].set_title("three cases")
    axes["gaps"].axhspan(-0.3, 0.3, color="0.93")
    axes["gaps"].axhspan(-0.2, 0.2, color="0.86")
    axes["gaps"].axhline(0, color="black", linewidth=0.8, linestyle="-")
    for number, (name, curve) in enumerate(cases.items()):
        if name == "case 3":
            continue
        rates, above = gap(curve, cases["case 3"])
        style = {"color": plots.COLOURS[number], "linestyle": plots.STYLES[number]}
        axes["gaps"].plot(rates, above, marker="", label=name, **style)
    axes["gaps"].set(xlabel="rate (bit/pixel)", ylabel="dB above case 3")
    axes["gaps"].legend(fontsize=7.5)
    short = {name.split(" (")[0]: curve for name, curve in coders.items()}
    _lines({"case 3": cases["case 3"], **short}, axes["coders"])
    axes["coders"].set_title("case 3 and other coders")
    return figure


def _lines(curves, place):
    """Curves of PSNR over rate on axes."""
    pairs = {name: ([p.bpp for p in curve], [p.psnr for p in curve]) for name, curve in curves.items()}
    plots.curves(None, pairs, xlabel="rate (bit/pixel)", ylabel="PSNR (dB)", axes=place)
    place.legend(fontsize=7.5, loc="lower right")


def extremes(curve, other, ceiling, name, other_name):
    """One transform far beyond its range, over a logarithmic rate.

    Args:
        curve, other: lists of :class:`kryptonlib.compression.rate_distortion.Point`.
        ceiling: name of a transform -> PSNR in dB without rounding.
        name, other_name: of the curves.

    Returns:
        The matplotlib figure.
    """
    figure, place = plt.subplots(figsize=(plots.WIDTH, 3.4))
    _lines({name: curve, other_name: other}, place)
    place.set_xscale("log")
    for number, (label, value) in enumerate(ceiling.items(), 2):
        place.axhline(value, color=plots.COLOURS[number], linestyle=plots.STYLES[number], label=f"{label}, not rounded")
    known = np.array(sorted((np.log(p.bpp), p.psnr) for p in other)).T
    for point in curve:
        label = f"1/{1 / point.setting:g}" if point.setting < 1 else f"{point.setting:g}"
        # On the side of the curve where the other one is not.
        ahead = point.psnr > np.interp(np.log(point.bpp), *known)
        side = {"xytext": (-2, 5), "ha": "right"} if ahead else {"xytext": (0, -13), "ha": "left"}
        place.annotate(label, (point.bpp, point.psnr), textcoords="offset points", fontsize=7, **side)
    place.legend(fontsize=7.5)
    return figure


def two_means(clouds, per_image, lines):
    """Why means of curves and means over images differ.

    Args:
        clouds: name -> an image's :class:`Point` each, at one setting.
        per_image: name of an image -> its BD-rate in per cent.
        lines: name -> a value in per cent that is drawn across.

    Returns:
        The matplotlib figure.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(plots.WIDTH, 3.6), width_ratios=(1.1, 1))
    for number, (name, points) in enumerate(clouds.items()):
        colour, marker = plots.COLOURS[number], plots.MARKERS[number]
        values = np.array([(p.bpp, p.psnr) for p in points])
        left.plot(*values.T, linestyle="", marker=marker, color=colour, alpha=0.45)
        large = {"markersize": 11, "markeredgecolor": "black"}
        left.plot(*values.mean(0), linestyle="", marker=marker, color=colour, label=name, **large)
    left.set(xlabel="rate (bit/pixel)", ylabel="PSNR (dB)", title="images at one setting, large: their mean")
    left.legend(fontsize=7.5, loc="best")
    left.grid(True)
    ordered = sorted(per_image.items(), key=lambda item: item[1])
    many = len(ordered) > 12
    right.barh(range(len(ordered)), [value for _, value in ordered], color=plots.COLOURS[5])
    right.set_yticks([] if many else range(len(ordered)), [] if many else [name for name, _ in ordered], fontsize=8)
    for number, (name, value) in enumerate(lines.items()):
        style = {"color": plots.COLOURS[number], "linestyle": plots.STYLES[number]}
        right.axvline(value, label=f"{name}: {value:+.1f} %", **style)
    right.axvline(0, color="black", linewidth=0.8, linestyle="-")
    right.set(xlabel="BD-rate (%), below 0 is better", title="each image")
    right.legend(fontsize=7.5, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return figure


def one_step(luma, decoded, of_map, of_place, title):
    """An image at one step: what comes back, and where its bits are.

    Args:
        luma, decoded: uint8 arrays [H, W].
        of_map, of_place: bits per map [maps] and per place [h, w], as ``step_sweep.bits_of`` gives them.
        title: above the decoded image.

    Returns:
        The matplotlib figure.
    """
    figure, axes = plt.subplots(1, 3, figsize=(plots.WIDTH, 2.9), width_ratios=(1, 1.18, 1.1))
    for place in axes[:2]:
        place.axis("off")
    axes[0].imshow(decoded, cmap="gray", vmin=16, vmax=235)
    axes[0].set_title(title)
    height, width = luma.shape
    extent = (0, STRIDE * of_place.shape[1], STRIDE * of_place.shape[0], 0)
    drawn = axes[1].imshow(of_place / STRIDE**2, cmap=plots.SEQUENTIAL, vmin=0, extent=extent)
    axes[1].set(xlim=(0, width), ylim=(height, 0), title="where the bits are")
    figure.colorbar(drawn, ax=axes[1], shrink=0.8, label="bit/pixel")
    axes[2].bar(range(1, len(of_map) + 1), np.sort(of_map)[::-1] / luma.size, width=1.0, color=plots.COLOURS[0])
    used = int((of_map > 0).sum())
    axes[2].set(xlim=(0.5, max(used, 8) + 0.5), xlabel="map, by falling rate", ylabel="bit/pixel")
    axes[2].set_title(f"{used} of {len(of_map)} maps carry bits")
    return figure


def steps_over_spread(steps, spread, exceptional):
    """Learned step sizes: how many of each, and over how far their maps spread.

    Args:
        steps, spread: arrays [maps]: step sizes, and standard deviations of latents.
        exceptional: index of the DC-like map.

    Returns:
        The matplotlib figure.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(plots.WIDTH, 2.9))
    left.hist(steps, bins=24, color=plots.COLOURS[0])
    left.axvline(1, color="black", linestyle="--", linewidth=1)
    left.set(xlabel="learned step size (it began at 1)", ylabel="maps")
    right.plot(spread, steps, linestyle="", marker="o", color=plots.COLOURS[0], alpha=0.6, label="a map")
    special = {"linestyle": "", "marker": "D", "markersize": 8, "color": plots.COLOURS[1]}
    right.plot(spread[exceptional], steps[exceptional], label="DC-like map", **special)
    right.axhline(1, color="black", linestyle="--", linewidth=1)
    right.set(xscale="log", xlabel="standard deviation of the map", ylabel="learned step size")
    right.legend(fontsize=8)
    return figure


def progress(steps, losses, own, rates, target):
    """How far training came.

    Args:
        steps, losses: of the common start's log. own: name -> (steps, loss) of the networks that follow it.
        rates: name of a state -> (label -> BD-rate in per cent).
        target: in per cent.

    Returns:
        The matplotlib figure.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(plots.WIDTH, 3.3))
    left.plot(steps, losses, color=plots.COLOURS[0], label="common start")
    for number, (name, (when, loss)) in enumerate(own.items(), 1):
        style = {"linestyle": "", "marker": plots.MARKERS[number], "markersize": 8, "color": plots.COLOURS[number]}
        left.plot(when, loss, label=name, **style)
    left.set(xscale="log", xlabel="steps of training", ylabel="loss on photos held out")
    left.grid(True)
    left.legend(fontsize=8)
    labels = list(next(iter(rates.values())))
    width = 0.8 / len(labels)
    for number, label in enumerate(labels):
        places = np.arange(len(rates)) + (number - (len(labels) - 1) / 2) * width
        style = {"color": plots.COLOURS[number], "hatch": ("", "//")[number % 2], "edgecolor": "white"}
        bars = right.bar(places, [some[label] for some in rates.values()], width, label=label, **style)
        right.bar_label(bars, fmt="%+.0f", fontsize=8, padding=1)
    right.axhline(target, color="black", linestyle="--", linewidth=1, label=f"target {target:g} %, paper's protocol")
    right.axhline(0, color="black", linewidth=0.8, linestyle="-")
    right.set_xticks(range(len(rates)), rates)
    right.margins(y=0.15)
    right.set(ylabel="BD-rate (%)")
    right.legend(fontsize=7.5, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    return figure
