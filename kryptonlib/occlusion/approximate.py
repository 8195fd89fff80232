"""Approximate heat maps: a part of the positions, with cropped windows, and an estimate of what that cost in quality.

``run`` is the method "approximate" of ``heatmap``. With a :class:`~kryptonlib.occlusion.plans.Plan` it computes the
positions of a lattice, interpolates the others, compares with exact values at a few random positions, and computes more
where the estimated SSIM misses the plan's: the positions whose errors are expected to cost most, or where windows were
cropped a lattice of exact positions, whose differences from the cropped map are interpolated. With
:class:`~kryptonlib.occlusion.plans.Published` it does what Krypton does.
"""

import functools
import warnings

import numpy as np

from kryptonlib.occlusion import drilldown
from kryptonlib.occlusion.cropping import Reach, Threshold
from kryptonlib.occlusion.estimate import EXACT, Errors, estimated_ssim, worth
from kryptonlib.occlusion.first_order import Slopes
from kryptonlib.occlusion.full import Passes
from kryptonlib.occlusion.incremental import Incremental, scores
from kryptonlib.occlusion.lattice import COARSEST, FINER, fill_in, mask
from kryptonlib.occlusion.plans import Published
from kryptonlib.occlusion.progress import Progress
from kryptonlib.occlusion.quality import WINDOW
from kryptonlib.occlusion.steps import Unsupported

STEP = 0.1
"""Share of the grid that is computed more at a time where the estimate misses."""


def run(job, progress=False):
    """The approximate values of a job by its plan: float64 array [T, n].

    ``job.info`` receives "passes", and with a ``Plan`` "share" (of the grid that is computed) and "estimated_ssim". A
    grid too small for an estimate is computed exactly.

    Raises:
        Unsupported: the network cannot be traced (see :class:`Incremental`) and the plan crops windows.
    """
    crops = isinstance(job.plan, Published) or job.plan.reach is not None
    engine = Incremental(job.module, job.image, job.clean_logits, job.notes) if crops else answering(job)
    meter = Progress(len(job.grid), progress)
    if isinstance(job.plan, Published):
        return published(engine, job, meter)
    if job.plan.reach is not None:
        # At worst everything is computed exactly after all.
        meter.total += int(mask(job.grid.shape, job.plan.lattice).sum())
    evaluate = evaluator(engine, job, job.plan.reach, meter)
    part = Part(job.grid.shape, evaluate, job.plan, filler(job.score))
    if not part.can_estimate:
        meter.total = len(job.grid)
        job.info.update(passes=len(job.grid), share=1.0, estimated_ssim=list(EXACT))
        return scores(engine, job, job.grid.positions(), job.grid.patch, meter)
    values, estimate = climb(part, job.plan)
    if part.known.all():
        warnings.warn(
            f"the plan does not suit this image: for an estimated SSIM of {job.plan.ssim} every position had to be "
            "computed exactly",
            stacklevel=3,
        )
    meter.update(max(0, meter.total - meter.done), 0.0)
    share = float((part.computed | part.cropped).mean())
    job.info.update(passes=part.passes, share=share, estimated_ssim=list(estimate))
    return values.reshape(len(job.targets), -1)


def answering(job):
    """What computes a job's positions exactly: the incremental engine, or entire passes and a note in ``job.notes``."""
    try:
        return Incremental(job.module, job.image, job.clean_logits, job.notes)
    except Unsupported as reason:
        job.notes.append(f"{reason}; every position that is computed takes an entire forward pass")
        return Passes(job, len(job.grid))


def climb(part, plan):
    """Compute the plan's lattice, and more until the estimate does: (map [T, rows, columns], estimate).

    Args:
        part: a :class:`Part` in which nothing is computed yet.
        plan: a ``Plan``.
    """
    part.compute(mask(part.known.shape, plan.lattice))
    estimate = part.estimate()
    while estimate.value < plan.ssim + plan.margin and not part.known.all():
        part.compute(part.known | part.further())
        estimate = part.estimate()
    return part.map(), estimate


