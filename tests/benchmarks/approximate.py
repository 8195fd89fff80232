"""Approximate heat maps, measured: ``python tests/benchmarks/approximate.py`` (``make bench``).

For each trained network, with photos (or X-rays) that it was not tuned on,

- Krypton's own settings (its threshold, share and target for OCT, chest X-rays and ImageNet): the measured speed-up
  over the tuned baseline, and the quality reached, raw and rendered, against the exact map;
- a plan tuned to a raw SSIM of 0.9: the share of held-out images that reached it with its interval, the worst, the
  speed-up counted in MACs and measured;
- Krypton's two methods tuned on the same images to the same raw SSIM, every combination of threshold, coarse stride and
  share, counted in MACs, and how much faster ours is.

InceptionV3, which no package has trained weights of, is run with seeded ones at Krypton's settings for its speed alone.

Qualities and counts do not depend on the machine, times do. Exact and cropped maps are kept in ``build/bench/maps``, so
that a stopped run goes on. Results go to ``build/bench/approximate.json``. Nothing else should run meanwhile.
"""

import argparse
import functools
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
import occlusion as speed  # noqa: E402

from kryptonlib import occlusion, samples, zoo  # noqa: E402
from kryptonlib.occlusion import drilldown, quality, tuning  # noqa: E402
from kryptonlib.occlusion.cropping import Threshold  # noqa: E402
from kryptonlib.occlusion.linear_tail import window_macs  # noqa: E402

