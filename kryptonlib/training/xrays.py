"""Studies "xray-bdcnn", its ablations and its rivals: blind denoising of X-rays, all trained alike.

Yin et al. (paper 4) draw noise levels at random for every patch, eta from (0.4, 1.9) and sigma from (0, 20). The
networks here see the same patches with the same noise, in the same order, at the same rate; X-BDCNN has the paper's
mixed loss, its ablations parts of it, DnCNN and the residual network the squared error of their own papers.

Ours differ from the paper in

- size: fewer channels
- steps: minutes for 30 hours on a GPU
- the rate: up to 1e-3 in the first tenth of the steps, then evenly down to 0; the paper takes 1e-3 for 20 epochs and
  1e-4 for 20 more
- patches: 64x64 pixels instead of 128x128
- the split: patients are parted before anything is cropped
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from kryptonlib import losses, samples
from kryptonlib.losses import blind
from kryptonlib.restoration import denoisers, noise
from kryptonlib.training.photos import photo_files
from kryptonlib.training.restoring import Restoring

SIDE, BATCH = 64, 4
"""Patches of a step."""
RATE = 1e-3
"""Adam's highest; the paper's first rate."""
DIFFERENCES = {
    "rate": "Adam at 1e-3 for 20 epochs, then at 1e-4 for 20; here it rises, then falls evenly to 0",
    "side": "patches of 128x128 pixels",
    "time": "30 hours on a GPU",
}
"""What the paper's recipe says where ours differs."""
FIRST = 24
"""Batches that the last layer is fitted to before the first step."""
KEPT_BACK, HELD_SIDE = 12, 128
"""X-rays measured on while training, and the side of the piece of each."""
WITHOUT_SSIM = {**blind.SHARES, "ssim": 0.0}
RECIPES = {
    "xray-bdcnn": ({"network": "xbdcnn"}, blind.SHARES),
    "xray-bdcnn-no-nle": ({"network": "xbdcnn", "estimate": False}, blind.SHARES),
    "xray-bdcnn-no-ssim": ({"network": "xbdcnn"}, WITHOUT_SSIM),
    "xray-dncnn": ({"network": "dncnn"}, None),
    "xray-recnn": ({"network": "recnn"}, None),
}
"""Name -> (network, shares of the loss, None for the squared error). A second seed's name ends in "-seed1"."""


