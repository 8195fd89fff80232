"""Rounding and its stand-ins: values, gradients, what is unbiased and what is not."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kryptonlib.compression.quantization import (
    add_noise,
    exceptional_map,
    mean_maps,
    quantize,
    soft_round,
    straight_through,
)


def latents(*values):
    return torch.tensor(values, dtype=torch.float64).reshape(1, 1, 1, -1)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=8), st.floats(0.1, 9), st.floats(-5, 5))
def test_quantize_is_its_formula(values, step, mean):
    found, symbols = quantize(latents(*values), torch.tensor([step]), torch.tensor([mean]))
    # Steps and means are taken at float32's precision, as tensors come.
    step, mean = float(np.float32(step)), float(np.float32(mean))
    expected = np.round((np.array(values) - mean) / step)
    np.testing.assert_array_equal(symbols.flatten(), expected)
    np.testing.assert_allclose(found.flatten(), step * expected + mean, rtol=1e-12, atol=1e-12)
    assert symbols.dtype == torch.int32
    assert (np.abs(found.flatten().numpy() - values) <= step / 2 * (1 + 1e-9)).all()


def test_each_map_has_its_own_step():
    y = torch.full((1, 2, 1, 1), 2.2)
    found, symbols = quantize(y, torch.tensor([1.0, 4.0]))
    assert symbols.flatten().tolist() == [2, 1] and found.flatten().tolist() == [2.0, 4.0]


def test_noise_is_uniform_seeded_and_a_factor_of_the_step():
    y = torch.zeros(1, 2, 100, 100)
    steps = torch.tensor([1.0, 3.0], requires_grad=True)
    noisy = add_noise(y, steps, torch.Generator().manual_seed(0))
    assert torch.equal(noisy, add_noise(y, steps, torch.Generator().manual_seed(0)))
    for spread, step in zip(noisy[0].detach(), (1.0, 3.0)):
        assert spread.min() >= -step / 2 and spread.max() <= step / 2
        assert spread.var().item() == pytest.approx(step**2 / 12, rel=0.05)
    noisy.square().sum().backward()
    # d/dstep (step t)^2 = 2 step t^2, and the mean of t^2 is 1/12.
    assert steps.grad[1].item() / 10_000 == pytest.approx(2 * 3 / 12, rel=0.05)


def test_straight_through_rounds_and_passes_the_gradient_on():
    y = latents(0.4, 1.6, -2.5).requires_grad_()
    found = straight_through(y, torch.tensor([1.0]))
    assert found.flatten().tolist() == [0.0, 2.0, -2.0]
    (found * latents(1, 2, 3)).sum().backward()
    assert y.grad.flatten().tolist() == [1, 2, 3]
    hard, _ = quantize(y, torch.tensor([1.0]))
    assert not torch.autograd.grad(hard.sum(), y)[0].any()


def test_soft_rounding_becomes_rounding_and_is_drawn_to_the_middle_before():
    y = latents(0.2, 0.74, -1.4)
    one = torch.tensor([1.0])
    torch.testing.assert_close(soft_round(y, one, 1e-3), quantize(y, one)[0], rtol=0, atol=1e-6)
    # Temperature 1 and levels in sight on both sides: nearly the identity.
    assert (soft_round(y, one, 1.0) - y).abs().max() < 0.02
    weights = np.exp(-np.square(0.74 - np.arange(-1, 4)) / 0.3)
    assert soft_round(y, one, 0.3).flatten()[1].item() == pytest.approx(weights @ np.arange(-1, 4) / weights.sum())


def test_a_value_between_levels_on_both_sides_is_not_drawn_to_either():
    for temperature in (0.1, 1.0, 10.0):
        found = soft_round(latents(0.0, 3.0), torch.tensor([1.0]), temperature).flatten().tolist()
        assert found == pytest.approx([0, 3], abs=1e-12)


@given(st.floats(-3, 3), st.floats(0.1, 2))
def test_the_gradient_of_soft_rounding(value, temperature):
    y = latents(value).requires_grad_()
    if abs(abs(value) % 1 - 0.5) > 1e-3:
        assert torch.autograd.gradcheck(lambda x: soft_round(x, torch.tensor([1.0]), temperature), y, atol=1e-4)


def test_bad_input_is_refused():
    y = torch.zeros(1, 2, 1, 1)
    with pytest.raises(ValueError, match="expected positive ones"):
        quantize(y, torch.tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match=r"steps: got \(3,\) for latents"):
        add_noise(y, torch.ones(3))
    with pytest.raises(ValueError, match=r"means: got \(1,\)"):
        quantize(y, torch.ones(2), torch.ones(1))
    with pytest.raises(ValueError, match="temperature=0"):
        soft_round(y, torch.ones(2), 0)


def test_the_exceptional_map_has_the_least_divergence_from_uniform_that_scipy_finds():
    from scipy.spatial.distance import jensenshannon

    rng = np.random.default_rng(0)
    y = torch.from_numpy(np.stack([rng.laplace(size=600), rng.uniform(-9, 4, 600), rng.normal(size=600)])).reshape(2, 3, 10, 30)
    y = y.transpose(0, 1).reshape(3, 2, 10, 30).transpose(0, 1)
    index, divergences = exceptional_map(y)
    for number in range(3):
        counts = np.histogram(y[:, number].numpy(), 40)[0]
        expected = jensenshannon(counts, np.ones(40), base=2) ** 2
        assert divergences[number].item() == pytest.approx(expected, abs=1e-3)
    assert index == int(divergences.argmin())
    y[:, 0] = 7.0
    assert exceptional_map(y)[1][0] == torch.inf
    with pytest.raises(ValueError, match="constant maps only"):
        exceptional_map(torch.zeros(1, 2, 3, 3))


def test_mean_maps_weigh_every_coefficient_equally():
    images = [torch.full((1, 1, 2, 4), 1.0), torch.full((1, 1, 2, 2), 4.0)]
    assert mean_maps(lambda image: torch.cat([image, -image], 1), images).tolist() == [2.0, -2.0]
    with pytest.raises(ValueError, match="got no images"):
        mean_maps(lambda image: image, [])
