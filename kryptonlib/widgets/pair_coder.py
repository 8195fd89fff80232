"""Panel of notebook 07: turn the transform, change the step, and watch bits and error of a code for pairs of
numbers."""

import ipywidgets

from kryptonlib import plots
from kryptonlib.basics import transform_coding
from kryptonlib.compression import drawing
from kryptonlib.widgets import wiring


def render(correlation, angle, step):
    """Draw one state: the matplotlib figure of ``drawing.quantized_pairs`` for 20,000 pairs.

    Args:
        correlation: of the pairs, -1 to 1 without the ends. angle: of the transform in degrees. step: positive.
    """
    return drawing.quantized_pairs(transform_coding.pairs(20_000, correlation), angle, step)


def panel(correlation=0.9, angle=0.0, step=1.0):
    """The panel, beginning with the given state."""

    def as_html(correlation, angle, step):
        _, _, rate, distortion = transform_coding.code(transform_coding.pairs(20_000, correlation), angle, step)
        alt = f"Pairs in cells turned by {angle:g} degrees: {rate:.2f} bits per number, squared error {distortion:.4f}."
        return plots.as_html(render(correlation, angle, step), alt)

    controls = {
        "correlation": ipywidgets.FloatSlider(
            correlation, min=0, max=0.99, step=0.01, description="correlation", tooltip="Correlation of the two numbers",
            **wiring.look(),
        ),
        "angle": ipywidgets.FloatSlider(
            angle, min=0, max=90, step=5, description="angle", tooltip="Degrees by which the transform turns", **wiring.look()
        ),
        "step": ipywidgets.FloatLogSlider(
            step, base=10, min=-1, max=0.6, step=0.1, description="step", tooltip="Step of the quantizer", **wiring.look()
        ),
    }  # fmt: skip
    return wiring.panel(controls, as_html)
