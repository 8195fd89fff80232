"""Exact incremental inference: recompute only what a patch changes, for any network that torch.fx can trace.

The clean image is run once and its activations are kept, as a database keeps a materialised view. A patch changes a
small window of the first layer, a slightly larger one of the second, and so on; only these windows are computed, for
many positions in one batch, and everything around them comes from the kept activations (Krypton, section 4.1).

The result equals full inference up to the rounding of a differently ordered sum. Where a window would fill the map,
or an operator is not known, entire maps are computed from there on.
"""

import warnings

import numpy as np
import torch
from torch import fx

from kryptonlib.occlusion.fold import agrees, prepared
from kryptonlib.occlusion.grouping import make_groups
from kryptonlib.occlusion.head import Head, find_head, finished_map, from_rows, to_rows
from kryptonlib.occlusion.memory import kept_memory
from kryptonlib.occlusion.progress import Progress
from kryptonlib.occlusion.rooms import Rooms, Stay
from kryptonlib.occlusion.schedule import Schedule, is_fetched, last_use, window_bytes
from kryptonlib.occlusion.steps import Unsupported, read_steps

BATCH = 64
"""Positions per batch: enough for fast convolutions, few enough for a layer's windows to stay in the cache."""
MEMORY = 5 << 24
"""Bytes that the windows may take at the default: 80 MiB. More makes no network faster on a CPU, and DenseNet slower:
the heap's gaps (``memory``) grow with it."""
MEMORY_BESIDE = 1 << 30
"""The same on a GPU: 1 GiB, since its memory is kept by an allocator of its own."""
HEAD_ROWS = 1024
"""Feature vectors that are collected before the layers without maps read their large weights once for all of them."""


