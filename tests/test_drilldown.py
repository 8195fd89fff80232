"""Adaptive drill-down against a plain loop over positions, counted by a function that writes down what it is asked."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from kryptonlib.occlusion import drilldown
from kryptonlib.occlusion.grid import make_grid

PUBLISHED = [(0.1, 5, 13), (0.4, 2, 13), (0.25, 3, 14)]


class Evaluate:
    """A bumpy score of position and patch that remembers each call."""

    def __init__(self, seed=0):
        self.seed, self.calls = seed, []

    def score(self, positions, patch):
        top, left = np.asarray(positions, dtype=float).T
        return np.sin(0.31 * top + self.seed) * np.cos(0.17 * left) + 0.01 * top * math.sqrt(patch[0]) - 0.02 * patch[1]

    def __call__(self, positions, patch):
        assert positions.ndim == 2 and positions.shape[1] == 2 and positions.dtype.kind == "i"
        self.calls.append((positions, patch))
        return self.score(positions, patch)


@st.composite
def grids(draw):
    size = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    top, left = draw(st.integers(0, size[0] - 1)), draw(st.integers(0, size[1] - 1))
    region = (top, left, draw(st.integers(1, size[0] - top)), draw(st.integers(1, size[1] - left)))
    patch = draw(st.integers(1, region[2])), draw(st.integers(1, region[3]))
    stride = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    return make_grid(size, patch, stride, region, draw(st.sampled_from(["grid", "flush"])))


@st.composite
def settings(draw):
    """A grid and arguments of ``run`` that it accepts."""
    grid = draw(grids())
    coarse = tuple(step + draw(st.integers(0, 12)) for step in grid.stride)
    arguments = dict(
        share=draw(st.integers(1, 20)) / 20,
        coarse=coarse,
        choose=draw(st.sampled_from(["individual", "box"])),
        align=draw(st.booleans()),
    )
    if not arguments["align"] and draw(st.booleans()):
        arguments["coarse_patch"] = draw(st.integers(1, grid.region[2])), draw(st.integers(1, grid.region[3]))
    return grid, arguments


def expected_stride(grid, arguments):
    if arguments["align"]:
        return tuple(s * math.floor(Fraction(c, s) + Fraction(1, 2)) for s, c in zip(grid.stride, arguments["coarse"]))
    return arguments["coarse"]


def expected_knots(starts, coarse):
    """Each coarse step from the first position, and the last position."""
    return sorted({*range(starts[0], starts[-1], coarse), starts[-1]})


def knots_of(grid, arguments):
    found = []
    for starts, step, fine in zip((grid.tops, grid.lefts), expected_stride(grid, arguments), grid.stride):
        if arguments["align"]:
            found.append([starts[i] for i in expected_knots(range(len(starts)), step // fine)])
        else:
            found.append(expected_knots(starts, step))
    return found


def stage_1_map(evaluate, grid, knots):
    """The stage-1 map with the grid's own patch, by scipy; an axis of one knot is doubled for its sake."""
    coarse = [np.array(axis, float) if len(axis) > 1 else np.array([axis[0], axis[0] + 1.0]) for axis in knots]
    corners = np.stack(np.meshgrid(*[np.minimum(c, k[-1]) for c, k in zip(coarse, knots)], indexing="ij"), -1)
    values = evaluate.score(corners.reshape(-1, 2), grid.patch).reshape(corners.shape[:2])
    return RegularGridInterpolator(coarse, values)(grid.positions()).reshape(grid.shape)


@pytest.mark.parametrize("share, target, rounded", PUBLISHED)
def test_published_settings(share, target, rounded):
    coarse = drilldown.coarse_stride(4, share, target)
    assert drilldown.round_half_up(coarse) == rounded
    grid = make_grid((224, 224), 16, 4)
    found = drilldown.run(Evaluate(), grid, share=share, target=target)
    assert found.coarse == (rounded, rounded)
    # 53 fine positions a side reach pixel 208: 17 steps of 13, or 15 of 14, and the last one where they stop short.
    side = {13: 17, 14: 16}[rounded]
    assert found.passes == (side**2, drilldown.round_half_up(share * 53**2))


@given(st.floats(0.5, 20), st.integers(1, 100), st.floats(0.01, 0.99))
def test_coarse_stride_solves_the_cost_model(stride, hundredths, part):
    share = hundredths / 100
    target = part / share
    coarse = drilldown.coarse_stride(stride, share, target)
    assert drilldown.speedup(coarse, stride, share) == pytest.approx(target, rel=1e-9)


