"""MNIST's handwritten digits at half their size, normalised, in three parts; and what augmentation makes of them.

MNIST states no licence: numbers computed from it are published, pictures are not (``samples.mnist``).
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from kryptonlib import samples
from kryptonlib.choices import check_choice

SIDE = 14


@dataclass(frozen=True)
class Part:
    """Pictures [N, 1, 14, 14] and what they show [N]."""

    pictures: torch.Tensor
    classes: torch.Tensor

    def __len__(self):
        return len(self.classes)

    def first(self, count):
        """The first ``count`` of them."""
        if not 0 < count <= len(self):
            raise ValueError(f"first() got {count}; expected 1 to the {len(self)} that there are")
        return Part(self.pictures[:count], self.classes[:count])


@dataclass(frozen=True)
class Digits:
    """Digits to learn from, to choose settings by, and to be judged by."""

    train: Part
    tune: Part
    test: Part

    def smaller(self, count):
        """The same with the first ``count`` training digits alone."""
        return Digits(self.train.first(count), self.tune, self.test)


def small_digits(train, tune, test, *, normalise=True):
    """The first so many digits of each of MNIST's parts, each pixel the mean of 2 x 2.

    Args:
        train, tune, test: how many.
        normalise: subtract the mean of the training pictures and divide by their standard deviation (one number each);
            False leaves grey levels in [0, 1].

    Raises:
        ValueError: more digits than there are. FileNotFoundError: the data were not fetched.

    Example:
        >>> digits = small_digits(1000, 500, 500)
        >>> digits.train.pictures.shape, round(digits.train.pictures.std().item(), 3)
        (torch.Size([1000, 1, 14, 14]), 1.0)
    """
    parts = []
    for split, count in (("train", train), ("tune", tune), ("test", test)):
        images, labels = samples.mnist(split, count)
        parts.append((functional.avg_pool2d(torch.from_numpy(images)[:, None], 2), torch.from_numpy(labels)))
    mean, spread = (parts[0][0].mean(), parts[0][0].std()) if normalise else (0.0, 1.0)
    return Digits(*(Part((pictures - mean) / spread, classes) for pictures, classes in parts))


def crop(pictures, generator, margin=1):
    """Random crops: pad each picture [N, 1, H, W] by ``margin`` with its own least value and cut out H x W somewhere.

    A picture moves by up to ``margin`` pixels in each direction.
    """
    count, _, height, width = pictures.shape
    padded = functional.pad(pictures, (margin,) * 4, value=float(pictures.min()))
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    rows, columns = torch.randint(2 * margin + 1, (2, count), generator=generator)
    return windows[torch.arange(count), :, rows, columns]


def rotate(pictures, generator, degrees=15.0):
    """Turn each picture by an angle drawn between minus and plus ``degrees``."""
    angle = (2 * torch.rand(len(pictures), generator=generator) - 1) * torch.pi * degrees / 180
    zero = torch.zeros_like(angle)
    turn = torch.stack([angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero], 1).reshape(-1, 2, 3)
    places = functional.affine_grid(turn, list(pictures.shape), align_corners=False)
    least = pictures.min()
    return functional.grid_sample(pictures - least, places, align_corners=False) + least


def flip(pictures, generator):
    """Mirror each picture left to right with probability 1/2."""
    chosen = torch.rand(len(pictures), generator=generator) < 0.5
    return torch.where(chosen[:, None, None, None], pictures.flip(3), pictures)


AUGMENTATIONS = {"crops": crop, "rotations": rotate, "flips": flip}
"""Name -> function of (pictures, generator) that returns pictures of the same shape."""


def augment(names, pictures, generator):
    """Apply augmentations one after the other.

    Args:
        names: of ``AUGMENTATIONS``.
        pictures: [N, 1, H, W].
        generator: ``torch.Generator``.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> augment(["crops", "flips"], torch.zeros(2, 1, 14, 14), torch.Generator()).shape
        torch.Size([2, 1, 14, 14])
    """
    for name in names:
        check_choice("augmentation", name, AUGMENTATIONS)
        pictures = AUGMENTATIONS[name](pictures, generator)
    return pictures
