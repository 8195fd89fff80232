"""A study for a class that has no images of its own yet: photos with noise, cleaned by classical methods.

Every method has one setting, and all are tuned alike: the setting with the least squared error on two photos that are
not judged. The sixth candidate puts a share of the noise back on purpose.
"""

import numpy as np
from scipy.ndimage import median_filter
from scipy.signal import wiener
from skimage.filters import gaussian
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

from kryptonlib import samples
from kryptonlib.judging.material import Material

NOISE = 25 / 255
"""Standard deviation of the noise: that of the thesis's test (Table 6.1), there without clipping as here."""
GRAIN = 0.3
"""Share of the noisy image in the last candidate."""
PLACES = {"astronaut": (0, 100), "chelsea": (20, 80), "coffee": (60, 180), "rocket": (150, 200)}
"""The photos that are judged, all free to publish, and where their cut-out begins (row, column)."""
TUNING = {"flower": (60, 200), "motorcycle-left": (100, 200)}
SMALLEST, LARGEST = 32, 256

# Name -> (function of a noisy image and the setting, the settings that are tried).
METHODS = {
    "Gaussian": (lambda y, s: gaussian(y, s, channel_axis=-1), (0.6, 0.8, 1.0, 1.2)),
    "median": (lambda y, s: median_filter(y, (s, s, 1)), (3, 5, 7)),
    "Wiener": (lambda y, s: wiener(y, (s, s, 1), NOISE**2), (3, 5, 7)),
    "total variation": (lambda y, s: denoise_tv_chambolle(y, s, channel_axis=-1), (0.05, 0.07, 0.09, 0.12)),
    "NL-means": (
        lambda y, s: denoise_nl_means(y, 5, 6, h=s * NOISE, sigma=NOISE, channel_axis=-1), (0.4, 0.5, 0.6, 0.8)
    ),
}  # fmt: skip


def study(crop=256):
    """The images to judge, and each method's tuned setting.

    Args:
        crop: side of the square cut-outs in pixels, 32 to 256.

    Returns:
        (material, settings): a :class:`kryptonlib.judging.Material` of four photos and six candidates, and name of a
        method -> its setting (a width in pixels; for total variation the weight; for NL-means h in units of the noise).

    Raises:
        ValueError: another size.
        FileNotFoundError: the photos for tuning were not fetched; the message holds the command.
    """
    if not SMALLEST <= crop <= LARGEST:
        raise ValueError(f"study: crop must be from {SMALLEST} to {LARGEST} pixels, got {crop!r}")
    tuning = [_pair(name, place, crop, 100 + seed) for seed, (name, place) in enumerate(TUNING.items())]
    settings = {
        name: min(tried, key=lambda setting: _error(tuning, method, setting))
        for name, (method, tried) in METHODS.items()
    }
    pairs = {name: _pair(name, place, crop, seed) for seed, (name, place) in enumerate(PLACES.items())}
    tests = {
        method: {name: function(noisy, settings[method]).clip(0, 1) for name, (_, noisy) in pairs.items()}
        for method, (function, _) in METHODS.items()
    }
    tests["NL-means + grain"] = {
        name: (1 - GRAIN) * tests["NL-means"][name] + GRAIN * noisy for name, (_, noisy) in pairs.items()
    }
    return Material({name: clean for name, (clean, _) in pairs.items()}, tests), settings


def _pair(name, place, crop, seed):
    """(clean, noisy) cut-out of a photo."""
    top, left = place
    clean = samples.load(name).image[top : top + crop, left : left + crop]
    return clean, clean + NOISE * np.random.default_rng(seed).standard_normal(clean.shape).astype(np.float32)


def _error(pairs, method, setting):
    return float(np.mean([((method(noisy, setting).clip(0, 1) - clean) ** 2).mean() for clean, noisy in pairs]))
