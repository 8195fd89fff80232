"""How well a metric agrees with people: Zhang's two scores, 2AFC and JND, and the most that any metric can reach."""

import numpy as np


def two_alternatives(first, second, preferred):
    """The share of judgements that a metric agrees with, over triplets (reference, first, second).

    In a two-alternative forced choice (2AFC) people say which of two distorted images is closer to the reference. The
    metric "chooses" the smaller distance and gets the share of people who chose alike; a tie gets a half.

    Args:
        first, second: the metric's distances to the reference [n], lower is better.
        preferred: share of the people who preferred the second [n], 0 to 1.

    Returns:
        float in [0, 1]; chance is 0.5.

    Raises:
        ValueError: arrays of different shape or empty, NaN, shares outside of [0, 1].

    Source: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018; thesis
    (paper 5), section 1.2.

    Example:
        >>> two_alternatives([0.1, 0.3], [0.2, 0.1], [0.0, 0.8])
        0.9
    """
    first, second = _checked("two_alternatives", first), _checked("two_alternatives", second)
    preferred = _shares("two_alternatives", preferred)
    if not first.shape == second.shape == preferred.shape:
        shapes = f"{first.shape}, {second.shape} and {preferred.shape}"
        raise ValueError(f"two_alternatives: needs three arrays of one length, got shapes {shapes}")
    return float(np.where(first == second, 0.5, np.where(second < first, preferred, 1 - preferred)).mean())


def ceiling(preferred):
    """(best, another person): the 2AFC score of somebody who always says what most say, and of one more person.

    Args:
        preferred: share of the people who preferred the second [n].

    Returns:
        (mean of max(p, 1 - p), mean of p^2 + (1 - p)^2). With few people per triplet both are too high: a triplet that
        one person judged seems unanimous.

    Example:
        >>> ceiling([0.5, 1.0])
        (0.75, 0.75)
    """
    p = _shares("ceiling", preferred)
    return float(np.maximum(p, 1 - p).mean()), float((p**2 + (1 - p) ** 2).mean())


def same_or_different(distances, same):
    """Average precision of a metric that has to tell pairs that people call the same from those they do not.

    In a just-noticeable-difference test (JND) people say whether an image equals its reference. Sorted by distance, the
    pairs up to each place are a metric's guess of "the same"; precision is the share of people who agree, recall the
    share of all their "same" that is found. The score is the area under the precision at its best for each recall.

    Args:
        distances: the metric's [n], lower means more alike.
        same: share of the people who called the pair the same [n].

    Returns:
        float in (0, 1]; a metric that knows nothing gets about the mean of ``same``.

    Raises:
        ValueError: arrays of different shape or empty, NaN, shares outside of [0, 1], nobody who said "the same".

    Source: Zhang et al. (2018), ``score_jnd_dataset`` of their code; thesis (paper 5), section 1.2.

    Example:
        >>> same_or_different([0.1, 0.2, 0.3], [1.0, 0.0, 1.0])
        0.8333333333333333
    """
    distances, same = _checked("same_or_different", distances), _shares("same_or_different", same)
    if distances.shape != same.shape:
        raise ValueError(f"same_or_different: got {len(distances)} distances and {len(same)} shares")
    if not same.any():
        raise ValueError("same_or_different: nobody called a pair the same; there is nothing to find")
    sorted_same = same[np.argsort(distances, kind="stable")]
    found = np.cumsum(sorted_same)
    precision = found / np.arange(1, len(same) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float((best_from_here * sorted_same).sum() / found[-1])


def share_of_votes(quality, wins, *, without=None):
    """The share of all votes that went to the candidate which a metric calls better; a tie gets half of its votes.

    Args:
        quality: the metric's value for each candidate [N], higher is better (negate a distance).
        wins: vote counts [N, N], wins[i, j] how often i beat j.
        without: index of a candidate whose votes do not count, such as a network trained with this metric; or None.

    Returns:
        float in [0, 1].

    Example:
        >>> share_of_votes([2.0, 1.0], np.array([[0, 7], [3, 0]]))
        0.7
    """
    quality, wins = _checked("share_of_votes", quality), np.asarray(wins, dtype=float)
    if wins.shape != (len(quality), len(quality)):
        raise ValueError(f"share_of_votes: got {len(quality)} candidates and votes of shape {wins.shape}")
    if without is not None:
        quality, wins = np.delete(quality, without), np.delete(np.delete(wins, without, 0), without, 1)
    agrees = np.where(quality[:, None] == quality, 0.5, quality[:, None] > quality)
    return float((agrees * wins).sum() / wins.sum())


def majority(wins):
    """The share of all votes that somebody agrees with who always sides with the majority of a pair: the ceiling.

    Args:
        wins: vote counts [N, N].

    Example:
        >>> majority(np.array([[0, 7], [3, 0]]))
        0.7
    """
    wins = np.asarray(wins, dtype=float)
    return float(np.maximum(wins, wins.T).sum() / 2 / wins.sum())


def of_votes(rows, material, metrics):
    """Metric -> its 2AFC score on people's votes, image by image.

    Args:
        rows: votes as :func:`kryptonlib.judging.read` and ``Merged.rows`` give them.
        material: the :class:`kryptonlib.judging.Material` that was judged.
        metrics: names out of ``losses.METRICS``.

    Returns:
        dict of floats; :func:`ceiling` of the same :func:`shares` is the most that is possible.
    """
    asked = shares(rows)
    image = [material.images.index(row[0]) for row in asked]
    first, second = ([material.candidates.index(row[place]) for row in asked] for place in (1, 2))
    found = {}
    for metric in metrics:
        distances = material.distances(metric)
        found[metric] = two_alternatives(distances[image, first], distances[image, second], [row[3] for row in asked])
    return found


def shares(rows):
    """Votes as triplets: which two candidates were compared on which image, and how many preferred the second.

    Args:
        rows: votes as :func:`kryptonlib.judging.read` and ``Merged.rows`` give them.

    Returns:
        A list of (image, first, second, share of the votes for the second), sorted.

    Example:
        >>> shares([{"image": "door", "winner": "l2", "loser": "l1"}, {"image": "door", "winner": "l1", "loser": "l2"}])
        [('door', 'l1', 'l2', 0.5)]
    """
    counts = {}
    for row in rows:
        first, second = sorted((row["winner"], row["loser"]))
        for_second, total = counts.get((row["image"], first, second), (0, 0))
        counts[row["image"], first, second] = for_second + (row["winner"] == second), total + 1
    return [(*pair, for_second / total) for pair, (for_second, total) in sorted(counts.items())]


def _checked(name, values):
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"{name}: needs finite numbers [n], got shape {values.shape}")
    return values


def _shares(name, values):
    values = _checked(name, values)
    if values.min() < 0 or values.max() > 1:
        raise ValueError(f"{name}: shares of people must be in [0, 1], got {values.min():.4g} to {values.max():.4g}")
    return values
