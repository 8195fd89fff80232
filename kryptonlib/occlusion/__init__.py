"""Occlusion heat maps: which part of the image made the network decide as it did?

``heatmap`` covers the image with a patch at every position of a grid and records the score of a class each time.

- ``grid``: where the patches go, and how values per patch become values per pixel
- ``scores``: probability, log-odds, logit, or the output of a network that is no classifier
- ``job``: the checked arguments in tensor units, shared by every method
- ``full``: one forward pass per position: the definition, and the tuned baseline
- ``incremental``: only what the patch changes, exactly; ``intervals``, ``steps``, ``operators``, ``spread``,
  ``changes``, ``axes``, ``grouping``, ``schedule``, ``rooms``, ``windows``, ``sweep`` and ``head`` are its parts
- ``prediction_difference``: the patch filled with what could stand there, averaged over draws
- ``plain``, ``fold``, ``proof``: what of a caller's network may be replaced, and whether the rest was understood
- ``attribution``: Captum's ``Occlusion`` on top of it
- ``approximate``: part of the positions and of each window, with an estimate of the quality reached; ``cropping``,
  ``lattice``, ``estimate``, ``drilldown`` and ``plans`` are its parts, ``tuning`` finds a plan, ``quality`` judges it
- ``anytime``: maps that get better until the time is up
- ``linear_tail``, ``shrink``: two ideas that notebook 21 weighs against these
- ``krypton_tuner``: Krypton's own tuner; ``score_cache``: one image's scores computed once, and their work counted
- ``heat``: the result
"""

import time
import warnings
from dataclasses import replace

from kryptonlib.choices import check_choice
from kryptonlib.occlusion import approximate, full, incremental
from kryptonlib.occlusion.anytime import refine
from kryptonlib.occlusion.attribution import Occlusion
from kryptonlib.occlusion.estimate import EXACT
from kryptonlib.occlusion.grid import Grid, make_grid
from kryptonlib.occlusion.heat import Heatmap
from kryptonlib.occlusion.job import Job, prepare
from kryptonlib.occlusion.memory import kept_memory
from kryptonlib.occlusion.plans import Plan, Published
from kryptonlib.occlusion.prediction_difference import Surroundings, prediction_difference
from kryptonlib.occlusion.scores import SCORES
from kryptonlib.occlusion.steps import Unsupported
from kryptonlib.occlusion.tuning import tune

__all__ = [
    "Grid",
    "Heatmap",
    "Job",
    "METHODS",
    "Occlusion",
    "Plan",
    "Published",
    "SCORES",
    "Surroundings",
    "heatmap",
    "make_grid",
    "prediction_difference",
    "prepare",
    "refine",
    "tune",
]

METHODS = {"full": full.run, "exact": incremental.run, "approximate": approximate.run}
"""The methods: a name, and a function ``run(job, progress) -> float64 array [T, n]``."""


