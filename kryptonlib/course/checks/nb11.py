"""Checks of notebook 11's exercises."""

import numpy as np
import torch

from kryptonlib import losses
from kryptonlib.course.checks import expect
from kryptonlib.restoration import PlainUNet


def check_two_psnrs(answer):
    """``answer(errors)`` is (mean of the PSNRs, PSNR of the mean error) in dB, of mean squared errors [images]."""
    rng = np.random.default_rng(11)
    cases = [np.array([0.01, 0.01]), np.array([0.1, 0.001]), np.array([1.0]), np.array([0.0004, 0.0009, 0.002])]
    cases += [np.exp(rng.uniform(-9, -1, 6)) for _ in range(6)]
    for errors in cases:
        case = f"two_psnrs({np.array2string(errors, precision=4, separator=', ')})"
        first, second = expect.parts(answer(errors), 2, case, "(mean of PSNRs, PSNR of the mean)")
        # By torch, from images whose error is the wanted one everywhere.
        images = torch.tensor(errors).sqrt().view(-1, 1, 1, 1).expand(-1, 1, 2, 2)
        each = losses.psnr(images, torch.zeros_like(images), data_range=1.0, reduction="none")
        hint = "take 10 log10(1 / error) of every image, then the mean"
        expect.close(expect.number(first, f"the first part of {case}"), float(each.mean()), f"the first part of {case}", hint, rtol=1e-6)
        whole = images.permute(1, 0, 2, 3).reshape(1, 1, -1, 2)
        truth = float(losses.psnr(whole, torch.zeros_like(whole), data_range=1.0))
        hint = "take the mean of the errors first, then 10 log10(1 / mean)"
        expect.close(expect.number(second, f"the second part of {case}"), truth, f"the second part of {case}", hint, rtol=1e-6)
    expect.passed("two_psnrs", len(cases))


def check_unrolled(answer):
    """``answer(rows, columns, levels)`` lists (channels, rows, columns) after every level, down and up."""
    cases = [(64, 64, (32, 64, 128)), (48, 80, (4, 8)), (7, 9, (4, 8, 16)), (1, 1, (2, 3, 5, 7)), (30, 50, (6,)),
             (33, 64, (8, 16, 32, 64))]  # fmt: skip
    for rows, columns, levels in cases:
        case = expect.call("unrolled", rows, columns, levels)
        truth = watched(rows, columns, levels)
        got = expect.parts(answer(rows, columns, levels), len(truth), case, f"{len(truth)} triples: the lowest level counts once")
        for place, (sizes, wanted) in enumerate(zip(got, truth)):
            where = f"entry {place} of {case}"
            sizes = expect.parts(sizes, 3, where, "(channels, rows, columns)")
            hint = (
                "pad each side to a multiple of 2^(levels - 1) before halving it"
                if place < len(levels)
                else "on the way up the channels are those of the level, and the sides double"
            )
            expect.that(tuple(map(int, sizes)) == wanted, where, f"it is {tuple(sizes)}, a U-net has {wanted}: {hint}")
    expect.passed("unrolled", len(cases))


def watched(rows, columns, levels):
    """The sizes that a plain U-net's blocks really give, watched while it runs."""
    net = PlainUNet(1, levels=levels)
    found = []
    for block in [*net.down, *net.up]:
        block.register_forward_hook(lambda _, inputs, output: found.append(tuple(output.shape[1:])))
    with torch.no_grad():
        net(torch.zeros(1, 1, rows, columns))
    return found


def check_gradient(answer):
    """``answer(x, y, c)`` is the gradient of the mean of sqrt(((x - y) / c)^2 + 1) - 1 with respect to x."""
    rng = np.random.default_rng(12)
    cases = [(np.array([1.0]), np.array([0.0]), 1.0), (np.array([0.2, 0.5]), np.array([0.2, 0.9]), 0.5)]
    cases += [(rng.random((3, 4)), rng.random((3, 4)), c) for c in (0.01, 0.1, 1.0, 3.0)]
    for x, y, c in cases:
        case = f"gradient of {x.shape[0] if x.ndim == 1 else x.shape} values with c = {c:g}"
        tensor = torch.tensor(x, requires_grad=True)
        losses.rho(tensor - torch.tensor(y), alpha=1.0, c=c).mean().backward()
        got = expect.array(answer(x, y, c), x.shape, case, "a slope for every value of x")
        truth = tensor.grad.numpy()
        error = (x - y) / c
        plain = error / np.sqrt(error**2 + 1)
        if np.allclose(got, -truth) and not np.allclose(truth, 0):
            expect.that(False, case, "its sign is wrong: where x is above y, raising x raises the loss")
        if x.size > 1 and np.allclose(got, truth * x.size):
            expect.that(False, case, "that is the slope of the sum; the mean divides by the number of values")
        if c != 1 and np.allclose(got, plain / x.size):
            expect.that(False, case, "the chain rule: d(e / c)/dx = 1 / c is missing")
        expect.close(got, truth, case, "the root's slope is 1 / (2 root), times the slope of (e / c)^2", rtol=1e-6, atol=1e-10)
    expect.passed("gradient", len(cases))
