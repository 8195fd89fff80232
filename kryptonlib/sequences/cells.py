"""One step of a plain recurrent network, of an LSTM and of a GRU, a few lines each.

Weights lie as ``torch.nn`` keeps them, the gates below each other, so they can be shared with its modules; the tests
hold every step against these to 1e-6. Sizes: N sequences at once, I inputs, H numbers in a state, G gates.

Papers: S. Hochreiter, J. Schmidhuber, "Long short-term memory", 1997; F. Gers, J. Schmidhuber, F. Cummins, "Learning to
forget", 2000 (the forget gate); K. Cho et al., 2014, https://arxiv.org/abs/1406.1078, and J. Chung et al., 2014,
https://arxiv.org/abs/1412.3555 (the GRU).
"""

from typing import NamedTuple

import torch

from kryptonlib.choices import check_choice

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
"""Blocks of H rows in a cell's weights: RNN (h), GRU (r, z, n), LSTM (i, f, g, o)."""
RESETS = ("after", "before")


class Weights(NamedTuple):
    """The weights of a cell: ``weight_ih`` [G H, I], ``weight_hh`` [G H, H], ``bias_ih`` and ``bias_hh`` [G H]."""

    weight_ih: torch.Tensor
    weight_hh: torch.Tensor
    bias_ih: torch.Tensor
    bias_hh: torch.Tensor


def from_torch(module, layer=0):
    """The weights of one layer of an ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM``, or of a cell of these; shared, not
    copied."""
    suffix = f"_l{layer}" if hasattr(module, f"weight_ih_l{layer}") else ""
    if not hasattr(module, f"weight_ih{suffix}"):
        raise TypeError(
            f"from_torch() got {type(module).__name__}; expected nn.RNN, nn.GRU, nn.LSTM or a cell of these"
        )
    return Weights(*(getattr(module, f"{name}{suffix}") for name in Weights._fields))


KEEPERS = {"LSTM": 1, "GRU": 1}
"""Which gate decides how much of the old state stays: an LSTM's forget gate f, a GRU's update gate z."""


def initial(kind, inputs, hidden, *, seed=0, keep_bias=None, dtype=torch.float32):
    """First weights as ``torch.nn`` draws them: uniform between -1 and 1 over the root of ``hidden``.

    Args:
        kind: "RNN", "GRU" or "LSTM".
        inputs, hidden: I and H.
        seed: of the draw.
        keep_bias: what the gate that keeps the state (an LSTM's forget gate, a GRU's update gate) adds to its input at
            first, or None to draw it as the others.
        dtype: of the weights.

    Example:
        >>> [tuple(part.shape) for part in initial("LSTM", 3, 5)]
        [(20, 3), (20, 5), (20,), (20,)]
    """
    check_choice("kind", kind, GATES)
    if inputs < 1 or hidden < 1:
        raise ValueError(f"initial() got inputs={inputs}, hidden={hidden}; expected at least 1 of each")
    if keep_bias is not None and kind not in KEEPERS:
        raise ValueError(f"initial() got keep_bias={keep_bias} for a {kind}, which has no gate; leave it None")
    generator = torch.Generator().manual_seed(seed)
    rows, bound = GATES[kind] * hidden, hidden**-0.5
    shapes = (rows, inputs), (rows, hidden), (rows,), (rows,)
    weights = Weights(*(bound * (2 * torch.rand(shape, generator=generator, dtype=dtype) - 1) for shape in shapes))
    if keep_bias is not None:
        gate = slice(KEEPERS[kind] * hidden, (KEEPERS[kind] + 1) * hidden)
        weights.bias_ih[gate], weights.bias_hh[gate] = keep_bias, 0.0
    return weights


def rnn_step(x, h, weights):
    """h' = tanh(W x + b + U h + c), the plain recurrent network (Elman, 1990).

    Args:
        x: [N, I].
        h: the state before, [N, H].
        weights: ``Weights`` of one gate.

    Returns:
        The state after, [N, H].
    """
    return torch.tanh(x @ weights.weight_ih.T + weights.bias_ih + h @ weights.weight_hh.T + weights.bias_hh)


