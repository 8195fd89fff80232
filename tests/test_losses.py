"""Losses at the inputs that break them, their bounds and the messages for bad input; the pixelwise ones by formula."""

import numpy as np
import pytest
import torch
from skimage import metrics

from kryptonlib import losses

SIDE = 34


def pattern(channels=3):
    """A smooth image with edges in [0, 1], [1, C, 34, 34]."""
    rows, columns = torch.meshgrid(torch.linspace(0, 1, SIDE), torch.linspace(0, 1, SIDE), indexing="ij")
    planes = [0.5 + 0.4 * torch.sin(6 * rows * (i + 1)) * torch.cos(9 * columns) for i in range(channels)]
    image = torch.stack(planes)[None]
    image[..., 8:16, 20:28] = 0.9
    return image


def moved(image):
    other = image.clone()
    other[..., 17, 11] += 1e-3
    return other


PAIRS = {
    "identical": lambda y: (y.clone(), y),
    "black": lambda y: (torch.zeros_like(y), torch.zeros_like(y)),
    "white against black": lambda y: (torch.ones_like(y), torch.zeros_like(y)),
    "constant": lambda y: (torch.full_like(y, 0.5), torch.full_like(y, 0.5)),
    "constants": lambda y: (torch.full_like(y, 0.25), torch.full_like(y, 0.75)),
    "flat against structure": lambda y: (torch.full_like(y, 0.5), y),
    "one pixel off": lambda y: (moved(y), y),
    "shifted by a pixel": lambda y: (y.roll(1, -1), y),
    "anti-correlated": lambda y: (1 - y, y),
    "out of range": lambda y: (3 * y - 1, y),
}
LOSSES = {
    "l1": lambda x, y: losses.l1(x, y, data_range=1.0),
    "l2": lambda x, y: losses.l2(x, y, data_range=1.0),
    "psnr": lambda x, y: -losses.psnr(x, y, data_range=1.0),
    "ssim": lambda x, y: 1 - losses.ssim(x, y, data_range=1.0),
    "ssim, uniform": lambda x, y: 1 - losses.ssim(x, y, data_range=1.0, window="uniform"),
    "ms_ssim": lambda x, y: 1 - losses.ms_ssim(x, y, data_range=1.0, scales=2),
    "lpips": lambda x, y: losses.lpips(x, y),
    "lpips, vgg": lambda x, y: losses.lpips(x, y, net="vgg"),
    "flip": lambda x, y: losses.flip(x, y),
    "flip, softened": lambda x, y: losses.flip(x, y, softened=True),
    "flip_grey": lambda x, y: losses.flip_grey(x[:, :1], y[:, :1]),
    "adaptive": losses.Adaptive(3, alpha=0.7, c=0.05),
    "lpips_l2": lambda x, y: losses.lpips_l2(x, y, weight=20.0),
    "l1_ms_ssim": lambda x, y: losses.l1_ms_ssim(x, y, data_range=1.0, scales=2),
}
ZERO_AT_EQUALITY = [name for name in LOSSES if name not in ("psnr", "adaptive")]


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_finite(name, kind):
    x, y = PAIRS[kind](pattern())
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(LOSSES[name](x, y), x)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", ZERO_AT_EQUALITY)
def test_a_loss_is_least_at_equality_and_falls_along_its_gradient(name):
    y = pattern()
    assert abs(LOSSES[name](y, y).item()) < 1e-6
    x = (0.8 * y + 0.05 + 0.1 * torch.rand(y.shape, generator=torch.Generator().manual_seed(0))).requires_grad_()
    value = LOSSES[name](x, y)
    (gradient,) = torch.autograd.grad(value, x)
    step = 1e-3 * gradient / gradient.abs().max()
    assert value.item() > LOSSES[name](x - step, y).item() > 0


