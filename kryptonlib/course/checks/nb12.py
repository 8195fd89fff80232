"""Checks of notebook 12's exercises."""

import numpy as np

from kryptonlib.course.checks import expect
from kryptonlib.restoration import kspace, masks


def check_column_mask(answer):
    """``answer(columns, acceleration, center, numbers)`` is fastMRI's mask, bool [columns], from uniform numbers."""
    cases = [(320, 8, 0.04), (320, 4, 0.08), (9, 4, 0.12), (10, 2, 0.1), (12, 3, 0.0), (201, 8, 0.04), (200, 4, 0.08)]
    for columns, acceleration, center in cases:
        case = f"column_mask({columns}, {acceleration}, {center}, numbers) with numbers that are all 0.999"
        got = answer(columns, acceleration, center, np.full(columns, 0.999))
        truth = np.zeros(columns)
        middle = round(columns * center)
        begin = (columns - middle + 1) // 2
        truth[begin : begin + middle] = 1
        hint = f"the middle {middle} columns, from number {begin} on, must all be measured, and no other"
        expect.close(got, truth, case, hint)
    for number, (columns, acceleration, center) in enumerate(cases):
        case = f"column_mask({columns}, {acceleration}, {center}, numbers)"
        random = np.random.RandomState(number)
        random.randint(0, 1)
        got = answer(columns, acceleration, center, random.uniform(size=columns))
        truth = masks.column_mask(columns, acceleration, number, center=center)
        got = expect.array(got, (columns,), case, "one value a column")
        expect.that(set(np.unique(got)) <= {0.0, 1.0}, case, "a mask holds True and False alone")
        middle = round(columns * center)
        begin = (columns - middle + 1) // 2
        outside = np.ones(columns, bool)
        outside[begin : begin + middle] = False
        if got[outside].sum() != truth[outside].sum():
            hint = (
                f"{int(got[outside].sum())} columns outside of the middle are measured, expected "
                f"{int(truth[outside].sum())}: columns / acceleration in all, less the middle, are spread over the "
                "columns that are left"
            )
            expect.that(False, case, hint)
        expect.close(got, truth, case, "a column is measured where its number is below the probability")
    # Each column's chance, over many masks at once: all numbers equal.
    for level in (0.05, 0.2, 0.9):
        case = f"100 columns and numbers that are all {level}"
        got = expect.array(answer(100, 4, 0.08, np.full(100, level)), (100,), case)
        expect.close(got.sum(), 100 if level < 17 / 92 else 8, case, "the probability is 17/92")
    expect.passed("column_mask", 2 * len(cases) + 3)


def check_data_consistent(answer):
    """``answer(image, measured, mask)`` puts the measured columns back into an image's k-space; real [H, W]."""
    random = np.random.default_rng(12)
    for number, shape in enumerate([(4, 8), (6, 9), (16, 32), (8, 40)]):
        truth, guess = random.random(shape), random.random(shape)
        mask = np.zeros(shape[1], bool)
        mask[shape[1] // 2] = True
        mask |= random.random(shape[1]) < 0.3
        measured = kspace.to_kspace(truth) * mask
        case = f"case {number + 1}, an image of {shape}"
        got = answer(guess.copy(), measured.copy(), mask.copy())
        expect.that(got is not None, case, expect.NOTHING)
        expect.that(not np.iscomplexobj(got), case, "the image is complex; return its real part, .real")
        # By sums over frequencies, without a transform of the whole: only measured columns change the guess.
        change = measured - kspace.to_kspace(guess)
        expected = guess + kspace.to_image(change * mask).real
        got = expect.array(got, shape, case)
        if np.allclose(got, kspace.to_image(np.where(mask, kspace.to_kspace(guess), measured)).real):
            expect.that(False, case, "the wrong columns were replaced: where the mask is True the measured ones stand")
        if np.allclose(got, kspace.to_image(measured + kspace.to_kspace(guess)).real):
            expect.that(False, case, "the measured columns were added to the image's own; they must take their place")
        hint = "transform the image, put in the measured columns, transform back, take the real part"
        expect.close(got, expected, case, hint)
    everything = np.ones(8, bool)
    got = answer(np.zeros((4, 8)), kspace.to_kspace(truth[:4, :8]), everything)
    expect.close(got, truth[:4, :8], "a mask that measures everything", "then the guess must not matter")
    expect.passed("data_consistent", 5)


def check_volume_psnr(answer):
    """``answer(test, reference)`` is fastMRI's PSNR of a volume [slices, H, W] in dB."""
    random = np.random.default_rng(13)
    for number in range(6):
        reference = random.random((3, 6, 7)) * np.array([1.0, 0.3, 2.0])[:, None, None]
        noise = random.normal(size=reference.shape) * np.array([0.02, 0.2, 0.05])[:, None, None]
        test = reference + noise
        case = f"volume {number + 1} of 3 slices"
        got = expect.number(answer(test, reference), case)
        largest = reference.max()
        squares = ((test - reference) ** 2).mean((1, 2))
        truth = 10 * np.log10(largest**2 / squares.mean())
        slices = 10 * np.log10(largest**2 / squares)
        own = 10 * np.log10(reference.max((1, 2)) ** 2 / squares)
        known = {
            float(slices.mean()): "the mean of the slices' PSNRs: first average the squared errors over the volume",
            float(own.mean()): "each slice has its own maximum: take the volume's, and one mean of the errors",
            float(-10 * np.log10(squares.mean())): "the peak is the largest value of the reference volume, not 1",
            float(20 * np.log10(largest / squares.mean())): "10 log10(peak² / error): the error is squared already",
        }
        for value, hint in known.items():
            expect.that(not np.isclose(got, value, rtol=1e-9), case, hint)
        hint = "10 log10 of the squared maximum of the reference over the volume's mean squared error"
        expect.close(got, truth, case, hint)
    expect.passed("volume_psnr", 6, "volumes")
