"""Small controlled changes of an image, each with one strength, and images at a given mean squared error.

Every change has a strength from 0 (nothing happens, but for JPEG's rounding) in its own unit, and its squared error
grows with it, so that :func:`matched` can bring different changes to one error.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from kryptonlib import images
from kryptonlib.choices import check_choice
from kryptonlib.gaussian import gaussian_kernel
from kryptonlib.losses.checks import check_pair
from kryptonlib.losses.filters import separable

SEED = 10
"""Of the random changes: the same pattern at every strength."""


@dataclass(frozen=True)
class Distortion:
    """One kind of change.

    Attributes:
        apply: function (image [1, 3, H, W], strength) -> the changed image, not yet cut to [0, 1].
        form: how a strength is written, with its unit: "{:.3g} px".
        strongest: the largest strength that makes sense.
    """

    apply: object
    form: str
    strongest: float

    def told(self, strength):
        """A strength in words, for titles: "1 px"."""
        return self.form.format(strength)


def _moved(image, angle=0.0, right=0.0):
    """Turned clockwise by ``angle`` degrees about the middle, moved to the right by pixels; mirrored at the border."""
    rows, columns = image.shape[-2:]
    turn = math.radians(angle)
    y, x = (torch.arange(size, dtype=image.dtype) - (size - 1) / 2 for size in (rows, columns))
    y, x = torch.meshgrid(y, x - right, indexing="ij")
    across, down = math.cos(turn) * x + math.sin(turn) * y, math.cos(turn) * y - math.sin(turn) * x
    places = torch.stack([2 * across / (columns - 1), 2 * down / (rows - 1)], -1)[None]
    return F.grid_sample(image, places, mode="bicubic", padding_mode="reflection", align_corners=True)


def _blurred(image, sigma):
    if sigma < 0.05:  # The kernel would be 1 in the middle and 0 elsewhere.
        return image.clone()
    reach = math.ceil(4 * sigma)
    taps = gaussian_kernel(sigma, reach).tolist()
    return separable(F.pad(image, (reach,) * 4, mode="reflect"), taps, taps)


def _random(image, channels):
    """A generator that gives one pattern at all strengths, and the shape of it."""
    return torch.Generator().manual_seed(SEED), (1, channels, *image.shape[-2:])


def _noisy(image, levels):
    generator, shape = _random(image, 3)
    return image + levels / 255 * torch.randn(shape, generator=generator, dtype=image.dtype)


def _with_impulses(image, percent):
    generator, shape = _random(image, 1)
    drawn, white = (torch.rand(shape, generator=generator) for _ in range(2))
    return torch.where(drawn < percent / 100, (white < 0.5).to(image.dtype), image)


def _less_contrast(image, percent):
    mean = image.mean((2, 3), keepdim=True)
    return mean + (1 - percent / 100) * (image - mean)


def _other_hue(image, angle):
    turn = math.radians(angle)
    luma, blue, red = images.ycbcr(image).split(1, 1)
    blue, red = blue - 0.5, red - 0.5
    turned = (math.cos(turn) * blue - math.sin(turn) * red, math.sin(turn) * blue + math.cos(turn) * red)
    return images.rgb(torch.cat([luma, *(part + 0.5 for part in turned)], 1))


def _jpeg(image, strength):
    """JPEG of quality 100 - strength; a quality between two whole ones mixes their images."""
    quality = 100 - strength
    below = math.floor(quality)
    mixed = _decoded(image, below)
    return mixed if below == quality else mixed + (quality - below) * (_decoded(image, below + 1) - mixed)


def _decoded(image, quality):
    written = io.BytesIO()
    Image.fromarray(images.to_uint8(images.from_tensor(image))).save(written, "JPEG", quality=quality)
    return images.to_tensor(np.asarray(Image.open(written))).to(image.dtype)


def _with_hole(image, percent):
    """A square of so many percent of the shorter side, filled with the mean colour; its edge may cut through pixels."""
    rows, columns = image.shape[-2:]
    half = percent / 100 * min(rows, columns) / 2
    down, across = (
        (half + 0.5 - (torch.arange(size, dtype=image.dtype) - (size - 1) / 2).abs()).clamp(0, 1)
        for size in (rows, columns)
    )
    mask = (down[:, None] * across) if half else torch.zeros(rows, columns, dtype=image.dtype)
    return image + mask * (image.mean((2, 3), keepdim=True) - image)


DISTORTIONS = {
    "shift": Distortion(lambda image, strength: _moved(image, right=strength), "{:.3g} px", 8.0),
    "rotation": Distortion(lambda image, strength: _moved(image, angle=strength), "{:.3g}°", 10.0),
    "blur": Distortion(_blurred, "σ {:.3g} px", 8.0),
    "noise": Distortion(_noisy, "σ {:.3g}/255", 64.0),
    "impulses": Distortion(_with_impulses, "{:.2g} % of px", 20.0),
    "JPEG": Distortion(_jpeg, "100 − {:.3g}", 99.0),
    "brightness": Distortion(lambda image, levels: image + levels / 255, "+ {:.3g}/255", 96.0),
    "contrast": Distortion(_less_contrast, "− {:.3g} %", 95.0),
    "hue": Distortion(_other_hue, "{:.3g}°", 180.0),
    "hole": Distortion(_with_hole, "{:.3g} % wide", 90.0),
}
"""Ten changes by name. Strengths are pixels, degrees, levels of 255 or percent; JPEG's is 100 minus the quality."""


