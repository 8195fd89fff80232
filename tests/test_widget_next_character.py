"""The panel of the next character: its bars, its words, its wiring; and the other figures about sequences."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from kryptonlib.sequences import characters, drawing, tasks, textgenrnn
from kryptonlib.widgets import next_character


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def model():
    made = characters.Model("ab c\n", 4)
    torch.manual_seed(0)
    nn.init.normal_(made.readout.weight)
    return made.requires_grad_(False)


def test_bars_are_the_models_probabilities(model):
    axes = next_character.render(model, "ab", 0.5).axes[0]
    plain, changed = ([bar.get_height() for bar in bars] for bars in axes.containers)
    assert plain == sorted(plain, reverse=True) and sum(plain) == pytest.approx(1)
    np.testing.assert_allclose(np.sort(changed), np.sort(characters.next_probabilities(model, "ab", 0.5)))
    assert max(changed) > max(plain), "a low temperature sharpens"
    assert {text.get_text() for text in axes.get_xticklabels()} == {"a", "b", "c", "space", "new line"}


def test_the_words_name_the_most_probable(model):
    told = next_character.describe(model, "ab", 0.0)
    best = model.alphabet[characters.next_probabilities(model, "ab").argmax()]
    assert told.startswith(f"Most probable at temperature 0: {next_character.NAMES.get(best, best)} 100%, ")


def test_the_panel_follows_its_controls(model):
    box = next_character.panel(model, "ab", 1.0)
    first = box.picture.value
    assert "<img" in first and characters.generate(model, "ab", 160, 1.0, 0)[:5].split("\n")[0] in first
    box.controls["draw"].value = 1
    second = box.picture.value
    assert second != first
    box.controls["text"].value = "ba"
    assert "<b>ba</b>" in box.picture.value
    box.controls["text"].value = "xyz"
    assert "does not know &#x27;x&#x27;" in box.picture.value
    box.controls["text"].value = ""
    assert "Type at least one character." in box.picture.value


def test_shapes_show_what_is_read_and_answered():
    examples = {name: [part[:, 0] for part in tasks.sample(name, 1)] for name in tasks.TASKS}
    figure = drawing.shapes(examples)
    for axes, (inputs, answers) in zip(figure.axes, examples.values()):
        written = [text for text in axes.texts if text.get_text().strip().isdigit()]
        texts = [(round(text.get_position()[1]), text.get_text()) for text in written]
        assert [t for height, t in texts if height == 0] == [str(int(s) - 1) for s in inputs if s != tasks.BLANK]
        assert [t for height, t in texts if height == 2] == [str(int(a)) for a in answers if a != tasks.UNASKED]
    with pytest.raises(ValueError, match="no examples"):
        drawing.shapes({})


def test_gates_of_a_real_layer():
    text = "Two words."
    layer = textgenrnn.gates(text).layers[0]
    figure = drawing.gates(text, layer, 5)
    rows = [axes.images[0].get_array()[0] for axes in figure.axes[:5]]
    np.testing.assert_allclose(rows[2], layer["f"][1:, 5])
    assert rows[4].tolist() == [1, 2, 3, 0, 1, 2, 3, 4, 5, 0]


def test_means_in_bands():
    figure = drawing.with_spread([0.1, 1.0], {"a": np.array([[1.0, 3.0], [2.0, 2.0]])}, xlabel="x", ylabel="y")
    assert figure.axes[0].get_xscale() == "log" and figure.axes[0].lines[0].get_ydata().tolist() == [2, 2]


def test_rows_over_a_text():
    figure = drawing.over_text("a b", {"x": ([0, 0.5, 1], (0, 1)), "y": ([1, 2, 3], (0, 4))})
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["a", "␣", "b"]
    assert figure.axes[0].images[0].get_array().tolist() == [[0, 0.5, 1]]
    for rows, words in (({}, "no rows"), ({"x": ([1, 2], (0, 1))}, "3 characters")):
        with pytest.raises(ValueError, match=words):
            drawing.over_text("a b", rows)
