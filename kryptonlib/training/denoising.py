"""The denoising studies: networks for colour photos that differ in the loss they were trained with, and nothing else.

    denoise-start                  l2: the common start
    denoise-rates                  a short sweep: the best rate of every loss, on photos held out
    denoise-l1, -l2, -msssim, ...  from the start, as many steps each, at the rate of the sweep
    denoise-l2-seed1, ...          the same with other patches, noise and order
    denoise-l2-scratch, ...        without the common start

The thesis (paper 5, section 5.1.1) trains each network for 1000 epochs of ImageNet from its own start, on crops of
256x256.
"""

import functools

import torch

from kryptonlib import losses
from kryptonlib.seeds import generator
from kryptonlib.training import by_loss
from kryptonlib.training.by_loss import L2_WEIGHT, ByLoss
from kryptonlib.training.photos import training_photos

START, RATES = "denoise-start", "denoise-rates"
NETWORK = {"network": "unet", "channels": 3, "levels": [32, 48, 64]}
SIDE, BATCH = 64, 4
"""Patches of a step. Small batches and many steps win where time is short."""
SCALES = 3
"""Of MS-SSIM in training: pieces of 64 pixels hold no more."""
STRONGEST, TESTED = 40 / 255, 25 / 255
"""In training the noise's deviation is uniform in [0, 40/255]; photos held out get 25/255. Nothing is clipped."""
START_RATE = 1e-3
SWEPT = (1.5e-4, 3e-4, 6e-4)
"""Rates that the sweep tries."""
HELD_OUT_SIDE = 176
"""Of the photos held out: MS-SSIM's five scales need 161."""
LOSSES = {
    "l1": functools.partial(losses.l1, data_range=1.0),
    "l2": functools.partial(losses.l2, data_range=1.0),
    "msssim": functools.partial(by_loss.one_minus_ms_ssim, scales=SCALES),
    "lpips": functools.partial(losses.lpips_l2, weight=L2_WEIGHT),
    "flip": functools.partial(losses.flip, softened=True),
    "adaptive": None,
    "l1-msssim": functools.partial(losses.l1_ms_ssim, data_range=1.0, scales=SCALES),
}
"""Name -> function (x, y) to make small. The adaptive one has parameters of its own and is made anew for each study."""
METRICS = ("l1", "l2", "psnr", "ms_ssim", "lpips", "flip")
"""Those of the thesis's table 6.1."""


class Denoising(ByLoss):
    """A network that takes Gaussian noise of any strength up to 40/255 out of colour photos.

    Args:
        options: ``data`` is a folder of photos beside the course's own.
        name, loss, steps, rate, parent, first: of ``settings``, as in :class:`ByLoss`.
        photos: ``TrainingPhotos`` that were read before, or None to read them.
    """

    network_of_all, losses = NETWORK, LOSSES

    def __init__(self, options, *, photos=None, **settings):
        self.photos = photos or training_photos(options.data, side=SIDE, seed=options.seed, channels="rgb")
        super().__init__(options, **settings)

    def pairs(self, step):
        """Noisy and clean patches [4, 3, 64, 64], mirrored, turned, with their colours in any order."""
        number = self.first + step
        clean = self.photos.batch(number, BATCH)
        random = generator(self.options.seed, number)
        orders = torch.rand(BATCH, 3, generator=random).argsort(1)
        clean = clean.gather(1, orders[:, :, None, None].expand(-1, -1, SIDE, SIDE))
        deviations = STRONGEST * torch.rand(BATCH, 1, 1, 1, generator=random)
        return clean + deviations * torch.randn(clean.shape, generator=random), clean

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
    about = {
        "what": "rates of Adam for the denoisers, each tried from the common start",
        "recipe": {"held_out": "noise of deviation 25/255", "first_patch": first * BATCH},
        **photos.facts(),
    }
    settings = {"parent": parent, "first": first, "photos": photos}
    return by_loss.rate_sweep(options, Denoising, name=RATES, rates=SWEPT, length=length, about=about, **settings)
