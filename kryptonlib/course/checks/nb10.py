"""Checks of notebook 10's exercises."""

import math

import numpy as np
import torch
from skimage.metrics import structural_similarity

from kryptonlib import losses
from kryptonlib.course.checks import expect


def check_rho(answer):
    """``answer(d, alpha, c)`` is the general robust loss of a float array, with its three limits."""
    d = np.array([-3.0, -0.2, 0.0, 1.0, 40.0])
    cases = [
        (2, 1.0, "at alpha = 2 the formula divides by 0; its limit is half the square"),
        (0, 1.0, "at alpha = 0 the formula divides by 0; its limit is the logarithm of 1 + half the square"),
        (-math.inf, 1.0, "at alpha = -inf the limit is 1 - exp(-half the square)"),
        (1, 1.0, "at alpha = 1 it is sqrt(d^2 + 1) - 1, a smooth l1"),
        (1, 0.25, "the error is divided by c before it is squared"),
        (-2, 1.0, "alpha may be negative: |alpha - 2| and the division by alpha keep the loss positive"),
        (0.5, 2.0, "the exponent is alpha / 2, and 1 is taken away after the power"),
        (1.7, 0.1, "the exponent is alpha / 2, and 1 is taken away after the power"),
    ]
    for alpha, c, hint in cases:
        truth = losses.rho(torch.from_numpy(d), alpha, c).numpy()
        with np.errstate(all="ignore"):
            got = answer(d.copy(), alpha, c)
        expect.close(got, truth, expect.call("rho", d.tolist(), alpha, c), hint, rtol=1e-7)
    expect.passed("rho", len(cases))


def check_patch_ssim(answer):
    """``answer(x, y)`` is SSIM of two patches in [0, 1] as one window with equal weights: l, c and s multiplied."""
    rng = np.random.default_rng(10)
    flat = np.full((7, 7), 0.4)
    spread = rng.uniform(0.2, 0.8, (7, 7))
    cases = [
        ("equal patches", spread, spread, "of equal patches it is 1"),
        ("flat patches, 0.4 and 0.6", flat, flat + 0.2, "of flat patches only l differs from 1: are C2 and C3 in c and "
         "s?"),
        ("a patch and its negative", spread, 1 - spread, "s takes the covariance with its sign; SSIM may be negative"),
        ("half the contrast", spread, 0.5 + 0.5 * (spread - 0.5), "sigma is the standard deviation in c and in s; its "
         "square is the variance"),
    ]  # fmt: skip
    cases += [("random patches", *rng.uniform(0, 1, (2, 7, 7)), "compare with scikit-image") for _ in range(6)]
    for name, x, y, hint in cases:
        got = expect.number(answer(x, y), f"patch_ssim({name})")
        truth = structural_similarity(x, y, data_range=1.0, win_size=7, use_sample_covariance=False)
        expect.close(got, truth, f"patch_ssim({name})", hint, rtol=1e-6, atol=1e-6)
    expect.passed("patch_ssim", len(cases))


def check_feature_distance(answer):
    """``answer(fx, fy, weights)`` is LPIPS's distance of lists of features [C, H, W] with weights [C] per layer."""
    random = torch.Generator().manual_seed(10)

    def layers(*shapes):
        return [torch.randn(shape, generator=random) for shape in shapes]

    one = torch.tensor([[[3.0]], [[4.0]]]), torch.tensor([[[4.0]], [[3.0]]])
    cases = [
        ("one place, features (3, 4) and (4, 3)", [one[0]], [one[1]], [torch.tensor([1.0, 2.0])],
         "first divide each feature vector by its length, here 5; the weights multiply the squares"),
        ("features ten times as long", *[[10 * part] for part in one], [torch.tensor([1.0, 2.0])],
         "a longer feature vector in the same direction changes nothing: divide by the length at each place"),
        ("equal features", [one[0]], [one[0]], [torch.tensor([1.0, 2.0])], "equal features have distance 0"),
    ]  # fmt: skip
    for shapes in ([(4, 3, 5)], [(4, 6, 6), (8, 3, 3)], [(2, 8, 4), (5, 4, 2), (3, 1, 1)]):
        weights = [torch.rand(shape[0], generator=random) for shape in shapes]
        hint = "sum over the channels, take the mean over the places of a layer, and add the layers"
        cases.append((f"{len(shapes)} layers", layers(*shapes), layers(*shapes), weights, hint))
    for name, fx, fy, weights, hint in cases:
        case = f"feature_distance({name})"
        got = expect.number(answer([f.clone() for f in fx], [f.clone() for f in fy], weights), case)
        expect.close(got, _distance(fx, fy, weights), case, hint, rtol=1e-4, atol=1e-6)
    expect.passed("feature_distance", len(cases))


def _distance(fx, fy, weights):
    """Place by place, with loops."""
    total = 0.0
    for f, g, w in zip(fx, fy, weights):
        _, rows, columns = f.shape
        for row in range(rows):
            for column in range(columns):
                a, b = (part[:, row, column].double() for part in (f, g))
                difference = a / a.norm() - b / b.norm()
                total += float((w.double() * difference**2).sum()) / (rows * columns)
    return total


def check_at_error(answer):
    """``answer(x, y, error)`` moves x on the line to y until its mean squared error is ``error``."""
    random = torch.Generator().manual_seed(11)
    y = torch.rand((1, 3, 6, 5), generator=random)
    x = y + 0.1 * torch.randn(y.shape, generator=random)
    cases = [(x, 0.01), (x, 0.0025), (y + 0.5, 0.04), (2 * y, 0.003)]
    for start, error in cases:
        case = f"at_error(x, y, {error}) of an x with mean squared error {float((start - y).square().mean()):.4f}"
        got = answer(start.clone(), y.clone(), error)
        got = expect.array(got, y.shape, case)
        difference = got - y.numpy()
        found = float((difference**2).mean())
        hint = "the error grows with the square of the factor: take the root of the ratio"
        expect.that(abs(found / error - 1) < 1e-3, case, f"its mean squared error is {found:.4g}: {hint}")
        factor = math.sqrt(error / float((start - y).square().mean()))
        hint = "stay on the line from y to x: scale x - y, not x"
        expect.close(difference, factor * (start - y).numpy(), case, hint, rtol=1e-3, atol=1e-5)
    expect.passed("at_error", len(cases))
