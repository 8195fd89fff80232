"""Tuning: what a trial says is what happens, the fastest plan that fits is taken, and others judge it."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest
from tiny_maps import ROUGH, SMOOTH, network, picture
from torch import nn

from kryptonlib.occlusion import Plan, heatmap, quality, tune, tuning
from kryptonlib.occlusion.bounds import layer_work, patch_boxes, redundancy_ratio
from kryptonlib.occlusion.estimate import errors_of
from kryptonlib.occlusion.incremental import Incremental
from kryptonlib.occlusion.lattice import fill_in, mask
from kryptonlib.occlusion.quality import ssim
from kryptonlib.occlusion.trial import Played, Trial
from kryptonlib.occlusion.tuning import best, expected_of_most, far_enough, judged
from kryptonlib.zoo import Classifier, Preprocessing

PLANS = [
    Plan(0.6, "quarter"),
    Plan(0.9, "third"),
    Plan(0.9, "half", margin=0.05),
    Plan(0.999, "third", checks=20),
    Plan(0.6, "third", reach=0.6),
    Plan(0.9, "quarter", reach=0.4),
    Plan(0.95, "half", reach=0.2, checks=30),
]


@pytest.mark.filterwarnings("ignore:the plan reaches")
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.lattice}-{plan.reach}-{plan.ssim}")
@pytest.mark.parametrize("grid", [SMOOTH, ROUGH], ids=["smooth", "rough"])
def test_a_trial_says_what_heatmap_does(plan, grid):
    net, image = network(seed=1), picture(1, 3.0 if grid is SMOOTH else 0)
    heat = heatmap(net, image, **grid, method="approximate", plan=plan)
    played = Trial(net, image, [plan.reach], **grid).play(plan)
    assert played.passes == heat.info["passes"]
    assert played.ssim == pytest.approx(ssim(heatmap(net, image, **grid).values, heat.values), abs=1e-9)


def test_one_trial_plays_all_plans():
    together = Trial(network(), picture(), [0.6, 0.4, 0.2], **SMOOTH)
    for plan in PLANS:
        assert together.play(plan) == Trial(network(), picture(), [plan.reach], **SMOOTH).play(plan)


def test_the_speed_up_of_exact_positions_is_counted_in_macs():
    net, image = network(), picture()
    trial, engine = Trial(net, image, [], **SMOOTH), Incremental(net, image)
    positions = heatmap(net, image, **SMOOTH).grid.positions()
    everything = redundancy_ratio(layer_work(engine.steps, patch_boxes(positions, (8, 8))))
    played = trial.play(Plan(0.999999, "half"))
    assert played.passes == 289 and played.speedup == pytest.approx(everything, rel=1e-9)
    less = trial.play(Plan(0.6, "third"))
    assert less.passes < 289 and less.speedup == pytest.approx(everything * 289 / less.passes, rel=1e-9)


def test_cropped_positions_cost_less_and_checks_cost_in_full():
    trial = Trial(network(depth=3), picture(), [0.3], **SMOOTH)
    plan = Plan(1e-6, "third", reach=0.3, checks=40)
    played = trial.play(plan)
    spent = 40 * trial.macs[None] + (played.passes - 40) * trial.macs[0.3]
    assert played.passes == 40 + 96 and trial.macs[0.3] < trial.macs[None]
    assert played.speedup == pytest.approx(trial.full / spent)


@pytest.mark.parametrize("reach", [None, 0.4])
def test_a_plan_knows_the_errors_of_all_images_and_is_played_with_those_of_the_others(reach, monkeypatch):
    trials = [Trial(network(), picture(seed), [reach], **SMOOTH) for seed in (0, 1, 2)]
    own, used = [], []
    for trial in trials:
        known = mask((17, 17), "third")
        values = fill_in(trial.maps[reach], known)[0]
        own.append(errors_of(values, trial.maps[None][0], None if reach else known))
    play = Trial.play
    monkeypatch.setattr(Trial, "play", lambda self, plan, **more: used.append((self, plan)) or play(self, plan, **more))
    plan = tuning.choose([Plan(reach=reach)], trials, 0.9)
    assert (plan.factor, plan.seen) == pytest.approx(np.prod(own, axis=0) ** (1 / 3))
    assert len(used) == 3 * tuning.DRAWS
    for trial, played in used:
        others = np.delete(own, trials.index(trial), axis=0)
        assert (played.factor, played.seen) == pytest.approx(np.prod(others, axis=0) ** 0.5)


def test_a_single_image_speaks_for_itself():
    trial = Trial(network(), picture(), [], **SMOOTH)
    plan = tuning.choose([Plan()], [trial], 0.9)
    assert (plan.factor, plan.seen) == pytest.approx(trial.errors(None, "third"))


def test_other_draws_check_other_positions():
    trial = Trial(network(), picture(), [], **ROUGH)
    plays = {trial.play(Plan(0.7, "quarter", checks=8), draw=draw).ssim for draw in range(6)}
    assert len(plays) > 1


def row(quality, speed):
    return [Played(one, 100, fast) for one, fast in zip(quality, speed)]


def images(quality, speed):
    """One draw of each image."""
    return [[one] for one in row(quality, speed)]


def test_the_fastest_of_those_that_fit_is_best():
    played = [
        images([0.95] * 10, [5.0] * 10),
        images([0.93, 0.95] * 5, [8.0] * 10),
        images([0.99] * 9 + [0.81], [20.0] * 10),
        images([0.95] * 10, [7.0] * 10),
    ]
    assert expected_of_most([[0.99]] * 9 + [[0.81]]) < 0.9 < expected_of_most([[0.93], [0.95]] * 5)
    assert best(played, 0.9) == 1
    assert best(played, 0.94) == 3
    assert best(played, 0.88) == 2
    # Exactly the quality wanted does.
    assert best([played[0], images([0.9] * 10, [6.0] * 10)], 0.9) == 1


def test_no_play_may_end_more_than_a_tenth_below():
    safe = images([0.95] * 31, [5.0] * 31)
    for worst, expected in ((0.75, 0), (0.81, 1)):
        rare = [0.999] * 30 + [worst]
        assert expected_of_most(np.array(rare)[:, None]) > 0.92
        assert best([safe, images(rare, [9.0] * 31)], 0.9) == expected


def test_what_most_new_images_reach_by_hand():
    """Student's t at 90 % is 3.0777 for one degree of freedom and 1.8856 for two."""
    assert expected_of_most([[0.9], [0.94]]) == pytest.approx(0.92 - 3.077684 * np.sqrt(3 / 2) * np.sqrt(2) * 0.02)
    draws = np.array([[0.9, 0.92], [0.94, 0.94], [0.95, 0.97]])
    spread = np.sqrt(((draws - draws.mean()) ** 2).mean() * 3 / 2)
    assert expected_of_most(draws) == pytest.approx(draws.mean() - 1.885618 * np.sqrt(4 / 3) * spread)
    assert expected_of_most([[0.9, 0.92]]) == pytest.approx(0.91)


