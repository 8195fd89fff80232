"""The occlusion panel: what it shows is what the network says, and every control changes it."""

import re

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn

from kryptonlib import zoo
from kryptonlib.widgets import occlusion_panel


@pytest.fixture(scope="module")
def cnn():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 6, 5, 4), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 5))
    scale = zoo.Preprocessing(size=26, mean=(0.5,) * 3, std=(0.25,) * 3)
    return zoo.Classifier("small", net, scale, class_names=["a", "b", "c", "d & e", "f"], device="cpu")


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(256, size=(26, 26, 3)).astype(np.float32) / 255


def test_the_reading_is_the_network_s_own(cnn, image):
    reading = occlusion_panel.measure(cnn, image, 4, 10, 8, "white")
    covered = image.copy()
    covered[4:12, 10:18] = 1.0
    for values, shown in ((reading.clean, image), (reading.covered, covered)):
        expected = dict(cnn.predict(shown, top=5))
        np.testing.assert_allclose(values, [expected[name] for name in reading.names], rtol=1e-4)
    assert list(reading.names) == [name for name, _ in cnn.predict(image, top=4)]
    np.testing.assert_allclose(reading.picture, covered, atol=1e-5)
    assert reading.decisions == (cnn.predict(image, top=1)[0][0], cnn.predict(covered, top=1)[0][0])


def test_the_drawing_says_whether_the_decision_changed(cnn, image):
    seen = set()
    for fill in ("black", "white"):
        first, second = occlusion_panel.measure(cnn, image, 0, 0, 20, fill).decisions
        figure = occlusion_panel.render(cnn, image, 0, 0, 20, fill)
        expected = f"still {first}" if first == second else f"changed its mind: {first} → {second}"
        assert figure.axes[1].get_title() == expected
        plt.close(figure)
        seen.add(first == second)
    assert seen == {True, False}


@pytest.mark.parametrize("fill", occlusion_panel.FILLS)
def test_render_draws_every_fill(cnn, image, fill):
    figure = occlusion_panel.render(cnn, image, 0, 3, 8, fill)
    assert [text.get_text() for text in figure.axes[1].get_legend().get_texts()] == ["clean", "covered"]
    plt.close(figure)


@pytest.mark.parametrize("arguments, message", [((0, 0, 8, "pink"), "fill must be"), ((20, 0, 8), "does not lie")])
def test_bad_positions_are_told(cnn, image, arguments, message):
    with pytest.raises(ValueError, match=message):
        occlusion_panel.measure(cnn, image, *arguments)


def test_every_control_redraws_and_is_named(cnn, image):
    box = occlusion_panel.panel(cnn, image, size=8)
    seen = [box.picture.value]
    for name, value in (("row", 0), ("column", 16), ("fill", "black"), ("size", 12)):
        box.controls[name].value = value
        seen.append(box.picture.value)
    assert len(set(seen)) == 5
    for control in box.controls.values():
        assert control.description and control.tooltip
        assert getattr(control, "continuous_update", False) is False
    alt = re.search(r'alt="([^"]*)"', seen[-1])[1]
    assert alt.startswith("black patch of 12 pixels at row 0, column 14.")
    assert not plt.get_fignums()


def test_a_larger_patch_stays_inside(cnn, image):
    box = occlusion_panel.panel(cnn, image, size=8)
    box.controls["row"].value = box.controls["row"].max
    box.controls["size"].value = 12
    assert box.controls["row"].value + 12 <= 26
    assert f"at row {box.controls['row'].value}," in box.picture.value