@pytest.mark.parametrize("name", ["ssim", "ms_ssim", "flip", "flip_grey", "lpips", "l2", "l1_ms_ssim"])
def test_symmetric_losses(name):
    x, y = pattern(), pattern().roll(3, -2)
    torch.testing.assert_close(LOSSES[name](x, y), LOSSES[name](y, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["l1", "ssim", "ms_ssim", "flip", "adaptive"])
def test_the_gradient_is_that_of_the_value(name):
    """Against finite differences in double precision, in colours that stay inside sRGB when blurred: FLIP's gradient
    passes its cuts."""
    y = 0.3 + 0.3 * pattern().double()[..., :24, :24]
    noise = torch.rand(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)
    x = (0.9 * y + 0.05 * noise).requires_grad_()
    loss = LOSSES[name]
    (gradient,) = torch.autograd.grad(loss(x, y), x)
    direction = torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=y.dtype)
    step = 1e-6
    with torch.no_grad():
        slope = (loss(x + step * direction, y) - loss(x - step * direction, y)) / (2 * step)
    assert slope.item() == pytest.approx((gradient * direction).sum().item(), rel=1e-4, abs=1e-9)


def test_pixelwise_losses_by_formula():
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 255, (2, 3, 3, 5, 7)).astype(np.float32)
    tensors = torch.from_numpy(x), torch.from_numpy(y)
    difference = (x - y) / 255
    for name, expected in (("l1", abs(difference)), ("l2", difference**2)):
        found = getattr(losses, name)(*tensors, data_range=255, reduction="none")
        np.testing.assert_allclose(found, expected.mean((1, 2, 3)), rtol=1e-5)
        found = getattr(losses, f"{name}_map")(*tensors, data_range=255)
        np.testing.assert_allclose(found, expected.mean(1, keepdims=True), rtol=1e-4, atol=1e-7)
    psnr = [metrics.peak_signal_noise_ratio(b, a, data_range=255) for a, b in zip(x, y)]
    np.testing.assert_allclose(losses.psnr(*tensors, data_range=255, reduction="none"), psnr, rtol=1e-5)
    assert losses.psnr(*tensors, data_range=255).item() == pytest.approx(np.mean(psnr), rel=1e-5)
    nmse = ((x - y) ** 2).sum((1, 2, 3)) / (y**2).sum((1, 2, 3))
    np.testing.assert_allclose(losses.nmse(*tensors, reduction="none"), nmse, rtol=1e-5)


def test_psnr_of_equal_images_is_infinite_beside_others():
    y = pattern().repeat(2, 1, 1, 1)
    x = torch.stack([y[0], y[1] + 0.1]).requires_grad_()
    found = losses.psnr(x, y, data_range=1.0, reduction="none")
    assert found[0] == torch.inf and found[1].item() == pytest.approx(20, rel=1e-5)
    found[1].backward()
    assert torch.isfinite(x.grad).all()


def test_mixtures_are_the_sums_that_they_say():
    x, y = PAIRS["shifted by a pixel"](pattern())
    expected = losses.lpips(x, y) + 20 * losses.l2(x, y, data_range=1.0)
    torch.testing.assert_close(losses.lpips_l2(x, y, weight=20), expected)
    structure = 1 - losses.ms_ssim(x, y, data_range=1.0, scales=1)
    expected = 0.3 * structure + 0.7 * losses.l1(x, y, data_range=1.0)
    torch.testing.assert_close(losses.l1_ms_ssim(x, y, data_range=1.0, share=0.3, scales=1), expected)


def ones(*shape, dtype=torch.float32):
    return torch.ones(shape, dtype=dtype)


IMAGE = (1, 3, 32, 32)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "flip_grey"])
@pytest.mark.parametrize(
    "x, y, error, words",
    [
        (np.ones(IMAGE), ones(*IMAGE), TypeError, "tensor"),
        (ones(*IMAGE, dtype=torch.uint8), ones(*IMAGE, dtype=torch.uint8), TypeError, "255"),
        (ones(*IMAGE), ones(*IMAGE, dtype=torch.float64), TypeError, "alike"),
        (ones(1, 3, 32, 40), ones(*IMAGE), ValueError, r"differ in shape, \(1, 3, 32, 40\)"),
        (ones(32, 32, 3), ones(32, 32, 3), ValueError, "permute"),
        (ones(0, 3, 32, 32), ones(0, 3, 32, 32), ValueError, r"\[N, C, H, W\]"),
        (ones(*IMAGE), 255 * ones(*IMAGE), ValueError, "255"),
        (ones(*IMAGE), -ones(*IMAGE), ValueError, r"\(y \+ 1\) / 2"),
        (ones(*IMAGE) * torch.nan, ones(*IMAGE), ValueError, "x holds NaN"),
        (ones(*IMAGE), ones(*IMAGE) * torch.nan, ValueError, "nan"),
    ],
)
def test_images_that_cannot_be_compared_are_refused(name, x, y, error, words):
    with pytest.raises(error, match=words):
        LOSSES[name](x, y)


