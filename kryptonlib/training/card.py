"""The card beside every checkpoint: what was trained, on what, for how long, by which command, and what came of it.

``NAME.safetensors`` (the weights, float16), ``NAME.json`` (the card) and ``NAME.csv`` (the log) belong together. A
study whose networks are of no further use has a card and a log alone.
"""

import datetime
import json
import platform
from pathlib import Path

import torch

from kryptonlib import store
from kryptonlib.small_weights import write_small
from kryptonlib.store import read_card as read
from kryptonlib.store import read_log

__all__ = ["hardware", "publish", "read", "read_log", "runs"]


def publish(study, progress, log, folder, device, own_data=False):
    """Write a study's checkpoint, card and log; one that is further along is left alone.

    Args:
        study: :class:`kryptonlib.training.study.Study`.
        progress: dict of step, steps, finished, training_seconds and seed.
        log: the log as CSV text.
        folder: ``Path`` of the folder to write into.
        device: where it was trained.
        own_data: whether a folder of the reader's own was given; the card then names it among the data.

    Returns:
        Path of the card, or None if nothing was written.
    """
    old = read(study.name, folder)
    if not progress["finished"] and (old.get("finished") or old.get("step", 0) >= progress["step"]):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    weights = study.weights()
    content = {
        "name": study.name,
        "command": f"python -m kryptonlib train {study.name}" + " --data FOLDER" * own_data,
        **progress,
        **study.facts(progress["finished"]),
        "runs": runs(old, progress, device),
    }
    if weights:
        file = folder / f"{study.name}.safetensors"
        write_small(weights, file)
        content["file"] = {"name": file.name, "bytes": file.stat().st_size, "sha256": store.sha256(file)}
    target = folder / f"{study.name}.json"
    with store.written_whole(target) as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if log:
        with store.written_whole(folder / f"{study.name}.csv") as part:
            part.write_text(log, encoding="utf-8")
    return target


def runs(old, progress, device):
    """Which machine trained up to which step: the list of the old card, continued.

    A run on the machine of the last entry replaces that entry.
    """
    now = {
        "to_step": progress["step"],
        "training_seconds": progress["training_seconds"],
        "date": datetime.date.today().isoformat(),
        "hardware": hardware(device),
        "versions": {"python": platform.python_version(), "torch": str(torch.__version__)},
    }
    earlier = [run for run in old.get("runs", []) if run["to_step"] < progress["step"]]
    if earlier and earlier[-1]["hardware"] == now["hardware"] and earlier[-1]["date"] == now["date"]:
        earlier.pop()
    return [*earlier, now]


def hardware(device):
    """What computed: the GPU's name, or the processor and the number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    return f"{name}, {torch.get_num_threads()} threads"
