"""Move dose and electronic noise of an X-ray, and watch the image and what two estimators say of its noise.

``explore`` is the panel, ``render`` draws one state, without a browser too. For teaching, not for diagnosis.
"""

from typing import NamedTuple

import ipywidgets
import numpy as np
import torch
from IPython.display import display
from matplotlib import pyplot as plt

from kryptonlib import plots
from kryptonlib.restoration import noise, noise_level
from kryptonlib.restoration.restore import restore_tensor
from kryptonlib.widgets import wiring

ETAS = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.2, 1.9, 4.0)
"""Photons per grey level that the panel offers; training saw 0.4 to 1.9."""


class View(NamedTuple):
    """A noisy and a restored image in [0, 1], and (eta, sigma): the true pair and two estimates."""

    noisy: np.ndarray
    restored: np.ndarray
    true: tuple
    by_network: tuple
    by_variance: tuple


def view(network, clean, eta, sigma, seed=0):
    """The :class:`View` of one state.

    Args:
        network: an ``XBDCNN``; clean: [H, W] in [0, 255], at least 32x32.
        eta, sigma: of the noise.
    """
    noisy = noise.hybrid(clean, eta, sigma, seed=seed)
    batch = torch.from_numpy(noisy / 255)[None, None]
    with torch.no_grad():
        restored, maps = restore_tensor(network, batch), network.both(batch)[1]
    if maps is None:
        raise ValueError("the network has no noise-level sub-network; take one that estimates, xray-bdcnn")
    own = tuple(float(level) for level in noise.levels_of_maps(maps))
    found = noise_level.estimate(noisy)
    return View(noisy / 255, restored[0, 0].clamp(0, 1).numpy(), (eta, sigma), own, (found.eta, found.sigma))


def render(network, clean, eta=0.4, sigma=10, seed=0):
    """Draw one state: noisy image, restored image, and the noise over the grey level as true and as estimated.

    Returns:
        The matplotlib figure; the caller closes it.
    """
    shown = view(network, clean, eta, sigma, seed)
    figure, axes = plt.subplots(1, 3, figsize=(plots.WIDTH, 2.7), width_ratios=(1, 1, 1.3))
    for axis, picture, title in zip(axes, (shown.noisy, shown.restored), ("noisy", "restored by X-BDCNN")):
        axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
        axis.set_title(title)
        axis.axis("off")
    grey = np.linspace(0, 255, 60)
    lines = {"true": shown.true, "sub-network": shown.by_network, "variance against mean": shown.by_variance}
    levels = {
        f"{name}: η {pair[0]:.2g}, σ {pair[1]:.0f}": np.sqrt(noise.variance(grey, *pair))
        for name, pair in lines.items()
    }
    plots.curves(grey, levels, xlabel="grey level", ylabel="noise (grey levels)", axes=axes[2])
    for line in axes[2].lines:
        line.set_marker("")
    axes[2].set_ylim(0, None)
    axes[2].legend(fontsize=7)
    return figure


def explore(network, clean):
    """Display a panel with dose and electronic noise, and return it.

    Returns:
        An ipywidgets box; ``box.controls`` maps each control's name to its widget, ``box.picture`` is the drawing.

    Example:
        >>> explore(restoration.load("xray-bdcnn").network, clean)  # doctest: +SKIP
    """
    look = wiring.look(description="110px", width="380px")
    controls = {
        "eta": ipywidgets.SelectionSlider(
            options=ETAS, value=0.4, description="Photons per level",
            tooltip="Dose: photons that one grey level stands for", **look,
        ),
        "sigma": ipywidgets.IntSlider(
            10, 0, 40, 5, description="Electronics", tooltip="Deviation of the electronic noise in grey levels", **look,
        ),
    }  # fmt: skip

    def drawn(eta, sigma):
        (_, _, _, own, found) = view(network, clean, eta, sigma)
        alt = (
            f"{eta:g} photons per grey level, electronic noise {sigma}: the sub-network says {own[0]:.2g} and "
            f"{own[1]:.1f}, variance against mean {found[0]:.2g} and {found[1]:.1f}"
        )
        return plots.as_html(render(network, clean, eta, sigma), alt)

    box = wiring.panel(controls, drawn)
    display(box)
    return box