@given(st.integers(1, 1000), st.integers(1, 20), st.integers(1, 100))
def test_the_cost_model_counts_positions(coarse, stride, hundredths):
    """On an area of S1^2 S2^2 pixels: fine positions over coarse ones plus the share of the fine ones."""
    fine, few = Fraction(coarse) ** 2, Fraction(stride) ** 2
    expected = fine / (few + Fraction(hundredths, 100) * fine)
    assert drilldown.speedup(coarse, stride, hundredths / 100) == pytest.approx(float(expected), rel=1e-12)
    assert drilldown.speedup((coarse, coarse), (stride, stride), hundredths / 100) == drilldown.speedup(
        coarse, stride, hundredths / 100
    )


@given(st.integers(2, 1000), st.data(), st.integers(1, 20), st.integers(1, 100))
def test_the_bound_holds_and_is_reached(width, data, stride, hundredths):
    share = hundredths / 100
    limit = drilldown.bound(width, stride, share)
    coarse = data.draw(st.integers(1, width - 1))
    assert drilldown.speedup(coarse, stride, share) < limit < 1 / share
    assert drilldown.speedup(width * (1 - 1e-9), stride, share) == pytest.approx(limit, rel=1e-6)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4])
def test_the_bound_tends_to_one_over_the_share(share):
    assert drilldown.bound(1e7, 4, share) == pytest.approx(1 / share, rel=1e-9)


def test_rectangular_cost_is_the_mean_of_the_areas():
    assert drilldown.speedup((8, 18), (2, 8), 0.25) == pytest.approx(drilldown.speedup(12, 4, 0.25))
    assert drilldown.bound((100, 400), (2, 8), 0.25) == pytest.approx(drilldown.bound(200, 4, 0.25))


@pytest.mark.parametrize("number, rounded", [(12.5, 13), (13.5, 14), (0.5, 1), (12.49, 12), (0.49999999999999994, 0)])
def test_halves_round_up(number, rounded):
    assert drilldown.round_half_up(number) == rounded


@given(settings())
def test_what_is_evaluated_and_what_is_counted(setting):
    grid, arguments = setting
    evaluate = Evaluate()
    found = drilldown.run(evaluate, grid, **arguments)
    counts = [len(positions) for positions, _ in evaluate.calls]
    assert found.passes == (counts[0], sum(counts[1:]))
    assert found.counted == len(grid) / sum(counts)
    assert found.coarse == expected_stride(grid, arguments)
    assert found.predicted == drilldown.speedup(found.coarse, grid.stride, arguments["share"])
    assert evaluate.calls[0][1] == arguments.get("coarse_patch", grid.patch)
    for positions, patch in evaluate.calls:
        assert len({tuple(one) for one in positions.tolist()}) == len(positions)
        low, high = np.array(grid.region[:2]), np.add(grid.region[:2], grid.region[2:])
        assert (positions >= low).all() and (positions + patch <= high).all()
    for _, patch in evaluate.calls[1:]:
        assert patch == grid.patch
    if arguments["align"]:
        every = [tuple(one) for positions, _ in evaluate.calls for one in positions.tolist()]
        assert len(set(every)) == len(every)
        assert set(every) <= {tuple(one) for one in grid.positions().tolist()}


@given(settings())
def test_computed_positions_hold_what_evaluate_says(setting):
    grid, arguments = setting
    evaluate = Evaluate()
    found = drilldown.run(evaluate, grid, **arguments)
    truth = evaluate.score(grid.positions(), grid.patch).reshape(grid.shape)
    np.testing.assert_array_equal(found.values[found.exact], truth[found.exact])
    computed = {tuple(one) for at, patch in evaluate.calls if patch == grid.patch for one in at.tolist()}
    assert found.exact.ravel().tolist() == [tuple(one) in computed for one in grid.positions().tolist()]