def distort(image, name, strength):
    """An image with one change.

    Args:
        image: tensor [1, 3, H, W] in [0, 1].
        name: one of ``DISTORTIONS``.
        strength: from 0 to the change's ``strongest``, in its unit.

    Returns:
        A tensor of that shape, cut to [0, 1].

    Raises:
        ValueError, TypeError: an unknown name, a strength outside of its limits, no image [1, 3, H, W].

    Example:
        >>> y = torch.full((1, 3, 8, 8), 0.5)
        >>> f"{distort(y, 'brightness', 25.5)[0, 0, 0, 0]:.2f}"
        '0.60'
    """
    check_choice("distortion", name, DISTORTIONS)
    change = DISTORTIONS[name]
    if not 0 <= strength <= change.strongest:
        raise ValueError(f"distort: {name} takes strengths from 0 to {change.strongest:g}, got {strength!r}")
    _check(image)
    with torch.no_grad():
        return change.apply(image, float(strength)).clamp(0, 1)


def matched(image, name, error, *, tolerance=1e-3):
    """The strength at which a change has a given mean squared error, and the changed image.

    Args:
        image, name: as in :func:`distort`.
        error: mean squared error, of values in [0, 1].
        tolerance: relative, of the error. An interval is halved until it is met, 40 times at most.

    Returns:
        (strength, image [1, 3, H, W]).

    Raises:
        ValueError: the change never reaches this error; and as :func:`distort`.

    Example:
        >>> y = torch.full((1, 3, 8, 8), 0.5)
        >>> f"{matched(y, 'brightness', 0.01)[0]:.1f}"
        '25.5'
    """
    check_choice("distortion", name, DISTORTIONS)
    low, high = 0.0, DISTORTIONS[name].strongest
    largest = float((distort(image, name, high) - image).square().mean())
    if not 0 < error <= largest:
        raise ValueError(f"matched: {name} has mean squared errors up to {largest:.4g} here, got error={error!r}")
    for _ in range(40):
        middle = (low + high) / 2
        changed = distort(image, name, middle)
        found = float((changed - image).square().mean())
        if abs(found / error - 1) <= tolerance:
            break
        low, high = (middle, high) if found < error else (low, middle)
    return middle, changed


def all_matched(image, name="shift", strength=1.0):
    """All ten changes, each as strong as gives the mean squared error of one of them.

    Args:
        image: as in :func:`distort`. name, strength: the change that sets the error; a shift by one pixel.

    Returns:
        (images [10, 3, H, W], strengths, error), in the order of ``DISTORTIONS``.

    Raises:
        ValueError: as :func:`matched`.
    """
    error = float((distort(image, name, strength) - image).square().mean())
    found = [matched(image, other, error) for other in DISTORTIONS]
    return torch.cat([changed for _, changed in found]), [strength for strength, _ in found], error


def with_error(x, y, error):
    """x moved on the line through y to a given mean squared error to y, and cut to [0, 1].

    The cut takes some of the error away, so both are done in turns, eight times; where much is cut, a few parts in a
    thousand of the error may lack.

    Args:
        x, y: tensors of one shape, not equal; y in [0, 1]. error: mean squared error over all values.

    Returns:
        A tensor of their shape.

    Raises:
        ValueError: x equals y, which gives no direction; an error that is not positive.

    Example:
        >>> y = torch.full((1, 3, 8, 8), 0.5)
        >>> f"{with_error(y + 0.1, y, 0.04)[0, 0, 0, 0]:.2f}"
        '0.70'
    """
    if x.shape != y.shape:
        raise ValueError(f"with_error: x and y differ in shape, {tuple(x.shape)} and {tuple(y.shape)}")
    if not error > 0 or torch.equal(x, y):
        raise ValueError(f"with_error: needs an error above 0 and an x that differs from y, got error={error!r}")
    for _ in range(8):
        x = (y + (x - y) * (error / (x - y).square().mean()).sqrt()).clamp(0, 1)
    return x


def _check(image):
    if isinstance(image, torch.Tensor) and image.ndim == 4 and len(image) != 1:
        raise ValueError(f"distort: takes one image [1, 3, H, W], got shape {tuple(image.shape)}")
    check_pair("distort", image, image, 1.0, channels=3)
