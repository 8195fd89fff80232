"""Figures with one look. Each function draws one kind of figure and returns it.

``use()`` sets the look once per notebook; the figure that a function returns goes to ``kryptonlib.course.figure``.
"""

from kryptonlib.plots.curves import curves
from kryptonlib.plots.heat import heatmap
from kryptonlib.plots.look import COLOURS, DIVERGING, MARKERS, SEQUENTIAL, STYLES, WIDTH, as_html, use
from kryptonlib.plots.maps import maps
from kryptonlib.plots.pictures import grid, images
from kryptonlib.plots.zooms import zooms

__all__ = [
    "COLOURS",
    "DIVERGING",
    "MARKERS",
    "SEQUENTIAL",
    "STYLES",
    "WIDTH",
    "as_html",
    "curves",
    "grid",
    "heatmap",
    "images",
    "maps",
    "use",
    "zooms",
]
