"""Networks that denoise X-rays without being told the noise: X-BDCNN, DnCNN, and a plain residual network.

All predict the noise and take it off (residual learning). One thing is ours in all of them: the 2x2 neighbours of a
pixel become four channels first, and the convolutions work at half size, at a quarter of the cost, as in FFDNet. The
papers' networks work at full size with 32 to 256 channels; ours have as many layers and fewer channels, so that they
train within minutes on a CPU.

Not built here: SkiDNet, whose description is not among our papers; CBDNet, of which X-BDCNN is the X-ray version (its
sub-network and U are those of ``XBDCNN``; what differs are colour, its camera noise, and pairs of real photos to
train on); Poisson NL-PCA, which needs no training but minutes per image: patches are clustered, and each cluster gets
a low-rank fit of its Poisson intensities by Newton's method.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from kryptonlib.restoration.unet import CONTRAST, check_input, check_sizes, padded

LEVEL = 0.1
"""The unit of the sub-network's maps, a share of white: the noise levels of paper 4 are 0 to 1 of it."""


MIXED = 0.1
"""How much of orthogonal weights is added to the identity in a new layer."""
SHIFT = 1.0
"""What DnCNN's normalised features begin with, in deviations: the ReLU behind them then lets most of them through."""


class Denoiser(nn.Module):
    """What the networks here share: any size, half-size maps, the noise taken off. A subclass has features and last.

    Attributes:
        channels, inputs: 1, a grey image.
        multiple: sides that fit without padding. reach: pixels that an output depends on, in each direction.
    """

    channels = inputs = 1

    def forward(self, image):
        """The restored image [N, 1, H, W] of a noisy one, values around [0, 1]; not clipped."""
        return self.both(image)[0]

    def both(self, image):
        """(restored image, maps): maps [N, 2, h, w] at half size as ``noise.level_maps`` has them, or None."""
        check_input(self, image)
        height, width = image.shape[2:]
        features, maps = self.features(padded(image, self.multiple))
        noise = functional.pixel_shuffle(self.last(features), 2)
        return image - noise[:, :, :height, :width], maps

    def features(self, image):
        """(what the last convolution sees, maps or None), for an image whose sides fit."""
        raise NotImplementedError


class XBDCNN(Denoiser):
    """X-BDCNN: a sub-network estimates the noise level (NLE), a second one denoises with it (NBD).

    NLE: five convolutions, 32 channels, ReLU after each, the first layer's output added to the fourth's. NBD: 2, 3,
    6, 3 and 2 convolutions in a symmetric U (two average poolings, two transposed convolutions, skips added), sixteen
    with ReLU, and the seventeenth gives the noise. The paper draws no numbers of layers per level, kinds of pooling
    and skips; these are CBDNet's, whose sixteen fit.

    Args:
        levels: channels of the U at its three levels.
        estimate: False leaves the sub-network out ("w/o the NLE").

    Source: Yin et al. (paper 4), section II.B, figure 1; Guo et al., CBDNet, 2019.

    Example:
        >>> restored, maps = XBDCNN().both(torch.rand(1, 1, 30, 41))
        >>> restored.shape, maps.shape
        (torch.Size([1, 1, 30, 41]), torch.Size([1, 2, 16, 24]))
    """

    multiple = 8

    def __init__(self, levels=(24, 32, 40), *, estimate=True):
        super().__init__()
        check_sizes("XBDCNN", 1, 1, levels)
        if len(levels) != 3:
            raise ValueError(f"XBDCNN: levels must be three numbers of channels, got {levels!r}")
        fine, middle, coarse = levels
        self.noise_level = NoiseLevel() if estimate else None
        self.fine_in = layers(4 + 2 * estimate, fine, 2)
        self.middle_in = layers(fine, middle, 3)
        self.coarse = layers(middle, coarse, 6)
        self.to_middle = nn.ConvTranspose2d(coarse, middle, 2, stride=2)
        self.middle_out = layers(middle, middle, 3)
        self.to_fine = nn.ConvTranspose2d(middle, fine, 2, stride=2)
        self.fine_out = layers(fine, fine, 2)
        self.last = convolution(fine, 4, gain=0.1)
        # Layers at the three levels, the last one, the poolings' windows, and the sub-network before it all.
        half = 2 * 2 + 2 * (2 * 3) + 4 * 6 + 1 + 3 + 5 * estimate
        self.reach = 2 * half + 1

    def features(self, image):
        seen = functional.pixel_unshuffle((image - 0.5) * CONTRAST, 2)
        maps = None
        if self.noise_level is not None:
            maps = self.noise_level(seen)
            seen = torch.cat([seen, maps / LEVEL], 1)
        fine = self.fine_in(seen)
        middle = self.middle_in(functional.avg_pool2d(fine, 2))
        coarse = self.coarse(functional.avg_pool2d(middle, 2))
        middle = self.middle_out(middle + self.to_middle(coarse))
        return self.fine_out(fine + self.to_fine(middle)), maps


