"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation and with ReLU6.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019,
https://arxiv.org/abs/1905.11946, table 1; the Lite variant is from TensorFlow's ``efficientnet/lite``. Its trained
weights expect TensorFlow's SAME padding and a batch-norm epsilon of 1e-3.
"""

import math

from torch import nn

from kryptonlib.zoo.padding import same_conv

# (repeats, kernel, stride of the first, expansion, channels out) of each stage.
STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]


def _norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedResidual(nn.Module):
    """Expand with a 1x1 convolution, filter each channel, project with a 1x1 convolution, add the input if it fits."""

    def __init__(self, channels_in, channels_out, kernel, stride, expansion, size):
        super().__init__()
        wide = channels_in * expansion
        layers = []
        if expansion != 1:
            layers += [nn.Conv2d(channels_in, wide, 1, bias=False), _norm(wide), nn.ReLU6()]
        layers += [*same_conv(wide, wide, kernel, stride=stride, groups=wide, size=size), _norm(wide), nn.ReLU6()]
        layers += [nn.Conv2d(wide, channels_out, 1, bias=False), _norm(channels_out)]
        self.body = nn.Sequential(*layers)
        self.skip = stride == 1 and channels_in == channels_out

    def forward(self, x):
        return x + self.body(x) if self.skip else self.body(x)


class EfficientNetLite0(nn.Module):
    """Logits [N, num_classes] of images [N, 3, input_size, input_size].

    Args:
        num_classes: length of the output.
        input_size: side of the input in pixels; the padding is laid out for it.
    """

    def __init__(self, num_classes=1000, input_size=224):
        super().__init__()
        self.input_size = input_size
        size = math.ceil(input_size / 2)
        self.stem = nn.Sequential(*same_conv(3, 32, 3, stride=2, size=input_size), _norm(32), nn.ReLU6())
        blocks, channels = [], 32
        for repeats, kernel, first_stride, expansion, channels_out in STAGES:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                blocks.append(InvertedResidual(channels, channels_out, kernel, stride, expansion, size))
                channels, size = channels_out, math.ceil(size / stride)
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.Conv2d(channels, 1280, 1, bias=False), _norm(1280), nn.ReLU6())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(1280, num_classes)

    def forward(self, x):
        x = self.head(self.blocks(self.stem(x)))
        return self.classifier(self.dropout(self.flatten(self.pool(x))))
