"""JOD scores against pwcmp's objective written as loops, choix and closed forms; intervals; the thesis's votes."""

import math

import choix
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from kryptonlib.judging import drawing, jod, votes

THESIS = {"denoising": votes.denoising, "mri": votes.mri}
# Tables 6.2 and 6.5 as printed, rows and columns l1, l2, MS-SSIM, LPIPS + l2, FLIP, Adaptive.
PRINTED = {
    "denoising": [
        [0, 0.3214, 0.5179, 0.7232, 0.5893, 0.5089],
        [0.6786, 0, 0.7054, 0.7768, 0.6875, 0.6161],
        [0.4821, 0.2946, 0, 0.6696, 0.4643, 0.4554],
        [0.2768, 0.2232, 0.3304, 0, 0.3393, 0.2500],
        [0.4107, 0.3125, 0.5357, 0.6607, 0, 0.4554],
        [0.4911, 0.3839, 0.5446, 0.7500, 0.5446, 0],
    ],
    "mri": [
        [0, 0.5417, 0.5625, 0.4375, 0.2708, 0.4583],
        [0.4583, 0, 0.6458, 0.5833, 0.5000, 0.4167],
        [0.4375, 0.3542, 0, 0.4375, 0.2917, 0.2917],
        [0.5625, 0.4167, 0.5625, 0, 0.3750, 0.3276],
        [0.7292, 0.5000, 0.7083, 0.6250, 0, 0.5000],
        [0.5417, 0.5833, 0.7083, 0.6724, 0.5000, 0],
    ],
}
CHAIN = [[0, 25, 0], [75, 0, 25], [0, 75, 0]]


def objective(q, wins):
    """pwcmp's pw_scale with its Gaussian prior, pair by pair, in plain probabilities."""
    pairs = [(i, j) for i in range(len(wins)) for j in range(len(wins)) if wins[i][j] + wins[j][i] > 0]
    p = {(i, j): norm.cdf(q[i] - q[j], scale=1.4826) for i, j in pairs}
    prior = dict.fromkeys(pairs, 0.0)
    for i, j in pairs:
        n, k = wins[i][j] + wins[j][i], wins[i][j]
        if k in (0, n):
            k = 1 if k == 0 else n - 1
        likely = {pair: p[pair] ** k * (1 - p[pair]) ** (n - k) for pair in pairs}
        for pair in pairs:
            prior[pair] += likely[pair] / sum(likely.values())
    value = 0.0
    for i, j in pairs:
        value -= math.log(p[i, j] ** wins[i][j] * (1 - p[i, j]) ** wins[j][i]) + math.log(prior[i, j] + 0.1)
    return value + 0.01 * np.mean(q) ** 2


@pytest.mark.parametrize(
    "wins",
    [
        CHAIN,
        [[0, 7, 9], [3, 0, 6], [1, 4, 0]],
        [[0, 10, 9, 3], [0, 0, 8, 2], [1, 2, 0, 0], [7, 1, 0, 0]],
        [[0, 3, 3], [0, 0, 3], [0, 0, 0]],
        [[0, 20, 20], [0, 0, 12], [0, 8, 0]],
    ],
)
def test_scores_are_those_of_the_objective_by_loops(wins):
    options = dict(xatol=1e-8, fatol=1e-10, maxfev=8000)
    expected = minimize(objective, np.zeros(len(wins)), (wins,), "Nelder-Mead", options=options).x
    np.testing.assert_allclose(jod.scale(wins), expected - expected.mean(), atol=1e-4)


def test_three_quarters_are_one_jod():
    """pwcmp's own example."""
    np.testing.assert_allclose(jod.scale(CHAIN), [-1, 0, 1], atol=1e-4)
    np.testing.assert_allclose(jod.scale(CHAIN, prior="none"), [-1, 0, 1], atol=1e-4)
    assert jod.scale([[0, 25], [75, 0]], prior="none")[1] == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("study", THESIS)
def test_without_a_prior_scores_are_those_of_a_probit_model(study):
    """choix's expectation propagation, whose flat prior has a variance of 1000. Its probit has sigma 1."""
    wins = THESIS[study]()
    data = [(i, j) for i in range(6) for j in range(6) for _ in range(wins[i, j])]
    mean, _ = choix.ep_pairwise(6, data, alpha=1e-3, model="probit")
    np.testing.assert_allclose(jod.scale(wins, prior="none"), 1.4826 * (mean - mean.mean()), atol=0.01)


