"""Reads a traced network into steps: one walk through its graph with the clean image, whose activations are kept."""

import operator
from dataclasses import dataclass

import torch
from torch import fx

from kryptonlib.occlusion import operators
from kryptonlib.occlusion.attach import attached
from kryptonlib.occlusion.plain import is_changed, is_plain
from kryptonlib.occlusion.steps import Number, Step, Unsupported


def read_steps(traced, image):
    """Steps of a traced network, in the order of computation.

    Args:
        traced: fx.GraphModule in evaluation mode, batch norm folded; None for a network that fx cannot trace.
        image: clean input [1, C, H, W].

    Returns:
        (steps, index of the step that gives the logits).

    Raises:
        Unsupported: no graph, more than one input, an output that is no tensor [1, classes], a result that mixes the
            batch, a call that fails on the clean image as it lies here.
    """
    if traced is None:
        raise Unsupported("torch.fx cannot trace this network")
    reader = _Reader(traced, image)
    for node in traced.graph.nodes:
        try:
            reader.read(node)
        except Unsupported:
            raise
        # Hooks and other Python code of the caller's, or a call in a form that is not foreseen here.
        except Exception as error:
            raise Unsupported(f"{node.target} cannot be followed ({type(error).__name__}: {error})") from error
    return attached(reader.steps, reader.output)


