"""Maps that get better: each stage holds the one before, the last is exact, and time and quality end it early."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from test_incremental import Branching
from tiny_maps import SMOOTH, network, picture

from kryptonlib.occlusion import Heatmap, Plan, anytime, heatmap, refine
from kryptonlib.occlusion.approximate import Part
from kryptonlib.occlusion.lattice import mask

STAGES = ["sixteenth", "eighth", "quarter", "half", "all"]


@pytest.fixture(scope="module")
def exact():
    return heatmap(network(), picture(), **SMOOTH)


def refined(**settings):
    return refine(network(), picture(), **{**SMOOTH, **settings})


@pytest.fixture(scope="module")
def maps():
    return list(refined())


def known_of(heat):
    known = np.zeros(heat.values.shape[-2:], bool)
    known.flat[heat.info["known"]] = True
    return known


def test_stages_are_the_lattices_and_hold_each_other(maps):
    assert len(maps) == len(STAGES)
    checked = np.zeros((17, 17), bool)
    checked[tuple(Part((17, 17), lambda at, _: np.zeros((1, len(at))), Plan()).checked.T)] = True
    for heat, lattice in zip(maps, STAGES):
        computed = mask((17, 17), lattice) | checked
        np.testing.assert_array_equal(known_of(heat), computed)
        assert heat.info["share"] == computed.mean()
        assert heat.method == "refined" and heat.estimated_ssim.checks == 48
    for before, after in pairwise(maps):
        assert set(before.info["known"]) < set(after.info["known"])
        assert before.info["passes"] < after.info["passes"] and before.seconds <= after.seconds


def test_known_positions_are_exact_in_every_stage_and_the_last_map_everywhere(maps, exact):
    for heat in maps:
        known = known_of(heat)
        np.testing.assert_allclose(heat.values[known], exact.values[known], rtol=1e-9)
    np.testing.assert_allclose(maps[-1].values, exact.values, rtol=1e-9)
    assert not np.allclose(maps[-2].values, exact.values, rtol=1e-9)
    assert maps[-1].estimated_ssim.value == 1 and maps[-1].info["passes"] == 289


def test_passes_count_each_position_once(maps):
    for heat in maps:
        assert heat.info["passes"] == known_of(heat).sum()


def test_maps_get_better(maps, exact):
    errors = [np.abs(heat.values - exact.values).mean() for heat in maps]
    estimates = [heat.estimated_ssim.value for heat in maps]
    assert errors == sorted(errors, reverse=True) and estimates == sorted(estimates)


def test_a_map_stays_as_it_was_given(maps):
    stages = refined()
    first = next(stages)
    values, told = first.values.copy(), dict(first.info)
    list(stages)
    np.testing.assert_array_equal(first.values, values)
    assert first.info == told == maps[0].info


def test_a_quality_stops_early(maps):
    estimates = [heat.estimated_ssim.value for heat in maps]
    for wanted in (0.01, (estimates[1] + estimates[2]) / 2, 0.9999):
        found = list(refined(ssim=wanted))
        reached = next(number for number, estimate in enumerate(estimates) if estimate >= wanted)
        assert len(found) == reached + 1
        assert found[-1].info == maps[reached].info


class Clock:
    """Stands for ``time.perf_counter``: every computed position takes a second, the preparation none."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(anytime.time, "perf_counter", lambda: self.now)
        compute = Part._scores

        def counted(part, wanted, exact):
            self.now += int(wanted.sum())
            return compute(part, wanted, exact)

        monkeypatch.setattr(Part, "_scores", counted)


@pytest.mark.parametrize("stage", range(4))
def test_time_stops_early(monkeypatch, maps, stage):
    seconds = maps[stage].info["passes"] + anytime.FEWEST - 1
    Clock(monkeypatch)
    found = list(refined(seconds=seconds))
    assert [heat.info for heat in found] == [heat.info for heat in maps[: stage + 1]]
    assert found[-1].seconds == maps[stage].info["passes"] < seconds


def test_the_first_map_comes_in_any_case_and_much_time_gives_all(monkeypatch, maps):
    Clock(monkeypatch)
    assert [heat.info for heat in refined(seconds=1e-3)] == [maps[0].info]
    assert [heat.info for heat in refined(seconds=1e6)] == [heat.info for heat in maps]


def test_the_last_stage_takes_as_many_random_positions_as_fit(monkeypatch, maps, exact):
    passes = [heat.info["passes"] for heat in maps]
    Clock(monkeypatch)
    seconds = passes[2] + anytime.FEWEST
    found = list(refined(seconds=seconds))
    assert [heat.info["passes"] for heat in found[:3]] == passes[:3] and len(found) == 4
    assert found[3].info["passes"] == seconds
    known = known_of(found[3])
    assert known.sum() == known_of(maps[2]).sum() + anytime.FEWEST
    assert (known_of(maps[2]) <= known).all() and (known <= known_of(maps[3])).all()
    np.testing.assert_allclose(found[3].values[known], exact.values[known], rtol=1e-9)
    # Drawn from everywhere, not from the first rows.
    new = np.argwhere(known & ~known_of(maps[2]))
    assert new[:, 0].min() < 5 and new[:, 0].max() > 11
    assert len(list(refined(seconds=passes[2] + anytime.FEWEST - 1))) == 3


def test_several_targets_come_together(exact):
    heat = next(iter(refined(target=[1, 0])))
    assert heat.values.shape == (2, 17, 17)
    known = known_of(heat)
    np.testing.assert_allclose(heat.values[0][known], exact.values[known], rtol=1e-9)


def test_a_stage_is_saved_and_loaded(tmp_path, maps):
    maps[1].save(tmp_path / "map.npz")
    back = Heatmap.load(tmp_path / "map.npz")
    assert back.info == maps[1].info and back.estimated_ssim == maps[1].estimated_ssim and back.method == "refined"


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"seconds": 0}, "seconds must be above 0"),
        ({"seconds": -1.0}, "seconds must be above 0"),
        ({"seconds": float("nan")}, "seconds must be above 0"),
        ({"ssim": 1.0}, "between 0 and 1"),
        ({"ssim": 0}, "between 0 and 1"),
        ({"checks": 3}, "checks must be"),
    ],
)
def test_bad_settings_are_refused_at_once(settings, message):
    with pytest.raises(ValueError, match=message):
        refined(**settings)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"stride": 4}, "the grid of 9x9 positions is too small"),
        ({"checks": 100}, "the grid of 17x17 positions is too small"),
        ({"patch": 41}, "patch"),
        ({"target": 7}, "out of range"),
    ],
)
def test_what_cannot_be_estimated_or_computed_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        next(refined(**settings))


def test_an_untraceable_network_takes_entire_passes_with_one_warning():
    image = torch.rand(1, 2, 20, 20, generator=torch.Generator().manual_seed(0))
    net = Branching().eval()
    with pytest.warns(UserWarning, match="cannot trace this network; every position that is computed takes") as seen:
        stages = list(refine(net, image, patch=3, stride=1))
    assert len(seen) == 1 and seen[0].filename == __file__ and len(stages) == len(STAGES)
    truth = heatmap(net, image, patch=3, stride=1, method="full").values
    np.testing.assert_allclose(stages[-1].values, truth, atol=1e-6)
    known = np.array(stages[0].info["known"])
    np.testing.assert_allclose(stages[0].values.flat[known], truth.flat[known], atol=1e-6)
    assert len(known) < truth.size / 2
