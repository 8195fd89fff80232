"""Crops of photos with a teacher's logits, on disk: what ``train_classifier`` learns from.

Few photos must stand for all of ImageNet, so each crop is drawn at a random scale (from details of 64 pixels to the
entire photo), rotation and colour, and many are composed of two: Asano and Saeed, "The Augmented Image Prior:
Distilling 1000 Classes by Extrapolating from a Single Image", 2023, https://arxiv.org/abs/2112.00725; CutMix is
https://arxiv.org/abs/1905.04899, mixup https://arxiv.org/abs/1710.09412. Crop ``i`` depends on the photos, the seed and
``i`` alone.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from PIL import Image
from torch.nn.functional import interpolate
from tqdm import tqdm

# kryptonlib first: it makes torchvision work beside a CPU-only torch.
from kryptonlib import samples
from kryptonlib.datasets.folder import files
from kryptonlib.images import as_rgb, to_uint8
from kryptonlib.reading import read_image
from torchvision.transforms.v2 import functional as vision

from problems import DataProblem

SUFFIXES = (".jpg", ".jpeg", ".png")
SMALLEST = 64
"""Shortest side in pixels of a crop before it is resized, and of a photo that may be used."""
CUTMIX, MIXUP = 0.4, 0.2
"""Shares of the crops into which a rectangle of another was set, and of those blended with another."""
CHUNK = 32


@dataclass(frozen=True)
class Photo:
    """An RGB photo (``PIL.Image``) with its licence; ``split`` as in ``samples``, or "own"."""

    name: str
    image: Image.Image
    licence: str
    split: str = "own"
    label: int | None = None

    def image_as_floats(self):
        """float32 [H, W, 3] in [0, 1], as the zoo wants it."""
        return np.asarray(self.image, dtype=np.float32) / 255


def sample_photos(*splits):
    """The photos of ``samples`` that belong to these splits."""
    photos = []
    for split in splits:
        for name in samples.names(kind="photo", split=split):
            sample = samples.load(name)
            image = Image.fromarray(to_uint8(as_rgb(sample.image)))
            photos.append(Photo(name, image, sample.licence, split, sample.label))
    return photos


def folder_photos(folder):
    """Every JPEG and PNG in a folder and below it, upright.

    Raises:
        DataProblem: no folder, none in it, one that cannot be read, or one with a side under 64 pixels.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataProblem(f"--photos {folder}: no such folder; give one that holds JPEG or PNG photos")
    found = files(folder, SUFFIXES)
    if not found:
        raise DataProblem(
            f"--photos {folder}: no file there ends in {', '.join(SUFFIXES)}; leave --photos out to train "
            "on the course's own photos"
        )
    photos = []
    for file in found:
        try:
            image = Image.fromarray(to_uint8(as_rgb(read_image(file))))
        except ValueError as error:
            raise DataProblem(f"{error}; mend or remove it") from error
        if min(image.size) < SMALLEST:
            raise DataProblem(
                f"{file} is {image.width}x{image.height} pixels; photos of at least "
                f"{SMALLEST}x{SMALLEST} are needed, remove it"
            )
        photos.append(Photo(str(file.relative_to(folder)), image, "the reader's own"))
    return photos


def draw(photos, seed, index, side):
    """Crop number ``index``: uint8 [side, side, 3]."""
    rng = np.random.default_rng([seed, index])
    crop = _single(photos, rng, side)
    kind = rng.random()
    if kind < CUTMIX:
        other = _single(photos, rng, side)
        height, width = (
            int(n) for n in np.round(side * np.sqrt(rng.uniform(0.1, 0.6)) * np.exp(rng.normal(0, 0.2, 2)))
        )
        top, left = (int(rng.integers(0, max(1, side - n))) for n in (height, width))
        crop[top : top + height, left : left + width] = other[top : top + height, left : left + width]
    elif kind < CUTMIX + MIXUP:
        share = rng.uniform(0.2, 0.8)
        crop = np.round(share * crop + (1 - share) * _single(photos, rng, side)).astype(np.uint8)
    return crop


def _single(photos, rng, side):
    """One crop of one photo: random place, scale, aspect, rotation and colours; the liveliest of three places."""
    candidates = [_box(photos, rng) for _ in range(3)]
    image, box = max(candidates, key=lambda candidate: _detail(*candidate))
    turned = rng.random() < 0.4
    # A turned crop is cut out of a larger one, so that no corner is empty.
    larger = round(side * 1.35) if turned else side
    crop = image.resize((larger, larger), Image.Resampling.BICUBIC, box=box)
    if turned:
        crop = crop.rotate(rng.uniform(-30, 30), Image.Resampling.BICUBIC)
        margin = (larger - side) // 2
        crop = crop.crop((margin, margin, margin + side, margin + side))
    if rng.random() < 0.8:
        crop = vision.adjust_brightness(crop, rng.uniform(0.6, 1.4))
        crop = vision.adjust_contrast(crop, rng.uniform(0.6, 1.4))
        crop = vision.adjust_saturation(crop, rng.uniform(0.4, 1.6))
        crop = vision.adjust_hue(crop, rng.uniform(-0.08, 0.08))
    if rng.random() < 0.1:
        crop = crop.convert("L").convert("RGB")
    return np.array(crop)


