"""Studies whose networks differ in the loss alone: what denoising and MRI have in common (paper 5, chapter 5)."""

from dataclasses import replace

from kryptonlib import losses
from kryptonlib.training.rate_sweep import RateSweep
from kryptonlib.training.restoring import Restoring, linear_start

L2_WEIGHT = 20.0
"""Of l2 beside LPIPS: the thesis does not print its own."""


def one_minus_ms_ssim(x, y, scales):
    """1 - MS-SSIM of x, y [N, C, H, W] in [0, 1]: a scalar to make small."""
    return 1 - losses.ms_ssim(x, y, data_range=1.0, scales=scales)


class ByLoss(Restoring):
    """A restoration network that is trained with one of several losses.

    A study that derives from it supplies what :class:`Restoring` asks for, and two attributes:

    Attributes:
        network_of_all: what ``networks.build`` takes, the same for every loss.
        losses: name -> function (x, y) to make small. "adaptive" has parameters of its own, and None here.

    Args:
        options, name, steps, rate, parent: as in :class:`Restoring`.
        loss: a key of ``losses``.
        first: number of the first step's pieces, so that a study after another does not see the same again.
    """

    network_of_all: dict
    losses: dict

    def __init__(self, options, *, name, loss, steps, rate, parent=None, first=0):
        self.kind, self.first = loss, first
        channels = self.network_of_all["channels"]
        criterion = losses.Adaptive(channels, alpha=1.0, c=0.03) if loss == "adaptive" else None
        settings = {"steps": steps, "rate": rate, "parent": parent, "criterion": criterion}
        super().__init__(options, name=name, network=self.network_of_all, **settings)
        # All metrics of all that is held out take as long as some fifty steps.
        self.log_every = max(1, self.steps // 6)

    def begin(self):
        """The best linear filter of 80 steps' pieces."""
        linear_start(self.net, [self.pairs(-self.first - 1 - n) for n in range(80)])

    def loss(self, restored, wanted):
        """That of the study's name."""
        return (self.criterion or self.losses[self.kind])(restored, wanted)


def rate_sweep(options, study, *, name, rates, length, about, **settings):
    """The sweep of rates for all losses of a study, each candidate from the common start.

    Args:
        options: :class:`kryptonlib.training.study.Options`.
        study: a class that derives from :class:`ByLoss`.
        name: of the sweep's checkpoint.
        rates: that are tried.
        length: steps of a candidate.
        about: of the card.
        settings: of the study: parent, first, and its data.
    """

    def make(loss, rate):
        one = f"{name} {loss} {rate:g}"
        return study(replace(options, steps=None), name=one, loss=loss, steps=length, rate=rate, **settings)

    return RateSweep(options, name=name, make=make, kinds=study.losses, rates=rates, length=length, about=about)
