"""Training patches: each depends on its number alone, lies inside its image, and never comes from another split."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kryptonlib import datasets, images, samples

RANDOM = np.random.default_rng(0)
PHOTOS = [RANDOM.integers(0, 256, shape, dtype=np.uint8) for shape in [(20, 31, 3), (40, 17, 3), (23, 23)]]
"""Two in colour and a grey one; 17 random bytes in a row occur once, so a patch tells where it comes from."""


def places(patch, photos):
    """All (photo, top, left) at which a patch uint8 [C, s, s] lies, by brute force."""
    size = patch.shape[-1]
    found = []
    for number, photo in enumerate(photos):
        planes = images.as_rgb(photo).transpose(2, 0, 1)
        for top in range(planes.shape[1] - size + 1):
            for left in range(planes.shape[2] - size + 1):
                if np.array_equal(planes[:, top : top + size, left : left + size], patch):
                    found.append((number, top, left))
    return found


@settings(max_examples=25, deadline=None)
@given(size=st.integers(5, 17), seed=st.integers(0, 2**40), number=st.integers(0, 2**40))
def test_a_patch_is_part_of_one_image(size, seed, number):
    patches = samples.Patches(PHOTOS, size, seed)
    patch = patches.patch(number)
    assert patch.dtype == np.uint8 and patch.shape == (3, size, size)
    assert len(places(patch, PHOTOS)) == 1
    np.testing.assert_array_equal(samples.Patches(PHOTOS, size, seed).patch(number), patch)


def test_all_places_of_all_images_are_drawn_alike():
    """Of two images with 2 x 3 and 1 x 1 places each image is half of the patches, each place its share."""
    photos = [RANDOM.integers(0, 256, (6, 7, 3), dtype=np.uint8), RANDOM.integers(0, 256, (5, 5, 3), dtype=np.uint8)]
    patches = samples.Patches(photos, 5, seed=3)
    drawn = [places(patches.patch(number), photos)[0] for number in range(1800)]
    counts = {place: drawn.count(place) for place in set(drawn)}
    assert counts.keys() == {(0, top, left) for top in range(2) for left in range(3)} | {(1, 0, 0)}
    assert abs(counts[1, 0, 0] - 900) < 5 * np.sqrt(450)
    assert all(abs(count - 150) < 5 * np.sqrt(138) for place, count in counts.items() if place[0] == 0)


def test_a_batch_is_its_patches_in_order_and_goes_on_where_it_stopped():
    patches = samples.Patches(PHOTOS, 8, seed=5, mirror=True, turn=True)
    batch = patches.batch(step=3, count=4)
    assert batch.shape == (4, 3, 8, 8) and batch.dtype == torch.float32 and batch.is_contiguous()
    expected = np.stack([patches.patch(number) for number in range(12, 16)])
    np.testing.assert_array_equal(batch, expected.astype(np.float32) / 255)
    resumed = samples.Patches(PHOTOS, 8, seed=5, mirror=True, turn=True)
    assert torch.equal(resumed.batch(step=3, count=4), batch)
    assert not torch.equal(patches.batch(step=4, count=4), batch)
    assert not torch.equal(samples.Patches(PHOTOS, 8, seed=6, mirror=True, turn=True).batch(3, 4), batch)


def test_mirrors_and_turns_are_the_eight_of_a_square():
    """The same places with and without; each of the eight positions about as often."""
    plain = samples.Patches(PHOTOS, 9, seed=1)
    for mirror, turn in [(True, False), (False, True), (True, True)]:
        changed = samples.Patches(PHOTOS, 9, seed=1, mirror=mirror, turn=turn)
        drawn = []
        for number in range(400):
            patch = plain.patch(number)
            positions = [np.rot90(p, k, axes=(1, 2)) for p in (patch, patch[:, :, ::-1]) for k in range(4)]
            drawn += [i for i, p in enumerate(positions) if np.array_equal(p, changed.patch(number))]
        allowed = [i for i in range(8) if (mirror or i < 4) and (turn or i % 4 == 0)]
        assert len(drawn) == 400 and set(drawn) == set(allowed)
        assert min(drawn.count(i) for i in allowed) > 400 / len(allowed) * 0.6


def test_a_count_makes_a_set_that_repeats():
    few, endless = samples.Patches(PHOTOS, 8, 0, count=10), samples.Patches(PHOTOS, 8, 0)
    for number in range(10):
        np.testing.assert_array_equal(few.patch(number + 20), few.patch(number))
        np.testing.assert_array_equal(few.patch(number), endless.patch(number))
    assert torch.equal(few.batch(0, 10), few.batch(7, 10))
    assert not torch.equal(endless.batch(0, 10), endless.batch(7, 10))


def test_channels():
    whole = images.as_rgb(images.check_image(PHOTOS[0]))[:20, :20]
    for channels, expected in [
        ("luma", images.luma(whole)),
        ("limited-luma", images.limited_luma(whole)),
    ]:
        patch = samples.Patches([whole], 20, 0, channels=channels).batch(0, 1)
        assert patch.shape == (1, 1, 20, 20)
        np.testing.assert_array_equal(patch[0, 0] * 255, np.round(expected * 255))
    grey = samples.Patches([PHOTOS[2]], 23, 0)
    np.testing.assert_array_equal(grey.patch(0), np.stack([PHOTOS[2]] * 3))


@pytest.mark.parametrize("factor", [2, 4])
def test_downsizing_averages_squares(factor):
    photo = PHOTOS[0]
    height, width = (length // factor for length in photo.shape[:2])
    expected = np.empty((3, height, width))
    for row in range(height):
        for column in range(width):
            square = photo[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
            expected[:, row, column] = square.reshape(-1, 3).mean(0)
    patches = samples.Patches([photo], min(height, width), 0, downsize=factor)
    patch = patches.patch(0).astype(float)
    left = next(c for c in range(width - height + 1) if np.abs(expected[:, :, c : c + height] - patch).max() <= 0.5001)
    assert 0 <= left <= width - height


def test_patches_of_a_split_come_from_its_samples_alone():
    for split, kind in [("test", "texture"), ("tune", "photo"), ("test", ["texture", "fundus"])]:
        kinds = [kind] if isinstance(kind, str) else kind
        names = [name for one in kinds for name in samples.names(one, split)]
        chosen = samples.Patches([samples.load(name) for name in names], 64, 2)
        patches = samples.patches(split, 64, 2, kind=kind)
        assert len(patches) == len(names) and torch.equal(patches.batch(0, 6), chosen.batch(0, 6))
        assert patches.fingerprint() == chosen.fingerprint()


def test_fingerprints_tell_images_and_their_preparation_apart():
    whole = samples.Patches(PHOTOS, 8, 0)
    assert whole.fingerprint() == samples.Patches(PHOTOS, 5, 9, turn=True).fingerprint()
    others = [samples.Patches(PHOTOS[:2], 8, 0), samples.Patches(PHOTOS, 8, 0, channels="luma")]
    assert len({patches.fingerprint() for patches in (whole, *others)}) == 3


def test_patches_of_a_folder(tmp_path):
    for number, photo in enumerate(PHOTOS):
        Image.fromarray(photo).save(tmp_path / f"{number}.png")
    found = samples.Patches(datasets.photos(tmp_path), 8, 0, mirror=True)
    assert torch.equal(found.batch(2, 5), samples.Patches(PHOTOS, 8, 0, mirror=True).batch(2, 5))
    assert repr(found) == "Patches(3 images, 8x8, rgb, seed 0)"
    with pytest.raises(ValueError, match=r"2.png is 23x23 pixels, smaller than a patch of 24x24"):
        samples.Patches(datasets.photos(tmp_path)[2:], 24, 0)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: samples.Patches([], 8, 0), "no images"),
        (lambda: samples.Patches(PHOTOS, 0, 0), "size must be a whole number of at least 1, got 0"),
        (lambda: samples.Patches(PHOTOS, 8.0, 0), "size must be a whole number"),
        (lambda: samples.Patches(PHOTOS, True, 0), "size must be a whole number"),
        (lambda: samples.Patches(PHOTOS, 8, -1), "seed must be a whole number of at least 0"),
        (lambda: samples.Patches(PHOTOS, 8, 0, downsize=0.5), "downsize must be"),
        (lambda: samples.Patches(PHOTOS, 8, 0, count=0), "count must be"),
        (lambda: samples.Patches(PHOTOS, 8, 0, channels="grey"), "channels: got 'grey'"),
        (lambda: samples.Patches(PHOTOS, 18, 0), "image 1 is 40x17 pixels, smaller than a patch of 18x18"),
        (lambda: samples.Patches(PHOTOS, 9, 0, downsize=2), "20x8 pixels after shrinking by 2"),
        (lambda: samples.Patches(PHOTOS, 8, 0).patch(-1), "numbered from 0"),
        (lambda: samples.Patches(PHOTOS, 8, 0).batch(-1, 3), "a step of at least 0"),
        (lambda: samples.Patches(PHOTOS, 8, 0).batch(0, 0), "a count of at least 1"),
        (lambda: samples.patches("all", 8, 0), "split: got 'all'"),
        (lambda: samples.patches("train", 8, 0, kind="cat"), "kind: got 'cat'"),
        (lambda: samples.patches("train", 8, 0, kind="fundus"), "no sample of kind fundus is in the split 'train'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
