"""Checks of notebook 03's exercises: each truth is computed in torch, each hint names the case that failed."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from kryptonlib.course.checks import expect


def check_count_macs(answer):
    """``answer(module, picture)`` is the number of multiply-adds of all convolutions and linear layers."""
    shared = nn.Conv2d(3, 3, 3, padding=1)
    cases = [
        ("Conv2d(3, 8, 1) on 4 x 4", nn.Conv2d(3, 8, 1), (3, 4, 4),
         "channels * kernel * kernel products per output number, filters * rows * columns output numbers"),
        ("Conv2d(3, 8, 3) on 6 x 6", nn.Conv2d(3, 8, 3), (3, 6, 6), 
         "count the numbers of the output, not of the input"),
        ("Conv2d(3, 8, 3, stride=2, padding=1) on 9 x 7", nn.Conv2d(3, 8, 3, stride=2, padding=1), (3, 9, 7),
         "the output tells how many places there are: use its shape"),
        ("Conv2d(4, 8, 3, groups=2) on 6 x 6", nn.Conv2d(4, 8, 3, groups=2), (4, 6, 6),
         "with groups one output number is a sum over channels / groups channels: look at the shape of weight"),
        ("Conv2d, Flatten, Linear", nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 5)), (1, 6, 6),
         "a linear layer needs in_features products for each of its outputs"),
        ("the same Conv2d called twice", nn.Sequential(shared, nn.ReLU(), shared), (3, 5, 5),
         "a layer that is called twice works twice: add up inside the hook"),
        ("a layer inside of two containers", nn.Sequential(nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3)))), (3, 8, 8),
         "go through module.modules(), which looks into containers too"),
    ]
    rng = np.random.default_rng(3)
    for _ in range(10):
        groups, kernel = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        channels, filters = (groups * int(n) for n in rng.integers(1, 4, 2))
        conv = nn.Conv2d(channels, filters, kernel, int(rng.integers(1, 3)), int(rng.integers(0, 2)), groups=groups)
        sides = tuple(int(n) for n in rng.integers(kernel + 1, 12, 2))
        cases.append((f"{conv} on {sides[0]} x {sides[1]}", conv, (channels, *sides), "go through eq. 10 again"))
    for name, module, shape, hint in cases:
        picture, counter = torch.zeros(1, *shape), FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            module(picture)
        got = answer(module, picture)
        expect.count(got, counter.get_total_flops() // 2, name, "torch counts {}", hint)
        expect.that(not any(part._forward_hooks for part in module.modules()), name,
                    "a hook is left behind and would count in every later run: call remove() on every handle")
    expect.passed("count_macs", len(cases))


def check_residual_block(answer):
    """``answer(x, first, second, project=None)`` is relu(second(relu(first(x))) + x or project(x))."""
    cases = [
        ("x = 1, both layers zero", torch.ones(1, 2, 3, 3), _Scaled(0.0), _Scaled(0.0), None,
         "with layers that give 0 a positive x must come through unchanged: is the shortcut there?"),
        ("x negative, both layers zero", -torch.ones(1, 2, 3, 3), _Scaled(0.0), _Scaled(0.0), None,
         "the last ReLU comes behind the sum: a negative shortcut becomes 0"),
        ("second(...) = -2, x = 1", torch.ones(1, 2, 3, 3), _Scaled(1.0), _Scaled(-2.0), None,
         "add first, then ReLU: -2 + 1 is negative"),
        ("first(x) = -1, x = 1", torch.ones(1, 2, 3, 3), _Scaled(-1.0), _Scaled(1.0), None,
         "there is a ReLU between first and second"),
    ]
    for seed in range(4):
        torch.manual_seed(seed)
        half = seed % 2 == 1
        stride, filters = (2, 6) if half else (1, 4)
        first = nn.Sequential(nn.Conv2d(4, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters)).eval()
        second = nn.Sequential(nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters)).eval()
        project = nn.Sequential(nn.Conv2d(4, filters, 1, stride, bias=False), nn.BatchNorm2d(filters)) if half else None
        size = "half the size" if half else "same size"
        cases.append((f"random layers, {size}", torch.randn(2, 4, 8, 8), first, second,
                      project.eval() if half else None,
                      "the projection takes x, the block's input, and replaces it in the sum" if half else
                      "compare with the upper row of the diagram"))
    for name, x, first, second, project, hint in cases:
        before = x.clone()
        with torch.no_grad():
            truth = F.relu(second(F.relu(first(before))) + (before if project is None else project(before)))
            try:
                got = answer(x, first, second, project) if project is not None else answer(x, first, second)
            except RuntimeError as error:
                raise AssertionError(f"{name}: {hint} (torch says: {str(error).splitlines()[0]})") from None
        expect.that(isinstance(got, torch.Tensor), name, f"it returned {type(got).__name__}; return a tensor")
        expect.that(torch.equal(x, before), name, "x was changed in place; write x + ..., not x += ...")
        expect.that(got.shape == truth.shape and torch.allclose(got, truth, atol=1e-5), name, hint)
    expect.passed("residual_block", len(cases))


def check_measured_field(answer):
    """``answer(module, picture, row, column)`` is the box (top, bottom, left, right) that a unit depends on."""
    even = torch.ones(1, 1, 3, 3)
    faint = torch.tensor([[[[1e-6, 1, 1e-6]] * 3]])
    signed = torch.tensor([[[[-1.0, 2, -1]] * 3]])
    second_only = torch.stack([torch.zeros(1, 3, 3), torch.ones(1, 3, 3)], 1)
    two_maps = torch.cat([torch.tensor([[[[0.0] * 3, [0, 1, 0], [0] * 3]]]), torch.ones(1, 1, 3, 3)])
    cases = [
        ("a 3 x 3 kernel, unit (2, 3)", [_conv(even)], 1, (2, 3), "take the gradient of this one unit, not of the sum"),
        ("weights of 1e-6 at the sides", [_conv(faint)], 1, (1, 1), "a small gradient is a gradient: compare with 0"),
        ("negative weights at the sides", [_conv(signed)], 1, (1, 1), "a negative gradient counts too: test != 0"),
        ("a kernel that reads channel 1 only", [_conv(second_only)], 2, (1, 2),
         "a pixel counts if any of its channels does"),
        ("two maps, the second sees more", [_conv(two_maps)], 1, (1, 1),
         "add up the unit's channels, not only the first"),
        ("stride 2, then 3 x 3", [_conv(even, 2), _conv(even)], 1, (1, 2), "rows come before columns"),
        ("padding 1, unit (0, 0)", [_conv(even, padding=1)], 1, (0, 0),
         "only pixels of the picture can have a gradient"),
        ("average pool 2, then 3 x 3", [nn.AvgPool2d(2), _conv(even)], 1, (2, 1), "rows come before columns"),
    ]
    for name, parts, channels, (row, column), hint in cases:
        module, picture = nn.Sequential(*parts).eval(), torch.ones(1, channels, 14, 15)
        truth, got = _touched(module, picture, row, column), answer(module, picture, row, column)
        expect.parts(got, 4, name, "(top, bottom, left, right)")
        expect.that(all(isinstance(n, (int, np.integer)) for n in got), name, f"it returned {got!r}; make each an int")
        expect.that(tuple(got) == truth, name,
                    f"it returned {tuple(got)}, but changing pixels one by one moves the unit in {truth}: {hint}")
        expect.that(not picture.requires_grad, name, "the caller's picture now asks for gradients: clone it first")
    expect.passed("measured_field", len(cases))


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


class _Scaled(nn.Module):
    """Multiplies by a number."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


def _conv(weight, stride=1, padding=0):
    conv = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:], stride, padding, bias=False)
    conv.weight.data = weight.float()
    return conv


def _touched(module, picture, row, column):
    """(top, bottom, left, right) of the pixels whose change moves the unit, by NaN one pixel at a time."""
    rows, columns = picture.shape[2:]
    changed = picture.repeat(rows * columns, 1, 1, 1)
    for pixel in range(rows * columns):
        changed[pixel, :, pixel // columns, pixel % columns] = float("nan")
    with torch.no_grad():
        moved = module(changed)[:, :, row, column].isnan().any(1).view(rows, columns).nonzero()
    return (*(int(n) for n in (moved[:, 0].min(), moved[:, 0].max())),
            *(int(n) for n in (moved[:, 1].min(), moved[:, 1].max())))
