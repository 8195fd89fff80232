"""Back-propagation through time, whole and truncated, against autograd and against sums over all paths."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kryptonlib.sequences import cells, truncated

LENGTH = 7


def problem(kind, seed=0, length=LENGTH):
    """(inputs [T, 2, 3], weights, loss): every output has its own weight in the loss."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(length, 2, 3, generator=generator, dtype=torch.float64)
    factors = torch.randn(length, 2, 4, generator=generator, dtype=torch.float64)
    weights = cells.initial(kind, 3, 4, seed=seed, dtype=torch.float64)

    def loss(outputs, first):
        return (factors[first : first + len(outputs)] * outputs).sum()

    return inputs, weights, loss, factors


def flat(parts):
    return torch.cat([part.flatten() for part in parts])


@pytest.mark.parametrize("kind", cells.GATES)
def test_the_whole_gradient_equals_autograd_through_torchs_module(kind):
    inputs, weights, loss, _ = problem(kind)
    module = getattr(nn, kind)(3, 4).double()
    module.load_state_dict({f"{name}_l0": part for name, part in weights._asdict().items()})
    loss(module(inputs)[0], 0).backward()
    truth = [parameter.grad for parameter in module.parameters()]
    torch.testing.assert_close(flat(truncated.gradient(kind, inputs, weights, loss)), flat(truth))


def jacobians(inputs, weights):
    """dh_t/dh_{t-1} [T, N, H, H] of the plain network and its states [T + 1, N, H]."""
    h, states, found = torch.zeros(inputs.shape[1], 4, dtype=torch.float64), [], []
    states.append(h)
    for x in inputs:
        h = cells.rnn_step(x, h, weights)
        found.append((1 - h**2)[:, :, None] * weights.weight_hh)
        states.append(h)
    return torch.stack(found), torch.stack(states)


@pytest.mark.parametrize("k1, k2", [(1, 1), (1, 3), (2, 2), (2, 5), (3, 4), (1, 7), (7, 7), (4, 7)])
def test_truncation_keeps_the_paths_that_are_short_enough(k1, k2):
    """Brute force: the loss at t reaches the weights at step s along one path, which counts if s lies in t's window."""
    inputs, weights, loss, factors = problem("RNN", seed=3)
    steps, states = jacobians(inputs, weights)
    expected = torch.zeros(4, 4, dtype=torch.float64)
    for t in range(LENGTH):
        end = min(-(-(t + 1) // k1) * k1, LENGTH)
        row = factors[t]
        for s in range(t, -1, -1):
            if s >= end - k2:
                expected += torch.einsum("ni,nj->ij", row * (1 - states[s + 1] ** 2), states[s])
            row = torch.einsum("ni,nij->nj", row, steps[s])
    found = truncated.gradient("RNN", inputs, weights, loss, k1, k2)
    torch.testing.assert_close(found.weight_hh, expected)


@pytest.mark.parametrize("kind", cells.GATES)
@pytest.mark.parametrize("k1", [1, 3, LENGTH])
def test_going_back_as_far_as_the_sequence_is_long_gives_the_full_gradient(kind, k1):
    inputs, weights, loss, _ = problem(kind, seed=1)
    whole = truncated.gradient(kind, inputs, weights, loss)
    assert truncated.relative_error(truncated.gradient(kind, inputs, weights, loss, k1, LENGTH), whole) < 1e-12
    assert truncated.relative_error(truncated.gradient(kind, inputs, weights, loss, 1, 1), whole) > 0.01


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 12))
def test_every_loss_belongs_to_one_window_that_reaches_it(length, k1, more):
    found = truncated.windows(length, k1, k1 + more)
    taken = [t for window in found for t in range(window.first, window.end)]
    assert taken == list(range(length))
    assert all(window.start == max(0, window.end - k1 - more) <= window.first for window in found)
    assert truncated.steps_computed(length, k1, k1 + more) == sum(len(range(w.start, w.end)) for w in found)


@pytest.mark.parametrize("hidden, length", [(1, 3), (4, 6)])
def test_by_hand_equals_autograd(hidden, length):
    rng = np.random.default_rng(hidden)
    weights = [rng.normal(size=shape) for shape in ((hidden, 2), (hidden, hidden), hidden, hidden)]
    inputs, aims, start = rng.normal(size=(length, 2)), rng.normal(size=(length, hidden)), rng.normal(size=hidden)
    states, deltas, found = truncated.by_hand(inputs, weights, lambda h: h - aims, start)
    leaves = cells.Weights(*(torch.tensor(part, requires_grad=True) for part in weights))
    outputs, _ = cells.unroll("RNN", torch.tensor(inputs)[:, None], leaves, torch.tensor(start)[None])
    np.testing.assert_allclose(states, outputs[:, 0].detach().numpy())
    (0.5 * (outputs[:, 0] - torch.tensor(aims)).square().sum()).backward()
    for mine, leaf in zip(found, leaves):
        np.testing.assert_allclose(mine, leaf.grad.numpy())


@pytest.mark.parametrize("length, k1, k2", [(0, 1, 1), (5, 0, 2), (5, 3, 2)])
def test_windows_that_cannot_be(length, k1, k2):
    with pytest.raises(ValueError, match="1 <= k1 <= k2"):
        truncated.windows(length, k1, k2)


def test_by_hand_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"expected \[T, I\]"):
        truncated.by_hand(np.ones(3), [np.ones((1, 1))] * 2 + [np.zeros(1)] * 2, lambda h: h)


def test_errors_are_those_of_the_gradients():
    inputs, weights, loss, factors = problem("GRU", seed=2)
    whole = truncated.gradient("GRU", inputs, weights, loss)
    found = truncated.errors("GRU", inputs, weights, factors, [2, LENGTH])
    for name, k1 in (("1", 1), ("k2", 2)):
        expected = truncated.relative_error(truncated.gradient("GRU", inputs, weights, loss, k1, 2), whole)
        assert found[name] == pytest.approx([expected, 0], abs=1e-12)
