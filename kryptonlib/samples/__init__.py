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
from kryptonlib.images import check_image
from kryptonlib.samples.catalogue import CATALOGUE
from kryptonlib.samples.digits import mnist, shown_digits
from kryptonlib.samples.patches import Patches

__all__ = ["KINDS", "Patches", "SPLITS", "Sample", "load", "mnist", "names", "patches", "shown_digits"]

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
    return Sample(name, check_image(entry.read(), name), *facts)


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


def patches(split, size, seed, *, kind="photo", **options):
    """Random training patches from the samples of one split, all of them; no other split is ever touched.

    Args:
        split: "train", "tune" or "test".
        size, seed: as in :class:`Patches`: side in pixels, and a whole number.
        kind: one of ``KINDS``, or several.
        options: ``channels``, ``downsize``, ``mirror``, ``turn`` and ``count`` of :class:`Patches`.

    Returns:
        :class:`Patches`; ``.batch(step, count)`` is a float32 tensor [count, C, size, size] in [0, 1].

    Raises:
        ValueError: unknown split or kind, a kind without samples in the split, a sample smaller than a patch.
        FileNotFoundError: the samples' package was not fetched; the message says how.

    Example:
        >>> crops = patches("test", 64, seed=1, kind="texture", channels="luma")
        >>> crops.batch(step=0, count=4).shape
        torch.Size([4, 1, 64, 64])
    """
    kinds = (kind,) if isinstance(kind, str) else tuple(kind)
    chosen = [name for one in kinds for name in names(one, split)]
    if not chosen:
        raise ValueError(f"no sample of kind {', '.join(kinds)} is in the split {split!r}")
    return Patches([load(name) for name in chosen], size, seed, **options)
