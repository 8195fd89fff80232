"""Approximate maps: when they go on, what they count, what stays exact, what they say; and Krypton's own methods."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from test_incremental import Branching
from tiny_maps import ROUGH, SMOOTH, network, picture

from kryptonlib.occlusion import Heatmap, Plan, Published, drilldown, heatmap
from kryptonlib.occlusion.approximate import STEP, Part, climb, filler
from kryptonlib.occlusion.cropping import Threshold
from kryptonlib.occlusion.estimate import Estimate, estimated_ssim, worth
from kryptonlib.occlusion.incremental import Incremental
from kryptonlib.occlusion.job import prepare
from kryptonlib.occlusion.lattice import fill_in, mask
from kryptonlib.occlusion.quality import ssim

SHAPE = (24, 27)


class Scores:
    """An exact map and a cropped one that write down where they are asked."""

    def __init__(self, exact, cropped=None):
        self.exact, self.cropped, self.calls = exact, cropped, []

    def __call__(self, places, exact):
        assert exact or self.cropped is not None
        self.calls += [(exact, *place) for place in places.tolist()]
        return (self.exact if exact else self.cropped)[:, places[:, 0], places[:, 1]]


def smooth(seed=0, scale=4):
    return gaussian_filter(np.random.default_rng(seed).standard_normal(SHAPE), scale)[None]


def noise(seed=0):
    return np.random.default_rng(seed).standard_normal(SHAPE)[None]


def climbed(exact, cropped=None, **settings):
    plan = Plan(**settings, reach=None if cropped is None else 0.5)
    scores = Scores(exact, cropped)
    part = Part(SHAPE, scores, plan)
    return *climb(part, plan), part, scores


@pytest.mark.parametrize("lattice", ["quarter", "third", "half"])
def test_a_smooth_map_stays_on_its_lattice_and_noise_goes_on_to_all(lattice):
    values, estimate, part, scores = climbed(smooth(), lattice=lattice, ssim=0.8)
    np.testing.assert_array_equal(part.known, mask(SHAPE, lattice))
    assert estimate.value >= 0.8
    checked = {tuple(place) for place in part.checked.tolist()}
    known = {tuple(place) for place in np.argwhere(part.known).tolist()}
    assert part.passes == len(checked | known) == len(scores.calls) == len(set(scores.calls))
    values, estimate, part, scores = climbed(noise(), lattice=lattice, ssim=0.999999)
    assert part.known.all() and part.passes == SHAPE[0] * SHAPE[1] == len(set(scores.calls))
    np.testing.assert_array_equal(values, noise())
    assert estimate == Estimate(1.0, 1.0, 1.0, 48)


def test_it_goes_on_a_tenth_at_a_time_until_the_estimate_does_and_no_further():
    exact, step, reached = smooth(1, scale=0.8), int(np.ceil(STEP * SHAPE[0] * SHAPE[1])), []
    for wanted in (0.4, 0.6, 0.8, 0.9):
        _, estimate, part, _ = climbed(exact, lattice="sixteenth", ssim=wanted)
        assert estimate.value >= wanted
        steps, rest = divmod(part.known.sum() - mask(SHAPE, "sixteenth").sum(), step)
        assert rest == 0
        again = Part(SHAPE, Scores(exact), Plan(lattice="sixteenth"))
        again.compute(mask(SHAPE, "sixteenth"))
        for _ in range(steps):
            assert again.estimate().value < wanted
            again.compute(again.known | again.most_worth(STEP))
        assert again.estimate() == estimate
        np.testing.assert_array_equal(again.known, part.known)
        reached.append(steps)
    assert reached == sorted(reached) and reached[0] < reached[-1]
    # The margin counts as if more were asked for.
    pair = (climbed(exact, lattice="sixteenth", **one)[2] for one in ({"ssim": 0.9}, {"ssim": 0.6, "margin": 0.3}))
    np.testing.assert_array_equal(*(part.known for part in pair))


def test_it_goes_on_where_the_most_is_expected_of_it():
    part = Part(SHAPE, Scores(smooth(1, scale=0.8)), Plan())
    part.compute(mask(SHAPE, "third"))
    part.estimate()
    chosen, values = part.most_worth(STEP), worth(fill_in(smooth(1, scale=0.8)[0], part.known), part.known)
    assert chosen.sum() == int(np.ceil(STEP * chosen.size)) and not (chosen & part.known).any()
    assert values[chosen].min() >= values[~chosen].max()
    part.compute(~mask(SHAPE, "sixteenth"))
    part.estimate()
    np.testing.assert_array_equal(part.most_worth(STEP), ~part.known)


def test_the_map_is_the_spline_through_all_that_is_exact_and_judged_without_the_checks():
    exact = smooth(2)
    values, estimate, part, _ = climbed(exact, lattice="third", ssim=0.5)
    known = mask(SHAPE, "third")
    judged = fill_in(exact, known)[0]
    rows, columns = part.checked.T
    assert estimate == estimated_ssim(judged, part.checked, exact[0, rows, columns], known)
    known[rows, columns] = True
    np.testing.assert_array_equal(values, fill_in(exact, known))
    np.testing.assert_array_equal(values[:, known], exact[:, known])


def test_probabilities_are_interpolated_in_log_odds():
    exact = 1 / (1 + np.exp(-30 * smooth(2)))
    plan, known = Plan(ssim=0.01), mask(SHAPE, "third")
    part = Part(SHAPE, Scores(exact), plan, filler("probability"))
    values, estimate = climb(part, plan)
    rows, columns = part.checked.T
    judged = fill_in(exact, known, probability=True)[0]
    assert estimate == estimated_ssim(judged, part.checked, exact[0, rows, columns], known)
    known[rows, columns] = True
    np.testing.assert_array_equal(values, fill_in(exact, known, probability=True))


def test_cropped_values_are_judged_by_exact_ones_and_not_mixed_with_them_where_they_do():
    exact = smooth(3)
    cropped = exact + 0.1 * np.ptp(exact) * gaussian_filter(noise(3)[0], 1)
    values, estimate, part, scores = climbed(exact, cropped, lattice="half", ssim=0.3)
    known = mask(SHAPE, "half")
    np.testing.assert_array_equal(values, fill_in(cropped, known))
    assert part.passes == 48 + known.sum() == len(scores.calls)
    assert sum(call[0] for call in scores.calls) == 48
    rows, columns = part.checked.T
    assert estimate == estimated_ssim(values[0], part.checked, exact[0, rows, columns])


def test_cropped_values_are_corrected_by_ever_more_exact_ones_where_they_do_not():
    exact = smooth(3, scale=2)
    cropped = exact + 0.3 * np.ptp(exact) * gaussian_filter(noise(3)[0], 4) / gaussian_filter(noise(3)[0], 4).std()
    base, lattices = fill_in(cropped, mask(SHAPE, "half")), ["sixteenth", "eighth", "quarter", "half", "all"]
    reached = []
    for wanted in (0.9, 0.95, 0.98, 0.999999):
        values, estimate, part, scores = climbed(exact, cropped, lattice="half", ssim=wanted)
        assert estimate.value >= wanted
        rows, columns = part.checked.T
        judged = fill_in(exact, part.known, base=base)[0]
        # What other images say of crops no longer holds.
        assert estimate == estimated_ssim(judged, part.checked, exact[0, rows, columns], part.known)
        np.testing.assert_array_equal(values, fill_in(exact, part.computed, base=base))
        assert part.passes == len(scores.calls) == part.cropped_passes + part.computed.sum()
        assert part.cropped_passes == part.cropped.sum() == mask(SHAPE, "half").sum()
        reached.append(next(n for n, one in enumerate(lattices) if np.array_equal(part.known, mask(SHAPE, one))))
        # No coarser one would have done, nor the crops alone.
        again = Part(SHAPE, Scores(exact, cropped), Plan(lattice="half", reach=0.5))
        again.compute(mask(SHAPE, "half"))
        for one in lattices[: reached[-1] + 1]:
            assert again.estimate().value < wanted
            np.testing.assert_array_equal(again.known | again.further(), mask(SHAPE, one))
            again.compute(again.known | again.further())
    assert reached == sorted(reached) and reached[0] < reached[-1] == 4
    np.testing.assert_array_equal(values, exact)


def test_what_other_images_tell_is_of_crops_only():
    exact = smooth(3, scale=2)
    scores, plan = Scores(exact, 1.3 * exact + noise(1) * 0.05), Plan(reach=0.5, factor=0.01, seen=0.5)
    with_others, alone = Part(SHAPE, scores, plan), Part(SHAPE, scores, replace(plan, factor=None, seen=1.0))
    for part in (with_others, alone):
        part.compute(mask(SHAPE, "half"))
    assert with_others.estimate() != alone.estimate()
    for part in (with_others, alone):
        part.compute(part.further())
    assert with_others.estimate() == alone.estimate()


def test_of_several_targets_the_worst_decides():
    both = np.concatenate([smooth(4), noise(4)])
    for order in (both, both[::-1]):
        values, _, part, _ = climbed(order, lattice="third", ssim=0.999999)
        assert part.known.all()
        np.testing.assert_array_equal(values, order)
    lone, pair = climbed(both[1:], lattice="third", ssim=1e-6), climbed(both, lattice="third", ssim=1e-6)
    assert pair[1] == pytest.approx(lone[1]) and lone[1].value < climbed(both[:1], lattice="third", ssim=1e-6)[1].value
    np.testing.assert_array_equal(pair[2].most_worth(STEP), lone[2].most_worth(STEP))


def test_nothing_left_to_compute_is_no_error():
    part = Part(SHAPE, Scores(smooth()), Plan())
    everything = np.ones(SHAPE, bool)
    part.compute(everything)
    before = part.passes
    part.compute(everything)
    assert part.passes == before == SHAPE[0] * SHAPE[1]


def test_checks_are_different_positions_and_the_same_each_time():
    one, two, other = (Part(SHAPE, Scores(smooth()), Plan(checks=100), draw=draw).checked for draw in (0, 0, 1))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)
    assert len(np.unique(one, axis=0)) == 100
    # Drawn from all of the grid: each quarter of it has some.
    assert len(np.unique(one // [12, 14], axis=0)) == 4


@pytest.mark.parametrize("shape, checks, enough", [((7, 28), 48, True), ((6, 60), 8, False), ((13, 14), 48, False)])
def test_how_small_a_grid_may_be(shape, checks, enough):
    scores = Scores(np.random.default_rng(0).random((1, *shape)))
    assert Part(shape, scores, Plan(checks=checks)).can_estimate == enough
    assert not scores.calls


@pytest.fixture(scope="module")
def exact():
    return heatmap(network(), picture(), **SMOOTH)


def approximate(net=None, image=None, grid=SMOOTH, **settings):
    return heatmap(net or network(), picture() if image is None else image, **grid, method="approximate", **settings)


def test_heatmap_computes_some_positions_exactly_and_tells_what_it_did(exact):
    heat = approximate(plan=Plan(ssim=0.6, lattice="third"))
    known = mask(heat.values.shape, "third")
    assert heat.method == "approximate" and heat.info["share"] == heat.info["passes"] / 289
    assert known.sum() < heat.info["passes"] < known.sum() + 48
    np.testing.assert_allclose(heat.values[known], exact.values[known], rtol=1e-9)
    assert not np.allclose(heat.values, exact.values, rtol=1e-9)
    assert heat.estimated_ssim == Estimate(*heat.info["estimated_ssim"])
    assert heat.estimated_ssim.checks == 48 and heat.estimated_ssim.value >= 0.6
    assert ssim(exact.values, heat.values) > 0.9
    assert exact.estimated_ssim is None


def test_heatmap_of_noise_ends_at_the_exact_map():
    net, image = network(depth=1), picture(smooth=0)
    heat = approximate(net, image, ROUGH, ssim=0.999999)
    assert heat.info["share"] == 1 and heat.info["passes"] == 400 and heat.estimated_ssim.value == 1
    np.testing.assert_allclose(heat.values, heatmap(net, image, **ROUGH).values, rtol=1e-9)


def test_ssim_alone_stands_for_a_plan_and_beside_one_replaces_its_own():
    alone, plan, beside = approximate(ssim=0.97), approximate(plan=Plan(ssim=0.97)), approximate(plan=Plan(), ssim=0.97)
    for heat in (plan, beside):
        assert heat.info == alone.info
        np.testing.assert_array_equal(heat.values, alone.values)
    assert approximate(plan=Plan(ssim=0.5)).info["passes"] < alone.info["passes"]


def test_several_targets_share_their_passes(exact):
    several = {**SMOOTH, "target": [1, 2]}
    heat = approximate(grid=several, ssim=0.6)
    assert heat.values.shape == (2, *exact.values.shape) and heat.target == (1, 2)
    known = mask(exact.values.shape, "third")
    np.testing.assert_allclose(heat.values[0][known], exact.values[known], rtol=1e-9)
    alone = [approximate(grid={**SMOOTH, "target": target}, ssim=0.6) for target in (1, 2)]
    assert heat.info["passes"] == max(one.info["passes"] for one in alone)


def test_a_small_grid_is_computed_exactly():
    grid = {**SMOOTH, "stride": 4}
    heat = approximate(grid=grid, plan=Plan(reach=0.1))
    np.testing.assert_array_equal(heat.values, heatmap(network(), picture(), **grid).values)
    # Everything is exact, so that nothing need be estimated.
    assert heat.estimated_ssim == (1, 1, 1, 0)
    assert heat.info == {"passes": 81, "share": 1, "estimated_ssim": [1, 1, 1, 0]}


def test_positions_of_an_untraceable_network_take_entire_passes_with_one_warning():
    net = Branching().eval()
    image = torch.rand(1, 2, 20, 20, generator=torch.Generator().manual_seed(0))
    with pytest.warns(UserWarning, match="cannot trace this network; every position that is computed takes") as seen:
        heat = heatmap(net, image, patch=3, stride=1, method="approximate", plan=Plan(ssim=0.1))
    assert len(seen) == 1 and seen[0].filename == __file__
    truth = heatmap(net, image, patch=3, stride=1, method="full").values
    known = mask(truth.shape, "third")
    np.testing.assert_allclose(heat.values[known], truth[known], atol=1e-6)
    assert known.sum() <= heat.info["passes"] < truth.size


def test_a_plan_with_cropped_windows_is_computed_in_full_where_the_network_cannot_be_traced():
    net = Branching().eval()
    image = torch.rand(1, 2, 20, 20, generator=torch.Generator().manual_seed(0))
    with pytest.warns(UserWarning, match="cannot trace this network; every position is computed in full") as seen:
        heat = heatmap(net, image, patch=3, stride=1, method="approximate", plan=Plan(reach=0.5))
    assert len(seen) == 1 and seen[0].filename == __file__ and heat.estimated_ssim == (1, 1, 1, 0)
    np.testing.assert_array_equal(heat.values, heatmap(net, image, patch=3, stride=1, method="full").values)


class Curved(torch.nn.Module):
    """Sums the squares of a map's local sums: nothing in it is of first order, or near the patch alone."""

    def __init__(self):
        super().__init__()
        self.sums = torch.nn.AvgPool2d(9, 1, 4)
        self.last = torch.nn.Linear(1, 2).double()

    def forward(self, x):
        x = self.sums(self.sums(x - 0.5)).mul(40)
        return self.last((self.sums(torch.sin(x)) ** 2).mean((2, 3)))


