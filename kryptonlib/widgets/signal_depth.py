"""Panel of notebook 22: choose activation, first weights and depth; see what goes up and what comes back."""

import ipywidgets
import torch

from kryptonlib import plots
from kryptonlib.deep import drawing, networks, probes
from kryptonlib.deep.initialisation import RULES
from kryptonlib.widgets import wiring

WIDTH, BATCH = 96, 128


def measure(activation, initial, depth, gain):
    """The ``probes.Signals`` of fully connected layers of 96 units for normal random inputs, before training.

    Args:
        activation: of ``networks.ACTIVATIONS``. initial: of ``initialisation.RULES``. depth: layers, at least 1.
        gain: positive factor on all first weights.

    Raises:
        ValueError: what cannot be.
    """
    if not gain > 0:
        raise ValueError(f"measure() got gain {gain}; expected a number above 0")
    network = networks.stack(depth, WIDTH, activation=activation, initial=initial)
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, torch.nn.Linear):
                layer.weight *= gain
    draw = torch.Generator().manual_seed(1)
    inputs = torch.randn(BATCH, 196, generator=draw)
    return probes.signals(network, inputs, torch.randint(networks.CLASSES, (BATCH,), generator=draw))


def render(activation="sigmoid", initial="he", depth=32, gain=1.0):
    """Draw one state: the matplotlib figure of ``drawing.signal_depth``; arguments as in ``measure``."""
    title = f"{depth} layers, {activation}, {initial} weights" + (f" times {gain:.2g}" if gain != 1 else "")
    return drawing.signal_depth(measure(activation, initial, depth, gain), title)


def describe(activation, initial, depth, gain):
    """The state in a sentence, for somebody who does not see it."""
    found = measure(activation, initial, depth, gain)
    back = found.gradient[0] / found.gradient[-1] if found.gradient[-1] > 0 else 0.0
    return (
        f"{depth} layers with {activation} and {initial} weights times {gain:.2g}: outputs of the last layer have mean "
        f"{found.mean[-1]:.2g} and variance {found.variance[-1]:.2g}; the first layer's gradient is "
        f"{back:.1g} of the last one's."
    )


def panel(activation="sigmoid", initial="he", depth=32):
    """The panel, beginning with the given state."""

    def as_html(**state):
        return plots.as_html(render(**state), describe(**state))

    look = wiring.look(description="110px")
    controls = {
        "activation": ipywidgets.Dropdown(
            options=list(networks.ACTIVATIONS), value=activation, description="activation", tooltip="after each layer",
            **look,
        ),
        "initial": ipywidgets.Dropdown(
            options=[rule for rule in RULES if rule != "zero"], value=initial, description="first weights",
            tooltip="rule for the variance of the first weights", **look,
        ),
        "depth": ipywidgets.IntSlider(depth, min=2, max=64, description="layers", tooltip="number of layers", **look),
        "gain": ipywidgets.FloatLogSlider(
            1.0, base=10, min=-0.5, max=0.5, step=0.05, description="times", tooltip="factor on all first weights",
            **look,
        ),
    }  # fmt: skip
    return wiring.panel(controls, as_html)