def test_it_holds_for_nine_of_ten_new_images():
    random = np.random.default_rng(0)
    for count in (2, 4, 8):
        drawn = random.normal(0.93, 0.02, (4000, count + 1))
        reached = [new >= expected_of_most(some[:, None]) for *some, new in drawn for some in [np.array(some)]]
        assert np.mean(reached) == pytest.approx(0.9, abs=0.02)


def test_speeds_count_by_their_geometric_mean():
    steady, uneven = images([0.95] * 2, [6.0, 6.0]), images([0.95] * 2, [2.0, 17.0])
    assert best([steady, uneven], 0.9) == 0
    assert best([steady, images([0.95] * 2, [2.0, 19.0])], 0.9) == 1


def test_where_none_fits_the_highest_quality_is_best():
    some = images([0.7, 0.8], [9.0] * 2), images([0.6, 0.95], [1.0] * 2), images([0.5, 0.5], [50.0] * 2)
    assert best(some, 0.9) == 1


def with_noise(sizes, asked):
    """What a trial holds of an exact map and ones with noise; what is asked for goes to ``asked``."""
    exact, noise = (np.random.default_rng(seed).standard_normal((20, 20)) for seed in (0, 1))
    maps = {reach: (exact + size * noise)[None] for reach, size in {None: 0.0, **sizes}.items()}
    return SimpleNamespace(maps=maps, need=asked.extend)


