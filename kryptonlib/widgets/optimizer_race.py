"""A race of optimizers over a loss surface: choose the surface, the start, the rates and who runs."""

import html

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from kryptonlib import plots
from kryptonlib.basics.optimizers import OPTIMIZERS, descend
from kryptonlib.basics.surfaces import SURFACES, surface
from kryptonlib.plots import COLOURS, STYLES, WIDTH
from kryptonlib.widgets import wiring

SCALED = ("AdaGrad", "RMSProp", "Adam", "AdaMax", "Nadam", "AMSGrad")
"""Optimizers whose step does not grow with the gradient; they share the second rate. Adadelta has no rate."""


def paths(name, start, rate, scaled_rate, optimizers, steps):
    """The walk of every named optimizer: mapping name -> [at most steps + 1, 2].

    Args:
        name: a surface of ``kryptonlib.basics.surfaces``.
        start: (x, y), or None for the surface's own.
        rate: learning rate of SGD, Momentum and NAG.
        scaled_rate: learning rate of those in ``SCALED``.
        optimizers: names of ``OPTIMIZERS``.
        steps: updates, at least 1.
    """
    ground = surface(name)
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    walks = {}
    for runner in optimizers:
        if runner not in OPTIMIZERS:
            raise ValueError(f"unknown optimizer {runner!r}; known are {', '.join(OPTIMIZERS)}")
        own = 1.0 if runner == "Adadelta" else scaled_rate if runner in SCALED else rate
        walks[runner] = descend(OPTIMIZERS[runner](own), ground.gradient, start or ground.start, steps)
    return walks


def _grid(ground, count):
    """The window of a surface as ``count`` points a side: [2, count, count]."""
    left, right, bottom, top = ground.window
    return np.stack(np.meshgrid(np.linspace(left, right, count), np.linspace(bottom, top, count)))


def _draw_map(axes, name, walks):
    ground = surface(name)
    grid = _grid(ground, 200)
    height = ground.value(grid)
    # Levels at equal shares of the window's area: a valley gets as many lines as a wall.
    levels = np.unique(np.quantile(height, np.linspace(0.0, 1.0, 15)))
    axes.contourf(*grid, height, levels=levels, cmap="Greys", norm="asinh", alpha=0.55)
    axes.contour(*grid, height, levels=levels[::2], colors="0.6", linewidths=0.5, linestyles="solid")
    for walk, (colour, style) in zip(walks.items(), _looks()):
        label, path = walk
        axes.plot(*path.T, color=colour, ls=style, marker="", lw=1.8, label=label)
        axes.plot(*path[-1], color=colour, marker="o", ms=6, mec="white", ls="", zorder=4)
    first = next(iter(walks.values()))[0]
    axes.plot(*first, marker="X", ms=9, color="black", mec="white", ls="", zorder=5)
    for minimum in ground.minima:
        axes.plot(*minimum, marker="*", ms=14, color="white", mec="black", ls="", zorder=3)
    axes.set(xlim=ground.window[:2], ylim=ground.window[2:], xlabel="weight 1", ylabel="weight 2", title=name)


