"""Figures of notebooks 07 to 09 that take more than a few lines."""

import numpy as np
from matplotlib import pyplot as plt

from kryptonlib import plots
from kryptonlib.basics import transform_coding


def noisy_density(density, cumulative, steps, reach=6.0):
    """A density, the density after uniform noise of one step, and the probabilities of rounding, for several steps.

    Args:
        density, cumulative: functions of a float array.
        steps: of the quantizer, a picture each.
        reach: the axis goes from -reach to reach.

    Returns:
        The matplotlib figure.
    """
    x = np.linspace(-reach, reach, 801)
    figure, axes = plt.subplots(1, len(steps), figsize=(plots.WIDTH, 2.9), sharey=True)
    for place, step in zip(np.atleast_1d(axes), steps):
        noisy = (cumulative(x + step / 2) - cumulative(x - step / 2)) / step
        levels = step * np.arange(-int(reach / step), int(reach / step) + 1)
        heights = (cumulative(levels + step / 2) - cumulative(levels - step / 2)) / step
        place.bar(levels, heights, width=0.94 * step, color=plots.COLOURS[5], alpha=0.45, label="P(rounded to q) / δ")
        place.plot(x, density(x), plots.STYLES[1], color=plots.COLOURS[6], marker="", label="density of y")
        place.plot(x, noisy, plots.STYLES[0], color=plots.COLOURS[0], marker="", label="density of y + δ·noise")
        place.plot(levels, heights, linestyle="", marker="o", color=plots.COLOURS[1], label="value at the levels")
        place.set(title=f"step δ = {step:g}", xlabel="y")
    np.atleast_1d(axes)[0].set_ylabel("density")
    figure.legend(*np.atleast_1d(axes)[-1].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    return figure


def quantized_pairs(x, angle, step, shown=1500):
    """Pairs of numbers, the cells that a rotated quantizer divides the plane into, and how often each level is used.

    Args:
        x: array [N, 2]. angle: of the transform in degrees. step: of the quantizer. shown: pairs that are drawn.

    Returns:
        The matplotlib figure.
    """
    _, symbols, rate, distortion = transform_coding.code(x, angle, step)
    figure, axes = plt.subplots(1, 3, figsize=(plots.WIDTH, 2.7), width_ratios=(1.15, 1, 1))
    reach = 3.6
    axes[0].plot(*x[:shown].T, linestyle="", marker=".", markersize=2, color=plots.COLOURS[0], alpha=0.5)
    transform = transform_coding.rotation(angle)
    count = int(np.ceil(1.5 * reach / step))
    for edge in (np.arange(-count, count + 1) + 0.5) * step:
        for row in (0, 1):
            ends = np.array([[edge, -2 * reach], [edge, 2 * reach]])[:, :: 1 - 2 * row] @ transform
            axes[0].plot(*ends.T, linestyle="-", marker="", color="0.55", linewidth=0.5)
    axes[0].set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="first number", ylabel="second number",
                title=f"{angle:g}°, step {step:g}")  # fmt: skip
    highest = 0.0
    for number, (place, column) in enumerate(zip(axes[1:], symbols.T)):
        levels, counts = np.unique(column, return_counts=True)
        place.bar(levels, counts / counts.sum(), color=plots.COLOURS[number])
        highest = max(highest, counts.max() / counts.sum())
        place.set(xlabel="level", title=f"coefficient {number + 1}: {transform_coding.entropy(column):.2f} bits")
    for place in axes[1:]:
        widest = max(3, int(np.abs(symbols).max()))
        place.set(xlim=(-widest - 1, widest + 1), ylim=(0, 1.08 * highest))
    axes[1].set_ylabel("share of the pairs")
    figure.suptitle(f"{rate:.2f} bits per number at a mean squared error of {distortion:.4f}", fontsize=10)
    return figure


def surrogates(y, values, slopes):
    """What stands for rounding: the value of each way over y, and its slope below.

    Args:
        y: array [N]. values, slopes: name -> array [N]; a name with "noise" is drawn as dots.

    Returns:
        The matplotlib figure.
    """
    figure, axes = plt.subplots(2, len(values), figsize=(plots.WIDTH, 3.2), sharex=True, sharey="row")
    for column, name in zip(axes.T, values):
        dots = {"linestyle": "", "marker": ".", "markersize": 1.5} if "noise" in name else {"linestyle": "-", "marker": ""}
        column[0].plot(y, values[name], color=plots.COLOURS[0], **dots)
        column[1].plot(y, slopes[name], color=plots.COLOURS[1], linestyle="-", marker="")
        column[0].set_title(name)
        column[1].set_xlabel("y")
    axes[0, 0].set_ylabel("value")
    axes[1, 0].set(ylabel="slope", ylim=(-0.3, 6))
    return figure
