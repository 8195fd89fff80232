"""A sweep of learning rates in words: each loss after each rate on what is held out, and where the least lies."""

from collections import Counter


def tried(sweep, names):
    """Each loss on what is held out: rate (as text, as the card has it) -> [loss of each name].

    Args:
        sweep: the card of a sweep, with "held_out_loss" (name -> rate -> value) and "chosen" (name -> rate).
        names: keys of both.

    Raises:
        KeyError: a name that the sweep did not try.

    Example:
        >>> tried({"held_out_loss": {"l2": {"0.1": 3.0, "0.2": 2.0}}}, ["l2"])
        {'0.1': [3.0], '0.2': [2.0]}
    """
    columns = [sweep["held_out_loss"][name] for name in names]
    return {rate: [column[rate] for column in columns] for rate in columns[0]}


def table(sweep, labels):
    """The sweep in Markdown, one row a rate; the rate that was chosen for a loss is bold.

    Args:
        sweep: as in :func:`tried`. labels: name -> heading of its column.
    """
    lines = ["| rate | " + " | ".join(labels.values()) + " |", "|-|" + "-|" * len(labels)]
    for rate, values in tried(sweep, labels).items():
        marks = ["**" if float(rate) == sweep["chosen"][name] else "" for name in labels]
        lines.append(f"| {rate} | " + " | ".join(f"{m}{value:.5g}{m}" for m, value in zip(marks, values)) + " |")
    return "\n".join(lines)


def at_edge(sweep, names):
    """Those of the names for which the lowest or the highest rate that was tried is the best."""
    rates = [float(rate) for rate in tried(sweep, names)]
    return [name for name in names if sweep["chosen"][name] in (min(rates), max(rates))]


def most_chosen(sweep, names):
    """(the rate that most losses chose, how many did)."""
    return Counter(sweep["chosen"][name] for name in names).most_common(1)[0]


def in_words(sweep, labels):
    """How many losses chose the same rate, and for how many it lies at the edge: sentences.

    Args:
        sweep: as in :func:`tried`. labels: name -> what the text calls the loss.
    """
    usual, count = most_chosen(sweep, labels)
    edge = [labels[name] for name in at_edge(sweep, labels)]
    text = f"{count} of {len(labels)} losses chose the same rate, {usual:g}."
    if edge:
        text += f" For {', '.join(edge)} the least lies at the edge of what was tried: a longer sweep may find another."
    return text
