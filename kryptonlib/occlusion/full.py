"""Brute-force occlusion: one forward pass per patch position. The definition, and the tuned baseline.

This is Zeiler and Fergus's experiment (2014; Krypton, section 1) as fast as plain PyTorch runs it: batch norm folded,
channels_last, inference mode, one batch tensor for the entire run into which each patch is pasted and from which it
is taken out again, and a batch size found on the run's own first patches. Speed-ups are measured against it.

A network that cannot be traced, or not rightly, is called as the caller made it, on images that lie in memory as the
caller's does; one whose answer to an image depends on the images beside it gets them one by one.
"""

import os
import time

import torch

from kryptonlib.occlusion.apart import computes_apart
from kryptonlib.occlusion.fold import prepared
from kryptonlib.occlusion.job import checked_logits
from kryptonlib.occlusion.progress import Progress
from kryptonlib.occlusion.proof import alone, company, keeps_apart, like, probes

CANDIDATES = (8, 16, 32, 64, 128)
"""Batch sizes that are tried where the caller names none."""
COMPANY = 5
"""Images that are passed together to see whether a network answers each as it does alone."""
FOLD_FROM = 16
"""From this many positions on, folding (a copy of the weights) and its proof are worth their time."""
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
    count = len(job.grid)
    passes = Passes(job, count)
    logits = passes.logits(job.grid.positions(), meter=Progress(count, progress))
    job.info.update(batch_size=int(passes.size), passes=count)
    return job.values(logits).numpy()


class Passes:
    """A network's answers by forward passes, with the interface of ``incremental.Incremental`` as far as others use it.

    Args:
        job: a :class:`kryptonlib.occlusion.job.Job`.
        count: how many positions will be asked for, about.

    Attributes:
        size: the batch size of the last pass.
    """

    def __init__(self, job, count):
        self.job, self.count, self.seconds = job, count, {}
        with torch.inference_mode():
            self.limit = min(largest_batch(job, measure(job, job.module)), count)
            self.module, self.ours, together = self._choose()
            if not together:
                self.limit = 1
        self.size = self.limit
        self.trials = [] if job.batch_size else [size for size in CANDIDATES if size <= self.limit]
        self.batch = Batch(job, self.limit, self.ours)

    def _choose(self):
        """(module, whether it is a folded copy of ours, whether it may be given several images at once)."""
        job, most = self.job, min(self.limit, COMPANY)
        if self.count < FOLD_FROM and (not job.batch_size or most == 1):
            return job.module, False, False
        images, beside = probes(job.image, job.fill), company(job.image, job.fill)
        try:
            truths = alone(job.module, images)
        # The caller's code refuses images that it does not know.
        except Exception as error:
            job.notes.append(f"the network cannot be tried on random images ({type(error).__name__}: {error})")
            return job.module, False, False
        images, truths = torch.cat([images, job.image]), torch.cat([truths, job.clean_logits])
        folded = prepared(job.module) if self.count >= FOLD_FROM else None
        if folded is not None:
            around = None if computes_apart(folded) else _fast(beside)
            # Its forward itself: fx's call prints the code where that raises.
            if keeps_apart(folded.forward, _fast(images), truths, around, most):
                return folded.forward, True, True
        if most == 1 or keeps_apart(job.module, images, truths, beside, most):
            return job.module, False, True
        job.notes.append(
            "the network answers an image beside others otherwise than alone (it mixes its batch, takes batches of one "
            "only, or draws random numbers): every position is passed through it by itself"
        )
        return job.module, False, False

    def logits(self, positions, patch=None, fill=None, *, crop=None, batch_size=None, memory_limit=None, meter=None):
        """Logits [n, classes] with the job's patch at each position [n, 2] of (top, left).

        ``patch``, ``fill``, ``batch_size`` and ``memory_limit`` are the job's; ``crop`` is for incremental inference.
        """
        if crop is not None:
            raise ValueError("an entire forward pass has no windows that could be cropped")
        done, found = 0, []
        with torch.inference_mode():
            while done < len(positions):
                if self.trials and done <= TRIALS * len(positions):
                    self.size = self.trials.pop(0)
                elif self.seconds:
                    self.size = min(self.seconds, key=self.seconds.get)
                take = min(self.size, len(positions) - done)
                started = time.perf_counter()
                found.append(checked_logits(self.batch.passed(self.module, positions[done : done + take]), take))
                if take == self.size and not self.job.batch_size:
                    spent = (time.perf_counter() - started) / take
                    self.seconds[self.size] = min(spent, self.seconds.get(self.size, spent))
                done += take
                if meter:
                    meter.update(take)
            return torch.cat(found) if found else self.job.clean_logits[:0]


def _fast(images):
    return images.contiguous(memory_format=torch.channels_last)


class Batch:
    """One tensor of copies of the clean image. A patch is pasted for a pass and only its pixels are restored after.

    Args:
        job: the image, the fill and the grid.
        size: most images at a time.
        ours: True for a folded network, which is fastest in channels_last and whose batch may be used again. The
            caller's own module gets images that lie as the caller's does, and new ones each time.
    """

    def __init__(self, job, size, ours=True):
        self.image, self.clean, self.fill, self.ours = job.image, job.image[0], job.fill, ours
        self.height, self.width = job.grid.patch
        self.size = size
        self._renew()

    def _renew(self):
        # Fresh memory costs the operating system more than writing to it: a fifth of the time on Linux. A tensor made
        # in inference mode would not count who writes to it.
        with torch.inference_mode(False):
            batch = self.image.repeat(self.size, 1, 1, 1)
            self.tensor = _fast(batch) if self.ours else like(batch, self.image)
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

    def passed(self, module, positions):
        """What a module makes of the occluded images."""
        images = self.occluded(positions)
        if not self.ours:
            return module(images.clone())
        version = self.tensor._version
        answers = module(images)
        if self.tensor._version != version:
            # The network writes into its input.
            answers = answers.clone()
            self._renew()
        return answers


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
    """Bytes of activations that an image needs, by a pass of the clean image.

    It is an upper estimate. The largest layer's input and output live at once; twice that leaves room for a skipped
    branch and for the convolution's own workspace.
    """
    largest = 0

    def look(_, inputs, output):
        nonlocal largest
        tensors = [t for t in (*inputs, output) if isinstance(t, torch.Tensor)]
        largest = max(largest, sum(t.numel() * t.element_size() for t in tensors))

    # Compiled by TorchScript, a part takes no hooks; its neighbours then tell.
    parts = [part for part in module.modules() if not isinstance(part, torch.jit.ScriptModule)]
    handles = [part.register_forward_hook(look) for part in parts if not list(part.children())]
    try:
        checked_logits(module(job.image.clone()), 1)
    finally:
        for handle in handles:
            handle.remove()
    image = job.image.numel() * job.image.element_size()
    return image + 2 * max(largest, image)


def free_bytes(device):
    """Free memory of the device in bytes; 4 GiB where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 4 << 30