@given(settings())
def test_the_rest_is_interpolated_and_the_lowest_are_computed(setting):
    grid, arguments = setting
    assume(arguments.pop("coarse_patch", grid.patch) == grid.patch)
    evaluate = Evaluate()
    found = drilldown.run(evaluate, grid, **arguments)
    coarse_map = stage_1_map(evaluate, grid, knots_of(grid, arguments))
    np.testing.assert_allclose(found.values[~found.exact], coarse_map[~found.exact], rtol=0, atol=1e-12)
    left_out = coarse_map[~found.exact]
    chosen = {tuple(one) for positions, _ in evaluate.calls[1:] for one in positions.tolist()}
    count = max(1, math.floor(Fraction(arguments["share"] * len(grid)) + Fraction(1, 2)))
    threshold = np.sort(coarse_map, axis=None)[count - 1]
    assert (left_out >= threshold - 1e-12).all()
    if arguments["choose"] == "individual":
        for at, value in zip(grid.positions().tolist(), coarse_map.ravel()):
            assert tuple(at) not in chosen or value <= threshold + 1e-12
        if not arguments["align"]:
            assert len(chosen) == count


@given(settings())
def test_everything_is_exact_with_share_1(setting):
    grid, arguments = setting
    evaluate = Evaluate()
    found = drilldown.run(evaluate, grid, **{**arguments, "share": 1})
    assert found.exact.all()
    np.testing.assert_array_equal(found.values.ravel(), evaluate.score(grid.positions(), grid.patch))
    if arguments["align"]:
        assert found.counted == 1


@given(settings())
def test_the_bounding_box_contains_the_individual_positions(setting):
    grid, arguments = setting
    calls = {}
    for choose in ("individual", "box"):
        evaluate = Evaluate()
        drilldown.run(evaluate, grid, **{**arguments, "choose": choose, "align": False})
        calls[choose] = {tuple(one) for one in evaluate.calls[1][0].tolist()}
    single, box = calls["individual"], calls["box"]
    assert single <= box
    tops, lefts = (sorted({one[axis] for one in single}) for axis in (0, 1))
    inside = {(t, l) for t in grid.tops for l in grid.lefts if tops[0] <= t <= tops[-1] and lefts[0] <= l <= lefts[-1]}
    assert box == inside


@given(settings())
def test_aligned_positions_are_never_computed_twice(setting):
    """The same map as with recomputation at the same stride, for fewer positions where the stages meet."""
    grid, arguments = setting
    assume("coarse_patch" not in arguments)
    aligned = drilldown.run(Evaluate(), grid, **{**arguments, "align": True})
    assume(grid.tops[-1] - grid.tops[0] == (len(grid.tops) - 1) * grid.stride[0])
    assume(grid.lefts[-1] - grid.lefts[0] == (len(grid.lefts) - 1) * grid.stride[1])
    again = drilldown.run(Evaluate(), grid, **{**arguments, "coarse": aligned.coarse, "align": False})
    np.testing.assert_array_equal(aligned.values, again.values)
    np.testing.assert_array_equal(aligned.exact, again.exact)
    assert aligned.passes[0] == again.passes[0] and aligned.passes[1] <= again.passes[1]
    assert sum(aligned.passes) == aligned.exact.sum()


def test_another_coarse_patch_keeps_its_centre_and_stays_inside():
    evaluate = Evaluate()
    grid = make_grid((64, 64), 8, 4)
    drilldown.run(evaluate, grid, share=0.1, coarse=8, coarse_patch=(16, 8))
    positions, patch = evaluate.calls[0]
    assert patch == (16, 8)
    assert sorted(set(positions[:, 0])) == [0, 4, 12, 20, 28, 36, 44, 48]
    assert sorted(set(positions[:, 1])) == [0, 8, 16, 24, 32, 40, 48, 56]


def test_positions_that_the_border_moves_together_are_computed_once():
    evaluate = Evaluate()
    grid = make_grid((16, 16), 4, 1)
    found = drilldown.run(evaluate, grid, share=0.5, coarse=2, coarse_patch=14)
    assert found.passes[0] == len(evaluate.calls[0][0]) == 9


def test_a_flat_map_is_drilled_from_its_first_position_on():
    """Interpolation must not make ties unequal by rounding."""
    grid = make_grid((40, 40), 5, 2)
    found = drilldown.run(lambda at, patch: np.full(len(at), 0.1), grid, share=0.25, coarse=(7, 5))
    asked = drilldown.lowest(np.zeros(grid.shape), 0.25)
    assert (found.values == 0.1).all()
    assert found.exact[asked].all() and found.passes[1] == asked.sum()


def test_ties_go_to_the_first_position():
    values = np.random.default_rng(0).integers(0, 4, (40, 50))
    first = sorted(range(values.size), key=lambda at: (values.flat[at], at))[:700]
    assert np.flatnonzero(drilldown.lowest(values, 0.35)).tolist() == sorted(first)


