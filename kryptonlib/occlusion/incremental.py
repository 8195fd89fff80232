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

from kryptonlib.occlusion.apart import computes_apart
from kryptonlib.occlusion.fold import prepared
from kryptonlib.occlusion.grouping import make_groups
from kryptonlib.occlusion.head import Head, find_head, finished_map
from kryptonlib.occlusion.memory import kept_memory
from kryptonlib.occlusion.progress import Progress
from kryptonlib.occlusion.proof import agrees, alone, closeness, company, probes
from kryptonlib.occlusion.reader import read_steps
from kryptonlib.occlusion.steps import Unsupported
from kryptonlib.occlusion.sweep import Sweep

BATCH = 64
"""Positions per batch: enough for fast convolutions, few enough for a layer's windows to stay in the cache."""
MEMORY = 5 << 24
"""Bytes that the windows may take at the default: 80 MiB. More makes no network faster on a CPU, and DenseNet slower:
the heap's gaps (``memory``) grow with it."""
MEMORY_BESIDE = 1 << 30
"""The same on a GPU: 1 GiB, since its memory is kept by an allocator of its own."""

WRONG_TRACE = (
    "torch.fx followed Python code or a use of memory wrongly, such as one branch of a decision by the input's values"
)


class Incremental:
    """A network with the kept activations of one clean image.

    Args:
        module: nn.Module in evaluation mode that takes [n, C, H, W] and returns logits [n, classes].
        image: the clean image [1, C, H, W] on the module's device.
        truth: the module's logits for it, where they are known already.
        notes: a list that takes what there is to warn of; None warns.

    Raises:
        Unsupported: torch.fx cannot trace the module rightly, or it is no network from one image to logits.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(72, 3)).eval()
        >>> engine = Incremental(net, torch.rand(1, 1, 8, 8))
        >>> engine.logits([(0, 0), (2, 4)], (3, 3), torch.zeros(1, 8, 8)).shape
        torch.Size([2, 3])
    """

    def __init__(self, module, image, truth=None, notes=None):
        # Not inference_mode: autograd refuses its tensors, and ``linear_tail`` differentiates these steps.
        with torch.no_grad():
            traced = prepared(module)
            # Before ``read_steps`` lets go of weights.
            apart = traced is not None and computes_apart(traced)
            self.steps, self.output = read_steps(traced, image.contiguous(memory_format=torch.channels_last))
            self.image = image
            self.clean = self.steps[self.output].clean
            self._prove(module, module(image.clone()) if truth is None else truth, apart)
        self.head = find_head(self.steps, self.output)
        if self.head[0] == 0:
            raise Unsupported("the network has no map between the image and its first linear layer")
        unknown = [step.name for step in self.steps if not step.known]
        if unknown:
            text = (
                f"the occlusion engine does not know the operator {unknown[0]!r}: from there on entire maps are "
                "computed (correct, but without savings)"
            )
            if notes is None:
                warnings.warn(text, stacklevel=2)
            else:
                notes.append(text)

    def _prove(self, module, truth, apart):
        """See that the steps give the module's answers, to the clean image and to random ones beside each other."""
        images = probes(self.image)
        try:
            truths = torch.cat([truth, alone(module, images)])
        # The caller's code refuses images that it does not know.
        except Exception as error:
            raise Unsupported(f"the network cannot be tried on random images ({type(error).__name__})") from error
        try:
            answers = self.entire(images)
            # Where an answer may depend on the company, each of the two gets another, in the same place.
            for mine in () if apart else (0, 1):
                pair = company(self.image)
                pair[mine] = images[mine]
                if not agrees(self.entire(pair)[mine], answers[mine], closeness(answers)):
                    raise Unsupported("the network answers an image beside others otherwise than alone")
        except Unsupported:
            raise
        except Exception as error:
            raise Unsupported(f"the network takes no batches ({type(error).__name__}: {error})") from error
        if not agrees(torch.cat([self.clean, answers]), truths):
            raise Unsupported(WRONG_TRACE)

    def entire(self, images):
        """Logits of images [n, C, H, W] by the steps, nothing of them kept."""
        values = {0: images.contiguous(memory_format=torch.channels_last)}
        last = {source: index for index, step in enumerate(self.steps) for source in step.sources}
        for index, step in enumerate(self.steps[1:], 1):
            values[index] = finished_map(step.run(len(images), [values[source] for source in step.sources]), step)
            for source in step.sources:
                if last[source] == index and source != self.output:
                    values.pop(source, None)
        return values[self.output]

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
            crop: what to keep of each window, see ``spread.changed_intervals`` and ``cropping``; None is exact.
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
                run = Sweep(self, head, groups, boxes[busy], fill, batch, limit, slopes, gaps)
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


def run(job, progress=False):
    """The exact values of a job, incrementally: float64 array [T, n].

    Raises:
        Unsupported: see :class:`Incremental`.
    """
    engine = Incremental(job.module, job.image, job.clean_logits, job.notes)
    values = scores(engine, job, job.grid.positions(), job.grid.patch, Progress(len(job.grid), progress))
    job.info.update(passes=len(job.grid))
    return values


def scores(engine, job, positions, patch, meter=None, crop=None):
    """Scores of a job's targets, float64 array [T, n], with the patch at pixel positions [n, 2]."""
    options = {"batch_size": job.batch_size, "memory_limit": job.memory_limit}
    return job.values(engine.logits(positions, patch, job.fill, crop=crop, meter=meter, **options)).numpy()
