"""How fast exact occlusion heat maps are, measured honestly: ``python tests/benchmarks/occlusion.py`` (``make bench``).

For each network, patch and stride one run on one machine with one number of threads measures

- the tuned baseline (batch norm folded, channels_last, memory kept): the best of several batch sizes, on a random
  sample of positions, because its cost per position does not depend on the position. It is the mean of samples right
  before and right after the incremental runs, as those are a mean too: the machine's pace drifts by a quarter;
- ``captum.attr.Occlusion`` at its best ``perturbations_per_eval``, on few large windows, for the same reason;
- the exact incremental method over the entire grid, its preparation included;
- the bound: MACs of full inference over the mean of those that a changed value enters, linear layers counted;
- the rate in MAC/s beside that of a large matrix product and a large convolution, and the peak memory;
- whether the exact probabilities are the full ones (rtol 1e-4, atol 1e-6) on an entire map of stride 8.

The engine runs in a process of its own, so that the peak memory is its own, and so does the baseline. Results go to
``build/bench/occlusion.json`` and a table on standard output. Nothing else should run meanwhile.
"""

import argparse
import functools
import json
import multiprocessing
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch

from kryptonlib import samples, zoo
from kryptonlib.occlusion import bounds, full, incremental, job
from kryptonlib.occlusion.memory import kept_memory

TARGETS = ["vgg16", "resnet18", "inception_v3"]
"""Krypton's three, which are compared with Captum and swept over patch sizes."""
OTHERS = (
    "alexnet resnet50 densenet121 squeezenet1_0 mobilenet_v2 mobilenet_v3_large efficientnet_b0 efficientnet-lite0 "
    "convnext_tiny xception"
).split()
PATCHES = [16, 4, 8, 32]
MAP_STRIDE = 8
"""Stride in pixels of the maps that are compared entire."""
LONG = 20
"""Seconds that the incremental runs of one row take at least; shorter ones are repeated, and their mean counts."""
OUT = Path(__file__).parents[2] / "build" / "bench" / "occlusion.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nets", nargs="+", default=TARGETS + OTHERS, help="architectures of kryptonlib.zoo")
    parser.add_argument("--patch", nargs="+", type=int, default=PATCHES, help="patch sizes; Krypton's three take all")
    parser.add_argument("--stride", type=int, default=4, help="stride in pixels")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: torch's own)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--no-captum", action="store_true", help="leave Captum out")
    parser.add_argument("--no-map", action="store_true", help="leave out the comparison of entire maps")
    parser.add_argument(
        "--quick", action="store_true", help="resnet18 at stride 32, small samples: does the script run?"
    )
    parser.add_argument("--output", type=Path, default=OUT, help="where the JSON goes")
    options = parser.parse_args()
    if options.quick:
        options.nets, options.patch, options.stride = ["resnet18"], [16], 32
    with worker(options) as process:
        report = process.submit(head, options).result() | {"rows": []}
    for name in options.nets:
        for patch in options.patch if name in TARGETS else options.patch[:1]:
            row = measure(name, patch, options)
            report["rows"].append(row)
            print(line(row), flush=True)
            options.output.parent.mkdir(parents=True, exist_ok=True)
            options.output.write_text(json.dumps(report, indent=1) + "\n")
    print(table(report))


def worker(options):
    """A new process that runs what is submitted."""
    initial = (torch.set_num_threads, (options.threads,)) if options.threads else (None, ())
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), *initial)


def head(options):
    """The machine, and what it can do at best."""
    device = torch.device(options.device)
    return {"machine": machine(device), "peak": peaks(device)}


def machine(device):
    """What the numbers were measured on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
    return {
        "device": name,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def cpu_name():
    """The processor's model, where the system tells."""
    info = Path("/proc/cpuinfo")
    names = (
        [text.split(":")[1].strip() for text in info.read_text().splitlines() if text.startswith("model name")]
        if (info.exists())
        else []
    )
    return names[0] if names else platform.processor()


def peaks(device):
    """GMAC/s of a large matrix product and of a large 3x3 convolution."""
    a, b = (torch.rand(2048, 2048, device=device) for _ in range(2))
    image = torch.rand(16, 512, 28, 28, device=device).contiguous(memory_format=torch.channels_last)
    weight = torch.rand(512, 512, 3, 3, device=device).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), kept_memory():
        product = best(lambda: a @ b, device)
        convolution = best(lambda: torch.nn.functional.conv2d(image, weight, padding=1), device)
    return {"gemm": 2048**3 / product / 1e9, "convolution": 16 * 28 * 28 * 512 * 512 * 9 / convolution / 1e9}


def best(call, device, times=3):
    """Seconds of the fastest of several calls, after one to warm up."""
    seconds = []
    for _ in range(times + 1):
        synchronise(device)
        started = time.perf_counter()
        call()
        synchronise(device)
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


