"""SSIM and MS-SSIM against scikit-image and pytorch-msssim on photos, and the filters against scipy."""

import numpy as np
import pytest
import pytorch_msssim
import torch
from scipy import ndimage
from skimage import data
from skimage.metrics import structural_similarity

from kryptonlib import losses
from kryptonlib.gaussian import gaussian_kernel
from kryptonlib.losses import filters


def photos(rows, columns):
    """A photo of this size and the same one noisy and darker, float32 [H, W, 3] in [0, 1]."""
    y = data.astronaut()[:rows, 100 : 100 + columns].astype(np.float32) / 255
    noise = np.random.default_rng(0).standard_normal(y.shape).astype(np.float32)
    return np.clip(0.9 * y + 0.05 * noise, 0, 1), y


def tensor(image, dtype=torch.float32):
    return torch.from_numpy(image).permute(2, 0, 1)[None].to(dtype).contiguous()


# Below and above the size at which the filters change from matrices to shifted sums.
SIZES = [(60, 71), (180, 161), (11, 200)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("data_range", [1.0, 255])
@pytest.mark.parametrize("dtype, error", [(torch.float64, 1e-12), (torch.float32, 3e-6)])
def test_ssim_is_that_of_scikit_image(size, data_range, dtype, error):
    x, y = (data_range * image.astype(np.float64) for image in photos(*size))
    given = tensor(x, dtype), tensor(y, dtype)
    gaussian = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    for window, options in (("gaussian", gaussian), ("uniform", {})):
        expected = structural_similarity(x, y, data_range=data_range, channel_axis=2, **options)
        assert losses.ssim(*given, data_range=data_range, window=window).item() == pytest.approx(expected, abs=error)


def test_the_map_is_that_of_scikit_image():
    x, y = photos(60, 71)
    images = x.astype(np.float64), y.astype(np.float64)
    _, expected = structural_similarity(*images, data_range=1.0, channel_axis=2, full=True)
    found = losses.ssim_map(tensor(x, torch.float64), tensor(y, torch.float64), data_range=1.0, window="uniform")
    np.testing.assert_allclose(found[0].permute(1, 2, 0), expected[3:-3, 3:-3], atol=1e-7)


@pytest.mark.parametrize("name, size", [("ssim", (60, 71)), ("ssim", (180, 161)), ("ms_ssim", (176, 192))])
def test_values_and_gradients_are_those_of_pytorch_msssim(name, size):
    """MS-SSIM with sides that can be halved four times: there both pool alike. In double precision, the window too: in
    single theirs strays by 1e-5 from ours and from scikit-image's."""
    window = torch.from_numpy(gaussian_kernel(1.5, reach=5)).repeat(3, 1, 1, 1)
    x, y = (tensor(image, torch.float64).repeat(2, 1, 1, 1) for image in photos(*size))
    x[1] = 0.5 * x[1] + 0.2
    found, expected = [], []
    ours, theirs = {"reduction": "none"}, {"size_average": False, "win": window}
    for module, results, options in ((losses, found, ours), (pytorch_msssim, expected, theirs)):
        given = x.clone().requires_grad_()
        values = getattr(module, name)(given, y, data_range=1.0, **options)
        values.sum().backward()
        results += [values.detach(), given.grad]
    torch.testing.assert_close(found[0], expected[0], rtol=0, atol=1e-8)
    torch.testing.assert_close(found[1], expected[1], rtol=0, atol=1e-8)


@pytest.mark.parametrize("size", [(165, 171), (177, 162)])
def test_odd_sides_are_halved_as_in_wangs_code(size):
    """Its imfilter(image, ones(2) / 4, 'symmetric') and every second pixel, by hand; SSIM by scikit-image."""
    x, y = photos(*size)
    options = dict(data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True)
    products = []
    for channel in range(3):
        a, b = (image[..., channel].astype(np.float64) for image in (x, y))
        product = 1.0
        for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
            _, whole = structural_similarity(a, b, **options)
            blur = [ndimage.gaussian_filter(image, 1.5, truncate=3.5) for image in (a, b)]
            luminance = (2 * blur[0] * blur[1] + 1e-4) / (blur[0] ** 2 + blur[1] ** 2 + 1e-4)
            term = whole if scale == 4 else whole / luminance
            product *= term[5:-5, 5:-5].mean() ** weight
            a, b = (
                (p[:-1, :-1] + p[1:, :-1] + p[:-1, 1:] + p[1:, 1:])[::2, ::2] / 4
                for p in (np.pad(image, ((0, 1), (0, 1)), mode="symmetric") for image in (a, b))
            )
        products.append(product)
    found = losses.ms_ssim(tensor(x, torch.float64), tensor(y, torch.float64), data_range=1.0)
    assert found.item() == pytest.approx(np.mean(products), abs=1e-9)


def test_fewer_scales_keep_the_sum_of_the_weights():
    """One scale is SSIM itself, to the 1e-4 by which the published weights miss 1."""
    x, y = (tensor(image) for image in photos(40, 40))
    single = losses.ms_ssim(x[:, :1], y[:, :1], data_range=1.0, scales=1).item()
    assert single == pytest.approx(losses.ssim(x[:, :1], y[:, :1], data_range=1.0).item(), rel=1e-3)


def test_the_wrong_data_range_calls_everything_equal():
    """Why it is never guessed: a [0, 1] pair scored with 255 by pytorch-msssim; here it is refused."""
    x, y = (tensor(image) for image in photos(60, 71))
    assert losses.ssim(x, y, data_range=1.0) < 0.8 < 0.999 < pytorch_msssim.ssim(x, y)
    with pytest.raises(ValueError, match="expected data_range=1.0"):
        losses.ssim(x, y, data_range=255)


def test_an_anticorrelated_image_is_not_stuck():
    """pytorch-msssim cuts negative terms to 0, where no gradient is left; here a step raises the score."""
    y = tensor(photos(176, 176)[1])
    x, other = ((1 - y).requires_grad_() for _ in range(2))
    (stuck,) = torch.autograd.grad(1 - pytorch_msssim.ms_ssim(other, y, data_range=1.0), other)
    assert stuck.abs().max() == 0
    optimizer = torch.optim.Adam([x], 0.02)
    values = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = 1 - losses.ms_ssim(x, y, data_range=1.0)
        loss.backward()
        assert torch.isfinite(x.grad).all()
        optimizer.step()
        values.append(1 - loss.item())
    assert 0 < values[0] < 0.01 and values[-1] > 0.3


@pytest.mark.parametrize("size", [(9, 13), (140, 9), (9, 140), (131, 150)])
def test_filters_are_correlations(size):
    image = torch.rand(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    down, across = [0.2, -1.0, 0.5, 0.1], [1.0, 2.0, -0.5]
    found = filters.separable(image, down, across)
    kernel = np.outer(down, across)[None, None]
    whole = ndimage.correlate(image.detach().numpy(), kernel, mode="constant", origin=(0, 0, 0, 0))
    np.testing.assert_allclose(found.detach(), whole[..., 2:-1, 1:-1], atol=1e-12)
    weights = torch.rand(found.shape, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((found * weights).sum(), image)
    plain = torch.nn.functional.conv_transpose2d(weights.view(6, 1, *found.shape[2:]), torch.tensor(kernel))
    torch.testing.assert_close(gradient, plain.view(image.shape))


@pytest.mark.parametrize("dense", [0, 128])
def test_filters_can_be_differentiated_twice(dense, monkeypatch):
    monkeypatch.setattr(filters, "DENSE", dense)
    image = torch.rand(2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()

    def squared(values):
        return filters.separable(values, [0.3, -1.0], [1.0, 0.5, 2.0]).square()

    assert torch.autograd.gradcheck(squared, image) and torch.autograd.gradgradcheck(squared, image)


def test_a_filter_that_is_longer_than_the_image_is_refused():
    with pytest.raises(ValueError, match="4 taps does not fit into 3 pixels"):
        filters.along(torch.ones(3, 3), [1, 1, 1, 1], -1)


def test_what_is_kept_under_inference_mode_serves_gradients_later():
    y = torch.rand(1, 1, 19, 23)
    with torch.inference_mode():
        losses.ssim(y, y, data_range=1.0)
    x = torch.rand(1, 1, 19, 23).requires_grad_()
    losses.ssim(x, y, data_range=1.0).backward()
    assert x.grad.abs().max() > 0
