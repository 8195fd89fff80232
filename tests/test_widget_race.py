"""The optimizer race: the walks it draws, its refusals, and the panel's wiring."""

import ast
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from kryptonlib.basics.optimizers import OPTIMIZERS
from kryptonlib.basics.surfaces import SURFACES
from kryptonlib.widgets import optimizer_race
from kryptonlib.widgets.optimizer_race import panel, paths, render


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_every_walk_begins_at_the_start_and_the_rates_go_where_they_belong():
    walks = paths("bowl", (-4.0, 1.0), 0.01, 0.5, list(OPTIMIZERS), 3)
    for walk in walks.values():
        assert walk[0].tolist() == [-4.0, 1.0] and len(walk) == 4
    np.testing.assert_allclose(walks["SGD"][1], [-4.0 + 0.04, 1.0 - 0.1])
    # The first step of these does not depend on the gradient's size; RMSProp's has no bias correction: 1/sqrt(.01).
    for name, length in {"AdaGrad": 0.5, "RMSProp": 5.0, "Adam": 0.5, "AdaMax": 0.5, "AMSGrad": 0.5}.items():
        np.testing.assert_allclose(np.abs(walks[name][1] - walks[name][0]), length, rtol=1e-6)
    same = paths("bowl", (-4.0, 1.0), 0.3, 0.7, ["Adadelta"], 3)["Adadelta"]
    np.testing.assert_array_equal(same, walks["Adadelta"])


@pytest.mark.parametrize("name", SURFACES)
def test_render_draws_every_runner_on_every_surface(name):
    figure = render(name, optimizers=list(OPTIMIZERS), steps=20)
    left, right = figure.axes
    assert {text.get_text() for text in right.get_legend().get_texts()} == set(OPTIMIZERS)
    looks = {(line.get_color(), line.get_linestyle()) for line in right.get_lines()}
    assert len(looks) == len(OPTIMIZERS), "two runners look alike"
    assert left.get_title() == name


def test_render_survives_divergence():
    figure = render("Rosenbrock", rate=10.0, optimizers=("SGD",), steps=50)
    assert len(figure.axes[1].get_lines()[0].get_xdata()) < 51


@pytest.mark.parametrize(
    "arguments, hint",
    [
        ({"name": "hill"}, "unknown surface 'hill'"),
        ({"optimizers": ("Newton",)}, "unknown optimizer 'Newton'"),
        ({"optimizers": ()}, "at least one optimizer"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"rate": -1.0}, "rate must be a positive"),
    ],
)
def test_render_refuses(arguments, hint):
    with pytest.raises(ValueError, match=hint):
        render(**arguments)


def test_panel_redraws_with_what_its_controls_say(monkeypatch):
    calls = []

    def spy(**arguments):
        calls.append(arguments)
        return paths(**arguments)

    monkeypatch.setattr(optimizer_race, "paths", spy)
    box = panel("Beale", steps=30)
    controls = box.controls
    assert all(control.description and control.tooltip for control in controls.values())
    for control in controls.values():
        assert getattr(control, "continuous_update", False) is False
    assert len(calls) == 1 and calls[-1]["name"] == "Beale" and calls[-1]["steps"] == 30
    assert "<img" in box.picture.value and "Race on the Beale surface. SGD: loss" in box.picture.value
    controls["name"].value = "saddle"
    assert len(calls) == 2, "a new surface moves both starts and draws once"
    assert calls[-1]["name"] == "saddle"
    assert calls[-1]["start"] == pytest.approx(SURFACES["saddle"].start, abs=0.05)
    controls["optimizers"].value = ("NAG",)
    assert calls[-1]["optimizers"] == ("NAG",)
    assert "NAG: loss" in box.picture.value and "SGD" not in box.picture.value
    controls["optimizers"].value = ()
    assert len(calls) == 3 and "at least one optimizer" in box.picture.value


def test_no_panel_uses_an_output_widget():
    """nbclient answers an Output widget from the notebook's side and may then sleep through the cell's reply.

    Its answer takes the socket's only wake-up (jupyter/nbclient issue 312): a run of the notebook hangs, now and then.
    """
    for path in sorted(Path(optimizer_race.__file__).parent.glob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)):
            assert call.attr not in ("Output", "interact", "interactive", "interactive_output"), path.name
