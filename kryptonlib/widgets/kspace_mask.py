"""Panel of notebook 12: fewer columns of k-space, the smeared image that they give, and what of the image is lost."""

import functools

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from kryptonlib import plots
from kryptonlib.restoration import kspace, masks, mri
from kryptonlib.widgets import wiring


def state(image, acceleration, middle, seed):
    """What one state of the panel shows: (mask, zero-filled image, difference, share of the energy that is kept).

    Args:
        image: [H, W] in [0, 1]. acceleration: above 1.
        middle: share of the measured columns that lie in the middle, 0 to 1. seed: of the mask.
    """
    mask = masks.column_mask(image.shape[1], acceleration, seed, center=middle / acceleration)
    energy = (abs(kspace.to_kspace(image)) ** 2).sum(0)
    given = mri.zero_filled(image, mask)
    return mask, given, given - image, float(energy[mask].sum() / energy.sum())


def render(image, acceleration, middle, seed):
    """Draw one state: k-space as measured, the zero-filled image, and its difference from the whole one."""
    mask, given, difference, _ = state(image, acceleration, middle, seed)
    strength = np.log10(abs(kspace.to_kspace(image)) + 1e-3)
    figure, axes = plt.subplots(1, 4, figsize=(plots.WIDTH, 2.5))
    shown = [
        (strength, {"vmin": -3, "vmax": 1.5}, "k-space (log)"),
        (np.where(mask, strength, -3), {"vmin": -3, "vmax": 1.5}, f"{int(mask.sum())} of {len(mask)} columns"),
        (given, {"vmin": 0, "vmax": 1, "cmap": "gray"}, "zero-filled"),
        (difference, {"vmin": -0.5, "vmax": 0.5, "cmap": plots.DIVERGING}, "its error, −0.5 to 0.5"),
    ]
    for place, (picture, options, title) in zip(axes, shown):
        place.imshow(picture, **options)
        place.set_title(title)
        place.axis("off")
    return figure


def panel(image, acceleration=4.0, middle=0.32, seed=1):
    """The panel for an image [H, W], beginning with the given state."""
    kept = functools.partial(state, image)

    def as_html(acceleration, middle, seed):
        mask, _, difference, energy = kept(acceleration, middle, seed)
        alt = (
            f"{int(mask.sum())} of {len(mask)} columns of k-space hold {energy:.1%} of the energy; the zero-filled "
            f"image is off by {abs(difference).mean():.3f} on average."
        )
        return plots.as_html(render(image, acceleration, middle, seed), alt) + f"<p>{alt}</p>"

    look = wiring.look(description="130px", width="380px")
    controls = {
        "acceleration": ipywidgets.FloatSlider(
            acceleration, min=1.5, max=16, step=0.5, description="acceleration",
            tooltip="Columns in all per measured one", **look,
        ),
        "middle": ipywidgets.FloatSlider(
            middle, min=0, max=1, step=0.04, description="share in the middle",
            tooltip="Share of the measured columns that lie in the middle", **look,
        ),
        "seed": ipywidgets.IntSlider(
            seed, min=0, max=50, description="mask", tooltip="Number of the random mask", **look
        ),
    }  # fmt: skip
    return wiring.panel(controls, as_html)
