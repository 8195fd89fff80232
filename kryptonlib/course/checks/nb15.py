"""Checks of notebook 15's exercises."""

import numpy as np
import torch

from kryptonlib.course.checks import expect
from kryptonlib.sequences import cells, truncated


def check_truncated_gradient(answer):
    """``answer(h, u, slopes, k2)`` is dL/du of a network with one number of state by TBPTT(1, k2)."""
    one = "with k2 = 1 a loss reaches u at its own step alone: s_t (1 - h_t^2) h_(t-1)"
    two = "every loss goes back over its own last k2 steps; each step back multiplies by u and by 1 - h^2"
    rng = np.random.default_rng(15)
    cases = [(1, 1, one), (2, 1, one), (5, 1, one), (3, 2, two), (6, 2, two), (6, 3, two), (9, 5, two)]
    cases += [(6, 6, "with k2 = n this is the full gradient"), (4, 9, "no steps come before h[0], however large k2 is")]
    for length, k2, hint in cases:
        x, slopes, w, u, b = rng.normal(size=length), rng.normal(size=length), *rng.normal(size=3)
        weights = cells.Weights(*(torch.tensor(value) for value in ([[w]], [[u]], [b], [0.0])))
        inputs = torch.from_numpy(x)[:, None, None]
        outputs, _ = cells.unroll("RNN", inputs, weights)

        def loss(found, first, slopes=slopes):
            return (torch.from_numpy(slopes)[first : first + len(found), None, None] * found).sum()

        truth = truncated.gradient("RNN", inputs, weights, loss, 1, k2).weight_hh.item()
        h = np.concatenate([[0.0], outputs.flatten().numpy()])
        case = f"truncated_gradient with {length} steps, k2 = {k2}"
        kept = h.copy()
        expect.close(expect.number(answer(h, u, slopes.copy(), k2), case), truth, case, hint)
        expect.that(np.array_equal(h, kept), case, "it changed h; leave the caller's array as it is")
    expect.passed("truncated_gradient", len(cases))


def check_lstm_step(answer):
    """``answer(x, h, c, W, U, b)`` is the next (h, c) of an LSTM, its gates in torch's order."""
    rng = np.random.default_rng(16)
    cell_hint = "c' = f c + i g, with i, f the sigmoids of the first two parts and g the tanh of the third"
    state_hint = "h' = o tanh(c'), with o the sigmoid of the last part and c' the new cell"
    for inputs, hidden in ((1, 1), (3, 2), (2, 5), (4, 4)):
        module = torch.nn.LSTMCell(inputs, hidden).double()
        with torch.no_grad():
            for part in module.parameters():
                part.copy_(torch.from_numpy(rng.normal(size=tuple(part.shape))))
        x, h, c = (rng.normal(size=size) for size in (inputs, hidden, hidden))
        with torch.no_grad():
            truth = module(torch.from_numpy(x)[None], tuple(torch.from_numpy(part)[None] for part in (h, c)))
        W, U = module.weight_ih.detach().numpy(), module.weight_hh.detach().numpy()
        b = (module.bias_ih + module.bias_hh).detach().numpy()
        case = f"lstm_step with I = {inputs}, H = {hidden}"
        found = expect.parts(answer(x, h, c, W, U, b), 2, case, "(h, c)")
        expect.close(found[1], truth[1][0].numpy(), f"the cell c of {case}", cell_hint)
        expect.close(found[0], truth[0][0].numpy(), f"the state h of {case}", state_hint)
    expect.passed("lstm_step", 4)


def check_with_temperature(answer):
    """``answer(scores, temperature)`` is softmax(scores / temperature)."""
    cases = [
        ([0.0, 1.0, 3.0], 1.0, "at temperature 1 this is softmax: exp(score) over the sum of all"),
        ([0.0, 1.0, 3.0], 0.5, "divide the scores by the temperature before exp: a low one sharpens"),
        ([0.0, 1.0, 3.0], 4.0, "divide the scores by the temperature before exp: a high one flattens"),
        ([-2.0, -2.0, -2.0, -2.0], 0.2, "equal scores give equal probabilities at any temperature"),
        ([1000.0, 1001.0], 1.0, "exp(1000) is infinite: subtract the largest score first, which changes nothing else"),
        ([-1000.0, -1001.0], 0.5, "exp(-2000) is 0, and 0/0 is NaN: subtract the largest score first"),
    ]
    for scores, temperature, hint in cases:
        scores = np.array(scores)
        case = f"with_temperature({scores.tolist()}, {temperature:g})"
        with np.errstate(all="ignore"):
            got = answer(scores.copy(), temperature)
        truth = torch.softmax(torch.from_numpy(scores) / temperature, 0).numpy()
        expect.close(got, truth, case, hint)
    expect.passed("with_temperature", len(cases))
