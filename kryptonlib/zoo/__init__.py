"""The networks of the course: trained ones that work offline, torchvision's, and untrained architectures.

    from kryptonlib import samples, zoo

    cnn = zoo.load("efficientnet-lite0")
    cnn.predict(samples.load("chelsea").image)        # [("tiger cat", 0.39...), ("Egyptian cat", 0.35...), ...]

``load`` gives a trained :class:`Classifier`; ``names`` tells which are ready here. ``trunk`` gives the convolutional
part of VGG16 or AlexNet with torchvision's ImageNet weights. Two networks were trained here, on few photos
(``distilled``). ``architecture`` gives any of the networks with seeded, untrained weights for work on speed and
exactness.
"""

from kryptonlib.zoo import distilled
from kryptonlib.zoo.classifier import Classifier, Preprocessing, pick_device
from kryptonlib.zoo.loading import load, names, normalise, trunk
from kryptonlib.zoo.seeded import architecture, untrained

__all__ = [
    "Classifier",
    "Preprocessing",
    "architecture",
    "distilled",
    "load",
    "names",
    "normalise",
    "pick_device",
    "trunk",
    "untrained",
]
