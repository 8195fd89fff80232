"""Checks of notebook 02's exercises: each truth comes from torch, and each hint names the case that failed."""

import numpy as np
import torch
import torch.nn.functional as F

from kryptonlib.course.checks import expect


def check_output_size(answer):
    """``answer(size, kernel, stride=1, padding=0, dilation=1)`` is the number of windows along one axis."""
    stages = [
        ([(5, 3), (7, 1), (4, 4)],
         "with stride 1 the windows start at 0, 1, ..., size - kernel: count them on paper, the first one too"),
        ([(5, 3, 1, 1), (32, 5, 1, 2)], "the padding is added on both sides"),
        ([(8, 2, 2), (7, 3, 2), (13, 4, 3)],
         "the stride divides the way that the window travels, size - kernel; the first window comes on top"),
        ([(224, 7, 2, 3), (6, 3, 2), (10, 3, 4)], "a last window that does not fit is not taken: round down"),
        ([(9, 3, 1, 0, 2), (12, 2, 2, 1, 3)], "a dilated kernel spans dilation * (kernel - 1) + 1 pixels"),
    ]
    rng = np.random.default_rng(2)
    stages.append(([tuple(map(int, rng.integers((20, 1, 1, 0, 1), (99, 6, 5, 6, 5)))) for _ in range(24)],
                   "go through eq. 8 again with these numbers"))
    for cases, hint in stages:
        for case in cases:
            call = f"output_size{case}"
            got = answer(*case)
            expect.count(got, _convolved_length(*case), call, "torch takes {} windows", hint)
    expect.passed("output_size", sum(len(cases) for cases, _ in stages))


