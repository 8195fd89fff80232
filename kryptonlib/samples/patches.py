"""Random patches for training: patch number n of a seed is always the same, so that a training can be resumed."""

import hashlib

import numpy as np
import torch

from kryptonlib.choices import check_choice
from kryptonlib.images import as_rgb, limited_luma, luma, to_uint8
from kryptonlib.reading import as_image

CHANNELS = ("rgb", "luma", "limited-luma")


class Patches:
    """Square patches from random places of images, decoded once and kept in memory with 8 bits a channel.

    Patch ``number`` depends on the images, the seed and the number alone. Its image is drawn first, each as likely as
    any other, then the place in it.

    Args:
        images: as ``reading.as_image`` takes them: samples, records of ``datasets``, paths, arrays, Pillow images.
        size: side of a patch in pixels.
        seed: a whole number of at least 0.
        channels: "rgb" (a grey image has its values three times), "luma" or "limited-luma" (``images.limited_luma``).
        downsize: each image is shrunk by this factor first, averaging downsize x downsize pixels: 2 or 4 takes noise
            and the traces of JPEG out of large photos.
        mirror: half of the patches are mirrored left to right.
        turn: patches are turned by 0, 90, 180 or 270 degrees.
        count: how many different patches there are; patch ``count`` is patch 0 again. None: endless.

    Raises:
        ValueError: no image, one smaller than a patch, or a setting that cannot be.

    Example:
        >>> patches = Patches([np.zeros((40, 50, 3))], size=16, seed=0)
        >>> patches.batch(step=0, count=8).shape
        torch.Size([8, 3, 16, 16])
    """

    def __init__(self, images, size, seed, *, channels="rgb", downsize=1, mirror=False, turn=False, count=None):
        check_choice("channels", channels, CHANNELS)
        numbers = {"size": (size, 1), "seed": (seed, 0), "downsize": (downsize, 1)}
        for name, (value, least) in (numbers | ({} if count is None else {"count": (count, 1)})).items():
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
        self.size, self.seed, self.count = int(size), int(seed), count
        self.channels, self.downsize, self.mirror, self.turn = channels, int(downsize), bool(mirror), bool(turn)
        self._images = [self._prepared(image, number) for number, image in enumerate(images)]
        if not self._images:
            raise ValueError("no images to take patches from")

    def _prepared(self, image, number):
        """uint8 [C, H, W]."""
        array = as_image(image)
        height, width = (length // self.downsize for length in array.shape[:2])
        if min(height, width) < self.size:
            name = getattr(image, "name", None) or getattr(image, "path", None) or f"image {number}"
            raise ValueError(
                f"{name} is {height}x{width} pixels"
                + (f" after shrinking by {self.downsize}" if self.downsize > 1 else "")
                + f", smaller than a patch of {self.size}x{self.size}; leave it out or take smaller patches"
            )
        array = as_rgb(array)[: height * self.downsize, : width * self.downsize]
        array = array.reshape(height, self.downsize, width, self.downsize, 3).mean(axis=(1, 3))
        if self.channels != "rgb":
            array = (luma if self.channels == "luma" else limited_luma)(array)[..., None]
        return np.ascontiguousarray(to_uint8(array).transpose(2, 0, 1))

    def __len__(self):
        """How many images the patches come from."""
        return len(self._images)

    def __repr__(self):
        return f"Patches({len(self)} images, {self.size}x{self.size}, {self.channels}, seed {self.seed})"

    def patch(self, number):
        """Patch ``number``: uint8 [C, size, size]."""
        if number < 0:
            raise ValueError(f"patches are numbered from 0, got {number}")
        random = np.random.default_rng([self.seed, number if self.count is None else number % self.count])
        image = self._images[random.integers(len(self._images))]
        top, left = (random.integers(length - self.size + 1) for length in image.shape[1:])
        patch = image[:, top : top + self.size, left : left + self.size]
        # Drawn in any case, so that the place of a patch does not depend on these settings.
        mirrored, quarters = random.integers(2), random.integers(4)
        if self.mirror and mirrored:
            patch = patch[:, :, ::-1]
        return np.rot90(patch, quarters, axes=(1, 2)) if self.turn else patch

    def batch(self, step, count):
        """Patches ``step * count`` to ``(step + 1) * count - 1``: float32 tensor [count, C, size, size] in [0, 1]."""
        if isinstance(step, bool) or isinstance(count, bool) or step < 0 or count < 1:
            raise ValueError(f"expected a step of at least 0 and a count of at least 1, got {step!r} and {count!r}")
        patches = np.empty((count, len(self._images[0]), self.size, self.size), np.uint8)
        for place in range(count):
            patches[place] = self.patch(step * count + place)
        return torch.from_numpy(patches).float().div_(255)

    def fingerprint(self):
        """sha256 of the images as they are kept: what a checkpoint's card says of its data."""
        digest = hashlib.sha256()
        for image in self._images:
            digest.update(str(image.shape).encode() + image.tobytes())
        return digest.hexdigest()
