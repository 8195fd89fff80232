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


def check_amsgrad_step(answer):
    """``answer(w, g, m, v, largest, t, rate, beta1, beta2, eps)`` -> (w, m, v, largest) after step t of AMSGrad."""
    draw = np.random.default_rng(2)
    fading = [10.0 * 0.5**t for t in range(12)]
    cases = {
        "one weight, the same gradient each time": [np.array([1.0])] * 5,
        "gradients that fade": [np.array([value]) for value in fading],
        "three weights, random gradients": list(draw.normal(size=(20, 3)) * draw.choice([0.1, 5.0], (20, 1))),
    }
    rate, beta1, beta2, eps = 0.1, 0.8, 0.9, 1e-8
    for name, gradients in cases.items():
        w = np.zeros(len(gradients[0]))
        m, v, largest = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
        theirs = torch.tensor(w, requires_grad=True)
        optimizer = torch.optim.Adam([theirs], lr=rate, betas=(beta1, beta2), eps=eps, amsgrad=True)
        for t, g in enumerate(gradients, 1):
            theirs.grad = torch.tensor(g)
            optimizer.step()
            state = optimizer.state[theirs]
            case = f"{name}, step {t}"
            before, got = largest.copy(), answer(w, g.copy(), m, v, largest, t, rate, beta1, beta2, eps)
            w, m, v, largest = (
                expect.array(part, g.shape, case)
                for part in expect.parts(got, 4, case, "the four of (w, m, v, largest)")
            )
            for label, ours, truth in (("m", m, state["exp_avg"]), ("v", v, state["exp_avg_sq"])):
                expect.that(np.allclose(ours, truth.numpy(), rtol=1e-9), case,
                        f"{label} differs: keep both moments as in Adam, without correction")
            expect.that(np.all(largest >= before), case,
                    "largest became smaller: the point of AMSGrad is that it never does")
            expect.that(np.allclose(largest, state["max_exp_avg_sq"].numpy(), rtol=1e-9), case,
                    "largest is the larger of itself and the new v, before v's bias correction")
            hint = "the step differs: divide by the root of largest / (1 - beta2^t), and m by 1 - beta1^t"
            if np.allclose(w, -theirs.detach().numpy()):
                hint = "the step has the wrong sign: downhill is minus"
            expect.that(np.allclose(w, theirs.detach().numpy(), rtol=1e-9, atol=1e-12), case, hint)
    expect.passed("amsgrad_step", sum(map(len, cases.values())), "steps, equal to torch.optim")


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


def check_eight_views(answer):
    """``answer(image)`` is a list of the eight symmetric views of a square image [N, N]."""
    images = {"a 3 x 3 image": np.arange(9).reshape(3, 3), "a 2 x 2 image": np.arange(4).reshape(2, 2),
              "a random 5 x 5 image": np.random.default_rng(0).random((5, 5))}
    for name, image in images.items():
        # The truth is built without rotating: pixel (r, c) moves to every signed exchange of the two axes.
        size = len(image) - 1
        rows, columns = np.indices(image.shape)
        truth = {image[a, b].tobytes() for r, c in ((rows, columns), (columns, rows))
                 for a in (r, size - r) for b in (c, size - c)}
        views = answer(image.copy())
        views = [np.ascontiguousarray(view) for view in expect.parts(views, 8, name, "a list of 8 views")]
        same_shape = all(view.shape == image.shape for view in views)
        expect.that(same_shape, name, "every view keeps the shape of a square image")
        different = {view.astype(image.dtype).tobytes() for view in views}
        expect.that(different <= truth, name, "a view is neither a turn nor a mirror image: were pixels changed?")
        expect.that(len(different) == 8, name,
                    f"only {len(different)} of the 8 are different: a turn by 180 degrees is both flips together, so "
                    "turning and flipping repeat each other; where is the transpose?")
    expect.passed("eight_views", len(images), "images, 8 distinct views each")
