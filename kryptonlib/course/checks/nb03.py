"""Checks of notebook 03's exercises: each truth is counted in torch, each hint names the case that failed."""

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from kryptonlib.course.checks import expect


def check_conv_parameters(answer):
    """``answer(channels, filters, kernel, groups=1, bias=True)``, kernel = (rows, columns), is a number of weights."""
    stages = [
        ([((3, 8, (1, 1)), {"bias": False}), ((3, 8, (3, 3)), {"bias": False})],
         "every filter has one weight per channel and tap of the kernel"),
        ([((3, 8, (3, 3)), {}), ((1, 1, (5, 5)), {})], "every filter also has one bias, not one per channel or tap"),
        ([((4, 6, (1, 7)), {}), ((4, 6, (3, 5)), {})], "the kernel need not be square: rows times columns"),
        ([((4, 8, (3, 3)), {"groups": 2}), ((6, 6, (3, 3)), {"groups": 6})],
         "with groups a filter sees channels / groups channels; the number of filters stays"),
    ]
    rng = np.random.default_rng(3)
    random = []
    for _ in range(20):
        groups = int(rng.integers(1, 5))
        sizes = [int(n) for n in rng.integers(1, 6, 4)]
        random.append(((sizes[0] * groups, sizes[1] * groups, (sizes[2], sizes[3])),
                       {"groups": groups, "bias": bool(rng.integers(2))}))
    stages.append((random, "write the shape of the weight tensor down"))
    for cases, hint in stages:
        for place, named in cases:
            conv = nn.Conv2d(*place, **named)
            truth = sum(parameter.numel() for parameter in conv.parameters())
            call = expect.call("conv_parameters", *place, **named)
            expect.count(answer(*place, **named), truth, call, "torch counts {}", hint)
    expect.passed("conv_parameters", sum(len(cases) for cases, _ in stages))


def check_conv_macs(answer):
    """``answer(channels, filters, kernel, side, stride=1, padding=0, groups=1)`` is eq. 10 of a square convolution."""
    stages = [
        ([((1, 1, 1, 4), {}), ((3, 8, 1, 4), {})],
         "channels * kernel * kernel products per output number, filters * side * side output numbers"),
        ([((3, 8, 3, 6), {}), ((2, 4, 5, 9), {})], "the last factor is the side of the output: smaller, by eq. 8"),
        ([((3, 8, 3, 6), {"padding": 1}), ((3, 8, 3, 9), {"stride": 2}), ((3, 4, 3, 8), {"stride": 2, "padding": 1})],
         "eq. 8 with padding on both sides and a stride; round down"),
        ([((4, 8, 3, 6), {"groups": 2}), ((6, 6, 3, 6), {"groups": 6})],
         "with groups one output number is a sum over channels / groups channels only"),
    ]
    rng = np.random.default_rng(3)
    random = []
    for _ in range(20):
        groups, kernel = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        random.append(((groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4)), kernel,
                        int(rng.integers(kernel, 14))),
                       {"stride": int(rng.integers(1, 4)), "padding": int(rng.integers(0, 3)), "groups": groups}))
    stages.append((random, "go through eq. 10 again with these numbers"))
    for cases, hint in stages:
        for place, named in cases:
            truth = _counted(*place[:3], place[3], **named)
            call = expect.call("conv_macs", *place, **named)
            expect.count(answer(*place, **named), truth, call, "torch counts {}", hint)
    expect.passed("conv_macs", sum(len(cases) for cases, _ in stages))


