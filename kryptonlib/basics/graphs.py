"""Computation graphs: recorded while the code runs (dynamic), or exported before any number flows (static), and drawn.

The tutorial's part 2, "Frameworks", compares the two on one recurrent cell, h_t = tanh(W_h h_{t-1} + W_x x_t). ``Node``
is the dynamic kind in its smallest form; ``torch.export`` makes the static kind. Both become a list of ``Step``.
"""

import io
import itertools
import logging
from contextlib import contextmanager, redirect_stderr
from typing import NamedTuple

import numpy as np
import torch
from torch._higher_order_ops import while_loop

from kryptonlib.plots import COLOURS


class Step(NamedTuple):
    """One node of a graph: its name, what makes it, the names of its inputs, the shape of its value."""

    name: str
    operation: str
    inputs: tuple
    shape: tuple


class Node:
    """An array that remembers how it was made, so that ``backward`` can send gradients the same way back.

    Args:
        value: a number or array.
        name: what a drawing calls it; give every input its own. Results are numbered.

    Example:
        >>> x = Node(3.0, "x")
        >>> y = x * x + x
        >>> y.backward()
        >>> float(x.gradient)
        7.0
    """

    _serials = itertools.count()

    def __init__(self, value, name="", operation="input", parents=(), pulls=()):
        self.value = np.asarray(value, dtype=float)
        self.name = name or f"{operation} {next(Node._serials)}"
        self.operation, self.parents, self.pulls = operation, parents, pulls
        self.gradient = None

    def _same_shape(self, other, sign):
        if self.value.shape != other.value.shape:
            raise ValueError(f"{self.value.shape} {sign} {other.value.shape}: the shapes must be equal")

    def __add__(self, other):
        self._same_shape(other, "+")
        return Node(self.value + other.value, "", "+", (self, other), (lambda g: g, lambda g: g))

    def __mul__(self, other):
        self._same_shape(other, "*")
        pulls = (lambda g: g * other.value, lambda g: g * self.value)
        return Node(self.value * other.value, "", "*", (self, other), pulls)

    def __matmul__(self, other):
        pulls = (lambda g: g @ other.value.T, lambda g: self.value.T @ g)
        return Node(self.value @ other.value, "", "@", (self, other), pulls)

    @property
    def T(self):
        return Node(self.value.T, "", "T", (self,), (lambda g: g.T,))

    def tanh(self):
        out = np.tanh(self.value)
        return Node(out, "", "tanh", (self,), (lambda g: g * (1 - out**2),))

    def sum(self):
        return Node(self.value.sum(), "", "sum", (self,), (lambda g: np.full(self.value.shape, g),))

    def history(self):
        """All nodes this one was made from, and itself last; every node comes after its inputs."""
        order, seen, waiting = [], set(), [(self, False)]
        while waiting:
            node, ready = waiting.pop()
            if ready:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                waiting.append((node, True))
                waiting.extend((parent, False) for parent in reversed(node.parents))
        return order

    def backward(self):
        """Set ``gradient`` of every node in the history to d self / d node; self must be a single number."""
        if self.value.size != 1:
            raise ValueError(f"backward() starts from one number, this one has shape {self.value.shape}; sum() it first")
        order = self.history()
        for node in order:
            node.gradient = np.zeros_like(node.value)
        self.gradient = np.ones_like(self.value)
        for node in reversed(order):
            for parent, pull in zip(node.parents, node.pulls):
                parent.gradient = parent.gradient + pull(node.gradient)


class RecurrentCell(torch.nn.Module):
    """The slides' cell and loss, sum(tanh(W_h h^T + W_x x^T)), for ``export``; weights [20, 20] and [20, 10] there."""

    def __init__(self, W_h, W_x):
        super().__init__()
        self.W_h, self.W_x = torch.nn.Parameter(torch.tensor(W_h)), torch.nn.Parameter(torch.tensor(W_x))

    def forward(self, h, x):
        return torch.tanh(torch.mm(self.W_h, h.t()) + torch.mm(self.W_x, x.t())).sum()


class PythonLoop(torch.nn.Module):
    """The slides' loop in Python: cannot be exported, because its length depends on the data."""

    def forward(self, t1, t2):
        while t1 < t2:
            t1 = t1 + 1
        return t1, t2


class GraphLoop(torch.nn.Module):
    """The same loop as one operation of the graph."""

    def forward(self, t1, t2):
        return while_loop(lambda a, b: a < b, lambda a, b: (a + 1, b.clone()), (t1, t2))


def recorded(node):
    """The graph that the run left behind ``node``: a list of ``Step``, inputs first."""
    return [
        Step(part.name, part.operation, tuple(parent.name for parent in part.parents), part.value.shape)
        for part in node.history()
    ]


