"""Recurrent cells equal torch's and ONNX's, and refuse what does not fit."""

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import nn

from kryptonlib.sequences import cells

KINDS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_equals_torch_with_shared_weights(kind):
    torch.manual_seed(0)
    module = KINDS[kind](3, 5, num_layers=2)
    inputs = torch.randn(11, 4, 3)
    first, _ = cells.unroll(kind, inputs, cells.from_torch(module))
    ours, state = cells.unroll(kind, first, cells.from_torch(module, layer=1))
    theirs, last = module(inputs)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    for mine, its in zip(state if kind == "LSTM" else [state], last if kind == "LSTM" else [last]):
        torch.testing.assert_close(mine, its[1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_equals_torchs(kind):
    torch.manual_seed(1)
    cell = getattr(nn, f"{kind}Cell")(3, 5).double()
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    state = cells.zero_state(kind, 2, 5, torch.float64)
    state = tuple(part + 0.3 for part in state) if kind == "LSTM" else state + 0.3
    ours = cells.output_of(cells.STEPS[kind](x, state, cells.from_torch(cell)))
    theirs = cells.output_of(cell(x, state))
    weights = list(cell.parameters())
    for mine, its in zip(*(torch.autograd.grad(out.square().sum(), [x, *weights]) for out in (ours, theirs))):
        torch.testing.assert_close(mine, its, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("reset, linear_before_reset", [("after", 1), ("before", 0)])
def test_both_conventions_of_the_gru_equal_onnx(reset, linear_before_reset):
    inputs, hidden, count = 3, 4, 2
    weights = cells.initial("GRU", inputs, hidden, seed=3)
    x = torch.randn(5, count, inputs, generator=torch.Generator().manual_seed(4))

    def zrh(part):  # ONNX has the gates in the order z, r, h
        r, z, n = part.numpy().reshape(3, hidden, -1)
        return np.concatenate([z, r, n])

    bias = np.concatenate([zrh(weights.bias_ih), zrh(weights.bias_hh)]).ravel()[None]
    names = ["x", "w", "r", "b"]
    settings = {"hidden_size": hidden, "linear_before_reset": linear_before_reset}
    node = onnx.helper.make_node("GRU", names, ["", "last"], **settings)
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in [*names, "last"]]
    graph = onnx.helper.make_graph([node], "gru", values[:4], values[4:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)])
    feeds = dict(zip(names, [x.numpy(), zrh(weights.weight_ih)[None], zrh(weights.weight_hh)[None], bias]))
    (last,) = ReferenceEvaluator(model).run(None, feeds)
    h = torch.zeros(count, hidden)
    for step in x:
        h = cells.gru_step(step, h, weights, reset)
    np.testing.assert_allclose(h.numpy(), last[0], atol=1e-6)


def test_the_two_conventions_differ_unless_the_matrix_is_diagonal():
    weights = cells.initial("GRU", 3, 4, seed=0)
    x, h = torch.ones(2, 3), torch.linspace(-1, 1, 8).reshape(2, 4)
    assert (cells.gru_step(x, h, weights) - cells.gru_step(x, h, weights, "before")).abs().max() > 1e-2
    weights.weight_hh[8:] = torch.diag(torch.tensor([1.0, -2.0, 0.5, 3.0]))
    weights.bias_hh[8:] = 0
    torch.testing.assert_close(cells.gru_step(x, h, weights), cells.gru_step(x, h, weights, "before"))


def test_an_lstm_with_open_forget_and_closed_input_gate_keeps_its_cell():
    weights = cells.initial("LSTM", 1, 2)
    for part in weights:
        part.zero_()
    weights.bias_ih[:] = torch.tensor([-100.0, -100, 100, 100, 0, 0, 0, 0])
    c = torch.tensor([[0.7, -3.0]])
    h, after = cells.lstm_step(torch.ones(1, 1), (torch.zeros(1, 2), c), weights)
    assert torch.equal(after, c)
    torch.testing.assert_close(h, 0.5 * torch.tanh(c))


def test_first_weights():
    weights = cells.initial("LSTM", 2, 16, seed=5, keep_bias=3.0)
    assert all(part.abs().max() <= 0.25 or part.ndim == 1 for part in weights)
    assert (weights.bias_ih + weights.bias_hh)[16:32].tolist() == [3.0] * 16
    gru = cells.initial("GRU", 2, 4, keep_bias=50.0)  # z = 1 keeps the state as it is
    h = torch.linspace(-2, 2, 8).reshape(2, 4)
    torch.testing.assert_close(cells.gru_step(torch.ones(2, 2), h, gru), h)
    assert torch.equal(cells.initial("GRU", 2, 3, seed=1)[0], cells.initial("GRU", 2, 3, seed=1)[0])
    assert not torch.equal(cells.initial("GRU", 2, 3, seed=1)[0], cells.initial("GRU", 2, 3, seed=2)[0])


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: cells.initial("ESN", 1, 1), ValueError, "ESN"),
        (lambda: cells.initial("RNN", 0, 1), ValueError, "at least 1"),
        (lambda: cells.initial("RNN", 1, 1, keep_bias=1.0), ValueError, "has no gate"),
        (lambda: cells.from_torch(nn.Linear(2, 2)), TypeError, "nn.LSTM"),
        (lambda: cells.unroll("GRU", torch.zeros(2, 1, 3), cells.initial("LSTM", 3, 2)), ValueError, "expected 6"),
        (lambda: cells.unroll("GRU", torch.zeros(2, 3), cells.initial("GRU", 3, 2)), ValueError, r"\[T, N, 3\]"),
        (lambda: cells.unroll("GRU", torch.zeros(0, 1, 3), cells.initial("GRU", 3, 2)), ValueError, r"\[T, N, 3\]"),
        (lambda: cells.gru_step(torch.zeros(1, 3), torch.zeros(1, 2), None, "never"), ValueError, "reset"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