def _looks():
    """(colour, line style) for up to ten runners: the palette once, then again with another style."""
    return [(COLOURS[i % 7], STYLES[(i + 2 * (i // 7)) % 4]) for i in range(len(OPTIMIZERS))]


def render(name="Beale", start=None, rate=0.004, scaled_rate=0.1, optimizers=("SGD", "Momentum", "Adam"), steps=300):
    """Figure of the race: the ways over the map, and the loss after each step.

    Arguments as in ``paths``. A walk that leaves all bounds ends where it last was finite.

    Returns:
        The matplotlib figure; black cross = start, star = minimum, dots = where each stopped.
    """
    if not optimizers:
        raise ValueError(f"choose at least one optimizer of {', '.join(OPTIMIZERS)}")
    return _draw(name, paths(name, start, rate, scaled_rate, optimizers, steps))


def _draw(name, walks):
    """The figure of ``render`` for what ``paths`` gave."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.8))
    _draw_map(left, name, walks)
    ground = SURFACES[name]
    for walk, (colour, style) in zip(walks.items(), _looks()):
        label, path = walk
        right.plot(ground.value(path.T), color=colour, ls=style, marker="", lw=1.8, label=label)
    # A walk that diverges must not flatten the others. Logarithmic only where there is a least loss: it is 0.
    first = float(ground.value(next(iter(walks.values()))[0]))
    if ground.minima:
        right.set_yscale("log")
        losses = np.concatenate([ground.value(path.T) for path in walks.values()])
        right.set_ylim(max(float(losses.min()) / 3, 1e-12), 10 * max(first, 1e-6))
    else:
        shown = ground.value(_grid(ground, 21))
        right.set_ylim(float(shown.min()), max(float(shown.max()), first))
    right.set(xlabel="step", ylabel="loss", title="loss")
    right.grid(True)
    right.legend(fontsize=8, ncols=2 if len(walks) > 5 else 1)
    return figure


def describe(name, walks):
    """The race in a sentence, for somebody who does not see it: where each of ``paths``'s walks ended.

    >>> describe("bowl", {"SGD": np.array([[2.0, 0.0], [1.0, 0.0]])})
    'Race on the bowl surface. SGD: loss 2 to 0.5 in 1 steps'
    """
    ground = surface(name)
    ways = []
    for runner, path in walks.items():
        first, last = ground.value(path[[0, -1]].T)
        ways.append(f"{runner}: loss {first:.3g} to {last:.3g} in {len(path) - 1} steps")
    return f"Race on the {name} surface. " + "; ".join(ways)


def panel(name="Beale", steps=300):
    """The interactive race. Needs a running kernel.

    Args:
        name: the surface shown first.
        steps: updates at first, 10 to 2000.

    Returns:
        An ipywidgets box; its ``controls`` maps each control's name to its widget, its ``picture`` is the drawing.
    """
    surface(name)
    look = wiring.look(description="150px", width="95%")
    controls = {
        "name": ipywidgets.Dropdown(
            options=list(SURFACES), value=name, description="Surface", tooltip="the loss surface", **look
        ),
        "x": ipywidgets.FloatSlider(
            min=-5, max=5, step=0.05, value=SURFACES[name].start[0], description="Start, weight 1",
            tooltip="first weight at the start", **look,
        ),
        "y": ipywidgets.FloatSlider(
            min=-5, max=5, step=0.05, value=SURFACES[name].start[1], description="Start, weight 2",
            tooltip="second weight at the start", **look,
        ),
        "rate": ipywidgets.FloatLogSlider(
            min=-5, max=1, value=0.004, description="Rate: SGD, mom., NAG",
            tooltip="learning rate of SGD, Momentum and NAG", **look,
        ),
        "scaled_rate": ipywidgets.FloatLogSlider(
            min=-4, max=1, value=0.1, description="Rate: adaptive ones",
            tooltip="learning rate of AdaGrad, RMSProp, Adam, AdaMax, Nadam and AMSGrad; Adadelta has none", **look,
        ),
        "optimizers": ipywidgets.SelectMultiple(
            options=list(OPTIMIZERS), value=("SGD", "Momentum", "Adam"), rows=5, description="Optimizers",
            tooltip="who runs; hold Ctrl to choose several", **look,
        ),
        "steps": ipywidgets.IntSlider(
            min=10, max=2000, step=10, value=steps, description="Steps", tooltip="number of updates", **look
        ),
    }  # fmt: skip

    def to_start():
        controls["x"].value, controls["y"].value = SURFACES[controls["name"].value].start

    return wiring.panel(controls, _picture, rows=[(key,) for key in controls], adjust={"name": to_start})


def _picture(name, x, y, rate, scaled_rate, optimizers, steps):
    """The drawing as an HTML image, and the race in a sentence."""
    if not optimizers:
        raise ValueError("Choose at least one optimizer.")
    walks = paths(name=name, start=(x, y), rate=rate, scaled_rate=scaled_rate, optimizers=optimizers, steps=steps)
    alt = describe(name, walks)
    return f"{plots.as_html(_draw(name, walks), alt)}<p>{html.escape(alt)}.</p>"
