"""Figures of notebook 10 that take more than a few lines."""

import matplotlib.pyplot as plt
import numpy as np
import torch

from kryptonlib import images, losses, plots
from kryptonlib.basics.drawing import numbers

TONES = 12
"""Levels of a map's colours: they are told apart, and the figure's file is small."""


def captioned(rows, columns=None, below=None, *, height, cmap=None, **options):
    """``plots.grid`` of pictures that are larger than their place, smoothly reduced, with a text below each.

    Args:
        rows: row's name -> pictures, as ``plots.grid`` takes them.
        columns: a title per column, or None.
        below: row's name -> a text per picture; rows without any are left out.
        height: of a row in inches.
        cmap: name of the maps' colour map, or row's name -> one; drawn with 16 tones. None is the usual one.
        options: further ones of ``plots.grid``.

    Returns:
        The matplotlib figure.
    """
    names = cmap if isinstance(cmap, dict) else dict.fromkeys(rows, cmap)
    tones = {name: plt.get_cmap(names.get(name) or plots.SEQUENTIAL, TONES) for name in rows}
    look = {"image.interpolation": "antialiased", "image.interpolation_stage": "data"}
    with plt.rc_context({**look, "axes.titlesize": 8, "axes.labelsize": 8}):
        figure = plots.grid(rows, columns, cmap=tones, height=height, **options)
    places = iter(figure.axes)
    for name, pictures in rows.items():
        for place, text in zip([next(places) for _ in pictures], (below or {}).get(name, [""] * len(pictures))):
            place.set_xlabel(text, fontsize=7, labelpad=2)
    return figure


def middle(picture, side):
    """The square of ``side`` pixels in the middle of a picture [H, W] or [H, W, 3]."""
    top, left = ((size - side) // 2 for size in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def error_maps(reference, changed, titles, metrics, *, side=96):
    """Changed images and, below each, where metrics see the error; under each map the metric's value.

    Args:
        reference, changed: tensors [N, 3, H, W] in [0, 1]. titles: N texts.
        metrics: name in ``losses.METRICS`` -> label. A similarity is shown as 1 minus it, as its map is.
        side: of the middle part that is drawn, in pixels. A row's colours end where 2 percent of its pixels lie above.

    Returns:
        The matplotlib figure.
    """
    rows, below, limits = {"image": [middle(images.from_tensor(image[None]), side) for image in changed]}, {}, {}
    for name, label in metrics.items():
        metric, arguments = losses.METRICS[name], (changed, reference, 1.0, losses.PIXELS_PER_DEGREE)
        with torch.no_grad():
            values, maps = metric.score(*arguments), metric.error(*arguments)[:, 0].numpy()
        rows[label] = [middle(one, side) for one in maps]
        below[label] = [f"{1 - value if metric.better == 'higher' else value:.2g}" for value in values.tolist()]
        limits[label] = (0.0, max(float(np.quantile(rows[label], 0.98)), 1e-6))
    return captioned(rows, titles, below, height=0.95, limits=limits, colourbar=dict.fromkeys(limits, ""))


def noise_table(factors, rows, columns, *, widest=4.0):
    """Numbers on colours around 1: blue where a metric forgives, red where it punishes.

    Args:
        factors: array [rows, columns], positive: noise that counts as much, in units of the noise of the same MSE.
        rows, columns: names.
        widest: factor at which the colours end, upwards and downwards.

    Returns:
        The matplotlib figure.
    """
    factors = np.asarray(factors, dtype=float)
    figure, axes = plt.subplots(figsize=(plots.WIDTH, 0.34 * len(rows) + 0.6))
    shade = plt.get_cmap(plots.DIVERGING)
    places = 0.5 + 0.5 * np.clip(np.log(factors) / np.log(widest), -1, 1)
    numbers(axes, factors, form="{:.2f}", colours=[[shade(place) for place in row] for row in places], size=9)
    axes.axis("on")
    axes.set_aspect("auto")
    axes.set_xticks(range(len(columns)), columns, fontsize=8.5)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    for side in axes.spines.values():
        side.set_visible(False)
    scale = plt.cm.ScalarMappable(plt.Normalize(-1, 1), shade)
    bar = figure.colorbar(scale, ax=axes, ticks=(-1, 0, 1), shrink=0.8, label="forgiven (blue) or punished")
    bar.ax.set_yticklabels([f"1/{widest:g}", "1", f"{widest:g}"])
    return figure


def roads(paths, *, low, high):
    """Paths in the plane of coarse and fine errors, both logarithmic, each from a circle to its last point.

    Args:
        paths: name -> array [steps, 2] of root mean square errors (coarse, fine) in levels of 255.
        low, high: limits of both axes; what is below ``low`` is drawn there.

    Returns:
        The matplotlib figure.
    """
    figure, axes = plt.subplots(figsize=(plots.WIDTH, 3.9))
    for number, (name, path) in enumerate(paths.items()):
        coarse, fine = np.clip(np.asarray(path, dtype=float), low, high).T
        look = {"color": plots.COLOURS[number % 7], "linestyle": plots.STYLES[number % 7 + number // 7]}
        axes.plot(coarse, fine, label=name, marker="", linewidth=1.8, **look)
        fill = "white" if number > 6 else look["color"]
        axes.plot(coarse[-1:], fine[-1:], marker=plots.MARKERS[number % 7], markersize=8, color=look["color"], mfc=fill)
    axes.plot([low, high], [low, high], color="0.8", linestyle="-", marker="", linewidth=1, zorder=0)
    axes.set(xscale="log", yscale="log", xlim=(0.8 * low, high), ylim=(0.8 * low, high),
             xlabel="coarse error: blurred by 4 pixels (levels of 255)", ylabel="fine error: the rest")  # fmt: skip
    axes.grid(True)
    figure.legend(loc="outside right center", fontsize=9)
    return figure


def noise_bars(reference, changed, title, levels, limits):
    """A photo, its changed copy, and every metric's answer as a bar in levels of noise.

    Args:
        reference, changed: [H, W, 3] in [0, 1]. title: above the changed one.
        levels: metric -> levels of 255, positive. "l2" is marked by a line: the root of the MSE.
        limits: (lowest, highest) level of the axis.

    Returns:
        The matplotlib figure.
    """
    figure, axes = plt.subplots(1, 3, figsize=(plots.WIDTH, 2.3), width_ratios=(1, 1, 2.4))
    for place, picture, text in zip(axes, (reference, changed), ("photo", title)):
        place.imshow(np.clip(picture, 0, 1), interpolation="antialiased")
        place.set_title(text)
        place.axis("off")
    names = list(levels)[::-1]
    axes[2].barh(names, [levels[name] for name in names], color=plots.COLOURS[5], edgecolor=plots.COLOURS[0])
    axes[2].axvline(levels["l2"], color=plots.COLOURS[1], linestyle="--", marker="")
    for row, name in enumerate(names):
        axes[2].text(levels[name] * 1.12, row, f"{levels[name]:.3g}", va="center", fontsize=8)
    axes[2].set(xscale="log", xlim=(limits[0] / 1.2, limits[1] * 2.5))
    axes[2].set_xlabel("white noise that counts as much (levels of 255)")
    axes[2].xaxis.set_major_formatter("{x:g}")
    return figure
