"""How fast exact occlusion heat maps are, measured honestly: ``python tests/benchmarks/occlusion.py`` (``make bench``).

For each network, patch and stride one run on one machine with one number of threads measures

- the tuned baseline (batch norm folded, channels_last, memory kept): the best of several batch sizes, on a random
  sample of positions, because its cost per position does not depend on the position;
- ``captum.attr.Occlusion`` at its best ``perturbations_per_eval``, on few large windows, for the same reason;
- the exact incremental method over the entire grid, its preparation included;
- the bound: MACs of full inference over the mean MACs of the tight windows, linear layers counted;
- the rate in MAC/s beside that of a large matrix product and a large convolution, and the peak memory;
- whether the exact probabilities are the full ones (rtol 1e-4, atol 1e-6) on an entire map of stride 8.

Each network runs in a process of its own, so that the peak memory is its own. Results go to
``build/bench/occlusion.json`` and a table on standard output. Nothing else should run meanwhile.
"""

import argparse
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
    report = alone(options, head, options) | {"rows": []}
    for name in options.nets:
        for patch in options.patch if name in TARGETS else options.patch[:1]:
            row = alone(options, measure, name, patch, options)
            report["rows"].append(row)
            print(line(row), flush=True)
            options.output.parent.mkdir(parents=True, exist_ok=True)
            options.output.write_text(json.dumps(report, indent=1) + "\n")
    print(table(report))


def alone(options, function, *arguments):
    """What the function returns in a new process."""
    initial = (torch.set_num_threads, (options.threads,)) if options.threads else (None, ())
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), *initial) as pool:
        return pool.submit(function, *arguments).result()


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
    device, stride, quick = torch.device(options.device), options.stride, options.quick
    net = zoo.architecture(name).to(device)
    # A photo, not noise: the seeded networks are calibrated on photos, and noise drives some logits to hundreds, where
    # float32 no longer tells probabilities to a part in ten thousand.
    image = torch.from_numpy(samples.load("chelsea").image).permute(2, 0, 1)[None]
    image = torch.nn.functional.interpolate(image, net.input_size, mode="bilinear", antialias=True).to(device) * 4 - 2
    work = job.prepare(net, image, patch=patch, stride=stride)
    count = len(work.grid)
    reset_peak(device)
    before = memory(device)
    synchronise(device)
    started = time.perf_counter()
    engine = incremental.Incremental(net, image, work.clean_logits)
    prepared = time.perf_counter() - started
    engine.logits(work.grid.positions(), work.grid.patch, work.fill)
    synchronise(device)
    exact = time.perf_counter() - started
    peak = peak_memory(device) - before
    steps = engine.steps
    layers = bounds.layer_work(steps, bounds.patch_boxes(work.grid.positions(), work.grid.patch))
    del engine
    full_each, batch, sample = time_full(work, quick)
    row = {
        "net": name,
        "patch": patch,
        "stride": stride,
        "positions": count,
        "input": list(net.input_size),
        "full_ms": full_each * 1e3,
        "full_batch": batch,
        "full_sample": sample,
        "exact_ms": exact / count * 1e3,
        "exact_seconds": exact,
        "prepare_seconds": prepared,
        "speedup": full_each * count / exact,
        "bound": bounds.redundancy_ratio(layers),
        "gmacs_full": sum(layer.full for layer in layers) / full_each / 1e9,
        "gmacs_exact": sum(layer.incremental for layer in layers) * count / exact / 1e9,
        "peak_megabytes": peak / 1e6,
    }
    if not options.no_map:
        row |= compare_map(job.prepare(net, image, patch=patch, stride=stride if quick else MAP_STRIDE), batch)
    if not options.no_captum and name in TARGETS and patch == options.patch[0]:
        row["captum_ms"], row["captum_batch"] = time_captum(net, image, work.targets[0], quick)
        row["speedup_over_captum"] = row["captum_ms"] * count / exact / 1e3
    return row


def time_full(work, quick):
    """(seconds per position at the best batch size, that size, how many positions were sampled)."""
    module = full.prepared(work.module)
    positions = work.grid.positions()
    random = np.random.default_rng(0)
    device = work.image.device
    sizes = (8, 16) if quick else (16, 32, 64, 128)
    seconds = {}
    with torch.inference_mode(), kept_memory():
        for size in sizes:
            batch = full.Batch(work, size)
            some = positions[random.integers(len(positions), size=size)]
            seconds[size] = best(lambda: module(batch.occluded(some)), device, 1) / size
        size = min(seconds, key=seconds.get)
        sample = random.permutation(len(positions))[: 2 * size if quick else max(128, 2 * size)]
        sample = sample[: len(sample) // size * size] if len(sample) >= size else sample
        batch = full.Batch(work, size)
        synchronise(device)
        started = time.perf_counter()
        for begin in range(0, len(sample), size):
            module(batch.occluded(positions[sample[begin : begin + size]]))
        synchronise(device)
        spent = time.perf_counter() - started
    return min(spent / len(sample), seconds[size]), size, len(sample)


def compare_map(work, size):
    """The exact and the full probabilities of every class over an entire map."""
    positions = work.grid.positions()
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


def time_captum(net, image, target, quick):
    """(milliseconds per window at Captum's best perturbations_per_eval, that number)."""
    from captum.attr import Occlusion

    # 36 windows of a fifth of the image: the time of a window does not depend on its size.
    extent = image.shape[2] // 6 + 1
    windows = 36
    found = {}
    with kept_memory():
        for size in (4, 12) if quick else (1, 4, 12, 36):
            occlusion = Occlusion(net)
            started = time.perf_counter()
            occlusion.attribute(
                image, (3, extent, extent), strides=(3, extent, extent), target=target, perturbations_per_eval=size
            )
            synchronise(image.device)
            found[size] = (time.perf_counter() - started) / (windows + 1)
    size = min(found, key=found.get)
    return found[size] * 1e3, size


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
