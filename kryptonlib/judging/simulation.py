"""Observers whose taste is known, so that what a study concludes can be held against the truth."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from kryptonlib.choices import check_choice
from kryptonlib.judging import jod
from kryptonlib.judging.likelihood import SIGMA
from kryptonlib.judging.session import Session

LEVEL = 0.025
"""A difference counts as significant below this one-sided p, as in ``Scaling.neighbours``."""


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


@dataclass(frozen=True)
class Repeated:
    """What many studies of one kind concluded.

    Attributes:
        coverage: share of the 95 % intervals that held the true score.
        significant: share of the studies in which a pair differed significantly [N, N].
        alarms: share of the studies with a significant difference between neighbours, as triangle graphs draw them.
        any_pair: share of the studies with a significant difference between any two candidates.
    """

    coverage: float
    significant: np.ndarray
    alarms: float
    any_pair: float


def repeat(scores, count, images, *, taste=0.0, over="observers", studies=100, samples=200):
    """Hold the same study again and again with new observers, and compare its conclusions with the truth.

    Args:
        scores, count, images, taste: as :func:`observers`; the truth is :func:`scores_of_all`.
        over: what each study's bootstrap draws anew, "observers" or "votes".
        studies: how many studies.
        samples: resamples of each bootstrap, without a prior.

    Returns:
        A :class:`Repeated`.

    Example:
        >>> repeat([0.0, 2.0], 10, 8, studies=5, samples=20).significant[0, 1]
        np.float64(1.0)
    """
    check_choice("over", over, ("observers", "votes"))
    truth, held, significant, alarms = scores_of_all(scores, taste), [], [], []
    for seed in range(studies):
        wins = observers(scores, count, images, taste=taste, seed=seed)
        scaling = jod.bootstrap(wins if over == "observers" else wins.sum(0), samples=samples, prior="none", seed=seed)
        held.append((scaling.low <= truth - truth.mean()) & (truth - truth.mean() <= scaling.high))
        significant.append(scaling.p_values() < LEVEL)
        alarms.append(any(edge[4] for edge in scaling.neighbours(2 * LEVEL)))
    any_pair = np.mean([each.any() for each in significant])
    return Repeated(float(np.mean(held)), np.mean(significant, 0), float(np.mean(alarms)), float(any_pair))


def finish(session, quality, seed):
    """Answer all questions of a session as somebody of known taste would.

    Args:
        session: a :class:`kryptonlib.judging.Session`.
        quality: name of an image -> name of a candidate -> its score in JOD.
        seed: a whole number.
    """
    random = np.random.default_rng(seed)
    while session.current:
        trial = session.current
        first, second = (quality[trial.image][name] for name in (trial.first, trial.second))
        session.vote("A" if random.random() < ndtr((first - second) / SIGMA) else "B")


def vote_by_metric(folder, material, metric, count, *, study, spread=0.8, taste=0.8):
    """The files of a simulated class whose members see by a metric, each with a taste of his own.

    Args:
        folder: where the CSV files go; it must exist.
        material: the :class:`kryptonlib.judging.Material` that is judged.
        metric: a name out of ``losses.METRICS``, of a distance above 0 such as "lpips"; scores follow its logarithm.
        count: observers.
        study: name of the study.
        spread: standard deviation of the scores over images and candidates in JOD.
        taste: that of an observer's own likes of the candidates, the same on all images, in JOD.
    """
    distance = np.log(material.measured(metric))
    scores = spread * (distance.mean() - distance) / distance.std()
    likes = np.random.default_rng(0).normal(0, taste, (count, len(material.candidates)))
    for number, own in enumerate(scores + likes[:, None]):
        quality = {image: dict(zip(material.candidates, row)) for image, row in zip(material.images, own)}
        about = {"images": material.images, "candidates": material.candidates, "study": study}
        finish(Session(folder, **about, observer=f"simulated-{number:02}"), quality, seed=number)
