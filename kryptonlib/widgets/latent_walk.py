"""Panel of notebook 16: walk from one random input of a generator to another and watch what it draws."""

import functools

import ipywidgets
import numpy as np
import torch
from matplotlib import pyplot as plt

from kryptonlib import plots
from kryptonlib.adversarial import dcgan
from kryptonlib.choices import check_choice
from kryptonlib.widgets import wiring

GENERATORS = {"digits": "our generator of digits", "faces": "gan-face-generate's of rendered faces"}
STATIONS = 9
"""Pictures of the way that are always shown."""


@functools.cache
def network(name):
    """The generator of a name of ``GENERATORS``.

    Raises:
        ValueError: an unknown name, or one whose weights are not here, with the command that fetches them.
    """
    check_choice("generator", name, GENERATORS)
    try:
        return dcgan.trained()[0] if name == "digits" else dcgan.faces()
    except FileNotFoundError as error:
        raise ValueError(str(error)) from None


def station(name, start, end, share):
    """Inputs [N, 100, 1, 1] at shares of the way between the inputs of two seeds.

    Digits: a straight line between uniform z. Faces: a great circle between Gaussian ones, which that generator was
    trained on.
    """
    if start == end:
        raise ValueError(f"start and end are both {start}; choose two different numbers")
    if name == "digits":
        a, b = (dcgan.draw(1, seed=seed)[0] for seed in (start, end))
        return torch.cat([a[None] + part * (b - a) for part in share])
    a, b = (torch.randn(100, 1, 1, generator=torch.Generator().manual_seed(seed)) for seed in (start, end))
    return torch.cat([dcgan.around(a, b, part) for part in share])


def render(name="digits", start=1, end=2, share=0.5):
    """One state: the picture at ``share`` of the way, above nine pictures from start to end.

    Args:
        name: of ``GENERATORS``. start, end: seeds of the two z. share: 0 to 1.

    Returns:
        The matplotlib figure.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share got {share}; expected 0 to 1")
    shares = [share, *np.linspace(0, 1, STATIONS)]
    made = dcgan.pictures(network(name), station(name, start, end, shares)).numpy()
    figure, axes = plt.subplot_mosaic(
        [["here"] * STATIONS, list(range(STATIONS))], figsize=(plots.WIDTH, 3.2), height_ratios=(2.2, 1)
    )
    for key, picture, part in zip(["here", *range(STATIONS)], made, shares):
        axes[key].imshow(picture, cmap="gray", vmin=0, vmax=1)
        axes[key].set(xticks=[], yticks=[], title=f"{part:.0%} of the way" if key == "here" else f"{part:.0%}")
    return figure


def panel(name="digits", start=1, end=2):
    """The panel, beginning halfway between two z."""
    look = wiring.look(description="60px", width="260px")
    controls = {
        "name": ipywidgets.Dropdown(
            options=[(text, key) for key, text in GENERATORS.items()],
            value=name,
            description="draws",
            tooltip="Which generator draws",
            **look,
        ),
        "start": ipywidgets.BoundedIntText(
            start, min=0, max=9999, description="start", tooltip="Seed of the first z", **look
        ),
        "end": ipywidgets.BoundedIntText(end, min=0, max=9999, description="end", tooltip="Seed of the last z", **look),
        "share": ipywidgets.FloatSlider(
            0.5, min=0, max=1, step=0.05, description="share", tooltip="How far on the way from start to end", **look
        ),
    }

    def as_html(**chosen):
        way = f"{chosen['share']:.0%} of the way from z number {chosen['start']} to {chosen['end']}"
        return plots.as_html(render(**chosen), f"What {GENERATORS[chosen['name']]} makes {way}.")

    return wiring.panel(controls, as_html)
