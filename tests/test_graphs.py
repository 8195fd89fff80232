"""The dynamic graph against autograd and against the static one; the while loop; the drawing."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kryptonlib.basics import graph_examples, graphs
from kryptonlib.basics.graphs import GraphLoop, Node, PythonLoop, RecurrentCell


@pytest.fixture
def values():
    draw = np.random.default_rng(0)
    return [draw.normal(size=shape) for shape in ((20, 20), (20, 10), (1, 20), (1, 10))]


def dynamic(values):
    W_h, W_x, h, x = (Node(v, name) for v, name in zip(values, ("W_h", "W_x", "h", "x")))
    return (W_h @ h.T + W_x @ x.T).tanh().sum(), (W_h, W_x, h, x)


def test_cell_gradients_are_the_same_dynamic_static_and_in_autograd(values):
    loss, leaves = dynamic(values)
    loss.backward()
    eager = RecurrentCell(*values[:2])
    inputs = tuple(torch.tensor(v, requires_grad=True) for v in values[2:])
    eager(*inputs).backward()
    for leaf, reference in zip(leaves, (eager.W_h, eager.W_x, *inputs)):
        np.testing.assert_allclose(leaf.gradient, reference.grad.numpy(), rtol=1e-12, atol=1e-14)
    static = graphs.export(RecurrentCell(*values[:2]), tuple(torch.tensor(v) for v in values[2:])).module()
    out = static(*(torch.tensor(v) for v in values[2:]))
    out.backward()
    assert out.item() == pytest.approx(float(loss.value), rel=1e-13)
    for name, reference in (("W_h", eager.W_h), ("W_x", eager.W_x)):
        np.testing.assert_allclose(getattr(static, name).grad.numpy(), reference.grad.numpy(), rtol=1e-12)


def test_both_graphs_have_the_same_steps(values):
    loss, _ = dynamic(values)
    ours = graphs.recorded(loss)
    theirs = graphs.exported(graphs.export(RecurrentCell(*values[:2]), tuple(torch.tensor(v) for v in values[2:])))

    def expression(steps, name):
        step = {s.name: s for s in steps}[name]
        return (step.operation, step.shape, *(expression(steps, part) for part in step.inputs)) if step.inputs else name

    assert expression(ours, ours[-1].name) == expression(theirs, theirs[-1].name)
    assert {s.name for s in ours if s.operation == "input"} == {"W_h", "W_x", "h", "x"}


def test_a_value_used_twice_gets_both_gradients():
    x = Node(3.0, "x")
    y = x * x * x + x
    y.backward()
    assert float(x.gradient) == 28.0
    y.backward()
    assert float(x.gradient) == 28.0


def test_a_while_loop_leaves_as_many_steps_as_it_ran():
    t1, t2, one = Node(1, "t1"), Node(5, "t2"), Node(1, "one")
    now = t1
    while now.value < t2.value:
        now = now + one
    now.backward()
    assert (float(now.value), float(t2.value)) == (5.0, 5.0)
    assert [s.operation for s in graphs.recorded(now)].count("+") == 4
    assert (float(t1.gradient), float(one.gradient)) == (1.0, 4.0)


def test_export_refuses_pythons_loop_quietly_and_takes_the_special_one(capfd):
    start = torch.tensor(1), torch.tensor(5)
    with pytest.raises(RuntimeError, match="data-dependent"):
        graphs.export(PythonLoop(), start)
    assert capfd.readouterr().err == ""
    static = graphs.export(GraphLoop(), start)
    assert [int(t) for t in static.module()(*start)] == [5, 5]
    assert [int(t) for t in static.module()(torch.tensor(-3), torch.tensor(5))] == [5, 5]
    assert "while_loop" in [s.operation for s in graphs.exported(static)]


def test_layout_gives_every_node_its_own_place(values):
    loss, _ = dynamic(values)
    places = graphs.layout(graphs.recorded(loss))
    assert len(set(places.values())) == len(places) == 11
    for step in graphs.recorded(loss):
        assert all(places[name][0] < places[step.name][0] for name in step.inputs)


def test_two_results_of_one_step_do_not_cover_each_other():
    steps = graphs.exported(graphs.export(GraphLoop(), (torch.tensor(1), torch.tensor(5))))
    assert len(set(graphs.layout(steps).values())) == len(steps) == 7


def test_drawing_names_every_node(values):
    loss, _ = dynamic(values)
    figure, axes = plt.subplots()
    graphs.draw(graphs.recorded(loss), axes)
    texts = [t.get_text() for t in axes.texts]
    for text in ("W_h", "W_x", "h", "x", "tanh", "sum", "20×20", "20×10"):
        assert text in texts
    assert texts.count("@") == 2 and texts.count("T") == 2
    plt.close(figure)


def test_refusals():
    with pytest.raises(ValueError, match="sum\\(\\) it first"):
        Node(np.ones(3)).backward()
    with pytest.raises(ValueError, match="must be equal"):
        Node(np.ones(3)) + Node(np.ones(2))
    with pytest.raises(ValueError, match="must be equal"):
        Node(np.ones(3)) * Node(1.0)


def test_the_examples_are_the_slides():
    loss, program, equal = graph_examples.recurrent_cell(3)
    assert equal and [step.shape for step in graphs.recorded(loss) if step.name in ("W_h", "W_x")] == [(20, 20), (20, 10)]
    last, loop, refused = graph_examples.counting_loop(2, 5)
    assert refused and last.value == 5
    assert [int(t) for t in loop.module()(torch.tensor(2), torch.tensor(5))] == [5, 5]
    figure = graph_examples.drawn(loss, program, last, loop)
    assert [place.get_title().split(":")[0] for place in figure.axes] == ["dynamic", "static"] * 2
    plt.close(figure)
