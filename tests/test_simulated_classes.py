"""Simulated studies and classes, learned distances, and the ready-made study, each against what is known of it."""

import numpy as np
import pytest
import torch
from scipy.special import ndtr
from torch.nn import functional

from kryptonlib import judging
from kryptonlib.judging import agreement, classical, drawing, jod, learned, simulation

TRUTH = [-0.8, -0.1, 0.2, 0.7]


def test_repeated_studies_are_single_ones_counted():
    found = simulation.repeat(TRUTH, 5, 6, taste=0.4, over="observers", studies=4, samples=30)
    truth, held, differs, alarms, anywhere = simulation.scores_of_all(TRUTH, 0.4), 0, np.zeros((4, 4)), 0, 0
    for seed in range(4):
        wins = simulation.observers(TRUTH, 5, 6, taste=0.4, seed=seed)
        one = jod.bootstrap(wins, samples=30, prior="none", seed=seed)
        held += sum(low <= q <= high for low, q, high in zip(one.low, truth, one.high))
        differs += one.p_values() < 0.025
        alarms += any(significant for *_, significant in one.neighbours())
        anywhere += (one.p_values() < 0.025).any()
    assert found.coverage == pytest.approx(held / 16) and (found.alarms, found.any_pair) == (alarms / 4, anywhere / 4)
    np.testing.assert_allclose(found.significant, differs / 4)
    with pytest.raises(ValueError, match="over"):
        simulation.repeat(TRUTH, 5, 6, over="people")


def test_votes_drawn_anew_promise_too_much_where_tastes_differ():
    about = dict(taste=1.0, studies=25, samples=60)
    votes, observers = (simulation.repeat(TRUTH, 14, 8, over=over, **about).coverage for over in ("votes", "observers"))
    assert votes < 0.7 < 0.8 < observers


def test_a_finished_session_answers_as_its_taste_says(tmp_path):
    quality = {f"image {number}": {"good": 9.0, "bad": -9.0, "worse": -30.0} for number in range(3)}
    about = {"images": list(quality), "candidates": ["worse", "bad", "good"], "study": "s1", "observer": "ab"}
    session = judging.Session(tmp_path, **about)
    simulation.finish(session, quality, seed=0)
    assert session.current is None
    order = ["good", "bad", "worse"]
    assert all(order.index(row["winner"]) < order.index(row["loser"]) for row in judging.read(session.path))


@pytest.fixture(scope="module")
def ready():
    return classical.study(64)


def test_a_class_by_metric_agrees_with_its_metric_and_differs_by_taste(ready, tmp_path):
    material, _ = ready
    spreads = {}
    for taste in (0.0, 2.0):
        folder = tmp_path / str(taste)
        folder.mkdir()
        simulation.vote_by_metric(folder, material, "lpips", 10, study="walk", spread=1.5, taste=taste)
        rows = judging.merge(folder.glob("*.csv")).rows
        names, wins = judging.count(rows, material.candidates)
        assert len(names) == 10 and len(rows) == 10 * 15 * 4
        spreads[taste] = wins.sum(2).std(0).mean()
        if not taste:
            scores = agreement.of_votes(rows, material, ("l1", "ssim", "lpips"))
            top, _ = agreement.ceiling([share for *_, share in agreement.shares(rows)])
            assert max(scores, key=scores.get) == "lpips" and 0.7 < scores["lpips"] <= top
    assert spreads[2.0] > 1.5 * spreads[0.0]


def test_metrics_on_votes_by_loops(ready):
    material, _ = ready
    rows = [dict(image=image, winner=first, loser=second) for image in material.images
            for first, second in (("median", "Wiener"), ("Wiener", "Gaussian"), ("Gaussian", "Wiener"))]  # fmt: skip
    psnr, place = material.measured("psnr"), material.candidates.index
    right = 0.0
    for number, _ in enumerate(material.images):
        right += psnr[number, place("median")] > psnr[number, place("Wiener")]
        right += 0.5  # as many for Wiener as for Gaussian: half agree, whatever is said
    assert agreement.of_votes(rows, material, ("psnr",))["psnr"] == pytest.approx(right / 8)
    np.testing.assert_array_equal(material.distances("psnr"), -psnr)
    np.testing.assert_array_equal(material.distances("l2"), material.measured("l2"))


def test_the_ready_made_study_is_tuned_and_cleaner_than_the_noise(ready):
    material, settings = ready
    assert material.candidates == [*classical.METHODS, "NL-means + grain"] and len(material.images) == 4
    assert all(settings[name] in tried for name, (_, tried) in classical.METHODS.items())
    psnr = dict(zip(material.candidates, material.measured("psnr").mean(0)))
    assert min(psnr.values()) > 22 > 20.2, "the noise alone gives 20.2 dB"
    assert psnr["NL-means + grain"] < psnr["NL-means"]
    again, _ = classical.study(64)
    np.testing.assert_array_equal(again.tests["Wiener"]["coffee"], material.tests["Wiener"]["coffee"])
    with pytest.raises(ValueError, match="32 to 256"):
        classical.study(500)


