"""Gradients by differences: their values, the two errors of the step, and the mistakes they must find."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kryptonlib.basics.gradcheck import numerical_gradient, relative_error, step_sweep
from kryptonlib.basics.neurons import MLP, cross_entropy


@given(st.integers(0, 1000), st.sampled_from([(1,), (4,), (2, 3), (2, 1, 2)]))
def test_a_cubic_is_wrong_by_exactly_the_square_of_the_step(seed, shape):
    w = np.random.default_rng(seed).normal(size=shape)
    got = numerical_gradient(lambda v: np.sum(v**3), w, step=0.1)
    np.testing.assert_allclose(got, 3 * w**2 + 0.01, atol=1e-10)
    forward = numerical_gradient(lambda v: np.sum(v**3), w, step=0.1, central=False)
    np.testing.assert_allclose(forward, 3 * w**2 + 0.3 * w + 0.01, atol=1e-10)


def test_it_agrees_with_autograd_and_leaves_the_weights_alone():
    draw = np.random.default_rng(0)
    w, x = draw.normal(size=(3, 4)), draw.normal(size=4)
    kept = w.copy()
    leaf = torch.tensor(w, requires_grad=True)
    torch.sin(leaf @ torch.tensor(x)).prod().backward()
    got = numerical_gradient(lambda v: np.prod(np.sin(v @ x)), w)
    np.testing.assert_allclose(got, leaf.grad.numpy(), atol=1e-9)
    np.testing.assert_array_equal(w, kept)
    assert numerical_gradient(lambda v: v.sum(), np.arange(3)).tolist() == pytest.approx([1.0] * 3)


def test_both_errors_of_the_step_have_their_powers():
    """Truncation: h^2 central, h forward. Rounding: 1 / h. Slopes of the error over two decades on either side."""
    w = np.array([0.7])
    exact = np.exp(w)
    errors = step_sweep(lambda v: np.exp(v).sum(), w, exact, [1e-1, 1e-3])
    assert np.log10(errors["central differences"][0] / errors["central differences"][1]) == pytest.approx(4, abs=0.1)
    assert np.log10(errors["forward differences"][0] / errors["forward differences"][1]) == pytest.approx(2, abs=0.1)
    # Rounding is noise: its mean over many places grows by the ratio of the steps. Powers of 2 move w without rounding.
    places = np.linspace(0.5, 1.5, 300)
    noise = [
        np.mean([abs(numerical_gradient(lambda v: np.exp(v).sum(), [x], h)[0] - np.exp(x)) for x in places])
        for h in (2.0**-27, 2.0**-34)
    ]
    assert np.log2(noise[1] / noise[0]) == pytest.approx(7, abs=0.5)


def test_backpropagation_and_cross_entropy_pass_and_a_mistake_does_not():
    draw = np.random.default_rng(1)
    network = MLP.random([3, 4, 2], ["tanh", "linear"], seed=2)
    x, targets, labels = draw.normal(size=(5, 3)), draw.normal(size=(5, 2)), draw.integers(0, 2, 5)
    weights = network.pack()
    _, exact = network.packed_gradient(x, targets)

    def loss(vector):
        network.unpack(vector)
        return network.gradients(x, targets)[0]

    checked = numerical_gradient(loss, weights)
    assert relative_error(exact, checked) < 1e-9
    assert relative_error(-exact, checked) == pytest.approx(1.0)
    assert relative_error(2 * exact, checked) == pytest.approx(1 / 3)
    scores = 3 * draw.normal(size=(5, 2))
    gradient = cross_entropy(scores, labels)[1]
    assert relative_error(gradient, numerical_gradient(lambda v: cross_entropy(v, labels)[0], scores)) < 1e-8


def test_relative_error_of_zeros_and_of_shapes():
    assert relative_error(np.zeros(3), np.zeros(3)) == 0.0
    assert relative_error(np.zeros(3), np.ones(3)) == 1.0
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(2, 1\)"):
        relative_error(np.zeros(2), np.zeros((2, 1)))


@pytest.mark.parametrize(
    "arguments, hint",
    [
        ((np.sum, [1.0], 0.0), "step must be a positive"),
        ((np.sum, [1.0], float("nan")), "step must be a positive"),
        ((np.sum, [np.nan]), "finite weights"),
        ((lambda w: w, [1.0, 2.0]), r"one number, got shape \(2,\)"),
    ],
)
def test_refusals(arguments, hint):
    with pytest.raises(ValueError, match=hint):
        numerical_gradient(*arguments)