class Incremental:
    """A network with the kept activations of one clean image.

    Args:
        module: nn.Module in evaluation mode that takes [n, C, H, W] and returns logits [n, classes].
        image: the clean image [1, C, H, W] on the module's device.
        truth: the module's logits for it, where they are known already.

    Raises:
        Unsupported: torch.fx cannot trace the module rightly, or it is no network from one image to logits.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(72, 3)).eval()
        >>> engine = Incremental(net, torch.rand(1, 1, 8, 8))
        >>> engine.logits([(0, 0), (2, 4)], (3, 3), torch.zeros(1, 8, 8)).shape
        torch.Size([2, 3])
    """

    def __init__(self, module, image, truth=None):
        traced = prepared(module)
        if not isinstance(traced, fx.GraphModule):
            raise Unsupported("torch.fx cannot trace this network")
        # Not inference_mode: autograd refuses its tensors, and ``linear_tail`` differentiates these steps.
        with torch.no_grad():
            self.steps, self.output = read_steps(traced, image.contiguous(memory_format=torch.channels_last))
            truth = module(image) if truth is None else truth
        self.image = image
        self.clean = self.steps[self.output].clean
        if not agrees(self.clean, truth):
            raise Unsupported("torch.fx followed one branch of Python code that decides by the input's values")
        self.head = find_head(self.steps, self.output)
        if self.head[0] == 0:
            raise Unsupported("the network has no map between the image and its first linear layer")
        unknown = [step.name for step in self.steps if not step.known]
        if unknown:
            warnings.warn(
                f"the occlusion engine does not know the operator {unknown[0]!r}: from there on entire maps are "
                "computed (correct, but without savings)",
                stacklevel=2,
            )

    def look_at(self, image):
        """Take another clean image of the same shape: only its activations are computed anew."""
        if image.shape != self.image.shape:
            raise ValueError(f"the engine was made for {tuple(self.image.shape)}, got an image {tuple(image.shape)}")
        self.image = image
        with torch.inference_mode():
            self.steps[0].clean = image.contiguous(memory_format=torch.channels_last)
            for step in self.steps[1:]:
                result = step.run(1, [self.steps[source].clean for source in step.sources])
                if step.before is not None:
                    step.before, result = result, result.clone()
                step.clean = finished_map(result, step)
        self.clean = self.steps[self.output].clean

    def logits(self, positions, patch, fill, **options):
        """Logits with the patch at each position.

        Args:
            positions: integers [n, 2] of (top, left); a patch that reaches over the border is cut off.
            patch: (rows, columns) of the patch.
            fill: what a patch shows, [C, H, W] or what broadcasts to it.
            options: crop, batch_size, memory_limit and meter of :meth:`sweep`.

        Returns:
            float tensor [n, classes] on the image's device.
        """
        result = self.clean.repeat(len(positions), 1)
        self.sweep(Head(self), result, positions, patch, fill, **options)
        return result

    def sweep(
        self,
        head,
        result,
        positions,
        patch,
        fill,
        *,
        crop=None,
        slopes=None,
        batch_size=None,
        memory_limit=None,
        meter=None,
    ):
        """Carry the window of every position up to a head, which writes into ``result``.

        Args:
            head: a :class:`Head`, or what has its ``steps`` (up to the last step needed), ``source``, ``begin``,
                ``waiting``, ``add`` and ``finish``.
            result: one row per position; a position that changes nothing keeps its row.
            positions, patch, fill: as for :meth:`logits`.
            crop: what to keep of each window, see ``grouping.changed_intervals`` and ``cropping``; None is exact.
            slopes: a :class:`~kryptonlib.occlusion.first_order.Slopes` that is given what ``crop`` leaves out, or None.
            batch_size: most positions per batch; None chooses.
            memory_limit: bytes for the windows; None is 80 MiB on a CPU, 1 GiB elsewhere.
            meter: a :class:`Progress` that is told of finished positions, or None.
        """
        fill = torch.as_tensor(fill).to(self.image).expand_as(self.image[0])
        boxes = self.changed_boxes(positions, patch, fill)
        busy = np.flatnonzero(boxes[:, 1] > boxes[:, 0])
        if meter and len(busy) < len(boxes):
            meter.update(len(boxes) - len(busy), 0.0)
        if len(busy):
            with torch.inference_mode(), kept_memory() as gaps:
                batch = batch_size or BATCH
                groups = make_groups(head.steps, boxes[busy], batch, crop, patch, rim=slopes is not None)
                if meter:
                    meter.work = (meter.work or 0.0) + sum(group.cost * len(group.members) for group in groups)
                limit = memory_limit or (MEMORY if self.image.device.type == "cpu" else MEMORY_BESIDE)
                run = _Run(self, head, groups, boxes[busy], fill, batch, limit, slopes, gaps)
                run.all(busy, result, meter)

    def changed_boxes(self, positions, patch, fill):
        """(top, bottom, left, right) [n, 4] of the pixels that a patch really changes; zeros where it changes none."""
        differs = (fill != self.image[0]).any(0).cpu().numpy()
        boxes = np.zeros((len(positions), 4), dtype=np.int64)
        for index, (top, left) in enumerate(np.asarray(positions, dtype=np.int64)):
            part = differs[top : top + patch[0], left : left + patch[1]]
            rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
            if len(rows):
                boxes[index] = top + rows[0], top + rows[-1] + 1, left + columns[0], left + columns[-1] + 1
        return boxes


class _Run:
    """All batches of one call: the buffers, and the layer by layer computation."""

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


def run(job, progress=False):
    """The exact values of a job, incrementally: float64 array [T, n].

    Raises:
        Unsupported: see :class:`Incremental`.
    """
    engine = Incremental(job.module, job.image, job.clean_logits)
    values = scores(engine, job, job.grid.positions(), job.grid.patch, Progress(len(job.grid), progress))
    job.info.update(passes=len(job.grid))
    return values


def scores(engine, job, positions, patch, meter=None, crop=None):
    """Scores of a job's targets, float64 array [T, n], with the patch at pixel positions [n, 2]."""
    options = {"batch_size": job.batch_size, "memory_limit": job.memory_limit}
    return job.values(engine.logits(positions, patch, job.fill, crop=crop, meter=meter, **options)).numpy()
