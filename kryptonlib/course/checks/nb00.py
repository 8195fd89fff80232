"""Check of notebook 00's exercise: how a check works."""

import numpy as np

from kryptonlib.course.checks import expect


def check_brightness(answer):
    """``answer(image)`` is the mean of all values of an image, a number."""
    rng = np.random.default_rng(0)
    shapes = [(1, 1), (4, 4), (3, 7), (5, 4, 3), (8, 6, 3)]
    for shape in shapes:
        image = rng.random(shape)
        case = f"an image of shape {shape}"
        got = answer(image.copy())
        expect.that(np.ndim(got) == 0, case, f"the result has shape {np.shape(got)}; average over the colours, too")
        got = expect.number(got, case)
        total = sum(float(value) for value in image.ravel())
        summed = image.size > 1 and np.isclose(got, total)
        expect.that(not summed, case, f"got {got:.4g}, that is the sum; divide it by the number of values")
        expect.close(got, total / image.size, case, f"a loop over all values gives {total / image.size:.4g}", rtol=1e-5)
    expect.passed("brightness", len(shapes))
