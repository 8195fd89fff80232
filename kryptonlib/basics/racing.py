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


def batches(points, answers, start, rates, size, epochs, seeds):
    """A linear neuron trained by mini-batch descent at every rate, each time with another shuffling.

    Args:
        points, answers: [M, D] and [M]; the loss is the mean of (answer - w . point)^2 / 2.
        start: weights to start from [D].
        rates: [R], all positive.
        size: samples per update, a divisor of M.
        epochs: passes over the data.
        seeds: one run per seed, which shuffles every epoch anew [S].

    Returns:
        [epochs, R, S]: the loss over all samples after each epoch, less the least possible one; inf where it diverged.
    """
    points, answers, rates = (np.asarray(part, dtype=float) for part in (points, answers, rates))
    if points.ndim != 2 or answers.shape != points.shape[:1]:
        raise ValueError(f"expected points [M, D] and answers [M], got {points.shape} and {answers.shape}")
    if not 1 <= size <= len(points) or len(points) % size:
        raise ValueError(f"size must divide the {len(points)} samples, got {size}")
    lowest = np.linalg.lstsq(points, answers, rcond=None)[0]
    floor = np.mean((answers - points @ lowest) ** 2)
    table = np.full((epochs, len(rates), len(seeds)), np.inf)
    for run, seed in enumerate(seeds):
        draw = np.random.default_rng(seed)
        w = np.tile(np.asarray(start, dtype=float), (len(rates), 1))
        alive = np.ones(len(rates), dtype=bool)
        for epoch in range(epochs):
            for chosen in np.split(draw.permutation(len(points)), len(points) // size):
                errors = answers[chosen] - w @ points[chosen].T
                w = w + rates[:, None] * errors @ points[chosen] / size
                alive &= np.all(np.abs(w) <= FAR, axis=1)
                w[~alive] = 0.0
            loss = np.mean((answers - w @ points.T) ** 2, axis=1) - floor
            table[epoch, :, run] = np.where(alive, loss / 2, np.inf)
    return table


def settled(path, level):
    """The first step from which on the loss stays below ``level``: [R, S] for ``path`` [steps + 1, R, S]; inf if
    never."""
    below = np.asarray(path) < level
    stays = np.flip(np.logical_and.accumulate(np.flip(below, 0), 0), 0)
    return np.where(stays[-1], np.argmax(stays, axis=0), np.inf)


def steps_to_leave(name, ground, rates, nearness, *, level=0.14, tuned_at=1e-3, steps=1200):
    """How long an optimizer stays at a saddle at the origin whose ridge is the first axis, at its best rate.

    The best rate is the one of the grid that settles at a minimum soonest from five starts at the distance ``tuned_at``
    from the ridge. It is kept for all other distances.

    Args:
        name, ground, rates: as for ``losses``; the surfaces "saddle" and "narrow saddle" are meant.
        nearness: distances of the starts from the ridge [N].
        level: the loss that counts as having left; 0.14 is half-way from the saddle to its minima along the way out.
        tuned_at: the distance that the rate is tuned for.
        steps: how long to wait, half of it for tuning.

    Returns:
        (rate, steps [N]): inf where the saddle was not left.
    """
    tuning = [(x, tuned_at) for x in (-0.8, -0.9, -1.0, -1.1, -1.2)]
    rate = rates[best(settled(losses(name, ground, rates, tuning, steps // 2), 0.01))]
    left = losses(name, ground, [rate], [(-1.0, distance) for distance in nearness], steps)[:, 0] < level
    return float(rate), np.where(left.any(axis=0), np.argmax(left, axis=0), np.inf)


def reddi(name, steps, every=200):
    """x along the problem that Reddi, Kale and Kumar (2018, section 3) built against Adam, after every ``every`` steps.

    The gradient on [-1, 1] is 1010 at t = 1, 102, 203, ... and -10 otherwise; over a period it sums to +10, so -1 is
    the best x. Settings of theirs: beta1 = .9, beta2 = .99, rate .1 / sqrt(t), no bias correction, start 0.
    """
    if name not in ("Adam", "AMSGrad"):
        raise ValueError(f"the example is about Adam and AMSGrad, got {name!r}")
    optimizer = OPTIMIZERS[name](lambda t: 0.1 / t**0.5, 0.9, 0.99, correct_bias=False)
    x, path = 0.0, []
    for t in range(1, steps + 1):
        x = min(1.0, max(-1.0, optimizer.step(x, 1010.0 if t % 101 == 1 else -10.0)))
        if t % every == 0:
            path.append(x)
    return np.array(path)


def best(scores):
    """Index of the rate whose worst start is best: ``scores`` [R, S], smaller is better.

    Raises ValueError if every rate fails (inf) from some start: the grid does not reach far enough.
    """
    worst = np.max(scores, axis=1)
    if not np.any(np.isfinite(worst)):
        raise ValueError("no rate of the grid works from every start; take smaller ones, or more steps")
    return int(np.argmin(worst))
