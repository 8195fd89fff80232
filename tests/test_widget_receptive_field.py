"""The receptive-field panel without a browser, and networks drawn to scale."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from kryptonlib import anatomy
from kryptonlib.anatomy import drawing
from kryptonlib.widgets import receptive_field as seen

IMAGE = np.linspace(0, 1, 20 * 20 * 3, dtype=np.float32).reshape(20, 20, 3)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def chain(*strides):
    torch.manual_seed(0)
    layers = []
    for stride in strides:
        layers += [nn.Conv2d(3, 3, 3, stride=stride, padding=1), nn.ReLU()]
    return nn.Sequential(*layers).eval()


def reading(*strides):
    return seen.read(chain(*strides), torch.from_numpy(IMAGE).permute(2, 0, 1)[None])


def test_read_returns_the_maps_that_the_layers_compute():
    net = chain(2, 1)
    picture = torch.from_numpy(IMAGE).permute(2, 0, 1)[None]
    table, maps = seen.read(net, picture)
    with torch.no_grad():
        np.testing.assert_allclose(maps["2"], net[:3](picture)[0], rtol=1e-5)
    assert list(maps) == ["0", "1", "2", "3"] and maps["3"].shape == table["3"].shape
    assert (maps["1"] >= 0).all() and (maps["0"] < 0).any()  # a later ReLU did not write into an earlier map


def test_read_leaves_layers_without_a_place_out():
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.PixelShuffle(1), nn.Upsample(scale_factor=2, mode="bilinear")).eval()
    assert list(seen.read(net, torch.zeros(1, 3, 8, 8))[1]) == ["0"]


def test_render_marks_the_field_on_the_image_and_the_unit_on_the_map():
    table, maps = reading(2, 1)
    figure = seen.render(IMAGE, table["2"], maps["2"], 4, 5)
    box, unit = figure.axes[0].patches[-1], figure.axes[1].patches[-1]
    top, bottom, left, right = table["2"].box(4, 5)
    assert (box.get_x(), box.get_y()) == (left - 0.5, top - 0.5)
    assert (box.get_width(), box.get_height()) == (right - left + 1, bottom - top + 1) == (7, 7)
    assert (unit.get_x(), unit.get_y(), unit.get_width()) == (4.5, 3.5, 1)
    assert figure.axes[0].get_xlim() == (-0.5, 19.5)


def test_render_makes_room_for_a_field_that_leaves_the_image():
    table, maps = reading(2, 1)
    low, high = seen.render(IMAGE, table["2"], maps["2"], 0, 0).axes[0].get_xlim()
    assert low == -0.5 + table["2"].box(0, 0)[0] < -0.5 and high > 19.5


def test_describe_says_how_much_of_the_field_is_inside():
    table, _ = reading(1)
    assert "sees rows -1 to 1 and columns -1 to 1, 3 x 3 pixels, 44%" in seen.describe(table["0"], 0, 0, IMAGE)
    assert "100% of them" in seen.describe(table["0"], 5, 5, IMAGE)


def test_panel_controls_change_the_picture_and_stay_in_range():
    panel = seen.panel(IMAGE, {"wide": reading(1, 1), "narrow": reading(2, 2)})
    controls = panel.controls
    assert all(control.description and control.tooltip for control in controls.values())
    assert not any(controls[name].continuous_update for name in ("layer", "row", "column"))
    controls["layer"].value = "0"
    controls["row"].value, controls["column"].value = 19, 0
    assert "unit (19, 0) of 20 x 20" in panel.picture.value
    controls["network"].value = "narrow"
    assert controls["row"].max == controls["column"].max == 4
    assert "unit (2, 2) of 5 x 5" in panel.picture.value and "alt=" in panel.picture.value
    before = panel.picture.value
    controls["column"].value = 3
    assert panel.picture.value != before and "unit (2, 3)" in panel.picture.value


def test_bad_input_is_refused_with_words():
    table, maps = reading(1)
    with pytest.raises(TypeError, match="nn.Sequential"):
        seen.read(nn.Conv2d(3, 3, 3).eval(), torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match=r"\[1, C, H, W\]"):
        seen.read(chain(1), torch.zeros(2, 3, 8, 8))
    with pytest.raises(ValueError, match="maps of shape"):
        seen.render(IMAGE, table["0"], maps["0"][:, 1:], 0, 0)
    with pytest.raises(ValueError, match="outside the"):
        seen.render(IMAGE, table["0"], maps["0"], 20, 0)
    with pytest.raises(ValueError, match="dictionary"):
        seen.panel(IMAGE, {})


def test_blocks_are_as_wide_as_channels_and_as_high_as_maps():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 4 * 4, 10)).eval()
    table = anatomy.layers(net, 17)
    assert [block[:3] for block in drawing.blocks(table)] == [(0, 8, 8), (8, 10, 1)]
    assert [block[:3] for block in drawing.blocks(table, ("conv", "pool", "linear"))][1] == (8, 8, 4)
    _, axes = plt.subplots()
    assert drawing.to_scale(table, axes) == 18
    assert [(p.get_x(), p.get_width(), p.get_height()) for p in axes.patches] == [(0, 8, 8), (8, 10, 1)]


def test_drawing_refuses_what_it_cannot_draw():
    table = anatomy.layers(nn.Sequential(nn.Conv2d(3, 8, 3)).eval(), 9)
    with pytest.raises(ValueError, match="norm"):
        drawing.blocks(table, ("norm",))
    with pytest.raises(ValueError, match="no layer of the kinds"):
        drawing.to_scale(table, plt.subplots()[1], kinds=("pool",))