def test_linear_maps_are_reproduced_on_both_axes():
    grid = make_grid((90, 70), (9, 6), (2, 3), cover="flush")
    found = drilldown.run(lambda at, patch: at @ [0.5, -0.25], grid, share=0.05, coarse=(7, 11))
    np.testing.assert_allclose(found.values.ravel(), grid.positions() @ [0.5, -0.25], rtol=0, atol=1e-12)


def test_the_count_tends_to_the_cost_model_on_a_large_image():
    off = []
    for side in (224, 1000, 4000):
        found = drilldown.run(Evaluate(), make_grid((side, side), 16, 4), share=0.1, target=5)
        off.append(abs(found.counted / found.predicted - 1))
    assert off[0] > off[1] > off[2]
    assert off[2] < 0.01


def test_a_narrow_minimum_between_coarse_positions_is_lost():
    """What drill-down cannot know: nothing of the pit at (26, 26) reaches the coarse map, so stage 2 passes it by."""

    def evaluate(positions, patch):
        return np.where((np.abs(positions - 26) <= 2).all(1), 0.0, 0.9 + 1e-4 * positions[:, 0])

    grid = make_grid((64, 64), 4, 2)
    found = drilldown.run(evaluate, grid, share=0.05, coarse=20)
    assert evaluate(grid.positions(), grid.patch).min() == 0
    assert found.values.min() >= 0.9


GRID = make_grid((32, 32), 8, 2)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (dict(evaluate=None), TypeError, "evaluate must be a function"),
        (dict(grid=(13, 13)), TypeError, "grid must be a Grid"),
        (dict(share=0), ValueError, "share must be positive"),
        (dict(share=1.5), ValueError, r"share must lie in \(0, 1\]"),
        (dict(share=float("nan")), ValueError, "share must be positive and finite"),
        (dict(share="half"), TypeError, "share must be a number"),
        (dict(coarse=None), ValueError, "either target or coarse"),
        (dict(target=3), ValueError, "either target or coarse"),
        (dict(coarse=None, target=4), ValueError, "bounds the speed-up by 1/share = 4"),
        (dict(coarse=None, target=0.25), ValueError, r"finer than the grid's.*at least 1 / \(1 \+ share\)"),
        (dict(coarse=None, target=-1), ValueError, "target must be positive"),
        (dict(coarse=1), ValueError, r"coarse stride \(1, 1\)"),
        (dict(coarse=(4, 1)), ValueError, "finer than the grid's"),
        (dict(coarse=0.4, align=True), ValueError, "finer than the grid's"),
        (dict(coarse=(4, 4, 4)), ValueError, r"coarse must be a number or \(rows, columns\)"),
        (dict(coarse="4"), TypeError, "coarse must be a number"),
        (dict(coarse=True), TypeError, "coarse must be a number"),
        (dict(choose="boxes"), ValueError, "did you mean box"),
        (dict(coarse_patch=33), ValueError, "larger than the region of 32x32"),
        (dict(coarse_patch=2.5), TypeError, "coarse_patch must be an integer"),
        (dict(coarse_patch=10, align=True), ValueError, "align=True shares positions"),
        (dict(evaluate=lambda at, patch: np.zeros(3)), ValueError, "one score a position"),
        (dict(evaluate=lambda at, patch: np.full(len(at), np.nan)), ValueError, "NaN or infinite"),
    ],
)
def test_bad_input_is_told(arguments, error, message):
    good = dict(evaluate=Evaluate(), grid=GRID, share=0.25, coarse=6)
    with pytest.raises(error, match=message):
        drilldown.run(**{**good, **arguments})


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: drilldown.coarse_stride(4, 0.1, 10), "no coarse stride reaches a speed-up of 10 with share 0.1"),
        (lambda: drilldown.coarse_stride(0, 0.1, 2), "stride must be positive"),
        (lambda: drilldown.speedup(13, math.inf, 0.1), "stride must be positive and finite"),
        (lambda: drilldown.speedup(0, 4, 0.1), "coarse must be positive"),
        (lambda: drilldown.bound(-1, 4, 0.1), "width must be positive"),
        (lambda: drilldown.bound(224, 4, 2), "share must lie in"),
        (lambda: drilldown.lowest(np.zeros((2, 2)), 0), "share must be positive"),
    ],
)
def test_the_formulas_refuse_what_makes_no_sense(call, message):
    with pytest.raises(ValueError, match=message):
        call()
