"""What the figures about learning show, and what they refuse; and the networks that approximate a function."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kryptonlib.basics import approximation
from kryptonlib.basics import learning_drawing as drawing
from kryptonlib.basics.neurons import ACTIVATIONS


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_lines_show_the_mean_the_band_and_no_infinity():
    _, axes = plt.subplots()
    runs = np.array([[1.0, 3.0], [2.0, 6.0], [np.inf, 1.0]])
    drawing.lines(axes, [0, 1, 2], {"one": [5.0, np.inf, 7.0], "two": runs}, xlabel="x")
    one, two = axes.get_lines()
    np.testing.assert_array_equal(one.get_ydata(), [5.0, np.nan, 7.0])
    np.testing.assert_array_equal(two.get_ydata(), [2.0, 4.0, np.nan])
    assert (one.get_color(), one.get_linestyle()) != (two.get_color(), two.get_linestyle())
    (band,) = axes.collections
    assert {tuple(point) for point in band.get_paths()[0].vertices} >= {(0.0, 1.0), (0.0, 3.0), (1.0, 2.0), (1.0, 6.0)}
    assert axes.get_xlabel() == "x" and len(axes.get_legend().get_texts()) == 2
    with pytest.raises(ValueError, match=r"3 x values and 'short' of shape \(2,\)"):
        drawing.lines(axes, [0, 1, 2], {"short": [1.0, 2.0]})


def test_activations_are_drawn_above_their_slopes():
    figure = drawing.activations(["tanh", "relu"], x=[-1.0, 0.5, 2.0])
    tanh, relu, tanh_slope, relu_slope = (place.get_lines()[0].get_ydata() for place in figure.axes)
    np.testing.assert_allclose(tanh, np.tanh([-1.0, 0.5, 2.0]))
    np.testing.assert_allclose(relu_slope, ACTIVATIONS["relu"].slope(np.array([-1.0, 0.5, 2.0])))
    assert len(relu) == len(tanh_slope) == 3
    with pytest.raises(ValueError, match="unknown activation 'swish'"):
        drawing.activations(["swish"])


def test_decisions_lie_the_right_way_round():
    """A network that answers with its first input is dark on the left and its half-line stands upright."""
    points, labels = np.array([[0.0, 0], [1, 0], [1, 1]]), [0, 1, 1]
    figure = drawing.decisions({"first input": lambda x: x[:, :1]}, points, labels)
    place = figure.axes[0]
    assert "error 0" in place.get_title()
    border = [path for lines in place.collections for path in lines.get_paths() if len(path.vertices) == 120]
    assert any(np.allclose(path.vertices[:, 0], 0.5) for path in border)
    with pytest.raises(ValueError, match="a label for each"):
        drawing.decisions({}, points, [0, 1])


def test_backpropagation_names_every_weight_and_gradient():
    _, axes = plt.subplots()
    weights, slopes = [np.array([[0.1, 0.2]]), np.array([[0.3]])], [np.array([[1.0, -2.0]]), np.array([[3.0]])]
    drawing.backpropagation(axes, [[0.0, 1.0], [0.5], [0.25]], weights, slopes)
    texts = [text.get_text() for text in axes.texts]
    assert texts[:4] == ["i1\n0.0000", "i2\n1.0000", "h1\n0.5000", "o1\n0.2500"]
    assert texts[4:] == ["w1 = 0.10", "+1.0000", "w2 = 0.20", "-2.0000", "w3 = 0.30", "+3.0000"]
    with pytest.raises(ValueError, match="for each of 1 layers"):
        drawing.backpropagation(axes, [[0.0], [1.0]], weights, slopes)


def test_fits_keep_every_curve_on_its_axis():
    degrees = [0, 1, 2]
    curves = [{"a": [1e-3, 2.0, 0.5]}, {"b": [1e3, 1e6, 1.0]}]
    figure = drawing.fits(np.linspace(0, 1, 5), np.zeros(5), {1: np.ones((5, 30))}, degrees, curves, draws=4)
    assert len(figure.axes) == 3 and len(figure.axes[0].get_lines()) == 5
    for place, series in zip(figure.axes[1:], curves):
        low, high = place.get_ylim()
        assert all(low <= value <= high for values in series.values() for value in values)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_polyline_is_linear_interpolation(count):
    draw = np.random.default_rng(count)
    knots, values = np.cumsum(draw.random(count + 1)), draw.normal(size=count + 1)
    x = np.linspace(knots[0], knots[-1], 50)
    network = approximation.polyline(knots, values)
    np.testing.assert_allclose(network(x[:, None])[:, 0], np.interp(x, knots, values), atol=1e-12)
    assert network.weights[0].shape == (count, 1)
    for bad in (([0.0], [1.0]), ([0.0, 0.0], [1.0, 1.0]), ([0.0, 1.0], [1.0])):
        with pytest.raises(ValueError, match="increasing knots"):
            approximation.polyline(*bad)


def test_trained_errors_are_those_of_the_same_training_in_torch():
    x = np.linspace(-1, 1, 33)[:, None]
    got = approximation.trained_errors(x, x**2, width=3, steps=20, trials=2, shares=(0.5, 1.0))
    assert got.shape == (2, 2)
    for trial in range(2):
        start = approximation.MLP.random([1, 3, 1], ["tanh", "linear"], trial)
        leaves = [torch.tensor(part, requires_grad=True) for pair in zip(start.weights, start.biases) for part in pair]
        w1, b1, w2, b2 = leaves
        optimizer = torch.optim.Adam(leaves, lr=0.03)

        def out(values):
            return torch.tanh(torch.tensor(values) @ w1.T + b1) @ w2.T + b2

        for t in range(1, 21):
            optimizer.param_groups[0]["lr"] = 0.03 / (1 + t / 500)
            optimizer.zero_grad()
            ((out(x[::8]) - torch.tensor(x[::8] ** 2)).square().mean() / 2).backward()
            optimizer.step()
            if t in (10, 20):
                error = np.abs(out(x).detach().numpy() - x**2).max()
                assert got[trial, t // 10 - 1] == pytest.approx(error, rel=1e-6)
