"""Total variation against a general solver of the same problem, and what it must do with easy images."""

import numpy as np
import pytest
from skimage.restoration import denoise_tv_chambolle

from kryptonlib.restoration import kspace, masks, mri
from kryptonlib.restoration.compressed_sensing import total_variation


def boxes(side=48):
    """An image of few edges with air around."""
    image = np.zeros((side, side))
    image[10:38, 12:36] = 0.6
    image[16:24, 18:30] = 1.0
    image[27:33, 16:22] = 0.2
    return image


def objective(image, measured, mask, weight):
    """The sum that is to be small, by its definition."""
    misfit = 0.5 * (abs(mask * kspace.to_kspace(image) - measured) ** 2).sum()
    down, across = np.roll(image, -1, 0) - image, np.roll(image, -1, 1) - image
    return misfit + weight * np.hypot(down, across).sum()


def proximal_gradient(measured, mask, weight, steps):
    """The same problem by another way: a step down the misfit, then scikit-image's denoising by total variation."""
    image = momentum = kspace.to_image(measured).real
    speed = 1.0
    for _ in range(steps):
        slope = kspace.to_image(mask * kspace.to_kspace(momentum) - measured).real
        after = denoise_tv_chambolle(momentum - slope, weight=weight, max_num_iter=100, eps=1e-9)
        faster = (1 + np.sqrt(1 + 4 * speed**2)) / 2
        image, momentum, speed = after, after + (speed - 1) / faster * (after - image), faster
    return image


@pytest.mark.parametrize("weight", [0.003, 0.02])
def test_it_finds_what_a_general_solver_finds(weight):
    mask = masks.column_mask(48, 4, 2)
    measured = mri.undersample(boxes(), mask)
    ours = total_variation(measured, mask, weight, iterations=400, real=True)
    other = proximal_gradient(measured, mask, weight, 150)
    best, theirs = (objective(image, measured, mask, weight) for image in (ours, other))
    assert best <= theirs * 1.005
    # No random change near it lowers the sum by more than what the iterations left.
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2):
        nearby = [objective(ours + size * rng.normal(size=ours.shape), measured, mask, weight) for _ in range(5)]
        assert min(nearby) > best


@pytest.mark.parametrize("real", [True, False])
def test_the_speed_changes_with_the_penalty_and_the_answer_does_not(real):
    mask = masks.column_mask(48, 4, 2)
    measured = mri.undersample(boxes(), mask)
    settings = {"iterations": 1500, "real": real}
    answers = [total_variation(measured, mask, 0.01, penalty=penalty, **settings) for penalty in (0.05, 0.3)]
    assert abs(answers[0] - answers[1]).max() < 5e-3


def test_where_the_mask_is_symmetric_a_real_image_need_not_be_told_so():
    mask = masks.column_mask(48, 4, 2)
    mask |= np.roll(mask[::-1], 1)
    measured = mri.undersample(boxes(), mask)
    answers = [total_variation(measured, mask, 0.01, iterations=100, real=real) for real in (True, False)]
    np.testing.assert_allclose(answers[1], abs(answers[0]), atol=1e-5)


def test_knowing_that_an_image_is_real_helps_and_a_phase_does_not_matter_otherwise():
    image, mask = boxes(), masks.column_mask(48, 8, 2)
    measured = mri.undersample(image, mask)
    errors = {real: abs(total_variation(measured, mask, 0.003, real=real) - image).mean() for real in (True, False)}
    assert errors[True] < 0.8 * errors[False]
    turned = total_variation(measured * np.exp(0.7j), mask, 0.003)
    np.testing.assert_allclose(turned, total_variation(measured, mask, 0.003), atol=1e-5)


def test_few_edges_are_restored_where_zero_filling_smears_them():
    image, mask = boxes(), masks.column_mask(48, 4, 2)
    measured = mri.undersample(image, mask)
    restored = total_variation(measured, mask, 0.003, iterations=300, real=True)
    assert abs(restored - image).mean() < 0.5 * abs(mri.zero_filled(image, mask) - image).mean()
    everything = np.ones(48, bool)
    assert abs(total_variation(mri.undersample(image, everything), everything, 1e-5) - image).max() < 1e-3


@pytest.mark.parametrize("arguments, message", [
    ({"weight": 0.0}, "weight"), ({"weight": -1.0}, "weight"), ({"weight": 0.1, "iterations": 0}, "iterations"),
    ({"weight": 0.1, "penalty": 0.0}, "penalty"),
])  # fmt: skip
def test_settings_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        total_variation(np.zeros((8, 8)), np.ones(8, bool), **arguments)


def test_stacks_and_other_masks_are_refused():
    with pytest.raises(ValueError, match="of one coil"):
        total_variation(np.zeros((2, 8, 8)), np.ones(8, bool), 0.1)
    with pytest.raises(ValueError, match="expected bool"):
        total_variation(np.zeros((8, 8)), np.ones(7, bool), 0.1)
