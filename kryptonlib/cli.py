"""The command line: ``python -m kryptonlib run|records|student|data|explain|compare|denoise|encode|decode|train``.

Everything heavy is imported by the command that needs it.
"""

import argparse
import sys


def parser():
    """The commands and their options."""
    from kryptonlib import __version__

    main_parser = argparse.ArgumentParser(
        prog="python -m kryptonlib", description="Run, check and use the Krypton course."
    )
    main_parser.add_argument("--version", action="version", version=f"kryptonlib {__version__}")
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="command")

    run = commands.add_parser("run", help="execute notebooks and compare every number with its record")
    common(run)
    run.add_argument("--report", action="store_true", help="write build/report.html and build/report.json")
    run.add_argument("--keep", action="store_true", help="(maintainers) copy the outputs of good runs into notebooks/")
    run.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="replace a parameter of the notebooks' parameters cell, e.g. stride=8 or fill=0.5; not compared",
    )
    run.add_argument("--time-limit", type=float, metavar="SECONDS", help="stop a notebook that runs longer")
    run.set_defaults(action=run_command)

    records = commands.add_parser("records", help="show the recorded numbers, or write them anew")
    common(records)
    records.add_argument("--update", action="store_true", help="run the notebooks and record what they find")
    records.set_defaults(action=records_command)

    student = commands.add_parser("student", help="write notebooks/student/, the copies without solutions")
    student.set_defaults(action=student_command)

    readme = commands.add_parser("readme", help="(maintainers) bring README.md's tables up to date")
    readme.set_defaults(action=readme_command)

    data = commands.add_parser("data", help="fetch and verify data and weights", add_help=False)
    data.set_defaults(action=data_command)

    explain = commands.add_parser("explain", help="draw the occlusion heat map of your own image")
    explain.add_argument("image", metavar="IMAGE", help="a photo (PNG, JPEG) or a DICOM file")
    explain.add_argument("--cnn", default="efficientnet-lite0", metavar="NAME", help="a network of zoo.names()")
    explain.add_argument("-o", "--output", required=True, metavar="OUT.png", help="picture to write (PNG, PDF, SVG)")
    explain.add_argument("--target", metavar="CLASS", help="a class name or its number; the top class if left out")
    explain.add_argument("--patch", type=int, default=32, help="side of the patch in pixels of the network's input")
    explain.add_argument("--stride", type=int, default=8, help="step of the patch in pixels of the network's input")
    explain.add_argument("--fill", type=float, default=0.5, help="grey of the patch, 0 (black) to 1 (white)")
    explain.add_argument("--ssim", type=float, metavar="0.9", help="compute less, to this SSIM with the exact map")
    explain.add_argument("--page", type=int, metavar="N", help="page or frame of a file of several, from 0")
    explain.set_defaults(action=explain_command)

    compare = commands.add_parser("compare", help="measure how two images of your own differ, by every metric")
    compare.add_argument("reference", metavar="REFERENCE", help="the image that is right")
    compare.add_argument("test", metavar="TEST", help="the image that is judged, of the same size")
    compare.add_argument("-o", "--output", metavar="OUT.png", help="write both images and their error maps there")
    compare.add_argument(
        "--pixels-per-degree", type=float, metavar="P", help="for FLIP; 67 if left out: a 4K screen at arm's length"
    )
    compare.set_defaults(action=compare_command)

    denoise = commands.add_parser(
        "denoise",
        help="take the noise out of an X-ray of your own (not for diagnosis)",
        description="Take the noise out of an X-ray of your own, and say how much of it was found. Not for diagnosis.",
    )
    denoise.add_argument("image", metavar="IMAGE", help="a grey X-ray: DICOM, PNG or TIFF of 8 or 16 bits")
    denoise.add_argument("-o", "--output", required=True, metavar="OUT.png", help="picture to write (PNG or TIFF)")
    denoise.add_argument("--network", default="xray-bdcnn", metavar="NAME", help="one of restoration.names()")
    denoise.add_argument("--page", type=int, metavar="N", help="page or frame of a file of several, from 0")
    denoise.add_argument(
        "--white", type=int, metavar="N", help="number that stands for white in 16 bits; from the largest if left out"
    )
    denoise.set_defaults(action=denoise_command)

    encode = commands.add_parser("encode", help="compress a grey image with the learned codec")
    encode.add_argument("image", metavar="IMAGE", help="a grey picture file of 8 bits; a colour one with --luma")
    encode.add_argument("-o", "--output", required=True, metavar="OUT.klc", help="where to write the file")
    encode.add_argument("--codec", default="codec-10000", metavar="NAME", help="one of compression.names()")
    encode.add_argument("--beta", type=float, default=1.0, help="larger makes smaller files: 1 1.25 1.5 2 3 4 6 8 10")
    encode.add_argument("--mode", metavar="MODE", help="paper, adaptive or context; the best there is if left out")
    encode.add_argument("--luma", choices=("full", "limited"), help="code the luma of a colour picture, in this range")
    encode.set_defaults(action=encode_command)

    decode = commands.add_parser("decode", help="the image of a file that encode wrote")
    decode.add_argument("file", metavar="FILE.klc")
    decode.add_argument("-o", "--output", required=True, metavar="OUT.png", help="where to write the picture")
    decode.set_defaults(action=decode_command)

    train = commands.add_parser("train", help="train the checkpoints of the course, or continue where it was stopped")
    train.add_argument(
        "study", nargs="*", metavar="STUDY", help="studies or groups of --list; all that is not finished if left out"
    )
    train.add_argument("--list", action="store_true", help="show the studies and how far each is")
    train.add_argument("--minutes", type=float, help="train for so long; the same command continues")
    train.add_argument(
        "--data", metavar="FOLDER", help="images of your own to train on, beside the course's; X-rays: in their place"
    )
    train.add_argument("--device", help="cpu, cuda or mps; the fastest if left out")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--steps", type=int, help="length of the training; the study's own if left out")
    train.add_argument("--fresh", action="store_true", help="begin anew")
    train.add_argument("--work", metavar="FOLDER", help="for the saved states (default: build/train)")
    train.add_argument("--target", metavar="FOLDER", help="for the checkpoints (default: kryptonlib/checkpoints)")
    train.set_defaults(action=train_command)
    return main_parser


