"""Xception, with the small head of a chest X-ray network. For teaching, not for diagnosis.

Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", 2016, https://arxiv.org/abs/1610.02357,
figure 5, in the layout of ``keras.applications``: no biases in the convolutions, SAME padding except in the first two,
batch-norm epsilon 1e-3.
"""

import math

from torch import nn

from kryptonlib.zoo.padding import same_conv, same_max_pool


def _norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class SeparableConv(nn.Sequential):
    """A 3x3 convolution of each channel by itself, a 1x1 convolution across channels, batch norm."""

    def __init__(self, channels_in, channels_out):
        super().__init__(
            nn.Conv2d(channels_in, channels_in, 3, padding=1, groups=channels_in, bias=False),
            nn.Conv2d(channels_in, channels_out, 1, bias=False),
            _norm(channels_out),
        )


class DownBlock(nn.Module):
    """Two separable convolutions and a stride-2 max pooling, beside a strided 1x1 convolution."""

    def __init__(self, channels_in, middle, channels_out, size, first_relu=True):
        super().__init__()
        layers = [nn.ReLU()] if first_relu else []
        layers += [SeparableConv(channels_in, middle), nn.ReLU(), SeparableConv(middle, channels_out)]
        self.body = nn.Sequential(*layers, *same_max_pool(3, 2, size=size))
        strided = same_conv(channels_in, channels_out, 1, stride=2, size=size)
        self.shortcut = nn.Sequential(*strided, _norm(channels_out))

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class MiddleBlock(nn.Module):
    """Three separable convolutions of 728 channels, added to the input."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(*(layer for _ in range(3) for layer in (nn.ReLU(), SeparableConv(728, 728))))

    def forward(self, x):
        return self.body(x) + x


class Xception(nn.Module):
    """Logits [N, num_classes] of images [N, 3, input_size, input_size].

    Args:
        num_classes: length of the output.
        input_size: side of the input in pixels; the padding is laid out for it.
        hidden: width of the hidden layer between the pooled features and the output; None for none, as in the paper.
    """

    def __init__(self, num_classes=1000, input_size=299, hidden=None):
        super().__init__()
        self.input_size = input_size
        size = (input_size - 3) // 2 + 1 - 2
        self.stem = nn.Sequential(
            nn.Conv2d(3, 32, 3, stride=2, bias=False),
            _norm(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, bias=False),
            _norm(64),
            nn.ReLU(),
        )
        entry = []
        for channels_in, channels_out in [(64, 128), (128, 256), (256, 728)]:
            entry.append(DownBlock(channels_in, channels_out, channels_out, size, first_relu=channels_in != 64))
            size = math.ceil(size / 2)
        self.entry = nn.Sequential(*entry)
        self.middle = nn.Sequential(*(MiddleBlock() for _ in range(8)))
        self.exit = nn.Sequential(
            DownBlock(728, 728, 1024, size), SeparableConv(1024, 1536), nn.ReLU(), SeparableConv(1536, 2048), nn.ReLU()
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        if hidden is None:
            self.classifier = nn.Linear(2048, num_classes)
        else:
            self.classifier = nn.Sequential(
                nn.Linear(2048, hidden), nn.ReLU(), nn.Dropout(0.3), nn.Linear(hidden, num_classes)
            )

    def forward(self, x):
        x = self.exit(self.middle(self.entry(self.stem(x))))
        return self.classifier(self.flatten(self.pool(x)))
