"""Checks of notebook 14's exercises: votes counted one by one, slopes by differences, the bootstrap's own draws."""

import numpy as np
from scipy.stats import norm

from kryptonlib.course.checks import expect


def check_count(answer):
    """``answer(rows, observers, candidates)`` is wins[k, i, j], how often observer k preferred candidate i to j."""
    rng = np.random.default_rng(1)
    candidates, observers = ["l1", "l2", "flip"], ["otter-1", "newt-2"]
    drawn = [{"observer": observers[k], "winner": candidates[i], "loser": candidates[j], "image": "door", "key": "A"}
             for k, i, j in rng.integers(0, [2, 3, 3], (30, 3)) if i != j]  # fmt: skip
    one = {"observer": "newt-2", "winner": "flip", "loser": "l1", "image": "door", "key": "B"}
    cases = [
        ([one], "the winner's index comes before the loser's"),
        ([one, one], "votes add up: a pair may come on several images"),
        ([], "without votes all counts are 0"),
        (drawn, "every row is one vote of one observer"),
    ]
    for rows, hint in cases:
        case = f"count({len(rows)} rows)"
        got = answer(rows, observers, candidates)
        got = expect.array(got, (2, 3, 3), case, "it is [observers, candidates, candidates]")
        truth = np.zeros((2, 3, 3))
        for k, observer in enumerate(observers):
            for i, winner in enumerate(candidates):
                for j, loser in enumerate(candidates):
                    truth[k, i, j] = sum(list(row.values())[:3] == [observer, winner, loser] for row in rows)
        expect.close(got, truth, case, hint)
    expect.passed("count", len(cases))


def check_log_likelihood(answer):
    """``answer(scores, wins)`` is (value, slopes) of sum wins[i, j] log Phi((q_i - q_j) / 1.4826)."""
    rng = np.random.default_rng(2)
    cases = [
        (np.zeros(2), np.array([[0, 3], [1, 0]]), "equal scores: every vote has probability 1/2"),
        (np.array([1.0, 0.0]), np.array([[0, 3], [1, 0]]), "the difference is divided by 1.4826 before Phi"),
        (np.array([60.0, 0.0]), np.array([[0, 0], [2, 0]]), "use log_ndtr: Phi is 0 long before its logarithm is -infinity"),
    ]
    for _ in range(4):
        wins = rng.integers(0, 9, (4, 4)) * (1 - np.eye(4, dtype=int))
        cases.append((rng.normal(0, 1, 4), wins, "sum over i and j, both ways"))
    for scores, wins, hint in cases:
        case = f"log_likelihood({np.round(scores, 2).tolist()}, {wins.tolist()})"
        value, slopes = expect.parts(answer(scores.copy(), wins.copy()), 2, case, "(value, slopes)")

        def truth(q):
            pairs = [(i, j) for i in range(len(q)) for j in range(len(q)) if wins[i, j]]
            return sum(wins[i, j] * norm.logcdf(q[i] - q[j], scale=1.4826) for i, j in pairs)

        value = expect.number(value, f"the value of {case}")
        expect.close(value, truth(scores), f"the value of {case}", hint, rtol=1e-6)
        step = 1e-5 * np.eye(len(scores))
        differences = [(truth(scores + each) - truth(scores - each)) / 2e-5 for each in step]
        hint = "votes for i pull its score up and the other's down: phi/Phi of each difference, divided by 1.4826 once more"
        slopes = expect.array(slopes, (len(scores),), f"the slopes of {case}")
        expect.close(slopes, differences, f"the slopes of {case}", hint, rtol=1e-4, atol=1e-5)
    expect.passed("log_likelihood", len(cases))


def _log_odds(wins):
    """A quick scale for the check: the mean over the others of log((w_ij + 1/2) / (w_ji + 1/2))."""
    return np.log((wins + 0.5) / (wins.T + 0.5)).mean(1)


def check_intervals(answer):
    """``answer(wins, scale, samples, random)`` is (low, high): percentiles of scores with observers drawn anew."""
    rng = np.random.default_rng(3)
    split = np.array([[[0, 8], [0, 0]]] * 5 + [[[0, 0], [8, 0]]] * 5)
    alike = np.array([[[0, 4], [4, 0]]] * 10)
    several = rng.integers(0, 6, (7, 3, 3)) * (1 - np.eye(3, dtype=int))
    cases = [
        (alike, "observers who all vote alike leave no spread: draw whole observers, not single votes"),
        (split, "observers who disagree spread widely: draw whole observers, with replacement"),
        (several, "draw as many observers as there are, sum their votes, scale"),
    ]
    for wins, hint in cases:
        case = f"intervals of {len(wins)} observers"
        low, high = expect.parts(answer(wins.copy(), _log_odds, 4000, np.random.default_rng(4)), 2, case, "(low, high)")
        shape = (wins.shape[1],)
        low, high = (expect.array(each, shape, f"{name} of {case}") for name, each in (("low", low), ("high", high)))
        counts = np.random.default_rng(5).multinomial(len(wins), [1 / len(wins)] * len(wins), size=4000)
        scores = np.array([_log_odds(table) for table in np.tensordot(counts, wins, 1)])
        for name, got, share in (("low", low, 2.5), ("high", high, 97.5)):
            # Between what a little less and a little more than this share would give, for two draws of 4,000.
            near = [np.percentile(scores, each, axis=0) for each in (max(share - 1.2, 0), min(share + 1.2, 100))]
            inside = (near[0] - 0.02 <= got) & (got <= near[1] + 0.02)
            about = np.round((near[0] + near[1]) / 2, 2).tolist()
            told = f"it is {np.round(got, 2).tolist()}, expected about {about}: {hint}"
            expect.that(inside.all(), f"{name} of {case}", told)
    expect.passed("intervals", len(cases))


def check_two_alternatives(answer):
    """``answer(first, second, preferred)`` is a metric's 2AFC score."""
    rng = np.random.default_rng(6)
    cases = [
        ([0.1], [0.2], [0.0], "the first is closer and everybody chose it: the score is 1"),
        ([0.3], [0.2], [0.8], "the second is closer: the metric gets the share of people who preferred the second"),
        ([0.1], [0.2], [0.8], "the first is closer: the metric gets the share of people who preferred the first"),
        ([0.2], [0.2], [0.9], "a tie gets a half"),
    ]
    for _ in range(5):
        distances = rng.integers(0, 4, (2, 9)) / 4
        cases.append((*distances, rng.integers(0, 6, 9) / 5, "take the mean over the triplets"))
    for first, second, preferred, hint in cases:
        first, second, preferred = map(np.array, (first, second, preferred))
        case = f"two_alternatives({first.tolist()}, {second.tolist()}, {preferred.tolist()})"
        truth = 0.0
        for a, b, p in zip(first, second, preferred):
            truth += 0.5 if a == b else p if b < a else 1 - p
        got = expect.number(answer(first, second, preferred), case)
        expect.close(got, truth / len(first), case, hint)
    expect.passed("two_alternatives", len(cases))
