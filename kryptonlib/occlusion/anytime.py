"""Heat maps that get better while one waits: coarse to fine, each with an estimate of its quality."""

import time
import warnings

import numpy as np

from kryptonlib.occlusion.approximate import Part, answering, evaluator, filler
from kryptonlib.occlusion.heat import Heatmap
from kryptonlib.occlusion.job import prepare
from kryptonlib.occlusion.lattice import COARSEST, FINER, mask
from kryptonlib.occlusion.plans import Plan

FEWEST = 32
"""Positions below which a last part is not worth a map of its own."""


def refine(model, image, *, seconds=None, ssim=None, checks=48, **arguments):
    """Yield better and better maps of one image: a sixteenth of the positions, an eighth, a quarter, a half, all.

    Every position that was computed is exact and stays; the others are interpolated. The last map of a complete run
    is the exact one.

    Args:
        model, image, arguments: as for :func:`kryptonlib.occlusion.heatmap` (patch, stride, target, score, fill,
            region, cover, batch_size, memory_limit).
        seconds: time to spend, above 0, the preparation included; None goes on to the end. A stage that would take
            longer is begun with as many positions, drawn at random, as fit. The first map comes in any case.
        ssim: stop at the first map whose estimated SSIM is at least this; None goes on.
        checks: random positions that are computed exactly first, for the estimate.

    Yields:
        :class:`Heatmap` with ``estimated_ssim`` and in ``info`` "passes", "share" (of the grid that is computed) and
        "known" (the computed grid positions, the checks among them, as numbers counted row by row).

    Raises:
        ValueError, TypeError: what ``heatmap`` refuses; a grid too small to estimate quality on (below 7 positions a
            side or four times ``checks``).

    A network that cannot be traced takes an entire forward pass for each position, with one warning.

    Example:
        >>> for heat in refine(zoo.load("efficientnet-lite0"), samples.load("chelsea"), seconds=5):
        ...     print(heat.info["passes"], heat.estimated_ssim.value)
    """
    if seconds is not None and not seconds > 0:
        raise ValueError(f"seconds must be above 0, got {seconds!r}")
    plan = Plan(ssim=0.9 if ssim is None else ssim, checks=checks)
    return _maps(model, image, seconds, ssim, plan, arguments)


def _maps(model, image, seconds, ssim, plan, arguments):
    started = time.perf_counter()
    job = prepare(model, image, **arguments)
    engine = answering(job)
    part = Part(job.grid.shape, evaluator(engine, job, None), plan, filler(job.score))
    if job.notes:
        warnings.warn("; ".join(job.notes), stacklevel=2)
    if not part.can_estimate:
        raise ValueError(
            f"the grid of {job.grid.shape[0]}x{job.grid.shape[1]} positions is too small to estimate quality on; use "
            'heatmap(method="exact")'
        )
    random = np.random.default_rng(0)
    lattice, done = COARSEST, False
    while not done:
        wanted = mask(job.grid.shape, lattice)
        missing = np.flatnonzero(wanted & ~part.computed)
        if seconds is not None and lattice != COARSEST:
            # What a position costs is known from those before: the checks, and the earlier lattices.
            spent = time.perf_counter() - started
            fits = int((seconds - spent) / (spent / part.passes))
            if fits < FEWEST:
                return
            done = fits < len(missing)
            if done:
                wanted = np.zeros(job.grid.shape, bool)
                wanted.flat[random.permutation(missing)[:fits]] = True
        part.compute(wanted)
        estimate = part.estimate()
        known = np.flatnonzero(part.computed)
        job.info.update(passes=part.passes, share=len(known) / len(job.grid), known=known.tolist())
        job.info["estimated_ssim"] = list(estimate)
        yield Heatmap.of_job(job, part.map(), "refined", time.perf_counter() - started)
        done = done or lattice not in FINER or (ssim is not None and estimate.value >= ssim)
        lattice = FINER.get(lattice)
