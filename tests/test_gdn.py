"""GDN and IGDN against loops, against numbers that CompressAI gave, their gradients and their bounds."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kryptonlib.compression.gdn import GDN, PEDESTAL, SMALLEST, ReparametrizedGDN, normalize


def by_loops(x, beta, gamma, inverse):
    """The formula, one output at a time."""
    result = torch.empty_like(x)
    count, channels, height, width = x.shape
    for n in range(count):
        for i in range(channels):
            for row in range(height):
                for column in range(width):
                    place = x[n, :, row, column]
                    energy = math.sqrt(beta[i] + sum(gamma[i, j] * place[j] ** 2 for j in range(channels)))
                    result[n, i, row, column] = place[i] * energy if inverse else place[i] / energy
    return result


def parameters(channels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    beta = torch.rand(channels, generator=generator, dtype=torch.float64) + 0.1
    gamma = torch.rand(channels, channels, generator=generator, dtype=torch.float64)
    x = torch.randn(2, channels, 3, 2, generator=generator, dtype=torch.float64)
    return x, beta, gamma


@given(channels=st.integers(1, 4), seed=st.integers(0, 99), inverse=st.booleans())
def test_normalize_is_its_formula(channels, seed, inverse):
    x, beta, gamma = parameters(channels, seed)
    torch.testing.assert_close(normalize(x, beta, gamma, inverse=inverse), by_loops(x, beta, gamma, inverse))


@pytest.mark.parametrize("inverse", [False, True])
def test_the_gradient_in_all_three_arguments(inverse):
    inputs = [value.requires_grad_() for value in parameters(3)]
    assert torch.autograd.gradcheck(lambda *given: normalize(*given, inverse=inverse), inputs)


# Of CompressAI 1.2.8's compressai.layers.GDN, in float64, with its own beta and gamma set to these numbers: outputs,
# and the gradients of the sum of squared outputs in gamma and beta.
ROOT_BETA = [0.9, 1.2, 0.7]
ROOT_GAMMA = [[0.3, 0.1, 0.2], [0.0, 0.4, 0.25], [0.15, 0.05, 0.5]]
PLACES = [[[1.0, -2.0]], [[0.5, 3.0]], [[-1.5, 0.25]]]
COMPRESSAI = {
    False: (
        [1.00377123, -1.77997664, 0.39276134, 1.76656933, -1.44630809, 0.3179815],
        [-6.6320412, -4.56796272, -0.97639236, -3.375e-05, -7.81038756, -0.14090133, -0.77971565, -0.19583946, -4.38588058],
        [-6.34451101, -2.82556414, -2.95164148],
    ),
    True: (
        [0.99624294, -2.24722051, 0.63651885, 5.09462032, -1.55568514, 0.19655231],
        [10.2, 7.25, 1.0, 0.0, 64.85, 0.5625, 0.75, 0.1125, 5.06640625],
        [9.0, 22.2, 3.2375],
    ),
}


@pytest.mark.parametrize("inverse", [False, True])
def test_the_reparametrized_one_is_compressai_s(inverse):
    layer = ReparametrizedGDN(3, inverse=inverse).double()
    layer.root_beta.data = torch.tensor(ROOT_BETA, dtype=torch.float64)
    layer.root_gamma.data = torch.tensor(ROOT_GAMMA, dtype=torch.float64)
    result = layer(torch.tensor([PLACES], dtype=torch.float64))
    result.square().sum().backward()
    expected, of_gamma, of_beta = (torch.tensor(values, dtype=torch.float64) for values in COMPRESSAI[inverse])
    torch.testing.assert_close(result.flatten(), expected, rtol=0, atol=1e-8)
    torch.testing.assert_close(layer.root_gamma.grad.flatten(), of_gamma, rtol=0, atol=1e-7)
    torch.testing.assert_close(layer.root_beta.grad, of_beta, rtol=0, atol=1e-7)


def test_the_two_variants_agree_on_shared_parameters():
    x, beta, gamma = parameters(4)
    ours, other = GDN(4).double(), ReparametrizedGDN(4).double()
    ours.beta.data, ours.gamma.data = beta, gamma
    other.root_beta.data, other.root_gamma.data = (beta + PEDESTAL).sqrt(), (gamma + PEDESTAL).sqrt()
    torch.testing.assert_close(ours(x), other(x))


def test_scale_is_the_gamma_of_the_formula_divided_by_its_square():
    x, beta, gamma = parameters(3)
    scale = torch.tensor([2.0, 0.5, 10.0], dtype=torch.float64)
    layer = GDN(3, scale=scale).double()
    layer.beta.data, layer.gamma.data = beta, gamma
    torch.testing.assert_close(layer(x), by_loops(x, beta, gamma / scale**2, False))


def test_project_brings_parameters_back():
    layer = GDN(3)
    layer.beta.data = torch.tensor([-1.0, 0.5, 1e-9])
    layer.gamma.data = torch.tensor([[-1.0, 0.2, 0.0], [0.4, 1.0, 0.0], [0.0, 0.0, 3.0]])
    layer.project()
    assert torch.equal(layer.beta.data, torch.tensor([SMALLEST, 0.5, SMALLEST]))
    assert torch.equal(layer.gamma.data, layer.gamma.data.t()) and (layer.gamma.data >= SMALLEST).all()
    assert layer.gamma[0, 1].item() == pytest.approx(0.3) and layer.gamma[2, 2] == 3


def test_a_parameter_below_its_bound_comes_back():
    # With torch.clamp its gradient would be 0 and it would stay there.
    layer = ReparametrizedGDN(1)
    layer.root_gamma.data.fill_(-0.5)
    layer(torch.full((1, 1, 1, 1), 2.0)).sum().backward()
    # More division would lower the output, whose sum is descended: the bound holds, and the gradient says so.
    assert layer.root_gamma.grad.item() < 0
    layer.root_gamma.grad = None
    (-layer(torch.full((1, 1, 1, 1), 2.0)).sum()).backward()
    assert layer.root_gamma.grad.item() == 0


def test_a_gdn_of_zero_is_zero_and_differentiable():
    x = torch.zeros(1, 4, 2, 2, requires_grad=True)
    result = GDN(4)(x)
    result.sum().backward()
    assert not result.any() and torch.isfinite(x.grad).all()


def test_an_igdn_with_the_same_parameters_is_no_inverse():
    x, beta, gamma = parameters(3)
    back = normalize(normalize(x, beta, gamma), beta, gamma, inverse=True)
    assert (back - x).abs().max() > 0.1


@pytest.mark.parametrize(
    "shapes", [((1, 3, 2), (3,), (3, 3)), ((1, 3, 2, 2), (2,), (3, 3)), ((1, 3, 2, 2), (3,), (3, 2))]
)
def test_shapes_that_do_not_belong_together_are_refused(shapes):
    with pytest.raises(ValueError, match=r"expected \[N, C, H, W\], \[C\] and \[C, C\]"):
        normalize(*(torch.ones(shape) for shape in shapes))
