"""What notebook 12 measures: the thesis's metrics per slice, and what becomes of planted lesions."""

from dataclasses import dataclass

import numpy as np
import torch

from kryptonlib import losses
from kryptonlib.restoration import lesions
from kryptonlib.restoration.compressed_sensing import total_variation
from kryptonlib.restoration.masks import column_mask
from kryptonlib.restoration.mri import undersample, volume_metrics, zero_filled

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

    def with_network(network):
        return lambda given, measured, mask: network(given)

    return {
        "masked": lambda given, measured, mask: given,
        "TV": lambda given, measured, mask: np.clip(total_variation(measured, mask, weight), 0, 1),
    } | {name: with_network(network) for name, network in networks.items()}


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


def compare(images, mask, every):
    """Undersample images under one mask, restore them by every method, and measure.

    Args:
        images: references [N, H, W] in [0, 1]. mask: bool [W]. every: what :func:`methods` gives.
    """
    given, measured = zero_filled(images, mask), undersample(images, mask)
    restored = {
        name: np.stack([np.clip(method(*pair, mask), 0, 1) for pair in zip(given, measured)])
        for name, method in every.items()
    }
    return Compared(
        images,
        restored,
        {name: scores(some, images) for name, some in restored.items()},
        {name: volume_metrics(some, images) for name, some in restored.items()},
    )


@dataclass(frozen=True)
class Lesions:
    """What becomes of planted lesions.

    Attributes:
        kept: method -> [contrasts, lesions], the restored contrast as a share of the planted one: 1 is kept, 0 erased.
        invented: method -> [places], the contrast of a lesion of that size that the method makes where there is none.
    """

    kept: dict
    invented: dict


def lesion_study(slices, every, contrasts, *, radius, count, acceleration, seed):
    """Plant discs into tissue at several contrasts, and restore with and without them under the same mask.

    What is kept is the difference of the two restorations, so that errors that are there anyway do not count. What is
    invented is the response to a disc of that size of "restored minus reference", at places without a lesion.

    Args:
        slices: list of references [H, W].
        every: what :func:`methods` gives.
        contrasts: of the discs, in units of the image.
        radius: in pixels. count: discs in each slice, all at once.
        acceleration, seed: of the masks; slice number n gets seed + n.
    """
    kept = {name: [[] for _ in contrasts] for name in every}
    invented = {name: [] for name in every}
    for number, image in enumerate(slices):
        mask = column_mask(image.shape[1], acceleration, seed + number)
        planted = lesions.places(image, radius, count, seed + number)
        empty = lesions.places(image, radius, 4 * count, seed + 1000 + number, apart=2)
        without = {name: _restored(image, mask, method) for name, method in every.items()}
        for name in every:
            invented[name] += [lesions.response(without[name] - image, place, radius) for place in empty]
        for row, contrast in enumerate(contrasts):
            marked = image
            for place in planted:
                marked = lesions.plant(marked, place, radius, contrast)
            there = [lesions.response(marked - image, place, radius) for place in planted]
            for name, method in every.items():
                found = _restored(marked, mask, method) - without[name]
                shares = [lesions.response(found, place, radius) / true for place, true in zip(planted, there)]
                kept[name][row] += shares
    return Lesions(
        {name: np.array(rows) for name, rows in kept.items()}, {name: np.array(some) for name, some in invented.items()}
    )


def _restored(image, mask, method):
    return np.clip(method(zero_filled(image, mask), undersample(image, mask), mask), 0, 1)
