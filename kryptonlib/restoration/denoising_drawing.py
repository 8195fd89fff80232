"""The drawings of notebook 11."""

import matplotlib.pyplot as plt
import numpy as np

from kryptonlib import losses, plots
from kryptonlib.restoration import comparison, denoising_trial

PANELS = ("psnr", "ms_ssim", "lpips", "flip")
"""A panel for each metric that a model was trained with; PSNR stands for l2."""
BESIDE = ("l1", "l2", "adaptive")
"""Models whose loss is none of the panels' metrics: drawn in all."""


def _direction(metric):
    return f"{comparison.SHOWN[metric][2]}, {losses.METRICS[metric].better} is better"


def learning(models):
    """Metrics of photos held out over the steps after the common start: the model of each panel's metric, l1, l2, adaptive.

    Args:
        models: names, as ``denoising_trial.LOSSES`` calls them; those that a panel does not show are left out.
    """
    figure, places = plt.subplots(2, 2, figsize=(plots.WIDTH, 5.4))
    looks = dict(zip(models, zip(plots.COLOURS, plots.MARKERS, plots.STYLES)))
    shown = {}
    for place, metric in zip(places.flat, PANELS):
        own = [model for model, its in denoising_trial.OWN.items() if its == metric]
        for model in models:
            if model in (*own, *BESIDE):
                colour, marker, style = looks[model]
                steps, values = denoising_trial.learning_curve(denoising_trial.checkpoint(model), metric)
                (shown[model],) = place.plot(steps, values, color=colour, marker=marker, linestyle=style, label=model)
        place.set_title(_direction(metric), fontsize=8)
        place.set(xlabel="steps after the start", ylabel=comparison.SHOWN[metric][2])
    figure.legend(handles=list(shown.values()), loc="outside lower center", ncols=len(shown))
    return figure


def seeds(found, models):
    """Means of the models by four metrics, a mark for each training seed.

    Args:
        found: ``comparison.Comparison`` of each seed; a model that one of them lacks has fewer marks.
        models: names, from above to below.
    """
    figure, places = plt.subplots(1, len(PANELS), figsize=(plots.WIDTH, 3.2))
    for place, metric in zip(places, PANELS):
        scale = comparison.SHOWN[metric][0]
        for seed, (one, marker) in enumerate(zip(found, plots.MARKERS)):
            rows = [row for row, model in enumerate(models) if model in one.values]
            values = [scale * one.mean(models[row], metric) for row in rows]
            place.plot(values, rows, marker, color=plots.COLOURS[seed], label=f"seed {seed}", alpha=0.8)
        place.set(yticks=range(len(models)), yticklabels=models if place is places[0] else [""] * len(models))
        place.set_title(_direction(metric).replace(", ", "\n"), fontsize=8)
        place.tick_params(axis="x", labelsize=7)
        place.locator_params(axis="x", nbins=3)
        place.invert_yaxis()
    figure.legend(*places[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(found))
    return figure


def crops(pictures, places, side, columns=4):
    """Pieces of photos, enlarged without smoothing: for each photo a block of rows with all its versions.

    Args:
        pictures: photo -> version -> [H, W, 3] in [0, 1]. places: photo -> (top, left) of its piece.
        side: of a piece in pixels. columns: pieces in a row.

    Raises:
        ValueError: a piece that leaves its photo.
    """
    count = len(next(iter(pictures.values())))
    rows = -(-count // columns)
    figure, axes = plt.subplots(
        rows * len(pictures), columns, figsize=(plots.WIDTH, 1.12 * plots.WIDTH / columns * rows * len(pictures))
    )
    for place in axes.flat:
        place.axis("off")
    for block, (photo, versions) in enumerate(pictures.items()):
        top, left = places[photo]
        for number, (name, picture) in enumerate(versions.items()):
            piece = np.asarray(picture)[top : top + side, left : left + side]
            if min(top, left) < 0 or piece.shape[:2] != (side, side):
                raise ValueError(f"crops: {side} pixels from {(top, left)} leave {photo} of {np.shape(picture)[:2]}")
            place = axes[block * rows + number // columns, number % columns]
            place.imshow(np.clip(piece, 0, 1), interpolation="nearest")
            place.set_title(name, fontsize=8)
    return figure
