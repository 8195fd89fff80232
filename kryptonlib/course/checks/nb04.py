"""Checks of notebook 04's exercises: each truth comes from a loop or from exact arithmetic, not from the library."""

import math
from decimal import Decimal, localcontext

import numpy as np

from kryptonlib.course.checks import expect


def check_place_patch(answer):
    """``answer(image, top, left, height, width, fill)`` is a covered copy of ``image`` [H, W, 3]."""
    rng = np.random.default_rng(4)
    cases = [
        ("3x3 patch at (0, 0)", (6, 6, 3), 0, 0, 3, 3, 0.5),
        ("2x4 patch at (3, 1)", (8, 7, 3), 3, 1, 2, 4, 0.0),
        ("4x2 patch at the lower right corner", (9, 5, 3), 5, 3, 4, 2, 1.0),
        ("a patch of one colour (0.1, 0.5, 0.9)", (7, 8, 3), 2, 4, 3, 2, np.array([0.1, 0.5, 0.9])),
    ]
    for name, shape, top, left, height, width, fill in cases:
        image = rng.random(shape)
        kept = image.copy()
        got = answer(image, top, left, height, width, fill)
        expect.that(np.array_equal(image, kept), name, "the image itself was changed: cover a copy, or every later "
                    "patch finds the holes of the earlier ones")
        got = expect.array(got, shape, name)
        inside = np.zeros(shape[:2], bool)
        for row in range(top, top + height):
            for column in range(left, left + width):
                inside[row, column] = True
        changed = (got != kept).any(2)
        expect.that(not (changed & ~inside).any(), name,
                "pixels outside the patch changed: `top` counts rows and `left` columns, and a slice ends before its "
                "second number")
        expect.that(np.allclose(got[inside], fill), name, "not every pixel of the patch shows the fill: the patch has "
                "`height` rows and `width` columns")
    expect.passed("place_patch", len(cases))


