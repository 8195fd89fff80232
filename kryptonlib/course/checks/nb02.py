"""Checks of notebook 02's exercises: each truth comes from torch, and each hint names the case that failed."""

import numpy as np
import torch
import torch.nn.functional as F

from kryptonlib.course.checks import expect


def check_window_matrix(answer):
    """``answer(image, size, stride)``: [C, H, W] -> [C size^2, H_out W_out], every window as one column."""
    numbered, two = np.arange(16.0).reshape(1, 4, 4), np.arange(18.0).reshape(2, 3, 3)
    rng = np.random.default_rng(2)
    cases = [
        ("a 4 x 4 picture with the numbers 0 to 15, size 3, stride 1", numbered, 3, 1,
         "column 0 is the upper left window read row by row: 0, 1, 2, 4, 5, 6, 8, 9, 10"),
        ("two channels, size 2, stride 1", two, 2, 1,
         "a column holds all of channel 0's window, then channel 1's: the order of kernels.reshape(C_out, -1)"),
        ("size 2, stride 2", numbered, 2, 2, "window (y, x) starts at row y * stride and column x * stride"),
        ("a wide picture, size 2, stride 1", rng.random((1, 3, 6)), 2, 1,
         "the windows follow each other row by row, like the pixels of the output"),
        ("5 x 5, size 2, stride 2", rng.random((1, 5, 5)), 2, 2, "a last window that does not fit is not taken"),
    ]
    cases += [(f"{channels} channels of {size}, kernel {kernel}, stride {stride}", rng.normal(size=(channels, *size)),
               kernel, stride, "compare the first two columns by hand")
              for channels, size in ((1, (6, 7)), (3, (8, 5))) for kernel in (1, 2, 3) for stride in (1, 2, 3)]
    for name, image, size, stride, hint in cases:
        truth = F.unfold(torch.tensor(image)[None], size, stride=stride)[0].numpy()
        expect.close(answer(image.copy(), size, stride), truth, name, hint)
    expect.passed("window_matrix", len(cases))


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


def check_kernel_gradient(answer):
    """``answer(image, slope, size, stride)`` is dL/dK [C_out, C_in, size, size] for slope = dL/dO of an output O."""
    rng = np.random.default_rng(2)
    one = np.zeros((1, 2, 2))
    one[0, 0, 0] = 1
    cases = [
        ("dL/dO is 1 at output pixel (0, 0) only", rng.integers(1, 9, size=(1, 4, 4)).astype(float), one, 3, 1,
         "then the gradient is the first window itself, not flipped"),
        ("all of dL/dO is 1, image of ones", np.ones((1, 4, 4)), np.ones((1, 2, 2)), 3, 1,
         "every window adds its share: a sum over the output's pixels, not a mean"),
        ("two input channels", rng.normal(size=(2, 4, 4)), rng.normal(size=(1, 3, 3)), 2, 1,
         "every input channel has its own weights, and so its own gradient"),
        ("three output channels", rng.normal(size=(2, 4, 4)), rng.normal(size=(3, 3, 3)), 2, 1,
         "filter c moves output channel c only: use slope[c], and let the filters come first in the result"),
        ("stride 2", rng.normal(size=(1, 7, 7)), rng.normal(size=(1, 3, 3)), 3, 2,
         "with a stride, output pixel (y, x) has read image[k, y * stride + j, x * stride + i]"),
        ("stride 2, the last column unread", rng.normal(size=(1, 6, 6)), rng.normal(size=(1, 2, 2)), 3, 2,
         "the result is size x size, whatever the image's size"),
    ]
    cases += [(f"{c_in} to {c_out} channels, kernel {size}, stride {stride}", rng.normal(size=(c_in, 9, 8)),
               rng.normal(size=(c_out, (9 - size) // stride + 1, (8 - size) // stride + 1)), size, stride,
               "test one entry: move kernels[c, k, j, i] by 0.001 and see how the loss moves")
              for c_in, c_out in ((1, 2), (3, 2)) for size in (1, 2, 3) for stride in (1, 2, 3)]
    for name, image, slope, size, stride, hint in cases:
        kernels = torch.zeros(len(slope), len(image), size, size, dtype=torch.double, requires_grad=True)
        (F.conv2d(torch.tensor(image)[None], kernels, stride=stride)[0] * torch.tensor(slope)).sum().backward()
        expect.close(answer(image.copy(), slope.copy(), size, stride), kernels.grad.numpy(), name, hint)
    expect.passed("kernel_gradient", len(cases))


def _convolved_length(size, kernel, stride=1, padding=0, dilation=1):
    """The length that torch gives a convolved signal."""
    signal, taps = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    return F.conv1d(signal, taps, stride=stride, padding=padding, dilation=dilation).shape[-1]
