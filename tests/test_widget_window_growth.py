"""The window panel without a browser: its numbers, its drawing, its controls."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from kryptonlib.occlusion.bounds import steps_of
from kryptonlib.widgets import window_growth

PICTURE = np.linspace(0, 1, 24 * 30).reshape(24, 30)
NET = nn.Sequential(
    nn.Conv2d(1, 2, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(2, 2, 5, padding=2),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
).eval()


@pytest.fixture
def steps():
    yield steps_of(NET, torch.from_numpy(PICTURE).float()[None, None])
    plt.close("all")


def test_windows_are_those_that_torch_changes(steps):
    for top, left, size in ((0, 0, 3), (10, 13, 4), (20, 26, 4), (7, 0, 9)):
        found = window_growth.windows(steps, top, left, size)
        mask = torch.zeros(1, 1, 24, 30)
        mask[0, 0, top : top + size, left : left + size] = 1
        conv = torch.nn.functional.max_pool2d(mask, 3, 1, 1)
        pool = torch.nn.functional.max_pool2d(conv, 2)
        for window, truth in zip(found[:4], (mask, conv, pool, torch.nn.functional.max_pool2d(pool, 5, 1, 2))):
            rows, columns = (torch.nonzero(truth[0, 0].any(axis)).flatten() for axis in (1, 0))
            assert window.size == tuple(truth.shape[2:])
            assert window.rows == (int(rows[0]), int(rows[-1]) + 1)
            assert window.columns == (int(columns[0]), int(columns[-1]) + 1)
            assert window.share == pytest.approx(float(truth.mean()))


def test_drawing_shows_the_chosen_maps(steps):
    figure = window_growth.render(PICTURE, steps, 4, 6, 5, shown=[1, 3])
    assert [axis.get_title() for axis in figure.axes] == [
        "image\n24 x 30",
        "map 1, 24 x 30\n7 x 7 (7%)",
        "map 3, 12 x 15\n7 x 8 (31%)",
    ]


def test_controls_redraw_and_keep_the_patch_inside(steps):
    box = window_growth.panel(PICTURE, steps, size=6)
    before = box.picture.value
    box.controls["top"].value = 18
    assert "at (18, 12)" in box.picture.value and box.picture.value != before
    box.controls["size"].value = 10
    assert box.controls["top"].value == 14 and "10 x 10 pixels at (14, 12)" in box.picture.value
    assert all(control.description and control.tooltip for control in box.controls.values())
    assert not any(control.continuous_update for control in box.controls.values())


def test_bad_input_is_refused(steps):
    with pytest.raises(ValueError, match="does not lie in the 24 x 30 image"):
        window_growth.windows(steps, 20, 0, 5)
    with pytest.raises(ValueError, match="shown must name"):
        window_growth.render(PICTURE, steps, 0, 0, 5, shown=[99])