def check_receptive_field(answer):
    """``answer(stack)`` with stack = [(kernel, stride, dilation), ...] is (size, jump) of the last layer."""
    stages = [
        ([[(3, 1, 1)], [(3, 1, 1), (3, 1, 1)], [(5, 1, 1), (3, 1, 1), (1, 1, 1)]],
         "with stride 1 a layer adds kernel - 1 pixels to the field of a single pixel, which is 1"),
        ([[(3, 2, 1)], [(3, 2, 1), (3, 1, 1)], [(2, 2, 1), (2, 2, 1), (3, 1, 1)]],
         "the kernel's neighbours lie one jump apart: use the jump before this layer's own stride, then multiply it"),
        ([[(3, 1, 2)], [(3, 2, 1), (3, 1, 2)], [(2, 1, 3), (3, 2, 2), (2, 1, 1)]],
         "a dilated kernel reaches dilation * (kernel - 1) inputs further"),
    ]
    rng = np.random.default_rng(3)
    stages.append(([[tuple(int(n) for n in rng.integers((1, 1, 1), (4, 3, 3))) for _ in range(3)] for _ in range(8)],
                   "carry size and jump through the layers one by one"))
    for cases, hint in stages:
        for stack in cases:
            call, got, truth = f"receptive_field({stack})", answer(list(stack)), _measured(stack)
            expect.parts(got, 2, call, "(size, jump)")
            expect.that(got[1] == truth[1], call, f"jump {got[1]}, but neighbouring units of torch's map see pixels "
                    f"{truth[1]} apart: the jump is the product of all strides")
            expect.that(got[0] == truth[0], call, f"size {got[0]}, but a unit depends on {truth[0]} pixels: {hint}")
    expect.passed("receptive_field", sum(len(cases) for cases, _ in stages))


def check_freeze_all_but(answer):
    """``answer(trunk, count)`` freezes all but the last ``count`` convolutions, returns what can train."""
    for count in (1, 2, 0, 3):
        torch.manual_seed(3)
        trunk = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.ReLU(),
                              nn.Conv2d(6, 2, 3), nn.ReLU())
        convolutions = [0, 2, 5]
        names = [name for name, _ in trunk.named_parameters()]
        free = {f"{place}.{part}" for place in convolutions[3 - count:] for part in ("weight", "bias")}
        call, got = f"freeze_all_but(trunk, {count})", answer(trunk, count)
        output = trunk(torch.randn(2, 1, 9, 9))
        if output.requires_grad:
            output.square().sum().backward()
        for name, parameter in trunk.named_parameters():
            if name in free:
                expect.that(parameter.grad is not None, call, f"{name} got no gradient, but the last {count} "
                            "convolutions must stay trainable, weights and biases")
            else:
                hint = "biases are weights too" if name.endswith("bias") else "the early layers are the ones to freeze"
                if name.startswith("3."):
                    hint = "everything but those convolutions is frozen, batch normalisation too"
                expect.that(parameter.grad is None, call, f"{name} got a gradient after backward(): {hint}")
        truth = sum(dict(trunk.named_parameters())[name].numel() for name in names if name in free)
        expect.count(got, truth, call, "torch counts {}", "add up numel() of the parameters that require a gradient")
    expect.passed("freeze_all_but", 4)


def _counted(channels, filters, kernel, side, stride=1, padding=0, groups=1):
    counter = FlopCounterMode(display=False)
    conv = nn.Conv2d(channels, filters, kernel, stride, padding, groups=groups, device="meta")
    with torch.no_grad(), counter:
        conv(torch.empty(1, channels, side, side, device="meta"))
    return counter.get_total_flops() // 2


def _measured(stack):
    """(number of pixels from first to last that unit 0 depends on, distance to those of unit 1), by gradients."""
    net = nn.Sequential(*(nn.Conv1d(1, 1, k, s, dilation=d, bias=False) for k, s, d in stack)).double()
    for layer in net:
        nn.init.ones_(layer.weight)
    pixels = torch.ones(1, 1, 120, dtype=torch.double, requires_grad=True)
    output = net(pixels)[0, 0]
    seen = [torch.autograd.grad(output[unit], pixels, retain_graph=True)[0][0, 0].nonzero() for unit in (0, 1)]
    return int(seen[0].max() - seen[0].min()) + 1, int(seen[1].min() - seen[0].min())
