"""Approximate heat maps: a part of the positions, with cropped windows, and an estimate of what that cost in quality.

``run`` is the method "approximate" of ``heatmap``. With a :class:`~kryptonlib.occlusion.plans.Plan` it computes the
positions of a lattice, interpolates the others, compares with exact values at a few random positions, and computes more
where the estimated SSIM misses the plan's: the positions whose errors are expected to cost most. With
:class:`~kryptonlib.occlusion.plans.Published` it does what Krypton does.
"""

import functools
import warnings

import numpy as np

from kryptonlib.occlusion import drilldown
from kryptonlib.occlusion.cropping import Reach, Threshold
from kryptonlib.occlusion.estimate import Errors, estimated_ssim, worth
from kryptonlib.occlusion.first_order import Slopes
from kryptonlib.occlusion.incremental import Incremental, scores
from kryptonlib.occlusion.lattice import fill_in, mask
from kryptonlib.occlusion.memory import kept_memory
from kryptonlib.occlusion.plans import Published
from kryptonlib.occlusion.progress import Progress
from kryptonlib.occlusion.quality import WINDOW

STEP = 0.1
"""Share of the grid that is computed more at a time where the estimate misses."""


@kept_memory()
def run(job, progress=False):
    """The approximate values of a job by its plan: float64 array [T, n].

    ``job.info`` receives "passes", and with a ``Plan`` "share" (of the grid that is computed) and "estimated_ssim". A
    grid too small for an estimate is computed exactly.

    Raises:
        Unsupported: see :class:`Incremental`.
    """
    engine = Incremental(job.module, job.image, job.clean_logits)
    meter = Progress(len(job.grid), progress)
    if isinstance(job.plan, Published):
        return published(engine, job, meter)
    if job.plan.reach is not None:
        # A checked position may be computed a second time, from its cropped windows.
        meter.total += job.plan.checks
    evaluate = evaluator(engine, job, job.plan.reach, meter)
    part = Part(job.grid.shape, evaluate, job.plan, filler(job.score))
    if not part.can_estimate:
        meter.total = len(job.grid)
        job.info.update(passes=len(job.grid))
        return scores(engine, job, job.grid.positions(), job.grid.patch, meter)
    values, estimate = climb(part, job.plan)
    if estimate.value < job.plan.ssim:
        warnings.warn(
            f"the plan reaches an estimated SSIM of {estimate.value:.2f}, not {job.plan.ssim}, even with every "
            'position computed from cropped windows; use a larger reach, or method="exact"',
            stacklevel=3,
        )
    meter.update(max(0, meter.total - meter.done), 0.0)
    job.info.update(passes=part.passes, share=float(part.computed.mean()), estimated_ssim=list(estimate))
    return values.reshape(len(job.targets), -1)


def climb(part, plan):
    """Compute the plan's lattice, and more until the estimate does: (map [T, rows, columns], estimate).

    Args:
        part: a :class:`Part` in which nothing is computed yet.
        plan: a ``Plan``.
    """
    part.compute(mask(part.known.shape, plan.lattice))
    estimate = part.estimate()
    while estimate.value < plan.ssim + plan.margin and not part.known.all():
        part.compute(part.known | part.most_worth(STEP))
        estimate = part.estimate()
    return part.map(), estimate


def evaluator(engine, job, reach, meter=None):
    """function(places [n, 2] of the grid, exact) -> scores [T, n].

    Unless exact, windows are cropped to ``reach``, and what that leaves out counts to first order.
    """
    slopes = None if reach is None else Slopes(engine, job.targets, job.score)
    crop = None if reach is None else Reach(engine.steps, reach)

    def evaluate(places, exact):
        grid = job.grid
        positions = np.stack([np.take(grid.tops, places[:, 0]), np.take(grid.lefts, places[:, 1])], 1)
        if exact or slopes is None:
            return scores(engine, job, positions, grid.patch, meter)
        options = {"batch_size": job.batch_size, "memory_limit": job.memory_limit, "meter": meter}
        return slopes.scores(positions, grid.patch, job.fill, crop=crop, **options).numpy()

    return evaluate


def filler(score):
    """How maps of a score are interpolated: ``fill_in``, for a probability in log-odds."""
    return functools.partial(fill_in, probability=score == "probability")


