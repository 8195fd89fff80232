"""The refinement panel without a browser: what it reads off the maps, its drawing, its slider."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from kryptonlib import occlusion
from kryptonlib.widgets import map_refinement


@pytest.fixture(scope="module")
def heats():
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 18 * 18, 3)).eval()
    return list(occlusion.refine(net, torch.rand(1, 1, 20, 20), patch=4, stride=2, checks=8))


@pytest.fixture
def stages(heats):
    yield [map_refinement.stage(heat) for heat in heats]
    plt.close("all")


def test_stages_hold_what_refine_computed(heats, stages):
    assert [stage.passes for stage in stages] == [heat.info["passes"] for heat in heats]
    assert [int(stage.known.sum()) for stage in stages] == [len(heat.info["known"]) for heat in heats]
    for before, after in zip(stages, stages[1:]):
        assert (after.known >= before.known).all() and after.known.sum() > before.known.sum()
        np.testing.assert_allclose(after.values[before.known], before.values[before.known])
    assert stages[-1].known.all()


def test_drawing_says_the_stage(stages):
    figure = map_refinement.render(stages, 1)
    assert [axis.get_title() for axis in figure.axes] == [
        f"after {stages[1].passes} passes",
        f"computed: {stages[1].known.mean():.0%}",
        f"{stages[1].estimate.value:.3f}",
    ]
    left, middle = (axis.images[0] for axis in figure.axes[:2])
    np.testing.assert_array_equal(left.get_array(), stages[1].values)
    np.testing.assert_array_equal(middle.get_array(), stages[1].known)
    assert left.get_clim() == (stages[-1].values.min(), stages[-1].values.max())


def test_each_map_is_drawn_before_the_next_is_computed(heats, monkeypatch):
    shown, seen = [], []
    monkeypatch.setattr(map_refinement, "display", shown.append)

    def computing():
        for number, heat in enumerate(heats):
            (box,) = shown
            seen.append(box.picture.value)
            assert len(box.stages) == number
            yield heat

    box = map_refinement.watch(computing())
    assert shown == [box] and seen[0] == "Computing the first map"
    for number, picture in enumerate(seen[1:], 1):
        assert f"Stage {number} of {number}:" in picture
    assert [stage.passes for stage in box.stages] == [heat.info["passes"] for heat in heats]


def test_slider_redraws(heats):
    box = map_refinement.watch(heats)
    stages, slider = box.stages, box.controls["stage"]
    assert slider.value == slider.max == len(stages) - 1
    slider.value = 0
    before = box.picture.value
    assert f"Stage 1 of {len(stages)}" in before
    slider.value = slider.max
    assert f"Stage {len(stages)} of {len(stages)}" in box.picture.value and box.picture.value != before
    assert slider.description and slider.tooltip and not slider.continuous_update


def test_bad_input_is_refused(heats, stages):
    with pytest.raises(ValueError, match="step must lie in 0 to"):
        map_refinement.render(stages, len(stages))
    with pytest.raises(ValueError, match="more time"):
        map_refinement.watch([])
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2)).eval()
    exact = occlusion.heatmap(net, torch.rand(1, 1, 8, 8), patch=2, stride=2)
    with pytest.raises(ValueError, match="from occlusion.refine, got method 'exact'"):
        map_refinement.watch([exact])
