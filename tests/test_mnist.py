"""MNIST out of its package: sizes, grey levels, and that its pickle can call nothing but NumPy's arrays."""

import gzip
import pickle

import numpy as np
import pytest

from kryptonlib import samples, store
from kryptonlib.samples import digits as room


def test_the_digits_are_mnist_s():
    images, labels = samples.mnist("test", 500)
    assert images.shape == (500, 28, 28) and images.dtype == np.float32 and labels.dtype == np.int64
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]  # as every tutorial shows them
    assert images.min() == 0 and images.max() == 1
    np.testing.assert_array_equal(images * 255, np.round(images * 255))
    _, train = samples.mnist("train")
    assert len(train) == 50_000 and train[:5].tolist() == [5, 0, 4, 1, 9]
    assert len(samples.mnist("tune")[1]) == 10_000


def test_the_digits_that_are_shown_are_scikit_learn_s_at_mnist_s_size():
    images, labels = samples.shown_digits(12)
    assert images.shape == (12, 28, 28) and labels.tolist() == [*range(10), 0, 1]
    assert images.min() == 0 and 0.9 < images.max() <= 1 and not images[:, :4].any()
    # About as much ink as MNIST's digits have.
    assert abs(images.mean() - samples.mnist("test", 500)[0].mean()) < 0.08
    with pytest.raises(ValueError, match="expected 1 to 1,797"):
        samples.shown_digits(2000)


def test_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="split: got 'validation'"):
        samples.mnist("validation")
    with pytest.raises(ValueError, match="count=10001; expected 1 to 10,000"):
        samples.mnist("test", 10_001)


def test_a_pickle_that_would_call_something_is_refused(tmp_path, monkeypatch):
    class Evil:
        def __reduce__(self):
            return print, ("called",)

    file = tmp_path / "mnist.pkl.gz"
    file.write_bytes(gzip.compress(pickle.dumps(Evil(), protocol=2)))
    monkeypatch.setattr(store, "path", lambda name: file)
    monkeypatch.setattr(room, "_all", room._all.__wrapped__)
    with pytest.raises(ValueError, match="print; expected arrays alone"):
        samples.mnist("test", 3)
