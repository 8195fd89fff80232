"""The scores that make votes most likely, for thousands of small vote tables at once: what bootstraps are made of."""

import numpy as np
from scipy.special import log_ndtr

SIGMA = 1.4826
"""Spread for which a difference of 1 means 75 %: 1 / Phi^-1(0.75)."""
STEPS = 60
LONGEST = 1.5
"""Newton's steps are cut to this length in each score; from 0 and far from the maximum they overshoot."""
CLOSE = 1e-9


def likeliest(wins):
    """Scores q that maximise sum_ij wins_ij log Phi((q_i - q_j) / 1.4826), by Newton's method.

    The sum is concave in q and does not change when all scores grow alike; their mean is set to 0. It has a maximum if
    and only if no group of candidates won every vote against the rest (and every candidate is tied to the others).

    Args:
        wins: counts [..., N, N], wins[..., i, j] how often i beat j; the axes in front may be resamples or studies.

    Returns:
        float array [..., N], mean 0; NaN for every table whose scores have no bound or are not tied together.

    Source: Thurstone's case V with JOD's unit; thesis (paper 5), section 5.2.3, without pwcmp's prior.

    Example:
        >>> likeliest(np.array([[0, 25], [75, 0]])).round(3)
        array([-0.5,  0.5])
    """
    wins = np.asarray(wins, dtype=float)
    candidates = wins.shape[-1]
    tables = wins.reshape(-1, candidates, candidates)
    found = np.full((len(tables), candidates), np.nan)
    open_ = np.flatnonzero(reachable(tables > 0).all((1, 2)))
    scores = np.zeros((len(tables), candidates))
    for _ in range(STEPS):
        step = newton_step(scores[open_], tables[open_])
        scores[open_] += step * np.minimum(1, LONGEST / np.maximum(np.abs(step).max(1, keepdims=True), 1e-300))
        done = np.abs(step).max(1) < CLOSE
        found[open_[done]] = scores[open_[done]]
        open_ = open_[~done]
        if not len(open_):
            break
    found -= found.mean(1, keepdims=True)
    return found.reshape(wins.shape[:-1])


def newton_step(scores, wins):
    """The step [B, N] from ``scores`` [B, N] towards the maximum for ``wins`` [B, N, N]."""
    d = (scores[:, :, None] - scores[:, None]) / SIGMA
    log_p = log_ndtr(d)
    # phi / Phi, the slope of log Phi; its own slope is -slope (slope + d).
    slope = np.exp(-0.5 * d**2 - log_p) / np.sqrt(2 * np.pi)
    bend = slope * (slope + d) * wins
    bend = (bend + bend.transpose(0, 2, 1)) / SIGMA**2
    pull = slope * wins / SIGMA
    gradient = pull.sum(2) - pull.sum(1)
    curvature = bend.sum(2)[:, :, None] * np.eye(scores.shape[1]) - bend
    # Adding 1 everywhere fixes the mean, which the votes leave open.
    return np.linalg.solve(curvature + 1.0, gradient[:, :, None])[:, :, 0]


def reachable(graph):
    """[..., N, N]: can j be reached from i along the edges of the graph [..., N, N]?"""
    size = graph.shape[-1]
    reached = graph | np.eye(size, dtype=bool)
    for _ in range(int(np.ceil(np.log2(max(size, 2))))):
        reached = (reached.astype(np.uint8) @ reached.astype(np.uint8)) > 0
    return reached
