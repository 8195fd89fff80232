"""Quantizers of a Laplace coefficient against sums over a fine grid, and against one designed without the formula."""

import numpy as np
import pytest
import torch

from kryptonlib.compression import density, quantization, scalar

GRID = np.linspace(-40, 40, 800_001)
MASS = np.exp(-np.abs(GRID)) / 2
MASS /= MASS.sum()


def by_brute_force(step, edge, centroids):
    symbols = (np.sign(GRID) * np.floor(np.abs(GRID) / step + 1 - edge)).astype(int)
    _, cell = np.unique(symbols, return_inverse=True)
    share = np.bincount(cell, MASS)
    values = np.bincount(cell, MASS * GRID) / share if centroids else np.unique(symbols) * step
    share_used = share[share > 0]
    return -(share_used * np.log2(share_used)).sum(), (MASS * (GRID - values[cell]) ** 2).sum()


@pytest.mark.parametrize("centroids", [False, True])
@pytest.mark.parametrize("step, edge", [(0.3, 0.5), (1.0, 0.5), (1.0, 0.7), (2.5, 0.6), (6.0, 0.9), (4.0, 1.0)])
def test_rate_and_distortion_are_the_sums_over_a_fine_grid(step, edge, centroids):
    found = scalar.laplace_code(step, edge, centroids=centroids)
    assert found == pytest.approx(by_brute_force(step, edge, centroids), rel=2e-3, abs=2e-4)


def test_rounding_has_the_entropy_that_the_density_room_computes():
    for step in (0.5, 1.0, 2.0, 4.0):
        exact = density.entropy(density.laplace_distribution, step)
        assert scalar.laplace_code(step)[0] == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("weight", [0.05, 0.4, 1.2])
def test_no_quantizer_designed_step_by_step_is_better_than_the_formula(weight):
    """Chou, Lookabaugh and Gray's design: assign every value to its cheapest cell, then move values and lengths."""
    x, mass = GRID[::200], MASS[::200] / MASS[::200].sum()
    values = np.arange(-30, 31) * scalar.best_laplace_code(weight)[0] * 0.9
    lengths = np.full(len(values), np.log2(len(values)))
    for _ in range(120):
        cell = np.argmin((x[:, None] - values) ** 2 + weight * lengths, axis=1)
        share = np.bincount(cell, mass, len(values))
        kept = share > 1e-12
        values = np.bincount(cell, mass * x, len(values))[kept] / share[kept]
        share = share[kept]
        lengths = -np.log2(share)
    cell = np.argmin((x[:, None] - values) ** 2 + weight * lengths, axis=1)
    designed = (mass * (x - values[cell]) ** 2).sum() + weight * (mass * lengths[cell]).sum()
    _, _, rate, distortion = scalar.best_laplace_code(weight)
    assert designed / 1.01 < distortion + weight * rate < designed * 1.0005


def test_the_kinds_are_ordered_and_a_dead_zone_comes_close_to_the_best():
    for weight in (0.01, 0.2, 1.0, 2.0):
        costs = {}
        for kind in scalar.KINDS:
            _, edge, rate, distortion = scalar.best_laplace_code(weight, kind)
            costs[kind] = distortion + weight * rate
            assert edge == 0.5 if kind == "rounding" else edge > 0.5
        assert costs["best"] <= costs["dead zone"] <= costs["rounding"]
        assert costs["dead zone"] == pytest.approx(costs["best"], rel=1e-3)


def test_the_loss_is_0_for_the_best_and_above_it_for_rounding():
    for weight in (0.003, 0.3, 2.0):
        _, _, rate, distortion = scalar.best_laplace_code(weight)
        assert scalar.laplace_loss(rate, distortion) == pytest.approx(0, abs=0.01)
        assert scalar.laplace_loss(rate, 1.1 * distortion) == pytest.approx(10 * np.log10(1.1), abs=0.01)
    losses = [float(scalar.laplace_loss(*scalar.laplace_code(step))) for step in (0.1, 0.5, 1, 2, 4)]
    assert losses == sorted(losses) and 0 < losses[0] < 0.01


def test_the_best_edge_of_a_step_loses_next_to_nothing_and_is_that_of_the_best_code():
    for step in (0.1, 0.5, 2.0, 5.0):
        edge, loss = scalar.best_edge(step)
        assert 0.5 <= edge < 0.9 and 0 <= loss + 1e-3 < 0.02
    step, edge, _, _ = scalar.best_laplace_code(0.4, "dead zone")
    assert scalar.best_edge(step)[0] == pytest.approx(edge, abs=0.05)


def test_the_slope_is_that_of_the_high_rate_formula_for_small_steps_and_falls():
    slopes = [scalar.laplace_slope(step) for step in (0.05, 1, 3, 6)]
    assert slopes[0] == pytest.approx(1, abs=1e-3)
    assert slopes == sorted(slopes, reverse=True) and slopes[-1] > 0
    step, edge, _, _ = scalar.best_laplace_code(0.2)
    # Where distortion + weight * rate is least, the slope is the weight.
    slope = scalar.laplace_slope(step, edge, centroids=True) * step**2 * np.log(2) / 6
    assert slope == pytest.approx(0.2, rel=1e-3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: scalar.laplace_code(0.0),
        lambda: scalar.laplace_code(1.0, -0.1),
        lambda: scalar.laplace_code(float("nan")),
        lambda: scalar.best_laplace_code(0.2, "uniform"),
        lambda: scalar.best_laplace_code(0.0),
        lambda: scalar.laplace_loss(0.001, 1.0),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(ValueError, match="got"):
        call()


def test_quantize_with_an_edge_is_the_scalar_quantizer():
    y = torch.linspace(-5.003, 5, 1001)[None, None, None]
    values, symbols = quantization.quantize(y, torch.tensor([1.5]), torch.tensor([0.25]), edge=0.7)
    place = (y - 0.25) / 1.5
    assert (symbols == (place.sign() * (place.abs() + 0.3).floor()).int()).all()
    assert torch.equal(values, symbols * 1.5 + 0.25)
    assert (symbols[place.abs() < 0.7] == 0).all()
    both = quantization.quantize(y.repeat(1, 2, 1, 1), torch.ones(2), edge=torch.tensor([0.5, 1.0]))[1]
    assert torch.equal(both[:, 1].float(), y[:, 0].trunc())
    assert (both[:, 0] - y[:, 0]).abs().max() <= 0.5
    for edge in (0.0, 1.5, torch.tensor([0.5, 0.5, 0.5])):
        with pytest.raises(ValueError, match="got"):
            quantization.quantize(y, torch.ones(1), edge=edge)