def lstm_gates(x, h, weights):
    """What an LSTM's gates let through: (input i, forget f, candidate g, output o), each [N, H]."""
    sums = x @ weights.weight_ih.T + weights.bias_ih + h @ weights.weight_hh.T + weights.bias_hh
    i, f, g, o = sums.chunk(4, dim=-1)
    return torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)


def lstm_step(x, state, weights):
    """c' = f c + i g and h' = o tanh(c'): the cell c is kept, erased and written gate by gate.

    Args:
        x: [N, I].
        state: (h, c), both [N, H].
        weights: ``Weights`` of four gates.

    Returns:
        (h', c').
    """
    h, c = state
    i, f, g, o = lstm_gates(x, h, weights)
    c = f * c + i * g
    return o * torch.tanh(c), c


def gru_step(x, h, weights, reset="after"):
    """h' = (1 - z) n + z h: a gate z weighs the old state against a candidate n.

    Two conventions are in use. ``reset="after"`` is cuDNN's and torch's, n = tanh(W x + b + r (U h + c)): the reset
    gate r acts on the product. ``reset="before"`` is that of the papers, n = tanh(W x + b + U (r h) + c): it acts on
    the state. And Chung et al. exchange the roles of z and 1 - z, which for trained weights is another sign of z's
    weights alone.

    Args:
        x: [N, I].
        h: the state before, [N, H].
        weights: ``Weights`` of three gates.
        reset: "after" or "before".

    Returns:
        The state after, [N, H].
    """
    check_choice("reset", reset, RESETS)
    size = h.shape[-1]
    seen = x @ weights.weight_ih.T + weights.bias_ih
    kept = h @ weights.weight_hh[: 2 * size].T + weights.bias_hh[: 2 * size]
    r, z = torch.sigmoid(seen[..., : 2 * size] + kept).chunk(2, dim=-1)
    matrix, bias = weights.weight_hh[2 * size :], weights.bias_hh[2 * size :]
    recalled = r * (h @ matrix.T + bias) if reset == "after" else (r * h) @ matrix.T + bias
    n = torch.tanh(seen[..., 2 * size :] + recalled)
    return (1 - z) * n + z * h


STEPS = {"RNN": rnn_step, "GRU": gru_step, "LSTM": lstm_step}


def zero_state(kind, count, hidden, dtype=torch.float32):
    """The state before the first step: zeros [N, H], for an LSTM a pair of them."""
    check_choice("kind", kind, GATES)
    h = torch.zeros(count, hidden, dtype=dtype)
    return (h, h.clone()) if kind == "LSTM" else h


def output_of(state):
    """What a state shows to the layer above it: h."""
    return state[0] if isinstance(state, tuple) else state


def unroll(kind, inputs, weights, state=None):
    """A cell run over sequences.

    Args:
        kind: "RNN", "GRU" or "LSTM".
        inputs: [T, N, I].
        weights: ``Weights`` of that kind.
        state: the state before, or None for zeros.

    Returns:
        (outputs [T, N, H], the last state).

    Raises:
        ValueError: inputs or weights of another shape.

    Example:
        >>> outputs, (h, c) = unroll("LSTM", torch.rand(7, 2, 3), initial("LSTM", 3, 5))
        >>> outputs.shape, torch.equal(outputs[-1], h)
        (torch.Size([7, 2, 5]), True)
    """
    check_choice("kind", kind, GATES)
    rows, hidden = weights.weight_hh.shape
    if rows != GATES[kind] * hidden:
        raise ValueError(
            f"unroll() got {rows} rows of weights for a {kind} of {hidden}; expected {GATES[kind] * hidden}"
        )
    if inputs.ndim != 3 or inputs.shape[2] != weights.weight_ih.shape[1] or not len(inputs):
        raise ValueError(f"unroll() got inputs {tuple(inputs.shape)}; expected [T, N, {weights.weight_ih.shape[1]}]")
    state = zero_state(kind, inputs.shape[1], hidden, inputs.dtype) if state is None else state
    outputs = []
    for x in inputs:
        state = STEPS[kind](x, state, weights)
        outputs.append(output_of(state))
    return torch.stack(outputs), state
