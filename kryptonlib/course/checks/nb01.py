"""Checks of notebook 01's exercises: the truths come from torch or from counting; each hint names the failing case."""

import numpy as np
import torch

from kryptonlib.course.checks import expect


def check_hidden_gradients(answer):
    """``answer(x, target, W1, b1, W2, b2)`` is dE/dW1 of two sigmoid layers, with E = 1/2 ||target - out||^2."""
    draw = np.random.default_rng(1)
    cases = [("the slides' 2-2-2 network", [[0.05, 0.10], [0.01, 0.99], [[0.15, 0.20], [0.25, 0.30]], [0.35] * 2,
                                            [[0.40, 0.45], [0.50, 0.55]], [0.60] * 2])]
    for inputs, hidden, outputs in ((2, 2, 1), (3, 4, 2), (1, 5, 3), (4, 1, 2)):
        shapes = [(inputs,), (outputs,), (hidden, inputs), (hidden,), (outputs, hidden), (outputs,)]
        name = f"a random network of {inputs}-{hidden}-{outputs} units"
        cases.append((name, [draw.normal(size=shape) for shape in shapes]))
    for name, values in cases:
        values = [np.array(value, dtype=float) for value in values]
        x, target, W1, b1, W2, b2 = map(torch.tensor, values)
        W1.requires_grad_()
        hidden = torch.sigmoid(W1 @ x + b1)
        out = torch.sigmoid(W2 @ hidden + b2)
        (0.5 * (target - out).square().sum()).backward()
        truth = W1.grad.numpy()
        try:
            got = answer(*values)
        except ValueError as problem:
            raise AssertionError(f"{name}: {problem}; a signal comes back from the outputs to the hidden units, so it "
                                 "goes through W2 transposed") from problem
        got = expect.array(got, truth.shape, name)
        if np.allclose(got, truth, rtol=1e-7, atol=1e-12):
            continue
        signal = ((out - target) * out * (1 - out)).detach().numpy()
        slope = (hidden * (1 - hidden)).detach().numpy()
        weights, inputs = values[4], values[0]
        hint = "compare one weight by hand: dE/dw1 sums over both outputs what they send back through hidden unit 1"
        if np.allclose(got, -truth):
            hint = "every sign is reversed: dE/dout is -(target - out), and this is the gradient, not the step"
        elif np.allclose(got, np.outer(weights.T @ signal, inputs)):
            hint = "the slope of the hidden units, out_h (1 - out_h), is missing"
        elif weights.shape[0] == weights.shape[1] and np.allclose(got, np.outer(weights @ signal * slope, inputs)):
            hint = "W2 turned the wrong way: w5 and w7 leave hidden unit 1, so its signal is w5 s1 + w7 s2 (transposed)"
        elif np.allclose(got, np.outer(weights.T @ (out - target).detach().numpy() * slope, inputs)):
            hint = "the slope of the output units, out_o (1 - out_o), is missing"
        expect.that(False, name, hint)
    expect.passed("hidden_gradients", len(cases), "networks, equal to autograd")


def check_central_differences(answer):
    """``answer(loss, w, h)`` is dE/dw by central differences, of the shape of w, which stays as it was."""
    draw = np.random.default_rng(3)
    cases = 0
    for shape in ((1,), (3,), (2, 3), (2, 1, 4)):
        slopes, bends = draw.normal(size=shape), draw.normal(size=shape)

        def loss(w):
            return float(np.sum(slopes * w) + np.sum(bends * w) ** 2 + np.sum(w**3))

        for h in (0.1, 1e-4):
            w, case = draw.normal(size=shape), f"weights of shape {shape}, h = {h:g}"
            kept = w.copy()
            got = expect.array(answer(loss, w, h), shape, case)
            expect.that(np.array_equal(w, kept), case, "the weights were changed: move a copy, or move them back")
            # Of this loss central differences are wrong by h^2 exactly: (w+h)^3 - (w-h)^3 = 6 w^2 h + 2 h^3.
            exact = slopes + 2 * np.sum(bends * w) * bends + 3 * w**2
            if not np.allclose(got, exact + h**2, rtol=1e-6, atol=1e-7):
                forward = exact + h * bends**2 + 3 * w * h + h**2
                hint = f"got {got.ravel()[0]:.6g} for the first weight, the loss gives {(exact + h**2).ravel()[0]:.6g}"
                if np.allclose(got, forward, rtol=1e-4, atol=1e-6):
                    hint = "these are forward differences, which err by h and not by h^2: also move the weight down"
                elif np.allclose(got, 2 * (exact + h**2), rtol=1e-4, atol=1e-6):
                    hint = "twice too large: w + h and w - h are 2 h apart"
                elif np.allclose(got, -(exact + h**2), rtol=1e-4, atol=1e-6):
                    hint = "the sign is reversed: the loss above minus the loss below"
                elif got.size > 1 and np.ptp(got) < 1e-9 * max(1.0, abs(got.ravel()[0])):
                    hint = "all entries are equal: move one weight at a time"
                expect.that(False, case, hint)
            cases += 1
    expect.passed("central_differences", cases, "cases, wrong by h² as they must be")


