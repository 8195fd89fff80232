"""Heads to undersample: slices of one person, of the part of k-space that was measured, on one scale of grey."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kryptonlib import datasets, samples
from kryptonlib.restoration import kspace
from kryptonlib.restoration.coils import root_sum_of_squares
from kryptonlib.restoration.masks import column_mask
from kryptonlib.restoration.mri import checked_mask, zero_filled
from kryptonlib.samples.catalogue import CATALOGUE

BRIGHTEST = 0.998
"""Quantile of a volume's values that becomes white: a few bright vessels would make the brain dark."""


@dataclass(frozen=True)
class Volume:
    """Slices of one scan.

    Attributes:
        name: of the volume. person: whom it shows; a split never cuts through a person.
        images: references, float32 [slices, H, W] in [0, 1].
        publishable: whether a figure may show it.
        scans: the k-space that was measured, per slice a function that reads [rows, columns] or [coils, rows, columns];
            empty where k-space is simulated from the images.
        white: the stored value that became 1.
    """

    name: str
    person: str
    images: np.ndarray = field(repr=False)
    publishable: bool = True
    scans: tuple = field(default=(), repr=False)
    white: float = 1.0

    def masked(self, acceleration, seed):
        """Zero-filled images [slices, H, W] of all slices under one mask, as fastMRI's validation does, and the mask.

        Args:
            acceleration: 4 or 8. seed: of ``column_mask``.
        """
        if not self.scans:
            mask = column_mask(self.images.shape[-1], acceleration, seed)
            return zero_filled(self.images, mask), mask
        measured = [scan() for scan in self.scans]
        mask = column_mask(measured[0].shape[-1], acceleration, seed)
        found = [from_scanner(some, mask, self.images.shape[-2:]) for some in measured]
        return (np.stack(found) / self.white).astype(np.float32), mask


def from_scanner(measured, mask, size):
    """The zero-filled magnitude image of a scanner's k-space: masked, transformed, coils combined, the middle kept.

    Args:
        measured: complex [rows, columns], or [coils, rows, columns].
        mask: bool [columns]. size: (H, W) of the image.

    Example:
        >>> from_scanner(kspace.to_kspace(np.eye(6)), np.ones(6, bool), (2, 2)).round(3).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    image = kspace.to_image(np.asarray(measured) * checked_mask(mask, np.shape(measured)))
    return kspace.center_crop(root_sum_of_squares(image) if image.ndim == 3 else abs(image), size)


def prepared(slices, name, person, publishable=True):
    """A :class:`Volume` of magnitude images [slices, H, W] of any scale: trimmed, and white at ``BRIGHTEST``."""
    slices = np.asarray(slices, np.float32)
    slices = slices / max(float(slices.max()), 1e-12)
    images = kspace.trim(slices)
    white = float(np.quantile(images, BRIGHTEST))
    return Volume(name, person, np.clip(images / white, 0, 1), publishable)


def of_person(subject, every=1):
    """The slices of a person of ``samples``, from the first on every so many-th.

    Raises:
        ValueError: nobody of that name. FileNotFoundError: the package was not fetched.

    Example:
        >>> of_person("brain1").images.shape  # doctest: +SKIP
        (25, 200, 200)
    """
    names = [name for name in samples.names("mr") if CATALOGUE[name].subject == subject]
    if not names:
        people = dict.fromkeys(CATALOGUE[name].subject for name in samples.names("mr"))
        raise ValueError(f"of_person: nobody is called {subject!r}; there are {', '.join(people)}")
    found = [samples.load(name) for name in names]
    whole = prepared([sample.image for sample in found], subject, subject, found[0].publishable)
    return Volume(subject, subject, whole.images[::every], whole.publishable)


def of_folder(folder):
    """Volumes of a reader's folder, a list of :class:`Volume`: fastMRI's *.h5 with their k-space, or NIfTI heads."""
    if not any(Path(folder).expanduser().glob("*.h5")):
        heads = datasets.nifti_heads(folder)
        return [prepared(head.image, head.path.name.split(".")[0], head.facts["patient"], False) for head in heads]
    grouped = {}
    for record in datasets.fastmri(folder):
        grouped.setdefault(record.path, []).append(record)
    return [_scanned(path, records) for path, records in grouped.items()]


def _scanned(path, records):
    images = np.stack([record.image for record in records])
    white = float(np.quantile(images, BRIGHTEST))
    scans = tuple((lambda record=record: datasets.kspace(record)) for record in records)
    person = str(records[0].facts["patient"] or path.stem)
    return Volume(path.stem, person, np.clip(images / white, 0, 1).astype(np.float32), False, scans, white)
