"""A tiny network and pictures whose occlusion maps are smooth, or white noise: shared by tests of approximate maps."""

from itertools import pairwise

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from test_incremental import seeded
from torch import nn

SMOOTH = {"patch": 8, "stride": 2, "score": "logit", "target": 1}
"""A grid of 17x17 overlapping patches."""
ROUGH = {"patch": 2, "stride": 2, "score": "logit", "target": 1}
"""A grid of 20x20 patches that share nothing."""


def network(seed=0, depth=2):
    """Convolutions 5x5, global average pooling and three classes, for [1, 1, H, W] in double precision."""
    channels = [1] + [4] * depth
    layers = [layer for a, b in pairwise(channels) for layer in (nn.Conv2d(a, b, 5, padding=2), nn.Tanh())]
    return seeded(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)), seed)


def picture(seed=0, smooth=3.0, size=(40, 40)):
    """Random blobs [1, 1, H, W] in [0, 1]; white noise where ``smooth`` is 0."""
    values = np.random.default_rng(seed).standard_normal(size)
    values = gaussian_filter(values, smooth) if smooth else values
    return torch.from_numpy((values - values.min()) / np.ptp(values))[None, None]
