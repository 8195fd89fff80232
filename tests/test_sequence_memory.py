"""Jacobians of states, clipping, and the recall task."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from kryptonlib.sequences import cells, memory


@pytest.mark.parametrize("kind", cells.GATES)
def test_jacobians_equal_differences(kind):
    weights = cells.initial(kind, 2, 3, seed=2, dtype=torch.float64)
    inputs = torch.randn(4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = memory.step_jacobians(kind, inputs, weights)
    _, state = cells.unroll(kind, inputs[:3, None], weights)
    flat = torch.cat(state, 1) if kind == "LSTM" else state

    def after(flat):
        parts = flat.split(3, 1) if kind == "LSTM" else flat
        stepped = cells.STEPS[kind](inputs[3:4], parts, weights)
        return torch.cat(stepped, 1) if kind == "LSTM" else stepped

    moves = 1e-6 * torch.eye(flat.shape[1], dtype=torch.float64)
    columns = [((after(flat + move) - after(flat - move)) / 2e-6)[0] for move in moves]
    torch.testing.assert_close(found[3], torch.stack(columns, 1), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", cells.GATES)
def test_reach_bounds_the_gradient_of_torchs_module(kind):
    weights = cells.initial(kind, 2, 5, seed=1)
    inputs = torch.randn(9, 2, generator=torch.Generator().manual_seed(1))
    norms = memory.reach(kind, inputs, weights)
    start = cells.zero_state(kind, 1, 5)
    start = tuple(part.requires_grad_() for part in start) if kind == "LSTM" else start.requires_grad_()
    _, last = cells.unroll(kind, inputs[:, None], weights, start)
    direction = nn.functional.normalize(torch.ones(1, 5), dim=1)
    parts = torch.autograd.grad((cells.output_of(last) * direction).sum(), start)
    assert 0 < math.sqrt(sum(float(part.square().sum()) for part in parts)) <= norms[-1] * (1 + 1e-5)
    assert norms.shape == (9,)


def test_without_inputs_a_small_plain_network_multiplies_by_its_matrix():
    """By hand: at the state 0 the slope of tanh is 1, so the norm over k steps is that of U^k."""
    weights = cells.initial("RNN", 1, 6, dtype=torch.float64)
    weights.bias_ih.zero_(), weights.bias_hh.zero_()
    for radius in (0.5, 1.3):
        small = memory.scaled(weights, radius)
        norms = memory.reach("RNN", torch.zeros(12, 1, dtype=torch.float64), small)
        expected = [np.linalg.norm(np.linalg.matrix_power(small.weight_hh.numpy(), k), 2) for k in range(1, 13)]
        np.testing.assert_allclose(norms, expected)
        assert np.abs(np.linalg.eigvals(small.weight_hh.numpy())).max() == pytest.approx(radius)


@pytest.mark.parametrize("limit", [0.5, 3.0, 1e9])
def test_clipping_equals_torchs(limit):
    parameters = [nn.Parameter(torch.zeros(2, 3)), nn.Parameter(torch.zeros(4))]
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(parameter)))
    ours, norm = memory.clip([parameter.grad.clone() for parameter in parameters], limit)
    theirs = nn.utils.clip_grad_norm_(parameters, limit)
    assert norm == pytest.approx(float(theirs))
    for mine, parameter in zip(ours, parameters):
        torch.testing.assert_close(mine, parameter.grad, rtol=1e-5, atol=1e-7)


def test_recall_is_learned_over_a_short_gap_and_repeats_itself():
    settings = {"steps": 120, "seed": 0, "hidden": 16, "keep_bias": 3.0}
    losses, norms = memory.recall("LSTM", 3, **settings)
    assert losses[0] == pytest.approx(math.log(4), abs=0.2) and losses[-1] < 0.3
    assert len(losses) == len(norms) == 120
    assert memory.recall("LSTM", 3, **settings | {"steps": 5})[0] == losses[:5]


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: memory.clip([torch.ones(1)], 0), "positive"),
        (lambda: memory.scaled(cells.initial("GRU", 1, 2), 1.0), r"expected \[H, H\]"),
        (lambda: memory.scaled(cells.initial("RNN", 1, 2), -1.0), "> 0"),
        (lambda: memory.reach("ESN", torch.zeros(3, 1), cells.initial("RNN", 1, 2)), "ESN"),
        (lambda: memory.recall("RNN", 3, steps=1, method="LBFGS"), "method"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_means_over_seeds():
    one, other = (memory.mean_reach("RNN", 6, [seed], radius=0.9) for seed in (3, 4))
    np.testing.assert_allclose(memory.mean_reach("RNN", 6, [3, 4], radius=0.9), np.sqrt(one * other))
    inputs = torch.randn(6, 8, generator=torch.Generator().manual_seed(3))
    weights = memory.scaled(cells.initial("RNN", 8, 32, seed=3), 0.9)
    np.testing.assert_allclose(one, memory.reach("RNN", inputs, weights))
    losses = memory.recall("GRU", 2, steps=6, seed=4)[0]
    assert memory.final_losses("GRU", 2, [4], last=2, steps=6) == pytest.approx([np.mean(losses[-2:])])


def test_clipping_compares_equal_settings():
    found = memory.clipping(2, [0, 1], [0.1], steps=4)
    for limit, losses in zip((1.0, None), found.values()):
        settings = {"steps": 4, "rate": 0.1, "limit": limit, "radius": 1.0, "method": "SGD"}
        runs = [memory.recall("RNN", 2, seed=seed, **settings)[0] for seed in (0, 1)]
        np.testing.assert_allclose(losses, [np.mean(runs, 1)])


@pytest.mark.parametrize("name", memory.FIRST_WEIGHTS)
def test_the_compared_cells_can_be_made(name):
    assert memory.mean_reach(steps=3, seeds=[0], **memory.FIRST_WEIGHTS[name]).shape == (3,)
