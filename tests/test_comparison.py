"""Means, rankings and paired leads against numpy and scipy by hand."""

import numpy as np
import pytest
from scipy import stats

from kryptonlib.restoration import comparison

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
        psnrs = [-10 * np.log10((e**2).mean()) for e in errors]
        assert found.mean(model, "psnr") == pytest.approx(np.mean(psnrs), rel=1e-5)
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


def test_the_table_holds_means_spreads_and_the_papers_values(found):
    table = found.markdown(["far", "close"], {"l2": {"far": 0.00512}})
    heading, _, l1, l2, psnr = table.splitlines()
    assert heading == "| | far | close |" and l1.startswith("| 1000 l1 | ") and psnr.startswith("| PSNR (dB) | ")
    far, close = (cell.strip() for cell in l2.split("|")[2:4])
    assert far == f"{1e3 * found.mean('far', 'l2'):.2f} ± {1e3 * found.spread('far', 'l2'):.2f} (5.12)"
    assert close == f"**{1e3 * found.mean('close', 'l2'):.2f}** ± {1e3 * found.spread('close', 'l2'):.2f}"


def test_seeds_differ_by_the_largest_change_of_a_mean():
    one, other = (
        comparison.Comparison(("psnr", "l1"), {"a": np.array([[x, 0], [30, 1]]), "b": np.array([[20, x], [20, x]])})
        for x in (30.0, 34.0)
    )
    assert comparison.seed_spread([one, other], ["a", "b"], "psnr") == 2
    assert comparison.seed_spread([one, other], ["a", "b"], "l1") == 4
    with pytest.raises(ValueError, match="model"):
        comparison.seed_spread([one, other], ["c"], "psnr")


def test_wrong_lists_and_names_are_refused(found):
    with pytest.raises(ValueError, match="4 images of 'a' for 5"):
        comparison.compare({"a": CLEAN[:4]}, CLEAN)
    with pytest.raises(ValueError, match="at least 1 and 2"):
        comparison.compare({}, CLEAN)
    with pytest.raises(ValueError, match="did you mean close"):
        found.mean("closer", "l1")
    with pytest.raises(ValueError, match="metric: got 'lpips'"):
        found.mean("close", "lpips")
