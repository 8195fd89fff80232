"""The paper's transform: its sizes, torch's own strided layers as a check, and the transform it begins with."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dctn
from torch.nn import functional

from kryptonlib.compression.autoencoder import STRIDE, UNIT, Autoencoder, StridedConvolution, TransposedConvolution
from kryptonlib.compression.gdn import SMALLEST, GDN
from kryptonlib.compression.start import block_transform, rescale_latents

SHAPES = [(5, 2, 2), (9, 4, 3)]


@given(
    shape=st.sampled_from(SHAPES),
    inputs=st.integers(1, 3),
    outputs=st.integers(1, 3),
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
)
def test_the_layers_are_torch_s_strided_ones(shape, inputs, outputs, rows, columns):
    kernel, stride, padding = shape
    torch.manual_seed(0)
    forward = StridedConvolution(inputs, outputs, *shape).double()
    backward = TransposedConvolution(inputs, outputs, *shape).double()
    for layer in (forward, backward):
        layer.weight.data.normal_()
        layer.bias.data.normal_()
    image = torch.randn(2, inputs, stride * rows, stride * columns, dtype=torch.float64)
    torch.testing.assert_close(forward(image), functional.conv2d(image, forward.weight, forward.bias, stride, padding))
    maps = torch.randn(2, inputs, rows, columns, dtype=torch.float64)
    missing = stride - kernel + 2 * padding
    expected = functional.conv_transpose2d(maps, backward.weight, backward.bias, stride, padding, missing)
    torch.testing.assert_close(backward(maps), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_transpose_is_the_adjoint(shape):
    torch.manual_seed(0)
    forward, backward = StridedConvolution(2, 3, *shape), TransposedConvolution(3, 2, *shape, bias=False)
    forward.weight.data.normal_()
    backward.weight.data.copy_(forward.weight.data)
    x, y = torch.randn(1, 2, 16, 8), torch.randn(1, 3, 16 // shape[1], 8 // shape[1])
    torch.testing.assert_close((forward(x) * y).sum(), (x * backward(y)).sum(), rtol=1e-4, atol=1e-3)


def count(net):
    return sum(parameter.numel() for parameter in net.parameters())


def test_the_paper_s_numbers_of_parameters():
    assert count(Autoencoder()) == 1_758_848
    assert count(Autoencoder(normalized=False)) == 1_725_824
    assert count(Autoencoder(normalized=False, learned_steps=True)) == 1_725_824 + 128
    assert count(Autoencoder()) - count(Autoencoder(normalized=False)) == 33_024 == 2 * (128**2 + 128)
    # A thinner one: 32 and 64 hidden maps, counted by hand from the layers' shapes.
    kernels = 2 * (81 * 32 + 25 * 32 * 64 + 25 * 64 * 128)
    biases, pairs = 32 + 64 + 128 + 64 + 32, 2 * (32**2 + 32 + 64**2 + 64 + 128**2 + 128)
    assert count(Autoencoder(128, hidden=(32, 64))) == kernels + biases + pairs


@pytest.mark.parametrize("size", [(16, 16), (17, 40), (1, 1), (48, 31)])
def test_any_size_goes_in_and_comes_out(size):
    net = Autoencoder(8, hidden=(4, 6))
    latents = net.encode(torch.rand(2, 1, *size) * 255)
    assert latents.shape == (2, 8, -(-size[0] // STRIDE), -(-size[1] // STRIDE))
    assert net.decode(latents, size).shape == (2, 1, *size)
    assert net.decode(latents).shape == (2, 1, STRIDE * latents.shape[2], STRIDE * latents.shape[3])


def test_bad_input_is_refused():
    net = Autoencoder(4, hidden=(4, 4))
    with pytest.raises(ValueError, match=r"expected luma \[N, 1, H, W\]"):
        net.encode(torch.zeros(1, 3, 16, 16))
    with pytest.raises(ValueError, match=r"expected \[N, 4, h, w\]"):
        net.decode(torch.zeros(1, 3, 1, 1))
    with pytest.raises(ValueError, match="the size 33x16 for latents"):
        net.decode(torch.zeros(1, 4, 2, 1), (33, 16))


def test_project_keeps_ranges():
    net = Autoencoder(4, hidden=(4, 4), normalized=False, learned_steps=True)
    net.steps.data = torch.tensor([0.1, 1.0, 9.0, -3.0])
    net.encoder[1].gamma.data.fill_(-1)
    net.project()
    assert torch.equal(net.steps.data, torch.tensor([0.8, 1.0, 4.0, 0.8]))
    assert (net.encoder[1].gamma.data == SMALLEST).all()
    assert not isinstance(Autoencoder(4, hidden=(4, 4)).steps, torch.nn.Parameter)


# The transform it begins with.


@pytest.fixture(scope="module")
def patches():
    """Luma that is smooth and has edges, so that a transform has something to gather."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(60, 1, 10, 10, generator=generator)
    smooth = functional.interpolate(coarse, size=(64, 64), mode="bicubic")
    return 128 + 40 * smooth + 3 * torch.randn(60, 1, 64, 64, generator=generator)