def heatmap(
    model,
    image,
    *,
    patch=16,
    stride=4,
    target=None,
    score="probability",
    fill=0.0,
    region=None,
    cover="grid",
    method=None,
    plan=None,
    ssim=None,
    batch_size=None,
    memory_limit=None,
    progress=False,
):
    """Cover the image with a patch, position by position, and record how a class's score changes.

    Args:
        model: a ``zoo`` classifier, or an nn.Module in evaluation mode that returns logits [n, classes].
        image: for a classifier an image [H, W] or [H, W, 3], float in [0, 1], uint8 or uint16 (or a ``samples.Sample``,
            a Pillow image, or a file's path), which the classifier itself resizes and crops; for an nn.Module a
            prepared tensor [1, C, H, W]. Patches are placed in the network's input, after the resizing.
        patch: patch size in pixels, an integer or (rows, columns).
        stride: step between positions in pixels, an integer or (rows, columns).
        target: class index; several give ``values`` [T, rows, columns] from the same passes; None is the top class.
        score: "probability", "log-odds" (log p/(1-p), for classes near 0 or 1), "logit", or "output" (the same number
            as "logit", for networks that are no classifiers, such as one that estimates an age).
        fill: what the patch shows: a grey in [0, 1], an RGB colour, "mean" (the input's mean colour) or "blur" (the
            input blurred by a Gaussian of half the patch's longer side). With an nn.Module the number, or one number
            per channel, is in tensor units.
        region: (top, left, height, width) of the input inside which the patch stays; None is all of it.
        cover: "grid" gives floor((H - h) / s) + 1 positions a side; "flush" adds a last one that ends at the border.
        method: "exact" computes only what the patch changes (the same values up to rounding); "full" runs one forward
            pass per position; "approximate" computes a part and estimates what that costs in quality. None picks:
            "approximate" where a plan or an SSIM is given, else "exact". A grid too small to estimate the quality, and
            an image that does not reach it, are computed exactly in either case.
        plan: for "approximate", a :class:`Plan` (``tune`` finds one) or a :class:`Published`.
        ssim: the SSIM with the exact map that is wanted, in (0, 1); alone it stands for ``Plan(ssim=ssim)``.
        batch_size: patches per forward pass; None finds a fast one on the first patches.
        memory_limit: bytes that the activations of a batch may take; None is a quarter of the free memory.
        progress: True writes a line with the time left to standard error; a function is called with (finished, total,
            seconds left).

    Returns:
        A :class:`Heatmap`. A network that cannot be traced, or not rightly, is passed every position in full, and one
        whose answer to an image depends on the images beside it gets them one by one; a warning says so.

    Raises:
        ValueError, TypeError: an image outside its range, of the wrong shape or with NaN, a patch larger than the
            image, a stride below 1, a target out of range, a network in training mode, a memory limit below one pass.

    Source:
        Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014; Krypton, sections 1 and 3.

    Example:
        >>> heat = heatmap(zoo.load("efficientnet-lite0"), samples.load("chelsea"), patch=32, stride=16, fill=0.5)
        >>> heat.values.shape
        (13, 13)
    """
    if method is None:
        method = "exact" if plan is None and ssim is None else "approximate"
    check_choice("method", method, METHODS)
    plan = _plan(method, plan, ssim)
    started = time.perf_counter()
    # From the first clean pass on: folding and packing the weights frees as much memory as the windows do.
    with kept_memory():
        job = prepare(
            model,
            image,
            patch=patch,
            stride=stride,
            target=target,
            score=score,
            fill=fill,
            region=region,
            cover=cover,
            batch_size=batch_size,
            memory_limit=memory_limit,
        )
        job.plan = plan
        try:
            values = METHODS[method](job, progress)
        except Unsupported as reason:
            job.notes = [f"{reason}; every position is computed in full"]
            values = full.run(job, progress)
            if isinstance(plan, Plan):
                job.info["estimated_ssim"] = list(EXACT)
    if job.notes:
        warnings.warn("; ".join(job.notes), stacklevel=2)
    return Heatmap.of_job(job, values, method, time.perf_counter() - started)


def _plan(method, plan, ssim):
    """The settings of an approximate method, or None for the others."""
    if method != "approximate":
        if plan is not None or ssim is not None:
            raise ValueError(f'plan and ssim belong to method="approximate", not to method={method!r}')
        return None
    if plan is None:
        if ssim is None:
            raise ValueError('method="approximate" needs ssim (the quality wanted, such as 0.9) or a plan')
        return Plan(ssim=ssim)
    if not isinstance(plan, (Plan, Published)):
        raise TypeError(f"plan must be an occlusion.Plan or occlusion.Published, got {type(plan).__name__}")
    if ssim is None:
        return plan
    if isinstance(plan, Published):
        raise ValueError("Krypton's settings promise no quality: leave ssim out, or give a Plan")
    return replace(plan, ssim=ssim)