class _Reader:
    def __init__(self, traced, image):
        self.traced, self.image = traced, image
        self.parts = dict(traced.named_modules())
        self.steps, self.output = [], None
        # fx node -> index of a step, or Number, or _Several (a tuple of tensors)
        self.known = {}

    def read(self, node):
        if node.op == "placeholder":
            if self.steps:
                if not node.args:
                    raise Unsupported("the network takes more than one input")
                self.known[node] = Number(node.args[0], node.args[0])
                return
            run = None
            self.steps.append(Step("input", "input", (), run, self.image, "first"))
            self.known[node] = 0
        elif node.op == "get_attr":
            value = self.traced
            for part in node.target.split("."):
                value = getattr(value, part)
            self.known[node] = Number(value, value)
        elif node.op == "output":
            found = self.known.get(node.args[0]) if isinstance(node.args[0], fx.Node) else None
            if not isinstance(found, int) or self.steps[found].clean.ndim != 2:
                raise Unsupported("the network does not return a tensor [1, classes]")
            self.output = found
        else:
            self.call(node)

    def call(self, node):
        """A function, method or module call: a number, a step, or a tuple of tensors."""
        function, name = self.function(node)
        inputs = []

        def collect(argument):
            if isinstance(self.known[argument], (int, _Several)):
                inputs.append(argument)
            return argument

        fx.node.map_arg((node.args, node.kwargs), collect)
        inputs = list(dict.fromkeys(inputs))
        if not inputs:
            one, two = (self.evaluate(node, function, {}, n) for n in (1, 2))
            if isinstance(one, torch.Tensor) and one.shape != two.shape:
                raise Unsupported(f"{name} makes a tensor that depends on the batch size")
            self.known[node] = Number(one, two)
            return
        several = [self.known[i] for i in inputs if isinstance(self.known[i], _Several)]
        if several:
            self.known[node] = self.item(node, several[0], name)
            return
        sources = tuple(self.known[i] for i in inputs)

        writes = _in_place(node, self.parts)
        # What is not plain may do anything, to its input too.
        foreign = node.op == "call_module" and not is_plain(self.parts[node.target])

        def run(n, tensors):
            # A function that works in place must leave the kept activations alone.
            tensors = [tensor.clone() for tensor in tensors] if writes or foreign else tensors
            return self.evaluate(node, function, dict(zip(inputs, tensors)), n)

        clean = run(1, [self.steps[i].clean for i in sources])
        if isinstance(clean, (tuple, list)) and clean and all(isinstance(t, torch.Tensor) for t in clean):
            self.known[node] = _Several(node, name, sources, run, clean)
        elif isinstance(clean, torch.Tensor):
            self.known[node] = self.tensor(node, name, inputs, sources, run, clean)
            if writes:
                # Whoever reads the overwritten tensor later sees the new value.
                for argument in inputs[:1]:
                    self.known[argument] = self.known[node]
        else:
            if not _is_size(clean):
                raise Unsupported(f"{name} gives a {type(clean).__name__}")
            # A size: tell how it grows with the batch from tensors that need no computation.
            twice = [
                torch.empty((2 * t.shape[0], *t.shape[1:]), device="meta", dtype=t.dtype)
                for t in (self.steps[i].clean for i in sources)
            ]
            self.known[node] = Number(clean, run(2, twice))
            thrice = [torch.empty((3 * len(t) // 2, *t.shape[1:]), device="meta", dtype=t.dtype) for t in twice]
            if self.known[node].at(3) != run(3, thrice):
                raise Unsupported(f"{name} depends on the batch size in no simple way")

    def tensor(self, node, name, inputs, sources, run, clean):
        """Classify a call that gives a tensor; returns the index of its step."""
        steps = [self.steps[i] for i in sources]
        arguments = fx.node.map_arg(
            node.args, lambda a: _Input(sources.index(self.known[a])) if a in inputs else self.known[a].one
        )
        keywords = fx.node.map_arg(
            node.kwargs, lambda a: _Input(sources.index(self.known[a])) if a in inputs else self.known[a].one
        )
        part = self.parts.get(node.target) if node.op == "call_module" else None
        target = part if part is not None else node.target
        found = operators.classify(target, arguments, keywords, steps, clean)
        if found.kind == "same":
            return sources[0]
        if clean.shape[:1] != steps[0].clean.shape[:1]:
            raise Unsupported(f"{name} changes the batch axis")
        step = Step(name, found.kind, sources, found.run or run, clean, found.layout, found, known=found.known)
        self.steps.append(step)
        return len(self.steps) - 1

    def item(self, node, several, name):
        """``chunks[i]``: one tensor out of a tuple."""
        if node.target is not operator.getitem or not isinstance(node.args[1], int):
            raise Unsupported(f"{name} of a tuple of tensors")
        which, source = node.args[1], self.steps[several.sources[0]]
        clean = several.clean[which]
        found = operators.classify_item(several, which, source, clean)
        run = found.run or (lambda n, tensors: several.run(n, tensors)[which])
        self.steps.append(
            Step(several.name, found.kind, several.sources, run, clean, found.layout, found, known=found.known)
        )
        return len(self.steps) - 1

    def function(self, node):
        if node.op == "call_module":
            part = self.parts[node.target]
            return part, type(part).__name__ + (" with hooks or changes of its own" if is_changed(part) else "")
        if node.op == "call_method":

            def method(first, *arguments, **keywords):
                return getattr(first, node.target)(*arguments, **keywords)

            return method, node.target
        return node.target, getattr(node.target, "__name__", str(node.target))

    def evaluate(self, node, function, tensors, n):
        def value(argument):
            return tensors[argument] if argument in tensors else self.known[argument].at(n)

        return function(*fx.node.map_arg(node.args, value), **fx.node.map_arg(node.kwargs, value))


@dataclass
class _Several:
    """A tuple of tensors, as ``chunk`` gives."""

    node: fx.Node
    name: str
    sources: tuple
    run: object
    clean: tuple


@dataclass(frozen=True)
class _Input:
    """Stands in an argument list for the step's source of that number."""

    number: int


def _is_size(value):
    """True for integers, and tuples of them, devices and types: what does not depend on the numbers in a tensor."""
    if isinstance(value, (tuple, list)):
        return all(_is_size(v) for v in value)
    return isinstance(value, (int, torch.device, torch.dtype))


def _in_place(node, parts):
    if node.op == "call_module":
        return getattr(parts[node.target], "inplace", False)
    name = node.target if node.op == "call_method" else getattr(node.target, "__name__", "")
    if name.endswith("_") and not name.endswith("__"):
        return True
    augmented = node.op == "call_function" and node.target in AUGMENTED
    return augmented or node.kwargs.get("inplace", False) or node.kwargs.get("out") is not None


AUGMENTED = [getattr(operator, f"i{name}") for name in "add sub mul truediv floordiv mod pow and or xor".split()]
"""x += 1 and its like."""