def synchronise(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(name, patch, options):
    """All numbers of one network and patch."""
    with worker(options) as beside, worker(options) as process:
        runs = []
        while sum(run["exact_seconds"] for run in runs) < (0 if options.quick else LONG) or not runs:
            beside.submit(sample_baseline, name, patch, options).result()
            runs.append(process.submit(exact, name, patch, options).result())
        row = runs[0] | {"runs": len(runs), "peak_megabytes": max(run["peak_megabytes"] for run in runs)}
        row["exact_seconds"] = sum(run["exact_seconds"] for run in runs) / len(runs)
        row |= beside.submit(sample_baseline, name, patch, options).result()
        count, each = row["positions"], row["full_ms"] / 1e3
        row["exact_ms"] = row["exact_seconds"] / count * 1e3
        row["speedup"] = each * count / row["exact_seconds"]
        row["gmacs_full"] = row["macs_full"] / each / 1e9
        row["gmacs_exact"] = row["macs_exact"] * count / row["exact_seconds"] / 1e9
        if not options.no_map:
            row |= process.submit(compare_map, name, patch, options).result()
        if not options.no_captum and name in TARGETS and patch == options.patch[0]:
            row |= process.submit(time_captum, name, patch, options).result()
            row["speedup_over_captum"] = row["captum_ms"] * count / row["exact_seconds"] / 1e3
    return row


def prepared(name, patch, options, stride=None):
    """The network with its occlusion job."""
    device = torch.device(options.device)
    net = zoo.architecture(name).to(device)
    # A photo, not noise: the seeded networks are calibrated on photos, and noise drives some logits to hundreds, where
    # float32 no longer tells probabilities to a part in ten thousand.
    image = torch.from_numpy(samples.load("chelsea").image).permute(2, 0, 1)[None]
    image = torch.nn.functional.interpolate(image, net.input_size, mode="bilinear", antialias=True).to(device) * 4 - 2
    return net, job.prepare(net, image, patch=patch, stride=stride or options.stride)


def exact(name, patch, options):
    """The incremental method over the entire grid: its time and memory, and the work that it saves."""
    net, work = prepared(name, patch, options)
    device, count = work.image.device, len(work.grid)
    reset_peak(device)
    before = memory(device)
    synchronise(device)
    started = time.perf_counter()
    engine = incremental.Incremental(net, work.image, work.clean_logits)
    prepared_after = time.perf_counter() - started
    engine.logits(work.grid.positions(), work.grid.patch, work.fill)
    synchronise(device)
    seconds = time.perf_counter() - started
    peak = peak_memory(device) - before
    layers = bounds.layer_work(engine.steps, bounds.patch_boxes(work.grid.positions(), work.grid.patch))
    return {
        "net": name,
        "patch": patch,
        "stride": options.stride,
        "positions": count,
        "input": list(net.input_size),
        "exact_seconds": seconds,
        "prepare_seconds": prepared_after,
        "bound": bounds.change_ratio(layers),
        "macs_full": sum(layer.full for layer in layers),
        "macs_exact": sum(layer.change for layer in layers),
        "peak_megabytes": peak / 1e6,
    }


@functools.cache
def baseline(name, patch, stride, device, quick):
    """The :class:`Baseline` of one network and patch, made once in a process."""
    options = argparse.Namespace(device=device, stride=stride)
    return Baseline(prepared(name, patch, options)[1], quick)


def sample_baseline(name, patch, options):
    """Time some positions more; what all so far took."""
    tuned = baseline(name, patch, options.stride, options.device, options.quick)
    tuned.sample()
    return {"full_ms": tuned.each * 1e3, "full_batch": tuned.size, "full_sample": tuned.positions}


class Baseline:
    """Tuned full inference, sampled whenever asked.

    Attributes:
        size: the fastest batch size.
        positions: how many positions were sampled.
        each: mean seconds per sampled position.
    """

    def __init__(self, work, quick=False):
        self.work, self.module, self.grid = work, full.prepared(work.module), work.grid.positions()
        self.random, self.seconds, self.positions = np.random.default_rng(0), 0.0, 0
        fastest = {}
        for size in (8, 16) if quick else (16, 32, 64, 128):
            fastest[size] = min(self._run(size, 1) for _ in range(2)) / size
        self.size = min(fastest, key=fastest.get)
        self.batches = 1 if quick else max(1, 128 // self.size)

    def sample(self):
        """Time some random positions more: seconds per position."""
        took, count = self._run(self.size, self.batches), self.size * self.batches
        self.seconds += took
        self.positions += count
        return took / count

    @property
    def each(self):
        return self.seconds / self.positions

    def _run(self, size, batches):
        """Seconds of some batches, after one to have the memory."""
        device = self.work.image.device
        first, *chosen = self.grid[self.random.integers(len(self.grid), size=(1 + batches, size))]
        with torch.inference_mode(), kept_memory():
            batch = full.Batch(self.work, size)
            self.module(batch.occluded(first))
            synchronise(device)
            started = time.perf_counter()
            for positions in chosen:
                self.module(batch.occluded(positions))
            synchronise(device)
            return time.perf_counter() - started


def compare_map(name, patch, options):
    """The exact and the full probabilities of every class over an entire map."""
    _, work = prepared(name, patch, options, None if options.quick else MAP_STRIDE)
    positions, size = work.grid.positions(), 32
    engine = incremental.Incremental(work.module, work.image, work.clean_logits)
    exact = engine.logits(positions, work.grid.patch, work.fill).double().softmax(1)
    module, batch = full.prepared(work.module), full.Batch(work, size)
    with torch.inference_mode(), kept_memory():
        parts = [positions[begin : begin + size] for begin in range(0, len(positions), size)]
        truth = torch.cat([module(batch.occluded(part)).double().softmax(1) for part in parts])
    return {
        "map_positions": len(positions),
        "max_difference": float((exact - truth).abs().max()),
        "equal": torch.allclose(exact, truth, rtol=1e-4, atol=1e-6),
    }


def time_captum(name, patch, options):
    """Milliseconds per window at Captum's best perturbations_per_eval, and that number."""
    from captum.attr import Occlusion

    net, work = prepared(name, patch, options)
    image, target, quick = work.image, work.targets[0], options.quick
    # 36 windows of a fifth of the image: the time of a window does not depend on its size.
    extent = image.shape[2] // 6 + 1
    windows = 36
    found = {}
    with kept_memory():
        for size in (4, 12) if quick else (1, 4, 12, 36):
            occlusion = Occlusion(net)
            window = (3, extent, extent)
            found[size] = best(
                lambda: occlusion.attribute(image, window, strides=window, target=target, perturbations_per_eval=size),
                image.device,
                1,
            ) / (windows + 1)
    size = min(found, key=found.get)
    return {"captum_ms": found[size] * 1e3, "captum_batch": size}


def memory(device):
    """Bytes in use now."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return status("VmRSS")


def peak_memory(device):
    """Most bytes in use since ``reset_peak``."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return status("VmHWM")


def reset_peak(device):
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def status(key):
    """A line of Linux's /proc/self/status in bytes; NaN elsewhere."""
    path = Path("/proc/self/status")
    if not path.exists():
        return float("nan")
    return next(int(text.split()[1]) * 1024 for text in path.read_text().splitlines() if text.startswith(key))


def line(row):
    captum = f", {row['speedup_over_captum']:.2f} x Captum's best" if "captum_ms" in row else ""
    return (
        f"{row['net']} {row['patch']}/{row['stride']}: {row['speedup']:.2f} x the tuned baseline{captum}, bound "
        f"{row['bound']:.2f}, {row['exact_seconds']:.1f} s, peak {row['peak_megabytes']:.0f} MB, "
        f"{'equal' if row.get('equal') else 'NOT equal' if 'equal' in row else 'not compared'}"
    )


def table(report):
    """The results as a Markdown table."""
    head = [
        "network",
        "patch",
        "stride",
        "positions",
        "full ms",
        "Captum ms",
        "exact ms",
        "x full",
        "x Captum",
        "bound",
        "GMAC/s full",
        "GMAC/s exact",
        "peak MB",
        "equal",
    ]
    lines = [" | ".join(head), " | ".join("-" for _ in head)]
    for row in report["rows"]:
        cells = [
            row["net"],
            row["patch"],
            row["stride"],
            row["positions"],
            f"{row['full_ms']:.2f}",
            f"{row['captum_ms']:.2f}" if "captum_ms" in row else "-",
            f"{row['exact_ms']:.2f}",
            f"{row['speedup']:.2f}",
            f"{row['speedup_over_captum']:.2f}" if "captum_ms" in row else "-",
            f"{row['bound']:.2f}",
            f"{row['gmacs_full']:.0f}",
            f"{row['gmacs_exact']:.0f}",
            f"{row['peak_megabytes']:.0f}",
            {True: "yes", False: "NO", None: "-"}[row.get("equal")],
        ]
        lines.append(" | ".join(str(cell) for cell in cells))
    peak, where = report["peak"], report["machine"]
    lines.append(
        f"\n{where['device']}, {where['threads']} threads, torch {where['torch']}; matrix product "
        f"{peak['gemm']:.0f} GMAC/s, 3x3 convolution {peak['convolution']:.0f} GMAC/s"
    )
    return "\n".join("| " + text + " |" if " | " in text else text for text in lines)


if __name__ == "__main__":
    main()
