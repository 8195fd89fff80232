"""One transform at many steps: its curve, the step for a rate, how far two curves are apart, and where the bits go.

Rates are the paper's count, the empirical entropy of each map over the image (``rate_distortion.entropy_point``);
here the image is analysed once for all steps.
"""

import math

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator

from kryptonlib.compression.codec import Codec, checked_luma
from kryptonlib.compression.density import map_bits
from kryptonlib.compression.quantization import quantize
from kryptonlib.compression.rate_distortion import Point, overlap, psnr

WIDEST = 2.0**-6, 2.0**8
"""Factors of the steps between which ``factor_for`` looks."""


class Sweep:
    """An image that was analysed once, to be rounded with any step.

    Args:
        codec: :class:`kryptonlib.compression.codec.Codec`.
        luma: uint8 array [H, W].
        centred: subtract the means of the codec's tables before rounding, as the paper does in cases 2 and 3, not in 1.
        edge: as ``quantization.quantize`` takes it.
    """

    def __init__(self, codec, luma, *, centred=True, edge=0.5):
        self.codec, self.luma, self.edge = codec, checked_luma(luma), edge
        means = codec.tables["means"].to(codec.device)
        self.means = means if centred else torch.zeros_like(means)
        self.latents = codec.latents(self.luma)

    def rounded(self, beta):
        """(values [1, maps, h, w], symbols int32 [1, maps, h, w]) with the steps times beta."""
        return quantize(self.latents, beta * self.codec.net.steps, self.means, edge=self.edge)

    def symbols(self, beta):
        """Whole numbers [maps, h, w] as an int32 array."""
        return self.rounded(beta)[1][0].cpu().numpy()

    def rate(self, beta):
        """Bits per pixel by the paper's count."""
        return map_bits(self.rounded(beta)[1][0].cpu()) / self.luma.size

    def decoded(self, beta):
        """The image that comes back: uint8 array [H, W]."""
        with torch.no_grad():
            image = self.codec.net.decode(self.rounded(beta)[0], self.luma.shape)[0, 0]
        return image.clamp(0, 255).round().to(torch.uint8).cpu().numpy()

    def point(self, beta):
        """Rate and PSNR at one beta: :class:`kryptonlib.compression.rate_distortion.Point`."""
        return Point(self.rate(beta), psnr(self.luma, self.decoded(beta)), beta)

    def curve(self, betas):
        """A point for each beta."""
        return [self.point(beta) for beta in betas]

    def factor_for(self, bpp):
        """The beta at which the rate is ``bpp``, to 1 % of beta, by bisection.

        Raises:
            ValueError: a rate that no beta within ``WIDEST`` gives.
        """
        low, high = WIDEST
        most, least = self.rate(low), self.rate(high)
        if not least <= bpp <= most:
            raise ValueError(f"factor_for() got {bpp:g} bit/pixel; this image takes from {least:.3g} to {most:.3g}")
        while high / low > 1.01:
            middle = math.sqrt(low * high)
            if self.rate(middle) > bpp:
                low = middle
            else:
                high = middle
        return math.sqrt(low * high)


def without_tables(name, net):
    """A codec to measure a network that has no tables yet: no centring, no files.

    Args:
        name: what it is called. net: :class:`kryptonlib.compression.autoencoder.Autoencoder`.
    """
    return Codec(name, net, {"means": torch.zeros(net.maps)})


def gap(curve, other, count=200):
    """How many dB a curve lies above another at equal rate, where both have one.

    Both are interpolated by monotone cubics of the PSNR over ln(rate).

    Args:
        curve, other: lists of :class:`Point` with two different rates or more; of points with one rate the best counts.
        count: of rates, at equal ratios.

    Returns:
        (rates, differences): arrays [count] in bits per pixel and in dB.

    Raises:
        ValueError: the curves share no rate.
    """
    sides = []
    for points in (curve, other):
        best = {math.log(p.bpp): p.psnr for p in sorted(points, key=lambda p: p.psnr)}
        sides.append(np.array(sorted(best.items())).T)
    low, high = overlap(*(side[0] for side in sides))
    if not low < high:
        raise ValueError("gap() got two curves that share no rate")
    places = np.linspace(low, high, count)
    first, second = (PchipInterpolator(*side)(places) for side in sides)
    return np.exp(places), first - second


def bits_of(symbols):
    """Where the bits of an image are spent, by the paper's count.

    Args:
        symbols: int array [maps, h, w].

    Returns:
        (per map [maps], per place [h, w]): bits. A symbol costs -log2 of its share in its map; the sums are equal.

    Example:
        >>> of_map, of_place = bits_of(np.array([[[0, 1]], [[4, 4]]]))
        >>> of_map.tolist(), of_place.tolist()
        ([2.0, 0.0], [[1.0, 1.0]])
    """
    costs = np.empty(symbols.shape)
    for cost, some in zip(costs, symbols):
        _, inverse, counts = np.unique(some, return_inverse=True, return_counts=True)
        cost[:] = -np.log2(counts / some.size)[inverse].reshape(some.shape) + 0.0
    return costs.sum((1, 2)), costs.sum(0)
