"""Checks of notebook 16's exercises."""

import numpy as np
import torch
from scipy import optimize
from torch import nn
from torch.nn import functional

from kryptonlib.adversarial import dcgan, guidelines
from kryptonlib.course.checks import expect


def check_optimal(answer):
    """``answer(p, q)`` is the D that makes p log D + q log(1 - D) largest, for arrays of densities."""
    rng = np.random.default_rng(16)
    cases = [
        ([1.0], [1.0], "where both densities are equal nothing tells data from generated numbers: D = 1/2"),
        ([3.0], [1.0], "D is a probability: divide by the sum of both densities"),
        ([0.0, 2.0], [1.0, 0.0], "D is the probability that x comes from the data: 0 where p is 0"),
    ]
    cases += [
        (*rng.uniform(0.01, 3, (2, 4)).round(2).tolist(), "compare with the best number that a search finds")
        for _ in range(5)
    ]
    for p, q, hint in cases:
        case = f"optimal({p}, {q})"
        truth = [_best(one, other) for one, other in zip(p, q)]
        expect.close(answer(np.array(p), np.array(q)), truth, case, hint, atol=1e-6)
    expect.passed("optimal", len(cases))


def _best(p, q):
    """By a search, so that no formula is needed."""
    if p == 0 or q == 0:
        return float(p > 0)
    found = optimize.minimize_scalar(
        lambda d: -p * np.log(d) - q * np.log(1 - d),
        bounds=(1e-12, 1 - 1e-12),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return found.x


def check_generator_loss(answer):
    """``answer(logits)`` is the mean of -log sigmoid(logit), finite for any logit."""
    cases = [
        [0.0],
        [2.0, -2.0],
        [-5.0, 0.5, 3.0, 1.0],
        [-200.0],
        [300.0, -300.0],
    ]
    for values in cases:
        case = f"generator_loss({values})"
        logits = torch.tensor(values, requires_grad=True)
        got = answer(logits)
        expect.that(isinstance(got, torch.Tensor), case, expect.NOTHING if got is None else "it must return a tensor")
        expect.that(got.ndim == 0, case, f"it has shape {tuple(got.shape)}: take the mean over the minibatch")
        expect.that(
            bool(torch.isfinite(got).all()), case,
            "log(sigmoid(logit)) is -infinity once the sigmoid is 0 in the computer's numbers; "
            "functional.softplus(t) = log(1 + exp(t)) and functional.logsigmoid stay finite",
        )  # fmt: skip
        truth = np.mean(np.logaddexp(0, -np.array(values)))
        saturating = np.mean(-np.logaddexp(0, np.array(values)))
        hint = "the loss is -log D(G(z)): small where the discriminator takes what is generated for real"
        if np.isclose(float(got.detach()), saturating, atol=1e-6):
            hint = "this is log(1 - D), the saturating loss: its gradient vanishes where the discriminator is sure"
        expect.close(got, truth, case, hint, rtol=1e-5, atol=1e-6)
        expect.that(got.requires_grad, case, "no gradient reaches the logits: use torch's functions, not numpy's")
        (slope,) = torch.autograd.grad(len(values) * got.sum(), logits)
        expect.close(slope, -1 / (1 + np.exp(np.array(values))), f"the gradient of {case}", hint, rtol=1e-4, atol=1e-6)
    expect.passed("generator_loss", len(cases))


def check_discriminator_loss(answer):
    """``answer(generator, discriminator, real, z)`` is the discriminator's loss, with the generator held."""
    for seed in range(4):
        torch.manual_seed(seed)
        draw, judge = (
            nn.Sequential(nn.Linear(3, 2), nn.Tanh()),
            nn.Sequential(nn.Linear(2, 5), nn.LeakyReLU(0.2), nn.Linear(5, 1)),
        )
        real, z = 2 + torch.randn(6, 2), torch.randn(6, 3)
        case = f"discriminator_loss with networks of seed {seed}"
        got = answer(draw, judge, real, z)
        expect.that(isinstance(got, torch.Tensor), case, expect.NOTHING if got is None else "it must return a tensor")
        bce = functional.binary_cross_entropy_with_logits
        truth = bce(judge(real), torch.ones(6, 1)) + bce(judge(draw(z)), torch.zeros(6, 1))
        hint = "mean of softplus(-logit) over real examples plus mean of softplus(logit) over generated ones"
        expect.close(got, truth.item(), case, hint, rtol=1e-5, atol=1e-6)
        expect.that(got.requires_grad, case, "no gradient reaches the discriminator: only the generator is held")
        expected = torch.autograd.grad(truth, list(judge.parameters()))
        got.backward()
        expect.that(
            all(p.grad is None or not p.grad.any() for p in draw.parameters()), case,
            "a gradient reaches the generator: a static adversary is a constant, generator(z).detach()",
        )  # fmt: skip
        expect.that(
            all(p.requires_grad for p in draw.parameters()),
            case,
            "the generator must be able to learn in its own step: leave its requires_grad",
        )
        for parameter, slope in zip(judge.parameters(), expected):
            expect.that(parameter.grad is not None, case, "no gradient reaches a weight of the discriminator")
            expect.close(
                parameter.grad,
                slope.numpy(),
                f"the gradient of {case}",
                "the discriminator learns from both parts",
                atol=1e-5,
            )
    expect.passed("discriminator_loss", 4)


def check_mended(answer):
    """``answer()`` is (generator, discriminator) for 28 x 28 pictures that keep every guideline."""
    case = "mended()"
    draw, judge = expect.parts(answer(), 2, case, "(generator, discriminator)")
    for net in (draw, judge):
        expect.that(isinstance(net, nn.Module), case, f"it returned a {type(net).__name__}; expected two torch modules")
    z = dcgan.draw(64, seed=16)
    made = _run(draw, z[:4], case, "the generator", (4, 1, 28, 28))
    _run(judge, made, case, "the discriminator", (4, 1, 1, 1))
    try:
        found = guidelines.broken(draw, judge, z)
    except ValueError as error:
        raise AssertionError(f"{case}: {error}") from None
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    expect.that(not found, case, f"{found[0]}{more}" if found else "")
    expect.passed("mended", len(guidelines.GUIDELINES), "guidelines kept")


def _run(net, x, case, which, shape):
    try:
        got = net(x)
    except RuntimeError as error:
        raise AssertionError(
            f"{case}: {which} does not take {tuple(x.shape)}: {expect.shortened(str(error))}"
        ) from None
    expect.that(
        tuple(got.shape) == shape, case, f"{which} makes {tuple(got.shape)} of {tuple(x.shape)}, expected {shape}: "
        "a transposed convolution of kernel 4, stride 2 and padding 1 doubles a side, a convolution like it halves it"
    )  # fmt: skip
    return got.detach()
