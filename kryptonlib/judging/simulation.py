"""Observers whose taste is known, so that what a study concludes can be held against the truth."""

import numpy as np
from scipy.special import ndtr

from kryptonlib.judging.likelihood import SIGMA


def observers(scores, count, images, *, taste=0.0, seed=0):
    """The votes of simulated observers who compare every pair of candidates once on every image.

    An observer's scores are ``scores`` plus Gaussian deviations of his own, the same on all images; he prefers i to j
    with probability Phi((q_i - q_j) / 1.4826) of his own scores.

    Args:
        scores: the candidates' true scores in JOD [N].
        count: observers, at least 1.
        images: how often each pair is asked, at least 1.
        taste: standard deviation in JOD of an observer's own scores around the true ones; 0 makes all alike.
        seed: a whole number.

    Returns:
        int array [count, N, N], wins[k, i, j] = how often observer k preferred i to j.

    Raises:
        ValueError: fewer than two scores or not finite ones, no observers, no images, a negative taste.

    Example:
        >>> wins = observers([0.0, 1.0], 1000, 10)
        >>> round(float(wins.sum(0)[1, 0] / 10_000), 2)
        0.75
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 1 or len(scores) < 2 or not np.isfinite(scores).all():
        raise ValueError(f"observers: scores must be at least two finite numbers, got shape {scores.shape}")
    if count < 1 or images < 1:
        raise ValueError(f"observers: needs at least 1 observer and 1 image, got {count} and {images}")
    if not 0 <= taste < np.inf:
        raise ValueError(f"observers: taste must be a standard deviation of at least 0 JOD, got {taste}")
    random = np.random.default_rng(seed)
    own = scores + taste * random.standard_normal((count, len(scores)))
    i, j = np.triu_indices(len(scores), 1)
    won = random.binomial(images, ndtr((own[:, i] - own[:, j]) / SIGMA))
    wins = np.zeros((count, len(scores), len(scores)), dtype=np.int64)
    wins[:, i, j], wins[:, j, i] = won, images - won
    return wins


def scores_of_all(scores, taste):
    """The JOD scores that infinitely many of these observers give together.

    Own deviations add their variance, 2 taste^2, to that of a single comparison; the share of votes then belongs to a
    smaller difference: q / sqrt(1 + 2 taste^2 / 1.4826^2).

    Args:
        scores, taste: as :func:`observers`.

    Example:
        >>> scores_of_all([0.0, 1.0], 0.0)
        array([0., 1.])
    """
    return np.asarray(scores, dtype=float) / np.sqrt(1 + 2 * taste**2 / SIGMA**2)
