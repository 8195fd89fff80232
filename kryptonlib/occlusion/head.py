"""The layers behind the last map: they work on vectors, and read large weights, so many positions go through at once.

Where a linear layer reads a flattened map, it gets the change only: the clean result plus, for each place of the map,
the weights of that place times the change there. A place counts for those positions alone whose window holds it.
"""

import numpy as np
import torch

from kryptonlib.occlusion.attach import product
from kryptonlib.occlusion.windows import inside


def find_head(steps, output):
    """(step whose value the head reads, first step of the head)."""
    first = len(steps)
    while first > 1 and not steps[first - 1].spatial:
        first -= 1
    for begin in range(first, len(steps)):
        inputs = {source for step in steps[begin:] for source in step.sources if source < begin}
        features = inputs.pop() if len(inputs) == 1 else None
        if features is None or output < begin:
            continue
        # Of a map that a linear layer reads only the change is collected: nobody else may need it.
        if steps[begin].kind == "linear" and len(steps[features].users) > 1:
            continue
        if steps[begin].kind == "linear" or steps[features].kind == "mean" or not steps[features].spatial:
            return features, begin
    return output, len(steps)


class Head:
    """Collects the values of many batches and computes their logits.

    Args:
        engine: the :class:`Incremental` whose last layers these are.
    """

    def __init__(self, engine):
        self.steps, self.output = engine.steps, engine.output
        self.source, self.begin = engine.head
        linear = self.begin < len(self.steps) and self.steps[self.begin].kind == "linear"
        self.linear = self.steps[self.begin] if linear else None
        self.clear()

    def clear(self):
        """Forget what was collected."""
        self.numbers, self.values, self.places, self.waiting = [], [], [], 0

    def add(self, numbers, value, window):
        """One batch: the rows of the result it belongs to, its value, and its window where the value is one."""
        step = self.steps[self.source]
        if self.linear is not None:
            value, places = changed_places(step, value, window)
            self.places.append(places)
        self.values.append(value)
        self.numbers.append(numbers)
        self.waiting += len(numbers)

    def finish(self, result):
        """Write the logits of everything collected into ``result``."""
        if not self.waiting:
            return
        count = self.waiting
        values = {}
        begin = self.begin
        if self.linear is not None:
            values[begin] = self._changed_linear(count)
            begin += 1
        else:
            values[self.source] = torch.cat(self.values)
        for index in range(begin, len(self.steps)):
            step = self.steps[index]
            values[index] = finished_map(step.run(count, [values[source] for source in step.sources]), step)
        result[torch.from_numpy(np.concatenate(self.numbers)).to(result.device)] = values[self.output]
        self.clear()

    def _changed_linear(self, count):
        """The linear layer on the map's change: [count, features]."""
        change = torch.cat(self.values)
        lengths = [len(places) // len(numbers) for places, numbers in zip(self.places, self.numbers)]
        owners = np.repeat(np.arange(count), np.repeat(lengths, [len(numbers) for numbers in self.numbers]))
        places = np.concatenate(self.places)
        order = np.argsort(places, kind="stable")
        found, begins = np.unique(places[order], return_index=True)
        ends = np.append(begins[1:], len(order))
        index = torch.from_numpy(np.stack([order, owners[order]])).to(change.device)
        result = self.linear.clean.repeat(count, 1)
        for place, begin, end in zip(found, begins, ends):
            part = change.index_select(0, index[0, begin:end])
            result.index_add_(0, index[1, begin:end], product(part, self.linear.operator.weight[place]))
        return result


def changed_places(step, value, window):
    """What a batch changes in a map, place by place.

    Args:
        step: the map's :class:`Step`.
        value: entire maps in the step's layout, or windows [n, rows, columns, C].
        window: per axis (starts [n], length), or None where ``value`` is entire.

    Returns:
        (changes [n * places, C], integers [n * places]: row * width + column of each).
    """
    height, width = (int(size) for size in step.size)
    clean = to_rows(step.clean, step.layout)[0]
    if window is None:
        places = np.tile(np.arange(height * width), len(value))
        change = to_rows(value, step.layout) - clean
        return change.reshape(-1, change.shape[-1]), places
    rows, columns = (starts[:, None] + np.arange(length) for starts, length in window)
    # Outside of the map nothing changes, whatever place that is counted as.
    within_map = inside(window, step)
    places = np.where(within_map, rows[:, :, None] * width + columns[:, None, :], 0).reshape(-1)
    around = clean.reshape(height * width, -1)[torch.from_numpy(places).to(clean.device)]
    change = value.reshape(around.shape) - around
    outside = np.flatnonzero(~within_map)
    if len(outside):
        change[torch.from_numpy(outside).to(change.device)] = 0
    return change, places


def to_rows(tensor, layout):
    """A map as [n, H, W, C]."""
    if layout == "first":
        return tensor.permute(0, 2, 3, 1)
    return tensor.unsqueeze(3) if layout == "none" else tensor


def from_rows(tensor, layout):
    """[n, H, W, C] in the network's own layout, without copying."""
    if layout == "first":
        return tensor.permute(0, 3, 1, 2)
    return tensor.squeeze(3) if layout == "none" else tensor


def finished_map(result, step):
    """The attached elementwise functions on an entire map or on features."""
    fresh = step.kind in ("window", "join") and step.operator.fresh
    for post in step.posts:
        result = post.in_place([result]) if post.in_place and fresh else post.function([result])
        fresh = post.fresh
    return result