@pytest.mark.parametrize("name", ["lpips", "flip", "adaptive"])
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_a_wrong_number_of_channels_is_refused(name, channels):
    with pytest.raises(ValueError, match="channel"):
        LOSSES[name](ones(1, channels, 32, 32), ones(1, channels, 32, 32))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda i: losses.ssim(i(10), i(10), data_range=1.0), "11x11"),
        (lambda i: losses.ssim(i(6), i(6), data_range=1.0, window="uniform"), "7x7"),
        (lambda i: losses.ms_ssim(i(160), i(160), data_range=1.0), "161x161.*scales=4 fits"),
        (lambda i: losses.ms_ssim(i(10), i(10), data_range=1.0, scales=1), "11x11"),
        (lambda i: losses.lpips(i(30), i(30)), "31x31"),
        (lambda i: losses.lpips(i(15), i(15), net="vgg"), "16x16"),
        (lambda i: losses.lpips(i(32), i(32), net="squeeze"), "alex, vgg"),
        (lambda i: losses.ssim(i(16), i(16), data_range=1.0, window="flat"), "gaussian, uniform"),
        (lambda i: losses.l1(i(2), i(2), data_range=1.0, reduction="sum"), "mean, none"),
        (lambda i: losses.l1(i(2), i(2), data_range=0), "positive"),
        (lambda i: losses.l1(0.3 * i(2), 0.3 * i(2), data_range=255), "expected data_range=1.0"),
        (lambda i: losses.ms_ssim(i(16), i(16), data_range=1.0, scales=6), "1 to 5"),
        (lambda i: losses.nmse(i(2), 0 * i(2)), "normalised"),
        (lambda i: losses.flip(i(2), i(2), pixels_per_degree=0), "positive"),
        (lambda i: losses.lpips_l2(i(32), i(32), weight=-1), "weight"),
        (lambda i: losses.l1_ms_ssim(i(16), i(16), data_range=1.0, share=2), "share"),
    ],
)
def test_sizes_and_settings_that_cannot_be_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(lambda side: torch.ones(1, 3, side, side))


@pytest.mark.parametrize(
    "call",
    [
        lambda y: losses.ssim(y, y),
        lambda y: losses.ssim(y, y, data_range=None) + losses.ssim(y, y, data_range="1"),
        lambda y: losses.ms_ssim(y, y, data_range=1.0, scales=2.0),
        lambda y: losses.flip(y, y, pixels_per_degree="67"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused(call):
    with pytest.raises(TypeError):
        call(torch.ones(1, 3, 16, 16).requires_grad_())


def test_the_smallest_images_are_good():
    for side, call in (
        (11, lambda y: losses.ssim(y, y, data_range=1.0)),
        (161, lambda y: losses.ms_ssim(y, y, data_range=1.0)),
        (31, lambda y: 1 - losses.lpips(y, y)),
        (16, lambda y: 1 - losses.lpips(y, y, net="vgg")),
        (1, lambda y: 1 - losses.flip(y, y)),
    ):
        assert call(torch.rand(1, 3, side, side)).item() == pytest.approx(1, abs=1e-6)


def test_a_dark_8_bit_image_is_no_mistake_of_range():
    """Levels 0 and 1 of 255: whole numbers."""
    y = (pattern() > 0.5).float()
    assert losses.ssim(y, y, data_range=255).item() == pytest.approx(1)