def common(command):
    """Options that ``run`` and ``records`` share."""
    from kryptonlib.course.catalogue import PROFILES

    command.add_argument("--only", metavar="02,04", help="the numbers of the notebooks; all if left out")
    command.add_argument("--profile", choices=PROFILES, default="default", help="how large the run is")
    command.add_argument("--fresh", action="store_true", help="repeat runs that are good already")


def given_parameters(texts):
    """``["stride=8", "fill=0.5"]`` as a dictionary; the values are YAML literals.

    Raises:
        ValueError: a text without "=" or a value that is no YAML.
    """
    import yaml

    from kryptonlib.course.parameters import read_yaml

    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise ValueError(f"--parameter got {text!r}; expected NAME=VALUE, for example stride=8")
        try:
            values[name.strip()] = read_yaml(value)
        except yaml.YAMLError:
            raise ValueError(f"--parameter {name} got {value!r}, which is no YAML value") from None
    return values


def run_command(options):
    """``run``: 0 if everything equals its record, 1 if not."""
    from kryptonlib.course.catalogue import Course
    from kryptonlib.course.reproduce import run

    failures = run(
        Course(),
        only=options.only,
        profile=options.profile,
        given=given_parameters(options.parameter),
        fresh=options.fresh,
        keep=options.keep,
        report=options.report,
        time_limit=options.time_limit,
    )
    return 1 if failures else 0


def records_command(options):
    """``records``: 0 if all asked for could be shown or written."""
    from kryptonlib.course import reproduce
    from kryptonlib.course.catalogue import Course

    if options.update:
        return 1 if reproduce.update_records(Course(), options.only, options.profile, options.fresh) else 0
    return reproduce.show_records(Course(), options.only, options.profile)


def student_command(options):
    """``student``: write the copies and name them."""
    from kryptonlib.course.catalogue import Course
    from kryptonlib.course.student import write

    for path in write(Course()):
        print(path)
    return 0


def readme_command(options):
    """``readme``: write the tables and say whether they changed."""
    from kryptonlib.course import readme
    from kryptonlib.course.catalogue import Course

    print("README.md's tables were brought up to date" if readme.write(Course()) else "README.md's tables were up to date")
    return 0


def data_command(options):
    """``data``: hand everything behind it to ``data_scripts/get_data.py``."""
    from kryptonlib import store

    return store.load_script("get_data").main(options.rest) or 0


def explain_command(options):
    """``explain``: heat map of a reader's own image."""
    from kryptonlib.explain import explain

    print(
        explain(
            options.image,
            options.output,
            cnn=options.cnn,
            target=options.target,
            patch=options.patch,
            stride=options.stride,
            fill=options.fill,
            ssim=options.ssim,
            page=options.page,
        )
    )
    return 0


def compare_command(options):
    """``compare``: print the table of metrics and what was left out."""
    from kryptonlib.compare import compare

    table, notes = compare(
        options.reference, options.test, options.output, pixels_per_degree=options.pixels_per_degree
    )
    print(table)
    for note in notes:
        print(note)
    if options.output:
        print(f"Images and error maps are in {options.output}.")
    return 0


def denoise_command(options):
    """``denoise``: a reader's own X-ray without its noise."""
    from kryptonlib.denoise import denoise

    given = {"network": options.network, "page": options.page, "white": options.white}
    print(denoise(options.image, options.output, **given))
    return 0


def encode_command(options):
    """``encode``: a picture file into a file of the codec."""
    from kryptonlib.compression import files

    print(files.encode(options.image, options.output, options.codec, options.beta, options.mode, options.luma))
    return 0


def decode_command(options):
    """``decode``: a file of the codec into a picture file."""
    from kryptonlib.compression import files

    print(files.decode(options.file, options.output))
    return 0


def train_command(options):
    """``train``: 0 if what was asked for is finished or its time is up, 1 if data are missing."""
    from pathlib import Path

    import torch

    from kryptonlib import store, zoo
    from kryptonlib.training import queue, studies
    from kryptonlib.training.loop import Stopped
    from kryptonlib.training.study import Options

    target = Path(options.target) if options.target else store.CHECKPOINTS
    if options.list:
        print("\n".join(queue.overview(target)))
        return 0
    for name in ("minutes", "steps"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise ValueError(f"--{name} got {value:g}; expected more than 0")
    device = torch.device(options.device) if options.device else zoo.pick_device()
    work = Path(options.work) if options.work else queue.WORK
    choices = Options(work, Path(options.data) if options.data else None, device, options.seed, options.steps)
    groups = studies.needs(queue.wanted(options.study or None, target, options.fresh))
    if groups and store.load_script("get_data").main(groups):
        return 1
    try:
        queue.train(options.study or None, minutes=options.minutes, options=choices, target=target, fresh=options.fresh)
    except Stopped as stopped:
        print(f"\n{stopped}", file=sys.stderr)
        return 130
    return 0


def main(arguments=None):
    """Run a command; returns the exit code: 0 good, 1 something differs, 2 cannot be done as asked."""
    options, rest = parser().parse_known_args(arguments)
    if rest and options.command != "data":
        parser().error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    try:
        return options.action(options)
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; run the same command again to continue", file=sys.stderr)
        return 130
