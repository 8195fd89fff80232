"""Teach a network to answer as EfficientNet-Lite0 does, on crops of a few photos:

    python data_scripts/train_classifier.py --student vgg16|resnet18|inception_v3 [--photos FOLDER]

vgg16 and inception_v3 train a linear head on a trunk that has seen ImageNet; resnet18 trains from its initial weights.
The loss is that of Hinton et al., 2015, https://arxiv.org/abs/1503.02531, plus the squared difference of the logits
for resnet18. ``--minutes`` stops a run; the same command continues it where it saved last, and ends with
the same weights as without the stop. At the end the weights and their card are written into ``--target``; ``log.csv``
in the work folder tells how it went.
"""

import argparse
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

# Before whatever imports torchvision: kryptonlib makes it work beside a CPU-only torch.
from kryptonlib import store, zoo

import checkpoint_card
import distillation_pool
from distillation_run import Monitor, Run, Student
from problems import DataProblem

TEACHER = "efficientnet-lite0"


@dataclass(frozen=True)
class Recipe:
    """How a student is trained.

    Attributes:
        side: of the student's input in pixels.
        stages: (share of the steps after which it ends, side of the crops in training): small crops come first.
        steps, batch, rate, decay: of AdamW; ``rate`` is the highest learning rate, ``decay`` the weight decay.
        warmup: steps in which the rate rises.
        temperature: of the softmax in the loss.
        match: weight of the squared difference of the centred logits.
    """

    side: int
    stages: tuple
    steps: int
    batch: int
    rate: float
    decay: float
    temperature: float = 2.0
    match: float = 0.5
    warmup: int = 100


HEAD = {"steps": 1500, "batch": 256, "rate": 1e-3, "decay": 0.05, "temperature": 1.0, "match": 0.0, "warmup": 75}
"""How a linear head on a trunk is trained."""
RECIPES = {
    "vgg16": Recipe(224, ((1.0, 224),), **HEAD),
    "resnet18": Recipe(224, ((0.7, 80), (0.93, 128), (1.0, 192)), steps=3000, batch=64, rate=1e-3, decay=0.05),
    "inception_v3": Recipe(299, ((1.0, 299),), **HEAD),
}


def parser():
    """The command line."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--student", required=True, choices=RECIPES)
    parse.add_argument("--photos", metavar="FOLDER", help="your own JPEG or PNG photos (default: the course's 25)")
    parse.add_argument("--work", metavar="FOLDER", help="for crops and the saved state (default: build/train/STUDENT)")
    parse.add_argument("--target", metavar="FOLDER", default=store.CHECKPOINTS, help="for the weights and their card")
    parse.add_argument("--crops", type=int, default=6144, help="how many are made (default: %(default)s)")
    parse.add_argument("--steps", type=int, help="length of the training (default: by student)")
    parse.add_argument("--minutes", type=float, help="stop after so long, to be continued by the same command")
    parse.add_argument("--batch", type=int, help="crops in a step (default: by student)")
    parse.add_argument("--seed", type=int, default=0)
    parse.add_argument("--held-out", type=int, default=20, help="crops per held-out photo, besides the centre")
    parse.add_argument("--int8", action="store_true", help="store int8 weights instead of float16")
    parse.add_argument("--bfloat16", action="store_true", help="compute convolutions in bfloat16 while training")
    parse.add_argument("--device", help="default: the fastest")
    return parse


def main(argv=None):
    """Run the script; returns the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    parse = parser()
    options = parse.parse_args(argv)
    for name in ("crops", "steps", "batch", "held_out", "minutes"):
        value = getattr(options, name)
        if value is not None and value <= 0:
            parse.error(f"--{name.replace('_', '-')}: got {value}, expected more than 0")
    try:
        train(options)
    except (DataProblem, FileNotFoundError) as problem:
        print(f"train_classifier: {problem}", file=sys.stderr)
        return 1
    return 0


def train(options):
    """Train as the command line says; write weights and card if the last step was reached."""
    recipe = RECIPES[options.student]
    photos = (
        distillation_pool.folder_photos(options.photos) if options.photos else distillation_pool.sample_photos("train")
    )
    teacher = zoo.load(TEACHER, options.device)
    work = Path(options.work or Path("build") / "train" / options.student)
    pool = distillation_pool.Pool(work / "pool", photos, teacher, options.crops, recipe.side, options.seed)
    torch.manual_seed(options.seed)
    student = Student(options.student, teacher.device, options.bfloat16)
    inputs = student.inputs(pool, work)
    monitor = Monitor(student, teacher, options.seed)
    run = Run(student, recipe, options, pool, inputs, work)
    if not run.advance(options.minutes, monitor):
        print(f"stopped after step {run.step} of {run.steps}; the same command continues")
        return
    file = checkpoint_card.write(
        student.whole(),
        student.final().state_dict(),
        teacher,
        photos,
        options,
        {"command": repeat(run, options)} | run.facts(),
    )
    print(f"wrote {file} and its card")


def repeat(run, options):
    """The command that trains the same network again, whatever was said of folders, devices and minutes."""
    words = ["python", "data_scripts/train_classifier.py", "--student", options.student]
    for name in ("crops", "steps", "batch", "seed", "held_out"):
        value = getattr(run, name) if name in ("steps", "batch") else getattr(options, name)
        words += [f"--{name.replace('_', '-')}", str(value)]
    words += [f"--{name}" for name in ("int8", "bfloat16") if getattr(options, name)]
    words += ["--photos", "FOLDER"] if options.photos else []
    return shlex.join(words)


if __name__ == "__main__":
    sys.exit(main())