def check_max_pool(answer):
    """``answer(image, kernel, stride, padding)``: [C, H, W] -> [C, H_out, W_out], the maximum of each window."""
    slide = np.array([[[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4.0]]])
    rng = np.random.default_rng(2)
    cases = [
        ("the slide's matrix, kernel 2, stride 2, padding 0", slide, 2, 2, 0, "write the four windows down"),
        ("two channels, kernel 2, stride 2, padding 0", rng.random((2, 4, 6)), 2, 2, 0,
         "every channel is pooled by itself; take the maximum over rows and columns only"),
        ("kernel 3, stride 2, padding 0", rng.random((1, 7, 9)), 3, 2, 0,
         "the window starts at row * stride and is kernel wide: the two differ here"),
        ("an image below zero, kernel 3, stride 2, padding 1", rng.random((2, 5, 5)) - 3, 3, 2, 1,
         "the padding won: zeros are larger than these pixels, so pad with -np.inf"),
    ]
    cases += [(f"{size} pixels, kernel {kernel}, stride {stride}, padding {kernel // 2}", rng.normal(size=(3, *size)),
               kernel, stride, kernel // 2, "compare one window by hand")
              for size in ((6, 6), (7, 10)) for kernel in (2, 3, 4) for stride in (1, 2, 3)]
    for name, image, kernel, stride, padding, hint in cases:
        truth = F.max_pool2d(torch.tensor(image)[None], kernel, stride, padding)[0].numpy()
        expect.close(answer(image.copy(), kernel, stride, padding), truth, name, hint)
    expect.passed("max_pool", len(cases))


def check_depthwise(answer):
    """``answer(image, kernels)``: [C, H, W] and [C, k, k] -> [C, H - k + 1, W - k + 1], channel c with kernel c."""
    rng = np.random.default_rng(2)
    slope = np.arange(5.0) * np.ones((1, 5, 1))
    right = np.array([[[0, 0, 0], [-1, 0, 1], [0, 0, 0.0]]])
    apart = np.stack([np.ones((4, 4)), np.zeros((4, 4))])
    cases = [
        ("one channel that grows to the right, kernel right minus left", slope, right,
         "eq. 5 does not flip the kernel: kernels[c, j, i] meets image[c, y + j, x + i]"),
        ("channel 1 all zeros", apart, np.ones((2, 3, 3)),
         "channel 0 leaked into channel 1: depthwise does not sum over channels"),
        ("two equal channels with different kernels", np.ones((2, 4, 4)), np.stack([np.ones((2, 2)), np.zeros((2, 2))]),
         "channel c has its own kernel, kernels[c]"),
    ]
    cases += [(f"{c} channels of {size}, kernels {k} x {k}", rng.normal(size=(c, *size)), rng.normal(size=(c, k, k)),
               "compare output[0, 0, 0] by hand") for c in (1, 3, 5) for size in ((5, 5), (6, 9)) for k in (1, 2, 3)]
    for name, image, kernels, hint in cases:
        truth = F.conv2d(torch.tensor(image)[None], torch.tensor(kernels)[:, None], groups=len(kernels))[0].numpy()
        expect.close(answer(image.copy(), kernels.copy()), truth, name, hint)
    expect.passed("depthwise", len(cases))


def check_adjoint(answer):
    """``answer(y, kernel, stride, length)`` is A'y for (A x)[n] = sum_j kernel[j] x[n stride + j], x of that length."""
    kernel, one, both = np.array([1.0, 2.0, 5.0]), np.array([0, 1.0, 0]), np.array([1.0, 1.0, 1.0])
    cases = [
        ("y = [1], kernel [1, 2, 5], stride 1, length 3", one[1:2], kernel, 1, 3,
         "one output pixel is spread over its window with the same weights, in the same order: no flip"),
        ("y = [1, 1, 1], kernel [1, 2, 5], stride 1, length 5", both, kernel, 1, 5,
         "where two windows overlap, both contributions count: add with +="),
        ("y = [0, 1, 0], kernel [1, 2, 5], stride 2, length 7", one, kernel, 2, 7, "window n starts at n * stride"),
        ("y = [1, 1, 1], kernel [1, 2, 5], stride 2, length 8", both, kernel, 2, 8,
         "the result is as long as x; pixels that no window reads stay 0"),
    ]
    rng = np.random.default_rng(2)
    for taps, stride, length in ((2, 1, 6), (3, 2, 9), (4, 3, 12), (1, 2, 5), (5, 2, 12)):
        y = rng.normal(size=_convolved_length(length, taps, stride))
        cases.append((f"{taps} random taps, stride {stride}, length {length}", y, rng.normal(size=taps), stride, length,
                      "test <A x, y> = <x, A'y> on your own numbers"))
    for name, y, kernel, stride, length, hint in cases:
        x = torch.zeros(length, dtype=torch.double, requires_grad=True)
        forward = F.conv1d(x[None, None], torch.tensor(kernel)[None, None], stride=stride)[0, 0]
        (forward * torch.tensor(y)).sum().backward()
        expect.close(answer(y.copy(), kernel.copy(), stride, length), x.grad.numpy(), name, hint)
    expect.passed("adjoint", len(cases))


def check_receptive_field(answer):
    """``answer(stack)`` with stack = [(kernel, stride), ...] is how many input pixels one last output pixel sees."""
    cases = [
        ([(3, 1)], "a single layer sees its kernel"),
        ([(3, 1), (3, 1)], "a second layer adds kernel - 1 pixels, not kernel and not a factor: draw it"),
        ([(3, 2)], "a layer's own stride moves the windows apart, it does not make its window larger"),
        ([(3, 2), (3, 1)], "behind a stride of 2 neighbours lie 2 input pixels apart: each step counts double"),
        ([(2, 2), (2, 2), (2, 2)], "the distances multiply: 1, 2, 4, ..."),
        ([(7, 2), (3, 2), (3, 1), (3, 1)], "keep two numbers while walking through the stack: field and distance"),
        ([(11, 4), (3, 2), (5, 1), (3, 2)], "keep two numbers while walking through the stack: field and distance"),
    ]
    rng = np.random.default_rng(2)
    cases += [([tuple(map(int, pair)) for pair in rng.integers((1, 1), (5, 3), size=(4, 2))],
               "keep two numbers while walking through the stack: field and distance") for _ in range(8)]
    for stack, hint in cases:
        got, truth = answer(list(stack)), _seen_pixels(stack)
        call = f"receptive_field({stack})"
        expect.count(got, truth, call, "the gradient of one output reaches {} pixels", hint)
    expect.passed("receptive_field", len(cases))


def _convolved_length(size, kernel, stride=1, padding=0, dilation=1):
    """The length that torch gives a convolved signal."""
    signal, taps = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    return F.conv1d(signal, taps, stride=stride, padding=padding, dilation=dilation).shape[-1]


def _seen_pixels(stack):
    """Distance from the first to the last input pixel that one output pixel depends on, by autograd."""
    x = torch.zeros(1, 1, 400, dtype=torch.double, requires_grad=True)
    values = x
    for kernel, stride in stack:
        values = F.conv1d(values, torch.ones(1, 1, kernel, dtype=torch.double), stride=stride)
    values[0, 0, 0].backward()
    reached = torch.nonzero(x.grad[0, 0])
    return int(reached.max() - reached.min()) + 1
