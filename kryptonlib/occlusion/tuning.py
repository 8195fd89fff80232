"""Find the cheapest plan that reaches a quality, on images of one's own, and judge it on others.

Every candidate is played through on the tuning images with their exact maps at hand: the lattice it begins with, the
estimates it would make, the positions it would go on to, the SSIM it ends at and the MACs it would have spent.
Nothing is timed, so that tuning gives the same plan on any machine.
"""

import itertools
import warnings
from dataclasses import replace

import numpy as np
import skimage
import torch
from scipy.stats import binomtest
from scipy.stats import t as student

from kryptonlib.occlusion import quality
from kryptonlib.occlusion.grid import pair
from kryptonlib.occlusion.plans import Plan
from kryptonlib.occlusion.progress import Progress
from kryptonlib.occlusion.trial import Trial

REACHES = (None, 0.6, 0.4, 0.3)
"""What of each window is kept: candidates of ``tune``."""
STARTS = ("quarter", "third", "half")
MARGINS = (0.0, 0.01, 0.02, 0.03)
CHECKS = (16, 32)
"""Exact positions that judge: candidates. With what the tuning images tell, more judge hardly better."""
DRAWS = 4
"""How often each plan is played on each tuning image, each time with other checks: what they say is luck in part."""
MET = 0.9
"""Share of images not seen that are to reach the quality."""
WORST = 0.1
"""How far below it no play may end."""


def tune(
    model,
    images,
    *,
    ssim=0.9,
    patch=16,
    stride=4,
    held_out=None,
    reaches=REACHES,
    checks=CHECKS,
    progress=False,
    **arguments,
):
    """Find the cheapest :class:`Plan` for a quality, and judge it on images that it was not chosen on.

    How large errors are beside the map's curvature, and how much of them SSIM sees, is learned from the tuning images
    (``Plan.factor``, ``Plan.seen``). Then every candidate is played four times on each of them, with other random
    checks each time and with what the other images tell. The plan is the one with the largest speed-up (the geometric
    mean, counted in MACs) among those with which 90 % of new images are expected to reach ``ssim``
    (:func:`expected_of_most`) and no play ends more than 0.1 below. Where no candidate does, it is the one with the
    highest SSIM. A reach whose entire maps are expected to fail is no candidate.

    Args:
        model: a ``zoo`` classifier or an nn.Module, as for ``heatmap``.
        images: at least two; as ``heatmap`` takes them.
        ssim: the raw-map SSIM wanted, in (0, 1).
        patch, stride: of the maps; a plan is for these.
        held_out: images to judge on; None takes every second of ``images`` away from tuning.
        reaches: candidates for ``Plan.reach``; None among them is exact.
        checks: candidates for ``Plan.checks``; with cropped windows only the largest.
        progress: True writes a line to standard error, maps computed and the time left.
        arguments: target (one), score, fill, region, cover, as for ``heatmap``.

    Returns:
        A :class:`Plan` with ``tuned`` and ``judged`` filled in. ``judged`` holds n, met (the share of held-out images
        that reached ``ssim``), interval (95 %, Wilson's), worst (the lowest SSIM), shortfall (how far that is below
        ``ssim``, at least 0), median, speedup (the median, counted in MACs), and beside: the medians of the measures
        that SSIM should not be seen without, "spearman", "overlap" and for probabilities "rendered_ssim".

    Raises:
        ValueError, TypeError: fewer than two images, a grid too small to estimate on, a map that is constant (where a
            probability does not move, ``score="log-odds"`` does).

    Source:
        The idea of tuning to an SSIM is Krypton's (SIGMOD 2019), which fits a quadratic in tau to 30 images.

    Example:
        >>> plan = tune(zoo.load("resnet18-distilled"), photos, ssim=0.9)
        >>> heat = heatmap(zoo.load("resnet18-distilled"), photo, method="approximate", plan=plan)
    """
    images = list(images)
    if held_out is None:
        images, held_out = images[::2], images[1::2]
    held_out = list(held_out)
    if not images or not held_out:
        raise ValueError("tune() needs at least one image to tune on and one to judge on; give two images or more")
    if np.ndim(arguments.get("target")) == 1:
        raise ValueError(f"a plan is tuned for one target an image, got {arguments['target']!r}")
    arguments = dict(arguments, patch=patch, stride=stride)
    meter = Progress(len(images) * len({None, *reaches}) + len(held_out) * 2, progress, unit="maps")

    def trials(some, kept):
        return (Trial(model, image, kept, meter, **arguments) for image in some)

    learned = list(trials(images, ()))
    whole = next((trial.whole for trial in learned if trial.whole), None)
    if whole:
        reaches = (None,)
        warnings.warn(f"{whole}; every position takes an entire forward pass, and no window is cropped", stacklevel=2)
    plan = choose(candidates(ssim, reaches, checks), learned, ssim)
    meter.total = meter.done + len(held_out) * len({None, plan.reach})
    results = [trial.play(plan, beside=True) for trial in trials(held_out, [plan.reach])]
    tuned = {
        "network": getattr(model, "name", type(model).__name__),
        "patch": list(pair(patch, "patch")),
        "stride": list(pair(stride, "stride")),
        "images": [getattr(image, "name", f"image {number}") for number, image in enumerate(images)],
        "held_out": [getattr(image, "name", f"image {number}") for number, image in enumerate(held_out)],
        "arguments": {name: str(value) for name, value in arguments.items() if name not in ("patch", "stride")},
        "draws": DRAWS,
        "versions": {"torch": torch.__version__, "scikit-image": skimage.__version__},
    }
    return replace(plan, tuned=tuned, judged=judged(results, ssim))


