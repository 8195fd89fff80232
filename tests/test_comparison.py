"""Means, rankings and paired leads against numpy and scipy by hand; the classical denoisers' settings and refusals."""

import sys

import numpy as np
import pytest
from scipy import stats

from kryptonlib.restoration import classical, comparison

RNG = np.random.default_rng(4)
CLEAN = [RNG.random((40, 48)) for _ in range(5)]
MODELS = {
    "close": [image + 0.05 * RNG.standard_normal(image.shape) for image in CLEAN],
    "far": [image + (0.06 + 0.02 * n) * RNG.standard_normal(image.shape) for n, image in enumerate(CLEAN)],
    "equal": list(CLEAN),
}


@pytest.fixture(scope="module")
def found():
    return comparison.compare({name: MODELS[name] for name in ("close", "far")}, CLEAN, ("l1", "l2", "psnr"))


def test_values_are_those_of_each_image(found):
    for model in ("close", "far"):
        errors = [np.asarray(a, np.float32) - np.asarray(b, np.float32) for a, b in zip(MODELS[model], CLEAN)]
        assert np.allclose(found.of(model, "l1"), [np.abs(e).mean() for e in errors], rtol=1e-5)
        assert np.allclose(found.of(model, "psnr"), [-10 * np.log10((e**2).mean()) for e in errors], rtol=1e-5)
        assert found.mean(model, "psnr") == pytest.approx(np.mean([-10 * np.log10((e**2).mean()) for e in errors]), rel=1e-5)
        assert found.spread(model, "l2") == pytest.approx(np.std([(e**2).mean() for e in errors], ddof=1), rel=1e-4)


def test_a_lead_is_paired_and_positive_where_the_model_is_better(found):
    assert found.ranking("psnr") == found.ranking("l2") == ["close", "far"]
    for metric in ("psnr", "l2"):
        lead, behind = found.lead(metric, "close", "far"), found.lead(metric, "far", "close")
        truth = stats.ttest_rel(found.of("close", metric), found.of("far", metric))
        assert lead.p == pytest.approx(truth.pvalue, rel=1e-9) and lead.won == 5 and lead.count == 5
        assert lead.mean > 0 > behind.mean == -lead.mean and behind.won == 0
        assert abs(lead.mean / lead.error) == pytest.approx(abs(truth.statistic), rel=1e-9)
    assert found.lead_of("psnr", "far") == found.lead("psnr", "far", "close")


def test_models_that_are_equal_have_no_lead():
    found = comparison.compare({"a": MODELS["close"], "b": MODELS["close"]}, CLEAN, ("l1",))
    lead = found.lead("l1", "a", "b")
    assert (lead.mean, lead.won, lead.p) == (0.0, 0, 1.0)


def test_wrong_lists_and_names_are_refused(found):
    with pytest.raises(ValueError, match="4 images of 'a' for 5"):
        comparison.compare({"a": CLEAN[:4]}, CLEAN)
    with pytest.raises(ValueError, match="at least 1 and 2"):
        comparison.compare({}, CLEAN)
    with pytest.raises(ValueError, match="did you mean close"):
        found.mean("closer", "l1")
    with pytest.raises(ValueError, match="metric: got 'lpips'"):
        found.mean("close", "lpips")


# Classical denoisers.


def test_non_local_means_takes_noise_out_of_what_repeats_and_leaves_a_flat_image():
    stripes = np.tile(np.where(np.arange(48) // 4 % 2, 0.8, 0.2), (48, 1))
    noisy = stripes + 0.1 * np.random.default_rng(0).standard_normal(stripes.shape)
    restored = classical.non_local_means(noisy, 0.1)
    assert np.square(restored - stripes).mean() < 0.25 * np.square(noisy - stripes).mean()
    assert np.allclose(classical.non_local_means(np.full((20, 20, 3), 0.3), 0.1), 0.3, atol=1e-6)


def test_strength_is_in_units_of_the_noise():
    """h = strength * sigma, as scikit-image takes it."""
    from skimage.restoration import denoise_nl_means

    image = np.random.default_rng(3).random((20, 21, 3)).astype(np.float32)
    found = classical.non_local_means(image, 0.2, strength=0.9, patch=3, distance=4)
    direct = denoise_nl_means(image, 3, 4, 0.18, fast_mode=True, sigma=0.2, channel_axis=-1)
    assert np.allclose(found, np.clip(direct, 0, 1), atol=1e-6)


@pytest.mark.parametrize("settings", [{"sigma": 0}, {"sigma": "0.1"}, {"sigma": 0.1, "strength": -1}])
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(ValueError, match="must be a number above 0"):
        classical.non_local_means(np.zeros((9, 9)), **settings)


def test_bm3d_names_its_package_and_licence_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(ImportError, match="non-commercial use only.*pip install bm3d"):
        classical.bm3d(np.zeros((16, 16)), 0.1)