def test_a_plan_that_needs_all_positions_warns():
    net, grid, third = Curved().eval(), {**SMOOTH, "target": 0}, int(mask((17, 17), "third").sum())
    with pytest.warns(UserWarning, match="does not suit this image: for an estimated SSIM of 0.9999 every") as seen:
        heat = approximate(net, grid=grid, plan=Plan(ssim=0.9999, reach=0.05))
    assert len(seen) == 1 and seen[0].filename == __file__ and heat.estimated_ssim.value == 1
    assert heat.info["share"] == 1 and heat.info["passes"] == 17 * 17 + third
    np.testing.assert_allclose(heat.values, heatmap(net, picture(), **grid).values, atol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        approximate(ssim=0.99)


@pytest.mark.parametrize(
    "plan",
    [Plan(ssim=0.6), Plan(ssim=0.6, reach=0.5), Plan(0.99, "half", 0.5), Published(0.5), Published(0.5, 0.25, 3)],
)
def test_progress_ends_at_the_end(plan):
    told = []
    approximate(plan=plan, progress=lambda *now: told.append(now))
    done, total, _ = told[-1]
    assert done == total >= 17 * 17
    assert [now[0] for now in told] == sorted(now[0] for now in told)


@pytest.mark.parametrize("plan", [Plan(ssim=0.6), Published(0.4, 0.25, 3)])
def test_what_is_told_is_saved_and_loaded(tmp_path, plan):
    heat = approximate(plan=plan)
    heat.save(tmp_path / "map.npz")
    back = Heatmap.load(tmp_path / "map.npz")
    assert back.info == heat.info and back.estimated_ssim == heat.estimated_ssim
    assert type(back.estimated_ssim) is type(heat.estimated_ssim)
    np.testing.assert_array_equal(back.values, heat.values)


def cropped_scores(tau):
    """(grid, function of positions and patch) by the engine with Krypton's threshold."""
    job = prepare(network(), picture(), **SMOOTH)
    engine = Incremental(job.module, job.image, job.clean_logits)

    def evaluate(positions, patch):
        logits = engine.logits(positions, patch, job.fill, crop=Threshold(engine.steps, tau))
        return job.values(logits).numpy()[0]

    return job.grid, evaluate


@pytest.mark.parametrize("tau", [1.0, 0.25])
def test_kryptons_threshold_is_the_engines(exact, tau):
    grid, evaluate = cropped_scores(tau)
    heat = approximate(plan=Published(tau))
    np.testing.assert_array_equal(heat.values.ravel(), evaluate(grid.positions(), grid.patch))
    assert heat.info == {"passes": 289} and heat.estimated_ssim is None
    assert np.array_equal(heat.values, exact.values) == (tau == 1)
    both = approximate(grid={**SMOOTH, "target": [0, 1]}, plan=Published(tau))
    np.testing.assert_allclose(both.values[1], heat.values, rtol=1e-12)


@pytest.mark.parametrize("tau, share, target", [(1.0, 0.25, 3), (0.25, 0.1, 5), (0.3, 0.4, 2)])
def test_kryptons_drill_down_is_that_of_its_module(exact, tau, share, target):
    grid, evaluate = cropped_scores(tau)
    found = drilldown.run(evaluate, grid, share=share, target=target)
    heat = approximate(plan=Published(tau, share, target))
    np.testing.assert_allclose(heat.values, found.values, rtol=1e-12)
    assert heat.info == {"passes": sum(found.passes), "coarse": list(found.coarse)} and heat.estimated_ssim is None
    assert heat.info["passes"] < 289 and not np.allclose(heat.values, exact.values)


def test_kryptons_drill_down_takes_one_target():
    with pytest.raises(ValueError, match="got 2 targets"):
        approximate(grid={**SMOOTH, "target": [0, 1]}, plan=Published(0.5, 0.25, 3))
    assert approximate(grid={**SMOOTH, "target": [1]}, plan=Published(0.5, 0.25, 3)).values.shape == (1, 17, 17)


@pytest.mark.parametrize("method", ["exact", "full"])
@pytest.mark.parametrize("settings", [{"plan": Plan()}, {"ssim": 0.9}, {"plan": Published(0.5)}])
def test_plan_and_ssim_belong_to_the_approximate_method(method, settings):
    with pytest.raises(ValueError, match=f"belong to method=\"approximate\", not to method='{method}'"):
        heatmap(network(), picture(), **SMOOTH, method=method, **settings)


def test_a_reader_states_the_quality_and_the_method_follows():
    picked, asked = (heatmap(network(), picture(), **SMOOTH, ssim=0.8, **method) for method in ({}, {"method": "approximate"}))
    assert picked.method == "approximate" and picked.info["share"] < 1
    np.testing.assert_array_equal(picked.values, asked.values)
    assert heatmap(network(), picture(), **SMOOTH, plan=Plan(ssim=0.8)).method == "approximate"
    assert heatmap(network(), picture(), **SMOOTH).method == "exact"


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({}, ValueError, "needs ssim"),
        ({"plan": {"ssim": 0.9}}, TypeError, "Plan or occlusion.Published, got dict"),
        ({"plan": Published(0.5), "ssim": 0.9}, ValueError, "promise no quality"),
        ({"ssim": 1.0}, ValueError, "between 0 and 1"),
        ({"ssim": 0.0}, ValueError, "between 0 and 1"),
        ({"ssim": "0.9"}, ValueError, "between 0 and 1"),
        ({"ssim": True, "plan": Plan()}, ValueError, "between 0 and 1"),
    ],
)
def test_bad_settings_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        approximate(**settings)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"lattice": "fifth"}, "lattice"),
        ({"lattice": "two thirds"}, "lattice"),
        ({"reach": 0}, "reach must be"),
        ({"reach": 1.5}, "reach must be"),
        ({"checks": 7}, "checks must be"),
        ({"checks": 48.0}, "checks must be"),
        ({"checks": True}, "checks must be"),
        ({"margin": -0.1}, "margin must lie"),
        ({"margin": 1.0}, "margin must lie"),
        ({"factor": 0.0}, "factor must be a positive number"),
        ({"factor": float("inf")}, "factor must be a positive number"),
        ({"seen": 0.0}, "seen must be a positive number"),
        ({"ssim": float("nan")}, "between 0 and 1"),
    ],
)
def test_a_bad_plan_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Plan(**settings)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((0,), "tau must be"),
        ((1.1,), "tau must be"),
        ((0.5, 0.25), "share and target belong together"),
        ((0.5, None, 3), "share and target belong together"),
        ((0.5, 0.5, 2), "no coarse stride reaches"),
        ((0.5, 1.5, 0.5), "share"),
    ],
)
def test_bad_published_settings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Published(*arguments)


def test_a_plan_is_saved_as_json_and_loaded(tmp_path):
    plan = Plan(0.92, "quarter", 0.6, 64, 0.02, tuned={"patch": [8, 8]}, judged={"n": 3, "speedup": 12.5})
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan
    told = json.loads((tmp_path / "plan.json").read_text())
    assert told["ssim"] == 0.92 and told["judged"]["speedup"] == plan.expected_speedup == 12.5
    assert Plan().expected_speedup is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "krypton-heatmap-1"}', "\x00\xff"])
def test_another_file_is_no_plan(tmp_path, text):
    (tmp_path / "other.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"other.json is not a plan written by Plan.save"):
        Plan.load(tmp_path / "other.json")
