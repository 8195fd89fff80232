"""Store a distilled network, measure how well it agrees with its teacher, and write its card."""

import copy
import datetime
import json
import os
import platform
from pathlib import Path

import torch
from torch.nn import functional

from kryptonlib import store, zoo

from distillation_pool import fingerprint, held_out_crops, logits, sample_photos

TRAINING_CROPS = 4
"""Crops of each training photo in the card, beside those of the held-out ones."""
LARGEST = 30_000_000
"""Bytes that a checkpoint in this repository may have."""


def compare(found, truth):
    """How well a student's logits [n, classes] agree with the teacher's.

    Returns:
        dict of ``top1``: share of images with the same best class; ``top5``: share where the teacher's best class is
        among the student's five best; ``kl``: mean KL(teacher || student) in nats; ``correlation``: mean over the
        images of the correlation of the logits across classes.
    """
    best = truth.argmax(1)
    theirs, ours = truth.log_softmax(1), found.log_softmax(1)
    centred = [values - values.mean(1, keepdim=True) for values in (found, truth)]
    values = {
        "top1": (found.argmax(1) == best).float().mean(),
        "top5": (found.topk(5).indices == best[:, None]).any(1).float().mean(),
        "kl": (theirs.exp() * (theirs - ours)).sum(1).mean(),
        "correlation": functional.cosine_similarity(*centred).mean(),
    }
    return {name: round(float(value), 4) for name, value in values.items()}


@torch.inference_mode()
def centre_logits(cnn, photos):
    """Logits [n, classes] of photos, each prepared as the classifier itself does it."""
    images = [cnn.prepare(photo.image_as_floats()) for photo in photos]
    return torch.cat([cnn.module(image).float().cpu() for image in images])


def agreement(cnn, teacher, photos, count, seed):
    """Agreement with the teacher on photos: {"photos", "centre", "crops", "labels"}.

    Args:
        photos: ``distillation_pool.Photo`` objects that were not trained on.
        count: crops of each, in "crops" (``distillation_pool.held_out_crops``); "centre" is the usual centre crop.

    Returns:
        dict; "labels" holds how many photos have a label and the share that student and teacher get right.
    """
    found, truth = centre_logits(cnn, photos), centre_logits(teacher, photos)
    crops = [held_out_crops(photo, count, seed, max(cnn.input_size)) for photo in photos]
    pairs = [(logits(cnn, some), logits(teacher, some)) for some in crops]
    labelled = [i for i, photo in enumerate(photos) if photo.label is not None]
    report = {
        "photos": len(photos),
        "centre": compare(found, truth),
        "crops": compare(*(torch.cat(side) for side in zip(*pairs, strict=True))) | {"count": count * len(photos)},
    }
    if labelled:
        labels = torch.tensor([photos[i].label for i in labelled])
        right = {"student": found, "teacher": truth}
        report["labels"] = {"photos": len(labelled)} | {
            who: round(float((values[labelled].argmax(1) == labels).float().mean()), 4) for who, values in right.items()
        }
    return report


def write(cnn, state, teacher, photos, options, facts):
    """Write ``NAME.safetensors`` and the card ``NAME.json`` into ``options.target``.

    Args:
        cnn: the trained ``zoo.Classifier``.
        state: what of it is stored.
        teacher: the teacher's ``zoo.Classifier``.
        photos: the training photos.
        options: the script's command line.
        facts: what the card says about the training.

    Returns:
        Path of the weights.
    """
    name = f"{options.student}-distilled"
    target = Path(options.target)
    target.mkdir(parents=True, exist_ok=True)
    file = target / f"{name}.safetensors"
    zoo.write_small(state, file, int8=options.int8)
    if file.stat().st_size > LARGEST:
        print(f"note: {file} has over {LARGEST // 1_000_000} MB; store int8 weights with --int8 to make it smaller")
    held_out = {split: sample_photos(split) for split in ("test", "tune")}
    every = [photo for some in held_out.values() for photo in some]
    exact = centre_logits(cnn, every)
    stored = copy.deepcopy(cnn)
    zoo.distilled.trained_part(stored.module).load_state_dict(zoo.read_small(file))
    card = {
        "name": name,
        "what": f"{options.student} trained to answer as {teacher.name} does; for heat maps, not for classifying",
        **facts,
        "date": datetime.date.today().isoformat(),
        "hardware": hardware(cnn.device),
        "versions": {"python": platform.python_version(), "torch": str(torch.__version__)},
        "data": [{"name": photo.name, "licence": photo.licence} for photo in photos],
        "data_sha256": fingerprint(photos),
        "teacher": {"name": teacher.name, "sha256": store.sha256(store.path(f"weights/{teacher.name}.safetensors"))},
        "file": {"name": file.name, "bytes": file.stat().st_size, "sha256": store.sha256(file),
                 "numbers": "int8 per channel" if options.int8 else "float16, batch-norm statistics float32"},
        "rounding": {"largest_logit_difference": float((centre_logits(stored, every) - exact).abs().max()),
                     "largest_logit": float(exact.abs().max()), "photos": len(every)},
        "agreement": {
            split: agreement(stored, teacher, some, options.held_out, options.seed) for split, some in held_out.items()
        } | {"train": agreement(stored, teacher, photos, TRAINING_CROPS, options.seed)},
        "agreement_note": "with the stored weights. The split test was never looked at while training; tune was "
                          "watched; neither holds a training photo. Beside them stands how well it does on the "
                          "photos that it was trained on.",
    }  # fmt: skip
    if options.student in zoo.distilled.FEATURES:
        trunk = f"weights/{options.student}-trunk.safetensors"
        card["trunk"] = {"name": trunk, "sha256": store.sha256(store.path(trunk))}
    part = target / f"{name}.json.part"
    part.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, target / f"{name}.json")
    return file


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
