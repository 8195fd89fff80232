"""The panel of signals over depth: what it measures, its refusals, its wiring."""

import matplotlib.pyplot as plt
import pytest

from kryptonlib.widgets import signal_depth


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_a_factor_on_linear_signals_multiplies_their_spread():
    """By hand: ReLU without biases is homogeneous, so a gain g per layer multiplies layer k's outputs by g^k."""
    one, more = (signal_depth.measure("relu", "he", 5, gain) for gain in (1.0, 2.0))
    for layer in range(5):
        assert more.variance[layer] == pytest.approx(4.0 ** (layer + 1) * one.variance[layer], rel=1e-3)


def test_the_sigmoid_loses_the_gradient_and_not_the_signal():
    found = signal_depth.measure("sigmoid", "he", 32, 1.0)
    assert 0.3 < found.mean[-1] < 0.7 and found.gradient[0] < 1e-9 * found.gradient[-1]
    assert "32 layers with sigmoid" in signal_depth.describe("sigmoid", "he", 32, 1.0)


@pytest.mark.parametrize(
    "state, hint",
    [(("relu", "he", 0, 1.0), "depth 0"), (("relu", "he", 3, 0.0), "gain 0.0"), (("elu", "he", 3, 1.0), "activation")],
)
def test_it_refuses(state, hint):
    with pytest.raises(ValueError, match=hint):
        signal_depth.measure(*state)


def test_the_panel_draws_what_its_controls_say():
    box = signal_depth.panel("tanh", "lecun", 4)
    first = box.picture.value
    assert "4 layers with tanh and lecun weights" in first
    box.controls["activation"].value = "selu"
    assert "4 layers with selu" in box.picture.value and box.picture.value != first
    assert "zero" not in box.controls["initial"].options
    box.controls["initial"].value = "small"
    assert "small weights" in box.picture.value and signal_depth.wiring.ERROR not in box.picture.value