@contextmanager
def _quiet():
    """torch logs and prints what it could not trace besides raising it; the exception alone is enough here."""
    logging.disable(logging.ERROR)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)


def export(module, inputs):
    """``torch.export.export(module, inputs)`` without its log lines. Control flow that depends on data raises."""
    with _quiet():
        return torch.export.export(module, inputs)


_SYMBOLS = {"t": "T", "mm": "@", "matmul": "@", "add": "+", "mul": "*", "tanh": "tanh", "sum": "sum", "getitem": "item"}


def exported(program):
    """The graph of a ``torch.export.ExportedProgram`` as a list of ``Step``, inputs first.

    The sub-graphs of a loop (its condition and its body) count as inputs named "cond" and "body".
    """
    readable = dict(program.graph_signature.inputs_to_parameters)
    steps = []
    for node in program.graph.nodes:
        if node.op == "output":
            continue
        if node.op == "get_attr":
            readable[node.name] = next((part for part in ("cond", "body") if part in node.name), node.name)
        operation = "input"
        if node.op == "call_function":
            # An operation of torch is called, for example, aten.mm.default; others have a name of their own.
            operation = getattr(node.target, "overloadpacket", node.target).__name__
        shape = tuple(getattr(node.meta.get("val"), "shape", ()))
        inputs = tuple(readable.get(part.name, part.name) for part in node.all_input_nodes)
        steps.append(Step(readable.get(node.name, node.name), _SYMBOLS.get(operation, operation), inputs, shape))
    return steps


def layout(steps):
    """Places (column, row) for drawing: columns by the longest way from an input, rows so that edges rarely cross."""
    columns = {}
    for step in steps:
        columns[step.name] = 1 + max((columns[name] for name in step.inputs), default=-1)
    for step in steps:
        users = [columns[user.name] for user in steps if step.name in user.inputs]
        if step.operation == "input" and users:
            columns[step.name] = min(users) - 1
    inputs_of = {step.name: step.inputs for step in steps}
    rows, free = {}, 0

    def settle(name):
        nonlocal free
        fresh = [part for part in inputs_of[name] if part not in rows]
        for part in fresh:
            settle(part)
        if inputs_of[name]:
            rows[name] = float(np.mean([rows[part] for part in inputs_of[name]]))
        else:
            rows[name], free = float(free), free + 1
        while (columns[name], rows[name]) in {(columns[other], rows[other]) for other in rows if other != name}:
            rows[name] += 1.0

    for step in reversed(steps):
        if step.name not in rows:
            settle(step.name)
    return {name: (columns[name], rows[name]) for name in columns}


def draw(steps, axes, *, places=None, backward=None, shapes=True):
    """Draw a graph: square boxes for inputs, round ones for operations, arrows the way the values flow.

    Args:
        steps: from ``recorded`` or ``exported``.
        axes: matplotlib axes.
        places: result of ``layout``, so that several drawings of a growing graph keep their places; None makes it.
        backward: mapping from a name to the text of its gradient; draws the arrows backwards, in the second colour.
        shapes: write the shape of each value beside it.
    """
    places = places or layout(steps)
    colour = COLOURS[1] if backward is not None else "0.35"
    for step in steps:
        x, y = places[step.name]
        inside = step.name if step.operation == "input" else step.operation
        style = "round,pad=0.35" if step.operation == "input" else "round,pad=0.35,rounding_size=0.9"
        if len(inside) == 1 and step.operation != "input":
            style = "circle,pad=0.3"
        face = "#DCE9F5" if step.operation == "input" else "#FFF3D6"
        axes.annotate(
            inside, (x, -y), ha="center", va="center", zorder=3, bbox={"boxstyle": style, "fc": face, "ec": "0.3"}
        )
        below = backward.get(step.name, "") if backward is not None else "×".join(map(str, step.shape)) if shapes else ""
        axes.annotate(
            below, (x, -y), (0, -14), textcoords="offset points", ha="center", va="top", fontsize=8, zorder=2,
            color=colour, bbox={"boxstyle": "square,pad=0.05", "fc": "white", "ec": "none"},
        )  # fmt: skip
        for name in step.inputs:
            ends = [(x, -y), (places[name][0], -places[name][1])]
            axes.annotate(
                "", ends[backward is not None], ends[backward is None], zorder=1,
                arrowprops={"arrowstyle": "-|>", "color": colour, "shrinkA": 15, "shrinkB": 15, "lw": 1.2},
            )  # fmt: skip
    across, down = zip(*places.values())
    axes.set(xlim=(min(across) - 0.6, max(across) + 0.6), ylim=(-max(down) - 0.75, -min(down) + 0.55))
    axes.axis("off")
