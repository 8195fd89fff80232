"""The experiment of Dumas, Roumy and Guillemot, section 4: one transform for each rate against one for all rates.

Case 1 has a network for every gamma and the step 1; case 2 one network whose learned steps are multiplied by beta;
case 3 one network and the step beta. Rates are the paper's count (``step_sweep``).
"""

import numpy as np

from kryptonlib import store
from kryptonlib.compression.autoencoder import Autoencoder
from kryptonlib.compression.codec import network
from kryptonlib.compression.rate_distortion import mean_curve
from kryptonlib.compression.start import block_transform
from kryptonlib.compression.step_sweep import Sweep, gap, without_tables
from kryptonlib.images import as_rgb, limited_luma, to_uint8
from kryptonlib.small_weights import read_small

COMPARED = (("case 2", "case 3"), ("case 2", "case 1"), ("case 3", "case 1"))


def middle_luma(image, side):
    """The middle piece of an image as the codec takes it.

    Args:
        image: float array [H, W] or [H, W, 3] in [0, 1].
        side: of the piece in pixels; a shorter side of the image is taken whole.

    Returns:
        uint8 array, luma in limited range (16 to 235).

    Example:
        >>> import numpy as np
        >>> middle_luma(np.ones((20, 50, 3), np.float32), 32).shape
        (20, 32)
    """
    if not side >= 1:
        raise ValueError(f"middle_luma() got side={side!r}; expected 1 or more pixels")
    luma = to_uint8(limited_luma(as_rgb(image)))
    top, left = (max(0, length - side) // 2 for length in luma.shape)
    return luma[top : top + side, left : left + side]


def measure(lumas, networks, learned, betas):
    """Curves of the three cases.

    Args:
        lumas: uint8 arrays [H, W].
        networks: gamma -> :class:`kryptonlib.compression.codec.Codec`; the one at 10000 is also case 3's.
        learned: the codec with learned steps.
        betas: factors of the steps in cases 2 and 3.

    Returns:
        Name of a case -> for each image a list of :class:`kryptonlib.compression.rate_distortion.Point`.

    Raises:
        ValueError: no network at 10000.
    """
    if 10000 not in networks:
        found = ", ".join(map(str, networks)) or "none"
        raise ValueError(f"measure() got networks for gamma {found}; case 3 needs the one at 10000")
    # The paper centres latents in cases 2 and 3 only.
    first = [[Sweep(network, luma, centred=False).point(1.0) for network in networks.values()] for luma in lumas]
    second, third = ([Sweep(network, luma).curve(betas) for luma in lumas] for network in (learned, networks[10000]))
    return {"case 1": first, "case 2": second, "case 3": third}


def differences(cases, compared=COMPARED):
    """How far apart the mean curves of the cases are at equal rate.

    Args:
        cases: as ``measure`` gives them; there may be more.
        compared: pairs of names, (case, other).

    Returns:
        (case, other) of ``compared`` -> [least, largest]: dB that the first lies above the second, over the rates that
        both have.
    """
    mean = {name: mean_curve(curves) for name, curves in cases.items()}
    found = {}
    for case, other in compared:
        _, above = gap(mean[case], mean[other])
        found[case, other] = [float(above.min()), float(above.max())]
    return found


def agreement(apart):
    """How well the cases agree: (most, low, high) in dB from what ``differences`` gave.

    ``most`` is the largest distance of cases 2 and 3 at equal rate, ``low`` and ``high`` are the ends of how far these
    two lie above case 1.

    Example:
        >>> above = [0.1, 0.3], [0.2, 0.4], [-0.1, 0.0]
        >>> agreement(dict(zip((("case 2", "case 1"), ("case 3", "case 1"), ("case 2", "case 3")), above)))
        (0.1, 0.1, 0.4)
    """
    against = apart["case 2", "case 1"] + apart["case 3", "case 1"]
    return max(map(abs, apart["case 2", "case 3"])), min(against), max(against)


def leads(curve, other):
    """How far a curve lies above another at each of its settings, in dB: setting -> difference at equal rate.

    Settings whose rate the other curve does not reach are left out.
    """
    rates, above = gap(curve, other)
    return {p.setting: float(np.interp(p.bpp, rates, above)) for p in curve if rates[0] <= p.bpp <= rates[-1]}


def beginnings(patches):
    """What training began from: name -> codec without tables.

    Args:
        patches: luma tensor [N, 1, H, W] in [0, 255] that the block transform is computed from.

    Returns:
        "untrained": the nested block transform of ``start``; "start": the common start of all cases, as it is shipped.
    """
    net = Autoencoder(normalized=False)
    block_transform(net, patches)
    nets = {"untrained": net, "start": network(read_small(store.checkpoint("codec-start")))}
    return {name: without_tables(name, some) for name, some in nets.items()}
