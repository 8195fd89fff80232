"""Every optimizer against torch.optim step by step; the loss surfaces; Reddi's example."""

import numpy as np
import pytest
import torch

from kryptonlib.basics.optimizers import NAG, OPTIMIZERS, SGD, Adam, AMSGrad, Momentum, Nadam, descend
from kryptonlib.basics.surfaces import SURFACES, surface

PAIRS = {
    "SGD": (lambda p: torch.optim.SGD(p, lr=0.1), {"rate": 0.1}),
    "Momentum": (lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8), {"rate": 0.05, "mu": 0.8}),
    "NAG": (lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True), {"rate": 0.05, "mu": 0.8}),
    "AdaGrad": (lambda p: torch.optim.Adagrad(p, lr=0.3), {"rate": 0.3}),
    "Adadelta": (lambda p: torch.optim.Adadelta(p, lr=0.7, rho=0.85), {"rate": 0.7, "decay": 0.85}),
    "RMSProp": (lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.95), {"rate": 0.02, "decay": 0.95}),
    "Adam": (lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.8, 0.95)), {"rate": 0.1, "beta1": 0.8, "beta2": 0.95}),
    "AdaMax": (lambda p: torch.optim.Adamax(p, lr=0.1, betas=(0.8, 0.95)), {"rate": 0.1, "beta1": 0.8, "beta2": 0.95}),
    "Nadam": (lambda p: torch.optim.NAdam(p, lr=0.1, betas=(0.8, 0.95)), {"rate": 0.1, "beta1": 0.8, "beta2": 0.95}),
    "AMSGrad": (
        lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.8, 0.95), amsgrad=True),
        {"rate": 0.1, "beta1": 0.8, "beta2": 0.95},
    ),
}


@pytest.fixture(autouse=True)
def double_precision():
    """torch keeps NAdam's running product in the default type; in single precision it differs in the eighth digit."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_every_optimizer_is_compared():
    assert set(PAIRS) == set(OPTIMIZERS)
    assert len(OPTIMIZERS) == 10


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("seed", range(5))
def test_every_step_is_torchs(name, seed):
    """A random convex problem with gradient noise, 60 steps, every step compared."""
    make, settings = PAIRS[name]
    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(4, 4)) / 4
    w = draw.normal(size=4)
    theirs = torch.tensor(w, requires_grad=True)
    reference, ours = make([theirs]), OPTIMIZERS[name](**settings)
    for _ in range(60):
        noise = draw.normal(size=4) * draw.choice([0.0, 0.1, 3.0])
        reference.zero_grad()
        (0.5 * (torch.tensor(matrix) @ theirs).square().sum() + theirs @ torch.tensor(noise)).backward()
        w = ours.step(w, matrix.T @ matrix @ w + noise)
        reference.step()
        np.testing.assert_allclose(w, theirs.detach().numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_defaults_are_torchs(name):
    classes = {"Momentum": "SGD", "NAG": "SGD", "AdaGrad": "Adagrad", "RMSProp": "RMSprop", "AdaMax": "Adamax",
               "Nadam": "NAdam", "AMSGrad": "Adam"}  # fmt: skip
    extra = {"Momentum": {"momentum": 0.9}, "NAG": {"momentum": 0.9, "nesterov": True}, "AMSGrad": {"amsgrad": True}}
    theirs = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    reference = getattr(torch.optim, classes.get(name, name))([theirs], lr=0.01, **extra.get(name, {}))
    ours, w = OPTIMIZERS[name](0.01), np.array([1.0, -2.0])
    for t in range(30):
        g = np.array([np.cos(t), 10.0 * np.sin(3 * t)])
        theirs.grad = torch.tensor(g)
        reference.step()
        w = ours.step(w, g)
    np.testing.assert_allclose(w, theirs.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_floats_and_arrays_take_the_same_steps(name):
    alone, together = OPTIMIZERS[name](0.1), OPTIMIZERS[name](0.1)
    a, b = 1.0, np.ones((2, 3))
    for t in range(20):
        a, b = alone.step(a, np.cos(t)), together.step(b, np.full((2, 3), np.cos(t)))
    np.testing.assert_allclose(b, np.full((2, 3), a), rtol=1e-13)


def test_nag_is_the_gradient_at_the_look_ahead_point():
    """Nesterov's own form, v <- mu v + g(w - rate mu v), w <- w - rate v, seen from the look-ahead point."""
    matrix, rate, mu = np.diag([1.0, 9.0]), 0.05, 0.9
    w, v, ours = np.array([2.0, -1.0]), np.zeros(2), np.array([2.0, -1.0])
    optimizer = NAG(rate, mu)
    for _ in range(40):
        np.testing.assert_allclose(ours, w - rate * mu * v, atol=1e-13)
        v = mu * v + matrix @ (w - rate * mu * v)
        w = w - rate * v
        ours = optimizer.step(ours, matrix @ ours)


