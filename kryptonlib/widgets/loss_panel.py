"""Panel of notebook 10: choose a change and its strength, and watch every metric move on the scale of white noise."""

import functools

import ipywidgets

from kryptonlib import images, plots
from kryptonlib.losses import distortions, drawing
from kryptonlib.losses.noise_scale import LEVELS, NoiseScale
from kryptonlib.widgets import wiring


def read(photo, change, strength, scale):
    """The changed photo [1, 3, H, W], and metric -> the noise that it finds as bad, in levels of 255."""
    changed = distortions.distort(photo, change, strength)
    return changed, {name: float(value[0]) for name, value in scale.read(changed).items()}


def render(photo, change, strength, scale):
    """Draw one state; returns the matplotlib figure.

    Args:
        photo: tensor [1, 3, H, W] in [0, 1], at least 161 pixels a side.
        change: one of ``distortions.DISTORTIONS``. strength: in its unit.
        scale: the photo's :class:`kryptonlib.losses.noise_scale.NoiseScale`.

    Raises:
        ValueError: as :func:`kryptonlib.losses.distortions.distort`.
    """
    changed, levels = read(photo, change, strength, scale)
    title = f"{change}, {distortions.DISTORTIONS[change].told(strength)}"
    pictures = (images.from_tensor(image) for image in (photo, changed))
    return drawing.noise_bars(*pictures, title, levels, (LEVELS[0], LEVELS[-1]))


def panel(photo, change="shift"):
    """The panel, beginning with a change at an eighth of its largest strength."""

    @functools.cache
    def scale():
        return NoiseScale(photo)

    def as_html(change, strength):
        _, levels = read(photo, change, strength, scale())
        counts = ", ".join(f"{name} {level:.3g}" for name, level in levels.items())
        told = distortions.DISTORTIONS[change].told(strength)
        alt = f"{change}, {told}, counts as noise of so many levels of 255: {counts}."
        return plots.as_html(render(photo, change, strength, scale()), alt)

    distortion = distortions.DISTORTIONS[change]
    controls = {
        "change": ipywidgets.Dropdown(
            options=list(distortions.DISTORTIONS), value=change, description="change",
            tooltip="What is done to the photo", **wiring.look(),
        ),
        "strength": ipywidgets.FloatSlider(
            distortion.strongest / 8, min=0, max=distortion.strongest, step=distortion.strongest / 80,
            description="strength", tooltip="How strongly, in the unit above the picture", readout_format=".3g",
            **wiring.look(),
        ),
    }  # fmt: skip

    def fit():
        strongest = distortions.DISTORTIONS[controls["change"].value].strongest
        # The limit first: a slider cuts its value to the limits that it has.
        controls["strength"].max = strongest
        controls["strength"].step = strongest / 80
        controls["strength"].value = strongest / 8

    return wiring.panel(controls, as_html, adjust={"change": fit})
