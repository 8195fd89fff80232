"""Figures about sequences: what is read and answered when, and what the gates of an LSTM do over a text."""

import matplotlib.pyplot as plt
import numpy as np

from kryptonlib import plots
from kryptonlib.basics import learning_drawing
from kryptonlib.sequences import textgenrnn
from kryptonlib.sequences.tasks import BLANK, UNASKED

BOX = {"boxstyle": "square,pad=0.32", "lw": 0.8}


def shapes(examples):
    """One example per task on the clock: what is read (below), the states, what is answered (above).

    Args:
        examples: mapping from a task's title to (inputs [T], answers [T]) as ``tasks.sample`` gives them for one
            sequence.

    Returns:
        The matplotlib figure.
    """
    if not examples:
        raise ValueError("shapes() got no examples")
    lengths = [len(inputs) for inputs, _ in examples.values()]
    # A title needs the room of four steps.
    widths = [max(length, 4) + 1.3 for length in lengths]
    figure, rows = plt.subplots(1, len(examples), figsize=(plots.WIDTH, 2.1), width_ratios=widths)
    for axes, (title, (inputs, answers)) in zip(np.atleast_1d(rows), examples.items()):
        for t, (symbol, answer) in enumerate(zip(inputs, answers)):
            axes.text(t, 1, "  ", fontsize=6, ha="center", va="center", bbox=BOX | {"fc": "#dce9f5", "ec": "0.4"})
            if t:
                axes.annotate("", (t - 0.3, 1), (t - 0.7, 1), arrowprops={"arrowstyle": "->", "lw": 0.8})
            if symbol != BLANK:
                axes.text(t, 0, f"{int(symbol) - 1}", fontsize=9, ha="center", va="center")
                axes.annotate("", (t, 0.72), (t, 0.25), arrowprops={"arrowstyle": "->", "lw": 0.8})
            if answer != UNASKED:
                axes.text(t, 2, f"{int(answer)}", fontsize=9, ha="center", va="center", weight="bold")
                axes.annotate("", (t, 1.75), (t, 1.28), arrowprops={"arrowstyle": "->", "lw": 0.8})
        margin = max(4 - len(inputs), 0) / 2
        axes.set(xlim=(-0.9 - margin, len(inputs) - 0.1 + margin), ylim=(-0.4, 2.5))
        axes.axis("off")
        axes.set_title(title, fontsize=8)
    first = np.atleast_1d(rows)[0]
    for height, text in enumerate(("read", "state", "answer")):
        first.text(-0.6, height, text, fontsize=7, ha="right", va="center", color="0.35")
    return figure


def over_text(text, rows, *, height=0.42):
    """Values over the characters of a text as rows of colour, each row on its own scale.

    Args:
        text: string of T characters; spaces are shown as "␣".
        rows: mapping from a row's name to (values [T], (lowest, highest) of its colours).
        height: of a row in inches.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: no rows, or values that are not as many as characters.
    """
    if not rows:
        raise ValueError("over_text() got no rows")
    size = plots.WIDTH, height * len(rows) + 0.6
    figure, places = plt.subplots(len(rows), 1, figsize=size, sharex=True, squeeze=False)
    for axes, (name, (values, (low, high))) in zip(places[:, 0], rows.items()):
        values = np.asarray(values, dtype=float)
        if values.shape != (len(text),):
            raise ValueError(f"over_text() got {values.shape} values in {name!r} for {len(text)} characters")
        drawn = axes.imshow(values[None], aspect="auto", vmin=low, vmax=high)
        axes.set(yticks=[])
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
        bar = figure.colorbar(drawn, ax=axes, ticks=[low, high], pad=0.01, aspect=4)
        bar.ax.tick_params(labelsize=6)
    places[-1, 0].set_xticks(range(len(text)), text.replace(" ", "␣"), fontsize=8, family="monospace")
    return figure


def gates(text, layer, unit):
    """An LSTM's gates over a text: means of two gates, one unit's forget gate and cell, and the letters so far.

    Args:
        text: T characters.
        layer: of ``textgenrnn.gates(text)``.
        unit: number of the unit.
    """
    rows = {f"{name} gate, mean": (layer[name[0]].mean(1)[1:], (0, 1)) for name in ("input", "forget")}
    rows[f"unit {unit}: forget gate"] = layer["f"][1:, unit], (0, 1)
    rows[f"unit {unit}: cell"] = layer["c"][1:, unit], (-2, 2)
    rows["letters so far"] = textgenrnn.letters_so_far(text), (0, 8)
    return over_text(text, rows)


def with_spread(x, series, *, xlabel, ylabel):
    """Lines of means over runs on a logarithmic axis, each in a band from the smallest run to the largest.

    Args:
        x: [N].
        series: name -> values [N, runs].
        xlabel, ylabel: texts.
    """
    figure, axes = plt.subplots()
    learning_drawing.lines(axes, x, series, markers=True, xlabel=xlabel, ylabel=ylabel, xscale="log")
    return figure
