"""The list of studies: what can be trained, on what it stands, and how long it takes."""

from collections.abc import Callable
from dataclasses import dataclass

from kryptonlib import store
from kryptonlib.choices import check_choice
from kryptonlib.small_weights import read_small


@dataclass(frozen=True)
class Entry:
    """A study of the list.

    Attributes:
        make: options -> :class:`kryptonlib.training.study.Study`.
        what: one line.
        minutes: on 2 cores with AVX2, nothing beside it.
        needs: groups of data that it reads.
        after: the study whose checkpoint it begins from, or None.
    """

    make: Callable
    what: str
    minutes: int
    needs: tuple = ("default", "wallpapers")
    after: str | None = None


GAMMAS = (10000, 12000, 16000, 24000, 40000, 72000, 96000)
"""The seven trade-offs of Dumas, Roumy and Guillemot, section 4."""
START_STEPS, FURTHER_STEPS = 150_000, 15_000
"""Steps of the codec's common start, and of each case after it."""


def _codec(name, **settings):
    def make(options, folder):
        from kryptonlib.training import codec

        parent = None if name == codec.START else read_small(folder / f"{codec.START}.safetensors")
        return codec.Codec(options, name=name, parent=parent, **settings)

    return make


def _context(name):
    def make(options, folder):
        from kryptonlib.training.codec_context import CodecContext

        return CodecContext(options, name=f"{name}-context", parent=read_small(folder / f"{name}.safetensors"))

    return make


def _characters(options, folder):
    from kryptonlib.training.characters import Characters

    return Characters(options)


def _distillation(architecture):
    def make(options, folder):
        from kryptonlib.training import distillation

        return distillation.Distillation(options, architecture, distillation.RECIPES[architecture])

    return make


def _all():
    entries = {
        f"{architecture}-distilled": Entry(
            _distillation(architecture), f"{architecture} that answers as EfficientNet-Lite0 does (04-06)", minutes, needs
        )
        for architecture, minutes, needs in (
            ("vgg16", 25, ("default", "wallpapers")),
            ("resnet18", 60, ("default", "wallpapers")),
            ("inception_v3", 25, ("default", "wallpapers", "inception")),
        )
    }
    entries |= {
        "codec-start": Entry(
            _codec("codec-start", case="start", steps=START_STEPS),
            "the learned codec's transform, the common start of all cases (notebooks 07-09)",
            360,
        )
    }
    for gamma in GAMMAS:
        entries[f"codec-{gamma}"] = Entry(
            _codec(f"codec-{gamma}", gamma=gamma, case="normalized", steps=FURTHER_STEPS),
            f"the codec, case {'1 and 3' if gamma == 10000 else '1'}, gamma {gamma}",
            40,
            after="codec-start",
        )
    entries["codec-steps"] = Entry(
        _codec("codec-steps", case="steps", steps=FURTHER_STEPS),
        "the codec, case 2: learned step sizes, gamma 10000",
        40,
        after="codec-start",
    )
    entries["codec-10000-context"] = Entry(
        _context("codec-10000"), "the context model that codec-10000's files are coded with", 15, after="codec-10000"
    )
    entries["characters-numpy"] = Entry(
        _characters, "an LSTM that writes NumPy's documentation, character by character (notebook 15)", 5, needs=()
    )
    return entries


STUDIES = _all()


def check(name):
    """Raise ValueError for a name that is not in the list."""
    check_choice("study", name, STUDIES)


def make(name, options, folder=store.CHECKPOINTS):
    """A study by its name.

    Args:
        name: of ``STUDIES``.
        options: :class:`kryptonlib.training.study.Options`.
        folder: where the checkpoints are that studies begin from.

    Raises:
        ValueError: an unknown name, or one whose parent has no checkpoint.
    """
    check(name)
    entry = STUDIES[name]
    if entry.after is not None and not (folder / f"{entry.after}.safetensors").is_file():
        raise ValueError(f"{name} begins from {entry.after}, which has no checkpoint in {folder}: train that first")
    return entry.make(options, folder)
