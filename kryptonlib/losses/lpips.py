"""LPIPS: the distance of two images in the features of a classification network, weighed to fit people's judgements.

Zhang et al. fit three variants to 2AFC data (two distorted patches, which is closer to the reference?), all by the
cross-entropy of eq. 2.11 in the thesis: *lin* keeps the network's ImageNet weights and learns only one non-negative
weight per channel; *tune* starts from the same weights and changes all of them; *scratch* starts from random ones. This
file is *lin*, version 0.1, which the authors propose and the thesis trains with.
"""

import functools

import torch
from torch import nn

from kryptonlib import store
from kryptonlib.losses.checks import check_pair, reduced

# Per network: its convolutions (out, side, stride, padding) in groups, each ending in a rectifier whose output LPIPS
# compares; the pooling between groups (side, stride); and the least side of an image that survives the pooling.
_ALEX = (
    (((64, 11, 4, 2),), ((192, 5, 1, 2),), ((384, 3, 1, 1),), ((256, 3, 1, 1),), ((256, 3, 1, 1),)),
    (None, (3, 2), (3, 2), None, None),
    31,
)
_VGG = (
    tuple(((channels, 3, 1, 1),) * count for channels, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))),
    (None, (2, 2), (2, 2), (2, 2), (2, 2)),
    16,
)
NETWORKS = {"alex": ("alexnet", *_ALEX), "vgg": ("vgg16", *_VGG)}
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_LEAST = 1e-10


def lpips(x, y, *, net="alex", reduction="mean"):
    """Learned perceptual image patch similarity, a distance.

        d = sum_l 1 / (H_l W_l) sum_hw sum_c w_lc (f_lchw - g_lchw)^2

    with f and g the features of x and y after layer l, each scaled to length 1 across its channels, and w >= 0 learned.

    Args:
        x, y: image and reference [N, 3, H, W] in [0, 1], at least 31 (alex) or 16 (vgg) pixels a side. Other code
            wants [-1, 1] and scores [0, 1] without a word, wrongly; here the network's own scaling is inside.
        net: "alex" (the thesis's) or "vgg".
        reduction: "mean" over the images, or "none" for a value each [N].

    Returns:
        A scalar, or [N]; at least 0, lower is better. As a loss by itself it leaves a grid in the images; see
        :func:`kryptonlib.losses.lpips_l2`.

    Raises:
        ValueError, TypeError: not three channels (repeat a grey image: ``x.expand(-1, 3, -1, -1)``), too small, an
            unknown net; see :func:`kryptonlib.losses.checks.check_pair`.
        FileNotFoundError: the weights were not fetched; the message holds the command.

    Source: Zhang, Isola, Efros, Shechtman and Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual
    Metric", 2018; thesis (paper 5), eq. 2.10.

    Example:
        >>> lpips(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)).shape  # doctest: +SKIP
        torch.Size([])
    """
    layers = _differences(x, y, net)
    return reduced(sum(layer.mean((1, 2, 3)) for layer in layers), reduction)


def lpips_map(x, y, *, net="alex"):
    """Where LPIPS sees the difference [N, 1, H, W]: each layer's map enlarged bilinearly to the image, and added.

    Its mean is near :func:`lpips`, not equal: enlarging weighs the border otherwise. Args, raises: as :func:`lpips`.
    """
    size = x.shape[-2:]
    layers = _differences(x, y, net)
    return sum(nn.functional.interpolate(layer, size, mode="bilinear", align_corners=False) for layer in layers)


def _differences(x, y, net):
    """The weighed squared difference after each of the five layers, a list of [N, 1, H_l, W_l]."""
    if net not in NETWORKS:
        raise ValueError(f"lpips: net must be one of {', '.join(NETWORKS)}, got {net!r}")
    check_pair("lpips", x, y, 1.0, channels=3, smallest=NETWORKS[net][3])
    network = _network(net, x.dtype, x.device)
    features = zip(network.features(x), network.features(y), network.heads)
    return [((_unit(f) - _unit(g)).square() * head.view(1, -1, 1, 1)).sum(1, keepdim=True) for f, g, head in features]


def _unit(features):
    """Scaled to length 1 across the channels. vector_norm has slope 0 where all are 0; the root of a sum has none."""
    return features / (torch.linalg.vector_norm(features, dim=1, keepdim=True) + _LEAST)


class _Network(nn.Module):
    """The convolutions of a classification network, and one non-negative weight per channel of five of its layers."""

    def __init__(self, net):
        super().__init__()
        file, groups, pools, _ = NETWORKS[net]
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1), persistent=False)
        self.blocks = nn.ModuleList()
        channels, place = 3, 0
        trunk = {}
        stored = _read(f"weights/{file}-trunk.safetensors")
        for number, (group, pool) in enumerate(zip(groups, pools)):
            block = nn.Sequential()
            if pool:
                block.append(nn.MaxPool2d(*pool))
                place += 1
            for out, side, stride, padding in group:
                # torchvision counts convolutions, rectifiers and pooling alike in the names of its weights.
                for kind in ("weight", "bias"):
                    trunk[f"{number}.{len(block)}.{kind}"] = stored[f"{place}.{kind}"]
                block.append(nn.Conv2d(channels, out, side, stride, padding))
                block.append(nn.ReLU())
                channels, place = out, place + 2
            self.blocks.append(block)
        self.blocks.load_state_dict(trunk)
        heads = _read(f"weights/lpips-{file}.safetensors")
        self.heads = nn.ParameterList([heads[f"lin{layer}.weight"].flatten() for layer in range(len(groups))])
        self.requires_grad_(False)

    def features(self, image):
        """The five layers' features of an image in [0, 1]."""
        found, value = [], (2 * image - 1 - self.shift) / self.scale
        for block in self.blocks:
            value = block(value)
            found.append(value)
        return found


def _read(name):
    from safetensors.torch import load_file

    return load_file(store.path(name))


@functools.lru_cache(maxsize=4)
def _network(net, dtype, device):
    # What is kept must serve gradients later, even if it was first asked for within inference_mode.
    with torch.inference_mode(False):
        return _Network(net).to(device, dtype).eval()