OUT = Path(__file__).parents[2] / "build" / "bench"
SETTINGS = {"OCT": (0.1, 5), "CXR": (0.4, 2), "ImageNet": (0.25, 3)}
"""Krypton's (share, target)."""
TAUS = {"vgg16": (0.5, 0.5, 0.5), "resnet18": (0.7, 0.8, 0.7), "xception": (0.9, 0.8, 0.9)}
"""Krypton's threshold for the three settings; Xception, of the Inception family, takes InceptionV3's."""
NETWORKS = {
    "vgg16-distilled": ("vgg16", "photo"),
    "resnet18-distilled": ("resnet18", "photo"),
    "xception-pneumonia": ("xception", "x-ray"),
}
SEEDED = {"inception_v3": "xception"}
"""Networks whose speed alone is measured, and whose thresholds they take."""
CANDIDATE_TAUS = (1.0, 0.6, 0.4)
SHARES = (0.1, 0.25, 0.4, 0.6)
COARSE = (2, 3, 4)
"""Coarse strides in fine ones: shared positions are then not computed twice, which Krypton's code did."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nets", nargs="+", default=[*NETWORKS, *SEEDED], choices=[*NETWORKS, *SEEDED])
    parser.add_argument("--tune", type=int, default=6, help="images to tune on")
    parser.add_argument("--test", type=int, default=10, help="held-out images")
    parser.add_argument("--timed", type=int, default=2, help="held-out images whose maps are timed; 0 times nothing")
    parser.add_argument("--stride", type=int, default=4)
    parser.add_argument("--patch", type=int, default=16)
    parser.add_argument("--output", type=Path, default=OUT / "approximate.json")
    options = parser.parse_args()
    rows = []
    for name in options.nets:
        rows.append(study(name, options) if name in NETWORKS else seeded(name, options))
        options.output.parent.mkdir(parents=True, exist_ok=True)
        told = {key: value for key, value in vars(options).items() if key != "output"}
        report = {"machine": speed.machine(torch.device("cpu")), "options": told, "rows": rows}
        options.output.write_text(json.dumps(report, indent=1) + "\n")
        print(json.dumps(rows[-1], indent=1), flush=True)


class Images:
    """The trials of one network, with maps kept on disk."""

    def __init__(self, name, options):
        self.model, self.name, self.options = zoo.load(name, device="cpu"), name, options
        kind = NETWORKS[name][1]
        named = {"tune": samples.names(kind, "tune"), "test": samples.names(kind, "test")}
        wanted = [n for n in named["test"] if n.startswith(("imagenet", "chest"))]
        self.tune = [self.trial(n) for n in spread(named["tune"], options.tune)]
        self.test = [self.trial(n) for n in spread(wanted, options.test)]

    def trial(self, sample):
        """A :class:`Kept` of one sample."""
        options = self.options
        return Kept(self.model, samples.load(sample), patch=options.patch, stride=options.stride)


class Kept(tuning.Trial):
    """A trial that computes a map when it is first asked for, and keeps it on disk."""

    def __init__(self, model, sample, **arguments):
        self.model, self.sample, self.arguments = model, sample, arguments
        self.job = occlusion.prepare(model, sample, **arguments)
        self.shape = self.job.grid.shape
        self.probability = float(self.job.values(self.job.clean_logits)[0, 0])
        self.fill, self.filled = tuning.filler(self.job.score), {}
        self.maps, self.macs = {}, {}
        self.need(None)

    @functools.cached_property
    def baseline(self):
        """Full inference at its best batch size."""
        return speed.Baseline(self.job)

    def need(self, crop):
        """Have the map and the MACs of a crop: None, a reach, or ("tau", tau)."""
        if crop in self.maps:
            return
        if crop == ("tau", 1.0):
            self.maps[crop], self.macs[crop] = self.maps[None], self.macs[None]
            return
        grid = self.job.grid
        file = OUT / "maps" / f"{self.model.name} {self.sample.name} {grid.patch} {grid.stride} {crop}.npz"
        if not file.exists():
            engine = tuning.Incremental(self.job.module, self.job.image, self.job.clean_logits)
            boxes = tuning.patch_boxes(grid.positions(), grid.patch)
            if isinstance(crop, tuple):
                rule = Threshold(engine.steps, crop[1])
                values = self.job.values(engine.logits(grid.positions(), grid.patch, self.job.fill, crop=rule)).numpy()
            else:
                rule = None if crop is None else tuning.Reach(engine.steps, crop)
                everything = np.argwhere(np.ones(self.shape, bool))
                values = tuning.evaluator(engine, self.job, crop)(everything, crop is None)
            full = sum(tuning.step_macs(step) * float(np.prod(step.size)) for step in engine.steps) * len(boxes)
            file.parent.mkdir(parents=True, exist_ok=True)
            macs = window_macs(engine.steps, boxes, rule, rim=not isinstance(crop, tuple)).sum()
            np.savez(file, values=values[:1].reshape(1, *self.shape), macs=macs, full=full)
        with np.load(file) as stored:
            self.maps[crop], self.macs[crop], self.full = stored["values"], float(stored["macs"]), float(stored["full"])

    def play(self, plan, beside=False, draw=0):
        self.need(plan.reach)
        return super().play(plan, beside, draw)

    def play_published(self, tau, share, coarse):
        """Krypton's two methods at a threshold, a share and a coarse stride in fine ones: :class:`tuning.Played`."""
        self.need(("tau", tau))
        values, grid = self.maps["tau", tau][0], self.job.grid
        place = {position: value for position, value in zip(map(tuple, grid.positions().tolist()), values.ravel())}

        def evaluate(positions, patch):
            return np.array([place[tuple(position)] for position in np.asarray(positions).tolist()])

        stride = coarse * grid.stride[0]
        found = drilldown.run(evaluate, grid, share=share, coarse=stride, align=True)
        passes = sum(found.passes)
        return self.judge(found.values, passes, passes * self.macs["tau", tau], True)


def spread(names, count):
    """``count`` of the names, evenly spread, so that all classes of a list in order are among them."""
    return [names[i] for i in np.unique(np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int))]