def test_the_prior_pulls_a_little():
    wins = votes.denoising()
    plain, pulled = jod.scale(wins, prior="none"), jod.scale(wins)
    np.testing.assert_allclose(plain, pulled, atol=0.03)
    assert np.ptp(pulled) < np.ptp(plain)


def test_unanimous_votes_are_held_by_the_prior_and_refused_without():
    wins = [[0, 20, 20], [0, 0, 12], [0, 8, 0]]
    scores = jod.scale(wins)
    assert 4 < scores[0] - scores[1] < 6
    with pytest.raises(ValueError, match="take a prior"):
        jod.scale(wins, prior="none")


@pytest.mark.parametrize("wins", [[[0, 12], [0, 0]], [[0, 20, 20], [0, 0, 20], [0, 0, 0]]])
def test_distances_that_the_prior_cannot_hold_are_refused(wins):
    """pwcmp gives the place where its search stops."""
    with pytest.raises(ValueError, match="no bound"):
        jod.scale(wins)


def test_many_votes_do_not_underflow():
    wins = 1000 * np.array(CHAIN)
    np.testing.assert_allclose(jod.scale(wins), [-1, 0, 1], atol=1e-3)


def test_scores_of_simulated_people_are_found():
    truth, random = np.array([-1.2, -0.3, 0.1, 1.4]), np.random.default_rng(0)
    wins = np.zeros((4, 4), dtype=int)
    for i in range(4):
        for j in range(i):
            wins[i, j] = random.binomial(5000, norm.cdf((truth[i] - truth[j]) / 1.4826))
            wins[j, i] = 5000 - wins[i, j]
    np.testing.assert_allclose(jod.scale(wins), truth, atol=0.05)


@pytest.mark.parametrize("study, comparisons", [("denoising", 112), ("mri", 48)])
def test_the_counts_are_the_printed_shares(study, comparisons):
    """Row i, column j is the share with which j beat i."""
    wins = THESIS[study]()
    totals = wins + wins.T
    expected = np.full((6, 6), comparisons)
    if study == "mri":
        lpips, adaptive = votes.LOSSES.index("LPIPS+l2"), votes.LOSSES.index("Adaptive")
        expected[lpips, adaptive] = expected[adaptive, lpips] = 58
    np.fill_diagonal(expected, 0)
    np.testing.assert_array_equal(totals, expected)
    np.testing.assert_allclose(wins.T / np.maximum(totals, 1), PRINTED[study], atol=5.1e-5)


def significance(study):
    scaling = jod.bootstrap(THESIS[study](), votes.LOSSES, samples=1000)
    p = scaling.p_values()
    return scaling, lambda a, b: p[votes.LOSSES.index(a), votes.LOSSES.index(b)] < 0.025


def test_what_the_thesis_says_of_denoising():
    """Section 7.1.3, as far as votes of one table (without observers) can show."""
    scaling, differ = significance("denoising")
    ranks = [scaling.names[number] for number in np.argsort(-scaling.scores)]
    assert ranks == ["LPIPS+l2", "MS-SSIM", "FLIP", "l1", "Adaptive", "l2"]
    assert all(differ("LPIPS+l2", other) and differ("l2", other) for other in ranks[1:-1])
    assert not differ("MS-SSIM", "FLIP")
    assert differ("FLIP", "Adaptive")
    assert not (differ("l1", "FLIP") or differ("l1", "MS-SSIM") or differ("l1", "Adaptive"))


def test_what_the_thesis_says_of_mri():
    """Section 7.2.3."""
    scaling, differ = significance("mri")
    ranks = [scaling.names[number] for number in np.argsort(-scaling.scores)]
    assert ranks[:4] == ["MS-SSIM", "LPIPS+l2", "l1", "l2"] and set(ranks[4:]) == {"FLIP", "Adaptive"}
    assert not (differ("MS-SSIM", "LPIPS+l2") or differ("l1", "LPIPS+l2"))
    assert differ("l1", "FLIP")


