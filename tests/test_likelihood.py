"""The most likely scores of many vote tables against a general optimizer; simulated observers against their truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_ndtr
from scipy.stats import norm

from kryptonlib.judging import jod, simulation
from kryptonlib.judging.likelihood import SIGMA, likeliest, reachable


def loss(q, wins):
    return -(wins * log_ndtr((q[:, None] - q) / SIGMA)).sum() + q.mean() ** 2


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 6), st.sampled_from([3, 30, 2000]), st.integers(0, 10**6))
def test_scores_are_a_general_optimizers(candidates, most, seed):
    random = np.random.default_rng(seed)
    wins = random.integers(0, most, (4, candidates, candidates)) * (random.random((4, candidates, candidates)) < 0.7)
    wins[:, range(candidates), range(candidates)] = 0
    for table, found in zip(wins, likeliest(wins)):
        if not reachable(table > 0).all():
            assert np.isnan(found).all()
            continue
        expected = minimize(loss, np.zeros(candidates), (table,), method="BFGS", options={"gtol": 1e-7}).x
        np.testing.assert_allclose(found, expected - expected.mean(), atol=1e-3)
        assert loss(found, table) <= loss(expected - expected.mean(), table) + 1e-9


def test_one_vote_in_a_million_is_found_too():
    wins = np.array([[0, 10**6], [1, 0]])
    expected = SIGMA * norm.ppf(10**6 / (10**6 + 1))
    assert np.diff(likeliest(wins))[0] == pytest.approx(-expected, rel=1e-6)


def test_tables_without_scores_do_not_hinder_the_others():
    good, unbounded, apart = np.array([[[0, 1], [3, 0]], [[0, 0], [4, 0]], [[0, 0], [0, 0]]])
    found = likeliest(np.array([unbounded, good, apart]))
    np.testing.assert_allclose(found[1], [-0.5, 0.5], atol=1e-4)
    assert np.isnan(found[[0, 2]]).all() and found.shape == (3, 2)


@given(st.integers(1, 6), st.integers(0, 10**6))
def test_reachable_is_what_walking_finds(size, seed):
    graph = np.random.default_rng(seed).random((size, size)) < 0.3
    for start in range(size):
        reached, todo = {start}, [start]
        while todo:
            new = {int(j) for j in np.flatnonzero(graph[todo.pop()])} - reached
            reached |= new
            todo += new
        assert set(np.flatnonzero(reachable(graph)[start])) == reached


def test_a_bootstrap_without_a_prior_draws_the_same_resamples():
    wins = simulation.observers([0.0, 0.4, 1.0], 6, 4, taste=0.5, seed=2)
    scaling = jod.bootstrap(wins, samples=5, prior="none", seed=9)
    random = np.random.default_rng(9)
    drawn = [wins[random.integers(6, size=6)].sum(0) for _ in range(5 + scaling.redrawn)]
    expected = [scores for scores in likeliest(np.array(drawn)) if np.isfinite(scores).all()]
    np.testing.assert_allclose(scaling.resamples, expected)


def test_observers_compare_every_pair_on_every_image_and_differ_as_asked():
    wins = simulation.observers([0.0, 0.5, 1.0, 3.0], 50, 8, taste=1.0, seed=1)
    assert wins.shape == (50, 4, 4) and (wins >= 0).all() and not np.diagonal(wins, axis1=1, axis2=2).any()
    assert ((wins + wins.transpose(0, 2, 1))[:, *np.triu_indices(4, 1)] == 8).all()
    np.testing.assert_array_equal(wins, simulation.observers([0.0, 0.5, 1.0, 3.0], 50, 8, taste=1.0, seed=1))
    # Own tastes make the counts of one pair spread more than coins of one kind do.
    alike = simulation.observers([0.0, 0.0], 4000, 20, seed=1)[:, 0, 1]
    own = simulation.observers([0.0, 0.0], 4000, 20, taste=1.0, seed=1)[:, 0, 1]
    assert alike.var() == pytest.approx(5, rel=0.1) and own.var() > 15


@pytest.mark.parametrize("taste", [0.0, 0.7, 1.5])
def test_many_observers_give_the_scores_that_are_foretold(taste):
    truth = np.array([-0.8, -0.1, 0.2, 0.7])
    found = likeliest(simulation.observers(truth, 60_000, 2, taste=taste, seed=3).sum(0))
    np.testing.assert_allclose(found, simulation.scores_of_all(truth, taste), atol=0.02)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """By hand: with observers of one taste 95 % intervals over votes; 5 scores of 60 studies, give or take 2.5 %."""
    truth = np.array([-0.6, -0.2, 0.0, 0.2, 0.6])
    held = []
    for seed in range(60):
        wins = simulation.observers(truth, 14, 8, seed=seed).sum(0)
        found = jod.bootstrap(wins, samples=150, prior="none", seed=seed)
        held.append((found.low <= truth) & (truth <= found.high))
    assert 0.90 < np.mean(held) < 0.99


@pytest.mark.parametrize(
    "change, words",
    [
        ({"scores": [1.0]}, "at least two"),
        ({"scores": [1.0, np.nan]}, "finite"),
        ({"count": 0}, "at least 1 observer"),
        ({"images": 0}, "1 image"),
        ({"taste": -1.0}, "taste"),
        ({"taste": np.nan}, "taste"),
    ],
)
def test_observers_that_cannot_be_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        simulation.observers(**{"scores": [0.0, 1.0], "count": 2, "images": 2, **change})
