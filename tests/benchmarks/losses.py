"""Losses, measured: ``python tests/benchmarks/losses.py`` (``make bench``).

Time and memory of a metric (forward) and of a loss (forward and backward) beside the libraries that people use, on
crops, a photo of 512x512 and a frame of 1920x1080:

- pytorch-msssim (SSIM, MS-SSIM) and lpips with the same trunk, both ways;
- scikit-image (SSIM) and flip-evaluator (C++), forward only; the second has no wheels for some machines, and is
  measured where ``pip install flip-evaluator`` was done.

Ours and theirs take turns on the same images; the medians of each and their ratio are reported, and both must give the
same value. Memory (Linux) is how far one call lifts the process's peak, each in a process of its own. Results go to
``build/bench/losses.json``. Nothing else should run meanwhile.
"""

import argparse
import importlib.util
import json
import multiprocessing
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
import occlusion as speed  # noqa: E402

from kryptonlib import losses, store  # noqa: E402

OUT = Path(__file__).parents[2] / "build" / "bench"
SIZES = {"64x64": (16, 64, 64), "512x512": (1, 512, 512), "1920x1080": (1, 1080, 1920)}
"""Images, rows and columns."""
TOLERANCE = 5e-4
"""How far the values of ours and theirs may lie apart in single precision."""


def pair(size):
    count, rows, columns = SIZES[size]
    generator = torch.Generator().manual_seed(0)
    y = torch.rand(count, 3, rows // 8, columns // 8, generator=generator)
    y = torch.nn.functional.interpolate(y, (rows, columns), mode="bicubic", align_corners=False).clamp(0, 1)
    return (y + 0.05 * torch.randn(y.shape, generator=generator)).clamp(0, 1), y


def official_lpips(net, file):
    import lpips
    from safetensors.torch import load_file

    model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    trunk = load_file(store.path(f"weights/{file}-trunk.safetensors"))
    for name, value in model.net.named_parameters():
        value.data.copy_(trunk[name.split(".", 1)[1]])
    return lambda x, y: model(2 * x - 1, 2 * y - 1).mean()


def official_flip(x, y):
    import flip_evaluator

    images = [image[0].permute(1, 2, 0).contiguous().numpy() for image in (y, x)]
    ppd = {"ppd": losses.PIXELS_PER_DEGREE}
    return torch.tensor(flip_evaluator.evaluate(*images, "LDR", applyMagma=False, parameters=ppd)[1])


def scikit_ssim(x, y):
    from skimage.metrics import structural_similarity

    images = [image[0].permute(1, 2, 0).numpy() for image in (x, y)]
    options = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    return torch.tensor(float(structural_similarity(*images, data_range=1.0, channel_axis=2, **options)))


def pytorch_msssim(name):
    import pytorch_msssim as library

    return lambda x, y: getattr(library, name)(x, y, data_range=1.0)


# (metric, library): (ours, makes theirs, theirs has a gradient)
CASES = {
    ("ssim", "pytorch-msssim"): (
        lambda x, y: losses.ssim(x, y, data_range=1.0),
        lambda: pytorch_msssim("ssim"),
        True,
    ),
    ("ssim", "scikit-image"): (lambda x, y: losses.ssim(x, y, data_range=1.0), lambda: scikit_ssim, False),
    ("ms_ssim", "pytorch-msssim"): (
        lambda x, y: losses.ms_ssim(x, y, data_range=1.0),
        lambda: pytorch_msssim("ms_ssim"),
        True,
    ),
    ("lpips alex", "lpips"): (losses.lpips, lambda: official_lpips("alex", "alexnet"), True),
    ("lpips vgg", "lpips"): (
        lambda x, y: losses.lpips(x, y, net="vgg"),
        lambda: official_lpips("vgg", "vgg16"),
        True,
    ),
    ("flip", "flip-evaluator"): (losses.flip, lambda: official_flip, False),
}


def run(function, x, y, backward):
    """One call, timed; the value and the seconds."""
    x = x.clone().requires_grad_(backward)
    start = time.perf_counter()
    with torch.set_grad_enabled(backward):
        value = function(x, y)
    if backward:
        value.backward()
    return value.item(), time.perf_counter() - start


def in_turns(ours, theirs, size, backward, repeats):
    """Median seconds of both, after a call each that does not count; their values must agree."""
    x, y = pair(size)
    values = [run(function, x, y, backward)[0] for function in (ours, theirs)]
    if abs(values[0] - values[1]) > TOLERANCE:
        raise RuntimeError(f"ours gives {values[0]}, theirs {values[1]}: they do not measure the same")
    seconds = [[run(function, x, y, backward)[1] for function in (ours, theirs)] for _ in range(repeats)]
    return [statistics.median(column) for column in zip(*seconds)]


def peak(case, which, size, backward, threads, answer):
    """In a process of its own: MiB by which a call lifts the peak memory, after a small call has loaded everything."""
    torch.set_num_threads(threads)
    ours, theirs, _ = CASES[case]
    function = ours if which == "ours" else theirs()
    small = torch.rand(1, 3, 176, 176)
    run(function, small, small, backward)
    x, y = pair(size)
    # Loading took more than the call may: the peak starts anew from what is held now.
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")
    before = speed.status("VmRSS")
    run(function, x, y, backward)
    answer.put((speed.status("VmHWM") - before) / 2**20)


def memory(*arguments):
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=peak, args=(*arguments, torch.get_num_threads(), answer))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"measuring the memory of {arguments} failed")
    return answer.get()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", nargs="+", default=[*SIZES], choices=[*SIZES])
    parser.add_argument("--metrics", nargs="+", default=sorted({metric for metric, _ in CASES}))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--no-memory", action="store_true", help="leave out the memory, which starts many processes")
    parser.add_argument("--output", type=Path, default=OUT / "losses.json")
    options = parser.parse_args()
    rows = []
    for (metric, library), (ours, theirs, differentiable) in CASES.items():
        if library == "flip-evaluator" and not importlib.util.find_spec("flip_evaluator"):
            print("flip is left out: flip-evaluator is not installed", flush=True)
            continue
        for size in options.sizes if metric in options.metrics else ():
            # flip-evaluator and scikit-image take one image, MS-SSIM none of 64 pixels.
            if size == "64x64" and (not differentiable or metric == "ms_ssim"):
                continue
            for backward in (False, True)[: 1 + differentiable]:
                seconds = in_turns(ours, theirs(), size, backward, options.repeats)
                row = {"metric": metric, "library": library, "size": size, "backward": backward}
                row |= {"ours ms": 1e3 * seconds[0], "theirs ms": 1e3 * seconds[1], "ratio": seconds[0] / seconds[1]}
                if not options.no_memory:
                    case = (metric, library)
                    row |= {f"{who} MiB": memory(case, who, size, backward) for who in ("ours", "theirs")}
                rows.append(row)
                print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}), flush=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    report = {"machine": speed.machine(torch.device("cpu")), "repeats": options.repeats, "rows": rows}
    options.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
