"""Panel of notebook 08: move the factor of all steps, and see an image, its rate and PSNR, and where its bits go."""

import ipywidgets

from kryptonlib import plots
from kryptonlib.compression import case_drawing
from kryptonlib.compression.rate_distortion import psnr
from kryptonlib.compression.step_sweep import bits_of
from kryptonlib.widgets import wiring


def measured(sweep, beta):
    """(decoded image, bits per map, bits per place, rate in bit/pixel, PSNR in dB) at one beta.

    Args:
        sweep: :class:`kryptonlib.compression.step_sweep.Sweep` of a codec and an image. beta: positive.
    """
    decoded = sweep.decoded(beta)
    of_map, of_place = bits_of(sweep.symbols(beta))
    return decoded, of_map, of_place, of_map.sum() / sweep.luma.size, psnr(sweep.luma, decoded)


def render(sweep, beta):
    """Draw one state as a matplotlib figure; the caller closes it. Args: as :func:`measured`."""
    return _drawn(sweep, beta, *measured(sweep, beta))


def _drawn(sweep, beta, decoded, of_map, of_place, rate, quality):
    title = f"β = {beta:.3g}\n{rate:.3f} bit/pixel, {quality:.1f} dB"
    return case_drawing.one_step(sweep.luma, decoded, of_map, of_place, title)


def panel(sweeps, beta=1.0):
    """The panel, an ipywidgets box with ``controls`` and ``picture``.

    Args:
        sweeps: name of a network -> :class:`Sweep` of the image.
        beta: what it begins with, 1/8 to 64.

    Example:
        >>> panel({"case 3": Sweep(Codec.load("codec-10000"), luma)}, 2.0)  # doctest: +SKIP
    """

    def drawn(network, beta):
        found = measured(sweeps[network], beta)
        *_, rate, quality = found
        told = f"{rate:.3f} bit per pixel, {quality:.1f} dB"
        alt = f"{network} at beta {beta:.3g}: {told}; a map of the bits, and bits per map."
        return plots.as_html(_drawn(sweeps[network], beta, *found), alt)

    look = wiring.look(description="80px", width="330px")
    controls = {
        "network": ipywidgets.Dropdown(
            options=list(sweeps), description="network", tooltip="Which network codes the image", **look
        ),
        "beta": ipywidgets.FloatLogSlider(
            beta, base=2, min=-3, max=6, step=0.25, description="β", tooltip="Factor of all quantization steps", **look
        ),
    }  # fmt: skip
    return wiring.panel(controls, drawn)
