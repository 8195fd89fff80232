"""The drawings of notebook 11 show what they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from kryptonlib.restoration import comparison, denoising_drawing, denoising_trial

METRICS = ("psnr", "ms_ssim", "lpips", "flip")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_learning_curves_are_those_of_the_panels_metric_and_of_l1_l2_and_adaptive():
    figure = denoising_drawing.learning(list(denoising_trial.LOSSES.values()))
    assert len(figure.axes) == 4 and figure.axes[1].get_title() == "MS-SSIM, higher is better"
    drawn = [[line.get_label() for line in axes.lines] for axes in figure.axes]
    assert drawn[0] == ["l1", "l2", "adaptive"] and drawn[3] == ["l1", "l2", "FLIP", "adaptive"]
    # A model looks the same in all panels, and one legend names all.
    assert len({axes.lines[-1].get_color() for axes in figure.axes}) == 1 and len(figure.legends) == 1
    steps, values = denoising_trial.learning_curve("denoise-l2", "lpips")
    assert any(line.get_ydata().tolist() == pytest.approx(values) for line in figure.axes[2].lines)


def test_each_seed_has_a_mark_and_the_legend_hides_none():
    first = comparison.Comparison(METRICS, {name: np.full((2, 4), level) for level, name in enumerate("ab")})
    second = comparison.Comparison(METRICS, {"b": np.full((2, 4), 7.0)})
    figure = denoising_drawing.seeds([first, second], ["a", "b"])
    marks = [line.get_xydata().tolist() for line in figure.axes[0].lines]
    assert marks == [[[0, 0], [1, 1]], [[7, 1]]]
    assert all(axes.get_legend() is None for axes in figure.axes) and len(figure.legends) == 1


def test_crops_are_pieces_of_every_version():
    picture = np.random.default_rng(0).random((20, 30, 3))
    versions = {name: picture * level for name, level in (("a", 1.0), ("b", 0.5), ("c", 0.2))}
    figure = denoising_drawing.crops({"x": versions, "y": versions}, {"x": (2, 3), "y": (0, 0)}, 10, columns=2)
    assert len(figure.axes) == 8
    np.testing.assert_allclose(figure.axes[1].images[0].get_array(), 0.5 * picture[2:12, 3:13])
    np.testing.assert_allclose(figure.axes[6].images[0].get_array(), 0.2 * picture[:10, :10])
    with pytest.raises(ValueError, match="leave x"):
        denoising_drawing.crops({"x": versions}, {"x": (15, 3)}, 10)