def evaluator(engine, job, reach, meter=None):
    """function(places [n, 2] of the grid, exact) -> scores [T, n].

    Unless exact, windows are cropped to ``reach``, and what that leaves out counts to first order.

    Raises:
        Unsupported: ``reach`` is given, and part of the network has no gradient.
    """
    try:
        slopes = None if reach is None else Slopes(engine, job.targets, job.score)
    # Hooks that write, compiled and quantized modules: some of the caller's own parts have no gradient.
    except RuntimeError as error:
        raise Unsupported("the network has no gradient, which cropped windows need") from error
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
        fill: what interpolates, called as ``fill_in(values, known, base=base)``.
        draw: number of the random draw of checks; the same one by default, so that a map can be computed again.

    Attributes:
        known: bool [rows, columns]: the positions that :meth:`compute` was asked for and that are exact.
        cropped: bool [rows, columns]: those that are computed from cropped windows.
        checked: integers [n, 2], the random positions that judge.
        passes, cropped_passes: positions computed, and how many of them from cropped windows.
        can_estimate: False where the grid is too small for that.
    """

    def __init__(self, shape, scores, plan, fill=fill_in, draw=0):
        self.scores, self.crops, self.fill = scores, plan.reach is not None, fill
        self.others = None if plan.factor is None else Errors(plan.factor, plan.seen)
        self.known, self.cropped = np.zeros(shape, bool), np.zeros(shape, bool)
        self.passes = self.cropped_passes = 0
        self.can_estimate = min(shape) >= WINDOW and self.known.size >= 4 * plan.checks
        chosen = np.random.default_rng(draw).permutation(self.known.size)[: plan.checks]
        self.checked = np.stack(np.unravel_index(np.sort(chosen), shape), 1)
        self._values = self._base = None

    def compute(self, wanted):
        """Compute the positions of ``wanted``, bool [rows, columns], that are not yet, and at first the checks too.

        Where windows are cropped the first positions are, and all later ones exact.
        """
        first = self._values is None
        if first and self.crops:
            self.cropped = wanted
            self._base = self.fill(self._scores(wanted, False), wanted)
            wanted = self.known
        asked = wanted.copy()
        if first:
            asked[tuple(self.checked.T)] = True
        missing = asked & ~self.computed
        found = self._scores(missing, True)
        self._values = found if first else np.where(missing, found, self._values)
        self.known = self.known | wanted

    def estimate(self):
        """The :class:`Estimate` for the target that does worst, of the map as it is without the checks."""
        rows, columns = self.checked.T
        self._judged = self._filled(self.known)
        known = self.known if self.known.any() else None
        # Other images tell of the errors of crops, and these have been corrected where exact positions are known.
        others = None if self.crops and known is not None else self.others
        estimates = [
            estimated_ssim(one, self.checked, exact, known, others)
            for one, exact in zip(self._judged, self._values[:, rows, columns])
        ]
        self._worst = min(range(len(estimates)), key=estimates.__getitem__)
        return estimates[self._worst]

    def further(self):
        """bool [rows, columns]: what to compute next.

        Of exact positions it is a tenth of the grid, those whose errors the target that does worst suffers from most.
        What cropped windows get wrong is smooth: it is known from a lattice of exact positions, and from denser ones.
        """
        if not self.crops:
            return self.most_worth(STEP)
        lattice = COARSEST
        while (mask(self.known.shape, lattice) <= self.known).all():
            lattice = FINER[lattice]
        return mask(self.known.shape, lattice)

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
        return self._filled(self.computed) if self.known.any() else self._judged

    @property
    def computed(self):
        """bool [rows, columns]: where the map holds exact values."""
        computed = self.known.copy()
        if self._values is not None:
            computed[tuple(self.checked.T)] = True
        return computed

    def _filled(self, known):
        return self.fill(self._values, known, base=self._base) if known.any() else self._base

    def _scores(self, wanted, exact):
        """Scores [T, rows, columns] where wanted, NaN elsewhere."""
        places = np.argwhere(wanted)
        found = self.scores(places, exact)
        self.passes += len(places)
        self.cropped_passes += 0 if exact else len(places)
        values = np.full((len(found), *wanted.shape), np.nan)
        values[:, places[:, 0], places[:, 1]] = found
        return values


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
