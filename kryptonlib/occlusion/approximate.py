"""Approximate heat maps: a part of the positions, with cropped windows, and an estimate of what that cost in quality.

``run`` is the method "approximate" of ``heatmap``. With a :class:`~kryptonlib.occlusion.plans.Plan` it computes the
positions of a lattice, interpolates the others, compares with exact values at a few random positions, and goes on to a
denser lattice where the estimated SSIM misses the plan's. With :class:`~kryptonlib.occlusion.plans.Published` it does
what Krypton does.
"""

import warnings

import numpy as np

from kryptonlib.occlusion import drilldown
from kryptonlib.occlusion.cropping import Reach, Threshold
from kryptonlib.occlusion.estimate import WINDOW, estimated_ssim
from kryptonlib.occlusion.first_order import Slopes
from kryptonlib.occlusion.incremental import Incremental, scores
from kryptonlib.occlusion.lattice import FINER, fill_in, mask
from kryptonlib.occlusion.plans import Published
from kryptonlib.occlusion.progress import Progress


def run(job, progress=False):
    """The approximate values of a job by its plan: float64 array [T, n].

    ``job.info`` receives "passes", and with a ``Plan`` the last "lattice" and "estimated_ssim". A grid too small for
    an estimate is computed exactly.

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
    part = Part(job.grid.shape, evaluator(engine, job, job.plan.reach, meter), job.plan)
    if not part.can_estimate:
        meter.total = len(job.grid)
        job.info.update(passes=len(job.grid))
        return scores(engine, job, job.grid.positions(), job.grid.patch, meter)
    values, estimate, lattice = climb(part, job.plan)
    if estimate.value < job.plan.ssim:
        warnings.warn(
            f"the plan reaches an estimated SSIM of {estimate.value:.2f}, not {job.plan.ssim}, even with every "
            'position computed from cropped windows; use a larger reach, or method="exact"',
            stacklevel=3,
        )
    meter.update(max(0, meter.total - meter.done), 0.0)
    job.info.update(passes=part.passes, lattice=lattice, estimated_ssim=list(estimate))
    return values.reshape(len(job.targets), -1)


def climb(part, plan):
    """Go from the plan's lattice to denser ones until the estimate does: (map [T, rows, columns], estimate, lattice).

    Args:
        part: a :class:`Part`.
        plan: a ``Plan``.
    """
    lattice = plan.lattice
    values, estimate = part.upto(lattice)
    while estimate.value < plan.ssim + plan.margin and lattice in FINER:
        lattice = FINER[lattice]
        values, estimate = part.upto(lattice)
    return values, estimate, lattice


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


class Part:
    """A map of which a part is computed, and the exact positions that tell how good it is.

    Args:
        shape: (rows, columns) of the grid.
        scores: function(places [n, 2], exact) -> float64 [T, n], as from :func:`evaluator`.
        plan: a ``Plan``: its reach (None: what is computed is exact) and its number of checks count here.

    Attributes:
        values: float64 [T, rows, columns], NaN where nothing was computed.
        known: bool [rows, columns].
        passes: positions computed, the exact ones included.
        can_estimate: False where the grid is too small for that; then nothing is computed.
    """

    def __init__(self, shape, scores, plan):
        self.scores, self.cropped = scores, plan.reach is not None
        self.known = np.zeros(shape, bool)
        self.passes = 0
        self.can_estimate = min(shape) >= WINDOW and self.known.size >= 4 * plan.checks
        if self.can_estimate:
            # The same positions each time, so that a map can be computed again.
            chosen = np.random.default_rng(0).permutation(self.known.size)[: plan.checks]
            self.checked = np.stack(np.unravel_index(np.sort(chosen), shape), 1)
            self.truth = self._compute(self.checked, True)
            self.values = np.full((len(self.truth), *shape), np.nan)

    def upto(self, lattice):
        """Compute what is missing of a lattice: (the map [T, rows, columns], the :class:`Estimate` of its SSIM)."""
        self.compute(mask(self.known.shape, lattice))
        return self.finished()

    def compute(self, wanted):
        """Compute the positions of ``wanted``, bool [rows, columns], that are not known yet."""
        if not self.cropped:
            # What the checks have told need not be computed again.
            told = wanted[tuple(self.checked.T)]
            rows, columns = self.checked[told].T
            self.values[:, rows, columns], self.known[rows, columns] = self.truth[:, told], True
        missing = np.argwhere(wanted & ~self.known)
        self.values[:, missing[:, 0], missing[:, 1]] = self._compute(missing, not self.cropped)
        self.known[missing[:, 0], missing[:, 1]] = True

    def finished(self):
        """The map with what is unknown interpolated, and the estimate for the target that does worst."""
        values = fill_in(self.values, self.known)
        estimates = [estimated_ssim(one, self.checked, truth) for one, truth in zip(values, self.truth)]
        if not self.cropped:
            # The exact positions are as good as any other, once they have judged the map without them.
            exact = self.values.copy()
            exact[:, self.checked[:, 0], self.checked[:, 1]] = self.truth
            values = fill_in(exact, self.computed)
        return values, min(estimates)

    @property
    def computed(self):
        """bool [rows, columns]: where the finished map holds computed values."""
        computed = self.known.copy()
        if not self.cropped:
            computed[tuple(self.checked.T)] = True
        return computed

    def _compute(self, places, exact):
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
