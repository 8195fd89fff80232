"""The denoising studies: networks for colour photos that differ in the loss that they were trained with, and nothing else.

    denoise-start                  l2: the common start
    denoise-rates                  a short sweep: the best rate of every loss, on photos held out
    denoise-l1, -l2, -msssim, ...  from the start, as many steps each, at the rate of the sweep
    denoise-l2-seed1, ...          the same with other patches, noise and order
    denoise-l2-scratch, ...        without the common start

The thesis (paper 5, section 5.1.1) trains each network for 1000 epochs of ImageNet from its own start, on crops of 256x256.
"""

import functools
from dataclasses import replace

import torch

from kryptonlib import losses
from kryptonlib.training.photos import training_photos
from kryptonlib.training.rate_sweep import RateSweep
from kryptonlib.training.restoring import Restoring, linear_start
from kryptonlib.training.study import generator

START, RATES = "denoise-start", "denoise-rates"
NETWORK = {"network": "unet", "channels": 3, "levels": [32, 48, 64]}
SIDE, BATCH = 64, 4
"""Patches of a step. Small batches and many steps win where time is short."""
STRONGEST, TESTED = 40 / 255, 25 / 255
"""In training the noise's deviation is uniform in [0, 40/255]; photos held out get 25/255. Nothing is clipped."""
START_RATE = 1e-3
SWEPT = (1.5e-4, 3e-4, 6e-4)
"""Rates that the sweep tries."""
HELD_OUT_SIDE = 176
"""Of the photos held out: MS-SSIM's five scales need 161."""
L2_WEIGHT = 20.0
"""Of l2 beside LPIPS: the thesis does not print its own."""
SCALES = 3
"""Of MS-SSIM in training: patches of 64 pixels hold no more."""


def _one_minus(metric):
    return lambda x, y: 1 - metric(x, y, data_range=1.0, scales=SCALES)


LOSSES = {
    "l1": functools.partial(losses.l1, data_range=1.0),
    "l2": functools.partial(losses.l2, data_range=1.0),
    "msssim": _one_minus(losses.ms_ssim),
    "lpips": functools.partial(losses.lpips_l2, weight=L2_WEIGHT),
    "flip": functools.partial(losses.flip, softened=True),
    "adaptive": None,
    "l1-msssim": functools.partial(losses.l1_ms_ssim, data_range=1.0, scales=SCALES),
}
"""Name -> function (x, y) to make small. The adaptive one has parameters of its own and is made anew for each study."""
METRICS = ("l1", "l2", "psnr", "ms_ssim", "lpips", "flip")
"""Those of the thesis's table 6.1."""


class Denoising(Restoring):
    """A network that takes Gaussian noise of any strength up to 40/255 out of colour photos.

    Args:
        options: ``data`` is a folder of photos beside the course's own.
        name, steps, rate, parent: as in :class:`Restoring`.
        loss: a key of ``LOSSES``.
        first: number of the first step's patches, so that a study after another does not see the same again.
        photos: ``TrainingPhotos`` that were read before, or None to read them.
    """

    def __init__(self, options, *, name, loss, steps, rate, parent=None, first=0, photos=None):
        self.kind, self.first = loss, first
        self.photos = photos or training_photos(options.data, side=SIDE, seed=options.seed, channels="rgb")
        criterion = losses.Adaptive(3, alpha=1.0, c=0.03) if loss == "adaptive" else None
        super().__init__(options, name=name, network=NETWORK, steps=steps, rate=rate, parent=parent, criterion=criterion)
        # All metrics of all photos held out take as long as some fifty steps.
        self.log_every = max(1, self.steps // 6)

    def begin(self):
        """The best linear filter of 320 patches."""
        linear_start(self.net, [self.pairs(-self.first - 1 - n) for n in range(80)])

    def pairs(self, step):
        """Noisy and clean patches [4, 3, 64, 64], mirrored, turned, with their colours in any order."""
        number = self.first + step
        clean = self.photos.batch(number, BATCH)
        random = generator(self.options.seed, number)
        orders = torch.rand(BATCH, 3, generator=random).argsort(1)
        clean = clean.gather(1, orders[:, :, None, None].expand(-1, -1, SIDE, SIDE))
        deviations = STRONGEST * torch.rand(BATCH, 1, 1, 1, generator=random)
        return clean + deviations * torch.randn(clean.shape, generator=random), clean

    def loss(self, restored, wanted):
        """That of the study's name."""
        return (self.criterion or LOSSES[self.kind])(restored, wanted)

    @functools.cache
    def held_out(self):
        """Middle pieces of photos that no patch comes from, and noise of deviation 25/255 that is always the same."""
        pairs = []
        for number, piece in enumerate(self.photos.held_out(HELD_OUT_SIDE)):
            noise = torch.randn(piece.shape, generator=generator(0, number))
            pairs.append((piece / 255 + TESTED * noise, piece / 255))
        return pairs

    def scores(self, restored, wanted):
        """The metrics of table 6.1."""
        table = losses.measure(wanted, restored, METRICS, data_range=1.0)
        return {name: table[name] for name in METRICS}

    def about(self):
        """Of the card."""
        return {
            "what": f"denoiser for colour photos, Gaussian noise up to 40/255; loss: {self.kind}",
            "recipe": {
                "loss": self.kind,
                "batch": BATCH,
                "side": SIDE,
                "noise": "deviation uniform in [0, 40/255], not clipped",
                "augmentation": "mirroring, quarter turns, permutations of the colours",
                "first_patch": self.first * BATCH,
                "l2_weight_beside_lpips": L2_WEIGHT,
                "ms_ssim_scales": SCALES,
            },
            **self.photos.facts(),
        }


def rate_sweep(options, parent, length, first):
    """The sweep of ``SWEPT`` for all ``LOSSES``, each candidate from the common start.

    Args:
        options: :class:`kryptonlib.training.study.Options`.
        parent: state of the common start.
        length: steps of a candidate.
        first: as in :class:`Denoising`.
    """
    photos = training_photos(options.data, side=SIDE, seed=options.seed, channels="rgb")

    def make(loss, rate):
        settings = {"steps": length, "rate": rate, "parent": parent, "first": first, "photos": photos}
        return Denoising(replace(options, steps=None), name=f"{RATES} {loss} {rate:g}", loss=loss, **settings)

    about = {
        "what": "rates of Adam for the denoisers, each tried from the common start",
        "recipe": {"held_out": "noise of deviation 25/255", "first_patch": first * BATCH},
        **photos.facts(),
    }
    return RateSweep(options, name=RATES, make=make, kinds=LOSSES, rates=SWEPT, length=length, about=about)
