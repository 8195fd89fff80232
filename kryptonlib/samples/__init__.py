"""Real images with their source and licence, and the fixed lists for training, tuning and testing.

    from kryptonlib import samples

    samples.names(kind="x-ray", split="test")
    cat = samples.load("chelsea")
    cat.image                                         # float32 [300, 451, 3] in [0, 1]

Photos, X-rays, CT, fundus and MR images come from packages: some are installed anyway (scikit-image, matplotlib), the
others are fetched by ``python -m kryptonlib data``. The medical ones are here for teaching, not for diagnosis.

A split never cuts through a subject (a person, a scene): ``subject`` says who belongs together.
"""

from dataclasses import dataclass, field

import numpy as np

from kryptonlib.choices import check_choice
from kryptonlib.samples.catalogue import CATALOGUE

__all__ = ["KINDS", "SPLITS", "Sample", "load", "names"]

KINDS = ("photo", "texture", "x-ray", "ct", "mr", "fundus")
SPLITS = ("train", "tune", "test")


@dataclass(frozen=True)
class Sample:
    """An image and where it comes from.

    Attributes:
        name: as given to ``load``.
        image: float32 in [0, 1], [H, W] or [H, W, 3].
        source: where it comes from, and what it shows.
        licence: its licence, or that none is stated.
        kind: one of ``KINDS``.
        label: its class where there is one (the index of ImageNet, "NORMAL" or "PNEUMONIA"), else None.
        split: "train", "tune" or "test".
        subject: the person or scene; all samples of a subject are in one split.
        publishable: whether a figure of it may be committed.
    """

    name: str
    image: np.ndarray = field(repr=False)
    source: str
    licence: str
    kind: str
    label: int | str | None
    split: str
    subject: str
    publishable: bool


def load(name):
    """A sample by its name.

    Raises:
        ValueError: unknown name; the message lists names like it.
        FileNotFoundError: its package was not fetched; the message says how.

    Example:
        >>> load("camera").image.shape
        (512, 512)
    """
    check_choice("sample", name, CATALOGUE)
    entry = CATALOGUE[name]
    facts = (entry.source, entry.licence, entry.kind, entry.label, entry.split, entry.subject, entry.publishable)
    return Sample(name, _as_unit_floats(entry.read()), *facts)


def names(kind=None, split=None):
    """Names of the samples, in a fixed order.

    Args:
        kind: one of ``KINDS``, or None for all.
        split: "train", "tune" or "test", or None for all.
    """
    if kind is not None:
        check_choice("kind", kind, KINDS)
    if split is not None:
        check_choice("split", split, SPLITS)
    return [n for n, entry in CATALOGUE.items() if kind in (None, entry.kind) and split in (None, entry.split)]


def _as_unit_floats(image):
    """float32 in [0, 1]: integers are divided by their type's largest value."""
    if np.issubdtype(image.dtype, np.integer):
        image = image / np.float64(np.iinfo(image.dtype).max)
    return np.ascontiguousarray(image, dtype=np.float32)