class NoiseLevel(nn.Module):
    """X-BDCNN's sub-network: [N, 4, h, w], an image's 2x2 neighbours, to two maps [N, 2, h, w] of at least 0."""

    def __init__(self, width=32):
        super().__init__()
        self.first = convolution(4, width)
        self.between = layers(width, width, 2)
        self.fourth = convolution(width, width)
        self.last = convolution(width, 2, gain=0.1)
        # A ReLU that begins at the middle of the levels is alive everywhere.
        nn.init.constant_(self.last.bias, 0.6)

    def forward(self, seen):
        first = functional.relu(self.first(seen))
        fourth = functional.relu(self.fourth(self.between(first)))
        return LEVEL * functional.relu(self.last(first + fourth))


class DnCNN(Denoiser):
    """DnCNN: 17 convolutions in a row, batch normalisation and ReLU between them (none after the last).

    Source: Zhang et al., "Beyond a Gaussian denoiser", 2017.

    Example:
        >>> DnCNN()(torch.rand(1, 1, 30, 41)).shape
        torch.Size([1, 1, 30, 41])
    """

    multiple = 2

    def __init__(self, width=36, depth=17):
        super().__init__()
        check_sizes("DnCNN", 1, 1, [width, depth])
        if depth < 3:
            raise ValueError(f"DnCNN: depth must be at least 3, got {depth}")
        body = [convolution(4, width), nn.ReLU()]
        for _ in range(depth - 2):
            body += [convolution(width, width, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            nn.init.constant_(body[-2].bias, SHIFT)
        self.body = nn.Sequential(*body)
        self.last = convolution(width, 4, gain=0.1)
        self.reach = 2 * depth + 1

    def features(self, image):
        return self.body(functional.pixel_unshuffle((image - 0.5) * CONTRAST, 2)), None


class ReCNN(Denoiser):
    """A plain residual network: a convolution, blocks of two with a path around them, a convolution. No normalisation.

    It stands for X-ReCNN (Jin et al., 2019), of which paper 4 says that it is made for X-rays, is the fastest and the
    weakest of the learned ones; its own description is not among our papers, so its numbers here are those of this
    network.

    Example:
        >>> ReCNN()(torch.rand(1, 1, 30, 41)).shape
        torch.Size([1, 1, 30, 41])
    """

    multiple = 2

    def __init__(self, width=36, blocks=4):
        super().__init__()
        check_sizes("ReCNN", 1, 1, [width, blocks])
        self.first = convolution(4, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(convolution(width, width), nn.ReLU(), convolution(width, width, gain=0.3))
            for _ in range(blocks)
        )
        self.last = convolution(width, 4, gain=0.1)
        self.reach = 2 * (2 * blocks + 2) + 1

    def features(self, image):
        value = functional.relu(self.first(functional.pixel_unshuffle((image - 0.5) * CONTRAST, 2)))
        for block in self.blocks:
            value = functional.relu(value + block(value))
        return value, None


def convolution(inputs, outputs, gain=math.sqrt(2), bias=True):
    """3x3, no bias at first: orthogonal weights of a gain; between layers of one width mostly the identity.

    Behind a ReLU the identity changes nothing, so that a new network of any depth hands its first layer's features on
    to its last, which ``start`` fits: it begins as a good shallow filter and not as a deep random one.
    """
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)
    nn.init.orthogonal_(layer.weight, gain)
    if inputs == outputs and gain > 1:
        with torch.no_grad():
            layer.weight.mul_(MIXED)
            layer.weight[:, :, 1, 1] += torch.eye(inputs)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def layers(inputs, outputs, count):
    """So many convolutions with a ReLU after each."""
    sizes = [(inputs, outputs), *[(outputs, outputs)] * (count - 1)]
    return nn.Sequential(*(module for size in sizes for module in (convolution(*size), nn.ReLU())))


@torch.no_grad()
def start(net, pairs):
    """Fit the last convolution of a new network to its untrained features by least squares, in place.

    A closed form that costs a second and saves hundreds of steps; the architecture stays what it is.

    Args:
        net: a :class:`Denoiser`.
        pairs: list of (noisy, clean) tensors [N, 1, h, w] whose sides are multiples of ``net.multiple``.
    """
    gram = moment = 0.0
    for noisy, clean in pairs:
        columns = functional.unfold(net.features(noisy)[0], 3, padding=1).double()
        columns = torch.cat([columns, torch.ones_like(columns[:, :1])], 1).transpose(1, 2).flatten(0, 1)
        noise = functional.pixel_unshuffle(noisy - clean, 2).double().flatten(2).transpose(1, 2).flatten(0, 1)
        gram, moment = gram + columns.T @ columns, moment + columns.T @ noise
    ridge = 1e-4 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    solution = torch.linalg.solve(gram + ridge, moment).float()
    net.last.weight.copy_(solution[:-1].T.reshape(net.last.weight.shape))
    net.last.bias.copy_(solution[-1])
