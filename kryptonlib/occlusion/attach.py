"""Steps joined with their neighbours: elementwise functions with the step before, flattening with the layer after."""

import torch
import torch.nn.functional as F

MANY_ROWS = 256
"""Rows from which on ``product`` takes the convolution."""


def attached(steps, output):
    """Elementwise steps become part of the step before them where nobody else reads that one."""
    readers = [0] * len(steps)
    for step in steps:
        for source in step.sources:
            readers[source] += 1
    readers[output] += 1
    place, kept = {}, []
    for index, step in enumerate(steps):
        source = step.sources[0] if step.sources else None
        host = kept[place[source]] if step.kind == "pointwise" else None
        if host is not None and readers[source] == 1 and host.kind in ("window", "pointwise", "join"):
            if host.operator.adds and not host.posts:
                host.before = host.clean
            host.posts.append(step.operator)
            host.clean, host.layout = step.clean, step.layout
            place[index] = place[source]
        else:
            step.sources = tuple(place[s] for s in step.sources)
            place[index] = len(kept)
            kept.append(step)
    return _with_users(*_linear_on_maps(kept, place[output]))


def _linear_on_maps(steps, output):
    """Flattening a map and the linear layer after it become one step that reads the map."""
    readers = [sum(index in step.sources for step in steps) + (index == output) for index in range(len(steps))]
    gone = set()
    for step in steps:
        weight = step.operator.weight if step.operator is not None else None
        flat = step.sources[0] if step.sources else None
        if weight is not None:
            step.run = _linear_run(weight, step.operator.part.bias)
        if weight is None or not steps[flat].operator.flattens or readers[flat] > 1:
            continue
        source = steps[flat].sources[0]
        height, width = steps[source].size
        if height * width == 1:
            continue
        # [places, features, C]: one matrix per place of the map, so that a place that did not change costs nothing.
        # Transposed as one large matrix, which torch does in blocks: 400 MB of VGG16 in a fifth of the time.
        cells = weight.reshape(-1, height * width).t().contiguous().view(height * width, weight.shape[0], -1)
        step.kind, step.sources, step.operator.weight = "linear", (source,), cells
        step.run = _map_run(cells, step.operator.part.bias)
        part = step.operator.part
        if sum(other.operator is not None and other.operator.part is part for other in steps) == 1:
            # The traced network is a copy of ours; its largest matrix is needed in the new order only.
            part.weight = None
        gone.add(flat)
    kept = [index for index in range(len(steps)) if index not in gone]
    place = {index: number for number, index in enumerate(kept)}
    for index in kept:
        steps[index].sources = tuple(place[source] for source in steps[index].sources)
    return [steps[index] for index in kept], place[output]


def _linear_run(weight, bias):
    return lambda n, tensors: product(tensors[0], weight, bias)


def _map_run(cells, bias):
    def run(n, tensors):
        places = tensors[0].flatten(2).permute(2, 0, 1)
        result = torch.bmm(places, cells.transpose(1, 2)).sum(0)
        return result if bias is None else result + bias

    return run


def product(rows, weight, bias=None):
    """A linear layer: rows [n, C] times weight [features, C] transposed.

    On CPUs that MKL does not favour, torch's 1x1 convolution is twice as fast as its matrix product, where there are
    enough rows to make up for bringing the weights into the convolution's order.
    """
    if rows.device.type != "cpu" or rows.dtype != torch.float32 or rows.ndim != 2 or len(rows) < MANY_ROWS:
        return F.linear(rows, weight, bias)
    image = rows.contiguous().view(1, len(rows), 1, -1).permute(0, 3, 1, 2)
    return F.conv2d(image, weight[:, :, None, None], bias).permute(0, 2, 3, 1).reshape(len(rows), -1)


def _with_users(steps, output):
    for index, step in enumerate(steps):
        for source in step.sources:
            steps[source].users.append(index)
    return steps, output
