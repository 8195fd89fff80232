"""What image networks are trained on here: the course's own photos, and a folder of the reader's beside them."""

import functools
from pathlib import Path

import torch

from kryptonlib import images, samples
from kryptonlib.datasets.folder import SUFFIXES
from kryptonlib.datasets.folder import files as every_file
from kryptonlib.reading import read_image

KEPT_BACK = 16
"""Photos of the reader's folder that are measured on and not trained on; without a folder, all photos to tune on are."""
OWN = 0.25
"""Share of the patches that come from the course's few photos where there is a folder besides."""


class TrainingPhotos:
    """Patches for training, and photos kept back.

    Args:
        own: ``samples.Patches`` of the course's photos. others: of the reader's, or None.
        kept: list of tensors [1, C, H, W] in [0, 1].
        about: what a card says of the data.
    """

    def __init__(self, own, others, kept, about):
        self.own, self.others, self.kept, self.about = own, others, kept, about

    def batch(self, step, count):
        """float32 tensor [count, C, side, side] in [0, 1]; it depends on seed, step and count alone.

        Steps below 0 give patches that no training step sees again.
        """
        # Numbers begin at 0: what comes before training takes numbers far beyond it.
        step = step if step >= 0 else 2**40 - step
        if self.others is None:
            return self.own.batch(step, count)
        few = max(1, round(OWN * count))
        return torch.cat([self.own.batch(step, few), self.others.batch(step, count - few)])

    def held_out(self, side=256):
        """Middle pieces of the photos kept back, of at most side x side pixels, in [0, 255]."""
        pieces = []
        for photo in self.kept:
            height, width = (min(side, length) for length in photo.shape[2:])
            top, left = (photo.shape[2] - height) // 2, (photo.shape[3] - width) // 2
            pieces.append(255 * photo[:, :, top : top + height, left : left + width])
        return pieces

    @functools.cache
    def fingerprint(self):
        """Of all that is trained on; hashed once, since every saved state holds it."""
        return self.own.fingerprint()[:16] + (self.others.fingerprint()[:16] if self.others else "")

    def facts(self):
        """Of the card: the data, their licences and their fingerprint."""
        return {"data": self.about, "data_sha256": self.fingerprint()}


def training_photos(folder, *, side, seed, channels="limited-luma"):
    """The course's training photos (``samples``, split "train"), and those of a folder.

    Args:
        folder: of the reader's own photos (searched below it too), or None. Files in folders named "val" are left out:
            BSDS500 keeps there what others test on (CBSD68, BSDS300's test set).
        side: of the patches in pixels.
        seed: of the patches.
        channels: as ``samples.Patches`` takes them.

    Raises:
        FileNotFoundError: no such folder. ValueError: no photo in it.
    """
    names = samples.names(kind="photo", split="train")
    settings = {"channels": channels, "mirror": True, "turn": True}
    # The large photos are shrunk until they hold as much detail per pixel as a photo of half a megapixel does.
    own = samples.Patches([samples.load(name) for name in names], side, seed, downsize=2, **settings)
    about = [{"name": name, "licence": samples.CATALOGUE[name].licence} for name in names]
    if folder is None:
        kept = [samples.load(name).image for name in samples.names(kind="photo", split="tune")]
        return TrainingPhotos(own, None, [_channels(image, channels) for image in kept], about)
    files = photo_files(folder)
    # Every so many-th is kept back, so that both parts hold all kinds.
    every = max(2, len(files) // KEPT_BACK)
    held = files[::every][:KEPT_BACK]
    trained = [file for file in files if file not in set(held)]
    others = samples.Patches(trained, side, seed + 1, **settings)
    about.append(
        {
            "name": f"{len(trained)} photos of the folder {Path(folder).name}",
            "licence": "the reader's own copy; see there",
        }
    )
    return TrainingPhotos(own, others, [_channels(read_image(file), channels) for file in held], about)


def photo_files(folder):
    """Paths of the photos in a folder and below it, sorted; what lies in a folder named "val" is left out."""
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder} with photos to train on")
    files = [file for file in every_file(folder) if "val" not in file.relative_to(folder).parts[:-1]]
    if len(files) < 2:
        raise ValueError(f"{folder} holds {len(files)} photos ({', '.join(sorted(SUFFIXES))}); at least 2 are needed")
    return files


def _channels(image, channels):
    """An image as a tensor [1, C, H, W] with these channels."""
    rgb = images.as_rgb(images.check_image(image))
    if channels == "rgb":
        return images.to_tensor(rgb)
    return images.to_tensor(
        images.to_uint8(images.limited_luma(rgb) if channels == "limited-luma" else images.luma(rgb))
    )
