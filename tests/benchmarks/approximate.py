"""Approximate heat maps, measured: ``python tests/benchmarks/approximate.py`` (``make bench``).

For each trained network, with photos (or X-rays) that it was not tuned on,

- Krypton's own settings (its threshold, share and target for OCT, chest X-rays and ImageNet): the measured speed-up
  over the tuned baseline, and the quality reached, raw and rendered, against the exact map;
- a plan tuned to a raw SSIM of 0.9: the share of held-out images that reached it with its interval, the worst, the
  speed-up counted in MACs and measured;
- Krypton's two methods tuned on the same images to the same raw SSIM, every combination of threshold, coarse stride and
  share, counted in MACs, and how much faster ours is.

Qualities and counts do not depend on the machine, times do. Exact and cropped maps are kept in ``build/bench/maps``, so
that a stopped run goes on, in a folder named after the engine's code, since another engine's maps may differ. Results
go to ``build/bench/approximate.json``. Nothing else should run meanwhile.

``--promise FILE`` also writes what notebook 21 sets beside the paper's "up to 10x": for each of its networks the timed
speed-up of those held-out maps whose raw SSIM is at least 0.9. The committed ``promise.json`` beside this file is of an
earlier session and says so; a run on a quiet machine replaces it.
"""

import argparse
import datetime
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
from kryptonlib.course import provenance  # noqa: E402
from kryptonlib.occlusion import drilldown, quality, tuning  # noqa: E402
from kryptonlib.occlusion.bounds import patch_boxes  # noqa: E402
from kryptonlib.occlusion.cropping import Threshold  # noqa: E402
from kryptonlib.occlusion.linear_tail import window_macs  # noqa: E402
from kryptonlib.occlusion.trial import Trial  # noqa: E402

OUT = Path(__file__).parents[2] / "build" / "bench"
MAPS = OUT / "maps" / provenance.library(Path(occlusion.__file__).parent)[:12]
"""Where maps of this engine are kept."""
SETTINGS = {"OCT": (0.1, 5), "CXR": (0.4, 2), "ImageNet": (0.25, 3)}
"""Krypton's (share, target)."""
TAUS = {"vgg16": (0.5, 0.5, 0.5), "resnet18": (0.7, 0.8, 0.7), "inception": (0.9, 0.8, 0.9)}
"""Krypton's threshold for the three settings; Xception, of the Inception family, takes InceptionV3's."""
NETWORKS = {
    "vgg16-distilled": ("vgg16", "photo"),
    "resnet18-distilled": ("resnet18", "photo"),
    "xception-pneumonia": ("inception", "x-ray"),
    "inception_v3-distilled": ("inception", "photo"),
}
"""Whose thresholds each takes, and what it looks at."""
PAPER_NAMES = {"vgg16-distilled": "VGG16", "resnet18-distilled": "ResNet18", "inception_v3-distilled": "InceptionV3"}
"""The networks that the paper times, by the weights that stand in for its own."""
PROMISED = 0.9
CANDIDATE_TAUS = (1.0, 0.6, 0.4)
SHARES = (0.1, 0.25, 0.4, 0.6)
COARSE = (2, 3, 4)
"""Coarse strides in fine ones: shared positions are then not computed twice, which Krypton's code did."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nets", nargs="+", default=[*NETWORKS], choices=[*NETWORKS])
    parser.add_argument("--tune", type=int, default=6, help="images to tune on")
    parser.add_argument("--test", type=int, default=10, help="held-out images")
    parser.add_argument("--timed", type=int, default=2, help="held-out images whose maps are timed; 0 times nothing")
    parser.add_argument("--repeats", type=int, default=3, help="times that each of them is timed; the median counts")
    parser.add_argument("--stride", type=int, default=4)
    parser.add_argument("--patch", type=int, default=16)
    parser.add_argument("--output", type=Path, default=OUT / "approximate.json")
    parser.add_argument("--promise", type=Path, help="also write the timed speed-ups at a raw SSIM of 0.9 to this file")
    options = parser.parse_args()
    rows = []
    for name in options.nets:
        if zoo.names()[name] != "ready":
            print(f"{name} is left out: {zoo.names()[name]}", flush=True)
            continue
        rows.append(study(name, options))
        options.output.parent.mkdir(parents=True, exist_ok=True)
        told = {key: value for key, value in vars(options).items() if key not in ("output", "promise")}
        report = {"machine": speed.machine(torch.device("cpu")), "options": told, "rows": rows}
        options.output.write_text(json.dumps(report, indent=1) + "\n")
        print(json.dumps(rows[-1], indent=1), flush=True)
        if options.promise and options.timed:
            options.promise.write_text(json.dumps(promise(rows, options), indent=1) + "\n", encoding="utf-8")


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


class Kept(Trial):
    """A trial that computes a map when it is first asked for, and keeps it on disk.

    A crop is a reach, None for the exact map, or ("tau", tau) for Krypton's threshold.
    """

    def __init__(self, model, sample, **arguments):
        self.model, self.sample, self.arguments = model, sample, arguments
        super().__init__(model, sample, **arguments)

    @functools.cached_property
    def baseline(self):
        """Full inference at its best batch size."""
        return speed.Baseline(self.job)

    def need(self, crops):
        for crop in set(crops) - self.maps.keys():
            grid = self.job.grid
            file = MAPS / f"{self.model.name} {self.sample.name} {grid.patch} {grid.stride} {crop}.npz"
            if file.exists():
                with np.load(file) as stored:
                    self.maps[crop], self.macs[crop] = stored["values"], float(stored["macs"])
                    self.full = float(stored["full"])
            else:
                super().need([crop])
                file.parent.mkdir(parents=True, exist_ok=True)
                np.savez(file, values=self.maps[crop], macs=self.macs[crop], full=self.full)

    def computed(self, engine, crop):
        if not isinstance(crop, tuple):
            return super().computed(engine, crop)
        grid, rule = self.job.grid, Threshold(engine.steps, crop[1])
        values = self.job.values(engine.logits(grid.positions(), grid.patch, self.job.fill, crop=rule)).numpy()
        boxes = patch_boxes(grid.positions(), grid.patch)
        return values[:1].reshape(1, *self.shape), float(window_macs(engine.steps, boxes, rule).sum())

    def play(self, plan, beside=False, draw=0):
        self.need([plan.reach])
        return super().play(plan, beside, draw)

    def play_published(self, tau, share, coarse):
        """Krypton's two methods at a threshold, a share and a coarse stride in fine ones: :class:`tuning.Played`."""
        # All of every window is the exact map.
        crop = None if tau == 1 else ("tau", tau)
        self.need([crop])
        values, grid = self.maps[crop][0], self.job.grid
        place = {position: value for position, value in zip(map(tuple, grid.positions().tolist()), values.ravel())}

        def evaluate(positions, patch):
            return np.array([place[tuple(position)] for position in np.asarray(positions).tolist()])

        stride = coarse * grid.stride[0]
        found = drilldown.run(evaluate, grid, share=share, coarse=stride, align=True)
        passes = sum(found.passes)
        return self.judge(found.values, passes, passes * self.macs[crop], True)


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
        row["ours"] |= timed_at_the_promise(images, occlusion.Plan(**ours["plan"]))
    return row


