"""The from-scratch layers against torch on random small cases, their adjoints and gradients, and bad input."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kryptonlib.basics import layers

pair = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))  # noqa: E731


@st.composite
def convolutions(draw):
    """An image, kernels and a geometry in which at least one window fits."""
    groups = draw(st.integers(1, 3))
    c_in, c_out = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    kernel, stride, dilation, padding = draw(pair(1, 4)), draw(pair(1, 3)), draw(pair(1, 3)), draw(pair(0, 3))
    size = draw(pair(1, 10))
    assume(all(n + 2 * p >= d * (k - 1) + 1 for n, p, d, k in zip(size, padding, dilation, kernel)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    image, kernels = rng.normal(size=(c_in, *size)), rng.normal(size=(c_out, c_in // groups, *kernel))
    return image, kernels, rng, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


def close(ours, theirs):
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)


@settings(max_examples=150, deadline=None)
@given(convolutions())
def test_convolution_equals_torch(case):
    image, kernels, rng, geometry = case
    bias = rng.normal(size=len(kernels))
    close(layers.convolve2d(image, kernels, bias, **geometry),
          F.conv2d(torch.tensor(image)[None], torch.tensor(kernels), torch.tensor(bias), **geometry)[0])


@settings(max_examples=100, deadline=None)
@given(convolutions())
def test_transposed_convolution_is_the_adjoint_the_gradient_and_torchs(case):
    image, kernels, rng, geometry = case
    answer = layers.convolve2d(image, kernels, **geometry)
    y = rng.normal(size=answer.shape)
    extent = [d * (k - 1) + 1 for d, k in zip(geometry["dilation"], kernels.shape[2:])]
    extra = tuple((n + 2 * p - e) % s for n, p, e, s in
                  zip(image.shape[1:], geometry["padding"], extent, geometry["stride"]))
    back = layers.transposed_convolve2d(y, kernels, output_padding=extra, **geometry)
    assert np.sum(answer * y) == pytest.approx(np.sum(image * back), rel=1e-9, abs=1e-9)
    x = torch.tensor(image, requires_grad=True)
    (F.conv2d(x[None], torch.tensor(kernels), **geometry)[0] * torch.tensor(y)).sum().backward()
    close(back, x.grad)
    close(back, F.conv_transpose2d(torch.tensor(y)[None], torch.tensor(kernels), output_padding=extra, **geometry)[0])


@settings(max_examples=40, deadline=None)
@given(convolutions())
def test_matrix_applies_the_convolution_and_its_transpose_the_adjoint(case):
    image, kernels, rng, geometry = case
    assume(image.size <= 200)
    matrix = layers.convolution_matrix(kernels, image.shape, **geometry)
    answer = layers.convolve2d(image, kernels, **geometry)
    close((matrix @ image.ravel()).reshape(answer.shape), answer)
    extent = [d * (k - 1) + 1 for d, k in zip(geometry["dilation"], kernels.shape[2:])]
    extra = tuple((n + 2 * p - e) % s for n, p, e, s in
                  zip(image.shape[1:], geometry["padding"], extent, geometry["stride"]))
    back = layers.transposed_convolve2d(answer, kernels, output_padding=extra, **geometry)
    close((matrix.T @ answer.ravel()).reshape(image.shape), back)


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4), st.integers(0, 5), st.integers(1, 4))
def test_output_size_counts_the_windows(size, kernel, stride, padding, dilation):
    starts = [s for s in range(0, size + 2 * padding, stride)
              if s + dilation * (kernel - 1) < size + 2 * padding]
    if starts:
        assert layers.output_size(size, kernel, stride, padding, dilation) == len(starts)
    else:
        with pytest.raises(ValueError, match="more padding"):
            layers.output_size(size, kernel, stride, padding, dilation)


def test_slides_pooling_matrix():
    image = np.array([[[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]])
    assert layers.pool2d(image, 2).tolist() == [[[6, 8], [3, 4]]]
    assert layers.pool2d(image, 2, kind="mean").tolist() == [[[3.25, 5.25], [2, 2]]]


@settings(max_examples=100, deadline=None)
@given(pair(1, 4), pair(1, 3), pair(0, 2), pair(4, 9), st.integers(0, 999))
def test_pooling_equals_torch(kernel, stride, padding, size, seed):
    assume(all(2 * p <= k for p, k in zip(padding, kernel)))
    image = np.random.default_rng(seed).normal(size=(3, *size)) - 5  # below zero: a zero padding would win the maximum
    tensor = torch.tensor(image)[None]
    close(layers.pool2d(image, kernel, stride=stride, padding=padding),
          F.max_pool2d(tensor, kernel, stride, padding)[0])
    for count in (True, False):
        close(layers.pool2d(image, kernel, stride=stride, padding=padding, kind="mean", count_padding=count),
              F.avg_pool2d(tensor, kernel, stride, padding, count_include_pad=count)[0])


def test_pooling_strides_by_its_kernel_unless_told():
    image = np.arange(36.0).reshape(1, 6, 6)
    close(layers.pool2d(image, (2, 3)), F.max_pool2d(torch.tensor(image)[None], (2, 3))[0])


tensors = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), pair(1, 5), st.integers(0, 999))


@settings(max_examples=80, deadline=None)
@given(tensors)
def test_normalisations_equal_torch(case):
    n, groups, width, size, seed = case
    assume(n * size[0] * size[1] > 1 and size[0] * size[1] > 1)
    x = 3 * np.random.default_rng(seed).normal(size=(n, groups * width, *size)) + 2
    tensor = torch.tensor(x)
    close(layers.normalise(x, layers.BATCH), F.batch_norm(tensor, None, None, training=True))
    close(layers.normalise(x, layers.LAYER), F.layer_norm(tensor, x.shape[1:]))
    close(layers.normalise(x, layers.INSTANCE), F.instance_norm(tensor))
    close(layers.group_norm(x, groups), F.group_norm(tensor, groups))
    close(layers.group_norm(x, 1), layers.normalise(x, layers.LAYER))
    close(layers.group_norm(x, groups * width), layers.normalise(x, layers.INSTANCE))


@settings(max_examples=60, deadline=None)
@given(tensors, st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_switchable_norm_mixes_the_three_statistics(case, logits):
    n, groups, width, size, seed = case
    x = 3 * np.random.default_rng(seed).normal(size=(n, groups * width, *size)) + 2
    mean_weights, variance_weights = torch.softmax(torch.tensor(logits, dtype=torch.double).reshape(2, 3), dim=1)
    mean = variance = torch.zeros(1, dtype=torch.double)
    for k, axes in enumerate([(2, 3), (1, 2, 3), (0, 2, 3)]):
        v, m = torch.var_mean(torch.tensor(x), axes, correction=0, keepdim=True)
        mean, variance = mean + mean_weights[k] * m, variance + variance_weights[k] * v
    close(layers.switchable_norm(x, logits[:3], logits[3:]), (torch.tensor(x) - mean) / torch.sqrt(variance + 1e-5))


def test_switchable_norm_at_its_corners_is_each_of_the_three():
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 5))
    for corner, axes in zip(np.eye(3) * 2000 - 1000, (layers.INSTANCE, layers.LAYER, layers.BATCH)):
        close(layers.switchable_norm(x, corner, corner), layers.normalise(x, axes))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), pair(1, 3), st.integers(0, 999))
def test_weight_norm_equals_torch(c_out, c_in, kernel, seed):
    rng = np.random.default_rng(seed)
    direction, gain = rng.normal(size=(c_out, c_in, *kernel)), rng.normal(size=c_out)
    conv = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv2d(c_in, c_out, kernel).double())
    conv.parametrizations.weight.original0.data = torch.tensor(gain).reshape(-1, 1, 1, 1)
    conv.parametrizations.weight.original1.data = torch.tensor(direction)
    close(layers.weight_norm(direction, gain), conv.weight)
    close(layers.weight_norm(7 * direction, gain), conv.weight)  # the direction's own length does not matter


def test_slides_pixel_shuffle():
    shuffled = layers.pixel_shuffle(np.arange(16).reshape(4, 2, 2), 2)
    assert shuffled.tolist() == [[[0, 4, 1, 5], [8, 12, 9, 13], [2, 6, 3, 7], [10, 14, 11, 15]]]


@given(st.integers(1, 3), st.integers(1, 3), pair(1, 4))
def test_pixel_shuffle_equals_torch(channels, factor, size):
    x = np.arange(channels * factor**2 * size[0] * size[1], dtype=float).reshape(-1, *size)
    close(layers.pixel_shuffle(x, factor), F.pixel_shuffle(torch.tensor(x), factor))


IMAGE, KERNELS = np.ones((2, 5, 5)), np.ones((4, 2, 3, 3))
BATCH4 = np.random.default_rng(0).normal(size=(2, 4, 3, 3))


@pytest.mark.parametrize("call, error, hint", [
    (lambda: layers.convolve2d(np.ones((5, 5)), KERNELS), ValueError, r"image must be \[C_in, H, W\].*image\[None\]"),
    (lambda: layers.convolve2d(np.full((2, 5, 5), np.nan), KERNELS), ValueError, "NaN"),
    (lambda: layers.convolve2d(np.ones((0, 5, 5)), KERNELS), ValueError, "shape"),
    (lambda: layers.convolve2d(np.ones((3, 5, 5)), KERNELS), ValueError, "needs .* = 2 channels"),
    (lambda: layers.convolve2d(np.ones((6, 5, 5)), KERNELS, groups=3), ValueError, "divide the 4 filters"),
    (lambda: layers.convolve2d(IMAGE, KERNELS, groups=0), ValueError, "groups must be at least 1"),
    (lambda: layers.convolve2d(IMAGE, KERNELS, groups=(1, 1)), TypeError, "groups must be an int"),
    (lambda: layers.convolve2d(IMAGE, KERNELS, np.ones(3)), ValueError, "bias has 3 values.*4 filters"),
    (lambda: layers.convolve2d(IMAGE, KERNELS, stride=0), ValueError, "stride must be at least 1"),
    (lambda: layers.convolve2d(IMAGE, KERNELS, stride=1.5), TypeError, "stride must be an int"),
    (lambda: layers.convolve2d(IMAGE, KERNELS, stride=True), TypeError, "stride must be an int"),
    (lambda: layers.convolve2d(IMAGE, KERNELS, padding=-1), ValueError, "padding must be at least 0"),
    (lambda: layers.convolve2d(IMAGE, KERNELS, padding=(1, 1, 1)), TypeError, "pair of ints"),
    (lambda: layers.convolve2d(IMAGE, KERNELS, dilation=3), ValueError, "covers 7 pixels.*only 5"),
    (lambda: layers.transposed_convolve2d(IMAGE, KERNELS), ValueError, "same C_out"),
    (lambda: layers.transposed_convolve2d(np.ones((4, 2, 2)), KERNELS, stride=2, output_padding=2), ValueError,
     "smaller than stride"),
    (lambda: layers.transposed_convolve2d(np.ones((4, 1, 1)), KERNELS, padding=2), ValueError, "leaves nothing"),
    (lambda: layers.pool2d(IMAGE, 2, kind="median"), ValueError, '"max" or "mean"'),
    (lambda: layers.pool2d(IMAGE, 2, padding=2), ValueError, "half of kernel"),
    (lambda: layers.pool2d(IMAGE, 6), ValueError, "more padding"),
    (lambda: layers.normalise(IMAGE, layers.BATCH), ValueError, r"x must be \[N, C, H, W\]"),
    (lambda: layers.normalise(BATCH4, layers.BATCH, eps=0), ValueError, "eps"),
    (lambda: layers.group_norm(BATCH4, 3), ValueError, "4 channels do not fall into 3"),
    (lambda: layers.switchable_norm(BATCH4, [0, 0], [0, 0, 0]), ValueError, "mean_logits needs 3 values"),
    (lambda: layers.weight_norm(KERNELS, np.ones(3)), ValueError, "one gain per filter"),
    (lambda: layers.weight_norm(np.zeros((1, 2)), np.ones(1)), ValueError, "filter 0 .* no direction"),
    (lambda: layers.pixel_shuffle(np.ones((6, 2, 2)), 2), ValueError, "multiple of 4 channels, got 6"),
])
def test_bad_input_is_refused(call, error, hint):
    with pytest.raises(error, match=hint):
        call()
