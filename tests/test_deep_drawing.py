"""The small panels of notebook 22 show the values that they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from kryptonlib.deep import drawing, fitting, probes, sheets


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def curves(error, steps=(5, 10)):
    values = {name: np.full(len(steps), error) for name in fitting.Curves.__dataclass_fields__}
    return fitting.Curves(**{**values, "steps": np.array(steps), "train_error": np.full(len(steps), error / 2)})


def comparison(**errors):
    """A comparison whose competitors end at the given test errors, one per seed."""
    made = {name: [curves(error) for error in some] for name, some in errors.items()}
    rates = dict.fromkeys(made, 0.1)
    return fitting.Comparison(rates, {name: {0.1: 1.0, 0.3: 2.0} for name in made}, made)


def test_errors_stand_in_their_row():
    _, axes = plt.subplots()
    drawing.errors(axes, comparison(first=[0.1, 0.3], second=[0.5, 0.5]), xlabel="error")
    marks = {
        (line.get_marker(), float(y)): sorted(line.get_xdata()) for line in axes.lines for y in line.get_ydata()[:1]
    }
    assert marks["|", 0.0] == [0.1, 0.3] and marks["D", 0.0] == [pytest.approx(0.2)]
    assert marks["|", 0.2] == [0.05, 0.15] and marks["D", 1.0] == [0.5]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second"] and axes.get_xlim()[0] == 0


def test_shares_are_stacked_to_one():
    _, axes = plt.subplots()
    drawing.shares(axes, [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], ("instance", "layer", "batch"))
    tops = [bar.get_y() + bar.get_height() for bar in axes.patches]
    np.testing.assert_allclose(tops, [0.2, 0.6, 0.5, 0.9, 1, 1])


def test_the_depth_study_is_drawn_from_its_second_phase_on():
    log = {"step": np.array([30.0, 60, 90, 120])}
    for number, name in enumerate(("plain-20", "plain-56", "residual-20", "residual-56")):
        for seed in (0, 1):
            for what in ("error", "test error"):
                log[f"{name} seed {seed}: {what}"] = np.array([np.nan, np.nan, 0.1 * number + 0.2 * seed, 0.1])
    figure = sheets.depth(log, comparison(one=[0.1]))
    for axes in figure.axes[:2]:
        assert [line.get_label() for line in axes.lines] == ["plain, 20", "plain, 56", "residual, 20", "residual, 56"]
        for number, line in enumerate(axes.lines):
            assert line.get_xdata().tolist() == [30, 60]
            np.testing.assert_allclose(line.get_ydata(), [0.1 * number + 0.1, 0.1])


def test_every_sheet_is_drawn():
    found = probes.Signals(np.zeros(4), np.array([1.0, 0.5, 0, 0]), np.full(4, 0.1))
    some = comparison(one=[0.1, 0.2], two=[0.3, 0.3])
    assert len(sheets.initialisation({"he": found}, some).axes) == 3
    assert len(sheets.activations({"tanh": found}, some).axes) == 3
    trusted = {"plain": (np.ones((5, 2)), np.ones((5, 2)))}
    assert len(sheets.normalisation(some, trusted, (0.1, 1.0), some).axes) == 4
    assert (
        len(sheets.switchable({32: np.full((4, 3), 1 / 3), 2: np.full((4, 3), 1 / 3)}, {32: some, 2: some}).axes) == 4
    )
    named = comparison(**{"constant": [0.1], "plateau": [0.2], "warm-up, cosine": [0.3]})
    rates = sheets.schedules(named, 20).axes[0].lines
    assert np.isnan(rates[1].get_ydata()).all() and rates[2].get_ydata()[2] == 1.0


def test_signals_are_drawn_relative_to_the_last_layer():
    found = probes.Signals(np.array([0.5, 0.4]), np.array([0.04, 0.09]), np.array([1e-6, 1e-2]))
    left, right = drawing.signal_depth(found, "two layers").axes
    assert left.lines[0].get_ydata().tolist() == [0.5, 0.4]
    np.testing.assert_allclose(right.lines[0].get_ydata(), [1e-4, 1])