def test_rate_may_be_a_schedule():
    optimizer = SGD(lambda t: 1.0 / t)
    assert [optimizer.step(0.0, 1.0) for _ in range(3)] == [-1.0, -0.5, -1 / 3]


@pytest.mark.parametrize("factor, converges", [(0.05, True), (0.99, True), (1.01, False)])
def test_gradient_descent_converges_below_two_over_the_largest_curvature(factor, converges):
    path = descend(SGD(factor * 2 / 10), SURFACES["bowl"].gradient, (-4.0, 1.0), 2000)
    assert (np.linalg.norm(path[-1]) < 1e-3) == converges
    assert (len(path) == 2001) == converges


def test_noise_leaves_a_saddle_and_plain_descent_does_not():
    gradient, draw = SURFACES["saddle"].gradient, np.random.default_rng(0)
    assert np.abs(descend(SGD(0.1), gradient, (1.5, 0.0), 500)[-1]).max() < 1e-12
    noisy = descend(SGD(0.1), lambda p: gradient(p) + 1e-3 * draw.normal(size=2), (1.5, 0.0), 300)
    assert abs(noisy[-1][1]) == pytest.approx(1, abs=0.01)


def reddi(optimizer, steps):
    """f_t(x) = 1010 x if t mod 101 = 1, else -10 x, on [-1, 1]; the last x. The sum over a period is 10 x."""
    x = 0.0
    for t in range(1, steps + 1):
        x = min(1.0, max(-1.0, optimizer.step(x, 1010.0 if t % 101 == 1 else -10.0)))
    return x


@pytest.mark.parametrize("kind, end", [(Adam, 0.9987), (AMSGrad, -0.41)])
def test_reddis_example(kind, end):
    """Reddi et al. (2018), section 3: the optimum is -1, beta2 = .99, rate .1 / sqrt(t), no bias correction."""
    x = reddi(kind(lambda t: 0.1 / t**0.5, 0.9, 0.99, correct_bias=False), 200_000)
    assert x == pytest.approx(end, abs=5e-5 if kind is Adam else 5e-3)


@pytest.mark.parametrize("name", SURFACES)
def test_surface_gradient_is_autograd(name):
    ground = surface(name)
    for point in np.random.default_rng(0).uniform(-2, 2, (20, 2)):
        leaf = torch.tensor(point, requires_grad=True)
        ground.value(leaf).backward()
        np.testing.assert_allclose(ground.gradient(point), leaf.grad.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SURFACES)
def test_surface_minima_and_start(name):
    ground = surface(name)
    left, right, bottom, top = ground.window
    lowest = ground.value(np.stack(np.meshgrid(np.linspace(left, right, 301), np.linspace(bottom, top, 301)))).min()
    for minimum in ground.minima:
        assert ground.value(np.array(minimum)) == pytest.approx(0, abs=1e-12)
        assert lowest >= 0
        np.testing.assert_allclose(ground.gradient(np.array(minimum)), 0, atol=1e-5)
    assert ground.minima
    assert left <= ground.start[0] <= right and bottom <= ground.start[1] <= top


def test_descend_stops_when_it_diverges_and_checks_its_start():
    path = descend(SGD(10.0), lambda w: w, [1.0], 100)
    assert len(path) < 100 and np.all(np.isfinite(path))
    with pytest.raises(ValueError, match="finite vector"):
        descend(SGD(0.1), lambda w: w, [np.nan], 3)


@pytest.mark.parametrize(
    "call, hint",
    [
        (lambda: SGD(0.0), "rate must be a positive number"),
        (lambda: SGD(-1.0), "rate must be a positive number"),
        (lambda: SGD(float("nan")), "rate must be a positive number"),
        (lambda: Momentum(0.1, mu=1.0), r"mu must lie in \[0, 1\)"),
        (lambda: Adam(0.1, beta2=1.5), "beta2 must lie"),
        (lambda: Nadam(0.1, beta1=-0.1), "beta1 must lie"),
        (lambda: SGD(0.1).step(np.zeros(2), np.zeros(3)), "they must be equal"),
        (lambda: surface("Everest"), "unknown surface 'Everest'; known are bowl"),
    ],
)
def test_refusals(call, hint):
    with pytest.raises(ValueError, match=hint):
        call()
