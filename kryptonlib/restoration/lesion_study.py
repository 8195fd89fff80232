"""What becomes of planted lesions, over several masks and several trainings of each network."""

from dataclasses import dataclass

import numpy as np

from kryptonlib.restoration import lesions
from kryptonlib.restoration.masks import column_mask
from kryptonlib.restoration.mri import undersample, zero_filled

COVERED = 0.95
"""The invented contrast is that below which this share of the places stays."""


@dataclass(frozen=True)
class Lesions:
    """What becomes of planted lesions. Repeats are pairs of a mask seed and a training; what is not trained has one a
    mask seed.

    Attributes:
        kept: method -> [repeats, contrasts, lesions], the restored contrast as a share of the planted one: 1 is kept,
            0 erased.
        responses: method -> [repeats, places], the contrast of a lesion of that size that the method makes where there
            is none.
    """

    kept: dict
    responses: dict

    def shares(self):
        """method -> [repeats, contrasts]: means over the lesions."""
        return {name: some.mean(2) for name, some in self.kept.items()}

    def invented(self):
        """method -> [repeats]: the contrast below which 95 % of a repeat's places stay."""
        return {name: np.quantile(abs(some), COVERED, axis=1) for name, some in self.responses.items()}


def ahead_in(values, name, others):
    """In how many repeats a method's value is above those of all others: (that number, number of repeats).

    Args:
        values: method -> [repeats], all of one length. name: a method. others: names; the method itself is left out.

    Raises:
        ValueError: methods with different numbers of repeats, or nothing to compare with.

    Example:
        >>> ahead_in({"a": np.array([3.0, 1.0]), "b": np.array([2.0, 2.0])}, "a", ["a", "b"])
        (1, 2)
    """
    rivals = [values[other] for other in others if other != name]
    if not rivals or any(len(rival) != len(values[name]) for rival in rivals):
        raise ValueError(f"ahead_in: {name!r} needs other methods with {len(values[name])} repeats each")
    return int((values[name] > np.max(rivals, axis=0)).sum()), len(values[name])


def study(slices, every, contrasts, *, mask_seeds, radius, count, acceleration, center=None):
    """Plant discs into tissue at several contrasts, and restore with and without them under the same mask.

    What is kept is the difference of the two restorations, so that errors that are there anyway do not count. What is
    invented is the response to a disc of that size of "restored minus reference", at places without a lesion.

    Args:
        slices: list of references [H, W].
        every: name -> list of functions as ``mri_study.methods`` gives them: one, or one for each training.
        contrasts: of the discs, in units of the image.
        mask_seeds: of the masks and of the lesions' places; slice number n gets seed + n.
        radius: in pixels. count: discs in each slice, all at once.
        acceleration, center: of the masks, see ``column_mask``.

    Returns:
        :class:`Lesions`; repeats stand in the order of the mask seeds, and for each of them in that of the trainings.

    Raises:
        ValueError: no slices, no mask seeds or no methods; slices without room for the discs.
    """
    if not slices or not mask_seeds or not every or not all(every.values()):
        raise ValueError("lesion_study: slices, mask_seeds and the methods of every name must not be empty")
    parts = {name: [] for name in every}
    for seed in mask_seeds:
        found = []
        for number, image in enumerate(slices):
            mask = column_mask(image.shape[1], acceleration, seed + number, center=center)
            found.append(_one_slice(image, every, contrasts, radius, count, mask, seed + number))
        for name, trainings in every.items():
            parts[name] += [[one[name][training] for one in found] for training in range(len(trainings))]
    kept, responses = {}, {}
    for name, repeats in parts.items():
        kept[name] = np.array([np.concatenate([shares for shares, _ in repeat], axis=1) for repeat in repeats])
        responses[name] = np.array([np.concatenate([made for _, made in repeat]) for repeat in repeats])
    return Lesions(kept, responses)


def one_disc(image, place, radius, contrasts, methods, mask, reach=14):
    """Pieces around one planted disc: contrast -> [reference, what each method makes of it], [2 * reach + 1] squared.

    Args:
        image: reference [H, W]. place: (row, column), at least ``reach`` from every border. radius: in pixels.
        contrasts: of the disc, a row each. methods: name -> function, of ``mri_study.methods``. mask: bool [W].

    Raises:
        ValueError: a place too close to a border.
    """
    row, column = place
    if min(row, column) < reach or row + reach >= image.shape[0] or column + reach >= image.shape[1]:
        raise ValueError(f"one_disc: {place} is less than {reach} pixels from a border of {image.shape}")
    around = slice(row - reach, row + reach + 1), slice(column - reach, column + reach + 1)
    rows = {}
    for contrast in contrasts:
        marked = lesions.plant(image, place, radius, contrast)
        restored = _restored(marked, {name: [method] for name, method in methods.items()}, mask)
        rows[f"{contrast:g}"] = [marked[around], *(some[0][around] for some in restored.values())]
    return rows


def _one_slice(image, every, contrasts, radius, count, mask, seed):
    """name -> for each training (kept [contrasts, count], responses [4 * count])."""
    planted = lesions.places(image, radius, count, seed)
    empty = lesions.places(image, radius, 4 * count, seed + 1000, apart=2)
    without = _restored(image, every, mask)
    kept = {name: [[] for _ in trainings] for name, trainings in every.items()}
    for contrast in contrasts:
        marked = image
        for place in planted:
            marked = lesions.plant(marked, place, radius, contrast)
        there = [lesions.response(marked - image, place, radius) for place in planted]
        for name, pictures in _restored(marked, every, mask).items():
            for training, picture in enumerate(pictures):
                found = [lesions.response(picture - without[name][training], place, radius) for place in planted]
                kept[name][training].append(np.divide(found, there))
    return {
        name: [
            (np.array(shares), np.array([lesions.response(picture - image, place, radius) for place in empty]))
            for shares, picture in zip(kept[name], without[name])
        ]
        for name in every
    }


def _restored(image, every, mask):
    """name -> [what each training's function makes of the masked image], [H, W] in [0, 1]."""
    measured = undersample(image, mask)
    given = zero_filled(image, mask)
    return {name: [np.clip(one(given, measured, mask), 0, 1) for one in some] for name, some in every.items()}