def without_normalization(net):
    for module in net.modules():
        if isinstance(module, GDN):
            module.gamma.data.zero_()
    return net


@pytest.mark.parametrize("normalized", [False, True])
def test_all_components_together_lose_nothing(patches, normalized):
    net = Autoencoder(256, hidden=(16, 64), normalized=normalized)
    block_transform(net, patches)
    without_normalization(net)
    with torch.no_grad():
        latents = net.encode(patches)
        torch.testing.assert_close(net.decode(latents), patches, rtol=0, atol=1e-2)
    # Lengths are kept: a step of 1 in the latents costs as much as one of UNIT grey levels spread over the block.
    energy = ((patches - 128) / UNIT).square().sum()
    torch.testing.assert_close(latents.square().sum(), energy, rtol=1e-4, atol=0)


def test_the_first_layer_is_the_dct_and_extra_maps_are_not_read(patches):
    net = Autoencoder(128, hidden=(20, 70))
    spread = block_transform(net, patches)
    without_normalization(net)
    first = net.encoder[0]
    block = patches[0, 0, 16:20, 32:36]
    with torch.no_grad():
        maps = first((patches[:1] - 128) / UNIT)[0, :, 4, 8]
    coefficients = np.sort(np.abs(dctn((block.numpy() - 128) / UNIT, norm="ortho")).ravel())
    sizes = (((patches - 128) / UNIT).unfold(2, 4, 4).unfold(3, 4, 4)).numpy()
    found = np.sort(np.abs(maps[:16].numpy() * rms(sizes, first)))
    np.testing.assert_allclose(found, coefficients, rtol=1e-3, atol=1e-3)
    assert first.weight[16:].abs().max() > 0 and not net.encoder[2].weight[:, 16:].any()
    assert torch.equal(net.encoder[-1].scale, spread) and (spread.diff() <= 1e-4).all()


def rms(blocks, layer):
    """Root mean square of each DCT coefficient over all blocks, in the order of the layer's maps."""
    filters = layer.weight[:16, 0, 3:7, 3:7].detach().numpy()
    unit = filters / np.sqrt((filters**2).sum((1, 2), keepdims=True))
    return np.sqrt(np.square(np.einsum("ncyxab,kab->knyx", blocks, unit)).mean((1, 2, 3)))


def test_fewer_components_are_the_best_ones(patches):
    errors = []
    for kept in (4, 32, 128):
        net = Autoencoder(kept, hidden=(16, 64), normalized=False)
        block_transform(net, patches)
        without_normalization(net)
        with torch.no_grad():
            errors.append((net.decode(net.encode(patches)) - patches).square().mean().item())
    assert errors[0] > errors[1] > errors[2]


def test_the_start_is_nearly_the_transform_in_spite_of_gdn_and_learns(patches):
    net = Autoencoder(128, hidden=(16, 64))
    block_transform(net, patches)
    loss = (net.decode(net.encode(patches[:8])) - patches[:8]).square().mean()
    assert loss.item() < 60
    loss.backward()
    # Filters that nothing reads have no gradient yet, but what reads them has.
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    assert net.encoder[4].weight.grad.abs().max() > 0


@settings(deadline=None)
@given(factor=st.floats(0.5, 4))
def test_rescaled_latents_are_smaller_and_decode_to_the_same(factor):
    torch.manual_seed(0)
    net = Autoencoder(8, hidden=(16, 64))
    block_transform(net, 128 + 30 * torch.randn(4, 1, 32, 32))
    net.encoder[-1].gamma.data.uniform_(0.01, 0.2)
    net.decoder[0].gamma.data.uniform_(0.01, 0.2)
    images = 128 + 30 * torch.randn(1, 1, 32, 32)
    with torch.no_grad():
        latents = net.encode(images)
        decoded = net.decode(latents)
        rescale_latents(net, factor)
        torch.testing.assert_close(net.encode(images) * factor, latents, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(net.decode(net.encode(images)), decoded, rtol=1e-4, atol=1e-2)


def test_what_the_start_cannot_do_is_refused(patches):
    with pytest.raises(ValueError, match="at least 16, at least 64 and at most 256"):
        block_transform(Autoencoder(8), patches)
    with pytest.raises(ValueError, match="multiples of 16"):
        block_transform(Autoencoder(8, hidden=(16, 64)), patches[:, :, :50])
    with pytest.raises(ValueError, match="normalized=True"):
        rescale_latents(Autoencoder(8, hidden=(16, 64), normalized=False), 2)
    with pytest.raises(ValueError, match="expected a positive number"):
        rescale_latents(Autoencoder(8, hidden=(16, 64)), 0)
