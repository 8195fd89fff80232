"""Measurements of notebook 22 that are more than a comparison of trained networks."""

from dataclasses import dataclass

import numpy as np

from kryptonlib.deep import fitting, probes
from kryptonlib.deep.normalisation import SwitchNorm
from kryptonlib.processes import in_processes


def trust_in_training(make, digits, *, rate, steps, seeds, decreases, sample=256):
    """``probes.trust`` at six moments of a training from each seed, on the first ``sample`` training digits.

    Args:
        make: function of ``seed`` that makes a network.
        decreases: promised decreases.

    Returns:
        (kept, turned), each [moments of all seeds, decreases].
    """
    shared = {"make": make, "digits": digits, "sample": sample, "decreases": decreases, "rate": rate, "steps": steps}
    found = in_processes(_trusted, [{**shared, "seed": seed} for seed in seeds])
    return np.concatenate(found).transpose(1, 0, 2)


def _trusted(make, digits, sample, decreases, **settings):
    """``probes.trust`` at each mark of a training: [moments, 2, decreases]."""
    part, found = digits.train.first(min(sample, len(digits.train))), []

    def watch(network):
        found.append(probes.trust(network, part.pictures, part.classes, decreases))

    fitting.trained(make, digits, watch=watch, **settings)
    return np.array(found)


def switch_shares(make, digits, *, rate, steps, batch, seeds, speed=3.0):
    """The shares that a network's ``normalisation.SwitchNorm`` layers learn.

    Args:
        speed: of ``SwitchNorm``; 3 lets the shares learn nine times as fast as the other weights, so that they move
            in some hundred steps.

    Returns:
        Array [seeds, layers, 2, 3]: of the means and of the variances; instance, layer, batch.
    """
    shared = {"make": make, "digits": digits, "speed": speed, "rate": rate, "steps": steps, "batch": batch}
    return np.array(in_processes(_shares, [{**shared, "seed": seed} for seed in seeds]))


def _shares(make, digits, speed, seed, **settings):
    """What the switches of one network learned: [layers, 2, 3]."""
    network = make(seed=seed)
    switches = [layer for layer in network.modules() if isinstance(layer, SwitchNorm)]
    for layer in switches:
        layer.speed = speed
    fitting.fit(network, digits, seed=seed, marks=1, **settings)
    return [layer.shares().detach().numpy() for layer in switches]


@dataclass(frozen=True)
class Stopping:
    """Trainings that went on, and what early stopping would have kept.

    Attributes:
        curves: one ``fitting.Curves`` per seed.
        kept: the steps whose weights are kept, one per seed.
        loss_saved, error_saved: by how much the test loss and the test error at the end exceed those of the kept
        weights.
    """

    curves: list
    kept: np.ndarray
    loss_saved: np.ndarray
    error_saved: np.ndarray


def early_stopping(make, digits, *, rate, steps, seeds, patience=5, marks=30):
    """Train at a constant rate from each seed and look up what ``fitting.stopping_point`` keeps: ``Stopping``."""
    shared = {"make": make, "digits": digits, "rate": rate, "steps": steps, "schedule": "constant", "marks": marks}
    runs = in_processes(fitting.trained, [{**shared, "seed": seed} for seed in seeds])
    kept = [fitting.stopping_point(run.tune_loss, patience)[0] for run in runs]
    saved = [
        [run.test_loss[-1] - run.test_loss[at], run.test_error[-1] - run.test_error[at]] for run, at in zip(runs, kept)
    ]
    return Stopping(runs, np.array([run.steps[at] for run, at in zip(runs, kept)]), *np.transpose(saved))


def depth_results(card):
    """What the study ``training.depth`` came to.

    Args:
        card: what ``training.card.read("depth")`` returned, of a finished study.

    Returns:
        (errors, table): network -> [seeds, 2], training and test error at the end; and a Markdown table of them.

    Raises:
        ValueError: the study was not finished.
    """
    if not card.get("finished"):
        raise ValueError("depth_results() got no finished study; `python -m kryptonlib train depth` makes one")
    recipe, errors = card["recipe"], {}
    rows = ["| network | weights | rate | training error | test error |", "|-|-|-|-|-|"]
    for name, rate in recipe["rates"].items():
        runs = [values for run, values in card["results"].items() if run.startswith(f"{name} seed")]
        errors[name] = np.array([[run["training error"], run["test error"]] for run in runs])
        cells = (f"{some.mean():.1%} ± {some.std(ddof=1):.1%}" for some in errors[name].T)
        rows.append(f"| {name} | {recipe['parameters'][name]:,} | {rate:g} | {' | '.join(cells)} |")
    return errors, "\n".join(rows)