def study(name, options):
    """Everything about one network."""
    images = Images(name, options)
    ours = tune_ours(images)
    theirs = tune_theirs(images)
    row = {"network": name, "ours": ours, "published, tuned": theirs}
    row["ours over published"] = ours["judged"]["speedup"] / theirs["judged"]["speedup"] if theirs else None
    row["Krypton's settings"] = at_published_settings(images) if options.timed else {}
    if options.timed:
        row["ours"]["measured speedup"] = timed(images, occlusion.Plan(**ours["plan"]))
    return row


def tune_ours(images):
    """As ``occlusion.tune`` does, on the kept maps."""
    for trial, reach in itertools.product(images.tune, tuning.REACHES):
        trial.need(reach)
    plan = tuning.choose(tuning.candidates(0.9), images.tune, 0.9)
    results = [trial.play(plan, beside=True) for trial in images.test]
    found = {"plan": {k: getattr(plan, k) for k in ("ssim", "lattice", "reach", "checks", "margin", "factor")}}
    return found | {"judged": tuning.judged(results, 0.9), "each": [vars(one) for one in results]}


def tune_theirs(images):
    """The fastest of Krypton's combinations that is as good as ours on the tuning images, judged on the others."""
    candidates = list(itertools.product(CANDIDATE_TAUS, SHARES, COARSE))
    played = [[trial.play_published(*one) for trial in images.tune] for one in candidates]
    chosen = candidates[tuning.best(played, 0.9)]
    results = [trial.play_published(*chosen) for trial in images.test]
    return {"tau, share, coarse": chosen, "judged": tuning.judged(results, 0.9), "each": [vars(one) for one in results]}


def at_published_settings(images):
    """Krypton's own settings: measured speed-up, and both SSIMs on the held-out images that are timed."""
    found = {}
    for tau, (dataset, (share, target)) in zip(TAUS[NETWORKS[images.name][0]], SETTINGS.items()):
        plan = occlusion.Published(tau=tau, share=share, target=target)
        found[dataset] = {"tau": tau, "share": share, "target": target, "speedup": timed(images, plan)}
        compared = []
        for trial in images.test:
            heat = occlusion.heatmap(images.model, trial.sample, method="approximate", plan=plan, **trial.arguments)
            compared.append(quality.compare(trial.maps[None][0], heat.values, heat.baseline))
        for kind in ("ssim", "rendered_ssim", "spearman", "overlap"):
            found[dataset][kind] = [float(np.median([getattr(one, kind) for one in compared]))]
            found[dataset][kind].append(float(min(getattr(one, kind) for one in compared)))
    return found


def timed(images, plan):
    """Speed-up over the tuned baseline, the median of the timed images."""
    some = images.test[: images.options.timed]
    return float(np.median([ratio(images.model, one.sample, plan, one.baseline, one.arguments) for one in some]))


def ratio(model, image, plan, baseline, arguments):
    """Seconds of the tuned baseline, sampled right before and right after, over those of an approximate map."""
    before = baseline.sample()
    heat = occlusion.heatmap(model, image, method="approximate", plan=plan, **arguments)
    return (before + baseline.sample()) / 2 * len(heat.grid) / heat.seconds


def seeded(name, options):
    """Krypton's settings on a network with seeded weights: measured speed-ups, the median of as many runs."""
    wanted = argparse.Namespace(device="cpu", stride=options.stride)
    net, job = speed.prepared(name, options.patch, wanted)
    baseline, found = speed.Baseline(job), {}
    for tau, (dataset, (share, target)) in zip(TAUS[SEEDED[name]], SETTINGS.items()):
        plan = occlusion.Published(tau=tau, share=share, target=target)
        arguments = {"patch": options.patch, "stride": options.stride}
        runs = [ratio(net, job.image, plan, baseline, arguments) for _ in range(options.timed)]
        found[dataset] = {"tau": tau, "share": share, "target": target, "speedup": float(np.median(runs))}
    return {"network": f"{name}, seeded", "Krypton's settings": found}


if __name__ == "__main__":
    main()
