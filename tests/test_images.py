"""Checks, conversions, luma and the Gaussian, against Pillow, scikit-image and SciPy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2ycbcr

from kryptonlib import gaussian, images

COLOURS = np.random.default_rng(0).random((7, 9, 3)).astype(np.float32)
BATCH = torch.from_numpy(COLOURS).permute(2, 0, 1)[None]


# Checks.


@pytest.mark.parametrize("kind, white", [(np.uint8, 255), (np.uint16, 65535), (np.bool_, 1)])
def test_whole_numbers_of_a_known_range_become_floats(kind, white):
    values = np.array([[0, 1], [white // 2, white]]).astype(kind)
    image = images.check_image(values)
    assert image.dtype == np.float32 and image.flags.c_contiguous
    np.testing.assert_array_equal(np.round(image.astype(np.float64) * white), values)
    assert image.max() == 1


def test_every_eight_and_sixteen_bit_value_is_the_nearest_float():
    for kind in (np.uint8, np.uint16):
        values = np.arange(np.iinfo(kind).max + 1, dtype=kind)[None]
        expected = (values / np.float64(values.max())).astype(np.float32)
        np.testing.assert_array_equal(images.check_image(values), expected)


@pytest.mark.parametrize(
    "image, error, words",
    [
        (np.zeros((4, 4), np.int64), TypeError, "int64, expected floats in .0, 1., uint8 or uint16"),
        (np.zeros((4, 4), np.int8), TypeError, "int8"),
        (np.zeros((4, 4), complex), TypeError, "complex"),
        (np.array([["a"]]), TypeError, "expected floats"),
        (None, TypeError, "expected floats"),
        (torch.zeros(1, 3, 4, 4), TypeError, "a tensor"),
        (np.zeros((3, 4, 5)), ValueError, "channels last"),
        (np.zeros((1, 4, 5, 3)), ValueError, "one image"),
        (np.zeros((4, 5, 4)), ValueError, "alpha"),
        (np.zeros((4, 5, 2)), ValueError, "expected .H, W. or"),
        (np.zeros((0, 5)), ValueError, "expected .H, W. or"),
        (np.zeros(5), ValueError, "expected .H, W. or"),
        (np.full((4, 5), np.nan), ValueError, "20 values are NaN"),
        (np.full((4, 5), 1.01), ValueError, "run from 1.01 to 1.01"),
        (np.full((4, 5), -0.01), ValueError, "expected .0, 1."),
    ],
)
def test_what_is_no_image_is_refused(image, error, words):
    with pytest.raises(error, match=words):
        images.check_image(image)


def test_the_message_names_the_argument():
    with pytest.raises(ValueError, match="clean: got shape"):
        images.check_image(np.zeros(3), "clean")


@pytest.mark.parametrize(
    "batch, channels, error, words",
    [
        (np.zeros((1, 3, 4, 4)), None, TypeError, "got ndarray"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), None, TypeError, "uint8"),
        (torch.zeros(3, 4, 4), None, ValueError, "expected .N, C, H, W."),
        (torch.zeros(0, 3, 4, 4), None, ValueError, "expected .N, C, H, W."),
        (torch.zeros(1, 3, 4, 4), 1, ValueError, "expected .N, 1, H, W."),
        (torch.full((1, 3, 4, 4), torch.inf), None, ValueError, "48 values are NaN or infinite"),
        (torch.full((1, 3, 4, 4), 1.5), None, ValueError, "from 1.5 to 1.5"),
    ],
)
def test_what_is_no_batch_is_refused(batch, channels, error, words):
    with pytest.raises(error, match=words):
        images.check_batch(batch, channels=channels)


def test_a_batch_is_given_back_as_it_is():
    assert images.check_batch(BATCH, channels=3) is BATCH


# Arrays and tensors.


def test_images_and_tensors_convert_both_ways():
    tensor = images.to_tensor(COLOURS)
    assert tensor.shape == (1, 3, 7, 9) and tensor.is_contiguous()
    assert tensor[0, 2, 3, 4] == COLOURS[3, 4, 2]
    np.testing.assert_array_equal(images.from_tensor(tensor), COLOURS)
    np.testing.assert_array_equal(images.from_tensor(tensor[0]), COLOURS)
    grey = COLOURS[..., 0]
    assert images.to_tensor([grey, 1 - grey]).shape == (2, 1, 7, 9)
    np.testing.assert_array_equal(images.from_tensor(images.to_tensor(grey)), grey)
    np.testing.assert_array_equal(images.as_rgb(grey), np.stack([grey] * 3, axis=-1))
    assert images.as_rgb(COLOURS) is COLOURS


def test_tensors_keep_what_lies_outside_the_range():
    np.testing.assert_array_equal(images.from_tensor(torch.full((1, 1, 2, 2), -3.0)), np.full((2, 2), -3.0))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        images.to_tensor([COLOURS, COLOURS[:3]])
    for shape in [(2, 3, 4, 4), (1, 2, 4, 4), (4, 4)]:
        with pytest.raises(ValueError, match="with 1 or 3 channels"):
            images.from_tensor(torch.zeros(shape))


def test_eight_bits_round_and_clip():
    values = np.array([-1, 0, 0.4 / 255, 0.6 / 255, 1, 2])
    np.testing.assert_array_equal(images.to_uint8(values), [0, 0, 0, 1, 255, 255])
    np.testing.assert_array_equal(images.to_uint8(torch.from_numpy(values)), images.to_uint8(values))


# Luma.


def test_full_range_luma_is_pillows():
    eight = images.to_uint8(COLOURS)
    expected = np.asarray(Image.fromarray(eight).convert("L"), dtype=float)
    assert np.abs(images.luma(eight / 255) * 255 - expected).max() <= 0.51  # Pillow rounds


def test_limited_range_luma_is_scikit_images():
    np.testing.assert_allclose(images.limited_luma(COLOURS) * 255, rgb2ycbcr(COLOURS)[..., 0], atol=2e-3)


@given(arrays.arrays(np.float32, (3, 4, 3), elements=st.floats(0, 1, width=32)))
def test_luma_of_images_and_tensors_stays_in_its_range(image):
    y = images.luma(image)
    assert y.min() >= image.min() and y.max() <= image.max()
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None]
    assert images.luma(tensor).shape == (1, 1, 3, 4)
    np.testing.assert_array_equal(images.luma(tensor)[0, 0], y)
    limited = images.limited_luma(image) * 255
    assert limited.min() >= 16 - 1e-4 and limited.max() <= 235 + 1e-4
    np.testing.assert_allclose(images.full_range(images.limited_luma(image)), y, atol=1e-6)


def test_luma_of_grey_is_the_grey_itself():
    values = np.arange(256, dtype=np.float32).reshape(16, 16) / 255
    np.testing.assert_array_equal(images.luma(images.as_rgb(values)), values)


def test_black_and_white_of_limited_range_by_hand():
    ends = np.array([0.0, 1.0])
    np.testing.assert_allclose(images.limited_range(ends) * 255, [16, 235])
    np.testing.assert_allclose(images.full_range(np.array([16, 235, 255]) / 255), [0, 1, 239 / 219])


def test_colour_differences_are_jpegs_and_lead_back():
    eight = images.to_uint8(COLOURS)
    expected = np.asarray(Image.fromarray(eight).convert("YCbCr"), dtype=float)
    found = images.ycbcr(eight / 255)
    # Rounding, and half a step for where 8 bits put grey.
    assert np.abs(found * 255 - expected).max() <= 1.01
    assert found.min() >= 0 and found.max() <= 1
    np.testing.assert_allclose(images.rgb(found), eight / 255, atol=1e-12)
    tensor = images.ycbcr(BATCH)
    np.testing.assert_allclose(tensor[0].permute(1, 2, 0), images.ycbcr(COLOURS), atol=1e-6)
    np.testing.assert_allclose(images.rgb(tensor), BATCH, atol=1e-5)
    np.testing.assert_allclose(images.ycbcr(np.full((1, 1, 3), 0.3)), [[[0.3, 0.5, 0.5]]])


@pytest.mark.parametrize(
    "image", [np.zeros((4, 5)), np.zeros((3, 4, 5)), torch.zeros(1, 1, 4, 5), torch.zeros(4, 5, 3)]
)
def test_luma_needs_three_channels(image):
    with pytest.raises(ValueError, match="expected an array .H, W, 3. or a tensor"):
        images.luma(image)


def test_luma_has_a_gradient():
    tensor = BATCH.clone().requires_grad_()
    images.luma(tensor).sum().backward()
    np.testing.assert_allclose(tensor.grad[0, :, 2, 3], images.LUMA_WEIGHTS, atol=1e-6)


# The Gaussian.


@given(sigma=st.floats(0.3, 4), reach=st.integers(0, 9))
def test_the_kernel_is_a_normalised_even_gaussian(sigma, reach):
    kernel = gaussian.gaussian_kernel(sigma, reach)
    assert len(kernel) == 2 * reach + 1 and kernel.sum() == pytest.approx(1)
    np.testing.assert_array_equal(kernel, kernel[::-1])
    if reach:
        assert kernel[reach + 1] / kernel[reach] == pytest.approx(np.exp(-0.5 / sigma**2))


@pytest.mark.parametrize("border, mode", [("replicate", "nearest"), ("reflect", "mirror")])
@pytest.mark.parametrize("sigma", [0.5, 1.5])
def test_the_blur_is_scipys(border, mode, sigma):
    image = np.random.default_rng(1).random((8, 11))
    found = gaussian.gaussian_blur(image, sigma, border=border)
    np.testing.assert_allclose(found, gaussian_filter(image, sigma, mode=mode, radius=int(3 * sigma + 0.5)), atol=1e-12)
    colours = gaussian.gaussian_blur(np.stack([image, 1 - image], axis=-1), sigma, border=border)
    np.testing.assert_allclose(colours[..., 0], found, atol=1e-12)
    tensor = gaussian.gaussian_blur(torch.from_numpy(image).float().expand(2, 3, 8, 11), sigma, border=border)
    assert tensor.shape == (2, 3, 8, 11) and tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor[1, 2], found, atol=1e-6)


def test_a_valid_blur_leaves_away_what_needs_the_border():
    image = np.random.default_rng(1).random((8, 11))
    whole = gaussian_filter(image, 1.0, mode="nearest", radius=2)
    valid = gaussian.gaussian_blur(image, 1.0, reach=2, border="valid")
    np.testing.assert_allclose(valid, whole[2:-2, 2:-2], atol=1e-12)


def test_the_blur_has_a_gradient_and_keeps_a_constant():
    image = torch.rand(1, 1, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: gaussian.gaussian_blur(x, 1.0), image)
    np.testing.assert_allclose(gaussian.gaussian_blur(np.full((4, 5), 0.7), 2.0), 0.7)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: gaussian.gaussian_kernel(0), "positive number"),
        (lambda: gaussian.gaussian_kernel(np.nan), "positive number"),
        (lambda: gaussian.gaussian_kernel("1"), "positive number"),
        (lambda: gaussian.gaussian_kernel(1, reach=-1), "at least 0"),
        (lambda: gaussian.gaussian_kernel(1, reach=1.5), "whole number"),
        (lambda: gaussian.gaussian_blur(COLOURS, 1, border="zero"), "replicate, reflect, valid"),
        (lambda: gaussian.gaussian_blur(COLOURS, 3, border="reflect"), "needs 10x10 pixels, got 7x9"),
        (lambda: gaussian.gaussian_blur(COLOURS, 2, border="valid"), "needs 13x13 pixels, got 7x9"),
        (lambda: gaussian.gaussian_blur(np.zeros((4, 4), int), 1), "expected floats"),
        (lambda: gaussian.gaussian_blur(np.zeros(4), 1), "expected floats"),
    ],
)
def test_bad_input_of_the_gaussian_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
