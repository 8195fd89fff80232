"""One sweep of windows through the layers: batch by batch, layer by layer, up to a head."""

import numpy as np
import torch

from kryptonlib.occlusion.head import finished_map, from_rows, to_rows
from kryptonlib.occlusion.rooms import Rooms, Stay
from kryptonlib.occlusion.schedule import Schedule, is_fetched, last_use, window_bytes

HEAD_ROWS = 1024
"""Feature vectors that are collected before the layers without maps read their large weights once for all of them."""


class Sweep:
    """All batches of one sweep: the buffers, and the layer by layer computation.

    Args:
        engine: the :class:`~kryptonlib.occlusion.incremental.Incremental`.
        head: what takes the last windows, see ``Incremental.sweep``.
        groups: from ``grouping.make_groups``.
        boxes: integers [n, 4], the pixels that each position changes.
        fill: what a patch shows, [C, H, W].
        batch, limit: most positions per batch, and bytes for their windows.
        slopes: as for ``Incremental.sweep``.
        gaps: called after every layer, see ``memory``.
    """

    def __init__(self, engine, head, groups, boxes, fill, batch, limit, slopes, gaps):
        self.engine, self.collector, self.slopes, self.gaps = engine, head, slopes, gaps
        self.steps, self.head = head.steps, (head.source, head.begin)
        self.last_use = last_use(self.steps, *self.head)
        self.groups, self.boxes = groups, boxes
        self.device = engine.image.device
        each = max(window_bytes(self.steps, group, self.head[1], self.last_use) for group in groups)
        if each > limit:
            raise ValueError(
                f"memory_limit={limit} bytes is below what one position of this network needs, {each} bytes"
            )
        self.batch = int(min(batch, limit // each))
        self.rooms, self.rows = self._rooms(), {}
        self.maps = self.rooms.maps
        self.rooms.enter(0)
        self.maps[0].room(1, *fill.shape[1:])[0] = fill.permute(1, 2, 0)

    def _rooms(self):
        """Memory for the maps that some layer reads with context."""
        # The fill stays behind the image in all groups: as the first of each, always at the same place.
        fill = Stay(self.engine.image[0, 0].numel(), 0, self.head[1])
        stays = []
        for group in self.groups:
            count = min(self.batch, len(group.members))
            stays.append({0: fill})
            for index, window in enumerate(group.windows):
                if index and window is not None and is_fetched(self.steps, group, index):
                    (_, height), (_, width) = window
                    stays[-1][index] = Stay(count * height * width, index, self.last_use[index])
        steps = {index: self.steps[index] for index in sorted({index for group in stays for index in group})}
        return Rooms({index: to_rows(step.clean, step.layout)[0] for index, step in steps.items()}, stays)

    def all(self, numbers, result, meter):
        """Compute every group's batches and write the logits to ``result[numbers[member]]``."""
        head = self.collector
        for number, group in enumerate(self.groups):
            self.rooms.enter(number)
            parts = -(-len(group.members) // self.batch)
            for part in np.array_split(np.arange(len(group.members)), parts):
                rows = numbers[group.members[part]]
                head.add(rows, *self.features(group, part, rows))
                if meter:
                    meter.update(len(part), group.cost * len(part))
                if head.waiting >= HEAD_ROWS:
                    head.finish(result)
        head.finish(result)

    def features(self, group, part, rows):
        """The last value before the head, for the positions ``part`` of a group, and its window (None: entire).

        ``rows`` are the numbers of these positions in the result.
        """
        schedule = Schedule(self, group, part)
        arrays = schedule.shipment.send(self.device)
        values = {}
        for index in range(1, self.head[1]):
            values[index] = self._compute(index, schedule, values, arrays)
            if self.slopes is not None and schedule.rims[index] is not None:
                self.slopes.add(rows, index, values[index], [arrays[number] for number in schedule.rims[index]])
            values = {source: value for source, value in values.items() if self.last_use[source] > index}
            self.gaps()
        return values[self.head[0]], schedule.windows[self.head[0]]

    def _compute(self, index, schedule, values, arrays):
        how = schedule.how[index]
        if how.kind == "mean":
            return self._mean(index, how, schedule, values, arrays)
        if how.kind == "whole":
            return self._whole(index, how, schedule, values, arrays)
        target = self.maps[index].room(schedule.count, *how.shape) if how.kept else None
        if how.kind == "change":
            result = self._with_change(index, how, values, arrays, target)
        else:
            result = self._window(index, how, values, arrays, target)
        if how.outside is not None:
            flat = result.reshape(-1, result.shape[-1])
            result = flat.index_fill_(0, arrays[how.outside], 0).view(result.shape)
        return result

    def _inputs(self, index, how, values, arrays):
        return [
            values[source] if fetch is None else fetch.run(self.maps[source].rows, arrays)
            for source, fetch in zip(self.steps[index].sources, how.fetches)
        ]

    def _mean(self, index, how, schedule, values, arrays):
        """The clean mean and the mean of the change."""
        step, (source,) = self.steps[index], self.steps[index].sources
        change = values[source] - how.fetches[0].run(self.maps[source].rows, arrays)
        mean = change.sum((1, 2)) / float(np.prod(self.steps[source].size))
        return step.clean + mean.reshape(schedule.count, *step.clean.shape[1:])

    def _whole(self, index, how, schedule, values, arrays):
        """An entire map, or what is none."""
        step = self.steps[index]
        # Windows that were filled up to maps come as NHWC.
        inputs = [
            from_rows(value, self.steps[source].layout) if fetch is not None else value
            for value, source, fetch in zip(self._inputs(index, how, values, arrays), step.sources, how.fetches)
        ]
        return finished_map(step.run(schedule.count, inputs), step)

    def _window(self, index, how, values, arrays, target):
        """A window from what it reads, its context included."""
        step = self.steps[index]
        layouts = [self.steps[source].layout for source in step.sources]
        inputs = [from_rows(x, layout) for x, layout in zip(self._inputs(index, how, values, arrays), layouts)]
        part = step.operator
        if step.kind == "window":
            result, layout = part.local(inputs[0], how.strides, how.padding), "first"
            if part.counts is not None:
                rows, columns = (factors[arrays[place]] for factors, place in zip(part.counts, how.counts))
                result = result * (rows[:, None, :, None] * columns[:, None, None, :])
        else:
            result, layout = part.function(inputs), part.layout
        return _finished_window(result, layout, step.posts, part.fresh, target)

    def _with_change(self, index, how, values, arrays, target):
        """A convolution's window from the change of its source's window, see ``changes``."""
        step, (source,) = self.steps[index], self.steps[index].sources
        rows, columns = how.cells
        window = values[source][:, rows, columns]
        change = how.around.run(self._clean_rows(source, self.steps[source].clean), arrays)
        if how.strip:
            width = window.shape[2]
            torch.sub(window.transpose(0, 1), change[:, :, :width], out=change[:, :, :width])
            change[:, :, width:] = 0
        else:
            torch.sub(window, change, out=change)
        if how.nothing is not None:
            change.view(-1, change.shape[-1]).index_fill_(0, arrays[how.nothing], 0)
        clean = self._clean_rows(~index, step.clean if step.before is None else step.before)
        before = how.before.run(clean, arrays, target if how.part is None else None)
        rectify = bool(step.posts) and step.posts[0].rectifier
        pair = [tensor.flatten(1, 2)[None] if how.strip else tensor for tensor in (change, before)]
        result = step.operator.local.added(*(from_rows(one, "first") for one in pair), how.padding, rectify)
        if how.strip:
            result = result[0].unflatten(2, before.shape[1:3]).permute(2, 0, 1, 3)
        if how.part is not None:
            rows, columns = how.part
            result = result[:, :, rows, columns]
        return _finished_window(result, "first", step.posts[rectify:], True, target)

    def _clean_rows(self, key, clean):
        """A clean map as [places, C]."""
        if key not in self.rows:
            self.rows[key] = to_rows(clean, "first").reshape(-1, clean.shape[1])
        return self.rows[key]


def _finished_window(result, layout, posts, fresh, target):
    """The attached elementwise functions on a window; the result [n, h, w, C], in ``target`` if there is one."""
    for number, post in enumerate(posts):
        if post.rectifier and target is not None and number == len(posts) - 1:
            return torch.clamp_min(to_rows(result, layout), 0, out=target)
        result = post.in_place([result]) if post.in_place and fresh else post.function([result])
        fresh, layout = post.fresh, post.layout
    result = to_rows(result, layout)
    if target is None or result.data_ptr() == target.data_ptr():
        return result
    return target.copy_(result)
