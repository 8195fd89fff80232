"""What notebook 12 measures: the thesis's metrics per slice, and how sure a lead by one of them is."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from scipy import stats

from kryptonlib import losses, store
from kryptonlib.restoration.compressed_sensing import total_variation
from kryptonlib.restoration.masks import column_mask
from kryptonlib.restoration.mri import undersample, volume_metrics

METRICS = ("l1", "l2", "psnr", "ms_ssim", "lpips", "flip")
"""Those of the thesis's tables 6.3 and 6.4, in their order; FLIP is its grey variant."""
HIGHER = ("psnr", "ms_ssim")
"""Metrics that are better when they are higher."""


def scores(restored, reference):
    """The six metrics of images: float64 [N, 6] in the order of ``METRICS``.

    Args:
        restored, reference: arrays or tensors [N, H, W] in [0, 1], at least 161 pixels a side.

    Example:
        >>> y = np.random.default_rng(0).random((1, 176, 176)).astype(np.float32)
        >>> scores(y, y)[0, [0, 1, 3]].tolist()  # doctest: +SKIP
        [0.0, 0.0, 1.0]
    """
    x, y = (torch.as_tensor(np.asarray(images), dtype=torch.float32)[:, None] for images in (restored, reference))
    found = losses.measure(y, x, METRICS[:5], data_range=1.0).values
    with torch.no_grad():
        flip = losses.flip_grey(x, y, reduction="none")
    return np.column_stack([found, flip.double().numpy()])


def methods(networks, weight):
    """Name -> function (zero-filled image, measured k-space, mask) -> restored image [H, W]: all that are compared.

    Args:
        networks: name -> ``restoration.Restorer``. weight: of total variation.
    """

    return {
        "masked": lambda given, measured, mask: given,
        "TV": lambda given, measured, mask: np.clip(total_variation(measured, mask, weight), 0, 1),
    } | {name: partial(_with_network, network) for name, network in networks.items()}


def _with_network(network, given, measured, mask):
    return network(given)


@dataclass(frozen=True)
class Compared:
    """What every method makes of some slices.

    Attributes:
        reference: [N, H, W]. restored: method -> [N, H, W]. scores: method -> [N, 6] (``METRICS``).
        volume: method -> fastMRI's metrics over these slices as one volume.
    """

    reference: np.ndarray
    restored: dict
    scores: dict
    volume: dict


def compare(volume, acceleration, seed, every):
    """Undersample a volume under one mask, restore its slices by every method, and measure.

    Args:
        volume: :class:`kryptonlib.restoration.volumes.Volume`. Total variation gets a scanner's volume as magnitude
            images whose k-space is simulated, of the images' own width; all others get the scanner's.
        acceleration, seed: of the mask.
        every: what :func:`methods` gives.
    """
    given, _ = volume.masked(acceleration, seed)
    mask = column_mask(volume.images.shape[-1], acceleration, seed)
    measured = undersample(volume.images, mask)
    restored = {
        name: np.stack([np.clip(method(*pair, mask), 0, 1) for pair in zip(given, measured)])
        for name, method in every.items()
    }
    return Compared(
        volume.images,
        restored,
        {name: scores(some, volume.images) for name, some in restored.items()},
        {name: volume_metrics(some, volume.images) for name, some in restored.items()},
    )


def joined(results):
    """method -> [all slices, 6] of a list of :class:`Compared`."""
    return {name: np.concatenate([one.scores[name] for one in results]) for name in results[0].scores}


@dataclass(frozen=True)
class Lead:
    """How far a model is ahead of the best of its rivals by one metric, image by image.

    Attributes:
        model, rival, metric: names; the rival is the one with the best mean.
        gains: [N], positive where the model is better.
        people: of how many people the mean gain is positive. of_people: how many there are.
        chance: p of Wilcoxon's signed-rank test over the images, two-sided.
    """

    model: str
    rival: str
    metric: str
    gains: np.ndarray
    people: int
    of_people: int
    chance: float

    @property
    def holds(self):
        """Whether the model is ahead on average, with p below 0.05."""
        return bool(self.gains.mean() > 0 and self.chance < 0.05)

    def text(self, labels):
        """The lead in words; ``labels`` says how models are called."""
        mean, won = float(self.gains.mean()), int((self.gains > 0).sum())
        return (
            f"{'ahead of' if mean > 0 else 'behind'} {labels[self.rival]} by {abs(mean):.2g}, better in {won} of "
            f"{len(self.gains)} slices and for {self.people} of {self.of_people} people, p = {self.chance:.1g}"
        )


