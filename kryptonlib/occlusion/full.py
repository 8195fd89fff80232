"""Brute-force occlusion: one forward pass per patch position. The definition, and the tuned baseline.

This is Zeiler and Fergus's experiment (2014; Krypton, section 1) as fast as plain PyTorch runs it: batch norm folded,
channels_last, inference mode, one batch tensor for the entire run into which each patch is pasted and from which it
is taken out again, and a batch size found on the run's own first patches. Speed-ups are measured against it.
"""

import os
import time

import torch

from kryptonlib.occlusion.fold import agrees, prepared
from kryptonlib.occlusion.job import checked_logits
from kryptonlib.occlusion.progress import Progress

CANDIDATES = (8, 16, 32, 64, 128)
"""Batch sizes that are tried where the caller names none."""
FOLD_FROM = 16
"""From this many positions on, folding (a copy of the weights) is worth its time."""
TRIALS = 1 / 3
"""Part of the positions after which no further batch size is tried; what the trials compute is kept."""


def run(job, progress=False):
    """Compute every position of ``job`` by a forward pass of its own.

    Args:
        job: a :class:`kryptonlib.occlusion.job.Job`.
        progress: see :class:`kryptonlib.occlusion.progress.Progress`.

    Returns:
        float64 array [T, n]: the score of each target at each position, row by row of the grid. ``job.info`` receives
        "batch_size" and "passes".
    """
    positions = job.grid.positions()
    count = len(positions)
    meter = Progress(count, progress)
    module = prepared(job.module) if count >= FOLD_FROM else job.module
    values = torch.empty(len(job.targets), count, dtype=torch.float64)
    with torch.inference_mode():
        each, logits = measure(job, module)
        if not agrees(logits, job.clean_logits):
            module = job.module
        limit = largest_batch(job, each)
        batch = Batch(job, min(limit, count))
        trials = [] if job.batch_size else [size for size in CANDIDATES if size <= limit]
        done, size, seconds = 0, limit, {}
        while done < count:
            if trials and done <= TRIALS * count:
                size = trials.pop(0)
            elif seconds:
                size = min(seconds, key=seconds.get)
            take = min(size, count - done)
            started = time.perf_counter()
            logits = checked_logits(module(batch.occluded(positions[done : done + take])), take)
            values[:, done : done + take] = job.values(logits)
            if take == size and not job.batch_size:
                spent = (time.perf_counter() - started) / take
                seconds[size] = min(spent, seconds.get(size, spent))
            done += take
            meter.update(take)
    job.info.update(batch_size=int(size), passes=count)
    return values.numpy()


class Batch:
    """One tensor of copies of the clean image. A patch is pasted for a pass and only its pixels are restored after."""

    def __init__(self, job, size):
        self.clean, self.fill = job.image[0], job.fill
        self.height, self.width = job.grid.patch
        # Fresh memory costs the operating system more than writing to it: a fifth of the time on Linux.
        self.tensor = job.image.repeat(size, 1, 1, 1).contiguous(memory_format=torch.channels_last)
        self.dirty = []

    def occluded(self, positions):
        """The first len(positions) items of the batch, the patch at (top, left) = ``positions[i]`` in item i."""
        for item, box in self.dirty:
            self.tensor[item][box] = self.clean[box]
        self.dirty = []
        for item, (top, left) in enumerate(positions):
            box = (slice(None), slice(top, top + self.height), slice(left, left + self.width))
            self.tensor[item][box] = self.fill[box]
            self.dirty.append((item, box))
        return self.tensor[: len(positions)]


def largest_batch(job, each):
    """The largest batch size that the memory limit allows at ``each`` bytes an image, or the caller's own batch size.

    Raises:
        ValueError: the limit is below what a single pass, or the asked batch size, needs.
    """
    limit = job.memory_limit or free_bytes(job.image.device) // 4
    fits = int(limit // each)
    if job.memory_limit and fits < (job.batch_size or 1):
        raise ValueError(
            f"memory_limit={limit} bytes is below what {job.batch_size or 1} image(s) of this network need "
            f"(about {each * (job.batch_size or 1)} bytes of activations); raise it or lower batch_size"
        )
    return job.batch_size or max(1, min(fits, CANDIDATES[-1]))


def measure(job, module):
    """One pass of the clean image: (bytes of activations an image needs, the logits).

    The bytes are an upper estimate. The largest layer's input and output live at once; twice that leaves room for a
    skipped branch and for the convolution's own workspace.
    """
    largest = 0

    def look(_, inputs, output):
        nonlocal largest
        tensors = [t for t in (*inputs, output) if isinstance(t, torch.Tensor)]
        largest = max(largest, sum(t.numel() * t.element_size() for t in tensors))

    leaves = [part for part in module.modules() if not list(part.children())]
    handles = [leaf.register_forward_hook(look) for leaf in leaves]
    try:
        logits = checked_logits(module(job.image), 1)
    finally:
        for handle in handles:
            handle.remove()
    image = job.image.numel() * job.image.element_size()
    return image + 2 * max(largest, image), logits


def free_bytes(device):
    """Free memory of the device in bytes; 4 GiB where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 4 << 30
