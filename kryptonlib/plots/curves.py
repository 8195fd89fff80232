"""Lines over an axis: over a common one, or each over its own, with or without error bars."""

import matplotlib.pyplot as plt
import numpy as np


def curves(x, series, *, xlabel, ylabel, title="", logx=False, logy=False, errors=None, axes=None):
    """Lines told apart by colour, line style and marker.

    Args:
        x: the common values [N]; None where every line brings its own, as rate-distortion curves do.
        series: mapping from a line's name to its values [N]; without a common ``x`` to a pair (x, values).
        xlabel, ylabel, title: texts; name the unit.
        logx, logy: logarithmic axes.
        errors: mapping from the names of lines to half the length of their error bars [N], or to (below, above)
            [2, N]; say in the caption what they are (a standard deviation over how many seeds, an interval).
        axes: matplotlib axes to draw on; None makes a figure.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: no lines, x and values of different length, errors of a line that is not there, of another length
            or below 0, values that a logarithmic axis cannot show.

    Example:
        >>> figure = curves(None, {"ours": ([0.1, 0.3], [28, 31]), "JPEG": ([0.2, 0.5], [27, 31])},
        ...                 xlabel="rate (bit/pixel)", ylabel="PSNR (dB)")
    """
    if not series:
        raise ValueError("curves() got no lines")
    lines = {name: line(name, x, values) for name, values in series.items()}
    bars = {name: bar(name, values, lines) for name, values in (errors or {}).items()}
    for label, logarithmic, place in (("logx", logx, 0), ("logy", logy, 1)):
        for name, values in lines.items():
            if logarithmic and not (values[place] > 0).any():
                raise ValueError(f"curves() got {label}=True, and no value of {name!r} is above 0")
    if axes is None:
        _, axes = plt.subplots()
    drawn = []
    for name, (places, values) in lines.items():
        if name in bars:
            drawn.append(axes.errorbar(places, values, yerr=bars[name], label=name, capsize=3))
        else:
            drawn += axes.plot(places, values, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if logx:
        axes.set_xscale("log")
    if logy:
        axes.set_yscale("log")
    axes.grid(True)
    # Left to itself, matplotlib lists the lines with error bars last.
    axes.legend(handles=drawn)
    return axes.figure


def line(name, x, values):
    """(x, values) of one line as arrays [N]."""
    if x is None:
        try:
            places, values = values
        except (TypeError, ValueError):
            raise ValueError(f"curves() got no common x; expected a pair (x, values) for {name!r}") from None
    else:
        places = x
    places, values = np.asarray(places, dtype=float), np.asarray(values, dtype=float)
    if places.ndim != 1 or places.shape != values.shape:
        raise ValueError(f"curves() got x of shape {places.shape} and values of shape {values.shape} for {name!r}")
    return places, values


def bar(name, errors, lines):
    """The error bars of one line as an array [N] or [2, N]."""
    if name not in lines:
        raise ValueError(f"curves() got errors of {name!r}; the lines are {', '.join(map(repr, lines))}")
    errors = np.asarray(errors, dtype=float)
    length = len(lines[name][0])
    if errors.shape not in ((length,), (2, length)):
        raise ValueError(f"curves() got errors of shape {errors.shape} for the {length} values of {name!r}")
    if (errors < 0).any():
        raise ValueError(f"curves() got errors below 0 for {name!r}; expected lengths")
    return errors
