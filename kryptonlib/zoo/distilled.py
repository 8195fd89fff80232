"""The paper's three architectures, trained by this project to answer as EfficientNet-Lite0 does.

No Python package ships ResNet18, InceptionV3 or VGG16's head with ImageNet weights, so ``data_scripts/
train_classifier.py`` distils EfficientNet-Lite0's logits into them: Hinton et al., "Distilling the Knowledge in a
Neural Network", 2015, https://arxiv.org/abs/1503.02531. The cards beside the weights in ``kryptonlib/checkpoints/``
say on what, for how long, and how often each agrees with its teacher. These are far from the networks one trains on
ImageNet. On the 25 training photos both answer much as the teacher does; on other photos VGG16, whose trunk has seen
ImageNet, often names what the teacher names, and ResNet18, trained from nothing and briefly, hardly ever does.
"""

from collections import OrderedDict

from torch import nn
from torchvision import models

from kryptonlib.zoo.classifier import Classifier, Preprocessing

FEATURES = 512
"""Channels of VGG16's last feature map."""


def vgg16_head(num_classes=1000):
    """The part that is trained: average pooling of the feature maps [N, 512, h, w] and one linear layer."""
    return nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            dropout=nn.Dropout(0.3),
            classifier=nn.Linear(FEATURES, num_classes),
        )
    )


def vgg16_with_head(trunk, head):
    """VGG16's convolutional part (``zoo.trunk("vgg16")``) as ``features``, and a head: [N, 3, 224, 224] -> logits."""
    return nn.Sequential(OrderedDict(features=trunk, head=head))


def resnet18(num_classes=1000):
    """torchvision's ResNet18 with its initial weights, drawn from the global random state."""
    return models.resnet18(weights=None, num_classes=num_classes)


def inception_v3(num_classes=1000):
    """torchvision's InceptionV3 without the auxiliary head, with its initial weights."""
    return models.inception_v3(
        weights=None, num_classes=num_classes, aux_logits=False, transform_input=False, init_weights=True
    )


TRAINED = {"vgg16": vgg16_head, "resnet18": resnet18, "inception_v3": inception_v3}
"""What of each network is trained and stored."""
PREPROCESSING = {
    "vgg16": Preprocessing(224, resize=256),
    "resnet18": Preprocessing(224, resize=256),
    "inception_v3": Preprocessing(299, resize=342),
}
"""torchvision's for these architectures."""


def classifier(architecture, module, device=None):
    """The entire network as a :class:`Classifier` named "vgg16-distilled", and so on."""
    class_names = models.ResNet18_Weights.DEFAULT.meta["categories"]
    return Classifier(f"{architecture}-distilled", module, PREPROCESSING[architecture], class_names, device)


def trained_part(module):
    """The part of an entire network that the checkpoint holds: VGG16's head, or all of it."""
    return module.head if hasattr(module, "head") else module
