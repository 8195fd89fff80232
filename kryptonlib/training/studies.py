"""The list of studies: what can be trained, on what it stands, and how long it takes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

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
        group: the name under which it is trained together with others of its kind.
    """

    make: Callable
    what: str
    minutes: int
    needs: tuple = ("default", "wallpapers")
    after: str | None = None
    group: str = "others"


GAMMAS = (10000, 12000, 16000, 24000, 40000, 72000, 96000)
"""The seven trade-offs of Dumas, Roumy and Guillemot, section 4."""
START_STEPS, FURTHER_STEPS = 110_000, 10_000
"""Steps of the codec's common start, and of each case after it."""
XRAYS = {
    "xray-bdcnn": "X-BDCNN, the blind X-ray denoiser (notebook 13)",
    "xray-dncnn": "DnCNN on the same X-rays",
    "xray-recnn": "a plain residual network on the same X-rays",
    "xray-bdcnn-no-nle": "X-BDCNN without its noise-level sub-network",
    "xray-bdcnn-no-ssim": "X-BDCNN trained without SSIM",
    "xray-bdcnn-seed1": "X-BDCNN, a second seed",
    "xray-dncnn-seed1": "DnCNN, a second seed",
}
XRAY_STEPS = 5_000
"""Steps of each of them."""
DENOISING_START, DENOISING_SWEEP, DENOISING_STEPS = 6_000, 100, 1_200
"""Steps of the denoisers' common start, of each rate that the sweep tries, and of each loss after the start."""
DENOISING_SCRATCH = DENOISING_STEPS + DENOISING_START // 7
"""Steps of a denoiser without the common start: as many, with a seventh of the start's, which seven losses share."""
MRI_START, MRI_SWEEP, MRI_STEPS = 20_000, 60, 500
"""Steps of the MRI networks' common start, of each rate that the sweep tries, and of each loss after the start."""
DEPTH_STEPS = (60, 540)
"""Steps of each network of the comparison of depths at every rate, and then from every seed."""


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


def _denoising(name, loss, steps, seed=0, begins="start"):
    """Of the common start itself, of a loss after it, or of one without it ("scratch")."""

    def make(options, folder):
        from kryptonlib.training import denoising

        options = replace(options, seed=options.seed + seed)
        settings = {"name": name, "loss": loss, "steps": steps}
        if begins != "start":
            return denoising.Denoising(options, rate=denoising.START_RATE, **settings)
        rate = store.read_card(denoising.RATES, folder)["chosen"][loss]
        parent = read_small(folder / f"{denoising.START}.safetensors")
        return denoising.Denoising(options, rate=rate, parent=parent, first=DENOISING_START, **settings)

    return make


def _denoising_rates(options, folder):
    from kryptonlib.training import denoising

    parent = read_small(folder / f"{denoising.START}.safetensors")
    return denoising.rate_sweep(options, parent, DENOISING_SWEEP, DENOISING_START)


def _denoisers():
    """The denoising studies in the order in which they are trained; minutes are of one thread."""
    entries = {
        "denoise-start": Entry(
            _denoising("denoise-start", "l2", DENOISING_START, begins="new"),
            "the denoisers' common start, trained with l2 (notebook 11)",
            6,
        ),
        "denoise-rates": Entry(
            _denoising_rates, "which rate each loss of the denoisers wants: a short sweep", 5, after="denoise-start"
        ),
    }
    names = {"l1": "l1", "l2": "l2", "msssim": "MS-SSIM", "lpips": "LPIPS + l2", "flip": "FLIP",
             "adaptive": "the adaptive loss", "l1-msssim": "l1 + MS-SSIM"}  # fmt: skip
    seeds = ("l2", "l1", "adaptive", "msssim", "flip", "lpips")
    for loss, seed in [(loss, 0) for loss in names] + [(loss, 1) for loss in seeds]:
        name = f"denoise-{loss}-seed{seed}" if seed else f"denoise-{loss}"
        what = f"a denoiser trained with {names[loss]}{', second seed' * seed}"
        entries[name] = Entry(_denoising(name, loss, DENOISING_STEPS, seed), what, 3, after="denoise-rates")
    for loss in ("l2", "msssim"):
        name, what = f"denoise-{loss}-scratch", f"a denoiser trained with {names[loss]} without the common start"
        entries[name] = Entry(_denoising(name, loss, DENOISING_SCRATCH, begins="new"), what, 3)
    return entries


def _mri(name, loss, steps, seed=0):
    """Of the common start itself, or of a loss after it."""

    def make(options, folder):
        from kryptonlib.training import mri

        options = replace(options, seed=options.seed + seed)
        if name == mri.START:
            return mri.MRI(options, name=name, loss=loss, steps=steps, rate=mri.START_RATE)
        rate = store.read_card(mri.RATES, folder)["chosen"][loss]
        parent = read_small(folder / f"{mri.START}.safetensors")
        return mri.MRI(options, name=name, loss=loss, steps=steps, rate=rate, parent=parent, first=MRI_START)

    return make


def _mri_rates(options, folder):
    from kryptonlib.training import mri

    return mri.rate_sweep(options, read_small(folder / f"{mri.START}.safetensors"), MRI_SWEEP, MRI_START)


