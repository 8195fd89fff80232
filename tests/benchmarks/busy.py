"""A quiet and a busy machine, measured: ``python tests/benchmarks/busy.py`` (``make bench``).

Times three pieces of work under several ways for threads to wait, alone and beside other programs, all in one sitting:

- tiny: a training step of a CNN with about 1,500 parameters on 32 images of 8 x 8 pixels;
- large: two 3 x 3 convolutions with 64 channels on 8 maps of 56 x 56, inference;
- heat map: an exact occlusion heat map of a small CNN by incremental inference.

"OpenMP's default" is before; "passive" is what ``import kryptonlib`` sets (``kryptonlib/threads.py``); "one thread" is
what ``threads.one_thread()`` gives, which tiny networks are trained with. Every way is a process of its own, since
OpenMP reads its settings when it is loaded; the ways take turns, so that a drift of the machine meets all of them.
Nothing else should run meanwhile. It takes about five minutes on two cores.

The results of all ways are printed and go to ``build/bench/busy.json``. With ``--keep`` they also go to ``busy.json``
beside this file, of which ``python -m kryptonlib readme`` makes README's table, before and now
(``kryptonlib/course/busy.py``).
"""

import argparse
import datetime
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUT = ROOT / "build" / "bench" / "busy.json"
KEPT = Path(__file__).parent / "busy.json"
# 300,000 spins are what GNU OpenMP takes where nothing is set; said aloud, kryptonlib leaves it as it is.
WAYS = {
    "OpenMP's default": {"GOMP_SPINCOUNT": "300000"},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "1000 spins": {"GOMP_SPINCOUNT": "1000"},
    "one thread": {"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "1"},
}
LOOP = "while True: pass"
PRODUCT = "import torch\na = torch.randn(1500, 1500)\nwhile True: a @ a"
BESIDE = {
    "nothing": [],
    "a busy half": [LOOP] * max(1, (os.cpu_count() or 1) // 2),  # what a browser and a video call take of two cores
    "a matrix product": [PRODUCT],
}
WORK = ("tiny", "large", "heat map")


def main():
    """Measure every way beside everything, print the table, keep the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.2, help="how long each piece of work is repeated")
    parser.add_argument("--rounds", type=int, default=3, help="how often the ways take turns")
    parser.add_argument("--output", type=Path, default=OUT, help="where the JSON goes")
    parser.add_argument("--keep", action="store_true", help="also keep them for README's table")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps({work: repeated(step_of(work), options.seconds) for work in WORK}))
        return
    # Stopped, too, it leaves no program behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    results = []
    for beside, programs in BESIDE.items():
        others = [subprocess.Popen([sys.executable, "-c", program]) for program in programs]
        try:
            time.sleep(3 if others else 0)  # until they compute
            for turn in range(options.rounds):
                for way in WAYS:
                    print(f"beside {beside}, round {turn + 1} of {options.rounds}: {way}", file=sys.stderr)
                    for work, ms in measured(way, options.seconds).items():
                        results.append({"beside": beside, "way": way, "work": work, "ms": ms})
        finally:
            for other in others:
                other.kill()
                other.wait()
    found = {"date": datetime.date.today().isoformat(), "machine": machine(), "rounds": options.rounds,
             "seconds": options.seconds, "results": results}  # fmt: skip
    for path in [options.output, *([KEPT] if options.keep else [])]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(table(results))


def machine():
    """What the numbers were measured on, in words."""
    import occlusion as speed
    import torch

    told = speed.machine(torch.device("cpu"))
    return f"{told['device']}, {told['threads']} threads, torch {told['torch']}"


def measured(way, seconds):
    """Work -> milliseconds a step takes in a new process: the median over ``seconds``."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    environment |= {"PYTHONPATH": str(ROOT), **WAYS[way]}
    command = [sys.executable, __file__, "--worker", "--seconds", str(seconds)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def repeated(step, seconds):
    """The median time of a step in milliseconds; at least three steps, after one that is not counted."""
    step()
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def step_of(work):
    """A function without arguments that does one step of a piece of work."""
    import torch
    from torch import nn

    from kryptonlib import occlusion

    torch.manual_seed(0)
    if work == "tiny":
        first, second = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 16, 3)
        net = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Flatten(), nn.Linear(256, 1))
        images, target = torch.randn(32, 1, 8, 8), torch.randn(32, 1)
        optimizer = torch.optim.SGD(net.parameters(), 0.01)

        def train():
            optimizer.zero_grad()
            (net(images) - target).square().mean().backward()
            optimizer.step()

        return train
    if work == "large":
        net = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1)).eval()
        maps = torch.randn(8, 64, 56, 56)
        return torch.inference_mode()(lambda: net(maps))
    layers = []
    for c_in, c_out in ((3, 16), (16, 16), (16, 32)):
        layers += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 8 * 8, 10)).eval()
    picture = torch.rand(1, 3, 64, 64)
    return lambda: occlusion.heatmap(net, picture, patch=8, stride=4)


def table(results):
    """Markdown: a row per way, a column per work and what ran beside it; median [least to most] in ms."""
    columns = [(work, beside) for work in WORK for beside in BESIDE]
    head = ["ms a step: median [least to most]", *(f"{work}, beside {beside}" for work, beside in columns)]
    lines = [f"| {' | '.join(head)} |", "|-" * len(head) + "|"]
    for way in WAYS:
        cells = []
        for work, beside in columns:
            times = [row["ms"] for row in results if (row["way"], row["work"], row["beside"]) == (way, work, beside)]
            cells.append(f"{statistics.median(times):.3g} [{min(times):.3g} to {max(times):.3g}]")
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
