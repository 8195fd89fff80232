"""k-space, masks, coils, metrics and lesions, against brute force, fastMRI's published rules and scikit-image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from kryptonlib.restoration import coils, kspace, lesions, masks, mri

RNG = np.random.default_rng(5)


# k-space.


@pytest.mark.parametrize("shape", [(4, 6), (5, 6), (5, 7)])
def test_kspace_is_the_sum_over_all_pixels(shape):
    """By the definition, frequency by frequency, with both origins in the middle."""
    image = RNG.normal(size=shape) + 1j * RNG.normal(size=shape)
    rows, columns = (np.arange(length) - length // 2 for length in shape)
    expected = np.empty(shape, complex)
    for i, v in enumerate(rows):
        for j, u in enumerate(columns):
            wave = np.exp(-2j * np.pi * (v * rows[:, None] / shape[0] + u * columns[None, :] / shape[1]))
            expected[i, j] = (image * wave).sum() / np.sqrt(image.size)
    np.testing.assert_allclose(kspace.to_kspace(image), expected, atol=1e-12)
    np.testing.assert_allclose(kspace.to_image(expected), image, atol=1e-12)


def test_the_transform_keeps_lengths_and_takes_stacks():
    stack = RNG.normal(size=(2, 3, 8, 9))
    found = kspace.to_kspace(stack)
    np.testing.assert_allclose(np.linalg.norm(found), np.linalg.norm(stack))
    np.testing.assert_allclose(found[1, 2], kspace.to_kspace(stack[1, 2]))


def test_center_crop_by_hand():
    array = np.arange(30).reshape(5, 6)
    np.testing.assert_array_equal(kspace.center_crop(array, (3, 2)), [[8, 9], [14, 15], [20, 21]])
    for size in ((6, 2), (0, 2), (2, 7)):
        with pytest.raises(ValueError, match="center_crop: got size"):
            kspace.center_crop(array, size)


def band_limited(shares, side=200):
    """Noise whose k-space is empty beyond these shares of rows and columns."""
    spectrum = kspace.to_kspace(RNG.normal(size=(4, side, side)))
    kept = [abs(np.arange(side) - side // 2) < share * side / 2 for share in shares]
    return kspace.to_image(spectrum * np.outer(*kept)).real


@pytest.mark.parametrize("shares", [(1, 0.7), (0.8, 1), (0.6, 0.9), (1, 1)])
def test_interpolated_lines_are_found_along_either_axis(shares):
    """Within the two lines that the mean over five blurs it by."""
    assert kspace.measured_share(band_limited(shares)) == pytest.approx(min(shares), abs=0.025)


def test_trimming_loses_nothing_of_what_was_measured():
    """An image enlarged by zeros in k-space comes back."""
    small = RNG.random((40, 48))
    scale = 60 * 72 / (40 * 48)
    large = kspace.to_image(np.pad(kspace.to_kspace(small), ((10, 10), (12, 12)))) * np.sqrt(scale)
    np.testing.assert_allclose(kspace.trim(large, 2 / 3), small, atol=1e-6)
    flat = np.full((20, 30), 0.25)
    np.testing.assert_allclose(kspace.trim(flat, 0.5), np.full((10, 16), 0.25), atol=1e-6)
    with pytest.raises(ValueError, match=r"share must lie in \(0, 1\]"):
        kspace.trim(flat, 1.5)


@pytest.mark.parametrize("bad, message", [
    (np.zeros(4), r"shape \(4,\)"), (np.full((3, 3), np.nan), "NaN"), (np.zeros((0, 3)), "expected numbers"),
    (np.array([["a"]]), "expected numbers"),
])  # fmt: skip
def test_what_is_no_image_is_refused(bad, message):
    for function in (kspace.to_kspace, kspace.to_image, kspace.measured_share):
        with pytest.raises(ValueError, match=message):
            function(bad)


# Masks.


def fastmri_mask(columns, acceleration, share, seed):
    """What the comments of fastMRI's RandomMaskFunc say, column by column: its centre fraction and acceleration are
    drawn first, then a uniform number for each column."""
    state = np.random.RandomState()
    state.seed(seed)
    state.randint(0, len([acceleration]))
    low = int(round(columns * share))
    chance = (columns / acceleration - low) / (columns - low)
    first = (columns - low + 1) // 2
    return [bool(state.uniform() < chance) or first <= column < first + low for column in range(columns)]


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 400), st.sampled_from([4, 8]), st.integers(0, 2**32 - 1))
def test_masks_are_fastmris(columns, acceleration, seed):
    expected = fastmri_mask(columns, acceleration, {4: 0.08, 8: 0.04}[acceleration], seed)
    np.testing.assert_array_equal(masks.column_mask(columns, acceleration, seed), expected)


def test_a_published_mask():
    """320 columns, 8-fold, seed 123: 39 columns, of which these are the first."""
    mask = masks.column_mask(320, 8, 123)
    assert mask.dtype == bool and mask.sum() == 39
    assert np.flatnonzero(mask)[:8].tolist() == [13, 65, 74, 87, 118, 135, 147, 154]
    assert mask[154:167].all() and not mask[153] and not mask[167]


def test_masks_have_their_acceleration_on_average():
    counts = [masks.column_mask(256, 4, seed).sum() for seed in range(400)]
    assert np.mean(counts) == pytest.approx(64, abs=3 * np.std(counts) / 20)


def test_a_file_gives_all_its_slices_one_mask():
    seed = masks.file_seed("file1000007.h5")
    assert seed[:4] == (102, 105, 108, 101)
    np.testing.assert_array_equal(masks.column_mask(320, 8, seed), fastmri_mask(320, 8, 0.04, seed))


@pytest.mark.parametrize("arguments, message", [
    ((0, 8, 1), "columns"), ((2.5, 8, 1), "columns"), ((320, 1, 1), "above 1"), ((320, "8", 1), "above 1"),
    ((320, 6, 1), "no acceleration 6"), ((320, 8, 1, 0.2), "keeps 64 of 320"),
])  # fmt: skip
def test_masks_that_cannot_be(arguments, message):
    columns, acceleration, seed, *center = arguments
    with pytest.raises(ValueError, match=message):
        masks.column_mask(columns, acceleration, seed, center=center[0] if center else None)
    with pytest.raises(ValueError, match="file's name"):
        masks.file_seed("")


# What a mask does.


def test_zero_filling_is_a_convolution_along_the_rows():
    """Of each row by itself, with the mask's transform."""
    image, mask = RNG.random((6, 32)), masks.column_mask(32, 4, 3)
    smear = np.fft.ifft(np.fft.ifftshift(mask.astype(float)))
    expected = np.empty((6, 32))
    for row in range(6):
        for column in range(32):
            expected[row, column] = abs(sum(image[row, other] * smear[(column - other) % 32] for other in range(32)))
    np.testing.assert_allclose(mri.zero_filled(image, mask), expected, atol=1e-6)
    np.testing.assert_array_equal(mri.undersample(image, mask)[:, ~mask], 0)


