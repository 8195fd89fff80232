"""Interactive panels, one file each. ``panel`` wires controls to a drawing; every panel is built with it."""

from kryptonlib.widgets.wiring import look, panel

__all__ = ["look", "panel"]
