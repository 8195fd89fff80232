"""FLIP: the difference that a person sees who flips between two images on a screen at a given distance.

The images are blurred as the eye blurs them, compared in colour, and that difference is made larger where edges or
points (single pixels) differ: FLIP = colour^(1 - feature), per pixel, in [0, 1].
"""

import math
from numbers import Real

import numpy as np
import torch
import torch.nn.functional as F

from kryptonlib.gaussian import gaussian_kernel
from kryptonlib.losses import flip_colour as colour
from kryptonlib.losses.checks import check_pair, reduced
from kryptonlib.losses.filters import separable

PIXELS_PER_DEGREE = 0.7 * 3840 / 0.7 * math.pi / 180
"""67.02: a monitor 0.7 m wide with 3840 pixels across, seen from 0.7 m."""
# Gaussians of the contrast sensitivity functions: achromatic, red-green, blue-yellow. (a, b) is the frequency response
# a exp(-b f^2), f in cycles per degree.
_SENSITIVITY = (((1.0, 0.0047),), ((1.0, 0.0053),), ((34.1, 0.04), (13.5, 0.025)))
_FEATURE_WIDTH = 0.082
"""Width of the edge and point detectors in degrees."""
_COLOUR_POWER, _FEATURE_POWER = 0.7, 0.5
_SHARE, _TARGET = 0.4, 0.95
"""Colour differences up to 0.4 of the largest are spread over [0, 0.95], the rest is squeezed into what is left."""
_LEAST = 1e-15
_SOFT_COLOUR, _SOFT_FEATURE = 0.1, 0.001


def pixels_per_degree(distance, screen_width, screen_pixels):
    """Pixels in one degree of the visual field.

    Args:
        distance: from eye to screen, in metres.
        screen_width: of the screen, in metres.
        screen_pixels: across the screen.

    Raises:
        ValueError: one of them is not positive.

    Example:
        >>> f"{pixels_per_degree(0.7, 0.7, 3840):.4f}"
        '67.0206'
    """
    if not all(0 < value < math.inf for value in (distance, screen_width, screen_pixels)):
        raise ValueError(
            f"pixels_per_degree: distance, width and pixels must be positive, got {distance!r}, {screen_width!r}, "
            f"{screen_pixels!r}"
        )
    return distance * screen_pixels / screen_width * math.pi / 180


def flip(x, y, *, pixels_per_degree=PIXELS_PER_DEGREE, softened=False, reduction="mean"):
    """Mean FLIP error of colour images.

    Args:
        x, y: image and reference [N, 3, H, W], sRGB in [0, 1]. What of x lies outside is cut off, as a screen does; the
            gradient passes the cut.
        pixels_per_degree: how large pixels are to the eye, see :func:`pixels_per_degree`. More: seen from farther away.
        softened: for training. FLIP's two roots have an infinite slope at equality, so that the smallest errors pull
            hardest. Softened, a colour distance d counts as sqrt(d^2 + 0.1^2), 0.001 is added to the feature difference
            before its root, and the score of equal images is subtracted. Not FLIP's value.
        reduction: "mean" over the images, or "none" for a value each [N].

    Returns:
        A scalar, or [N], in [0, 1]; lower is better.

    Raises:
        ValueError, TypeError: not three channels; see :func:`kryptonlib.losses.checks.check_pair`.

    Source: Andersson, Nilsson, Akenine-Möller, Oskarsson, Åström and Fairchild, "FLIP: A Difference Evaluator for
    Alternating Images", 2020; thesis (paper 5), section 3.1, eq. 3.1. Gradients at equality are finite (0, or where one
    pixel differs large).

    Example:
        >>> black, white = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
        >>> f"{flip(white, black):.4f}"
        '0.9674'
    """
    error = flip_map(x, y, pixels_per_degree=pixels_per_degree, softened=softened)
    return reduced(error.mean((1, 2, 3)), reduction)


def flip_map(x, y, *, pixels_per_degree=PIXELS_PER_DEGREE, softened=False):
    """FLIP error of every pixel [N, 1, H, W]. Args, raises: as :func:`flip`."""
    if isinstance(x, torch.Tensor) and x.ndim == 4 and x.shape[1] == 1:
        raise ValueError(
            "flip: needs 3 channels, got 1; give a grey photo as x.expand(-1, 3, -1, -1), and take flip_grey for "
            "images that are linear in light, such as MR"
        )
    check_pair("flip", x, y, channels=3)
    check_resolution(pixels_per_degree)
    seen, detected = [], []
    for image in (x, y):
        opponent = colour.ycxcz_from_linear(colour.linear_from_srgb(_cut(image)))
        blurred = torch.cat([_seen(opponent[:, i : i + 1], pixels_per_degree, _SENSITIVITY[i]) for i in range(3)], 1)
        seen.append(colour.hunt(colour.lab_from_linear(_cut(colour.linear_from_ycxcz(blurred)))))
        detected.append((opponent[:, :1] + 16) / 116)
    feature = torch.maximum(
        _feature_difference(*detected, pixels_per_degree, _edge),
        _feature_difference(*detected, pixels_per_degree, _point),
    )
    return _error(colour.hyab(*seen), feature, softened)


