"""Densities of latents: values against formulas, the fit against samples, entropies against known ones."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kryptonlib.compression.density import (
    LEAST,
    Logistics,
    PiecewiseLinear,
    empirical_entropy,
    entropy,
    laplace_differential_entropy,
    laplace_distribution,
    noisy_entropy,
)

ONE = torch.ones(1)


def laplace_samples(count, seed=0, scale=1.0):
    return torch.from_numpy(np.random.default_rng(seed).laplace(0, scale, count)).float()


# Entropies.


@pytest.mark.parametrize("step, expected, naive", [(0.5, 3.4552, 3.4427), (1, 2.4841, 2.4427), (2, 1.5602, 1.4427), (4, 0.7254, 0.4427)])
def test_entropy_of_a_rounded_laplace_variable(step, expected, naive):
    assert entropy(laplace_distribution, step) == pytest.approx(expected, abs=5e-5)
    assert laplace_differential_entropy() - math.log2(step) == pytest.approx(naive, abs=5e-5)
    # A geometric series on either side of 0 has this closed form.
    half = math.exp(-step / 2)
    middle, ratio = 1 - half, math.exp(-step)
    side = (1 - middle) / 2
    first = side * (1 - ratio)
    closed = -middle * math.log2(middle) - 2 * (side * math.log2(first) + side * ratio / (1 - ratio) * math.log2(ratio))
    assert entropy(laplace_distribution, step) == pytest.approx(closed, abs=1e-10)


def test_entropy_depends_on_step_over_scale_alone():
    narrow = entropy(lambda x: laplace_distribution(x, 0.5), 0.5)
    assert narrow == pytest.approx(2.4841, abs=5e-5)
    assert entropy(lambda x: laplace_distribution(x, 0.5), 4.0) == pytest.approx(0.1503, abs=5e-5)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=50))
def test_empirical_entropy_is_scipy_s(symbols):
    _, counts = np.unique(symbols, return_counts=True)
    assert empirical_entropy(torch.tensor(symbols)) == pytest.approx(stats.entropy(counts, base=2), abs=1e-12)


def test_constant_symbols_cost_nothing():
    assert empirical_entropy(torch.zeros(9, dtype=torch.int32)) == 0


# The paper's density.


def test_it_begins_as_cauchy_s_density_with_the_paper_s_grid():
    density = PiecewiseLinear(3)
    assert density.psi.shape == (3, 101) and density.reach == 10
    at = torch.tensor([-10.0, -0.2, 0.0, 0.4, 10.0]).reshape(1, 1, 1, 5).expand(1, 3, 1, 5)
    expected = torch.from_numpy(stats.cauchy.pdf(at.numpy())).float()
    torch.testing.assert_close(density.density(at), expected, rtol=1e-5, atol=0)


@given(st.floats(-12, 12))
def test_between_grid_points_it_is_numpy_s_straight_line(value):
    density = PiecewiseLinear(2)
    density.psi = torch.rand(2, 101, generator=torch.Generator().manual_seed(0))
    found = density.density(torch.full((1, 2, 1, 1), value))[0, :, 0, 0]
    expected = [np.interp(value, density.points(), psi, left=LEAST, right=LEAST) for psi in density.psi]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_a_descent_step_is_that_of_the_integrated_squared_error():
    density = PiecewiseLinear(2)
    y = torch.randn(3, 2, 2, 2, generator=torch.Generator().manual_seed(1))
    psi = density.psi.clone().requires_grad_()
    other = PiecewiseLinear(2)
    other.psi = psi
    error = sum((psi[i].square().sum() / 5 - 2 * other.density(y)[:, i].mean()) for i in range(2))
    (slope,) = torch.autograd.grad(error, psi)
    density.fit(y, rate=0.2)
    torch.testing.assert_close(density.psi, (psi - 0.2 * slope).clamp_min(LEAST).detach())


def test_fitted_to_laplace_samples_it_gives_their_entropy():
    density = PiecewiseLinear(1)
    for seed in range(300):
        noise = torch.rand(400, generator=torch.Generator().manual_seed(seed)) - 0.5
        density.fit((laplace_samples(400, seed) + noise).reshape(1, 1, 20, 20), rate=0.2)
    y = laplace_samples(20_000, 1000) + torch.rand(20_000, generator=torch.Generator().manual_seed(1000)) - 0.5
    bits = density.bits(y.reshape(1, 1, 100, 200), ONE).mean().item()
    # The density of a Laplace variable with noise has the differential entropy 2.55 bits.
    edges = torch.linspace(-30, 30, 60_001, dtype=torch.float64)
    exact = laplace_distribution(edges + 0.5) - laplace_distribution(edges - 0.5)
    expected = float(-(exact * exact.clamp_min(1e-300).log2()).sum() * 0.001)
    assert expected == pytest.approx(2.5, abs=0.1) and bits == pytest.approx(expected, abs=0.05)


def test_the_grid_grows_and_keeps_its_values():
    density = PiecewiseLinear(2)
    before = density.psi.clone()
    density.grow(3.0)
    assert density.reach == 10
    density.grow(12.3)
    assert density.reach == 14 and density.psi.shape == (2, 141)
    assert torch.equal(density.psi[:, 20:121], before) and (density.psi[:, :20] == LEAST).all()
    density.fit(torch.full((1, 2, 1, 1), -40.0))
    assert density.reach == 41 and density.density(torch.full((1, 2, 1, 1), -40.0)).min() > LEAST
    other = PiecewiseLinear(2)
    other.load_state_dict(density.state_dict())
    assert other.reach == 41 and torch.equal(other.psi, density.psi)


def test_far_out_it_costs_20_bits_and_has_no_gradient():
    y = torch.full((1, 1, 1, 1), 50.0, requires_grad=True)
    bits = PiecewiseLinear(1).bits(y, ONE)
    bits.sum().backward()
    assert bits.item() == pytest.approx(-math.log2(LEAST)) and y.grad.item() == 0


# Logistics.


@given(st.floats(-20, 20), st.floats(0.3, 4))
def test_the_probability_of_a_step_is_scipy_s(value, step):
    density = Logistics(torch.tensor([1.5, 4.0])).double()
    density.mean.data = torch.tensor([[0.0, -1.0, 2.0], [0.5, 0.0, 0.0]], dtype=torch.float64)
    density.weight.data = torch.tensor([[0.0, 1.0, -1.0], [0.3, 0.2, 0.1]], dtype=torch.float64)
    found = density.probability(torch.full((1, 2, 1, 1), value, dtype=torch.float64), torch.full((2,), step).double())
    for row in range(2):
        weights = density.weight[row].softmax(0).detach().numpy()
        scales, means = density.log_scale[row].exp().detach().numpy(), density.mean[row].detach().numpy()
        cells = [stats.logistic.cdf(value + s, means, scales) for s in (step / 2, -step / 2)]
        expected = max(2.0**-40, float(weights @ (cells[0] - cells[1])))
        assert found[0, row, 0, 0].item() == pytest.approx(expected, rel=1e-4, abs=1e-13)


def test_probabilities_of_all_steps_sum_to_one_and_the_spread_is_the_one_asked_for():
    density = Logistics(torch.tensor([2.0])).double()
    places = torch.arange(-200, 201, dtype=torch.float64).reshape(1, 1, 1, -1)
    share = density.probability(places, ONE.double()).flatten()
    assert share.sum().item() == pytest.approx(1, abs=1e-6)
    # Two parts are narrower than asked for and one is wider.
    assert (share * places.flatten().square()).sum().sqrt().item() == pytest.approx(2.0, rel=0.35)


def test_far_out_its_gradient_still_draws_values_in():
    density = Logistics(torch.tensor([1.0]))
    y = torch.tensor([6.0, -6.0]).reshape(1, 1, 1, 2).requires_grad_()
    density.bits(y, ONE).sum().backward()
    assert y.grad[0, 0, 0, 0] > 0.5 and y.grad[0, 0, 0, 1] < -0.5


def test_fitted_by_descent_it_reaches_the_entropy_of_laplace_samples():
    density = Logistics(torch.tensor([3.0]))
    optimizer = torch.optim.Adam(density.parameters(), 2e-2)
    for seed in range(400):
        y = laplace_samples(400, seed).reshape(1, 1, 20, 20)
        y = y + torch.rand(y.shape, generator=torch.Generator().manual_seed(seed)) - 0.5
        optimizer.zero_grad()
        density.bits(y, ONE).mean().backward()
        optimizer.step()
    symbols = laplace_samples(20_000, 1000).round().reshape(1, 1, 100, 200)
    assert density.bits(symbols, ONE).mean().item() == pytest.approx(2.4841, abs=0.05)


def test_noise_costs_what_rounding_does_at_small_steps_and_more_at_large_ones():
    for step, far in ((0.1, 1e-4), (1.0, 0.03)):
        assert noisy_entropy(laplace_distribution, step) == pytest.approx(entropy(laplace_distribution, step), abs=far)
    assert noisy_entropy(laplace_distribution, 4.0) > entropy(laplace_distribution, 4.0) + 0.1
    # Of a normal variable with very wide noise only the noise is left: entropy log2(step) - log2(step).
    wide = noisy_entropy(torch.special.ndtr, 200.0, reach=140.0)
    assert wide == pytest.approx(0, abs=0.05)