def test_data_consistency_keeps_what_was_measured_and_nothing_else():
    image, guess, mask = RNG.random((8, 16)), RNG.random((8, 16)), masks.column_mask(16, 4, 1)
    # Of real images frequency -k is known with k: a mask that holds both leaves the result real.
    mask |= np.roll(mask[::-1], 1)
    found = kspace.to_kspace(mri.data_consistent(guess, mri.undersample(image, mask), mask))
    np.testing.assert_allclose(found[:, mask], kspace.to_kspace(image)[:, mask], atol=1e-6)
    np.testing.assert_allclose(found[:, ~mask], kspace.to_kspace(guess)[:, ~mask], atol=1e-6)
    with pytest.raises(ValueError, match="the measured k-space"):
        mri.data_consistent(guess, np.zeros((8, 15)), mask)


def test_a_mask_of_another_width_or_kind_is_refused():
    for mask in (np.ones(15, bool), np.ones(16), np.ones((8, 16), bool)):
        with pytest.raises(ValueError, match=r"expected bool \(16,\)"):
            mri.undersample(np.zeros((8, 16)), mask)


def test_volume_metrics_are_fastmris():
    """Its evaluate.py, with scikit-image: sums over the volume, its maximum as data range, SSIM by slices."""
    truth = RNG.random((3, 20, 24)) * np.array([1, 0.2, 3])[:, None, None]
    test = truth + 0.1 * RNG.normal(size=truth.shape)
    found = mri.volume_metrics(test, truth)
    assert found["nmse"] == pytest.approx(np.linalg.norm(truth - test) ** 2 / np.linalg.norm(truth) ** 2)
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(truth, test, data_range=truth.max()))
    slices = [structural_similarity(a, b, data_range=truth.max()) for a, b in zip(truth, test)]
    # scikit-image leaves 3 pixels out at each border, which is what fits of a 7x7 window.
    assert found["ssim"] == pytest.approx(np.mean(slices), abs=1e-6)
    by_slices = np.mean([peak_signal_noise_ratio(a, b, data_range=truth.max()) for a, b in zip(truth, test)])
    assert abs(found["psnr"] - by_slices) < 1 and found["psnr"] != pytest.approx(by_slices, abs=1e-6)


