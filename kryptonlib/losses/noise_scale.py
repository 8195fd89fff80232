"""Metrics on one scale: which white noise would a metric find as bad as this change?

l1, SSIM and FLIP have no common unit. Read on the same photo with white noise of growing strength, each value becomes
the standard deviation of the noise that has the same value, in levels of 255. Under l2 it is the root of the MSE; under
another metric a change that counts for less noise than that is one which the metric forgives.
"""

import numpy as np
import torch

from kryptonlib.losses.adaptive import rho
from kryptonlib.losses.checks import check_pair
from kryptonlib.losses.flip import flip
from kryptonlib.losses.lpips import lpips
from kryptonlib.losses.mixed import l1_ms_ssim, lpips_l2
from kryptonlib.losses.ms_ssim import ms_ssim
from kryptonlib.losses.pointwise import l1, l2
from kryptonlib.losses.ssim import ssim

SCALE = 0.03
"""c of the robust loss with alpha = 1 below: 8 levels of 255."""
L2_WEIGHT = 10.0
"""Weight of l2 beside LPIPS below. The thesis prints none; near a photo l2 is a hundredth of LPIPS."""
DISTANCES = {
    "l1": lambda x, y: l1(x, y, data_range=1.0, reduction="none"),
    "l2": lambda x, y: l2(x, y, data_range=1.0, reduction="none"),
    "Adaptive": lambda x, y: rho(x - y, 1.0, SCALE).mean((1, 2, 3)),
    "SSIM": lambda x, y: 1 - ssim(x, y, data_range=1.0, reduction="none"),
    "MS-SSIM": lambda x, y: 1 - ms_ssim(x, y, data_range=1.0, reduction="none"),
    "l1 + MS-SSIM": lambda x, y: l1_ms_ssim(x, y, data_range=1.0, reduction="none"),
    "LPIPS": lambda x, y: lpips(x, y, reduction="none"),
    "LPIPS + l2": lambda x, y: lpips_l2(x, y, weight=L2_WEIGHT, reduction="none"),
    "FLIP": lambda x, y: flip(x, y, reduction="none"),
}
"""Nine losses of colour images [N, 3, H, W] in [0, 1], at least 161 pixels a side, all 0 for equal images and larger
for unlike ones: name -> function (x, y) -> [N]. Adaptive stands with alpha and c held fixed."""
LEVELS = tuple(2.0**exponent for exponent in np.arange(-2, 7.01, 0.75))
"""Strengths of the noise that is measured: a quarter of a level to 112 levels of 255."""


class NoiseScale:
    """Values of metrics on one photo, read as levels of white noise.

    Args:
        reference: the photo [1, 3, H, W] in [0, 1].
        distances: name -> function (x, y) -> [N], 0 at equality and growing with noise.
        levels: strengths of the noise, growing, in levels of 255. Between them values are interpolated on logarithms.
        seed: of the noise, which is one pattern at all strengths and is not cut to [0, 1].

    Attributes:
        values: name -> array [levels], the metric's value at each strength.

    Raises:
        ValueError: levels that do not grow or are not positive, a metric that does not grow with them; see also
            :func:`kryptonlib.losses.checks.check_pair`.

    Example:
        >>> scale = NoiseScale(torch.full((1, 3, 32, 32), 0.5), {"l2": DISTANCES["l2"]})
        >>> f"{scale.levels_of('l2', (10 / 255) ** 2):.1f}"
        '10.0'
    """

    def __init__(self, reference, distances=None, *, levels=LEVELS, seed=0):
        check_pair("NoiseScale", reference, reference, 1.0, channels=3)
        if len(reference) != 1:
            raise ValueError(f"NoiseScale: takes one photo [1, 3, H, W], got shape {tuple(reference.shape)}")
        levels = np.asarray(levels, dtype=float)
        if levels.ndim != 1 or len(levels) < 2 or not (levels > 0).all() or not (np.diff(levels) > 0).all():
            raise ValueError(f"NoiseScale: levels must be positive and grow, at least two, got {levels.tolist()}")
        self._distances = dict(DISTANCES if distances is None else distances)
        self._reference, self._levels = reference, levels
        noise = torch.randn(reference.shape, generator=torch.Generator().manual_seed(seed), dtype=reference.dtype)
        # Rescaled, so that a level is the root of the noise's mean square, not only its expectation.
        noise = noise / noise.square().mean().sqrt()
        self.values = {name: np.empty(len(levels)) for name in self._distances}
        for place, level in enumerate(levels):
            for name, value in self.measure(reference + level / 255 * noise).items():
                self.values[name][place] = value[0]
        for name, values in self.values.items():
            if not (values > 0).all() or not (np.diff(values) > 0).all():
                raise ValueError(f"NoiseScale: {name} does not grow with the noise on this photo: {values.tolist()}")

    def measure(self, images):
        """Every metric of ``images`` [N, 3, H, W] beside the photo: name -> array [N]."""
        reference = self._reference.expand(len(images), -1, -1, -1)
        with torch.no_grad():
            return {
                name: distance(images, reference).double().cpu().numpy() for name, distance in self._distances.items()
            }

    def levels_of(self, name, value):
        """The noise, in levels of 255, that ``name`` gives ``value``; ends at the lowest and the highest level.

        Args:
            name: of a metric. value: a number or an array, at least 0.

        Returns:
            A float or an array of ``value``'s shape.
        """
        if name not in self.values:
            raise ValueError(f"NoiseScale: {name!r} was not measured; there are {', '.join(self.values)}")
        value = np.maximum(np.asarray(value, dtype=float), np.finfo(float).tiny)
        found = np.exp(np.interp(np.log(value), np.log(self.values[name]), np.log(self._levels)))
        return found if found.ndim else float(found)

    def read(self, images):
        """Every metric of ``images`` [N, 3, H, W] on the scale of noise: name -> array [N] in levels of 255."""
        return {name: self.levels_of(name, value) for name, value in self.measure(images).items()}
