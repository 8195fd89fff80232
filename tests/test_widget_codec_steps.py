"""The panel of notebook 08 without a browser: its numbers, its drawing, its controls."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kryptonlib.compression import case_drawing
from kryptonlib.compression.autoencoder import Autoencoder
from kryptonlib.compression.rate_distortion import Point
from kryptonlib.compression.start import block_transform
from kryptonlib.compression.step_sweep import Sweep, without_tables
from kryptonlib.widgets import codec_steps


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def sweep():
    net = Autoencoder(32, hidden=(16, 64))
    block_transform(net, torch.rand(8, 1, 32, 32, generator=torch.Generator().manual_seed(0)).cumsum(3) * 8)
    rows, columns = np.mgrid[:40, :52]
    luma = (126 + 50 * np.sin(rows / 5) * np.cos(columns / 7)).astype(np.uint8)
    return Sweep(without_tables("small", net), luma)


def test_the_numbers_are_those_of_the_sweep(sweep):
    decoded, of_map, of_place, rate, quality = codec_steps.measured(sweep, 2.0)
    point = sweep.point(2.0)
    assert (rate, quality) == pytest.approx((point.bpp, point.psnr))
    assert of_map.sum() == pytest.approx(of_place.sum())
    assert decoded.shape == sweep.luma.shape and of_place.shape == (3, 4)


def test_the_drawing_says_what_was_measured(sweep):
    figure = codec_steps.render(sweep, 2.0)
    image, place, bars = figure.axes[:3]
    point = sweep.point(2.0)
    assert image.get_title() == f"β = 2\n{point.bpp:.3f} bit/pixel, {point.psnr:.1f} dB"
    assert place.images[0].get_array().mean() * 256 * 12 == pytest.approx(point.bpp * sweep.luma.size)
    heights = [bar.get_height() for bar in bars.patches]
    assert heights == sorted(heights, reverse=True) and sum(heights) == pytest.approx(point.bpp)


def test_the_panel_draws_what_the_controls_say(sweep):
    box = codec_steps.panel({"a": sweep, "b": sweep}, 1.0)
    first = box.picture.value
    box.controls["beta"].value = 8.0
    assert box.picture.value != first and "beta 8" in box.picture.value
    box.controls["network"].value = "b"
    assert "b at beta 8" in box.picture.value


def test_the_other_drawings_show_every_line_and_name():
    figure = case_drawing.why(np.geomspace(0.1, 6, 4), np.array([0.0, 0.5, 0.95]))
    assert [len(place.lines) for place in figure.axes] == [2, 2, 1]
    curve = [Point(0.1, 28.0, 2), Point(0.4, 33.0, 1)]
    higher = [Point(0.1, 28.5, 2), Point(0.4, 33.5, 1)]
    figure = case_drawing.rate_distortion({"case 1": higher, "case 3": curve, "start": curve}, {"c": curve})
    gaps = {line.get_label(): line.get_ydata() for line in figure.axes[2].lines}
    assert gaps["case 1"] == pytest.approx(0.5) and gaps["start"] == pytest.approx(0) and "case 3" not in gaps
    figure = case_drawing.extremes(curve, higher, {"trained": 40.0}, "ours", "theirs")
    assert figure.axes[0].get_legend_handles_labels()[1] == ["ours", "theirs", "trained, not rounded"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["2", "1"]
    figure = case_drawing.two_means({"a": curve, "b": curve}, {"x": 3.0, "y": -2.0}, {"mean": 0.5})
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["y", "x"]
    figure = case_drawing.steps_over_spread(np.ones(5), np.arange(1.0, 6), 2)
    assert figure.axes[1].get_legend_handles_labels()[1] == ["a map", "DC-like map"]
    rates = {"untrained": {"m": 5.0, "i": 9.0}, "start": {"m": -3.0, "i": 2.0}}
    figure = case_drawing.progress([1, 2], [0.3, 0.2], {"case 3": (3, 0.1)}, rates, -20)
    assert [bar.get_height() for bar in figure.axes[1].patches] == [5.0, -3.0, 9.0, 2.0]