def _mri_networks():
    """The MRI studies in the order in which they are trained."""
    needs = ("default", "brain")
    start = "MR heads from an eighth of k-space: the common start, trained with l2 (notebook 12)"
    entries = {
        "mri-start": Entry(_mri("mri-start", "l2", MRI_START), start, 15, needs),
        "mri-rates": Entry(_mri_rates, "which rate each loss of the MRI networks wants", 3, needs, "mri-start"),
    }
    names = {"l1": "l1", "l2": "l2", "msssim": "MS-SSIM", "lpips": "LPIPS + l2", "flip": "grey FLIP",
             "adaptive": "the adaptive loss"}  # fmt: skip
    for loss, seed in [(loss, 0) for loss in names] + [(loss, 1) for loss in names]:
        name = f"mri-{loss}-seed{seed}" if seed else f"mri-{loss}"
        what = f"MR heads, trained with {names[loss]}{', second seed' * seed}"
        entries[name] = Entry(_mri(name, loss, MRI_STEPS, seed), what, 2, needs, "mri-rates")
    return entries


def _depth(options, folder):
    from kryptonlib.training.depth import Depth

    return Depth(options, rate_steps=DEPTH_STEPS[0], steps=sum(DEPTH_STEPS))


def _characters(options, folder):
    from kryptonlib.training.characters import Characters

    return Characters(options)


def _distillation(architecture):
    def make(options, folder):
        from kryptonlib.training import distillation

        return distillation.Distillation(options, architecture, distillation.RECIPES[architecture])

    return make


def _xrays(name):
    def make(options, folder):
        from kryptonlib.training import xrays

        return xrays.XRays(options, name=name, steps=XRAY_STEPS)

    return make


def _distilled():
    return {
        f"{architecture}-distilled": Entry(
            _distillation(architecture),
            f"{architecture} that answers as EfficientNet-Lite0 does (04-06)",
            minutes,
            needs,
        )
        for architecture, minutes, needs in (
            ("vgg16", 25, ("default", "wallpapers")),
            ("resnet18", 60, ("default", "wallpapers")),
            ("inception_v3", 25, ("default", "wallpapers", "inception")),
        )
    }


def _codecs():
    entries = {
        "codec-start": Entry(
            _codec("codec-start", case="start", steps=START_STEPS),
            "the learned codec's transform, the common start of all cases (notebooks 07-09)",
            270,
        )
    }
    for gamma in GAMMAS:
        entries[f"codec-{gamma}"] = Entry(
            _codec(f"codec-{gamma}", gamma=gamma, case="normalized", steps=FURTHER_STEPS),
            f"the codec, case {'1 and 3' if gamma == 10000 else '1'}, gamma {gamma}",
            30,
            after="codec-start",
        )
    entries["codec-steps"] = Entry(
        _codec("codec-steps", case="steps", steps=FURTHER_STEPS),
        "the codec, case 2: learned step sizes, gamma 10000",
        30,
        after="codec-start",
    )
    entries["codec-10000-context"] = Entry(
        _context("codec-10000"), "the context model that codec-10000's files are coded with", 15, after="codec-10000"
    )
    return entries


def _generative(name):
    def make(options, folder):
        from kryptonlib.training import generative

        return {"dcgan-mnist": generative.DCGAN, "vae-mnist": generative.VAE}[name](options)

    return make


def _tutorial():
    """Small networks of the tutorial's notebooks."""
    mnist = ("default",)
    return {
        "depth": Entry(
            _depth, "plain and residual networks of 20 and 56 layers: results alone, no weights (22)", 3, mnist
        ),
        "dcgan-mnist": Entry(_generative("dcgan-mnist"), "a generator of digits and its discriminator (16)", 6, mnist),
        "vae-mnist": Entry(
            _generative("vae-mnist"), "a variational autoencoder with the same generator (16)", 4, mnist
        ),
        "characters-numpy": Entry(
            _characters, "an LSTM that writes NumPy's documentation, character by character (15)", 5, needs=()
        ),
    }


def _all():
    groups = {
        "distillation": _distilled(),
        "tutorial": _tutorial(),
        "codec": _codecs(),
        "denoising": _denoisers(),
        "mri": _mri_networks(),
        "xray": {name: Entry(_xrays(name), what, 8, needs=("default",)) for name, what in XRAYS.items()},
    }
    return {name: replace(entry, group=group) for group, entries in groups.items() for name, entry in entries.items()}


STUDIES = _all()


def groups():
    """Name of each group -> its studies' names, in the order in which they are trained."""
    found = {}
    for name, entry in STUDIES.items():
        found.setdefault(entry.group, []).append(name)
    return found


def check(name):
    """Raise ValueError for a name that is neither a study's nor a group's."""
    check_choice("study", name, [*STUDIES, *groups()])


def needs(names):
    """The groups of data that these studies read, sorted, each once.

    Example:
        >>> needs(["mri-start", "mri-l1"])
        ['brain', 'default']
    """
    return sorted({group for name in names for group in STUDIES[name].needs})


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
