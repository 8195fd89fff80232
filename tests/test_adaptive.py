"""The general robust loss by its formula and properties, its normaliser by scipy's quadrature, and what is learned."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from kryptonlib import losses

VALUES = {  # alpha: rho(1), rho(3) at c = 1, by hand
    2.0: (0.5, 4.5),
    1.0: (math.sqrt(2) - 1, math.sqrt(10) - 1),
    0.0: (math.log(1.5), math.log(5.5)),
    -2.0: (0.4, 18 / 13),
    -math.inf: (1 - math.exp(-0.5), 1 - math.exp(-4.5)),
}


@pytest.mark.parametrize("alpha", VALUES)
def test_values(alpha):
    found = losses.rho(torch.tensor([1.0, 3.0], dtype=torch.float64), alpha, 1.0)
    np.testing.assert_allclose(found, VALUES[alpha], rtol=1e-12)
    scaled = losses.rho(torch.tensor([0.1, -0.3], dtype=torch.float64), alpha, 0.1)
    np.testing.assert_allclose(scaled, VALUES[alpha], rtol=1e-12)


@pytest.mark.parametrize("limit", [0.0, 2.0])
def test_the_limits_join(limit):
    """In float32, where the plain formula has lost all digits."""
    x = torch.tensor([0.01, 1.0, 30.0])
    at = losses.rho(x, limit, 1.0)
    for near in (limit - 1e-4, limit - 1e-5, limit + 1e-5, limit + 1e-4):
        torch.testing.assert_close(losses.rho(x, near, 1.0), at, rtol=2e-3, atol=0)


alphas = st.one_of(st.floats(-20, 4), st.sampled_from([0.0, 1.0, 2.0, -math.inf]))


@settings(deadline=None)
@given(alphas, st.floats(1e-3, 100), st.floats(0, 50), st.floats(1e-3, 10))
def test_properties(alpha, c, start, more):
    """Even, 0 at 0, rising; half a square near 0; slope of at most 1 / c for alpha <= 1; bounded for alpha < 0."""
    x = torch.tensor([0.0, start, start + more, -start], dtype=torch.float64).requires_grad_()
    value = losses.rho(x * c, alpha, c)
    assert value[0] == 0 and value[3] == value[1] <= value[2]
    (slope,) = torch.autograd.grad(value.sum(), x)
    assert torch.isfinite(slope).all() and slope[0] == 0
    if alpha <= 1:
        assert slope.abs().max() <= 1 + 1e-9
    if -math.inf < alpha < -1e-3:
        assert value.max() <= (alpha - 2) / alpha * (1 + 1e-9)
    small = losses.rho(torch.tensor(1e-4, dtype=torch.float64), alpha, 1.0)
    assert small.item() == pytest.approx(0.5e-8, rel=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 0.05, 0.5, 1.0, 1.5, 1.95, 2.0])
def test_the_normaliser_is_the_integral(alpha):
    def density(x):
        return float(torch.exp(-losses.rho(torch.tensor(x, dtype=torch.float64), alpha, 1.0)))

    # The tail from 1 to infinity, in 1 / x.
    inner = integrate.quad(density, 0, 1, epsabs=1e-11)[0]
    tail = integrate.quad(lambda u: density(1 / u) / u**2 if u > 1e-9 else 0.0, 0, 1, epsabs=1e-10, limit=500)[0]
    found = losses.log_partition(torch.tensor(alpha, dtype=torch.float64)).exp().item()
    assert found == pytest.approx(2 * (inner + tail), rel=1e-6)


def test_known_normalisers():
    """pi sqrt 2 (Cauchy-like) and sqrt(2 pi) (normal); the others from Barron's published code."""
    found = losses.log_partition(torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0], dtype=torch.float64)).exp()
    expected = [math.pi * math.sqrt(2), 3.638993, 3.272307, 2.965925, math.sqrt(2 * math.pi)]
    np.testing.assert_allclose(found, expected, rtol=3e-7)


def test_the_normaliser_has_the_slope_of_its_value():
    alpha = torch.tensor([0.01, 0.3, 1.0, 1.7, 1.99], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(losses.log_partition, alpha)


def test_the_loss_is_the_negative_log_likelihood():
    loss = losses.Adaptive(3, alpha=0.8, c=0.2)
    np.testing.assert_allclose(loss.alpha.detach(), 0.8, rtol=1e-6)
    np.testing.assert_allclose(loss.c.detach(), 0.2, rtol=1e-6)
    x, y = torch.rand(2, 2, 3, 5, 4)
    z = losses.log_partition(torch.tensor(0.8))
    expected = losses.rho(x - y, 0.8, 0.2) + math.log(0.2) + z
    torch.testing.assert_close(loss(x, y), expected.mean(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(loss(x, y, reduction="none"), expected.mean((1, 2, 3)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["normal", "cauchy"])
def test_shape_and_scale_are_learned(kind):
    """Normal errors of 0.1 give alpha 2 and c 0.1; heavy tails give a small alpha."""
    random = np.random.default_rng(0)
    errors = 0.1 * (random.standard_normal(20000) if kind == "normal" else random.standard_cauchy(20000))
    x = torch.from_numpy(errors.astype(np.float32)).view(1, 1, 100, 200)
    loss = losses.Adaptive(1)
    optimizer = torch.optim.Adam(loss.parameters(), 0.2)
    for _ in range(300):
        optimizer.zero_grad()
        loss(x, torch.zeros_like(x)).backward()
        optimizer.step()
    if kind == "normal":
        # The likelihood is flat there: a little less of alpha is made up for by a little less of c.
        assert loss.alpha.item() > 1.9 and loss.c.item() == pytest.approx(0.1, rel=0.1)
        assert loss(x, torch.zeros_like(x)).item() == pytest.approx(np.log(0.1 * np.sqrt(2 * np.pi * np.e)), abs=0.01)
    else:
        # A Cauchy density of scale s is this one at alpha 0 with c = s / sqrt 2.
        assert loss.alpha.item() < 0.1 and loss.c.item() == pytest.approx(0.1 / math.sqrt(2), rel=0.05)


@pytest.mark.parametrize("alpha, c", [(0.0, 1), (2.0, 1), (1.0, 0.0), (1.0, math.inf), (math.nan, 1)])
def test_starts_outside_of_the_limits_are_refused(alpha, c):
    with pytest.raises(ValueError, match="must start"):
        losses.Adaptive(3, alpha=alpha, c=c)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: losses.rho(torch.ones(2), 1.0, 0.0), "c must be positive"),
        (lambda: losses.rho(torch.ones(2), math.inf, 1.0), "alpha"),
        (lambda: losses.log_partition(torch.tensor(-0.1)), r"\[0, 2\]"),
        (lambda: losses.Adaptive(0), "channels"),
    ],
)
def test_bad_arguments_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
