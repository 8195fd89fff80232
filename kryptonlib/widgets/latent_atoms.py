"""Panel of notebook 09: choose a latent map and a coefficient's value, see how probable it is and what it draws."""

import functools

import ipywidgets
import numpy as np
import torch

from kryptonlib import images, plots, samples
from kryptonlib.compression import Codec
from kryptonlib.compression.latents import atoms, drawing, families
from kryptonlib.widgets import wiring

PHOTOS = ("astronaut", "coffee", "rocket")
"""Whose latents the histograms show."""
REST, PHOTO = "nothing (all latents at their means)", "a photo (astronaut)"


@functools.cache
def codec(name):
    """A codec of ``compression.names()``."""
    return Codec.load(name)


@functools.cache
def latents(name):
    """Latents of each photo: list of tensors [1, maps, h, w]."""
    lumas = [images.to_uint8(images.limited_luma(samples.load(photo).image)) for photo in PHOTOS]
    return [codec(name).latents(luma) for luma in lumas]


def state(name, number, amount, around):
    """(latents of all photos [maps, n], the atom [64, 64], the coefficient's value) of a panel's state."""
    net, means = codec(name).net, codec(name).tables["means"]
    if not 0 <= number < net.maps:
        raise ValueError(f"map {number}: this codec has the maps 0 to {net.maps - 1}")
    y = torch.cat([some[0].flatten(1) for some in latents(name)], 1).numpy()
    step = amount * float(families.fit(y[number : number + 1], families.LAPLACE).scale[0])
    # A piece of the astronaut's latents with edges in it.
    base = atoms.resting(means) if around == REST else latents(name)[0][:, :, 8:15, 8:15]
    atom = atoms.atoms(net, base, [number], [step])[0][atoms.VIEW, atoms.VIEW]
    middle = base[0, number, atoms.GRID // 2, atoms.GRID // 2]
    return y, atom, float(middle) + step


def render(name, number, amount, around=REST):
    """Draw one state.

    Args:
        name: of a codec. number: of the map. amount: by how many Laplace scales the coefficient is moved, positive or
            negative. around: ``REST`` or ``PHOTO``: what the other coefficients hold.

    Returns:
        The matplotlib figure of ``drawing.map_and_atom``.
    """
    y, atom, value = state(name, number, amount, around)
    return drawing.map_and_atom(y, number, atom, value)


def panel(name, number=0, amount=7.0):
    """The panel of a codec, beginning with the given state."""

    def as_html(number, amount, around):
        y, atom, value = state(name, number, amount, around)
        alt = f"Map {number} with a coefficient of {value:.2f}: it changes the image by up to {np.abs(atom).max():.0f} grey levels."
        return plots.as_html(drawing.map_and_atom(y, number, atom, value), alt)

    controls = {
        "number": ipywidgets.BoundedIntText(
            number, min=0, max=codec(name).net.maps - 1, description="map", tooltip="Number of the latent map", **wiring.look()
        ),
        "amount": ipywidgets.FloatSlider(
            amount, min=-40, max=40, step=0.5, description="α − mean", tooltip="In Laplace scales of the map", **wiring.look()
        ),
        "around": ipywidgets.Dropdown(
            options=[REST, PHOTO], description="around it", tooltip="What the other coefficients hold", **wiring.look()
        ),
    }  # fmt: skip
    return wiring.panel(controls, as_html)
