"""What all panels have in common: one drawing per change, controls with words, errors that are seen."""

import ipywidgets
import pytest

from kryptonlib.widgets import look, panel, wiring


def sliders():
    return {
        name: ipywidgets.IntSlider(2, 0, 9, description=name, tooltip=f"How much of {name}", **look())
        for name in ("a", "b")
    }


def recorder():
    """(calls, a render function that keeps what it was called with)."""
    calls = []

    def render(a, b):
        calls.append((a, b))
        return f"<p>{a / b:g}</p>"

    return calls, render


def test_it_draws_at_first_and_once_per_change():
    calls, render = recorder()
    box = panel(sliders(), render)
    assert calls == [(2, 2)] and box.picture.value == "<p>1</p>"
    box.controls["a"].value = 6
    assert calls == [(2, 2), (6, 2)] and box.picture.value == "<p>3</p>"
    box.controls["a"].value = 6
    assert len(calls) == 2, "nothing changed"
    box.redraw()
    assert calls[2:] == [(6, 2)]


def test_a_control_that_moves_others_draws_once_when_all_have_moved():
    calls, render = recorder()
    controls = sliders()
    moves = []

    def halve():
        moves.append("a")
        controls["b"].max = controls["a"].value  # moves b, too, where it lies above
        controls["b"].value = max(1, controls["a"].value // 2)

    box = panel(controls, render, adjust={"a": halve, "b": lambda: moves.append("b")})
    controls["b"].value = 9
    controls["a"].value = 6
    assert calls == [(2, 2), (2, 9), (6, 3)]
    assert moves == ["b", "a"], "what a moved did not call b's own function"
    assert box.controls["b"].max == 6


def test_an_error_stands_in_place_of_the_drawing_until_the_next_change():
    _, render = recorder()
    box = panel(sliders(), render)
    box.controls["b"].value = 0
    assert wiring.ERROR in box.picture.value and 'role="alert"' in box.picture.value
    assert "ZeroDivisionError" in box.picture.value and "Traceback" in box.picture.value
    box.controls["b"].value = 1
    assert box.picture.value == "<p>2</p>"


def test_a_refused_value_is_told_in_words_alone():
    def render(a, b):
        if a > 5:
            raise ValueError("a < 6 is needed")
        return "fine"

    box = panel(sliders(), render)
    box.controls["a"].value = 7
    assert "a &lt; 6 is needed" in box.picture.value and "Traceback" not in box.picture.value


def test_an_error_while_controls_move_is_told_and_the_panel_goes_on():
    calls, render = recorder()

    def fail():
        raise RuntimeError("stuck")

    box = panel(sliders(), render, adjust={"a": fail})
    box.controls["a"].value = 3
    assert "RuntimeError: stuck" in box.picture.value
    box.controls["b"].value = 3
    assert calls[-1] == (3, 3) and box.picture.value == "<p>1</p>"


def test_the_first_drawing_raises():
    with pytest.raises(ZeroDivisionError):
        panel(sliders(), lambda a, b: 1 // 0)


def test_waiting_draws_when_asked():
    calls, render = recorder()
    box = panel(sliders(), render, waiting="Computing")
    assert calls == [] and box.picture.value == "Computing"
    box.redraw()
    assert calls == [(2, 2)]


def test_sliders_draw_when_released_and_rows_wrap():
    box = panel(sliders(), lambda a, b: "", rows=[("b",), ("a",)])
    assert not any(control.continuous_update for control in box.controls.values())
    assert [[child.description for child in row.children] for row in box.children[:-1]] == [["b"], ["a"]]
    assert all(row.layout.flex_flow == "row wrap" for row in box.children[:-1])
    assert box.children[-1] is box.picture


def silent(what):
    controls = sliders()
    setattr(controls["a"], what, "")
    return controls


@pytest.mark.parametrize(
    "controls, options, words",
    [
        ({}, {}, "no controls"),
        (silent("description"), {}, "'a' without a description"),
        (silent("tooltip"), {}, "'a' without a description or a tooltip"),
        (sliders(), {"rows": [("a", "b", "c")]}, "got c in rows or adjust; the controls are a, b"),
        (sliders(), {"adjust": {"d": print}}, "got d in rows"),
        (sliders(), {"rows": [("a",)]}, "missing: b"),
        (sliders(), {"rows": [("a", "b"), ("a",)]}, "every control in one row once"),
    ],
)
def test_a_panel_that_cannot_be_used_is_refused(controls, options, words):
    with pytest.raises(ValueError, match=words):
        panel(controls, lambda **values: "", **options)