def lead(results, model, metric, rivals):
    """:class:`Lead` of a model over others.

    Args:
        results: list of :class:`Compared`, one a person. metric: one of ``METRICS``.
        rivals: names; the model itself is left out.
    """
    place, sign = METRICS.index(metric), 1 if metric in HIGHER else -1
    columns = {name: [sign * one.scores[name][:, place] for one in results] for name in {model, *rivals}}
    gains = {
        name: [own - other for own, other in zip(columns[model], columns[name])] for name in rivals if name != model
    }
    rival = min(gains, key=lambda name: np.concatenate(gains[name]).mean())
    parts = gains[rival]
    every = np.concatenate(parts)
    chance = float(stats.wilcoxon(every).pvalue) if every.any() else 1.0
    return Lead(model, rival, metric, every, sum(bool(part.mean() > 0) for part in parts), len(parts), chance)


def tuned_weight(volume, acceleration, seed, weights, real=False):
    """The weight of total variation with the smallest mean squared error on a volume to tune on, and all errors.

    Args:
        volume: to tune on. acceleration, seed: of the mask. weights: to try. real: as ``total_variation`` takes it.

    Returns:
        (weight, [mean squared error of each weight]).
    """
    mask = column_mask(volume.images.shape[-1], acceleration, seed)
    measured = undersample(volume.images, mask)
    errors = []
    for weight in weights:
        restored = np.stack([total_variation(some, mask, weight, real=real) for some in measured])
        errors.append(float(((np.clip(restored, 0, 1) - volume.images) ** 2).mean()))
    return weights[int(np.argmin(errors))], errors


def leads_by_seed(results, models, own):
    """Each model's lead by its own metric, for every training seed: model -> [:class:`Lead` of each seed].

    A seed of a model is compared with the same seed of its rivals, whose training saw the same pieces and masks.

    Args:
        results: for each seed a list of :class:`Compared`, one a person.
        models: names of all that are compared. own: model -> its metric, one of ``METRICS``.

    Example:
        >>> leads_by_seed([first, second], ["l1", "flip"], {"flip": "flip"})  # doctest: +SKIP
        {'flip': [Lead(...), Lead(...)]}
    """
    return {model: [lead(seed, model, metric, models) for seed in results] for model, metric in own.items()}


def seed_spread(results, models, metric):
    """The most that a mean over all slices differs between two training seeds of one model, over the models.

    Args:
        results: as in :func:`leads_by_seed`. models: names. metric: one of ``METRICS``.
    """
    place = METRICS.index(metric)
    means = [[scores[name][:, place].mean() for name in models] for scores in map(joined, results)]
    return float(np.ptp(means, axis=0).max())


def from_least(results, models, metric):
    """The models in the order of their means over all slices, the least first.

    Args:
        results: list of :class:`Compared`, one a person. models: names. metric: one of ``METRICS``.
    """
    scores, place = joined(results), METRICS.index(metric)
    return sorted(models, key=lambda name: scores[name][:, place].mean())


def logs(models, seed="", folder=store.CHECKPOINTS):
    """The training logs of the networks: name -> what ``store.read_log`` gives.

    Args:
        models: "l1" for the checkpoint "mri-l1". seed: "" or "seed1". folder: of the checkpoints.
    """
    ends = f"-{seed}" if seed else ""
    return {name: store.read_log(f"mri-{name}{ends}", folder) for name in models}


def held_out_leaders(found, metrics):
    """The model that the last line of each log has ahead, for each metric: a list of names.

    Args:
        found: of :func:`logs`. metrics: of ``METRICS``.
    """
    return [max(found, key=lambda name: _last(found[name], metric)) for metric in metrics]


def held_out_apart(found, metric, model):
    """Whether every seed of a model is ahead of every seed of all others at the end of the logs.

    Args:
        found: of :func:`logs`, for each seed. metric: one of ``METRICS``. model: a name.
    """
    rivals = [_last(log, metric) for seed in found for name, log in seed.items() if name != model]
    return min(_last(seed[model], metric) for seed in found) > max(rivals)


def _last(log, metric):
    """The last value of a column, its sign turned where less is better."""
    return (1 if metric in HIGHER else -1) * log[metric][-1]
