"""How far gradients reach: Jacobians of a state in earlier ones, training over long gaps, clipping.

R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", 2013,
https://arxiv.org/abs/1211.5063 (vanishing, exploding, clipping); R. Jozefowicz, W. Zaremba, I. Sutskever, "An empirical
exploration of recurrent network architectures", 2015 (the forget gate's bias).
"""

import math

import numpy as np
import torch
from torch import nn
from torch.func import jacrev, vmap
from torch.nn import functional

from kryptonlib.choices import check_choice
from kryptonlib.sequences import cells


def scaled(weights, radius):
    """``cells.Weights`` of the plain network whose recurrent matrix has the given spectral radius."""
    if len(weights.weight_hh) != weights.weight_hh.shape[1] or not radius > 0:
        shape = tuple(weights.weight_hh.shape)
        raise ValueError(f"scaled() got a matrix {shape} and radius={radius}; expected [H, H] and > 0")
    now = torch.linalg.eigvals(weights.weight_hh).abs().max()
    return weights._replace(weight_hh=weights.weight_hh * (radius / now))


def step_jacobians(kind, inputs, weights):
    """The Jacobian of every state in the one before, along one sequence.

    Args:
        kind: "RNN", "GRU" or "LSTM".
        inputs: [T, I].
        weights: ``cells.Weights``.

    Returns:
        [T, S, S]: entry [t, i, j] is the derivative of number i of the state after step t in number j of the state
        before it. S is H, for an LSTM 2 H: h, then c.
    """
    check_choice("kind", kind, cells.GATES)
    hidden, size = weights.weight_hh.shape[1], (2 if kind == "LSTM" else 1) * weights.weight_hh.shape[1]

    def flat_step(state, x):
        parts = state[None].split(hidden, dim=1)
        after = cells.STEPS[kind](x[None], parts if kind == "LSTM" else parts[0], weights)
        return torch.cat(after if kind == "LSTM" else (after,), dim=1)[0]

    states = [torch.zeros(size, dtype=inputs.dtype)]
    with torch.no_grad():
        for x in inputs:
            states.append(flat_step(states[-1], x))
        return vmap(jacrev(flat_step))(torch.stack(states[:-1]), inputs)


def reach(kind, inputs, weights):
    """How strongly the last state depends on earlier ones: the spectral norm of d state_T / d state_{T-k}, k = 1 ... T.

    It bounds what a gradient of length 1 at the last step can be k steps before.

    Args: as ``step_jacobians``.

    Returns:
        [T], NumPy array of float64.

    Example:
        >>> weights = cells.initial("RNN", 1, 8)
        >>> norms = reach("RNN", torch.zeros(20, 1), weights)
        >>> bool(norms[-1] < norms[0])
        True
    """
    norms, product = [], None
    for jacobian in step_jacobians(kind, inputs, weights).double().flip(0):
        product = jacobian if product is None else product @ jacobian
        norms.append(torch.linalg.matrix_norm(product, 2))
    return torch.stack(norms).numpy()


def mean_reach(kind, steps, seeds, *, radius=None, keep_bias=None, hidden=32, inputs=8):
    """``reach`` of first weights on random inputs, as the geometric mean over seeds.

    Args:
        kind: "RNN", "GRU" or "LSTM".
        steps: T.
        seeds: of weights and inputs (standard normal).
        radius: spectral radius of a plain network's recurrent matrix; None leaves it as drawn.
        keep_bias: as for ``cells.initial``.
        hidden, inputs: H and I.

    Returns:
        [T], NumPy array.
    """
    norms = []
    for seed in seeds:
        weights = cells.initial(kind, inputs, hidden, seed=seed, keep_bias=keep_bias)
        weights = weights if radius is None else scaled(weights, radius)
        norms.append(reach(kind, torch.randn(steps, inputs, generator=torch.Generator().manual_seed(seed)), weights))
    return np.exp(np.log(norms).mean(0))