def flip_grey(x, y, *, pixels_per_degree=PIXELS_PER_DEGREE, softened=False, reduction="mean"):
    """The thesis's variant for grey images that are linear in light, such as MR: no sRGB curve, Hunt effect or points.

    The thesis does not print it; this is FLIP with those three parts left out. The scale of the colour difference is
    that of colour images, as the thesis names no other, so black against white scores 0.967 too.

    Args:
        x, y: image and reference [N, 1, H, W], linear luminance in [0, 1].
        pixels_per_degree, softened, reduction: as in :func:`flip`.

    Returns, raises: as :func:`flip`.

    Source: thesis (paper 5), section 3.2.

    Example:
        >>> f"{flip_grey(torch.ones(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)):.4f}"
        '0.9674'
    """
    error = flip_grey_map(x, y, pixels_per_degree=pixels_per_degree, softened=softened)
    return reduced(error.mean((1, 2, 3)), reduction)


def flip_grey_map(x, y, *, pixels_per_degree=PIXELS_PER_DEGREE, softened=False):
    """The error of :func:`flip_grey` of every pixel [N, 1, H, W]."""
    check_pair("flip_grey", x, y, channels=1)
    check_resolution(pixels_per_degree)
    x, y = _cut(x), _cut(y)
    seen = [colour.lightness(_cut(_seen(image, pixels_per_degree, _SENSITIVITY[0]))) for image in (x, y)]
    feature = _feature_difference(x, y, pixels_per_degree, _edge)
    return _error((seen[0] - seen[1]).abs(), feature, softened)


def check_resolution(pixels_per_degree):
    """Raise unless ``pixels_per_degree`` is a positive number."""
    if isinstance(pixels_per_degree, bool) or not isinstance(pixels_per_degree, Real):
        raise TypeError(f"flip: pixels_per_degree must be a number, got {pixels_per_degree!r}")
    if not 0 < pixels_per_degree < math.inf:
        raise ValueError(f"flip: pixels_per_degree must be positive and finite, got {pixels_per_degree!r}")


def _cut(image):
    """Values cut to [0, 1]; the gradient passes as if they were not, so that none is lost at black and white."""
    return image + (image.clamp(0, 1) - image).detach()


def _extended(image, radius):
    return F.pad(image, (radius,) * 4, mode="replicate")


def _seen(channel, pixels_per_degree, gaussians):
    """One channel blurred by its contrast sensitivity: a sum of Gaussians with sum 1, cut off as FLIP's code does."""
    radius = math.ceil(3 * math.sqrt(0.04 / (2 * math.pi**2)) * pixels_per_degree)
    kernels = [gaussian_kernel(math.sqrt(b / 2) / math.pi * pixels_per_degree, radius) for _, b in gaussians]
    # The weights are of Gaussians with a peak of 1, the kernels have a sum of 1.
    masses = [weight * math.sqrt(math.pi / b) / kernel[radius] ** 2 for (weight, b), kernel in zip(gaussians, kernels)]
    extended = _extended(channel, radius)
    return sum(mass / sum(masses) * separable(extended, kernel, kernel) for mass, kernel in zip(masses, kernels))


def _edge(places, gaussian):
    """First derivative of a Gaussian of spread 1."""
    return -places * gaussian


def _point(places, gaussian):
    """Second derivative of a Gaussian of spread 1."""
    return (places**2 - 1) * gaussian


def _feature_difference(x, y, pixels_per_degree, detector):
    """How much the strength of a feature differs: |‖gradient of x‖ - ‖gradient of y‖| per pixel."""
    spread = 0.5 * _FEATURE_WIDTH * pixels_per_degree
    radius = math.ceil(3 * spread)
    across = gaussian_kernel(spread, radius)
    taps = detector(np.arange(-radius, radius + 1) / spread, across)
    # The positive and the negative part of a detector weigh 1 each.
    taps = np.where(taps > 0, taps / taps[taps > 0].sum(), -taps / taps[taps < 0].sum())
    strengths = []
    for image in (x, y):
        # The taps add up to 0, so a constant changes nothing but the rounding, whose root would count in flat images.
        level = image.detach().mean((2, 3), keepdim=True)
        extended = _extended(image - level, len(taps) // 2)
        both = torch.cat([separable(extended, across, taps), separable(extended, taps, across)], 1)
        strengths.append(torch.linalg.vector_norm(both, dim=1, keepdim=True))
    return (strengths[0] - strengths[1]).abs()


def _largest_colour_difference():
    """HyAB distance of green and blue to the power 0.7: the largest that sRGB has after Hunt's effect."""
    ends = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64).view(2, 3, 1, 1)
    green, blue = colour.hunt(colour.lab_from_linear(ends)).split(1)
    return float(colour.hyab(green, blue)) ** _COLOUR_POWER


_LARGEST = _largest_colour_difference()


def _error(distance, feature, softened):
    """The two differences joined: colour^(1 - feature)."""
    error = _joined(distance, feature, *((_SOFT_COLOUR, _SOFT_FEATURE) if softened else (0.0, 0.0)))
    if softened:
        error = error - _joined(distance.new_zeros(()), feature.new_zeros(()), _SOFT_COLOUR, _SOFT_FEATURE)
    return error


def _joined(distance, feature, soft_colour, soft_feature):
    # Clamped at 1e-15, the powers have a slope of 0 at equality instead of an infinite one.
    distance = (distance.square() + soft_colour**2).sqrt() if soft_colour else distance
    power = distance.clamp(min=_LEAST) ** _COLOUR_POWER
    knee = _SHARE * _LARGEST
    low = power * (_TARGET / knee)
    high = _TARGET + (power - knee) / (_LARGEST - knee) * (1 - _TARGET)
    spread = torch.where(power < knee, low, high)
    feature = (feature / math.sqrt(2) + soft_feature).clamp(min=_LEAST) ** _FEATURE_POWER
    return spread ** (1 - feature)
