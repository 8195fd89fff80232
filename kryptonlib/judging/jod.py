"""From votes to just-objectionable differences (JOD), the scale on which 1 means that 75 % of people agree.

A candidate's quality is a number q; somebody who compares i with j prefers i with probability
Phi((q_i - q_j) / 1.4826). The scores make the votes most likely, helped by a prior that keeps unanimous votes finite.
Intervals come from the votes of observers drawn anew.
"""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_ndtr, logsumexp
from scipy.stats import norm

from kryptonlib.choices import check_choice
from kryptonlib.judging.likelihood import SIGMA, likeliest, reachable

PRIORS = ("gaussian", "none")
PLAIN = 1e-3
"""Scores are bounded if the objective rises by more than this when they are stretched by a tenth."""


def scale(wins, prior="gaussian"):
    """JOD scores from counted votes.

    Minimises, over the ordered pairs that were compared, d = (q_i - q_j) / 1.4826,

        - sum [ D_ij log Phi(d) + D_ji log Phi(-d) + log(prior_ij + 0.1) ] + 0.01 mean(q)^2,

    D_ij how often i beat j. prior_ij is the sum, over all compared pairs, of their votes' likelihood at the distance of
    i and j, each scaled to the sum 1: distances are likely that other pairs have too. A unanimous pair enters the
    prior with one vote changed. Logarithms are taken before anything can underflow.

    Args:
        wins: [N, N] whole numbers, wins[i, j] how often i beat j; or [observers, N, N], which is added up.
        prior: "gaussian", as above, or "none".

    Returns:
        float array [N] with mean 0; higher is better, only differences mean something.

    Raises:
        ValueError: not square, negative, fractional, on the diagonal; a candidate nobody compared; candidates in groups
            that were never compared with each other; a group that won every vote, so that its distance has no bound
            (without a prior always, with it where the votes are many or the prior has no other distance to go by).

    Source: Perez-Ortiz and Mantiuk, "A practical guide and software for analysing pairwise comparison experiments",
    2017, and their pwcmp (options prior="gaussian", regularization="mean0"); thesis (paper 5), section 5.2.3. pwcmp's
    newest default prior is another, "bounded".

    Example:
        >>> scale([[0, 25, 0], [75, 0, 25], [0, 75, 0]]).round(3)
        array([-1.,  0.,  1.])
    """
    if prior not in PRIORS:
        raise ValueError(f"scale: prior must be one of {', '.join(PRIORS)}, got {prior!r}")
    wins = counted(wins)
    wins = wins.sum(0) if wins.ndim == 3 else wins
    _check_connected(wins)
    found = _scores(wins, prior)
    if found is None:
        raise ValueError(
            "a group of candidates won every vote against the rest, and nothing says by how much: its distance has no "
            "bound; leave the clear winner or loser out, or add candidates between"
            + (", or take a prior" if prior == "none" else "")
        )
    return found


def counted(wins):
    """Votes as a checked integer array [N, N] or [observers, N, N]; see :func:`scale`."""
    given = np.asarray(wins)
    if given.dtype.kind not in "iuf" or given.ndim not in (2, 3) or given.shape[-1] != given.shape[-2]:
        raise ValueError(f"votes must be counts [N, N] or [observers, N, N], got {given.dtype} of shape {given.shape}")
    if given.shape[-1] < 2 or not given.size:
        raise ValueError(f"votes must be of at least 2 candidates and 1 observer, got shape {given.shape}")
    votes = given.astype(np.int64) if np.isfinite(given).all() else None
    if votes is None or (votes != given).any() or (votes < 0).any():
        raise ValueError(
            "votes must be whole numbers of at least 0, how often i beat j; multiply shares by the number of "
            "comparisons"
        )
    if np.diagonal(votes, axis1=-2, axis2=-1).any():
        raise ValueError("a candidate cannot beat itself: the diagonal of the votes must be 0")
    return votes


def _check_connected(wins):
    compared = (wins + wins.T) > 0
    alone = np.flatnonzero(~compared.any(1))
    if len(alone):
        raise ValueError(f"nobody compared candidate {', '.join(map(str, alone))} (counted from 0); leave it out")
    reached = reachable(compared)
    if not reached.all():
        groups = sorted({tuple(np.flatnonzero(row).tolist()) for row in reached})
        raise ValueError(
            f"the candidates fall into groups that were never compared with each other: {groups}; scores of different "
            "groups cannot be set against each other, so scale each by itself or collect votes between them"
        )