def test_a_reach_is_far_enough_if_its_entire_maps_are_good():
    asked = []
    trials = [with_noise({0.6: size / 2, 0.4: size, 0.3: 0.0}, asked) for size in (0.1, 0.2, 0.3)]
    entire = [[[ssim(trial.maps[None][0], trial.maps[reach][0])] for trial in trials] for reach in (0.6, 0.4)]
    limits = [expected_of_most(one) for one in entire]
    reaches = {0.3, 0.4, 0.6, None}
    assert far_enough(reaches, trials, limits[1] - 1e-9) == [None, 0.6, 0.4, 0.3]
    asked.clear()
    assert far_enough(reaches, trials, limits[1] + 1e-9) == [None, 0.6]
    # A smaller reach is not computed once one has failed.
    assert asked == [None] * 3 + [0.6] * 3 + [0.4] * 3
    assert far_enough(reaches, trials, limits[0] + 1e-9) == [None]
    # Better any plan than none.
    assert far_enough({0.6, 0.4}, trials, limits[0] + 1e-9) == [0.6]


def test_a_reach_that_loses_too_much_is_no_candidate(monkeypatch):
    trials = [Trial(network(), picture(seed), **SMOOTH) for seed in (0, 1)]
    tried, play = set(), Trial.play
    monkeypatch.setattr(Trial, "play", lambda self, plan, **more: tried.add(plan.reach) or play(self, plan, **more))
    for enough in ([None, 0.4], [None], [0.4]):
        monkeypatch.setattr(tuning, "far_enough", lambda reaches, some, ssim, enough=enough: enough)
        for trial in trials:
            trial.need(enough)
        tried.clear()
        tuning.choose(tuning.candidates(0.5, (None, 0.4), (16,)), trials, 0.5)
        assert tried == set(enough)


def test_progress_counts_the_maps_that_are_computed(photos):
    told = []
    plan = tune(network(), photos, ssim=0.9, reaches=(None, 0.4), progress=lambda *one: told.append(one[:2]), **SMOOTH)
    last = 4 + 2 * len({None, plan.reach})
    assert [done for done, _ in told] == list(range(1, last + 1)) and told[-1] == (last, last)
    assert told[0] == (1, 8)


def test_judged_numbers_by_hand():
    told = judged(row([0.95, 0.91, 0.85, 0.97], [4.0, 10.0, 6.0, 20.0]), 0.9)
    assert (told["n"], told["met"], told["worst"], told["speedup"]) == (4, 0.75, 0.85, 8.0)
    assert (told["median"], told["shortfall"]) == pytest.approx((0.93, 0.05))
    # Wilson's interval for 3 of 4 with z = 1.959964.
    z, p, n = 1.959964, 0.75, 4
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    ends = [(p + z**2 / (2 * n) + sign * half) / (1 + z**2 / n) for sign in (-1, 1)]
    assert told["interval"] == pytest.approx(ends, rel=1e-6)
    best_of_all = judged(row([0.95] * 3, [4.0] * 3), 0.9)
    assert best_of_all["met"] == 1 and best_of_all["shortfall"] == 0 and best_of_all["interval"][1] == 1
    assert best_of_all["interval"][0] == pytest.approx(binomtest(3, 3).proportion_ci(0.95, "wilson").low)