def test_products_of_pixels_stand_for_any_filter():
    x, y = torch.rand(2, 5, 1, 12, 9, generator=torch.Generator().manual_seed(1))
    model = learned.Distance("scratch", seed=4)
    model.weights.data.normal_(generator=torch.Generator().manual_seed(2))
    seen = functional.conv2d(x - y, model.filters).square().mean((2, 3))
    torch.testing.assert_close(model(x, y), seen @ model.weights.exp() + 1e-8)
    torch.testing.assert_close(learned.filter_bank().flatten(1).norm(dim=1), torch.ones(8))


def test_the_loss_is_equation_2_11():
    x, a, b = torch.rand(3, 6, 1, 10, 10, generator=torch.Generator().manual_seed(3))
    share, model = torch.rand(6), learned.Distance("lin")
    d0, d1 = model(a, x), model(b, x)
    g = 1 / (1 + (d1 / d0) ** model.slope)
    expected = (-share * g.log() - (1 - share) * (1 - g).log()).mean()
    torch.testing.assert_close(model.loss(learned.products(a - x), learned.products(b - x), share), expected)


@pytest.mark.parametrize("variant", learned.VARIANTS)
def test_each_variant_learns_what_it_may_and_agrees_better(variant):
    """The people see slopes alone, and neither brightness nor noise."""
    images = [np.random.default_rng(seed).random((60, 60)).cumsum(0).cumsum(1) / 1800 for seed in range(3)]
    reference, first, second = learned.triplets([np.clip(image, 0, 1) for image in images], 160, side=16, seed=1)
    truth = learned.Distance("lin")
    truth.weights.data[:] = torch.tensor([-9.0, 3, -9, 3, -9, -9, -9, -9])
    truth.requires_grad_(False)
    share = ndtr(3 * (truth(first, reference).log() - truth(second, reference).log()).numpy())
    found = learned.fit((reference, first, second), share, variant, steps=150, seed=2)
    start = learned.Distance(variant, seed=2).requires_grad_(False)
    before, after = (
        agreement.two_alternatives(model(first, reference), model(second, reference), share) for model in (start, found)
    )
    assert after > before + 0.02 and after > 0.8
    moved = not torch.equal(found.filters, start.filters)
    assert moved == (variant != "lin") and not torch.equal(found.weights, start.weights)


def test_distances_by_metric_are_lower_where_images_are_alike():
    x = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(5))
    for metric in ("l1", "psnr", "ssim"):
        near, far = (learned.by_metric(metric, x, (x + shift).clamp(0, 1)) for shift in (0.01, 0.2))
        assert (near < far).all() and near.shape == (2,)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"variant": "tuned"}, "tune"),
        ({"preferred": [0.5]}, "2 triplets"),
        ({"preferred": [0.5, 1.5]}, r"share in \[0, 1\]"),
        ({"triplets": (torch.zeros(2, 3, 8, 8),) * 3}, r"\[N, 1, H, W\]"),
        ({"triplets": (torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 8, 9))}, "one shape"),
    ],
)
def test_fits_that_cannot_be_are_refused(change, words):
    about = {"triplets": (torch.rand(2, 1, 8, 8),) * 3, "preferred": [0.0, 1.0], "variant": "lin"}
    with pytest.raises(ValueError, match=words):
        learned.fit(**{**about, **change})


def test_drawings_show_every_scaling_and_every_metric():
    wins = simulation.observers(TRUTH, 6, 8, taste=0.5)
    fits = {"people": jod.bootstrap(wins, "abcd", samples=20), "votes": jod.bootstrap(wins.sum(0), "abcd", samples=20)}
    axes = drawing.compared(fits).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == list("dcba")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["people", "votes"]
    bars = drawing.agreements({"all": [0.6, 0.7], "without": [0.5, 0.8]}, ["l1", "l2"], best=0.9).axes[0]
    assert [round(bar.get_height(), 3) for bar in bars.patches] == [0.6, 0.7, 0.5, 0.8]
    dots = drawing.agreements({"": [[0.6], [0.7, 0.8]]}, ["l1", "l2"], best=0.9).axes[0]
    shown = [value for line in dots.lines if line.get_marker() == "o" for value in line.get_ydata()]
    assert sorted(shown) == [0.6, 0.7, 0.8]


def test_a_scaling_says_who_is_better_and_by_how_much():
    scaling = jod.bootstrap(simulation.observers(TRUTH, 40, 8).sum(0), "abcd", samples=100)
    p, q = scaling.p_values(), scaling.scores
    assert p[1, 0] < 0.025 and p[1, 3] < 0.025
    assert scaling.against("b", "a", "d", "b") == [1, -1, 0]
    words = scaling.words("b", "a", "c")
    assert words.startswith(f"{q[1] - q[0]:.2f} above a (p < 0.001), {q[2] - q[1]:.2f} below c (p ")
    with pytest.raises(ValueError, match="candidate"):
        scaling.against("a", "e")
