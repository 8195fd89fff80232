"""Figures that compare maps: every scale is stated, and what is drawn is what was given."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot as plt

from kryptonlib import plots
from kryptonlib.occlusion import drawing


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_attributions_state_their_scale_and_their_sign():
    maps = {"signed": np.array([[-2.0, 1.0], [0.5, np.nan]]), "unsigned": np.array([[0.0, 3.0], [1.0, 2.0]])}
    figure = drawing.attributions(maps, np.zeros((2, 2)), "photo", rows=2)
    assert [axes.get_title() for axes in figure.axes] == ["photo", "signed\n±2", "unsigned\nup to 3", ""]
    signed, unsigned = (axes.images[0] for axes in figure.axes[1:3])
    assert signed.get_clim() == (-2, 2) and signed.get_cmap().name == plots.DIVERGING
    assert unsigned.get_clim() == (0, 3) and unsigned.get_cmap().name == "Greys"
    assert not any(axes.axison for axes in figure.axes)


def test_a_percentile_ends_the_scale():
    values = np.concatenate([np.ones(99), [100.0]]).reshape(10, 10)
    assert drawing.attributions({"a": values}, percentile=90).axes[0].images[0].get_clim() == (0, 1)


def test_probability_and_log_odds_show_one_run():
    heat = SimpleNamespace(picture=np.zeros((4, 4)), values=np.array([[0.0, 3.0]]), names=("no tumour",))
    figure = drawing.probability_and_log_odds({"black": heat})
    picture, probability, odds = figure.axes[:3]
    np.testing.assert_allclose(probability.images[0].get_array(), [[0.5, 1 / (1 + np.exp(-3.0))]])
    assert probability.images[0].get_clim() == (0, 1)
    np.testing.assert_allclose(odds.images[0].get_array(), heat.values)
    assert (picture.get_title(), probability.get_title()) == ("no tumour", "probability, black patch")


def test_randomised_draws_means_and_ranges():
    kept = {"saliency": {"none": [1.0, 1.0], "all": [0.1, 0.3]}}
    figure = drawing.randomised({"saliency": (np.ones((3, 3)), -np.ones((3, 3)))}, kept)
    curve = next(axes for axes in figure.axes if axes.get_ylabel().startswith("rank correlation"))
    line, _, bars = curve.containers[0]
    np.testing.assert_allclose(line.get_ydata(), [1.0, 0.2])
    np.testing.assert_allclose([segment[:, 1] for segment in bars[0].get_segments()], [[1, 1], [0.1, 0.3]])


def test_against_chance_shows_every_image_the_mean_and_the_band():
    gains = {"occlusion": np.array([[-0.2, 0.4], [-0.1, 0.2]]), "saliency": np.array([[0.1, 0.1], [0.0, 0.0]])}
    luck = np.array([[-0.05, 0.02], [0.03, -0.04]])
    figure = drawing.against_chance(gains, luck, ("deletion", "insertion"), "difference")
    for test, axes in enumerate(figure.axes):
        dots = [line.get_ydata() for line in axes.lines if line.get_linestyle() == "None"]
        np.testing.assert_allclose(dots, [each[:, test] for each in gains.values()])
        means = [line.get_segments()[0][0, 1] for line in axes.collections]
        np.testing.assert_allclose(means, [each[:, test].mean() for each in gains.values()])
        band = axes.patches[0]
        ends = band.get_y(), band.get_y() + band.get_height()
        np.testing.assert_allclose(ends, (luck[:, test].min(), luck[:, test].max()))


def test_changed_windows_are_outlined_where_they_were_computed():
    window = SimpleNamespace(rows=(1, 3), columns=(2, 6), size=(8, 8), share=0.125)
    figure = drawing.changed_windows(np.zeros((16, 16)), (4, 5), 3, [np.ones((8, 8))], [window])
    box = figure.axes[1].patches[0]
    assert (box.get_x(), box.get_y(), box.get_width(), box.get_height()) == (1.5, 0.5, 4, 2)
    patch = figure.axes[0].patches[0]
    assert (patch.get_x(), patch.get_y(), patch.get_width()) == (5, 4, 3)
    assert figure.axes[1].get_title() == "8 x 8\n12% changed"


def test_ratio_bars_and_work_over_depth():
    axes = drawing.ratio_bars({"a": [2.0, 3.0], "b": [4.0, 5.0]}, ["one", "two"]).axes[0]
    assert [[bar.get_height() for bar in bars] for bars in axes.containers] == [[2, 4], [3, 5]]
    layers = [SimpleNamespace(full=3.0, incremental=1.0), SimpleNamespace(full=1.0, incremental=1.0)]
    axes = drawing.work_over_depth({"a": layers}).axes[0]
    assert axes.get_title() == "a: R = 2.00"
    top, below = (area.get_paths()[0].vertices[:, 1].max() for area in axes.collections)
    assert (top, below) == (1.0, 0.5)
