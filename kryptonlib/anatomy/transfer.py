"""Five learners for one small task: what transfer learning is compared with.

They share the architecture of a pre-trained trunk and differ in its weights and in what is trained:

    pixels    no trunk: a linear classifier on the picture
    random    random weights, frozen; only the head is trained
    frozen    the pre-trained weights, frozen; only the head is trained
    tuned     the pre-trained weights, all trained on
    scratch   random weights, all trained

*random* and *scratch* are the controls: what comes from the architecture, and what from training on the task.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from kryptonlib import store, zoo
from kryptonlib.choices import check_choice

LEARNERS = ("pixels", "random", "frozen", "tuned", "scratch")
TRAINED_TRUNKS = ("tuned", "scratch")
SMALL = 8
"""Rows and columns of a digit."""


@dataclass(frozen=True)
class Digits:
    """scikit-learn's 1,797 digits, enlarged and normalised like ImageNet's photos, in three parts.

    ``pictures`` [N, 3, side, side], ``classes`` [N]; ``choosing`` and ``testing`` are places of pictures, as many of
    each class; ``rest`` holds the other places, one array per class.
    """

    pictures: torch.Tensor
    classes: torch.Tensor
    choosing: np.ndarray
    testing: np.ndarray
    rest: list

    def draw(self, labels, generator):
        """Places of ``labels`` training digits of each class, drawn with a numpy ``generator`` from ``rest``."""
        fewest = min(map(len, self.rest))
        if not 1 <= labels <= fewest:
            raise ValueError(f"labels must be 1 to {fewest}, what is left of every class, got {labels}")
        return np.concatenate([generator.permutation(places)[:labels] for places in self.rest])


def digits(side, held_out, seed):
    """The ``Digits`` of ``side`` pixels; ``held_out`` of each class for choosing and as many for testing.

    Raises ValueError for a side that is no multiple of 8, and for more held-out digits than there are.
    """
    if side % SMALL:
        raise ValueError(f"side must be a multiple of {SMALL}, the digits' own size, got {side}")
    table = np.loadtxt(store.path("scikit-learn/digits.csv.gz"), delimiter=",", dtype=np.float32)
    classes = torch.from_numpy(table[:, 64].astype(int))
    small = torch.from_numpy(table[:, :64].reshape(-1, 1, SMALL, SMALL) / 16)
    grey = F.interpolate(small, size=side, mode="bilinear")
    generator = np.random.default_rng(seed)
    order = [generator.permutation(np.flatnonzero(classes == digit)) for digit in range(10)]
    if not 1 <= held_out < min(map(len, order)) / 2:
        raise ValueError(f"held_out must be at least 1 and leave digits to train with, got {held_out}")
    return Digits(
        torch.cat([zoo.normalise(picture.expand(3, -1, -1).permute(1, 2, 0).numpy()) for picture in grey]),
        classes,
        np.concatenate([places[:held_out] for places in order]),
        np.concatenate([places[held_out : 2 * held_out] for places in order]),
        [places[2 * held_out :] for places in order],
    )


def learner(kind, pretrained, side, seed):
    """(trunk, head) of one learner.

    Args:
        kind: one of LEARNERS.
        pretrained: nn.Sequential of convolutions, activations and pools with the pre-trained weights; not changed.
        side: rows and columns of its pictures.
        seed: of the random weights, torch's default ones.

    Returns:
        The trunk, whose weights require a gradient if they are to be trained, and a head for ten classes that
        normalises its features without learning to and starts with logits of 0.
    """
    check_choice("learner", kind, LEARNERS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "pixels":
            trunk = nn.Sequential(nn.AvgPool2d(side // SMALL))
        else:
            trunk = copy.deepcopy(pretrained)
            if kind in ("random", "scratch"):
                for layer in trunk.modules():
                    if isinstance(layer, nn.Conv2d):
                        layer.reset_parameters()
        trunk.requires_grad_(kind in TRAINED_TRUNKS)
        with torch.no_grad():
            features = trunk(torch.zeros(1, 3, side, side)).numel()
        head = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(features, affine=False), nn.Linear(features, 10))
    nn.init.zeros_(head[2].weight)
    nn.init.zeros_(head[2].bias)
    return trunk, head
