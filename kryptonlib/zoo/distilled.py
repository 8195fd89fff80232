"""The paper's three architectures, trained by this project to answer as EfficientNet-Lite0 does.

No package ships ResNet18 with ImageNet weights, or VGG16's or InceptionV3's head, so ``training.distillation`` distils
EfficientNet-Lite0's logits into them: Hinton et al., "Distilling the Knowledge in a
Neural Network", 2015, https://arxiv.org/abs/1503.02531. The cards beside the weights in ``kryptonlib/checkpoints/``
say on what, for how long, and how often each agrees with its teacher. These are far from the networks one trains on
ImageNet. On the 25 training photos all answer much as the teacher does; on other photos VGG16, whose trunk has seen
ImageNet, often names what the teacher names. ResNet18, trained from nothing and briefly, hardly ever does, and neither
does InceptionV3, the upper half of whose trunk was tuned to tell five kinds of pictures (``zoo.trunk``).
"""

import functools
from collections import OrderedDict

from torch import nn
from torchvision import models

from kryptonlib.zoo.classifier import Classifier, Preprocessing

FEATURES = {"vgg16": 512, "inception_v3": 2048}
"""Channels of the last feature map of the networks of which only a head is trained."""


def head(features, num_classes=1000):
    """What is trained on a trunk: average pooling of the feature maps [N, features, h, w] and one linear layer."""
    return nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            dropout=nn.Dropout(0.3),
            classifier=nn.Linear(features, num_classes),
        )
    )


def with_head(trunk, head):
    """A convolutional part (``zoo.trunk("vgg16")``) as ``features``, and a head: [N, 3, H, W] -> logits."""
    return nn.Sequential(OrderedDict(features=trunk, head=head))


def resnet18(num_classes=1000):
    """torchvision's ResNet18 with its initial weights, drawn from the global random state."""
    return models.resnet18(weights=None, num_classes=num_classes)


def inception_v3_trunk():
    """torchvision's InceptionV3 up to its last feature maps, [N, 3, 299, 299] -> [N, 2048, 8, 8], without weights."""
    network = models.inception_v3(weights=None, aux_logits=False, init_weights=False)
    # Its children stand in the order in which its forward() calls them.
    layers = list(network.named_children())
    last = [name for name, _ in layers].index("Mixed_7c")
    return nn.Sequential(OrderedDict(layers[: last + 1]))


TRAINED = {
    "vgg16": functools.partial(head, FEATURES["vgg16"]),
    "resnet18": resnet18,
    "inception_v3": functools.partial(head, FEATURES["inception_v3"]),
}
"""What of each network is trained and stored."""
PREPROCESSING = {
    "vgg16": Preprocessing(224, resize=256),
    "resnet18": Preprocessing(224, resize=256),
    # Its trunk was trained on pixels from 0 to 1.
    "inception_v3": Preprocessing(299, resize=342, mean=(0.0,) * 3, std=(1.0,) * 3),
}
"""Sizes are torchvision's for these architectures."""


def classifier(architecture, module, device=None):
    """The entire network as a :class:`Classifier` named "vgg16-distilled", and so on."""
    class_names = models.ResNet18_Weights.DEFAULT.meta["categories"]
    return Classifier(f"{architecture}-distilled", module, PREPROCESSING[architecture], class_names, device)


def trained_part(module):
    """The part of an entire network that the checkpoint holds: VGG16's head, or all of it."""
    return module.head if hasattr(module, "head") else module