def _scores(wins, prior):
    """The scores, or None where they have no bound."""
    bounded = reachable(wins > 0).all()
    if prior == "none":
        return likeliest(wins) if bounded else None
    first, second = np.nonzero((wins + wins.T) > 0)
    won, lost = wins[first, second].astype(float), wins[second, first].astype(float)
    unanimous = (won == 0) | (lost == 0)
    supposed = np.where(unanimous, np.where(won == 0, 1.0, won - 1), won)[:, None]
    missed = (won + lost)[:, None] - supposed

    def objective(q):
        d = (q[first] - q[second]) / SIGMA
        log_p, log_q = log_ndtr(d), log_ndtr(-d)
        slope_p, slope_q = np.exp(norm.logpdf(d) - log_p), -np.exp(norm.logpdf(d) - log_q)
        likely = supposed * log_p + missed * log_q
        likely = np.exp(likely - logsumexp(likely, 1, keepdims=True))
        inner = 1 / (likely.sum(0) + 0.1)
        value = won @ log_p + lost @ log_q + np.log(likely.sum(0) + 0.1).sum()
        through = likely * (inner - (likely @ inner)[:, None])
        slope = won * slope_p + lost * slope_q + (through * (supposed * slope_p + missed * slope_q)).sum(0)
        gradient = np.bincount(first, slope, len(q)) - np.bincount(second, slope, len(q))
        return 0.01 * q.mean() ** 2 - value, 0.02 * q.mean() / len(q) - gradient / SIGMA

    found = minimize(objective, np.zeros(len(wins)), jac=True, method="BFGS", options={"gtol": 1e-6})
    # The prior holds a group that always won by a local minimum, if at all: else the search ends on a plain.
    if not bounded and objective(1.1 * found.x)[0] - found.fun < PLAIN:
        return None
    return found.x - found.x.mean()


@dataclass(frozen=True)
class Scaling:
    """JOD scores with what is known about their error.

    Attributes:
        names: the candidates.
        scores: [N], mean 0.
        low, high: limits of the 95 % intervals [N], percentiles of the resamples.
        covariance: of the resamples [N, N].
        resamples: scores of each resample [samples, N].
        over: "observers" or "votes": what was drawn anew.
        redrawn: how many resamples had no scores, because their votes left candidates unconnected or a distance without
            bound, and were replaced. Many of them mean that the intervals are too narrow.
    """

    names: tuple
    scores: np.ndarray
    low: np.ndarray
    high: np.ndarray
    covariance: np.ndarray
    resamples: np.ndarray
    over: str
    redrawn: int = 0

    def p_values(self):
        """One-sided p of each difference [N, N]: how probable a difference as large is without one (normal errors).

        The covariance enters: scores that rise and fall together differ by less than their intervals suggest.
        """
        variance = np.diag(self.covariance)
        spread = np.sqrt(np.maximum(variance[:, None] + variance[None] - 2 * self.covariance, 1e-300))
        p = norm.cdf(-np.abs(self.scores[:, None] - self.scores[None]) / spread)
        np.fill_diagonal(p, 0.5)
        return p

    def against(self, name, *others, level=0.05):
        """How a candidate does against others, a list: 1 significantly better, -1 significantly worse, 0 neither.

        Args:
            name, others: candidates.
            level: of the two-sided test, as in :meth:`neighbours`.

        Raises:
            ValueError: an unknown candidate.
        """
        return [int(np.sign(gap)) * (p < level / 2) for gap, p in self._gaps(name, others)]

    def words(self, name, *others):
        """The same in words: "0.21 above Adaptive (p 0.020), 0.01 below MS-SSIM (p 0.478)", p one-sided."""
        told = (
            f"{abs(gap):.2f} {'above' if gap >= 0 else 'below'} {other} (p {p:.3f})".replace("p 0.000", "p < 0.001")
            for other, (gap, p) in zip(others, self._gaps(name, others))
        )
        return ", ".join(told)

    def _gaps(self, name, others):
        """(difference in JOD, one-sided p) of a candidate and each of the others."""
        for each in (name, *others):
            check_choice("candidate", each, self.names)
        place, p = self.names.index, self.p_values()
        return [
            (float(self.scores[place(name)] - self.scores[place(other)]), float(p[place(name), place(other)]))
            for other in others
        ]

    def neighbours(self, level=0.05):
        """Differences between candidates one and two ranks apart, the edges of the thesis's triangle graphs.

        Args:
            level: of the two-sided test; p must be below half of it. Nothing is done about testing many pairs.

        Returns:
            A list of (better, worse, difference in JOD, one-sided p, significant), best rank first.
        """
        order, p = np.argsort(-self.scores), self.p_values()
        edges = []
        for place, better in enumerate(order):
            for worse in order[place + 1 : place + 3]:
                edges.append(
                    (
                        self.names[better],
                        self.names[worse],
                        float(self.scores[better] - self.scores[worse]),
                        float(p[better, worse]),
                        bool(p[better, worse] < level / 2),
                    )
                )
        return edges


