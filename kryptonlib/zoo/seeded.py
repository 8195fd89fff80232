"""Networks with seeded, untrained weights, for work on speed and exactness.

Counting operations, timing, and checking that two ways to compute are equal need the real layers but no trained
weights. They do need activations of a sane size: with default weights those of a deep network without batch norm
vanish, and a batch norm that has seen nothing normalises nothing. One forward pass over four photos and noise sets
both, in the manner of Krähenbühl et al., "Data-dependent Initializations of Convolutional Neural Networks", 2015,
https://arxiv.org/abs/1511.06856.
"""

import functools

import numpy as np
import torch
from skimage import data
from torch import nn
from torchvision import models

from kryptonlib.choices import check_choice
from kryptonlib.zoo.classifier import Classifier, Preprocessing
from kryptonlib.zoo.efficientnet_lite import EfficientNetLite0
from kryptonlib.zoo.vgg16_tumour import VGG16Tumour
from kryptonlib.zoo.xception import Xception

OURS = {"efficientnet-lite0": EfficientNetLite0, "vgg16-tumour": VGG16Tumour, "xception": Xception}
LOGIT_SPREAD = 2.0
"""Largest standard deviation across classes of an untrained network's logits on the calibration batch: neither flat nor
saturated after softmax."""


def torchvision_names():
    """Names of torchvision's image classification networks."""
    return models.list_models(module=models)


def architecture(name, seed=0, num_classes=1000):
    """A network with seeded, untrained weights, in eval mode on the CPU.

    Batch-norm statistics, and in networks without any normalisation the scale of every layer, come from one
    forward pass over four photos and noise. The global random state is left alone. GoogLeNet and InceptionV3 come
    without their auxiliary heads.

    Args:
        name: one of torchvision's classification networks ("vgg16", "resnet18", "inception_v3", ...), or
            "efficientnet-lite0", "vgg16-tumour", "xception".
        seed: whole number; the same seed gives the same weights.
        num_classes: length of the output.

    Returns:
        nn.Module from [N, 3, H, W] to logits [N, num_classes], with the attributes ``input_size`` (H, W) and
        ``untrained`` (True); its repr says so too.

    Example:
        >>> net = architecture("resnet18", seed=1)
        >>> net(torch.zeros(1, 3, *net.input_size)).shape
        torch.Size([1, 1000])
    """
    check_choice("architecture", name, [*OURS, *torchvision_names()])
    if not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed: got {seed!r}, expected a whole number of at least 0")
    if not isinstance(num_classes, int) or num_classes < 2:
        raise ValueError(f"num_classes: got {num_classes!r}, expected a whole number of at least 2")
    state = torch.random.default_generator.get_state()
    try:
        # Only the CPU's generator: torch.manual_seed would also reseed the GPU's.
        torch.random.default_generator.manual_seed(seed)
        net, side = _build(name, num_classes)
    finally:
        torch.random.default_generator.set_state(state)
    generator = torch.Generator().manual_seed(seed)
    _calibrate(net.eval(), _calibration_batch(side, generator), num_classes, generator)
    net.input_size = (side, side)
    net.untrained = True
    net.extra_repr = functools.partial(str, f"UNTRAINED weights, seed {seed}")
    return net


def untrained(name, seed=0, num_classes=1000, device=None):
    """An untrained :class:`Classifier`: ``architecture`` with ImageNet's usual preprocessing and numbered classes."""
    net = architecture(name, seed, num_classes)
    preprocessing = Preprocessing(net.input_size[0], resize=net.input_size[0])
    class_names = [f"class {index}" for index in range(num_classes)]
    return Classifier(f"{name} (untrained, seed {seed})", net, preprocessing, class_names, device)


def _build(name, num_classes):
    """The network with torchvision's own initial weights, and the side of its input."""
    if name in OURS:
        net = OURS[name](num_classes=num_classes)
        return net, net.input_size
    options = {"num_classes": num_classes}
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": False}
    elif name.startswith("vgg"):
        options["init_weights"] = False
    net = models.get_model(name, weights=None, **options)
    return net, min(weights.transforms().crop_size[0] for weights in models.get_model_weights(name))


def _calibration_batch(side, generator):
    """Four photos and smooth noise, [5, 3, side, side], roughly of mean 0 and variance 1.

    No white noise: in some networks its statistics would drown those of the photos, which then all look alike.
    """
    resize = functools.partial(nn.functional.interpolate, size=(side, side), mode="bilinear", antialias=True)
    photos = [np.atleast_3d(photo()) / 255 for photo in (data.astronaut, data.coffee, data.rocket, data.camera)]
    tensors = [torch.from_numpy(photo).float().permute(2, 0, 1)[None].expand(1, 3, -1, -1) for photo in photos]
    noise = torch.randn(1, 3, 16, 16, generator=generator)
    return torch.cat([*(resize((tensor - 0.45) / 0.225) for tensor in tensors), resize(noise)])


def _calibrate(net, batch, num_classes, generator):
    """Set batch-norm statistics, the scale of plain layers, and the spread of the logits, in one forward pass."""
    kinds = [type(module) for module in net.modules()]
    norms = [module for module in net.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    layers = [module for module in net.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    last = [layer for layer in layers if layer.weight.shape[0] == num_classes][-1]
    plain = not norms and not any(issubclass(kind, nn.LayerNorm) for kind in kinds)
    centred = layers if plain else [last]
    hooks = []
    for layer in centred:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        hooks.append(layer.register_forward_hook(_centre))
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    with torch.no_grad():
        scale = LOGIT_SPREAD / net(batch).std(dim=1).max()
        # Behind the last layer come at most a ReLU and an average, so its scale is the logits' scale.
        last.weight *= scale
        last.bias *= scale
    for hook in hooks:
        hook.remove()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval()
        norm.momentum = momentum


def _centre(layer, _, output):
    """Forward hook: give the layer's output mean 0 in each channel and variance 1 over all of them."""
    channels = output.transpose(0, 1).flatten(1)
    mean = channels.mean(dim=1)
    scale = 1 / (channels - mean[:, None]).std()
    layer.weight *= scale
    layer.bias -= mean
    layer.bias *= scale
    return (output - mean.reshape(-1, *[1] * (output.ndim - 2))) * scale
