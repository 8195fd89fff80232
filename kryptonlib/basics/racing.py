"""Optimizers compared fairly: the same grid of rates and the same starts for each of them, on a loss surface.

A race with one rate for all says which optimizer fits that rate. Here each one runs at every rate of a grid from every
start, and its best rate is read from the table, with the neighbours beside it.
"""

import numpy as np

from kryptonlib.basics.optimizers import OPTIMIZERS

FAR = 1e6
"""A walk with a larger weight has diverged."""


def losses(name, ground, rates, starts, steps):
    """The loss along every walk of one optimizer.

    Args:
        name: of ``kryptonlib.basics.optimizers.OPTIMIZERS``.
        ground: a ``Surface`` of ``kryptonlib.basics.surfaces``.
        rates: the grid of learning rates [R], all positive.
        starts: points to start from [S, 2].
        steps: updates, at least 1.

    Returns:
        [steps + 1, R, S]; row 0 is the loss at the starts, and inf stands from the step on at which a walk diverged.

    Example:
        >>> from kryptonlib.basics.surfaces import SURFACES
        >>> losses("SGD", SURFACES["bowl"], [0.1, 1.0], [(1.0, 0.0)], 1)[1].ravel()
        array([0.405, 0.   ])
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {name!r}; known are {', '.join(OPTIMIZERS)}")
    rates, starts = np.asarray(rates, dtype=float), np.asarray(starts, dtype=float)
    if rates.ndim != 1 or rates.size == 0 or not np.all(rates > 0):
        raise ValueError(f"rates must be a vector of positive numbers, got {rates}")
    if starts.ndim != 2 or starts.shape[1] != 2 or not np.all(np.isfinite(starts)):
        raise ValueError(f"starts must be finite points [S, 2], got shape {starts.shape}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    # Every optimizer works weight by weight, so all walks can run as one array; the rate is a column of it.
    optimizer = OPTIMIZERS[name](lambda t: rates[:, None])
    w = np.broadcast_to(starts.T[:, None], (2, len(rates), len(starts))).copy()
    alive = np.ones(w.shape[1:], dtype=bool)
    path = [ground.value(w)]
    for _ in range(steps):
        moved = optimizer.step(w, ground.gradient(w))
        alive &= np.all(np.abs(moved) <= FAR, axis=0)
        # A walk that diverged stays where it was last near, so that no infinity is computed with.
        w = np.where(alive, moved, np.clip(w, -1.0, 1.0))
        path.append(np.where(alive, ground.value(w), np.inf))
    return np.array(path)


def settled(path, level):
    """The first step from which on the loss stays below ``level``: [R, S] for ``losses`` [steps + 1, R, S]; inf if never."""
    below = np.asarray(path) < level
    stays = np.flip(np.logical_and.accumulate(np.flip(below, 0), 0), 0)
    return np.where(stays[-1], np.argmax(stays, axis=0), np.inf)


def best(scores):
    """Index of the rate whose worst start is best: ``scores`` [R, S], smaller is better.

    Raises ValueError if every rate fails (inf) from some start: the grid does not reach far enough.
    """
    worst = np.max(scores, axis=1)
    if not np.any(np.isfinite(worst)):
        raise ValueError("no rate of the grid works from every start; take smaller ones, or more steps")
    return int(np.argmin(worst))
