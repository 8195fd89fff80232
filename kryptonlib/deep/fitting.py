"""Train a small network and keep both curves; choose every competitor's rate alike; run several seeds."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from kryptonlib.deep.schedules import schedule as schedule_of
from kryptonlib.deep.small_digits import augment as augmented
from kryptonlib.processes import in_processes
from kryptonlib.threads import one_thread

MOMENTUM = 0.9
TUNING_SEED = 100
"""The seed with which rates are chosen; the seeds that count are small numbers."""
LOST = 10.0
"""What a loss counts as at most; one that is not finite ends the training."""


@dataclass(frozen=True)
class Curves:
    """What was measured while a network was trained, with the network as it would be used (evaluation mode).

    Arrays over the measured steps: ``steps``, ``train_loss``, ``train_error``, ``tune_loss``, ``tune_error``,
    ``test_loss``, ``test_error``; losses are mean cross-entropies in nats, errors shares of wrong answers.
    ``batch_losses`` [steps] are the losses of the batches before each step, in training mode.
    """

    steps: np.ndarray
    train_loss: np.ndarray
    train_error: np.ndarray
    tune_loss: np.ndarray
    tune_error: np.ndarray
    test_loss: np.ndarray
    test_error: np.ndarray
    batch_losses: np.ndarray


MEASURED = 500
"""The training error is measured on the first so many training digits."""


@one_thread()
def fit(
    network, digits, *, rate, steps, seed=0, batch=32, schedule="cosine", augment=(), company=0, marks=6, watch=None
):
    """Train a network in place with SGD and momentum; returns its ``Curves``.

    Args:
        network: module that takes pictures [N, 1, H, W] to logits.
        digits: ``small_digits.Digits``.
        rate: the highest rate.
        steps, batch: how many batches, and digits in each.
        seed: of batches, augmentation and dropout.
        schedule: a name of ``schedules.SCHEDULES``.
        augment: names of ``small_digits.AUGMENTATIONS``, applied to each batch.
        company: so many further training digits go through the network with each batch and count for the statistics of
            batch norm, but not for the loss.
        marks: how often to measure; evenly spaced, the last one at the end.
        watch: function of the network that is called at each mark, or None.

    A loss that is not finite ends the training; what was to be measured then counts as ``LOST`` and an error of 0.9.

    Raises:
        ValueError: numbers of steps, digits or marks below 1, a rate that is not above 0, unknown names.
    """
    if steps < 1 or batch < 1 or marks < 1 or company < 0 or not rate > 0:
        raise ValueError(f"fit() got steps {steps}, batch {batch}, marks {marks}, company {company}, rate {rate}")
    draw = torch.Generator().manual_seed(seed)
    pace = schedule_of(schedule, steps)
    optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=MOMENTUM)
    at = np.unique(np.linspace(0, steps, marks + 1).round().astype(int))[1:]
    parts = [digits.train.first(min(len(digits.train), MEASURED)), digits.tune, digits.test]
    measured, losses = [], []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout draws from the global generator
        network.train()
        for step in range(steps):
            drawn = torch.randint(len(digits.train), (batch + company,), generator=draw)
            pictures = augmented(augment, digits.train.pictures[drawn], draw)
            loss = functional.cross_entropy(network(pictures)[:batch], digits.train.classes[drawn[:batch]])
            if not math.isfinite(loss.item()):
                break
            losses.append(min(loss.item(), LOST))
            pace.tell(losses[-1])
            optimizer.param_groups[0]["lr"] = rate * pace.pace(step)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step + 1 in at:
                measured.append([value for part in parts for value in judge(network, part)])
                if watch is not None:
                    watch(network)
                network.train()
    network.eval()
    measured += [[LOST, 0.9] * len(parts)] * (len(at) - len(measured))
    losses += [LOST] * (steps - len(losses))
    return Curves(at, *np.array(measured).T, np.array(losses))


def trained(make, digits, *, seed, **settings):
    """``fit`` of the network that ``make(seed=seed)`` makes, with the same seed for its training."""
    return fit(make(seed=seed), digits, seed=seed, **settings)


def judge(network, part):
    """(mean cross-entropy, share of wrong answers) of a network in evaluation mode."""
    with torch.no_grad():
        logits = network.eval()(part.pictures)
    loss = functional.cross_entropy(logits, part.classes).item()
    wrong = (logits.argmax(1) != part.classes).float().mean().item()
    return (min(loss, LOST) if math.isfinite(loss) else LOST), wrong


@dataclass(frozen=True)
class Comparison:
    """Competitors that were tuned alike.

    Attributes:
        rates: competitor -> the rate that it was given.
        tuning: competitor -> {rate: what was to be least, at the tuning seed}.
        curves: competitor -> its ``Curves``, one per seed.
    """

    rates: dict
    tuning: dict
    curves: dict

    def last(self, name, what):
        """The values of one competitor at the end, one per seed; ``what`` is an attribute of ``Curves``."""
        return np.array([getattr(some, what)[-1] for some in self.curves[name]])

    def over(self, name, what):
        """The values of one competitor over the measured steps, [steps, seeds]."""
        return np.array([getattr(some, what) for some in self.curves[name]]).T

    def steps_to(self, name, target):
        """``steps_to`` of one competitor, one number per seed."""
        return np.array([steps_to(some.batch_losses, target) for some in self.curves[name]])

    def table(self, title=""):
        """A Markdown table: each competitor's rate, and mean and standard deviation of its errors at the end."""
        rows = [f"| {title} | rate | training error | test error |", "|-|-|-|-|"]
        for name, rate in self.rates.items():
            values = (self.last(name, what) for what in ("train_error", "test_error"))
            cells = (f"{some.mean():.1%} ± {some.std(ddof=1) if len(some) > 1 else 0:.1%}" for some in values)
            rows.append(f"| {name} | {rate:g} | {' | '.join(cells)} |")
        return "\n".join(rows)


