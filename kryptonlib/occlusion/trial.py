"""One image with its exact and cropped maps, on which plans are played through without computing anything anew."""

import functools
from dataclasses import dataclass, field

import numpy as np

from kryptonlib.occlusion import full, quality
from kryptonlib.occlusion.approximate import Part, climb, evaluator, filler
from kryptonlib.occlusion.bounds import patch_boxes
from kryptonlib.occlusion.costs import step_macs
from kryptonlib.occlusion.cropping import Reach
from kryptonlib.occlusion.estimate import errors_of
from kryptonlib.occlusion.incremental import Incremental
from kryptonlib.occlusion.job import prepare
from kryptonlib.occlusion.lattice import mask
from kryptonlib.occlusion.linear_tail import window_macs
from kryptonlib.occlusion.progress import Progress
from kryptonlib.occlusion.steps import Unsupported


@dataclass
class Played:
    """One plan on one image: the SSIM that it ends at, positions computed, and its speed-up counted in MACs.

    ``beside`` holds the other measures of ``quality``, where they were asked for.
    """

    ssim: float
    passes: int
    speedup: float
    beside: dict = field(default_factory=dict)


class Trial:
    """One image with its exact map and its cropped ones, on which plans are played through.

    Args:
        model, image, arguments: as for ``heatmap``.
        reaches: what of each window is kept, for maps that a plan will ask for; None, the exact map, is added.
        meter: a ``Progress`` that counts maps.

    Attributes:
        whole: why every position takes an entire forward pass, or None where incremental inference is possible. MACs
            are then counted in passes.

    Raises:
        Unsupported: ``reaches`` ask for parts of windows, and the network cannot be traced.
    """

    def __init__(self, model, image, reaches=(), meter=None, **arguments):
        self.job = prepare(model, image, **arguments)
        self.shape = self.job.grid.shape
        # Krypton's rendered map has colour limits around the clean probability; other scores have none.
        clean = float(self.job.values(self.job.clean_logits)[0, 0])
        self.probability = clean if self.job.score == "probability" else None
        self.fill, self.filled = filler(self.job.score), {}
        self.meter = meter or Progress(0)
        self.maps, self.macs, self.whole = {}, {}, None
        self.need({None, *reaches})

    def need(self, reaches):
        """Compute the maps that are not here yet, and count what a position of each takes."""
        missing = set(reaches) - self.maps.keys()
        if missing:
            # It is not kept: with its activations it is a hundred times as large as the maps.
            try:
                engine = Incremental(self.job.module, self.job.image, self.job.clean_logits)
            except Unsupported as reason:
                if missing != {None}:
                    raise
                self.whole, self.full = str(reason), float(len(self.job.grid))
                self.maps[None], self.macs[None] = full.run(self.job).reshape(-1, *self.shape), 1.0
                self.meter.update(1)
                return
            self.full = sum(step_macs(step) * float(np.prod(step.size)) for step in engine.steps) * len(self.job.grid)
        for reach in missing:
            self.maps[reach], self.macs[reach] = self.computed(engine, reach)
            self.meter.update(1)

    def computed(self, engine, reach):
        """The map [1, rows, columns] of a reach, and the MACs of a position."""
        everything = np.argwhere(np.ones(self.shape, bool))
        values = evaluator(engine, self.job, reach)(everything, reach is None)
        crop = None if reach is None else Reach(engine.steps, reach)
        boxes = patch_boxes(self.job.grid.positions(), self.job.grid.patch)
        return values[:1].reshape(1, *self.shape), float(window_macs(engine.steps, boxes, crop, rim=True).sum())

    def play(self, plan, beside=False, draw=0):
        """What ``approximate.run`` does with a plan: :class:`Played`, with the measures beside SSIM if asked for.

        Args:
            draw: see ``approximate.Part``; 0 is what ``approximate.run`` draws.
        """

        def scores(places, exact):
            return self.maps[None if exact else plan.reach][:, places[:, 0], places[:, 1]]

        part = Part(self.shape, scores, plan, functools.partial(self._filled, plan.reach, plan.lattice), draw)
        if not part.can_estimate:
            raise ValueError(
                f"a grid of {self.shape[0]}x{self.shape[1]} positions is too small for {plan.checks} checks; "
                "use a smaller stride or patch"
            )
        values, _ = climb(part, plan)
        cropped = part.cropped_passes
        spent = (part.passes - cropped) * self.macs[None] + cropped * self.macs[plan.reach]
        return self.judge(values[0], part.passes, spent, beside)

    def errors(self, reach, lattice):
        """``estimate.errors_of`` a lattice's map with windows cropped to ``reach``."""
        known = mask(self.shape, lattice)
        values = self._filled(reach, lattice, self.maps[reach], known)[0]
        return errors_of(values, self.maps[None][0], known if reach is None else None)

    def _filled(self, reach, lattice, values, known, base=None):
        # Which positions come next does not depend on the checks: draws and margins share most of their maps.
        key = reach, base is not None and lattice, known.tobytes()
        if key not in self.filled:
            self.filled[key] = self.fill(values, known, base=base)
        return self.filled[key]

    def judge(self, values, passes, spent, beside):
        """:class:`Played` of a map [rows, columns] that took so many positions and MACs."""
        exact, found = self.maps[None][0], {}
        if beside:
            found = {"spearman": quality.spearman(exact, values), "overlap": quality.overlap(exact, values)}
            if self.probability is not None:
                found["rendered_ssim"] = quality.rendered_ssim(exact, values, self.probability)
        return Played(quality.ssim(exact, values), passes, self.full / spent, found)
