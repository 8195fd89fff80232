"""The figures of notebook 22, each a row of small panels."""

import matplotlib.pyplot as plt
import numpy as np

from kryptonlib import plots
from kryptonlib.basics.learning_drawing import lines
from kryptonlib.deep.drawing import curves, errors, shares
from kryptonlib.deep.schedules import SCHEDULES


def row(widths, height=3.0):
    """(figure, axes) of panels beside each other, of relative widths."""
    return plt.subplots(1, len(widths), figsize=(plots.WIDTH, height), width_ratios=widths)


def ticks(axes, values):
    """Mark the values on a logarithmic axis, and nothing else."""
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()


def initialisation(signals, comparison):
    """Variances at the start, training losses, test errors.

    Args:
        signals: rule -> ``probes.Signals``.
        comparison: ``fitting.Comparison`` over the rules.
    """
    figure, places = row([1, 1, 1])
    layers = np.arange(1, len(next(iter(signals.values())).variance) + 1)
    shown = {rule: np.where(some.variance > 0, some.variance, np.nan) for rule, some in signals.items()}
    lines(places[0], layers, shown, yscale="log", xlabel="layer", title="variance at the start", legend=False)
    curves(places[1], comparison, "train_loss", title="training loss", legend=False)
    curves(places[2], comparison, "test_error", title="test error")
    return figure


def activations(signals, comparison):
    """Variances and gradients before training, and training losses.

    Args:
        signals: activation -> ``probes.Signals``.
        comparison: ``fitting.Comparison`` over the activations.
    """
    figure, places = row([1, 1, 1])
    layers = np.arange(1, len(next(iter(signals.values())).variance) + 1)
    lines(places[0], layers, {name: some.variance for name, some in signals.items()}, yscale="log", xlabel="layer",
          title="variance of the outputs", legend=False)  # fmt: skip
    relative = {name: some.gradient / some.gradient[-1] for name, some in signals.items()}
    lines(places[1], layers, relative, yscale="log", xlabel="layer", title="gradient, last layer = 1")
    curves(places[2], comparison, "train_loss", title="training loss", legend=False)
    return figure


def normalisation(faster, trusted, promised, noisy):
    """Training losses; what a step down the gradient keeps of its promise and changes; errors.

    Args:
        faster, noisy: ``fitting.Comparison``.
        trusted: name -> (kept, turned), each [moments, promised], as ``experiments.trust_in_training`` returns.
        promised: the promised decreases.
    """
    figure, places = row([1.2, 1, 1, 0.9])
    curves(places[0], faster, "train_loss", title="training loss", ylim=(0, 2.5))
    for part, title in enumerate(("decrease / promise", "change of gradient")):
        series = {name: found[part].T for name, found in trusted.items()}
        lines(
            places[1 + part], promised, series, markers=True, legend=part == 1, xlabel="promised decrease", title=title
        )
    places[1].set_ylim(-1, 1)
    errors(places[3], noisy, xlabel="error", title="at the end")
    return figure


def switchable(learned, comparisons):
    """Learned shares of the statistics, and test errors, for each size of batch.

    Args:
        learned: size -> shares [layers, statistics].
        comparisons: size -> ``fitting.Comparison`` over the normalisations.
    """
    figure, places = row([1, 1, 0.9, 0.9])
    for place, (size, some) in zip(places, learned.items()):
        shares(place, some, ("instance", "layer", "batch"), xlabel="layer", title=f"shares, batches of {size}")
    for place, (size, some) in zip(places[2:], comparisons.items()):
        errors(place, some, xlabel="error", title=f"batches of {size}")
    places[3].set_yticklabels([])
    figure.legend(*places[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def depth(log, comparison):
    """The curves of ``training.depth``, training and test; errors of networks with equally many weights.

    Args:
        log: what ``training.card.read_log("depth")`` returned.
        comparison: ``fitting.Comparison``.
    """
    figure, places = row([1, 1, 1], 3.2)
    chosen = np.isfinite(log["plain-20 seed 0: error"])
    steps = log["step"][chosen] - log["step"][~chosen].max(initial=0)
    for axes, what, title in zip(places, ("error", "test error"), ("error on training batches", "test error")):
        series = {}
        for name in ("plain-20", "plain-56", "residual-20", "residual-56"):
            columns = [column for column in log if column.startswith(f"{name} seed") and column.endswith(f": {what}")]
            series[name.replace("-", ", ")] = np.array([log[column][chosen] for column in columns]).T
        lines(axes, steps, series, markers=True, legend=axes is places[1], xlabel="step", title=title, ylim=(0, 1))
    errors(places[2], comparison, xlabel="error", title="8,000 weights: layers × maps")
    return figure


def schedules(comparison, steps):
    """Three schedules' rates; training losses; the loss at the end over the highest rate; errors at the end.

    Args:
        comparison: ``fitting.Comparison`` over names of ``schedules.SCHEDULES``.
        steps: of the trainings.
    """
    figure, places = row([1, 1, 1, 0.8])
    # A plateau's rate follows from what it is told; where it is drawn, the others' colours stay.
    rates = {
        name: [SCHEDULES[name](steps).pace(step) for step in range(steps)]
        for name in comparison.rates
        if name != "plateau"
    }
    series = {name: rates.get(name, np.full(steps, np.nan)) for name in comparison.rates}
    lines(places[0], np.arange(steps), series, xlabel="step", title="share of the highest rate", legend=False)
    curves(places[1], comparison, "train_loss", title="training loss", legend=False, ylim=(0, 2))
    tried = {name: list(some.values()) for name, some in comparison.tuning.items()}
    at = list(next(iter(comparison.tuning.values())))
    lines(
        places[2],
        at,
        tried,
        markers=True,
        xscale="log",
        xlabel="highest rate",
        title="loss at the end",
        legend=False,
        ylim=(0, 3),
    )
    ticks(places[2], at)
    errors(places[3], comparison, xlabel="error", title="at the end")
    figure.legend(*places[1].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def regularisation(comparison, stopping, samples, excess):
    """Test errors over the steps and at the end; early stopping; the polynomial's degree by three rules.

    Args:
        comparison: ``fitting.Comparison`` over the remedies.
        stopping: ``experiments.Stopping``.
        samples, excess: the argument and the first result of ``choosing.excess_errors``.
    """
    figure, places = row([1, 0.8, 1, 1], 3.1)
    curves(places[0], comparison, "test_error", title="test error, few digits")
    errors(places[1], comparison, xlabel="error", title="at the end")
    losses = {name: np.transpose([getattr(one, what) for one in stopping.curves])
              for name, what in (("training", "train_loss"), ("tuning", "tune_loss"))}  # fmt: skip
    lines(places[2], stopping.curves[0].steps, losses, xlabel="step", title="loss, fewer digits")
    for kept in stopping.kept:
        places[2].axvline(kept, color="black", ls=":", lw=1)
    lines(places[3], samples, excess, markers=True, xscale="log", xlabel="samples", title="excess error")
    ticks(places[3], samples)
    return figure