def bootstrap(wins, names=None, *, samples=500, seed=0, prior="gaussian"):
    """JOD scores with 95 % intervals, from observers drawn anew with replacement.

    Args:
        wins: [observers, N, N], wins[k, i, j] how often observer k preferred i to j. Of a sum [N, N] the votes of each
            pair are drawn anew instead (binomially), as if all came from different people: people who differ in taste
            make real intervals wider.
        names: of the candidates; None counts them.
        samples: how many resamples, at least 2; 500 to 2000 are usual.
        seed: of the drawing.
        prior: as in :func:`scale`.

    Returns:
        A :class:`Scaling`.

    Raises:
        ValueError: as :func:`scale`; fewer than two observers; hardly any resample that has scores.

    Example:
        >>> found = bootstrap([[0, 25, 0], [75, 0, 25], [0, 75, 0]], "abc", samples=50)
        >>> [(better, worse, significant) for better, worse, *_, significant in found.neighbours()]
        [('c', 'b', True), ('c', 'a', True), ('b', 'a', True)]
    """
    wins = counted(wins)
    if isinstance(samples, bool) or not isinstance(samples, Integral) or samples < 2:
        raise ValueError(f"bootstrap: samples must be a whole number of at least 2, got {samples!r}")
    if wins.ndim == 3 and len(wins) < 2:
        raise ValueError("bootstrap: got 1 observer, whose spread over people is unknown; give the sum [N, N] instead")
    names = tuple(names) if names is not None else tuple(str(number) for number in range(wins.shape[-1]))
    if len(names) != wins.shape[-1]:
        raise ValueError(f"bootstrap: got {wins.shape[-1]} candidates and {len(names)} names")
    scores, random = scale(wins, prior), np.random.default_rng(seed)
    found, drawings = np.zeros((0, len(names))), 0
    while len(found) < samples:
        if drawings > 20 * samples:
            raise ValueError("bootstrap: too few votes: nearly every resample leaves scores without bound")
        drawn = np.array([_drawn(wins, random) for _ in range(samples - len(found))])
        drawings += len(drawn)
        found = np.concatenate([found, _scores_of_all(drawn, prior)])
    low, high = np.percentile(found, [2.5, 97.5], axis=0)
    over = "observers" if wins.ndim == 3 else "votes"
    return Scaling(names, scores, low, high, np.cov(found.T), found, over, drawings - samples)


def _scores_of_all(tables, prior):
    """Scores [resamples, N] of those vote tables [drawn, N, N] that have some."""
    if prior == "none":
        scores = likeliest(tables)
        return scores[np.isfinite(scores).all(1)]
    connected = reachable((tables + tables.transpose(0, 2, 1)) > 0).all((1, 2))
    scores = [_scores(table, prior) for table in tables[connected]]
    return np.array([each for each in scores if each is not None]).reshape(-1, tables.shape[-1])


def _drawn(wins, random):
    if wins.ndim == 3:
        return wins[random.integers(len(wins), size=len(wins))].sum(0)
    drawn = np.zeros_like(wins)
    i, j = np.triu_indices(len(wins), 1)
    total = wins[i, j] + wins[j, i]
    drawn[i, j] = random.binomial(total, wins[i, j] / np.maximum(total, 1))
    drawn[j, i] = total - drawn[i, j]
    return drawn
