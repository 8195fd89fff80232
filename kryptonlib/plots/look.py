"""One look for every figure: colour-blind safe, readable in grey, the same size everywhere."""

import base64
import html
import io

import matplotlib.pyplot as plt

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
