"""Figures are saved, and a file that shows the same already is left alone."""

import io

import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

from kryptonlib.course import figure, figures

SCENE = np.random.default_rng(0).integers(10, 240, (8, 9, 3)).astype(np.uint8)


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def changed(by, place=(3, 4, 1)):
    pixels = SCENE.copy()
    pixels[place] += by
    return pixels


@pytest.mark.parametrize("by, kept", [(1, True), (2, True), (3, False), (100, False)])
def test_a_file_that_differs_by_rounding_alone_is_left_alone(by, kept, tmp_path):
    path = tmp_path / "02_x.png"
    path.write_bytes(png(SCENE))
    new = png(changed(by))
    assert figures.saved(new, path) == (png(SCENE) if kept else new)
    assert path.read_bytes() == (png(SCENE) if kept else new)


def test_another_size_and_a_file_that_is_no_picture_are_written_anew(tmp_path):
    path = tmp_path / "new" / "02_x.png"
    new = png(SCENE)
    for old in (png(SCENE[1:]), b"no picture", None):
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True) if old is None else path.write_bytes(old)
        assert figures.saved(new, path) == new and path.read_bytes() == new


def test_a_run_leaves_an_equal_figure_alone_and_shows_it(tmp_path, monkeypatch):
    monkeypatch.setenv(figures.FIGURES_FOLDER, str(tmp_path))
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data))

    def draw(height):
        fig, axes = pyplot.subplots(figsize=(1, 1))
        axes.imshow([[0.0, height]], vmin=0, vmax=1)
        figure(fig, "02_step", alt="One dark cell beside one bright cell.", caption="The right cell is brighter.")
        return (tmp_path / "02_step.png").read_bytes()

    first = draw(0.5)
    assert draw(0.5 + 1e-9) == first
    assert draw(0.9) != first
    assert shown[0] == shown[2] != shown[4], "pictures; the captions stand between them"


@pytest.mark.parametrize("name, alt, words", [("2_x", "An empty pair of axes.", "name '2_x'"), ("02_x", "Axes", "alt=")])
def test_a_figure_without_name_or_words_is_refused(name, alt, words):
    with pytest.raises(ValueError, match=words):
        figure(pyplot.figure(), name, alt=alt, caption="Nothing is drawn between the axes.")
    with pytest.raises(TypeError, match="expected a matplotlib figure"):
        figure("a figure", "02_x", alt="An empty pair of axes.", caption="Nothing is drawn between the axes.")
