"""Lines without markers, told apart by colour and style, with the spread of several runs as a band."""

import numpy as np

from kryptonlib import plots


def lines(axes, x, series, *, markers=False, legend=True, **settings):
    """Draw one line per name on axes.

    Args:
        axes: matplotlib axes.
        x: [N].
        series: mapping from a name to its values [N], or [N, runs]: then the line is their mean, and a band reaches from
            the smallest to the largest. Infinite values are left out.
        markers: mark the points as well.
        legend: name the lines in a legend.
        settings: for ``axes.set``, for example ``xlabel``, ``yscale``, ``ylim``, ``title``.

    Raises ValueError if a series is not as long as ``x``.
    """
    x = np.asarray(x)
    for place, (name, values) in enumerate(series.items()):
        values = np.asarray(values, dtype=float)
        if values.ndim not in (1, 2) or len(values) != len(x):
            raise ValueError(f"lines() got {len(x)} x values and {name!r} of shape {values.shape}")
        values = np.where(np.isfinite(values), values, np.nan)
        colour = plots.COLOURS[place % len(plots.COLOURS)]
        look = {"color": colour, "ls": plots.STYLES[place % len(plots.STYLES)], "label": name}
        look["marker"] = plots.MARKERS[place % len(plots.MARKERS)] if markers else ""
        if values.ndim == 2:
            axes.fill_between(x, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.15, lw=0)
            values = values.mean(axis=1)
        axes.plot(x, values, lw=1.5, **look)
    axes.set(**settings)
    axes.grid(True)
    if legend:
        axes.legend(fontsize=8)
