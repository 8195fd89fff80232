"""Occlusion heat maps: what the network scored, and which pixels its score depends on."""

import matplotlib.pyplot as plt
import numpy as np

from kryptonlib.plots.look import DIVERGING, WIDTH


def heatmap(heat, image=None, *, titles=None, limits=None):
    """An occlusion heat map: the image, the score per patch position, and the attribution laid over the image.

    The middle picture shows ``heat.values``; the right one ``heat.attribution()`` in red where covering a pixel lowers
    the score and in blue where it raises it, over the image in grey, the stronger the less transparent.

    Args:
        heat: a ``kryptonlib.occlusion.Heatmap``; several targets give a row each below one picture.
        image: picture to show instead of ``heat.picture``, [H, W] or [H, W, 3] in [0, 1], of the network's input size.
        titles: one text per target instead of the class names.
        limits: (lowest, highest) score of the middle picture's scale; None takes the values' own range.

    Returns:
        The matplotlib figure.
    """
    picture = np.asarray(heat.picture if image is None else image)
    if picture.shape[:2] != heat.grid.size:
        raise ValueError(f"heatmap() got a picture of {picture.shape[:2]} pixels, the heat map is of {heat.grid.size}")
    several = heat.values.ndim == 3
    values = heat.values if several else heat.values[None]
    attributions = heat.attribution() if several else heat.attribution()[None]
    titles = list(titles) if titles is not None else list(heat.names)
    if len(titles) != len(values):
        raise ValueError(f"heatmap() got {len(values)} targets and {len(titles)} titles")
    grey = picture if picture.ndim == 2 else picture @ [0.299, 0.587, 0.114]
    height, width = heat.grid.size
    edges = [
        _edges(np.add(starts, patch / 2), stride)
        for starts, patch, stride in zip(
            (heat.grid.lefts, heat.grid.tops), heat.grid.patch[::-1], heat.grid.stride[::-1]
        )
    ]
    figure, axes = plt.subplots(len(values), 3, figsize=(WIDTH, 2.6 * len(values)), squeeze=False)
    for row, title, scores, drop, baseline in zip(axes, titles, values, attributions, np.atleast_1d(heat.baseline)):
        for place in row:
            place.axis("off")
        frame = (0, width, height, 0)
        if row[0] is axes[0, 0]:
            row[0].imshow(picture, cmap="gray", vmin=0, vmax=1, extent=frame)
            row[0].set_title(title, wrap=True)
        else:
            row[0].text(0.5, 0.5, title, ha="center", wrap=True, transform=row[0].transAxes)
        low, high = limits if limits is not None else (None, None)
        drawn = row[1].pcolormesh(*edges, scores, vmin=low, vmax=high)
        row[1].set(xlim=(0, width), ylim=(height, 0), aspect="equal", title=f"{heat.score} (clean {baseline:.3g})")
        figure.colorbar(drawn, ax=row[1], shrink=0.85)
        # A flat map is shown as one: no colour, on a scale of 1.
        strength = np.nanmax(np.abs(drop)) or 1.0
        row[2].imshow(grey, cmap="gray", vmin=0, vmax=1, extent=frame)
        laid = row[2].imshow(
            np.nan_to_num(drop),
            cmap=DIVERGING,
            vmin=-strength,
            vmax=strength,
            alpha=0.85 * np.sqrt(np.abs(np.nan_to_num(drop)) / strength),
            extent=frame,
        )
        row[2].set_title(f"{heat.score} lost when covered")
        figure.colorbar(laid, ax=row[2], shrink=0.85)
    return figure


def _edges(centres, stride):
    """Where the cells of a map begin and end: halfway between the patches' centres."""
    inner = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[centres[0] - stride / 2], inner, [centres[-1] + stride / 2]])