class Part:
    """A map of which a part is computed, and the exact positions that tell how good it is.

    Args:
        shape: (rows, columns) of the grid.
        scores: function(places [n, 2], exact) -> float64 [T, n], as from :func:`evaluator`.
        plan: a ``Plan``: its reach (None: what is computed is exact), number of checks, factor and seen count here.
        fill: what interpolates, called as ``fill_in(values, known)``.
        draw: number of the random draw of checks; the same one by default, so that a map can be computed again.

    Attributes:
        known: bool [rows, columns]: what :meth:`compute` was asked for.
        checked: integers [n, 2], the random positions that judge.
        passes: positions computed, the exact ones included.
        can_estimate: False where the grid is too small for that.
    """

    def __init__(self, shape, scores, plan, fill=fill_in, draw=0):
        self.scores, self.cropped, self.fill = scores, plan.reach is not None, fill
        self.others = None if plan.factor is None else Errors(plan.factor, plan.seen)
        self.known = np.zeros(shape, bool)
        self.passes = 0
        self.can_estimate = min(shape) >= WINDOW and self.known.size >= 4 * plan.checks
        chosen = np.random.default_rng(draw).permutation(self.known.size)[: plan.checks]
        self.checked = np.stack(np.unravel_index(np.sort(chosen), shape), 1)
        self._values = self._truth = None

    def compute(self, wanted):
        """Compute the positions of ``wanted``, bool [rows, columns], that are not yet, and at first the checks too."""
        first, asked = self._values is None, wanted.copy()
        if first and self.cropped:
            self._truth = self._scores(self.checked, True)
        elif first:
            asked[tuple(self.checked.T)] = True
        missing = np.argwhere(asked & ~self.computed)
        found = self._scores(missing, not self.cropped)
        if first:
            self._values = np.full((len(found), *self.known.shape), np.nan)
        self._values[:, missing[:, 0], missing[:, 1]] = found
        self.known = self.known | wanted

    def estimate(self):
        """The :class:`Estimate` for the target that does worst, of the map as it is without the checks."""
        rows, columns = self.checked.T
        truth = self._truth if self.cropped else self._values[:, rows, columns]
        self._judged = self.fill(self._values, self.known)
        known = None if self.cropped else self.known
        estimates = [
            estimated_ssim(one, self.checked, exact, known, self.others) for one, exact in zip(self._judged, truth)
        ]
        self._worst = min(range(len(estimates)), key=estimates.__getitem__)
        return estimates[self._worst]

    def most_worth(self, share):
        """bool [rows, columns]: the unknown positions whose errors the target that does worst suffers from most."""
        value = np.where(self.known, -1.0, worth(self._judged[self._worst], self.known))
        count = min(int(np.ceil(share * value.size)), int((~self.known).sum()))
        chosen = np.zeros(value.size, bool)
        chosen[np.argsort(-value, axis=None, kind="stable")[:count]] = True
        return chosen.reshape(value.shape)

    def map(self):
        """The map [T, rows, columns] with what is not computed interpolated, once :meth:`estimate` has judged it."""
        # Exact checks are as good as any other position, once they have judged the map without them.
        return self._judged if self.cropped else self.fill(self._values, self.computed)

    @property
    def computed(self):
        """bool [rows, columns]: where the map holds computed values."""
        computed = self.known.copy()
        if not self.cropped and self._values is not None:
            computed[tuple(self.checked.T)] = True
        return computed

    def _scores(self, places, exact):
        self.passes += len(places)
        return self.scores(places, exact)


def published(engine, job, meter):
    """Krypton's threshold and drill-down: float64 array [T, n]."""
    plan, grid = job.plan, job.grid
    crop = Threshold(engine.steps, plan.tau)
    if plan.share is None:
        job.info.update(passes=len(grid))
        return scores(engine, job, grid.positions(), grid.patch, meter, crop)
    if len(job.targets) > 1:
        raise ValueError(
            f"the drill-down looks closer where one target is sensitive; got {len(job.targets)} targets. Ask for one"
        )

    def evaluate(positions, patch):
        return scores(engine, job, positions, patch, meter, crop)[0]

    found = drilldown.run(evaluate, grid, share=plan.share, target=plan.target)
    job.info.update(passes=sum(found.passes), coarse=list(found.coarse))
    meter.update(max(0, meter.total - meter.done), 0.0)
    return found.values.reshape(1, -1)
