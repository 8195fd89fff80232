"""What a character model expects next: type a text, choose a temperature, watch the probabilities."""

import html

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from kryptonlib import plots
from kryptonlib.sequences import characters
from kryptonlib.widgets import wiring

SHOWN = 14
"""Characters with a bar of their own."""
WRITTEN = 160
"""Characters that the model writes on."""
NAMES = {"\n": "new line", " ": "space"}


def probabilities(model, text, temperature):
    """(characters, their probabilities at the temperature, at temperature 1): the most probable at 1 first."""
    plain = characters.next_probabilities(model, text)
    changed = characters.next_probabilities(model, text, temperature)
    order = np.argsort(-plain, kind="stable")[:SHOWN]
    return [model.alphabet[code] for code in order], changed[order], plain[order]


def render(model, text="The sha", temperature=0.5):
    """Figure of the probabilities of the next character at a temperature, beside those at 1.

    Args:
        model: ``characters.Model``.
        text: what it has read, at least one character of its alphabet.
        temperature: 0 or more.

    Returns:
        The matplotlib figure.
    """
    names, changed, plain = probabilities(model, text, temperature)
    figure, axes = plt.subplots(figsize=(plots.WIDTH, 2.6))
    place = np.arange(len(names))
    axes.bar(place - 0.2, plain, 0.4, color="0.75", label="temperature 1")
    axes.bar(place + 0.2, changed, 0.4, color=plots.COLOURS[0], label=f"temperature {temperature:g}")
    axes.set_xticks(place, [NAMES.get(name, name) for name in names])
    axes.set(ylim=(0, 1), ylabel="probability", title=f"the next character after “{text[-40:]}”".replace("\n", "⏎"))
    axes.legend()
    return figure


def describe(model, text, temperature):
    """The three most probable characters, for somebody who does not see the figure."""
    names, changed, _ = probabilities(model, text, temperature)
    order = np.argsort(-changed, kind="stable")[:3]
    most = ", ".join(f"{NAMES.get(names[k], names[k])} {changed[k]:.0%}" for k in order)
    return f"Most probable at temperature {temperature:g}: {most}"


def panel(model, text="The sha", temperature=0.5):
    """The interactive panel. Needs a running kernel.

    Args: as ``render``.

    Returns:
        An ipywidgets box; its ``controls`` maps each control's name to its widget, its ``picture`` is the drawing.
    """
    look = wiring.look(description="110px", width="95%")
    controls = {
        "text": ipywidgets.Text(value=text, description="Text so far", tooltip="what the model has read", **look),
        "temperature": ipywidgets.FloatSlider(
            min=0, max=2, step=0.1, value=temperature, description="Temperature",
            tooltip="0 takes the most probable character, 1 is the model's own, more is bolder", **look,
        ),
        "draw": ipywidgets.IntSlider(
            min=0, max=9, value=0, description="Draw", tooltip="another random continuation", **look
        ),
    }  # fmt: skip

    def picture(text, temperature, draw):
        if not text:
            raise ValueError("Type at least one character.")
        alt = describe(model, text, temperature)
        written = characters.generate(model, text, WRITTEN, temperature, draw)
        told = f"<pre><b>{html.escape(text)}</b>{html.escape(written)}</pre><p>{html.escape(alt)}.</p>"
        return plots.as_html(render(model, text, temperature), alt) + told

    return wiring.panel(controls, picture, rows=[(key,) for key in controls])