def tune_ours(images):
    """As ``occlusion.tune`` does, on the kept maps."""
    plan = tuning.choose(tuning.candidates(0.9), images.tune, 0.9)
    results = [trial.play(plan, beside=True) for trial in images.test]
    found = {"plan": {k: getattr(plan, k) for k in ("ssim", "lattice", "reach", "checks", "margin", "factor", "seen")}}
    return found | {"judged": tuning.judged(results, 0.9), "each": [vars(one) for one in results]}


def tune_theirs(images):
    """The fastest of Krypton's combinations that is as good as ours on the tuning images, judged on the others."""
    candidates = list(itertools.product(CANDIDATE_TAUS, SHARES, COARSE))
    played = [[[trial.play_published(*one)] for trial in images.tune] for one in candidates]
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
    """Speed-up over the tuned baseline: the median of the timed images' medians."""
    options = images.options
    ratios = [[measured(trial, plan)[0] for _ in range(options.repeats)] for trial in images.test[: options.timed]]
    return float(np.median(np.median(ratios, axis=1)))


def timed_at_the_promise(images, plan):
    """Of the timed images' maps those whose raw SSIM is at least 0.9: their speed-up, and every image's two numbers."""
    options, each = images.options, []
    for trial in images.test[: options.timed]:
        ratios, reached = zip(*[measured(trial, plan) for _ in range(options.repeats)])
        each.append({"speedup": float(np.median(ratios)), "ssim": min(reached)})
    kept = [one["speedup"] for one in each if one["ssim"] >= PROMISED]
    return {"measured speedup": float(np.median(kept)) if kept else None, "measured each": each}


def measured(trial, plan):
    """(Seconds of the tuned baseline, sampled before and after, over those of an approximate map; its SSIM)."""
    before = trial.baseline.sample()
    heat = occlusion.heatmap(trial.model, trial.sample, method="approximate", plan=plan, **trial.arguments)
    seconds = (before + trial.baseline.sample()) / 2 * len(heat.grid)
    return seconds / heat.seconds, quality.ssim(trial.maps[None][0], heat.values)


def promise(rows, options):
    """What notebook 21 reads: the paper's networks at a raw SSIM of 0.9, timed."""
    found = []
    for row in rows:
        ours, name = row["ours"], PAPER_NAMES.get(row["network"])
        if name is None or ours["measured speedup"] is None:
            continue
        plan, judged = ours["plan"], ours["judged"]
        windows = "exact windows" if plan["reach"] is None else f"reach {plan['reach']:g}"
        kept = sum(one["ssim"] >= PROMISED for one in ours["measured each"])
        found.append(
            {
                "network": name,
                "weights": row["network"],
                "plan": f"begins with a {plan['lattice']} of the positions, {windows}, {plan['checks']} checks",
                "kept": [round(judged["met"] * judged["n"]), judged["n"]],
                "worst": judged["worst"],
                "counted": judged["speedup"],
                "timed": ours["measured speedup"],
                "timed on": f"{kept} held-out photos that keep it, {options.repeats} times each",
            }
        )
    machine = speed.machine(torch.device("cpu"))
    return {
        "run": f"Timed on {datetime.date.today()} with `python tests/benchmarks/approximate.py`; not of this run.",
        "machine": ", ".join(f"{key} {value}" for key, value in machine.items()),
        "conditions": "our methods and engine, CPU, imitated networks, raw SSIM, timed in an earlier run",
        "patch": options.patch,
        "stride": options.stride,
        "promised": PROMISED,
        "rows": found,
    }


if __name__ == "__main__":
    main()