def test_other_measures_stand_beside_ssim():
    told = judged([Played(0.9, 1, 2.0, {"overlap": share}) for share in (0.2, 0.6, 0.7)], 0.9)
    assert told["beside"] == {"overlap": 0.6}
    arguments = {**SMOOTH, "score": "probability"}
    trial, plan = Trial(network(), picture(0), [0.4], **arguments), Plan(0.5, "quarter", 0.4)
    assert trial.play(plan).beside == {}
    beside = trial.play(plan, beside=True).beside
    heat = heatmap(network(), picture(0), **arguments, method="approximate", plan=plan)
    exact = heatmap(network(), picture(0), **arguments)
    wanted = quality.compare(exact.values, heat.values, exact.baseline)
    assert beside == pytest.approx({name: getattr(wanted, name) for name in ("spearman", "overlap", "rendered_ssim")})


@pytest.fixture(scope="module")
def photos():
    return [picture(seed) for seed in range(4)]


@pytest.fixture(scope="module")
def plan(photos):
    return tune(network(), photos, ssim=0.9, reaches=(None, 0.4), **SMOOTH)


def test_the_plan_is_the_best_of_the_candidates_and_judged_on_the_others(photos, plan):
    candidates = [
        Plan(0.9, start, reach, checks, margin)
        for reach in (None, 0.4)
        for start in tuning.STARTS
        # What crops lose differs from image to image: the most checks.
        for checks in (tuning.CHECKS if reach is None else [max(tuning.CHECKS)])
        for margin in tuning.MARGINS
    ]
    assert candidates == tuning.candidates(0.9, (None, 0.4))
    trials = [Trial(network(), photos[number], [0.4], **SMOOTH) for number in range(4)]

    def told(one, images):
        found = np.log([trials[n].errors(one.reach, one.lattice) for n in images])
        factor, seen = np.exp(found.mean(0))
        return replace(one, factor=float(factor), seen=float(seen))

    played = [
        [[trials[n].play(told(one, [other]), draw=draw) for draw in range(4)] for n, other in ((0, 2), (2, 0))]
        for one in candidates
    ]
    assert replace(plan, tuned={}, judged={}) == told(candidates[best(played, 0.9)], [0, 2])
    results = [trials[number].play(plan, beside=True) for number in (1, 3)]
    assert plan.judged == judged(results, 0.9)
    assert plan.expected_speedup == np.median([one.speedup for one in results]) > 1


def test_a_classifiers_plan_does_not_depend_on_how_images_are_held(tmp_path, photos):
    """uint8 arrays, Pillow images and files give the plan that the same pixels give as floats."""
    net = nn.Sequential(GreyChannel(), network()).eval()
    cnn = Classifier("small", net, Preprocessing(40, mean=(0,) * 3, std=(1,) * 3), list("abc"), device="cpu")
    eight = [(photo[0, 0].numpy() * 255).round().astype(np.uint8) for photo in photos]
    held = [eight[0], Image.fromarray(eight[1]), tmp_path / "2.png", str(tmp_path / "3.png")]
    for number in (2, 3):
        Image.fromarray(eight[number]).save(tmp_path / f"{number}.png")
    plans = [tune(cnn, images, ssim=0.9, reaches=(None,), **SMOOTH) for images in ([e / 255 for e in eight], held)]
    assert replace(plans[0], tuned={}) == replace(plans[1], tuned={})


def test_the_plan_says_where_it_comes_from(photos, plan):
    told = plan.tuned
    assert told["network"] == "Sequential" and told["patch"] == [8, 8] and told["stride"] == [2, 2]
    assert told["arguments"] == {"score": "logit", "target": "1"}
    assert set(told["versions"]) == {"torch", "scikit-image"}
    assert len(told["images"]) == len(told["held_out"]) == plan.judged["n"] == 2