def check_sgd_epoch(answer):
    """``answer(w, points, answers, order, size, rate)`` is the weights after one epoch of mini-batch descent."""
    cases = {"one batch of all": (6, 2, 6), "batches of one": (5, 3, 1), "two batches": (8, 2, 4),
             "a last batch that is smaller": (7, 2, 3)}
    for name, (samples, features, size) in cases.items():
        draw = np.random.default_rng(samples)
        points, answers = draw.normal(size=(samples, features)), draw.normal(size=samples)
        start, order, rate = draw.normal(size=features), draw.permutation(samples), 0.3
        case = f"{name}: {samples} samples, size {size}"
        w = start.copy()
        got = expect.array(answer(w, points.copy(), answers.copy(), order.copy(), size, rate), (features,), case)
        expect.that(np.array_equal(w, start), case, "the w that was given is changed: make a new one, w = w + ...")
        batches = [order[begin : begin + size] for begin in range(0, samples, size)]
        truth = _descent(start, points, answers, batches, rate)
        if np.allclose(got, truth, rtol=1e-9, atol=1e-12):
            continue
        whole = [batch for batch in batches if len(batch) == size]
        forward = [np.arange(begin, min(begin + size, samples)) for begin in range(0, samples, size)]
        at_once = start + sum(_descent(start, points, answers, [batch], rate) - start for batch in batches)
        hints = [
            (_descent(start, points, answers, batches, -rate), "it climbs: y - ŷ already carries the minus"),
            (_descent(start, points, answers, batches, rate, total=True), "divide by the number of samples in a batch"),
            (_descent(start, points, answers, whole, rate), "the last, smaller batch is left out"),
            (_descent(start, points, answers, forward, rate), "take the samples in the given order"),
            (_descent(start, points, answers, batches, rate, divisor=size),
             "the last batch is smaller: its mean is over the samples it has"),
            (at_once, "every batch must start from the weights that the batch before it left"),
        ]
        hint = "compare the first batch by hand: its mean of (y - ŷ) x, times the rate, is added to w"
        for wrong, words in hints:
            if np.allclose(got, wrong, rtol=1e-9, atol=1e-12):
                hint = words
                break
        expect.that(False, case, hint)
    expect.passed("sgd_epoch", len(cases), "epochs, equal to autograd")


def _descent(w, points, answers, batches, rate, *, total=False, divisor=None):
    """The weights after descending along autograd's gradients of the batches, one after the other."""
    w = torch.tensor(w)
    for batch in batches:
        w = w.detach().requires_grad_()
        squares = (torch.tensor(answers[batch]) - torch.tensor(points[batch]) @ w).square() / 2
        (squares.sum() / (1 if total else divisor or len(batch))).backward()
        w = w.detach() - rate * w.grad
    return w.numpy()


def check_k_folds(answer):
    """``answer(samples, k, seed)`` is a list of k pairs (training indices, test indices)."""
    cases = [(10, 5, 0), (11, 5, 0), (23, 4, 1), (7, 7, 2), (100, 5, 3)]
    for samples, k, seed in cases:
        case = f"k_folds({samples}, {k}, {seed})"
        parts = answer(samples, k, seed)
        parts = expect.parts(parts, k, case, f"a list of {k} pairs")
        parts = [tuple(np.asarray(part) for part in pair) for pair in parts]
        counts = np.bincount(np.concatenate([test for _, test in parts]).astype(int), minlength=samples)
        expect.that(len(counts) == samples, case, f"index {len(counts) - 1} is outside 0..{samples - 1}")
        expect.that(counts.max() == 1, case,
                    f"sample {counts.argmax()} is in {counts.max()} test sets: they must be disjoint")
        expect.that(counts.min() == 1, case, f"sample {counts.argmin()} is never tested: who takes the remainder of "
                                         f"{samples} / {k}?")
        for number, (training, test) in enumerate(parts):
            both = sorted([*training.tolist(), *test.tolist()])
            expect.that(both == list(range(samples)), case, f"fold {number}: training and test together must be every "
                        "sample once; is a test sample trained on?")
        sizes = [len(test) for _, test in parts]
        expect.that(max(sizes) - min(sizes) <= 1, case,
                    f"the test sets have {sizes} samples; they may differ by one at most")
    firsts = [tuple(np.sort(answer(100, 5, seed)[0][1]).tolist()) for seed in (0, 0, 1)]
    expect.that(firsts[0] == firsts[1], "k_folds(100, 5, 0) twice", "the split must be the same for the same seed")
    expect.that(firsts[0] != firsts[2] and firsts[0] != tuple(range(20)), "k_folds(100, 5, seed)",
            "shuffle first: data often come sorted, and a block of them is no fair sample")
    expect.passed("k_folds", len(cases), "splits, disjoint, complete, shuffled")