def check_occlusion_maps(answer):
    """``answer(scores, image, patch, stride, fill, batch)`` is every class's map [K, rows, columns]."""
    rng = np.random.default_rng(4)
    cases = [((6, 6), 2, 2, 9), ((9, 9), 3, 3, 4), ((6, 10), 2, 2, 4), ((8, 5), 3, 1, 5), ((7, 7), 3, 4, 16),
             ((10, 7), 4, 3, 1)]
    for size, patch, stride, batch in cases:
        image, weights = rng.random((*size, 3)), rng.normal(size=(*size, 3, 2))
        kept, sizes = image.copy(), []

        def scores(images, weights=weights, sizes=sizes):
            sizes.append(len(images))
            return np.einsum("nhwc,hwck->nk", images, weights)

        name = f"{size[0]}x{size[1]} pixels, patch {patch}, stride {stride}, batches of {batch}"
        try:
            got = answer(scores, image, patch, stride, 0.5, batch)
        except ValueError as error:
            raise AssertionError(
                f"{name}: {error}. Is the last batch shorter, and does every patch stay inside the image?"
            ) from error
        expect.that(got is not None, name, "nothing was returned: does the function end with `return`?")
        expect.that(np.array_equal(image, kept), name, "the image itself was changed: cover a copy for every position")
        truth = _maps_by_pixel(kept, weights, patch, stride)
        got = np.asarray(got, dtype=float)
        if got.ndim == 3 and got.shape[0] == 2 and got.shape[1] * got.shape[2] < truth[0].size:
            raise AssertionError(f"{name}: {got.shape[1]}x{got.shape[2]} positions, a loop finds {truth[0].shape}: the "
                                 "last one that fits counts too")
        expect.that(got.shape == truth.shape, name, f"the result has shape {got.shape}, expected classes x rows x "
                    f"columns {truth.shape}")
        expect.that(max(sizes) <= batch, name, f"a call got {max(sizes)} images; at most {batch} fit into a batch")
        expect.that(len(sizes) == -(-truth[0].size // batch), name, f"{len(sizes)} calls of scores; {truth[0].size} "
                f"positions fill {-(-truth[0].size // batch)} batches")
        expect.that(np.allclose(got, truth), name, "the values differ from a loop over all positions: each image has "
                    "one patch, and positions run along a row before the next row begins")
    expect.passed("occlusion_maps", len(cases))


def check_log_odds(answer):
    """``answer(logits, target)``: logits [n, K] as an array -> log(p / (1 - p)) of the softmax [n]."""
    rng = np.random.default_rng(4)
    cases = [("two equal logits", np.zeros((1, 2)), 0), ("three classes", np.array([[1.0, 2, 3], [3, 2, 1]]), 2)]
    cases += [(f"random logits, target {t}", rng.normal(size=(5, 4)) * 3, t) for t in range(4)]
    cases += [
        ("a probability that rounds to 1: logits [60, 0, 0]", np.array([[60.0, 0, 0]]), 0),
        ("logits of 2000: their exponentials overflow", np.array([[2000.0, 1990, 0], [-2000, -2010, -2020]]), 1),
    ]
    for name, logits, target in cases:
        with np.errstate(all="ignore"):
            got = answer(logits.copy(), target)
        got = expect.array(got, (len(logits),), name, "one number per row")
        truth = np.array([_log_odds(row, target) for row in logits])
        expect.that(np.isfinite(got).all(), name, f"got {got}; 1 - p is 0, or an exponential overflowed: work with the "
                "logits, and subtract the largest of the others before exp")
        log_p = not np.allclose(got, truth) and np.allclose(got, truth + _self_term(logits, target))
        expect.that(not log_p, name, f"got {got}, that is log p; the target itself must be left out of the sum")
        expect.close(got, truth, name, f"exact arithmetic gives {truth}")
    expect.passed("log_odds", len(cases))


def check_per_pixel(answer):
    """``answer(values, size, patch, stride)``: values [rows, columns] -> the mean over covering patches [H, W]."""
    rng = np.random.default_rng(4)
    cases = [((6, 6), (2, 2), (2, 2)), ((6, 6), (3, 3), (1, 1)), ((7, 9), (3, 4), (2, 3)), ((8, 5), (2, 3), (3, 1)),
             ((9, 9), (4, 4), (3, 3))]
    for size, patch, stride in cases:
        rows = range(0, size[0] - patch[0] + 1, stride[0])
        columns = range(0, size[1] - patch[1] + 1, stride[1])
        values = rng.random((len(rows), len(columns)))
        name = f"{size[0]}x{size[1]} pixels, patch {patch[0]}x{patch[1]}, stride {stride[0]}, {stride[1]}"
        found = [[[] for _ in range(size[1])] for _ in range(size[0])]
        for i, top in enumerate(rows):
            for j, left in enumerate(columns):
                for y in range(top, top + patch[0]):
                    for x in range(left, left + patch[1]):
                        found[y][x].append(values[i, j])
        truth = np.array([[np.mean(cell) if cell else np.nan for cell in line] for line in found])
        with np.errstate(all="ignore"):
            got = answer(values.copy(), size, patch, stride)
        got = expect.array(got, size, name)
        bare = np.isnan(truth)
        expect.that(not np.isnan(got[~bare]).any(), name, "a covered pixel is NaN")
        total = np.array([[sum(cell) for cell in line] for line in found])
        sums = not np.allclose(got[~bare], truth[~bare]) and np.allclose(got[~bare], total[~bare])
        expect.that(not sums, name, "these are sums; divide by how many patches cover the pixel, or the middle wins")
        expect.that(np.allclose(got[~bare], truth[~bare]), name, "the means differ from a loop over all pixels: the "
                    "patch of grid row i begins at pixel row i * stride and is `patch` pixels long")
        expect.that(np.isnan(got[bare]).all(), name, "a pixel that no patch covers must be NaN: 0 would claim that "
                "covering it was tried")
    expect.passed("per_pixel", len(cases))


def _maps_by_pixel(image, weights, patch, stride):
    """The maps of linear scores, from what each single pixel adds: [K, rows, columns]."""
    adds = ((0.5 - image)[..., None] * weights).sum(2)
    clean = (image[..., None] * weights).sum((0, 1, 2))
    rows = [top for top in range(image.shape[0]) if top % stride == 0 and top + patch <= image.shape[0]]
    columns = [left for left in range(image.shape[1]) if left % stride == 0 and left + patch <= image.shape[1]]
    return np.array([[[clean[k] + sum(adds[top + y, left + x, k] for y in range(patch) for x in range(patch))
                       for left in columns] for top in rows] for k in range(weights.shape[-1])])


def _log_odds(row, target):
    """log(p / (1 - p)) with fifty digits: exact where floating point is not."""
    with localcontext() as context:
        context.prec = 50
        rest = sum(Decimal(float(z) - float(row[target])).exp() for k, z in enumerate(row) if k != target)
        return float(-rest.ln())


def _self_term(logits, target):
    """log p - log(p / (1 - p)) = log(1 - p), the mark of a target left in the sum."""
    return np.array([-math.log1p(math.exp(min(_log_odds(row, target), 700))) for row in logits])
