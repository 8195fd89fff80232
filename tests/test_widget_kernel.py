"""The kernel slider without a browser: the numbers it shows, its drawing, its controls; and the drawings it uses."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kryptonlib.basics import drawing
from kryptonlib.widgets import kernel_slider

IMAGE = np.array([[3, 0, 1, 2, 7], [1, 5, 8, 9, 3], [2, 7, 2, 5, 1], [0, 1, 3, 1, 7], [4, 2, 1, 6, 2]])
EDGE = np.array([[1, 0, -1]] * 3)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def texts(axes):
    return [text.get_text() for text in axes.texts]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 999), st.integers(1, 3), st.integers(0, 2), st.integers(1, 4), st.data())
def test_step_equals_torch_at_every_position(seed, stride, padding, side, data):
    rng = np.random.default_rng(seed)
    image, kernel = rng.normal(size=(5, 6)), rng.normal(size=(side, 3))
    assume(5 + 2 * padding >= side)
    truth = F.conv2d(torch.tensor(image)[None, None], torch.tensor(kernel)[None, None], stride=stride, padding=padding)
    row, column = (data.draw(st.integers(0, count - 1)) for count in truth.shape[2:])
    step = kernel_slider.step(image, kernel, row, column, stride=stride, padding=padding)
    assert step.total == pytest.approx(truth[0, 0, row, column].item(), abs=1e-12)
    assert step.window.shape == kernel.shape
    np.testing.assert_allclose(step.products, step.window * kernel)


def test_render_shows_the_window_the_products_the_sum_and_the_output_so_far():
    fig = kernel_slider.render(IMAGE, EDGE, 1, 1)
    source, window, kernel, products, output = fig.axes
    assert texts(source) == [str(n) for n in IMAGE.ravel()]
    assert texts(window) == ["5", "8", "9", "7", "2", "5", "1", "3", "1"]
    assert texts(kernel) == ["1", "0", "-1"] * 3
    assert texts(products) == ["5", "0", "-9", "7", "0", "-5", "1", "0", "-1", "sum = -2"]
    assert texts(output) == ["-5", "-4", "0", "-10", "-2"]
    frame = source.patches[-1]
    assert (frame.get_x(), frame.get_y(), frame.get_width(), frame.get_height()) == (0.5, 0.5, 3, 3)


def test_render_draws_large_images_without_numbers():
    fig = kernel_slider.render(np.random.default_rng(0).random((20, 20)), EDGE, 0, 0)
    assert texts(fig.axes[0]) == [] and len(texts(fig.axes[1])) == 9


def test_panel_controls_change_the_picture_and_stay_in_range():
    panel = kernel_slider.panel(IMAGE, {"edge": EDGE, "mean": np.full((5, 5), 0.04)})
    controls = panel.controls
    assert "= -5" in panel.picture.value and controls["row"].max == 2
    controls["row"].value, controls["column"].value = 2, 2
    here = kernel_slider.step(IMAGE, EDGE, 2, 2).total
    assert f"row 2, column 2: {IMAGE[2, 2]} x 1 + " in panel.picture.value and f"= {here:g}" in panel.picture.value
    controls["stride"].value = 2  # the output is now 2 x 2: the sliders must come back into it
    assert (controls["row"].value, controls["column"].value, controls["row"].max) == (1, 1, 1)
    assert "row 1, column 1" in panel.picture.value
    controls["kernel"].value = "mean"
    assert (controls["row"].value, controls["row"].max) == (0, 0)
    assert f"= {IMAGE.mean():g}" in panel.picture.value
    controls["padding"].value = 2
    controls["row"].value = 2
    assert "row 2, column 0" in panel.picture.value


def test_panel_is_accessible():
    panel = kernel_slider.panel(IMAGE, {"edge": EDGE})
    for control in panel.controls.values():
        assert control.description and control.tooltip
    assert all(control.continuous_update is False for name, control in panel.controls.items() if name != "kernel")
    assert 'alt="Output pixel at row 0, column 0' in panel.picture.value


@pytest.mark.parametrize("call, hint", [
    (lambda: kernel_slider.step(IMAGE, EDGE, 3, 0), "row must be an int from 0 to 2.*3 x 3"),
    (lambda: kernel_slider.step(IMAGE, EDGE, 0, -1), "column must be"),
    (lambda: kernel_slider.step(IMAGE, EDGE, 0.5, 0), "row must be an int"),
    (lambda: kernel_slider.step(IMAGE[0], EDGE, 0, 0), "image must be a 2-D array"),
    (lambda: kernel_slider.step(IMAGE, np.full((2, 2), np.nan), 0, 0), "kernel must be a 2-D array of finite"),
    (lambda: kernel_slider.step(IMAGE, np.ones((6, 6)), 0, 0), "more padding"),
    (lambda: kernel_slider.render(np.zeros((65, 5)), EDGE, 0, 0), "at most 64 x 64"),
    (lambda: kernel_slider.panel(IMAGE, {}), "at least one kernel"),
    (lambda: kernel_slider.panel(IMAGE, {"too large": np.ones((6, 6))}), "more padding"),
])
def test_bad_input_is_refused(call, hint):
    with pytest.raises(ValueError, match=hint):
        call()


def test_numbers_leaves_nan_empty_and_writes_readable_ink():
    _, axes = plt.subplots()
    drawing.numbers(axes, [[0, 1], [np.nan, 0.5]], form="{:.1f}")
    assert texts(axes) == ["0.0", "1.0", "0.5"]
    assert axes.texts[0].get_color() == drawing.PALE and axes.texts[1].get_color() == drawing.DARK
    with pytest.raises(ValueError, match="2-D array"):
        drawing.numbers(axes, [1, 2, 3])


def test_windows_marks_what_the_first_two_windows_read():
    _, axes = plt.subplots()
    drawing.windows(axes, 6, 3, stride=2, padding=1, dilation=2)
    second, first = (np.stack(line.get_data(), axis=1) for line in axes.lines)
    assert sorted(map(tuple, first)) == [(x, y) for x in (0, 2, 4) for y in (0, 2, 4)]
    np.testing.assert_array_equal(second - first, np.tile([2, 0], (9, 1)))
    assert texts(axes) == ["2 x 2 windows"]


def test_box_colours_one_pool_and_counts_all():
    _, axes = plt.subplots()
    drawing.box(axes, np.indices((4, 6))[1], depth=3, title="Batch norm")
    dark = [patch for patch in axes.patches if patch.get_facecolor()[:3] == pytest.approx((0, 0x72 / 255, 0xB2 / 255))]
    assert len(axes.patches) == 4 * 6 + 6 * 3 + 4 * 3 and len(dark) == 4 + 3
    assert axes.get_title() == "Batch norm\n6 means"
    with pytest.raises(ValueError, match=r"\[N, C\]"):
        drawing.box(axes, np.zeros(3))
