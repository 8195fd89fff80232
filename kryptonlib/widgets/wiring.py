"""Controls above a drawing: what all panels have in common.

A panel is a pure function that turns the controls' values into HTML, and the controls. ``panel`` connects them: it
draws once per change, also where one control moves others, and shows an error where the drawing would stand instead
of losing it.
"""

import html
import traceback

import ipywidgets

ERROR = "krypton-panel-error"
"""Class of the HTML that stands in place of a drawing which failed; a run of a notebook looks for it."""


def look(*, description="70px", width="330px"):
    """Keyword arguments of a control: ``width`` of all of it, and of its ``description``."""
    return {"style": {"description_width": description}, "layout": ipywidgets.Layout(width=width)}


def panel(controls, render, *, rows=None, adjust=None, waiting=None):
    """Wire controls to a drawing.

    Args:
        controls: name -> ipywidgets control, each with a description and a tooltip. Sliders draw when they are
            released: ``continuous_update`` is set to False.
        render: called with the value of every control under its name; returns the drawing as HTML, for example by
            ``plots.as_html``. It changes nothing.
        rows: names of the controls in each row; None puts all in one row. Rows wrap on a narrow screen.
        adjust: name of a control -> function without arguments, called when that control has changed, before drawing.
            It may move other controls or their limits; these changes do not draw, and do not call their own functions.
        waiting: text to show first, where there is nothing to draw yet; ``redraw()`` draws when there is.

    Returns:
        An ipywidgets box with the attributes ``controls``, ``picture`` (the HTML widget of the drawing) and
        ``redraw`` (a function without arguments).

    Raises:
        ValueError: a control without description or tooltip, an unknown name in ``rows`` or ``adjust``, a control
            that no row holds.
        Exception: what ``render`` raises for the values that the controls have at first.

    Example:
        >>> box = panel({"n": ipywidgets.IntSlider(3, 1, 9, description="n", tooltip="How many dots")},
        ...             lambda n: f"<p>{'•' * n}</p>")
    """
    controls, adjust = dict(controls), dict(adjust or {})
    rows = [list(controls)] if rows is None else [list(row) for row in rows]
    check(controls, rows, adjust)
    flow = ipywidgets.Layout(flex_flow="row wrap")
    picture = ipywidgets.HTML(waiting or "")
    box = ipywidgets.VBox([*(ipywidgets.HBox([controls[name] for name in row], layout=flow) for row in rows), picture])
    # An assignment in ``adjust`` is a change like a reader's; while it goes on, changes only happen.
    moving = False

    def draw():
        picture.value = render(**{name: control.value for name, control in controls.items()})

    def react(name):
        nonlocal moving
        if moving:
            return
        moving = True
        try:
            adjust.get(name, lambda: None)()
            draw()
        except Exception as error:
            picture.value = failure(error)
        finally:
            moving = False

    for name, control in controls.items():
        if hasattr(control, "continuous_update"):
            control.continuous_update = False
        control.observe(lambda _, name=name: react(name), "value")
    if waiting is None:
        draw()
    box.controls, box.picture, box.redraw = controls, picture, draw
    return box


def check(controls, rows, adjust):
    """Raise ValueError for a panel that cannot be wired, or that somebody who does not see it could not use."""
    if not controls:
        raise ValueError("panel() got no controls; show the drawing itself")
    for name, control in controls.items():
        if not getattr(control, "description", "") or not getattr(control, "tooltip", ""):
            raise ValueError(f"panel() got the control {name!r} without a description or a tooltip; give it both")
    placed = [name for row in rows for name in row]
    unknown = sorted({*placed, *adjust} - set(controls))
    if unknown:
        raise ValueError(f"panel() got {', '.join(unknown)} in rows or adjust; the controls are {', '.join(controls)}")
    missing = [name for name in controls if name not in placed]
    if missing or len(placed) != len(controls):
        raise ValueError(f"panel() needs every control in one row once; missing: {', '.join(missing) or 'none'}")


def failure(error):
    """An error as the HTML that stands in place of the drawing.

    A ValueError or TypeError is an answer to the chosen values, in words. Anything else is a fault of ours: the
    traceback goes with it.
    """
    if isinstance(error, (ValueError, TypeError)):
        told = html.escape(str(error))
    else:
        lines = html.escape("".join(traceback.format_exception(error)))
        told = f"{type(error).__name__}: {html.escape(str(error))}"
        told += f"<details><summary>Details</summary><pre>{lines}</pre></details>"
    return f'<div class="{ERROR}" role="alert"><b>This cannot be drawn.</b> {told}</div>'
