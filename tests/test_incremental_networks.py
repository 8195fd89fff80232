"""The engine on real architectures: border and random positions at native size, entire grids at reduced size."""

import numpy as np
import pytest
import torch

from kryptonlib import samples, zoo
from kryptonlib.occlusion.fold import prepared
from kryptonlib.occlusion.incremental import Incremental

PATCH = 16
REDUCED = {
    "vgg16": 96, "alexnet": 96, "resnet18": 96, "resnet50": 80, "inception_v3": 123, "densenet121": 80,
    "squeezenet1_0": 97, "squeezenet1_1": 65, "mobilenet_v2": 96, "mobilenet_v3_small": 96, "efficientnet_b0": 96,
    "convnext_tiny": 96, "googlenet": 97,
}  # fmt: skip
NATIVE = [
    "vgg16", "alexnet", "resnet18", "resnet50", "inception_v3", "densenet121", "squeezenet1_0", "mobilenet_v2",
    "mobilenet_v3_large", "efficientnet_b0", "efficientnet-lite0", "convnext_tiny", "xception", "vgg16-tumour",
]  # fmt: skip


def picture(size):
    """The photo of a cat, resized and normalised as torchvision's networks expect it: [1, 3, size, size]."""
    image = torch.from_numpy(samples.load("chelsea").image).permute(2, 0, 1)[None]
    image = torch.nn.functional.interpolate(image, (size, size), mode="bilinear", antialias=True)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (image - mean.view(1, 3, 1, 1)) / deviation.view(1, 3, 1, 1)


def full(net, image, positions, patch, batch=32):
    """Every position by a forward pass."""
    logits = []
    with torch.inference_mode():
        for begin in range(0, len(positions), batch):
            part = positions[begin : begin + batch]
            occluded = image.repeat(len(part), 1, 1, 1)
            for item, (top, left) in zip(occluded, part):
                item[:, top : top + patch[0], left : left + patch[1]] = 0.0
            logits.append(net(occluded))
    return torch.cat(logits)


def border_and_random(size, patch, count, seed=0):
    """Eight border positions a side where the count is long enough to reach them, and random ones."""
    height, width = size[0] - patch[0], size[1] - patch[1]
    steps = [(round(height * i / 7), round(width * i / 7)) for i in range(8)]
    border = {(top, left) for top, _ in steps for left in (0, width)} | {(t, x) for t in (0, height) for _, x in steps}
    generator = np.random.default_rng(seed)
    return sorted(border) + [
        (int(generator.integers(height + 1)), int(generator.integers(width + 1))) for _ in range(count)
    ]


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_0", "mobilenet_v3_small", "inception_v3"])
def test_architectures_at_reduced_size(name):
    compare_reduced(name, stride=24)


@pytest.mark.long
@pytest.mark.parametrize("name", REDUCED)
def test_architectures_at_reduced_size_over_the_entire_grid(name):
    compare_reduced(name, stride=6)


def compare_reduced(name, stride):
    """In double precision, where only a wrong window makes a difference above 1e-8."""
    net, size = zoo.architecture(name, num_classes=10).double(), REDUCED[name]
    image = picture(size).double()
    starts = [*range(0, size - PATCH, stride), size - PATCH]
    positions = [(top, left) for top in starts for left in starts]
    got = Incremental(net, image).logits(positions, (PATCH, PATCH), torch.zeros(()))
    truth = full(net, image, positions, (PATCH, PATCH))
    assert truth.std(0).max() > 1e-5, "the occlusion must matter"
    torch.testing.assert_close(got, truth, rtol=1e-8, atol=1e-8 * float(truth.abs().max()))


@pytest.mark.long
@pytest.mark.parametrize("name", NATIVE)
def test_architectures_at_native_size(name):
    """Single precision, 1e-4 relative and 1e-6 absolute on probabilities, against what method="full" computes.

    That is the network with its batch norm folded. Folding alone rounds InceptionV3 by as much as the tolerance; that
    it changes nothing else is what the tests in double precision show, which use the untouched network.
    """
    net = zoo.architecture(name)
    image = picture(net.input_size[0])
    positions = border_and_random(net.input_size, (PATCH, PATCH), 64)
    got = Incremental(net, image).logits(positions, (PATCH, PATCH), torch.zeros(())).double().softmax(1)
    truth = full(prepared(net), image, positions, (PATCH, PATCH)).double().softmax(1)
    torch.testing.assert_close(got, truth, rtol=1e-4, atol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("patch", [(1, 1), (3, 3), (8, 8), (31, 31), (5, 40), (200, 9)])
@pytest.mark.parametrize("name", ["resnet18", "inception_v3"])
def test_patches_of_every_kind(name, patch):
    """Double precision again: a wrong window would show, the rounding of folded batch norm would not."""
    net = zoo.architecture(name, num_classes=10).double()
    image = picture(net.input_size[0]).double()
    positions = border_and_random(net.input_size, patch, 8, seed=1)
    got = Incremental(net, image).logits(positions, patch, torch.zeros(()))
    truth = full(net, image, positions, patch)
    torch.testing.assert_close(got, truth, rtol=1e-8, atol=1e-8 * float(truth.abs().max()))
