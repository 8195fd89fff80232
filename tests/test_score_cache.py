"""Scores that are kept are those of the engine, each computed once; work is what the bounds count."""

import numpy as np
import pytest
import torch
from tiny_maps import network, picture

from kryptonlib import occlusion
from kryptonlib.occlusion import drilldown
from kryptonlib.occlusion.cropping import Reach, Threshold
from kryptonlib.occlusion.first_order import Slopes
from kryptonlib.occlusion.incremental import Incremental
from kryptonlib.occlusion.score_cache import ScoreCache

SETTING = {"patch": 6, "stride": 4, "target": 1}


@pytest.fixture
def cache():
    return ScoreCache(network(), picture(), **SETTING)


def test_exact_scores_are_those_of_full_inference(cache):
    whole = occlusion.heatmap(network(), picture(), method="full", **SETTING)
    np.testing.assert_allclose(cache.scores(), whole.values, atol=1e-9)
    assert cache.clean == pytest.approx(whole.baseline) and cache.places.shape == (*whole.values.shape, 2)


@pytest.mark.parametrize("rule", [(Threshold, 0.15), (Reach, 0.2)])
def test_cropped_scores_and_rims_are_the_engines(cache, rule):
    engine = Incremental(cache.job.module, cache.job.image, cache.job.clean_logits)
    crop, places = rule[0](engine.steps, rule[1]), cache.grid.positions()
    cut = cache.job.values(engine.logits(places, (6, 6), cache.job.fill, crop=crop))[0]
    np.testing.assert_allclose(cache.scores(rule=rule).ravel(), cut, atol=1e-12)
    rims = Slopes(engine, cache.job.targets).scores(places, (6, 6), cache.job.fill, crop=crop)[0]
    np.testing.assert_allclose(cache.scores(rule=rule, rim=True).ravel(), rims, atol=1e-12)
    assert not np.allclose(cut, rims, rtol=0, atol=1e-7)
    assert not np.allclose(cut, cache.scores().ravel(), rtol=0, atol=1e-7)


def test_another_patch_has_scores_of_its_own(cache):
    at = cache.places[1, 2]
    covered = picture().clone()
    covered[:, :, at[0] : at[0] + 12, at[1] : at[1] + 9] = 0
    with torch.inference_mode():
        truth = network()(covered).softmax(1)[0, 1]
    assert float(cache.scores(at, patch=(12, 9))) == pytest.approx(float(truth), abs=1e-9)
    assert float(cache.scores(at)) != pytest.approx(float(truth), abs=1e-9)


def test_every_place_is_computed_once(cache, monkeypatch):
    asked, sweep = [], cache.engine.logits
    monkeypatch.setattr(
        cache.engine, "logits", lambda places, *rest, **how: asked.extend(places) or sweep(places, *rest, **how)
    )
    some = np.array([[0, 0], [4, 8], [0, 0]])
    first = cache.scores(some)
    assert first[0] == first[2] and asked == [(0, 0), (4, 8)]
    cache.scores()
    assert len(asked) == len(cache.grid) == len(set(asked))
    np.testing.assert_array_equal(cache.scores(some), first)


def test_work_is_the_share_of_full_passes(cache):
    """A patch as large as the image changes everything: each position then is one full pass."""
    everything = ScoreCache(network(), picture(), patch=40, stride=1, target=1)
    assert everything.work() == pytest.approx(1.0) and everything.speedup() == pytest.approx(1.0)
    assert cache.work(cache.places[:1]) + cache.work(cache.places[1:]) == pytest.approx(cache.work())
    assert cache.work(rule=(Threshold, 0.2)) < cache.work() < cache.work(patch=(12, 12)) < len(cache.grid)
    assert cache.work(rule=(Reach, 0.2), rim=True) > cache.work(rule=(Reach, 0.2)) + 2
    assert cache.speedup(cache.places[:2], (Threshold, 0.2)) == pytest.approx(
        len(cache.grid) / cache.work(cache.places[:2], (Threshold, 0.2))
    )


@pytest.mark.parametrize("tau, patch", [(1.0, None), (0.4, None), (1.0, 10)])
def test_drilled_counts_both_stages_with_their_own_patches(cache, tau, patch):
    found, speed = cache.drilled(0.3, tau, coarse=8, coarse_patch=patch)
    rule, asked = None if tau == 1 else (Threshold, tau), []

    def evaluate(places, size):
        asked.append((places, size))
        return cache.scores(places, rule, patch=size)

    plain = drilldown.run(evaluate, cache.grid, share=0.3, coarse=8, coarse_patch=patch)
    np.testing.assert_array_equal(found.values, plain.values)
    assert asked[0][1] == ((10, 10) if patch else (6, 6)) and asked[1][1] == (6, 6)
    assert len(cache.grid) / speed == pytest.approx(sum(cache.work(places, rule, patch=size) for places, size in asked))
    values, again = cache.krypton(tau, 0.3, coarse=8, coarse_patch=patch)
    np.testing.assert_array_equal(values, plain.values)
    assert again == speed


def test_without_drill_down_every_position_is_computed(cache):
    values, speed = cache.krypton(0.15)
    np.testing.assert_array_equal(values, cache.scores(rule=(Threshold, 0.15)))
    assert speed == cache.speedup(rule=(Threshold, 0.15))
    np.testing.assert_array_equal(cache.krypton()[0], cache.scores())


def test_bad_input_is_refused(cache):
    with pytest.raises(ValueError, match="one target, got 2"):
        ScoreCache(network(), picture(), patch=6, stride=4, target=[0, 1])
    with pytest.raises(ValueError, match="tau must be a number above 0 and at most 1"):
        cache.krypton(1.5)
    with pytest.raises(ValueError, match="give a rule"):
        cache.scores(rim=True)
    with pytest.raises(ValueError, match="larger than the 40x40 image"):
        ScoreCache(network(), picture(), patch=41)
