"""BM3D's parts against brute force and SciPy; the whole against its authors' package where that is installed."""

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from scipy.linalg import hadamard
from skimage import data

from kryptonlib.restoration import bm3d, classical

RANDOM = np.random.default_rng(0)
IMAGE = torch.from_numpy(RANDOM.random((36, 41)).astype(np.float32))
PHOTO = data.camera()[200:280, 200:290].astype(np.float32) / 255


def psnr(image, clean):
    return -10 * np.log10(np.square(np.clip(image, 0, 1) - clean).mean())


def test_the_most_similar_patches_by_brute_force():
    places = bm3d._matched(IMAGE)
    rows, columns = (bm3d._grid(length - bm3d.SIDE + 1).tolist() for length in IMAGE.shape)
    assert places.shape == (len(rows) * len(columns), bm3d.GROUP, 2)

    def patch(row, column):
        return IMAGE[row : row + bm3d.SIDE, column : column + bm3d.SIDE]

    for number, (row, column) in enumerate([(row, column) for row in rows for column in columns]):
        assert places[number, 0].tolist() == [row, column]
        every = [
            float((patch(r, c) - patch(row, column)).square().sum())
            for r in range(max(0, row - bm3d.REACH), min(IMAGE.shape[0] - bm3d.SIDE, row + bm3d.REACH) + 1)
            for c in range(max(0, column - bm3d.REACH), min(IMAGE.shape[1] - bm3d.SIDE, column + bm3d.REACH) + 1)
        ]
        found = [float((patch(*place) - patch(row, column)).square().sum()) for place in places[number].tolist()]
        np.testing.assert_allclose(sorted(found), sorted(every)[: bm3d.GROUP], rtol=1e-4, atol=1e-5)


def test_spectra_are_scipys():
    places = bm3d._matched(IMAGE)
    spectra = bm3d._stacks(IMAGE, places)
    stack = np.stack([IMAGE[r : r + 8, c : c + 8].numpy() for r, c in places[5].tolist()])
    expected = np.tensordot(hadamard(16) / 4, dctn(stack, axes=(1, 2), norm="ortho"), 1)
    np.testing.assert_allclose(spectra[5].numpy(), expected.reshape(16, 64), atol=1e-5)


def test_unchanged_spectra_give_the_image_back():
    places = bm3d._matched(IMAGE)
    weights = torch.rand(len(places)) + 0.1
    back = bm3d._aggregated(bm3d._stacks(IMAGE, places), weights, places, IMAGE.shape)
    np.testing.assert_allclose(back, IMAGE, atol=1e-5)


@pytest.mark.parametrize("sd", [0.06, 0.15])
def test_it_beats_non_local_means_on_a_photo(sd):
    noisy = PHOTO + np.random.default_rng(1).normal(0, sd, PHOTO.shape).astype(np.float32)
    ours = psnr(bm3d.bm3d(noisy, sd), PHOTO)
    assert ours > psnr(noisy, PHOTO) + 5
    assert ours > psnr(classical.non_local_means(noisy, sd, strength=0.6), PHOTO)


def test_units_do_not_matter():
    noisy = PHOTO + np.random.default_rng(2).normal(0, 0.1, PHOTO.shape).astype(np.float32)
    np.testing.assert_allclose(bm3d.bm3d(255 * noisy, 25.5) / 255, bm3d.bm3d(noisy, 0.1), atol=2e-3)


def test_near_the_authors_package():
    package = pytest.importorskip("bm3d", reason="its licence allows non-commercial use only, so it is no dependency")
    noisy = PHOTO + np.random.default_rng(3).normal(0, 0.1, PHOTO.shape)
    assert psnr(bm3d.bm3d(noisy, 0.1), PHOTO) > psnr(package.bm3d(noisy, 0.1), PHOTO) - 0.5


@pytest.mark.parametrize("shape", [(32, 60), (60, 32), (40, 40, 3)])
def test_images_that_cannot_be_are_refused(shape):
    with pytest.raises(ValueError, match="of at least 33"):
        bm3d.bm3d(np.zeros(shape), 0.1)