FIRST_WEIGHTS = {
    "RNN, radius 0.6": {"kind": "RNN", "radius": 0.6},
    "RNN, radius 2": {"kind": "RNN", "radius": 2.0},
    "GRU": {"kind": "GRU"},
    "LSTM": {"kind": "LSTM"},
    "GRU, bias 3": {"kind": "GRU", "keep_bias": 3.0},
    "LSTM, bias 3": {"kind": "LSTM", "keep_bias": 3.0},
}
"""Cells as they are before training whose ``mean_reach`` is compared: name -> its settings."""


def clip(gradients, limit):
    """Gradients scaled down together so that their common norm is at most ``limit``; their direction stays.

    Args:
        gradients: tensors of any shapes.
        limit: positive.

    Returns:
        (the scaled gradients, the norm before).

    Example:
        >>> clip([torch.tensor([3.0]), torch.tensor([4.0])], 1.0)
        ([tensor([0.6000]), tensor([0.8000])], 5.0)
    """
    if not limit > 0:
        raise ValueError(f"clip() got limit={limit}; expected a positive number")
    norm = math.sqrt(sum(float(part.square().sum()) for part in gradients))
    return ([part * (limit / norm) for part in gradients] if norm > limit else list(gradients)), norm


def recall(
    kind, gap, *, steps, seed=0, hidden=32, keep_bias=None, radius=None, limit=1.0, rate=1e-2, batch=32, method="Adam"
):
    """Train a network to remember the first of ``gap`` + 1 symbols, one of four, over ``gap`` random others.

    Args:
        kind: "RNN", "GRU" or "LSTM".
        gap: steps between the symbol and the question.
        steps, rate, batch: of training.
        method: "Adam", or "SGD" for plain gradient descent.
        seed: of weights and sequences.
        hidden: H.
        keep_bias: of a gate at first, as for ``cells.initial``.
        radius: spectral radius of a plain network's recurrent matrix at first; None leaves it as drawn.
        limit: the gradient's norm is clipped to this; None does not clip.

    Returns:
        (losses [steps], norms of the gradient before clipping [steps]); chance is a loss of ln 4.
    """
    check_choice("kind", kind, cells.GATES)
    check_choice("method", method, ("Adam", "SGD"))
    weights = cells.initial(kind, 8, hidden, seed=seed, keep_bias=keep_bias)
    if radius is not None:
        weights = scaled(weights, radius)
    cell = getattr(nn, kind)(8, hidden)
    cell.load_state_dict({f"{name}_l0": part for name, part in weights._asdict().items()})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        readout = nn.Linear(hidden, 4)
    parameters = [*cell.parameters(), *readout.parameters()]
    optimizer = getattr(torch.optim, method)(parameters, rate)
    generator = torch.Generator().manual_seed(seed)
    losses, norms = [], []
    for _ in range(steps):
        symbols = torch.randint(4, (gap + 1, batch), generator=generator)
        marked = torch.cat([symbols[:1], symbols[1:] + 4])
        outputs, _ = cell(functional.one_hot(marked, 8).float())
        loss = functional.cross_entropy(readout(outputs[-1]), symbols[0])
        found = torch.autograd.grad(loss, parameters)
        clipped, norm = clip(found, limit or math.inf)
        for parameter, part in zip(parameters, clipped):
            parameter.grad = part
        optimizer.step()
        losses.append(loss.item())
        norms.append(norm)
    return losses, norms


def final_losses(kind, gap, seeds, last=30, **settings):
    """The loss at the end of ``recall`` for every seed: the mean of the ``last`` steps' losses, a list of floats.

    Args: as for ``recall``, which gets the ``settings``.
    """
    return [float(np.mean(recall(kind, gap, seed=seed, **settings)[0][-last:])) for seed in seeds]


def clipping(gap, seeds, rates, steps):
    """``final_losses`` of a plain network with spectral radius 1 and gradient descent, with and without clipping to 1.

    Returns:
        {"clipped to 1": array [rates, seeds], "not clipped": the same}.
    """
    settings = {"steps": steps, "radius": 1.0, "method": "SGD"}
    return {
        name: np.array([final_losses("RNN", gap, seeds, rate=rate, limit=limit, **settings) for rate in rates])
        for name, limit in (("clipped to 1", 1.0), ("not clipped", None))
    }