def test_intervals_shrink_with_votes_and_hold_the_truth():
    small, large = (jod.bootstrap(np.array(CHAIN) * times, samples=200) for times in (1, 16))
    widths = [scaling.high - scaling.low for scaling in (small, large)]
    np.testing.assert_allclose(widths[0] / widths[1], 4, rtol=0.3)
    for scaling in (small, large):
        assert ((scaling.low < [-1, 0, 1]) & ([-1, 0, 1] < scaling.high)).all() and scaling.over == "votes"


def test_people_who_disagree_widen_the_intervals():
    """The same sum of votes: all alike (6 of 10 each), or six who always and four who never prefer the first."""
    alike = np.array([[[0, 6], [4, 0]]] * 10)
    split = np.array([[[0, 10], [0, 0]]] * 6 + [[[0, 0], [10, 0]]] * 4)
    assert (alike.sum(0) == split.sum(0)).all()
    found = [jod.bootstrap(wins, samples=100) for wins in (alike, split)]
    spans = [scaling.high[0] - scaling.low[0] for scaling in found]
    assert spans[0] == pytest.approx(0, abs=1e-9) and spans[1] > 0.5
    assert [scaling.over for scaling in found] == ["observers"] * 2


def test_p_values_use_the_covariance_and_the_seed_decides():
    first, again = (jod.bootstrap(CHAIN, "abc", samples=50, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.resamples, again.resamples)
    spread = np.std(first.resamples[:, 2] - first.resamples[:, 0], ddof=1)
    expected = norm.cdf(-abs(first.scores[2] - first.scores[0]) / spread)
    assert first.p_values()[0, 2] == pytest.approx(expected, rel=1e-6) == first.p_values()[2, 0]
    assert [edge[:2] for edge in first.neighbours()] == [("c", "b"), ("c", "a"), ("b", "a")]


def test_resamples_without_a_link_are_drawn_again():
    """Only one of the observers compared the groups."""
    wins = np.zeros((4, 3, 3), dtype=int)
    wins[:, 0, 1], wins[:, 1, 0] = 6, 4
    wins[0, 1, 2], wins[0, 2, 1] = 5, 5
    scaling = jod.bootstrap(wins, samples=30)
    assert scaling.resamples.shape == (30, 3) and np.isfinite(scaling.resamples).all()
    # The one is missing from 3/4 of every four draws: 32 % of the resamples.
    assert 2 < scaling.redrawn < 40


@pytest.mark.parametrize(
    "wins, words",
    [
        ([[0, 1, 2], [1, 0, 2]], "shape"),
        ([[0, 0.5], [0.5, 0]], "whole numbers"),
        ([[0, -1], [1, 0]], "at least 0"),
        ([[0, np.nan], [1, 0]], "whole numbers"),
        ([[1, 2], [1, 0]], "cannot beat itself"),
        ([["a", "b"], ["c", "d"]], "counts"),
        ([[0]], "at least 2"),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 0]], "nobody compared candidate 2"),
        ([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], r"\[\(0, 1\), \(2, 3\)\]"),
    ],
)
def test_votes_that_cannot_be_scaled_are_refused(wins, words):
    for function in (jod.scale, jod.bootstrap):
        with pytest.raises(ValueError, match=words):
            function(wins)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"samples": 1}, "samples"),
        ({"names": "ab"}, "3 candidates and 2 names"),
        ({"prior": "flat"}, "gaussian, none"),
        ({"wins": np.array([CHAIN])}, "1 observer"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        jod.bootstrap(**{"wins": CHAIN, **options})


def test_the_figures_show_every_candidate_and_every_edge():
    scaling = jod.bootstrap(votes.mri(), votes.LOSSES, samples=20)
    figure = drawing.scores(scaling, lowest=1)
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()][0] == "MS-SSIM"
    points = figure.axes[0].containers[0][0].get_ydata()
    assert min(points) == pytest.approx(1) and list(points) == sorted(points, reverse=True)
    axes = drawing.triangles(scaling).axes[0]
    styles = [line.get_linestyle() for line in axes.lines if len(line.get_xdata()) == 2]
    edges = scaling.neighbours()
    assert len(edges) == 9 and styles == ["-" if edge[4] else "--" for edge in edges]
    assert {text.get_text() for text in axes.texts} >= set(votes.LOSSES)
