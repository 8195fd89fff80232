"""Checks of notebook 22's exercises."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from kryptonlib.course.checks import expect


def check_initial_spread(answer):
    """``answer(shape, activation)`` is the standard deviation of first weights that keeps a signal's size."""
    cases = [
        ((64, 128), "selu"),
        ((64, 128), "relu"),
        ((16, 8, 3, 3), "selu"),
        ((16, 8, 3, 3), "relu"),
        ((8, 16, 5, 1), "relu"),
    ]
    hint = "n counts every weight of one output: inputs times window; ReLU doubles the variance; the spread is its root"
    for shape, activation in cases:
        case = expect.call("initial_spread", shape, activation)
        got = expect.number(answer(shape, activation), case)
        # torch's own: gain / sqrt(fan_in), with gain 1 for SELU's networks.
        fan_in = nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))[0]
        gain = nn.init.calculate_gain("relu" if activation == "relu" else "linear")
        expect.close(got, gain / math.sqrt(fan_in), case, hint)
    expect.passed("initial_spread", len(cases))


def check_switch_norm(answer):
    """``answer(x, mean_logits, variance_logits)`` normalises a tensor [N, C, H, W] by mixed statistics."""
    x = (
        3 * torch.randn(4, 5, 3, 2, generator=torch.Generator().manual_seed(22))
        + torch.arange(5.0)[None, :, None, None]
    )
    far = torch.eye(3) * 100
    pure = {
        "instance": functional.instance_norm(x, eps=1e-5),
        "layer": functional.layer_norm(x, x.shape[1:], eps=1e-5),
        "batch": functional.batch_norm(x, None, None, training=True, eps=1e-5),
    }
    for place, (name, truth) in enumerate(pure.items()):
        case = f"switch_norm with all weight on the {name} statistics"
        hint = "weights are the softmax of the logits: instance, layer, batch; variances divide by n; eps is 1e-5"
        expect.close(answer(x, far[place], far[place]), truth.numpy(), case, hint, rtol=1e-4, atol=1e-5)
    pools = ((2, 3), (1, 2, 3), (0, 2, 3))
    hint = "mix the means and the variances first and normalise once; means and variances have weights of their own"
    for mean_logits, variance_logits in (([0.0, 0, 0], [0.0, 0, 0]), ([1.0, 0, -1], [-2.0, 0.5, 0])):
        case = f"switch_norm(x, {mean_logits}, {variance_logits})"
        mean_logits, variance_logits = torch.tensor(mean_logits), torch.tensor(variance_logits)
        mean = variance = 0
        for pool, a, b in zip(pools, np.exp(mean_logits.numpy()), np.exp(variance_logits.numpy())):
            mean = mean + a * x.mean(pool, keepdim=True) / np.exp(mean_logits.numpy()).sum()
            variance = variance + b * x.var(pool, unbiased=False, keepdim=True) / np.exp(variance_logits.numpy()).sum()
        truth = ((x - mean) / (variance + 1e-5).sqrt()).numpy()
        expect.close(answer(x, mean_logits, variance_logits), truth, case, hint, rtol=1e-4, atol=1e-5)
    expect.passed("switch_norm", len(pure) + 2)


def check_pace(answer):
    """``answer(step, steps, warm_up)``: a linear rise over the first steps, then half a cosine down to 0."""
    rise = "in the warm-up step k has the share (k + 1) / (warm_up + 1): already the first step moves"
    fall = "the cosine runs over the steps that are left, (step - warm_up) / (steps - warm_up), from 1 to 0"
    cases = 0
    for steps, warm_up in ((10, 0), (10, 4), (100, 10), (7, 6)):
        for step in range(steps):
            case = expect.call("pace", step, steps, warm_up)
            if step < warm_up:
                truth, hint = np.interp(step, [-1, warm_up], [0, 1]), rise
            else:
                truth, hint = math.cos(math.pi / 2 * (step - warm_up) / (steps - warm_up)) ** 2, fall
            expect.close(expect.number(answer(step, steps, warm_up), case), truth, case, hint)
            cases += 1
    expect.passed("pace", cases)


def check_early_stopping(answer):
    """``answer(losses, patience)`` is (kept, stopped): the indices of the least loss and of the last measurement."""
    rng = np.random.default_rng(22)
    cases = [
        ([3.0, 2, 1, 2, 3, 0], 2),
        ([3.0, 2, 1, 0], 1),
        ([1.0, 2, 0.5, 2, 2, 2], 3),
        ([2.0, 1, 1.5, 1.4, 1.3, 1.2], 3),
        ([1.0], 2),
    ]
    cases += [(rng.uniform(0, 1, 12).round(2).tolist(), int(rng.integers(1, 5))) for _ in range(10)]
    hint = "count from the least loss so far (not since the last fall); stop when there are `patience` of them"
    for losses, patience in cases:
        case = expect.call("early_stopping", losses, patience)
        got = expect.parts(answer(list(losses), patience), 2, case, "(kept, stopped)")
        stopped = next(
            (end for end in range(len(losses)) if end - int(np.argmin(losses[: end + 1])) == patience), len(losses) - 1
        )
        kept = int(np.argmin(losses[: stopped + 1]))
        expect.close(expect.number(got[1], f"stopped in {case}"), stopped, f"stopped in {case}", hint)
        expect.close(
            expect.number(got[0], f"kept in {case}"),
            kept,
            f"kept in {case}",
            "keep the least loss that was seen, not the last",
        )
    expect.passed("early_stopping", len(cases))
