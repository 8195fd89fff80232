"""One look for every figure: colour-blind safe, readable in grey, the same size everywhere.

``use()`` sets the look once per notebook. The functions below each draw one kind of figure on axes that they make
or are given, and return the figure, so that a notebook can hand it to ``kryptonlib.course.figure``.
"""

import base64
import html
import io

import matplotlib.pyplot as plt
import numpy as np

# Okabe and Ito's palette: distinguishable with every common colour deficiency; the line styles and markers below
# carry the same distinction in grey.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
STYLES = ["-", "--", "-.", ":", "-", "--", "-."]
SEQUENTIAL = "cividis"
DIVERGING = "RdBu_r"
WIDTH = 8.0
"""Width in inches of a full-width figure."""


def use():
    """Set the look of all figures that follow."""
    plt.rcParams.update(
        {
            "figure.dpi": 100,
            "savefig.dpi": 100,
            "figure.constrained_layout.use": True,
            "figure.figsize": (WIDTH, 3.2),
            "font.size": 10,
            "axes.titlesize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "grid.alpha": 0.3,
            "legend.frameon": False,
            "image.cmap": SEQUENTIAL,
            "image.interpolation": "nearest",
            "axes.prop_cycle": plt.cycler(color=COLOURS)
            + plt.cycler(linestyle=STYLES)
            + plt.cycler(marker=MARKERS),
            "lines.markersize": 4,
        }
    )


def images(pictures, titles=None, *, columns=None, cmap="gray", limits=(0.0, 1.0), height=2.2):
    """Pictures side by side, without axes.

    Args:
        pictures: arrays [H, W] or [H, W, 3]; colour ones in [0, 1].
        titles: one text per picture, or None.
        columns: pictures per row; None puts all in one row.
        cmap: colour map of the [H, W] ones.
        limits: (lowest, highest) value of the colour map, or None to scale each picture by itself.
        height: height of a row in inches.

    Returns:
        The matplotlib figure.
    """
    pictures = [np.asarray(picture) for picture in pictures]
    if not pictures:
        raise ValueError("images() got no pictures")
    titles = list(titles) if titles is not None else [""] * len(pictures)
    if len(titles) != len(pictures):
        raise ValueError(f"images() got {len(pictures)} pictures and {len(titles)} titles")
    columns = columns or len(pictures)
    rows = -(-len(pictures) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, height * rows), squeeze=False)
    low, high = limits if limits is not None else (None, None)
    for place in axes.flat:
        place.axis("off")
    for place, picture, title in zip(axes.flat, pictures, titles):
        place.imshow(picture, cmap=cmap, vmin=low, vmax=high)
        place.set_title(title)
    return figure


def maps(panels, limits=None, *, outline=None, label="probability", height=2.5):
    """Heat maps side by side on one scale, with a colour bar.

    Args:
        panels: mapping from a map's title to its values [rows, columns].
        limits: (lowest, highest) value of the scale; None takes the first map's.
        outline: share in (0, 1] of each map's lowest values, its most sensitive places, to draw a white line around.
        label: of the colour bar; name the unit.
        height: in inches.

    Returns:
        The matplotlib figure.
    """
    if not panels:
        raise ValueError("maps() got no maps")
    first = np.asarray(next(iter(panels.values())))
    low, high = limits if limits is not None else (first.min(), first.max())
    figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, height), squeeze=False)
    for place, (title, values) in zip(axes[0], panels.items()):
        values = np.asarray(values)
        drawn = place.imshow(values, vmin=low, vmax=high)
        if outline is not None:
            place.contour(values <= np.quantile(values, outline), [0.5], colors="white", linewidths=1)
        place.set_title(title, fontsize=8)
        place.axis("off")
    figure.colorbar(drawn, ax=axes, label=label, shrink=0.8)
    return figure


def as_html(figure, alt, *, dpi=90, **options):
    """A figure as an HTML image that needs no file, and close it.

    Args:
        figure: the matplotlib figure.
        alt: what is seen, for somebody who does not see it.
        dpi: pixels per inch.
        options: further ones of ``savefig``; ``format="jpeg"`` makes a photo a tenth as large as PNG does.

    Returns:
        The text of an ``<img>`` element.
    """
    written = io.BytesIO()
    kind = options.setdefault("format", "png")
    figure.savefig(written, dpi=dpi, facecolor="white", **options)
    plt.close(figure)
    source = base64.b64encode(written.getvalue()).decode()
    return f'<img src="data:image/{kind};base64,{source}" alt="{html.escape(alt)}" style="max-width: 100%">'


def curves(x, series, *, xlabel, ylabel, title="", logx=False, logy=False, axes=None):
    """Lines over a common axis, told apart by colour, line style and marker.

    Args:
        x: the common values [N].
        series: mapping from a line's name to its values [N].
        xlabel, ylabel, title: texts; name the unit.
        logx, logy: logarithmic axes.
        axes: matplotlib axes to draw on; None makes a figure.

    Returns:
        The matplotlib figure.
    """
    if axes is None:
        _, axes = plt.subplots()
    for name, values in series.items():
        if len(values) != len(x):
            raise ValueError(f"curves() got {len(x)} x values and {len(values)} values of {name!r}")
        axes.plot(x, values, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if logx:
        axes.set_xscale("log")
    if logy:
        axes.set_yscale("log")
    axes.grid(True)
    axes.legend()
    return axes.figure


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
