"""Choose a noise level and two denoisers, and compare what they make of one crop.

``restored`` computes, ``render`` draws one state without a browser too, ``explore`` is the panel.
"""

import ipywidgets
import numpy as np
from IPython.display import display

from kryptonlib import plots
from kryptonlib.restoration.denoising_trial import with_noise
from kryptonlib.widgets import wiring

LEVELS = (5, 15, 25, 40, 60)
"""Deviations of the noise of 255; training saw those up to 40."""


def restored(models, clean, level, names):
    """Title -> picture: clean, noisy and what each model makes of it, with its PSNR.

    Args:
        models: name -> function of a noisy image. clean: [H, W, 3] in [0, 1]. level: deviation of the noise of 255.
        names: which of the models.

    Raises:
        ValueError: an unknown name.
    """
    unknown = [name for name in names if name not in models]
    if unknown:
        raise ValueError(f"there is no model {unknown[0]!r}; there are {', '.join(models)}")
    (noisy,) = with_noise([clean], level / 255)
    shown = {"clean": clean, "noisy": noisy} | {name: models[name](noisy) for name in names}
    psnr = {name: -10 * np.log10(np.square(picture - clean).mean()) for name, picture in list(shown.items())[1:]}
    return {f"{name}\n{psnr[name]:.1f} dB" if name in psnr else name: picture for name, picture in shown.items()}


def render(models, clean, level, names):
    """Draw one state as a matplotlib figure; the caller closes it. Args: as :func:`restored`."""
    shown = restored(models, clean, level, names)
    return plots.images([np.clip(picture, 0, 1) for picture in shown.values()], list(shown), height=2.5)


def explore(models, clean, first="l2", second="LPIPS + l2", level=25):
    """Display the panel and return it: an ipywidgets box with ``controls`` and ``picture``.

    Args:
        models, clean: as for :func:`restored`. first, second, level: what it begins with.

    Example:
        >>> explore({"l2": restoration.load("denoise-l2"), "FLIP": restoration.load("denoise-flip")}, crop)  # doctest: +SKIP
    """
    look = wiring.look(description="80px", width="300px")
    controls = {
        "level": ipywidgets.SelectionSlider(
            options=LEVELS, value=level, description="Noise", tooltip="Standard deviation of the noise, of 255", **look
        ),
        "first": ipywidgets.Dropdown(
            options=list(models), value=first, description="Left", tooltip="The loss of the left model", **look
        ),
        "second": ipywidgets.Dropdown(
            options=list(models), value=second, description="Right", tooltip="The loss of the right model", **look
        ),
    }

    def drawn(level, first, second):
        names = list(dict.fromkeys([first, second]))
        titles = [title.replace("\n", ", ") for title in restored(models, clean, level, names)]
        return plots.as_html(render(models, clean, level, names), f"Noise of {level}/255: " + "; ".join(titles[1:]))

    box = wiring.panel(controls, drawn)
    display(box)
    return box