def compare(competitors, digits, *, rates, seeds, least="tune_loss", **settings):
    """Give each competitor the best of the same rates, then train it from each seed.

    In a notebook two processes share the trainings (``processes.in_processes``).

    Args:
        competitors: name -> (function of ``seed`` that makes a network, dict of settings for ``fit``), or name ->
            (function, settings, digits) where a competitor has its own.
        digits: ``small_digits.Digits``.
        rates: to try, each once with ``TUNING_SEED``.
        seeds: those that count.
        least: what the best rate has least of, at the end: an attribute of ``Curves``.
        settings: of ``fit``, for all.

    Returns:
        ``Comparison``.
    """
    runs = {
        name: {"make": make, "digits": other[0] if other else digits, **settings, **own}
        for name, (make, own, *other) in competitors.items()
    }
    tried = [(name, rate) for name in runs for rate in rates]
    once = {"seed": TUNING_SEED, "marks": 1}
    found = in_processes(trained, [{**runs[name], "rate": rate, **once} for name, rate in tried])
    tuning = {name: {} for name in runs}
    for (name, rate), curve in zip(tried, found):
        tuning[name][rate] = getattr(curve, least)[-1]
    chosen = {name: min(rates, key=tuning[name].get) for name in runs}
    counted = [(name, seed) for name in runs for seed in seeds]
    found = in_processes(trained, [{**runs[name], "rate": chosen[name], "seed": seed} for name, seed in counted])
    curves = {name: [] for name in runs}
    for (name, _), curve in zip(counted, found):
        curves[name].append(curve)
    return Comparison(chosen, tuning, curves)


def stopping_point(losses, patience):
    """Early stopping: where training ends if the tuning loss must improve within ``patience`` measurements, and what
    is kept.

    Args:
        losses: the tuning losses in the order of measuring.
        patience: measurements in a row without a new least loss after which training ends.

    Returns:
        (kept, stopped): the index of the least loss so far, whose weights are kept, and of the last measurement.

    Example:
        >>> stopping_point([3, 2, 1, 2, 3, 0], patience=2)
        (2, 4)
    """
    if len(losses) == 0 or patience < 1:
        raise ValueError(
            f"stopping_point() got {len(losses)} losses and a patience of {patience}; expected at least 1 of each"
        )
    best = 0
    for place, loss in enumerate(losses):
        if loss < losses[best]:
            best = place
        if place - best >= patience:
            return best, place
    return best, len(losses) - 1


def steps_to(losses, target, window=10):
    """The first step at which the mean of the last ``window`` batch losses is at most ``target``; else their number."""
    means = np.convolve(losses, np.ones(window) / window, mode="valid")
    reached = np.flatnonzero(means <= target)
    return int(reached[0]) + window if len(reached) else len(losses)
