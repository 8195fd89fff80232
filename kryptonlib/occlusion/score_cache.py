"""One network and one image whose occlusion scores are each computed once, and whose work is counted.

Comparing approximate maps needs the same positions again and again, exact, with cropped windows, or with another patch.
``ScoreCache`` computes a score when it is first asked for and keeps it. Work is counted in multiply-accumulates (MACs),
so that a speed-up is the same on every machine: it is what the MACs of one full forward pass per position are to those
that a method needs.
"""

import numpy as np

from kryptonlib.occlusion import drilldown
from kryptonlib.occlusion.bounds import layer_work, patch_boxes
from kryptonlib.occlusion.cropping import Threshold, checked_share
from kryptonlib.occlusion.first_order import Slopes
from kryptonlib.occlusion.incremental import Incremental
from kryptonlib.occlusion.job import prepare
from kryptonlib.occlusion.linear_tail import window_macs


def threshold(tau):
    """The rule of Krypton's threshold for :class:`ScoreCache`; None where it crops nothing (tau = 1).

    Example:
        >>> threshold(1.0) is None
        True
    """
    return (Threshold, tau) if checked_share(tau, "tau") < 1 else None


class ScoreCache:
    """The scores of one image's top class, or of another single target, kept by place, crop and patch.

    A ``rule`` says what of each changed window is kept: None is everything (exact), or a pair such as
    ``(Threshold, 0.5)`` or ``(Reach, 0.4)`` of ``cropping``. ``rim=True`` adds what a crop leaves out to first order
    (``first_order``).

    Args:
        model, image, arguments: as for :func:`kryptonlib.occlusion.heatmap` (patch, stride, target, score, fill, ...).

    Attributes:
        job, grid, engine: the prepared :class:`Job`, its :class:`Grid`, and the :class:`Incremental` engine.
        clean: the score of the image without a patch, a float.
        places: integers [rows, columns, 2], the (top, left) of every position of the grid.
        full: MACs of one full forward pass.

    Raises:
        ValueError, TypeError: what ``heatmap`` refuses; several targets.
        Unsupported: a network that cannot be traced.

    Example:
        >>> cache = ScoreCache(zoo.load("efficientnet-lite0"), samples.load("chelsea"), patch=32, stride=16)
        >>> exact, cropped = cache.scores(), cache.scores(rule=(Threshold, 0.5))
        >>> cache.speedup(), cache.speedup(rule=(Threshold, 0.5))
    """

    def __init__(self, model, image, **arguments):
        self.job = job = prepare(model, image, **arguments)
        if len(job.targets) != 1:
            raise ValueError(f"ScoreCache() keeps the scores of one target, got {len(job.targets)}; make one for each")
        self.grid, self.engine = job.grid, Incremental(job.module, job.image, job.clean_logits)
        self.clean = float(job.values(job.clean_logits)[0, 0])
        self.places = self.grid.positions().reshape(*self.grid.shape, 2)
        whole_image = np.array([[0, self.grid.size[0], 0, self.grid.size[1]]])
        self.full = sum(layer.full for layer in layer_work(self.engine.steps, whole_image))
        self._known, self._slopes = {}, None

    def scores(self, places=None, rule=None, rim=False, patch=None):
        """Scores with the patch at each place.

        Args:
            places: integers [..., 2] of (top, left); None takes the whole grid.
            rule, rim: see :class:`ScoreCache`.
            patch: (rows, columns) of another patch; None is the grid's own.

        Returns:
            float64 [...], the shape of ``places`` without its last axis.
        """
        places = np.asarray(self.places if places is None else places)
        patch = self.grid.patch if patch is None else tuple(patch)
        known = self._known.setdefault((rule, rim, patch), {})
        wanted = [tuple(place) for place in places.reshape(-1, 2).tolist()]
        # Each place once, however often it is asked for.
        new = [place for place in dict.fromkeys(wanted) if place not in known]
        if new:
            known.update(zip(new, self._computed(new, rule, rim, patch).tolist()))
        return np.array([known[place] for place in wanted]).reshape(places.shape[:-1])

    def work(self, places=None, rule=None, rim=False, patch=None):
        """What the scores of :meth:`scores` take, in full forward passes: a float.

        A rim costs two passes more: the gradient by every map at the clean image.
        """
        places = np.asarray(self.places if places is None else places).reshape(-1, 2)
        boxes = patch_boxes(places, self.grid.patch if patch is None else patch)
        macs = window_macs(self.engine.steps, boxes, self._crop(rule), rim).sum()
        return len(boxes) * float(macs) / self.full + 2 * rim

    def speedup(self, places=None, rule=None, rim=False):
        """Full passes for the whole grid over the :meth:`work` of these places: a float."""
        return len(self.grid) / self.work(places, rule, rim)

    def drilled(self, share, tau=1.0, **settings):
        """A map by Krypton's adaptive drill-down, on windows cropped by its threshold.

        Args:
            share, settings: as for :func:`kryptonlib.occlusion.drilldown.run` (target, coarse, coarse_patch, align).
            tau: the threshold in (0, 1]; 1 crops nothing.

        Returns:
            (:class:`Drilldown`, its speed-up counted in MACs, both stages included).
        """
        rule, spent = threshold(tau), []

        def evaluate(places, patch):
            spent.append(self.work(places, rule, patch=patch))
            return self.scores(places, rule, patch=patch)

        found = drilldown.run(evaluate, self.grid, share=share, **settings)
        return found, len(self.grid) / sum(spent)

    def krypton(self, tau=1.0, share=None, **settings):
        """A map by Krypton's two methods, and its speed-up counted in MACs.

        Args:
            tau, share, settings: as for :meth:`drilled`; share None leaves the drill-down out, and
                the settings without effect.

        Returns:
            (float64 [rows, columns], the speed-up).
        """
        if share is None:
            return self.scores(rule=threshold(tau)), self.speedup(rule=threshold(tau))
        found, speed = self.drilled(share, tau, **settings)
        return found.values, speed

    def _crop(self, rule):
        return None if rule is None else rule[0](self.engine.steps, rule[1])

    def _computed(self, places, rule, rim, patch):
        crop, cover = self._crop(rule), (places, patch, self.job.fill)
        if not rim:
            return self.job.values(self.engine.logits(*cover, crop=crop))[0]
        if rule is None:
            raise ValueError("rim=True adds what a crop leaves out; give a rule, such as (Reach, 0.4)")
        self._slopes = self._slopes or Slopes(self.engine, self.job.targets, self.job.score)
        return self._slopes.scores(*cover, crop=crop)[0]
