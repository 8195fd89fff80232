"""Two U-nets: the thesis's plain one, and one of 0.2 million parameters that learns within minutes on a CPU.

Both take images of any size: what does not fit their pooling is padded at the right and at the bottom, and cut off
again. Both are local: an output pixel depends on inputs of at most ``reach`` pixels around it, so that an image can be
restored in tiles.
"""

import math

import torch
from torch import nn
from torch.nn import functional

GAINS = 0.7, 0.2
"""Of the orthogonal weights that a block begins with: its first and its second convolution."""
CONTRAST = 4.0
"""The first layer sees (value - 0.5) * 4, of deviation about 1."""


class UNet(nn.Module):
    """A residual U-net on half-size maps that predicts what is to be taken away from the image.

    The image's 2x2 neighbours become channels, which nearly halves the cost per pixel. Each level is a residual block
    ``a + conv(relu(a))``, a = conv(input); max-pooling, nearest upsampling, concatenation. The last convolution also
    sees the input itself, so that a linear filter is within its reach from the start
    (``training.restoring.linear_start``).

    Args:
        channels: of the images, 1 or 3.
        inputs: of the tensors, where maps are given beside the image (a noise level, a mask); the image comes first.
        levels: channels at each level, finest first.
        shuffle: side of the neighbourhoods that become channels, 1 or 2.

    Attributes:
        multiple: sides that fit without padding. reach: pixels.

    Raises:
        ValueError: no level, fewer inputs than channels, or a size below 1.

    Example:
        >>> UNet(3)(torch.rand(1, 3, 37, 50)).shape
        torch.Size([1, 3, 37, 50])
    """

    def __init__(self, channels=3, *, inputs=None, levels=(32, 48, 64), shuffle=2):
        super().__init__()
        inputs = channels if inputs is None else inputs
        check_sizes("UNet", channels, inputs, levels)
        if shuffle not in (1, 2):
            raise ValueError(f"UNet: shuffle must be 1 or 2, got {shuffle!r}")
        self.channels, self.inputs, self.shuffle = channels, inputs, shuffle
        self.multiple = shuffle * 2 ** (len(levels) - 1)
        self.reach = shuffle * (_reach(len(levels)) + 1) + shuffle - 1
        seen = inputs * shuffle**2
        self.down = nn.ModuleList(Block(*sizes) for sizes in zip((seen, *levels), levels))
        self.up = nn.ModuleList(Block(above + here, here) for here, above in reversed(list(zip(levels, levels[1:]))))
        self.last = nn.Conv2d(levels[0] + seen, channels * shuffle**2, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, image):
        """The restored image [N, channels, H, W] of a tensor [N, inputs, H, W], values around [0, 1]; not clipped."""
        check_input(self, image)
        height, width = image.shape[2:]
        features, seen = self.features(padded(image, self.multiple))
        taken = functional.pixel_shuffle(self.last(torch.cat([features, seen], 1)), self.shuffle)
        return image[:, : self.channels] - taken[:, :, :height, :width]

    def seen(self, image):
        """The scaled input's neighbourhoods as channels: [N, inputs * shuffle^2, H / shuffle, W / shuffle]."""
        return functional.pixel_unshuffle((image - 0.5) * CONTRAST, self.shuffle)

    def features(self, image):
        """What the last convolution sees: the finest features, and the input as ``seen`` gives it."""
        seen = value = self.seen(image)
        kept = []
        for block in self.down:
            value = block(functional.max_pool2d(value, 2) if kept else value)
            kept.append(value)
        kept.pop()
        for block in self.up:
            value = block(torch.cat([functional.interpolate(value, scale_factor=2), kept.pop()], 1))
        return value, seen


class Block(nn.Module):
    """a + conv(relu(a)) with a = conv(x): 3x3, the size stays."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        # Small gains keep the residual sums near their inputs, which full ones blow up (decoders then die early).
        for layer, gain in zip((self.first, self.second), GAINS):
            nn.init.orthogonal_(layer.weight, math.sqrt(2) * gain)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = self.first(x)
        return x + self.second(functional.relu(x))


class PlainUNet(nn.Module):
    """The thesis's U-net: twice convolution and ReLU a level, max-pooling, upsampling, skip connections.

    Its figure states neither sizes nor widths (kernels "varied"); ours are 3x3. It gives the image itself, no residual.

    Args:
        channels: of the images, 1 or 3.
        inputs: as in :class:`UNet`.
        levels: channels at each level, finest first.
        skips: False leaves the skip connections out, and all must pass the coarsest level: a plain autoencoder.

    Attributes, raises: as :class:`UNet`.

    Source: thesis (paper 5), section 2.2.1, figure 2.5; Ronneberger, Fischer and Brox, 2015.

    Example:
        >>> PlainUNet(1, levels=(8, 16), skips=False)(torch.rand(1, 1, 9, 9)).shape
        torch.Size([1, 1, 9, 9])
    """

    def __init__(self, channels=3, *, inputs=None, levels=(32, 64, 128), skips=True):
        super().__init__()
        inputs = channels if inputs is None else inputs
        check_sizes("PlainUNet", channels, inputs, levels)
        self.channels, self.inputs, self.skips = channels, inputs, bool(skips)
        self.multiple = 2 ** (len(levels) - 1)
        self.reach = _reach(len(levels))
        self.down = nn.ModuleList(_twice(*sizes) for sizes in zip((inputs, *levels), levels))
        self.up = nn.ModuleList(
            _twice(above + here * self.skips, here) for here, above in reversed(list(zip(levels, levels[1:])))
        )
        self.last = nn.Conv2d(levels[0], channels, 1)

    def forward(self, image):
        """As :meth:`UNet.forward`."""
        check_input(self, image)
        height, width = image.shape[2:]
        value, kept = padded(image, self.multiple), []
        for block in self.down:
            value = block(functional.max_pool2d(value, 2) if kept else value)
            kept.append(value)
        kept.pop()
        for block in self.up:
            larger, skip = functional.interpolate(value, scale_factor=2), kept.pop()
            value = block(torch.cat([larger, skip], 1) if self.skips else larger)
        return self.last(value)[:, :, :height, :width]


def padded(image, multiple):
    """A tensor [N, C, H, W] whose last rows and columns are repeated until both sides are multiples of ``multiple``."""
    height, width = image.shape[2:]
    return functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def check_sizes(name, channels, inputs, levels):
    """Raise ValueError unless these can be a network's sizes."""
    numbers = [channels, inputs, *levels]
    if not levels or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in numbers):
        raise ValueError(f"{name}: channels, inputs and levels must be whole numbers of at least 1, got {numbers}")
    if inputs < channels:
        raise ValueError(f"{name}: {inputs} inputs cannot hold an image of {channels} channels and what is beside it")


def check_input(net, image):
    """Raise ValueError unless a tensor fits a network of this room."""
    if image.ndim != 4 or image.shape[1] != net.inputs or 0 in image.shape:
        raise ValueError(
            f"{type(net).__name__}: got a tensor {tuple(image.shape)}, expected [N, {net.inputs}, H, W]; "
            "restoration.apply() takes images as arrays"
        )


def _twice(inputs, outputs):
    layers = [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


def _reach(levels):
    """Pixels of its finest level that a U-net sees in each direction: two 3x3 layers a level, both ways, and the
    pooling's own windows."""
    both_ways = sum(2 * 2 * 2**level for level in range(levels - 1))
    return both_ways + 2 * 2 ** (levels - 1) + 2 ** (levels - 1) - 1