def test_volumes_that_cannot_be_measured():
    with pytest.raises(ValueError, match=r"one shape \[slices, H, W\]"):
        mri.volume_metrics(np.zeros((8, 8)), np.zeros((8, 8)))
    with pytest.raises(ValueError, match="0 everywhere"):
        mri.volume_metrics(np.zeros((2, 8, 8)), np.zeros((2, 8, 8)))


# Coils.


@pytest.mark.parametrize("count, shape", [(1, (8, 9)), (4, (16, 12)), (15, (20, 20))])
def test_all_coils_together_hear_everything_alike(count, shape):
    heard = coils.sensitivities(count, shape)
    assert heard.shape == (count, *shape) and heard.dtype == np.complex64
    np.testing.assert_allclose((abs(heard) ** 2).sum(0), 1, atol=1e-5)
    image = RNG.random(shape)
    np.testing.assert_allclose(coils.root_sum_of_squares(heard * image), image, atol=1e-5)


def test_each_coil_hears_its_own_side():
    strongest = [np.unravel_index(abs(one).argmax(), one.shape) for one in coils.sensitivities(4, (33, 33))]
    assert strongest[0][1] == 32 and strongest[1][0] == 32 and strongest[2][1] == 0 and strongest[3][0] == 0


def test_coils_that_cannot_be():
    for arguments, message in (((0, (4, 4)), "coils"), ((2, (4,)), "shape"), ((2, (4, 0)), "shape")):
        with pytest.raises(ValueError, match=message):
            coils.sensitivities(*arguments)
    with pytest.raises(ValueError, match="width"):
        coils.sensitivities(2, (4, 4), width=0)
    with pytest.raises(ValueError, match="coils, H, W"):
        coils.root_sum_of_squares(np.zeros((4, 4)))


# Planted lesions.


def test_a_disc_is_one_inside_and_zero_outside():
    disc = lesions.disc((21, 25), (9, 12), 4)
    rows, columns = np.mgrid[:21, :25]
    distance = np.hypot(rows - 9, columns - 12)
    assert (disc[distance <= 3.5] == 1).all() and (disc[distance >= 4.5] == 0).all()
    assert disc.sum() == pytest.approx(np.pi * 16, rel=0.03)


@pytest.mark.parametrize("contrast", [0.2, -0.1])
def test_the_response_to_a_planted_disc_is_its_contrast(contrast):
    image = np.full((40, 40), 0.5)
    planted = lesions.plant(image, (18, 20), 4, contrast)
    assert planted[18, 20] == pytest.approx(0.5 + contrast)
    assert lesions.response(planted - image, (18, 20), 4) == pytest.approx(contrast, abs=1e-6)
    assert lesions.response(np.full((40, 40), 0.3), (18, 20), 4) == pytest.approx(0)


def test_places_are_in_tissue_all_around_and_apart():
    image = np.full((90, 90), 0.3)
    image[:, 50:] = 0.9
    found = lesions.places(image, 3, 6, seed=1)
    assert found == lesions.places(image, 3, 6, seed=1) and found != lesions.places(image, 3, 6, seed=2)
    for number, (row, column) in enumerate(found):
        assert 6 <= row < 84 and 6 <= column and column + 6 < 50
        assert all(np.hypot(row - r, column - c) >= 24 for r, c in found[:number])
    with pytest.raises(ValueError, match="fits at 0 places, 1 were asked for"):
        lesions.places(np.zeros((60, 60)), 3, 1, seed=0)


@pytest.mark.parametrize("call, message", [
    (lambda: lesions.disc((9, 9), (9, 4), 2), "outside"), (lambda: lesions.disc((9, 9), (4, 4), 0), "positive"),
    (lambda: lesions.response(np.zeros((9, 9)), (4, 4), 0.2), "does not fit"),
])  # fmt: skip
def test_lesions_that_cannot_be(call, message):
    with pytest.raises(ValueError, match=message):
        call()
