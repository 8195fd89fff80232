"""Check of notebook 00's exercise: how a check works."""

import numpy as np


def check_brightness(answer):
    """``answer(image)`` is the mean of all values of an image, a number."""
    rng = np.random.default_rng(0)
    shapes = [(1, 1), (4, 4), (3, 7), (5, 4, 3), (8, 6, 3)]
    for shape in shapes:
        image = rng.random(shape)
        case = f"an image of shape {shape}"
        got = answer(image.copy())
        if got is None:
            raise AssertionError(f"{case}: nothing was returned: does the function end with `return`?")
        if np.ndim(got) != 0:
            raise AssertionError(f"{case}: the result has shape {np.shape(got)}; average over the colours, too")
        total = sum(float(value) for value in image.ravel())
        if image.size > 1 and np.isclose(got, total):
            raise AssertionError(f"{case}: got {got:.4g}, that is the sum; divide it by the number of values")
        if not np.isclose(got, total / image.size):
            raise AssertionError(f"{case}: got {got:.4g}, a loop over all values gives {total / image.size:.4g}")
    print(f"✓ brightness: {len(shapes)} cases")