def test_the_plan_is_saved_and_used(tmp_path, photos, plan):
    plan.save(tmp_path / "plan.json")
    again = Plan.load(tmp_path / "plan.json")
    assert again == plan
    heat = heatmap(network(), photos[1], **SMOOTH, method="approximate", plan=again)
    assert heat.info["passes"] == Trial(network(), photos[1], [plan.reach], **SMOOTH).play(plan).passes
    json.dumps(plan.judged, allow_nan=False)


class GreyChannel(nn.Module):
    """The first of three equal channels, as the tiny network wants it."""

    def forward(self, x):
        return x[:, :1]


class Named:
    """A picture with a name, as a ``samples.Sample`` has."""

    def __init__(self, name, image):
        self.name, self.image = name, image


def test_every_second_image_is_held_out_unless_told_otherwise(photos, monkeypatch):
    seen = []

    class Watched(Trial):
        def __init__(self, model, image, *more, **arguments):
            seen.append((image.name, tuple(more[0])))
            super().__init__(model, image.image, *more, **arguments)

    monkeypatch.setattr(tuning, "Trial", Watched)
    named = [Named(f"photo {number}", image) for number, image in enumerate(photos)]
    found = tune(network(), named, ssim=0.6, reaches=(None, 0.5), **SMOOTH)
    assert found.tuned["images"] == ["photo 0", "photo 2"] and found.tuned["held_out"] == ["photo 1", "photo 3"]
    assert seen[:2] == [("photo 0", ()), ("photo 2", ())]
    assert seen[2:] == [("photo 1", (found.reach,)), ("photo 3", (found.reach,))]
    found = tune(network(), named[:1], ssim=0.6, reaches=(None,), held_out=named[1:3], **SMOOTH)
    assert found.tuned["images"] == ["photo 0"] and found.tuned["held_out"] == ["photo 1", "photo 2"]


@pytest.mark.parametrize(
    "count, settings, message",
    [
        (1, {}, "at least one image to tune on and one to judge on"),
        (0, {}, "at least one image to tune on and one to judge on"),
        (2, {"held_out": []}, "one to judge on"),
        (2, {"target": [0, 1]}, "one target an image"),
        (2, {"stride": 4}, "a grid of 9x9 positions is too small for 32 checks"),
        (2, {"stride": 2, "checks": (100,)}, "too small for 100 checks"),
        (2, {"ssim": 1.5}, "between 0 and 1"),
        (2, {"reaches": (0.0,)}, "reach must be"),
    ],
)
def test_bad_arguments_are_refused(photos, count, settings, message):
    with pytest.raises(ValueError, match=message):
        tune(network(), photos[:count], **{**SMOOTH, **settings})


def test_a_constant_map_is_refused(photos):
    flat = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Threshold(1e9, 0.0), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ValueError, match="the exact map is constant"):
        tune(flat.double().eval(), photos[:2], **SMOOTH)


class Untraceable(nn.Module):
    """The same network, behind a decision that torch.fx cannot follow."""

    def __init__(self):
        super().__init__()
        self.net = network()

    def forward(self, x):
        return self.net(x) if float(x.abs().sum()) >= 0 else x


def test_a_plan_for_an_untraceable_network_crops_no_window_and_heatmap_follows_it(photos):
    net = Untraceable().eval()
    with pytest.warns(UserWarning, match="cannot trace this network; every position takes an entire") as seen:
        plan = tune(net, photos[:2], ssim=0.6, **SMOOTH)
    assert len(seen) == 1 and seen[0].filename == __file__ and plan.reach is None
    with pytest.warns(UserWarning, match="takes an entire forward pass") as seen:
        heat = heatmap(net, photos[1], method="approximate", plan=plan, **SMOOTH)
    assert len(seen) == 1
    # Counted in passes, for there is nothing else to count.
    assert plan.judged["speedup"] == pytest.approx(len(heat.grid) / heat.info["passes"])
    traced = heatmap(network(), photos[1], method="approximate", plan=plan, **SMOOTH)
    np.testing.assert_allclose(heat.values, traced.values, rtol=0, atol=1e-9)
