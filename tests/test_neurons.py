"""Neurons, softmax, back-propagation, the adaptive filter, generalization and graphs against independent references."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import fourier_gaussian

from kryptonlib.basics import filters, neurons
from kryptonlib.basics.neurons import ACTIVATIONS, MLP, dead_units, slide_network, softmax, train
from kryptonlib.basics.optimizers import SGD, Adam

TORCH = {
    "linear": lambda x: x,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky relu": torch.nn.functional.leaky_relu,
    "selu": torch.nn.functional.selu,
}


def torch_loss(network, x, targets):
    """The loss of an MLP in torch, with the weights and biases as leaves."""
    leaves = [
        torch.tensor(p, requires_grad=True) for pair in zip(network.weights, network.biases) for p in pair
    ]
    out = torch.tensor(x)
    for layer, name in enumerate(network.activations):
        out = TORCH[name](out @ leaves[2 * layer].T + leaves[2 * layer + 1])
    return ((out - torch.tensor(targets)) ** 2).sum() / (2 * len(x)), leaves


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_and_slope_are_torchs(name):
    x = torch.linspace(-40, 40, 401, dtype=torch.float64, requires_grad=True)
    y = TORCH[name](x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    np.testing.assert_allclose(ACTIVATIONS[name].value(x.detach().numpy()), y.detach().numpy(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(ACTIVATIONS[name].slope(x.detach().numpy()), slope.numpy(), rtol=1e-9, atol=1e-15)


def test_activation_landmarks():
    x = np.linspace(-6, 6, 100001)
    slopes = ACTIVATIONS["sigmoid"].slope(x)
    assert slopes.max() == pytest.approx(0.25) and x[slopes.argmax()] == pytest.approx(0)
    assert ACTIVATIONS["selu"].value(np.array([1.0]))[0] == pytest.approx(1.050701, abs=5e-7)
    assert ACTIVATIONS["selu"].value(np.array([-1e3]))[0] == pytest.approx(-1.758099, abs=5e-7)
    with np.errstate(over="raise", invalid="raise"):
        assert neurons.sigmoid(np.array([-1e3, 1e3])).tolist() == [0.0, 1.0]


def test_selu_keeps_mean_and_variance():
    z = np.random.default_rng(0).normal(size=2_000_000)
    out = ACTIVATIONS["selu"].value(z)
    assert abs(out.mean()) < 0.005 and abs(out.var() - 1) < 0.005


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=20), st.floats(-1e4, 1e4))
def test_softmax_sums_to_one_is_shift_invariant_and_keeps_order(scores, shift):
    p = softmax(scores)
    assert p.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(softmax(np.array(scores) + shift), p, atol=1e-10)
    assert p[np.argmax(scores)] == p.max()
    np.testing.assert_allclose(p, torch.softmax(torch.tensor(scores, dtype=torch.float64), 0).numpy(), atol=1e-14)


def test_softmax_axis_and_refusals():
    scores = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(softmax(scores, axis=0).sum(axis=0), np.ones(3))
    for bad in ([], [np.nan, 0.0], [np.inf, 0.0]):
        with pytest.raises(ValueError, match="finite scores"):
            softmax(bad)


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_cross_entropy_is_torchs_and_does_not_overflow(scale):
    draw = np.random.default_rng(0)
    scores, labels = scale * draw.normal(size=(6, 4)), draw.integers(0, 4, 6)
    loss, gradient = neurons.cross_entropy(scores, labels)
    leaf = torch.tensor(scores, requires_grad=True)
    reference = torch.nn.functional.cross_entropy(leaf, torch.tensor(labels))
    reference.backward()
    assert loss == pytest.approx(reference.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, leaf.grad.numpy(), atol=1e-14)
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-15)
    assert neurons.cross_entropy(scores + 7.0, labels)[0] == pytest.approx(loss, rel=1e-9)


@pytest.mark.parametrize(
    "scores, labels, hint",
    [
        ([0.0, 1.0], [0], "finite logits"),
        ([[np.inf, 1.0]], [0], "finite logits"),
        ([[0.0, 1.0]], [0, 1], "labels must be 1 integers"),
        ([[0.0, 1.0]], [0.5], "labels must be 1 integers"),
        ([[0.0, 1.0]], [2], r"0\.\.1"),
        ([[0.0, 1.0]], [-1], r"0\.\.1"),
    ],
)
def test_cross_entropy_refuses(scores, labels, hint):
    with pytest.raises(ValueError, match=hint):
        neurons.cross_entropy(scores, labels)


@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize("samples", [1, 7])
def test_backpropagation_is_autograd(hidden, samples):
    draw = np.random.default_rng(samples)
    network = MLP.random([3, 5, 4, 2], [hidden, "tanh", "sigmoid"], seed=1)
    network.unpack(network.pack() + draw.normal(size=network.pack().size))
    x, targets = draw.normal(size=(samples, 3)), draw.normal(size=(samples, 2))
    loss, weights, biases = network.gradients(x, targets)
    reference, leaves = torch_loss(network, x, targets)
    reference.backward()
    assert loss == pytest.approx(reference.item(), rel=1e-12)
    packed_loss, packed = network.packed_gradient(x, targets)
    assert packed_loss == loss
    np.testing.assert_array_equal(packed, MLP(weights, biases, network.activations).pack())
    for ours, leaf in zip([part for pair in zip(weights, biases) for part in pair], leaves):
        np.testing.assert_allclose(ours, leaf.grad.numpy(), rtol=1e-9, atol=1e-14)


def test_the_slides_network_has_the_slides_numbers():
    network = slide_network()
    nets, outs = network.forward(neurons.SLIDE_INPUT)
    np.testing.assert_allclose(nets[0][0], [0.3775, 0.3925], atol=1e-12)
    np.testing.assert_allclose(outs[1][0], [0.593269992, 0.596884378], atol=5e-10)
    # The slide prints net_o2 = 1.2249207; its own hidden outputs give 1.2249214, and its out_o2 fits the latter.
    np.testing.assert_allclose(nets[1][0], [1.105905967, 1.2249214], atol=5e-8)
    np.testing.assert_allclose(outs[2][0], [0.75136507, 0.772928465], atol=5e-9)
    loss, weights, _ = network.gradients(neurons.SLIDE_INPUT, neurons.SLIDE_TARGET)
    assert loss == pytest.approx(0.298371109, abs=5e-10)
    assert weights[1][0, 0] == pytest.approx(0.082167041, abs=5e-10)


def test_the_slides_network_learns_with_the_weights_only():
    network = slide_network()
    for step in range(10_001):
        loss, weights, _ = network.gradients(neurons.SLIDE_INPUT, neurons.SLIDE_TARGET)
        if step == 1:
            assert network.weights[1][0, 0] == pytest.approx(0.35891648, abs=5e-9)
            assert loss == pytest.approx(0.29102777, abs=5e-9)
        for w, gradient in zip(network.weights, weights):
            w -= 0.5 * gradient
    assert loss == pytest.approx(3.51e-5, abs=5e-8)


XOR = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])


def test_layers_without_activation_are_one_linear_layer_and_cannot_learn_xor():
    x, targets = XOR
    deep = MLP.random([2, 8, 8, 1], ["linear"] * 3, seed=0)
    flat = np.linalg.multi_dot(deep.weights[::-1])
    np.testing.assert_allclose(deep(x), x @ flat.T, atol=1e-12)
    losses = train(deep, x, targets, Adam(0.01), 4000)
    assert 2 * losses[-1] == pytest.approx(0.25, abs=1e-6)
    assert 2 * losses.min() >= 0.25 - 1e-12
    bent = MLP.random([2, 4, 1], ["tanh", "linear"], seed=0)
    assert 2 * train(bent, x, targets, Adam(0.05), 2000)[-1] < 1e-6


def test_training_takes_every_sample_once_an_epoch():
    class Spy(SGD):
        seen = []

        def direction(self, g):
            self.seen.append(g.copy())
            return 0 * g

    x, targets = np.eye(6), np.zeros((6, 1))
    network = MLP([np.ones((1, 6))], [np.zeros(1)], ["linear"])
    train(network, x, targets, Spy(1.0), 6, batch=2)
    touched = [set(np.flatnonzero(g[:6])) for g in Spy.seen]
    assert all(len(t) == 2 for t in touched)
    assert set.union(*touched[:3]) == set.union(*touched[3:]) == set(range(6))
    with pytest.raises(ValueError, match="batch must be between 1 and the 6"):
        train(network, x, targets, SGD(1.0), 1, batch=7)


def test_pack_and_unpack_are_inverse():
    network = MLP.random([3, 2, 1], ["relu", "linear"], seed=3)
    other = MLP.random([3, 2, 1], ["relu", "linear"], seed=4)
    other.unpack(network.pack())
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(network(x), other(x))
    with pytest.raises(ValueError, match="expected a vector of 11 numbers"):
        other.unpack(np.zeros(10))


def test_dead_units():
    network = MLP([[[1.0], [1.0], [-1.0]], [[1.0] * 3]], [[0.0, -9.0, 0.0], [0.0]], ["relu", "linear"])
    assert dead_units(network, np.array([[-1.0], [1.0]])).tolist() == [False, True, False]
    assert dead_units(network, np.array([[1.0]])).tolist() == [False, True, True]
    assert neurons.never_on(network, np.array([[-1.0], [1.0]])).tolist() == [False, True, False]
    network.activations[0] = "leaky relu"
    assert neurons.never_on(network, np.array([[1.0]])).tolist() == [False, True, True]
    assert not dead_units(network, np.array([[1.0]])).any()


@pytest.mark.parametrize(
    "arguments, hint",
    [
        (([[[1.0]]], [[0.0]], ["swish"]), "unknown activation 'swish'"),
        (([[[1.0]]], [[0.0, 0.0]], ["tanh"]), "do not fit"),
        (([[[1.0]], [[1.0, 1.0]]], [[0.0], [0.0]], ["tanh"] * 2), "layer 1"),
        (([[[1.0]]], [[0.0]], ["tanh"] * 2), "as many weights"),
    ],
)
def test_mlp_refuses(arguments, hint):
    with pytest.raises(ValueError, match=hint):
        MLP(*arguments)


def test_mlp_refuses_inputs_of_another_size():
    network = MLP.random([3, 1], ["linear"])
    with pytest.raises(ValueError, match=r"inputs must be \[N, 3\]"):
        network(np.zeros((4, 2)))
    with pytest.raises(ValueError, match="targets must be"):
        network.gradients(np.zeros((4, 3)), np.zeros(4))
    with pytest.raises(ValueError, match="sizes must name"):
        MLP.random([3], ["linear"])


# The adaptive filter.

TAPS = np.array([0.8, -0.4, 0.25, 0.1, -0.05])


def coloured(samples, seed=0):
    """A first-order autoregressive signal, filtered by TAPS with a little noise: inputs [N, 5] and desired [N]."""
    draw = np.random.default_rng(seed)
    white, signal = draw.normal(size=samples), np.zeros(samples)
    for i in range(samples):
        signal[i] = 0.7 * signal[i - 1] + white[i]
    inputs = filters.delayed(signal, 5)
    return inputs, inputs @ TAPS + 0.05 * draw.normal(size=samples)


def test_delayed_is_convolution():
    signal = np.random.default_rng(0).normal(size=30)
    np.testing.assert_allclose(filters.delayed(signal, 5) @ TAPS, np.convolve(signal, TAPS)[:30], atol=1e-12)


def test_wiener_is_least_squares_and_finds_the_filter():
    inputs, desired = coloured(20_000)
    found = filters.wiener(inputs, desired)
    np.testing.assert_allclose(found, np.linalg.lstsq(inputs, desired, rcond=None)[0], atol=1e-10)
    np.testing.assert_allclose(found, TAPS, atol=0.003)


def test_lms_converges_to_wiener():
    inputs, desired = coloured(20_000)
    path = filters.lms(inputs, desired, 0.005)
    np.testing.assert_allclose(path[-5000:].mean(axis=0), filters.wiener(inputs, desired), atol=0.01)


def test_lms_step_is_the_gradient_of_the_squared_error():
    inputs, desired = coloured(50)
    path = filters.lms(inputs, desired, 0.02)
    for i in (0, 7, 49):
        w = torch.tensor(path[i], requires_grad=True)
        (0.5 * (desired[i] - w @ torch.tensor(inputs[i])) ** 2).backward()
        np.testing.assert_allclose(path[i + 1], path[i] - 0.02 * w.grad.numpy(), atol=1e-12)


def test_the_mean_converges_below_two_over_lambda_and_diverges_above():
    correlation, cross = filters.statistics(*coloured(5000))
    limit, optimum = filters.largest_step(correlation), np.linalg.solve(correlation, cross)
    assert limit == pytest.approx(2 / max(np.linalg.eigvals(correlation).real))

    def last(step):
        return np.linalg.norm(filters.mean_path(correlation, cross, step, 3000)[-1] - optimum)

    assert last(0.99 * limit) < 1e-6
    assert last(1.01 * limit) > 1e6


def test_the_mean_of_many_lms_runs_is_the_mean_path_for_independent_inputs():
    draw = np.random.default_rng(0)
    shape = np.linalg.cholesky(np.array([[2.0, 0.8], [0.8, 1.0]]))
    runs = []
    for _ in range(3000):
        inputs = draw.normal(size=(20, 2)) @ shape.T
        runs.append(filters.lms(inputs, inputs @ [1.0, -0.5], 0.1))
    expected = filters.mean_path(shape @ shape.T, shape @ shape.T @ [1.0, -0.5], 0.1, 20)
    np.testing.assert_allclose(np.mean(runs, axis=0), expected, atol=0.02)


@pytest.mark.parametrize("kappa", [0.1, 1e-3])
def test_wiener_restoration_is_the_best_linear_one_and_its_parts_add_up(kappa):
    draw = np.random.default_rng(0)
    clean, noise = draw.random((12, 9)), 0.05 * draw.normal(size=(12, 9))
    parts = filters.wiener_restoration(clean, noise, blur=0.8, kappa=kappa)
    np.testing.assert_allclose(parts["restored"], clean + parts["ringing"] + parts["amplified noise"], atol=1e-12)
    blurred = np.fft.ifft2(fourier_gaussian(np.fft.fft2(clean), 0.8)).real
    np.testing.assert_allclose(parts["degraded"] - noise, blurred, atol=1e-12)
    # It minimises ||h * x - degraded||^2 + kappa ||x||^2, so the gradient of that vanishes.
    x = torch.tensor(parts["restored"], requires_grad=True)
    rows, columns = (torch.fft.fftfreq(n, dtype=torch.float64) for n in clean.shape)
    transfer = torch.exp(-2 * torch.pi**2 * 0.8**2 * (rows[:, None] ** 2 + columns**2))
    blurred = torch.fft.ifft2(transfer * torch.fft.fft2(x)).real
    ((blurred - torch.tensor(parts["degraded"])).square().sum() + kappa * x.square().sum()).backward()
    assert x.grad.abs().max() < 1e-10


def test_filters_refuse():
    for call, hint in [
        (lambda: filters.delayed(np.zeros((2, 2)), 3), "finite vector"),
        (lambda: filters.delayed([np.nan], 3), "finite vector"),
        (lambda: filters.delayed([1.0], 0), "taps must be at least 1"),
        (lambda: filters.lms(np.zeros((3, 2)), np.zeros(3), 0), "step must be positive"),
        (lambda: filters.wiener(np.zeros((3, 2)), np.zeros(4)), r"expected inputs \[N, taps\]"),
        (lambda: filters.wiener_restoration(np.zeros((3, 2)), np.zeros((2, 3)), 1.0, 0.1), "noise like it"),
        (lambda: filters.wiener_restoration(np.zeros((3, 2)), np.zeros((3, 2)), 1.0, 0.0), "kappa must be above 0"),
    ]:
        with pytest.raises(ValueError, match=hint):
            call()
