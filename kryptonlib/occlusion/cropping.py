"""What an approximate method keeps of each changed window; everything outside it is taken from the clean image.

A window grows with every layer, but most of what reaches its rim is small: a unit's effective receptive field is much
narrower than the theoretical one (Luo et al., "Understanding the effective receptive field in deep convolutional
neural networks", 2016, https://arxiv.org/abs/1701.04128). Late layers, whose windows fill the map, gain most.

Both rules are functions for the engine's ``crop``, called as ``crop(step, axis, low, high, middle) -> (low, high)``.
The engine applies them to the maps that layers with windows read; neither the patch itself nor a map whose mean is
taken, or that is flattened, is cropped, because that would save nothing.
"""

import math

from kryptonlib.occlusion.intervals import kept, within


def cells(size, share):
    """The cells that ``share`` of an axis of ``size`` cells stands for: rounded, halves up, and at least one.

    Krypton's code is Python 2, whose ``round`` takes halves away from zero; Python 3 would take them to the even one.

    Example:
        >>> cells(13, 0.5)
        7
    """
    return max(1, math.floor(share * size + 0.5))


def checked_share(value, name):
    """``value`` as a float in (0, 1]."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise ValueError(f"{name} must be a number above 0 and at most 1, got {value!r}")
    return float(value)


class Threshold:
    """Krypton's projective-field threshold: no window is larger than the share tau of its map.

    A larger window is cut to its part nearest to the patch's centre. tau = 1 never cuts, and is exact.

    Args:
        steps: from ``reader.read_steps``.
        tau: share of each map's side, in (0, 1].

    Source:
        Krypton, SIGMOD 2019, section "Projective field threshold": W <- round(tau * W_O) where W is larger. There the
        window's own centre is kept; where the border has cut the window off, that is not where the patch lies.
    """

    def __init__(self, steps, tau):
        tau = checked_share(tau, "tau")
        self.most = [tuple(cells(int(size), tau) for size in step.size) for step in steps]

    def __call__(self, step, axis, low, high, middle):
        return kept(low, high, middle, self.most[step][axis])


class Reach:
    """Ours: what lies further than a share of the map's side from the patch's centre is left out.

    A patch near the border has a large window that reaches far to one side; the threshold keeps as much of it as of a
    window in the middle, this rule only what is as near. Reach 1 already cuts: it leaves out what is more than half a
    side away.

    Args:
        steps: from ``reader.read_steps``.
        reach: width of the part around the patch's centre as a share of each map's side, in (0, 1].
    """

    def __init__(self, steps, reach):
        reach = checked_share(reach, "reach")
        self.most = [tuple(cells(int(size), reach) for size in step.size) for step in steps]

    def __call__(self, step, axis, low, high, middle):
        return within(low, high, middle, self.most[step][axis])
