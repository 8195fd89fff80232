"""What the panels have in common: the look of a control, sliders with a moving end, controls above a drawing."""

import ipywidgets


def wide():
    """Keyword arguments of a control with room for its description."""
    return {"style": {"description_width": "70px"}, "layout": ipywidgets.Layout(width="330px")}


def limit(controls, maxima, redraw):
    """Give sliders new upper ends, then draw once.

    Args:
        controls: name -> slider.
        maxima: name -> its new maximum. A smaller one may move the slider.
        redraw: what the sliders call when they move.
    """
    for name, maximum in maxima.items():
        controls[name].unobserve(redraw, "value")
        controls[name].max = maximum
        controls[name].observe(redraw, "value")
    redraw()


def assembled(controls, rows, picture):
    """Controls in rows that wrap on a narrow screen, the drawing below.

    Args:
        controls: name -> widget.
        rows: names of the controls in each row.
        picture: the widget that holds the drawing.

    Returns:
        An ipywidgets box with the attributes ``controls`` and ``picture``.
    """
    flow = ipywidgets.Layout(flex_flow="row wrap")
    box = ipywidgets.VBox([*(ipywidgets.HBox([controls[name] for name in row], layout=flow) for row in rows), picture])
    box.controls, box.picture = controls, picture
    return box