def candidates(ssim, reaches=REACHES, checks=CHECKS):
    """Every :class:`Plan` that ``tune`` plays through.

    Where windows are cropped it has the most checks. What a crop loses differs from image to image, and only checks
    tell that an image is unlike those that were tuned on.
    """
    return [
        Plan(ssim=ssim, lattice=start, reach=reach, checks=count, margin=margin)
        for reach, start, count, margin in itertools.product(reaches, STARTS, checks, MARGINS)
        if reach is None or count == max(checks)
    ]


def choose(plans, trials, ssim):
    """The best of the plans on these trials, with what their images tell of errors: the geometric means."""
    enough = far_enough({plan.reach for plan in plans}, trials, ssim)
    plans = [plan for plan in plans if plan.reach in enough]
    starts = {(plan.reach, plan.lattice) for plan in plans}
    logs = {start: np.log([trial.errors(*start) for trial in trials]) for start in starts}

    def informed(plan, without=()):
        factor, seen = np.exp(np.delete(logs[plan.reach, plan.lattice], without, 0).mean(0))
        return replace(plan, factor=float(factor), seen=float(seen))

    def plays(plan):
        for number, trial in enumerate(trials):
            # An image that the plan is used on later has told nothing; one that is alone must speak for itself.
            known = informed(plan, number if len(trials) > 1 else ())
            yield [trial.play(known, draw=draw) for draw in range(DRAWS)]

    return informed(plans[best([list(plays(plan)) for plan in plans], ssim)])


def far_enough(reaches, trials, ssim):
    """Those of the reaches whose maps, all of them computed, are good enough: exact positions need not mend them often.

    The largest comes first and stays in any case, since any plan is better than none. A smaller one than the first to
    fail loses more, and its maps are not computed.
    """
    enough = []
    for reach in sorted(reaches, key=lambda one: one or 1.0, reverse=True):
        for trial in trials:
            trial.need([reach])
        if enough and expected_of_most([[quality.ssim(t.maps[None][0], t.maps[reach][0])] for t in trials]) < ssim:
            break
        enough.append(reach)
    return enough


def expected_of_most(values):
    """What 90 % of new images are expected to reach, by SSIMs [images, draws] on a few.

    It is the lower end of Student's prediction interval. That all of six images are good enough would promise it for
    six of seven only. A single image counts as it is.
    """
    values = np.asarray(values)
    count = len(values)
    if count == 1:
        return values.mean()
    spread = values.std() * np.sqrt(count / (count - 1))
    return values.mean() - student.ppf(MET, count - 1) * np.sqrt(1 + 1 / count) * spread


def best(played, ssim):
    """The number of the candidate to take; ``played`` [candidates][images][draws] of :class:`Played`."""
    quality = np.array([[[one.ssim for one in draws] for draws in images] for images in played])
    speed = np.exp(np.log([[[one.speedup for one in draws] for draws in images] for images in played]).mean((1, 2)))
    fit = (np.array([expected_of_most(one) for one in quality]) >= ssim) & (quality.min((1, 2)) >= ssim - WORST)
    return int(np.argmax(np.where(fit, speed, 0))) if fit.any() else int(np.argmax(quality.mean((1, 2))))


def judged(results, ssim):
    """What a list of :class:`Played` says of a plan, see :func:`tune`."""
    quality = np.array([one.ssim for one in results])
    met = int((quality >= ssim).sum())
    low, high = binomtest(met, len(results)).proportion_ci(0.95, "wilson")
    return {
        "n": len(results),
        "met": met / len(results),
        "interval": [float(low), float(high)],
        "worst": float(quality.min()),
        "shortfall": float(max(0.0, ssim - quality.min())),
        "median": float(np.median(quality)),
        "speedup": float(np.median([one.speedup for one in results])),
        "beside": {name: float(np.median([one.beside[name] for one in results])) for name in results[0].beside},
    }