def _box(photos, rng):
    """A photo and a random rectangle in it (left, top, right, bottom)."""
    image = photos[rng.integers(len(photos))].image
    extent = np.exp(rng.uniform(np.log(SMALLEST), np.log(min(image.size))))
    stretch = np.exp(rng.uniform(-0.28, 0.28))
    width, height = min(extent * stretch, image.width), min(extent / stretch, image.height)
    left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
    return image, (left, top, left + width, top + height)


def _detail(image, box):
    """How much there is to see: sky, blur and plain walls, of which photos are full, teach little."""
    small = np.asarray(image.resize((16, 16), Image.Resampling.BOX, box=box, reducing_gap=2.0), dtype=np.float32)
    return np.abs(np.diff(small, axis=0)).mean() + np.abs(np.diff(small, axis=1)).mean()


def held_out_crops(photo, count, seed, side=224):
    """``count`` fixed crops of a photo that was not trained on: squares of 50 to 100 % of the short side, uint8."""
    rng = np.random.default_rng([seed, *photo.name.encode()])
    crops = []
    for _ in range(count):
        extent = min(photo.image.size) * rng.uniform(0.5, 1)
        left, top = (rng.uniform(0, length - extent) for length in photo.image.size)
        box = (left, top, left + extent, top + extent)
        crops.append(np.asarray(photo.image.resize((side, side), Image.Resampling.BICUBIC, box=box)))
    return np.stack(crops)


def as_pixels(crops, side=None, device="cpu"):
    """uint8 [n, H, W, 3] as a tensor [n, 3, H, W] in [0, 1], channels last in memory; resized to ``side`` if given."""
    pixels = torch.from_numpy(np.ascontiguousarray(crops)).to(device).permute(0, 3, 1, 2).float() / 255
    if side is not None and side != pixels.shape[-1]:
        pixels = interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)
    return pixels


@torch.inference_mode()
def logits(cnn, crops):
    """Logits [n, classes] of a ``zoo.Classifier`` for uint8 crops [n, H, W, 3], resized to its input."""
    pixels = as_pixels(crops, cnn.input_size[0], cnn.device)
    return cnn.module(cnn.preprocessing.normalise(pixels)).float().cpu()


class Pool:
    """Crops and the teacher's logits for them and their mirror images, made once and kept in a folder.

    Attributes:
        crops: uint8 [count, side, side, 3], memory mapped.
        logits: float16 [count, 2, classes]: of the crop, and of its mirror image.
    """

    def __init__(self, folder, photos, teacher, count, side, seed):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.facts = {
            "photos": fingerprint(photos),
            "teacher": teacher.name,
            "count": count,
            "side": side,
            "seed": seed,
        }
        shapes = {"crops": (count, side, side, 3), "logits": (count, 2, len(teacher.class_names))}
        done = self._done()
        for name, kind in (("crops", np.uint8), ("logits", np.float16)):
            file = self.folder / f"{name}.npy"
            old = {"mode": "r+"} if file.exists() and done else {"mode": "w+", "dtype": kind, "shape": shapes[name]}
            setattr(self, name, open_memmap(file, **old))
        self._fill(photos, teacher, done)

    def __len__(self):
        return len(self.crops)

    def _done(self):
        """How many crops an earlier, stopped run has made."""
        file = self.folder / "pool.json"
        if not file.exists():
            return 0
        record = json.loads(file.read_text(encoding="utf-8"))
        if record["facts"] != self.facts:
            differing = ", ".join(key for key in self.facts if record["facts"].get(key) != self.facts[key])
            raise DataProblem(
                f"{self.folder} holds crops made with another choice of {differing}; use another --work "
                "folder, or delete this one"
            )
        return record["done"]

    def _fill(self, photos, teacher, done):
        count, side = self.facts["count"], self.facts["side"]
        for start in tqdm(range(done, count, CHUNK), desc="crops and teacher", disable=None):
            chosen = slice(start, min(start + CHUNK, count))
            crops = np.stack([draw(photos, self.facts["seed"], i, side) for i in range(chosen.start, chosen.stop)])
            self.crops[chosen] = crops
            self.logits[chosen, 0] = logits(teacher, crops).numpy()
            self.logits[chosen, 1] = logits(teacher, crops[:, :, ::-1]).numpy()
            self.crops.flush()
            self.logits.flush()
            record = {"facts": self.facts, "done": chosen.stop}
            (self.folder / "pool.json").write_text(json.dumps(record), encoding="utf-8")


def fingerprint(photos):
    """sha256 over the names and pixels of photos."""
    digest = hashlib.sha256()
    for photo in photos:
        digest.update(photo.name.encode() + photo.image.tobytes())
    return digest.hexdigest()
