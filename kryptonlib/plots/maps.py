"""Heat maps side by side on one scale, so that approximate ones can be compared with the exact one."""

import matplotlib.pyplot as plt
import numpy as np

from kryptonlib.plots.look import WIDTH


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
