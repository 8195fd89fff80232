"""What the figures show: axes, limits, labels, marks."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Rectangle

from kryptonlib import plots

GREY = np.linspace(0, 1, 12).reshape(3, 4)
COLOUR = np.stack([GREY] * 3, 2)


def visible(figure):
    """The axes that show a picture, in order."""
    return [axes for axes in figure.axes if axes.images]


def test_a_grid_names_its_rows_and_columns():
    figure = plots.grid({"noisy": [GREY, GREY], "restored": [GREY, None]}, ["cat", "dog"])
    shown = figure.axes[:4]
    assert [axes.get_ylabel() for axes in shown] == ["noisy", "", "restored", ""]
    assert [axes.get_title() for axes in shown] == ["cat", "dog", "", ""]
    assert [len(axes.images) for axes in shown] == [1, 1, 1, 0]
    assert all(len(axes.get_xticks()) == len(axes.get_yticks()) == 0 for axes in shown)
    assert len(figure.axes) == 4, "no colour bar was asked for"


def test_rows_have_scales_and_colour_bars_of_their_own():
    figure = plots.grid(
        {"before": [GREY, 2 * GREY], "own": [GREY, 3 * GREY], "change": [GREY - 0.5, GREY], "photo": [COLOUR, COLOUR]},
        limits={"own": None, "change": (-1, 1)},
        cmap={"change": plots.DIVERGING},
        colourbar={"own": "score", "change": "after - before"},
    )
    limits = [axes.images[0].get_clim() for axes in visible(figure)]
    assert limits == [(0, 1)] * 2 + [(0, 3)] * 2 + [(-1, 1)] * 2 + [(0, 1)] * 2
    assert [axes.images[0].get_cmap().name for axes in visible(figure)][:6] == ["gray"] * 4 + [plots.DIVERGING] * 2
    bars = [axes.get_ylabel() for axes in figure.axes[8:]]
    assert bars == ["score", "after - before"]


def test_one_scale_and_bar_for_all_rows():
    figure = plots.grid({"a": [GREY], "b": [5 * GREY]}, limits=(0, 5), colourbar="counts")
    assert [axes.images[0].get_clim() for axes in visible(figure)] == [(0, 5)] * 2
    assert [axes.get_ylabel() for axes in figure.axes[2:]] == ["counts"] * 2


def test_a_flat_row_has_a_scale():
    assert plots.grid({"a": [GREY]}, inches=3).get_size_inches()[0] == 3
    figure = plots.grid({"flat": [np.full((2, 2), 3.0)]}, limits=None)
    assert figure.axes[0].images[0].get_clim() == (2.5, 3.5)


def test_colours_slightly_outside_are_clipped():
    figure = plots.images([COLOUR * 1.5 - 0.25])
    shown = figure.axes[0].images[0].get_array()
    assert shown.min() == 0 and shown.max() == 1


def test_images_are_wrapped():
    figure = plots.images([GREY] * 3, ["a", "b", "c"], columns=2, limits=None)
    assert len(figure.axes) == 4 and [axes.get_title() for axes in figure.axes] == ["a", "b", "c", ""]


def test_curves_with_an_x_of_their_own():
    figure = plots.curves(
        None, {"ours": ([0.1, 0.3, 0.9], [28, 31, 35]), "JPEG": ([0.2, 0.5], [27, 31])}, xlabel="bit/pixel", ylabel="dB"
    )
    axes = figure.axes[0]
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert lines == {"ours": [[0.1, 28], [0.3, 31], [0.9, 35]], "JPEG": [[0.2, 27], [0.5, 31]]}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("bit/pixel", "dB")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["ours", "JPEG"]


def test_curves_over_a_common_x_with_error_bars():
    figure = plots.curves(
        [1, 2],
        {"a": [1.0, 2.0], "b": [3.0, 4.0], "c": [5.0, 6.0]},
        xlabel="n",
        ylabel="error",
        errors={"a": [0.5, 0.25], "b": [[1.0, 1.0], [0.0, 2.0]]},
    )
    containers = figure.axes[0].containers
    segments = {bars.get_label(): [piece[:, 1].tolist() for piece in bars[2][0].get_segments()] for bars in containers}
    assert segments == {"a": [[0.5, 1.5], [1.75, 2.25]], "b": [[2.0, 3.0], [3.0, 6.0]]}
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["a", "b", "c"]


def test_curves_on_given_logarithmic_axes():
    _, axes = plt.subplots()
    figure = plots.curves([1, 10], {"a": [0.1, 1.0]}, xlabel="x", ylabel="y", logx=True, logy=True, axes=axes)
    assert figure is axes.figure and (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_a_crop_is_marked_and_enlarged_under_each_picture():
    pictures = {"original": np.arange(48.0).reshape(6, 8) / 48, "ours\n31.2 dB": np.zeros((6, 8, 3))}
    figure = plots.zooms(pictures, (1, 2, 3, 4), limits=(0, 0.5))
    original, ours, crop, other = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["original", "ours\n31.2 dB", "", ""]
    assert np.array_equal(crop.images[0].get_array(), pictures["original"][1:4, 2:6])
    assert other.images[0].get_array().shape == (3, 4, 3)
    assert original.images[0].get_clim() == crop.images[0].get_clim() == (0, 0.5)
    for axes in (original, ours):
        marks = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
        assert [(mark.get_xy(), mark.get_width(), mark.get_height()) for mark in marks] == [((1.5, 0.5), 4, 3)]


def test_zooms_are_wrapped_with_each_crop_under_its_picture():
    pictures = {name: np.full((4, 4), value) for name, value in (("a", 0.0), ("b", 0.5), ("c", 1.0))}
    figure = plots.zooms(pictures, (0, 0, 2, 2), columns=2)
    assert [[image.get_array().shape for image in axes.images] for axes in figure.axes] == (
        [[(4, 4)]] * 2 + [[(2, 2)]] * 2 + [[(4, 4)], []] + [[(2, 2)], []]
    )
    assert figure.axes[6].images[0].get_array()[0, 0] == 1.0


LABELS = {"xlabel": "x", "ylabel": "y"}
REFUSED = {
    "no pictures": (lambda: plots.images([]), "got no pictures"),
    "too few titles": (lambda: plots.images([GREY], []), "1 pictures and 0 titles"),
    "no picture": (lambda: plots.images([[1, 2]]), r"picture 0 got an array of shape \(2,\)"),
    "channels first": (lambda: plots.images([np.zeros((3, 4, 5))]), r"expected \[H, W\] or \[H, W, 3\]"),
    "colours up to 255": (lambda: plots.images([COLOUR * 255]), r"colours from 0 to 255; expected \[0, 1\]"),
    "colours that are none": (lambda: plots.images([COLOUR * np.nan]), "colours from nan"),
    "no range": (lambda: plots.images([GREY], limits=(1, 1)), r"limits=\(1, 1\)"),
    "no rows": (lambda: plots.grid({}), "got no pictures"),
    "empty rows": (lambda: plots.grid({"a": []}), "got no pictures"),
    "uneven rows": (lambda: plots.grid({"a": [GREY], "b": [GREY] * 2}), "'a' 1, 'b' 2; put None"),
    "titles of other columns": (lambda: plots.grid({"a": [GREY]}, ["x", "y"]), "2 column titles for rows of 1"),
    "limits of another row": (lambda: plots.grid({"a": [GREY]}, limits={"b": (0, 1)}), "limits for the row 'b'"),
    "a bar for colours": (lambda: plots.grid({"a": [COLOUR]}, colourbar="score"), "row 'a', whose pictures are in"),
    "no lines": (lambda: plots.curves([1], {}, **LABELS), "got no lines"),
    "other lengths": (lambda: plots.curves([1, 2], {"a": [1]}, **LABELS), r"\(2,\) and values of shape \(1,\) for 'a'"),
    "no pair": (lambda: plots.curves(None, {"a": [1, 2, 3]}, **LABELS), "expected a pair"),
    "errors of nobody": (lambda: plots.curves([1], {"a": [1]}, errors={"b": [1]}, **LABELS), "errors of 'b'"),
    "errors of other length": (
        lambda: plots.curves([1, 2], {"a": [1, 2]}, errors={"a": [1]}, **LABELS),
        r"errors of shape \(1,\) for the 2 values",
    ),
    "errors below 0": (lambda: plots.curves([1], {"a": [1]}, errors={"a": [-1]}, **LABELS), "below 0"),
    "no logarithm": (lambda: plots.curves([1], {"a": [0]}, logy=True, **LABELS), "no value of 'a' is above 0"),
    "no zooms": (lambda: plots.zooms({}, (0, 0, 1, 1)), "got no pictures"),
    "sizes": (lambda: plots.zooms({"a": GREY, "b": GREY[1:]}, (0, 0, 1, 1)), r"sizes \[\(2, 4\), \(3, 4\)\]"),
    "a crop outside": (lambda: plots.zooms({"a": GREY}, (1, 1, 3, 1)), "expected a part of a picture of 3 x 4 pixels"),
    "an empty crop": (lambda: plots.zooms({"a": GREY}, (1, 1, 0, 1)), "expected a part"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_input_is_refused_with_the_remedy(what):
    drawn, words = REFUSED[what]
    with pytest.raises(ValueError, match=words):
        drawn()


def test_a_figure_becomes_html_with_its_alternative_text():
    text = plots.as_html(plots.images([GREY]), 'A "grey" ramp')
    assert text.startswith('<img src="data:image/png;base64,') and 'alt="A &quot;grey&quot; ramp"' in text
