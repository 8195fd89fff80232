"""The small autoencoders: what each kind is trained for."""

import pytest
import torch

from kryptonlib.basics import autoencoders


@pytest.fixture(scope="module")
def curve():
    """Points on a bent line in ten dimensions: one number describes each."""
    t = torch.rand(800, 1, generator=torch.Generator().manual_seed(0)) * 4 - 2
    return torch.cat([torch.sin((n + 1) * t / 2) for n in range(10)], 1)


def error(pair, seen, clean):
    encoder, decoder = pair
    return (decoder(encoder(seen)) - clean).square().mean().item()


def test_one_latent_describes_a_bent_line_that_one_component_cannot(curve):
    pair = autoencoders.train(curve, 1, steps=600, rate=5e-3)
    centred = curve - curve.mean(0)
    left = torch.linalg.svdvals(centred)[1:].square().sum() / centred.numel()
    assert error(pair, curve, curve) < 0.5 * left


def test_a_denoising_one_removes_noise(curve):
    noisy = curve + 0.4 * torch.randn(curve.shape, generator=torch.Generator().manual_seed(1))
    plain = autoencoders.train(curve, 2, steps=500)
    denoising = autoencoders.train(curve, 2, steps=500, noise=0.4)
    assert error(denoising, noisy, curve) < 0.9 * error(plain, noisy, curve) and error(denoising, noisy, curve) < 0.16


def test_a_price_makes_latents_sparse(curve):
    used = {}
    for penalty in (0.0, 0.3):
        encoder, _ = autoencoders.train(curve, 32, steps=400, penalty=penalty)
        latent = encoder(curve).abs()
        used[penalty] = (latent > 1e-3 * latent.max()).float().sum(1).mean().item()
    assert used[0.3] < 0.5 * used[0.0]


def test_seeds_repeat_and_leave_the_global_state_alone(curve):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one = autoencoders.train(curve, 2, steps=5, seed=3)
    assert torch.equal(torch.rand(3), expected)
    two = autoencoders.train(curve, 2, steps=5, seed=3)
    other = autoencoders.train(curve, 2, steps=5, seed=4)
    assert torch.equal(one[0](curve), two[0](curve)) and not torch.equal(one[0](curve), other[0](curve))


def test_bad_input_is_refused(curve):
    with pytest.raises(ValueError, match=r"expected \[N, inputs\]"):
        autoencoders.train(curve[0], 2, steps=1)
    with pytest.raises(ValueError, match="noise -1"):
        autoencoders.train(curve, 2, steps=1, noise=-1)


def test_a_linear_one_reaches_the_error_and_the_subspace_of_pca():
    factors = torch.randn(12, 12, generator=torch.Generator().manual_seed(2)) * torch.logspace(0.5, -1, 12)
    covariance = factors @ factors.T
    values, vectors = torch.linalg.eigh(covariance)
    encoder, decoder, error = autoencoders.train_linear(covariance, 3, steps=2000)
    left = torch.eye(12) - decoder @ encoder
    assert error == pytest.approx(torch.trace(left @ covariance @ left.T).item(), rel=1e-3)
    assert error == pytest.approx(values[:-3].sum().item(), rel=1e-3)
    cosines = torch.linalg.svdvals(torch.linalg.qr(decoder).Q.T @ vectors[:, -3:])
    assert cosines.min() > 0.999
