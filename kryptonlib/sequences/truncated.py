"""Back-propagation through time: by hand for the plain recurrent network, and truncated for any cell.

TBPTT(k1, k2) works every k1 steps: it takes the losses of the last k1 steps and follows them back over at most k2
steps; what lies before counts as a constant. R. Williams, J. Peng, "An efficient gradient-based algorithm for on-line
training of recurrent network trajectories", 1990; I. Sutskever, "Training recurrent neural networks", thesis, 2013;
tutorial slides, "Training RNN".
"""

from typing import NamedTuple

import numpy as np
import torch

from kryptonlib.sequences import cells


class Window(NamedTuple):
    """One backward pass: back from ``end`` (excluded) to ``start``, with the losses from ``first`` on."""

    start: int
    first: int
    end: int


def windows(length, k1, k2):
    """The backward passes of TBPTT(k1, k2) over a sequence.

    Args:
        length: steps of the sequence, n.
        k1: steps from one backward pass to the next; the last pass comes at the end in any case.
        k2: most steps that a pass goes back, at least k1, so that every loss is followed at all.

    Returns:
        A list of ``Window``; every loss belongs to exactly one.

    Example:
        >>> windows(6, 2, 3)
        [Window(start=0, first=0, end=2), Window(start=1, first=2, end=4), Window(start=3, first=4, end=6)]
    """
    if length < 1 or not 1 <= k1 <= k2:
        raise ValueError(f"windows() got length={length}, k1={k1}, k2={k2}; expected length >= 1 and 1 <= k1 <= k2")
    ends = [*range(k1, length, k1), length]
    return [Window(max(0, end - k2), first, end) for first, end in zip([0, *ends], ends)]


def steps_computed(length, k1, k2):
    """How many steps the backward passes of TBPTT(k1, k2) go through in all.

    Example:
        >>> steps_computed(100, 100, 100), steps_computed(100, 1, 100)
        (100, 5050)
    """
    return sum(window.end - window.start for window in windows(length, k1, k2))


def gradient(kind, inputs, weights, loss, k1=None, k2=None):
    """The gradient of a sequence's loss in a cell's weights, back-propagated through time, truncated or not.

    The weights stay the same over the sequence, so that what is missing comes from the truncation alone.

    Args:
        kind: "RNN", "GRU" or "LSTM".
        inputs: [T, N, I].
        weights: ``cells.Weights``.
        loss: function of (outputs [n, N, H], their first step's number) that returns the sum of these steps' losses.
        k1, k2: of TBPTT; None for T.

    Returns:
        ``cells.Weights`` of gradients.

    Example:
        >>> weights = cells.initial("RNN", 1, 4)
        >>> whole = gradient("RNN", torch.rand(9, 2, 1), weights, lambda h, first: h.square().sum())
        >>> whole.weight_hh.shape
        torch.Size([4, 4])
    """
    length = len(inputs)
    states = [cells.zero_state(kind, inputs.shape[1], weights.weight_hh.shape[1], inputs.dtype)]
    with torch.no_grad():
        for x in inputs:
            states.append(cells.STEPS[kind](x, states[-1], weights))
    leaves = cells.Weights(*(part.detach().requires_grad_() for part in weights))
    total = cells.Weights(*(torch.zeros_like(part) for part in weights))
    for start, first, end in windows(length, k1 or length, k2 or length):
        outputs, _ = cells.unroll(kind, inputs[start:end], leaves, states[start])
        parts = torch.autograd.grad(loss(outputs[first - start :], first), leaves)
        total = cells.Weights(*(one + other for one, other in zip(total, parts)))
    return total


def relative_error(found, truth):
    """|found - truth| / |truth| of two gradients, all weights as one vector."""
    found, truth = (torch.cat([part.flatten() for part in parts]) for parts in (found, truth))
    return float(torch.linalg.vector_norm(found - truth) / torch.linalg.vector_norm(truth))


def errors(kind, inputs, weights, factors, backs):
    """The truncated gradient's relative error over k2, for the loss that is the sum of ``factors`` times the outputs.

    Args:
        kind, inputs, weights: as for ``gradient``.
        factors: [T, N, H].
        backs: values of k2.

    Returns:
        {"1": errors of TBPTT(1, k2), "k2": those of TBPTT(k2, k2)}, each a list over ``backs``.
    """

    def found(k1, k2):
        return gradient(kind, inputs, weights, lambda h, first: (factors[first : first + len(h)] * h).sum(), k1, k2)

    whole = found(None, None)
    return {name: [relative_error(found(1 if name == "1" else k2, k2), whole) for k2 in backs] for name in ("1", "k2")}


def by_hand(inputs, weights, slopes, start=None):
    """Back-propagation through time of the plain recurrent network, in NumPy and without autograd.

    Forward: h_t = tanh(W x_t + b + U h_{t-1} + c). Backward, from the last step to the first, with delta_t the loss's
    gradient in the argument of tanh: delta_t = (1 - h_t^2) (slope_t + U^T delta_{t+1}); then dW = sum of delta_t x_t^T,
    dU = sum of delta_t h_{t-1}^T, db = dc = sum of delta_t.

    Args:
        inputs: [T, I], one sequence.
        weights: (W [H, I], U [H, H], b [H], c [H]).
        slopes: function of the states [T, H] that returns the gradient of the loss in each of them, [T, H], as if they
            did not depend on each other.
        start: the state before the first step, [H]; None for zeros.

    Returns:
        (states [T, H], deltas [T, H], gradients like ``weights``).

    Example:
        >>> states, deltas, (dW, dU, db, dc) = by_hand(np.ones((3, 1)), [np.full((1, 1), 0.5)] * 2 + [np.zeros(1)] * 2,
        ...                                            lambda h: h - 1)
        >>> deltas.shape
        (3, 1)
    """
    W, U, b, c = (np.asarray(part, dtype=float) for part in weights)
    inputs = np.asarray(inputs, dtype=float)
    if inputs.ndim != 2 or W.shape != (len(U), inputs.shape[1]) or U.shape != (len(U), len(U)):
        shapes = f"inputs {inputs.shape}, W {W.shape}, U {U.shape}"
        raise ValueError(f"by_hand() got {shapes}; expected [T, I], [H, I], [H, H]")
    before = np.zeros(len(U)) if start is None else np.asarray(start, dtype=float)
    states = [before]
    for x in inputs:
        states.append(np.tanh(W @ x + b + U @ states[-1] + c))
    states = np.array(states)
    direct = np.asarray(slopes(states[1:]), dtype=float)
    deltas = np.zeros_like(direct)
    later = np.zeros(len(U))
    for t in reversed(range(len(inputs))):
        deltas[t] = (1 - states[t + 1] ** 2) * (direct[t] + U.T @ later)
        later = deltas[t]
    total = deltas.sum(axis=0)
    return states[1:], deltas, (deltas.T @ inputs, deltas.T @ states[:-1], total, total.copy())