class XRays(Restoring):
    """An X-ray denoiser in training.

    Args:
        options: :class:`kryptonlib.training.study.Options`; ``data`` is a folder of X-rays to train on. Without one,
            the chest X-rays of the package ``pneumonia-model-package`` are taken that are not for testing.
        name: of ``RECIPES``, or one of them with "-seed1" behind it: the same with another seed.
        steps: how many, where the options say nothing.
    """

    def __init__(self, options, *, name, steps):
        base, _, second = name.partition("-seed")
        network, self.shares = RECIPES[base]
        options = replace(options, seed=options.seed + int(second or 0))
        self.xrays = TrainingXRays(options.data, options.seed)
        super().__init__(options, name=name, network=network, steps=steps, rate=RATE)
        self.average.eval()

    def begin(self):
        """Fit the last layer."""
        pairs = [[tensor.to(self.options.device) for tensor in self.pairs(-1 - n)[:2]] for n in range(FIRST)]
        denoisers.start(self.net, pairs)

    def pairs(self, step):
        """Noisy and clean patches, and the true maps of the noise level at half size."""
        clean = self.xrays.patches(step, BATCH)
        random = np.random.default_rng([self.options.seed, 1, step % 2**63])
        eta, sigma = (
            torch.tensor(random.uniform(*limits, BATCH), dtype=torch.float32).view(-1, 1, 1, 1)
            for limits in (noise.ETAS, noise.SIGMAS)
        )
        noisy = noise.hybrid(255 * clean, eta, sigma, seed=int(random.integers(2**62))) / 255
        return noisy, clean, noise.level_maps(eta, sigma, (SIDE // 2, SIDE // 2))

    def objective(self, given, wanted, levels):
        """Eq. 8, or the squared error."""
        restored, maps = self.net.both(given)
        if self.shares is None:
            return self.loss(restored, wanted)
        # In shares of white the maps' losses are ten thousand times smaller than SSIM's, and no level is learned at all
        # (seen after 600 steps); in this unit the paper's levels are 0 to 1.
        maps, true = (None, None) if maps is None else (maps / denoisers.LEVEL, levels / denoisers.LEVEL)
        return blind.blind(restored, wanted, maps, true, data_range=1.0, shares=self.shares)[0]

    def loss(self, restored, wanted):
        """The squared error."""
        return losses.l2(restored, wanted, data_range=1.0)

    def learn(self, step, pace):
        """One step; the averaged network takes the statistics of batch normalisation as they are."""
        told = super().learn(step, pace)
        for mean, value in zip(self.average.buffers(), self.net.buffers()):
            mean.copy_(value)
        return told

    def held_out(self):
        """Pieces of X-rays of other patients, at four settings of figure 2 in turn."""
        settings = ((0.4, 10), (0.4, 15), (0.6, 10), (0.6, 15))
        for number, piece in enumerate(self.xrays.held_out):
            yield noise.hybrid(255 * piece, *settings[number % 4], seed=number) / 255, piece

    def scores(self, restored, wanted):
        """PSNR and SSIM."""
        return {
            "psnr": losses.psnr(restored, wanted, data_range=1.0).item(),
            "ssim": losses.ssim(restored, wanted, data_range=1.0).item(),
        }

    def about(self):
        """Of the card."""
        return {
            "what": "Blind denoiser of X-rays with hybrid noise (Yin et al., paper 4)",
            "not_for": "diagnosis",
            "recipe": {
                "eta": list(noise.ETAS),
                "sigma": list(noise.SIGMAS),
                "side": SIDE,
                "batch": BATCH,
                "loss": "mean squared error" if self.shares is None else {"alpha": blind.ALPHA, **self.shares},
                "unit_of_maps": f"{denoisers.LEVEL:g} of white",
                "paper": DIFFERENCES,
                "start": "identity and a tenth of orthogonal weights, the last layer by least squares",
            },
            **self.xrays.facts(),
        }


class TrainingXRays:
    """X-rays to train on, and others to measure on; nobody is on both sides.

    Args:
        folder: of the reader's own, or None for the course's. In a folder the part of a file's name before the first
            "_" is the patient, as in ChestX-ray8; every so many-th patient is kept back.
        seed: of the patches.

    Raises:
        FileNotFoundError, ValueError: no such folder, or fewer than two patients in it.
    """

    def __init__(self, folder, seed):
        if folder is None:
            names = samples.names(kind="x-ray", split="tune")
            people = list(dict.fromkeys(samples.load(name).subject for name in names))
            held = set(people[::4])
            images = {name: samples.load(name).image for name in names}
            parts = [[images[n] for n in names if (samples.load(n).subject in held) == side] for side in (False, True)]
            self.data = [{"name": f"{len(parts[0])} X-rays of pneumonia-model-package", "licence": "none stated"}]
        else:
            files = photo_files(folder)
            people = sorted({patient(file) for file in files})
            if len(people) < 2:
                raise ValueError(f"{folder} holds X-rays of {len(people)} patient; at least 2, one to measure on")
            held = set(people[:: max(4, len(people) // KEPT_BACK)][:KEPT_BACK])
            parts = [[file for file in files if (patient(file) in held) == side] for side in (False, True)]
            self.data = [
                {
                    "name": f"{len(parts[0])} X-rays of {len(people) - len(held)} patients, folder {Path(folder).name}",
                    "licence": "the reader's own copy. Ours: ChestX-ray8 of the NIH Clinical Center (no restriction on "
                    "use; Wang et al., CVPR 2017)",
                }
            ]
        self._patches = samples.Patches(parts[0], SIDE, seed, channels="luma", mirror=True, turn=True)
        pieces = samples.Patches(parts[1], HELD_SIDE, 0, channels="luma")
        self.held_out = [pieces.batch(number, 1) for number in range(KEPT_BACK)]

    def patches(self, step, count):
        """float32 tensor [count, 1, 64, 64] in [0, 1]; steps below 0 give patches that no training step sees again."""
        return self._patches.batch(step if step >= 0 else 2**40 - step, count)

    def facts(self):
        """Of the card."""
        return {"data": self.data, "data_sha256": self._patches.fingerprint()[:16]}


def patient(file):
    """Whose X-ray a file is: the part of its name before the first "_"."""
    return Path(file).stem.partition("_")[0]
