"""The effective receptive field: how much each pixel of the theoretical field matters to a unit.

It is the squared gradient of the unit with respect to the pixels, added up over pictures. Squares and not absolute
values, because squares of independent random weights add up like variances: in a stack with random weights the mean
square is then the distribution of a random walk that takes one tap of every layer, whose variance is known:

    variance = sum over layers of (k^2 - 1) / 12 * dilation^2 * jump^2        (per axis, in pixels^2)

A max pool counts as a layer that takes one of its k inputs. Source: Luo, Li, Urtasun, Zemel, Understanding the
effective receptive field in deep convolutional neural networks, NIPS 2016, section 2 (one stack of equal layers).
"""

import numpy as np
import torch
from torch import nn

from kryptonlib.anatomy.watching import layers
from kryptonlib.choices import check_choice


def effective_field(chain, name, pictures):
    """Share of the squared gradient per pixel of the theoretical field.

    Args:
        chain: nn.Sequential in evaluation mode, for example ``zoo.trunk("vgg16")``.
        name: a layer of it; the unit is the first of its map whose whole field lies inside the picture.
        pictures: tensors [1, C, H, W] of one size, each at least as large as ``smallest_side`` says.

    Returns:
        (field, size): float64 array [size, size] with sum 1, and the theoretical size in pixels.

    Raises:
        TypeError: ``chain`` is no nn.Sequential.
        ValueError: no picture, a picture that is too small, or a gradient that is zero everywhere.
    """
    part = _up_to(chain, name)
    pictures = list(pictures)
    if not pictures:
        raise ValueError("effective_field() got no pictures; give tensors [1, C, H, W]")
    layer = layers(part, tuple(pictures[0].shape[1:]))[name]
    side, unit = _first_inside(layer)
    if min(pictures[0].shape[2:]) < side:
        raise ValueError(f"a whole field of layer {name!r} needs pictures of {side} pixels a side, got "
                         f"{tuple(pictures[0].shape[2:])}")  # fmt: skip
    total = 0
    for picture in pictures:
        pixels = picture.detach().clone().requires_grad_()
        answer = part(pixels)[0, :, unit, unit].sum()
        total = total + torch.autograd.grad(answer, pixels)[0][0].double().square().sum(0).numpy()
    top, bottom, left, right = (int(edge) for edge in layer.box(unit, unit))
    field = total[top : bottom + 1, left : right + 1]
    if not field.sum() > 0:
        raise ValueError(f"the gradient of layer {name!r} is zero on these pictures; give others")
    return field / field.sum(), layer.receptive_field[0]


def smallest_side(chain, name, channels=3):
    """Side in pixels of the smallest square picture that holds the whole field of one unit of layer ``name``."""
    return _first_inside(layers(_up_to(chain, name), (channels, 512, 512))[name])[0]


def windows(photos, side, count, seed):
    """Random windows: ``count`` arrays [side, side, ...] cut out of the photos [H, W, ...] in turn.

    Raises ValueError for a photo that is smaller than a window.
    """
    small = [np.shape(photo) for photo in photos if min(np.shape(photo)[:2]) < side]
    if small or not len(photos):
        got = f"a photo of {small[0]}" if small else "no photo"
        raise ValueError(f"windows() cuts {side} x {side} pixels, got {got}")
    generator = np.random.default_rng(seed)
    cut = []
    for number in range(count):
        photo = photos[number % len(photos)]
        row, column = (int(generator.integers(0, length - side + 1)) for length in photo.shape[:2])
        cut.append(photo[row : row + side, column : column + side])
    return cut


def random_weights(chain, seed):
    """Give the convolutions of ``chain`` He's random weights (variance 2 / inputs, no bias) and return it, frozen.

    Source: He, Zhang, Ren, Sun, Delving deep into rectifiers, 2015. A chain on the meta device comes to the CPU.
    """
    if any(tensor.is_meta for tensor in chain.parameters()):
        chain = chain.to_empty(device="cpu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in chain.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
    return chain.eval().requires_grad_(False)


def spread(field):
    """Standard deviation in pixels of a field [H, W] of weights >= 0, the root of the mean variance of both axes.

    >>> spread(np.array([[1.0, 0, 1], [0, 0, 0], [1, 0, 1]]))
    1.0
    """
    field = np.asarray(field, dtype=float)
    if field.ndim != 2 or not np.isfinite(field).all() or field.min() < 0 or field.sum() == 0:
        raise ValueError(f"spread() needs weights [H, W], none negative and not all zero, got shape {field.shape}")
    variances = []
    for axis in (0, 1):
        profile = field.sum(axis) / field.sum()
        places = np.arange(len(profile))
        variances.append((profile * places**2).sum() - (profile * places).sum() ** 2)
    return float(np.sqrt(np.mean(variances)))


def _up_to(chain, name):
    """The part of a chain that ends with layer ``name``: smaller pictures fit through it."""
    if not isinstance(chain, nn.Sequential):
        raise TypeError(f"an nn.Sequential is needed, got {type(chain).__name__}")
    names = [key for key, _ in chain.named_children()]
    check_choice("layer", name, names)
    part = chain[: names.index(name) + 1]
    part.training = chain.training
    return part


def _first_inside(layer):
    """(side of the picture that is needed, row and column) of the first unit whose field begins inside."""
    if len(layer.shape) != 3:
        raise ValueError(f"layer {layer.name!r} ({layer.kind}) has no units at places of the image; choose a map")
    for unit in range(min(layer.shape[1:])):
        if layer.box(unit, unit)[0] >= 0:
            return int(layer.box(unit, unit)[1]) + 1, unit
    raise ValueError(f"no unit of layer {layer.name!r} has its whole field inside; give larger pictures")
