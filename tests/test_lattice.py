"""Lattices hold each other and their share of the grid; splines reproduce what is linear and leave what is known."""

import numpy as np
import pytest

from kryptonlib.occlusion.lattice import FINER, LATTICES, fill_in, mask

SHARES = {"sixteenth": 1 / 16, "eighth": 1 / 8, "quarter": 1 / 4, "third": 1 / 3, "half": 1 / 2}


@pytest.mark.parametrize("shape", [(12, 24), (13, 17), (7, 7), (1, 9)])
def test_each_lattice_lies_in_its_finer_one_and_the_last_is_the_grid(shape):
    assert set(LATTICES) == {*FINER, "all", "third"}
    for coarse, fine in FINER.items():
        assert (mask(shape, coarse) <= mask(shape, fine)).all()
        assert mask((12, 24), coarse).sum() < mask((12, 24), fine).sum()
        name = coarse
        while name in FINER:
            name = FINER[name]
        assert name == "all" and mask(shape, name).all()
        assert mask(shape, coarse).shape == shape and mask(shape, coarse)[0, 0]


@pytest.mark.parametrize("lattice", SHARES)
def test_each_lattice_is_the_share_in_its_name(lattice):
    assert mask((24, 36), lattice).mean() == pytest.approx(SHARES[lattice], abs=1e-12)


def test_on_the_third_every_position_is_a_step_from_a_computed_one():
    known = np.pad(mask((9, 9), "third"), 1)
    near = known[1:-1, 1:-1] | known[:-2, 1:-1] | known[2:, 1:-1] | known[1:-1, :-2] | known[1:-1, 2:]
    assert near[1:-1, 1:-1].all()


@pytest.mark.parametrize("lattice", SHARES)
@pytest.mark.parametrize("shape", [(16, 21), (9, 9)])
def test_linear_functions_are_reproduced(lattice, shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    truth = np.stack([3.0 - 0.5 * rows + 0.25 * columns, np.full(shape, 0.7), columns - 2.0 * rows])
    known = mask(shape, lattice)
    values = np.where(known, truth, np.nan)
    np.testing.assert_allclose(fill_in(values, known), truth, rtol=0, atol=1e-9)


def test_known_positions_mostly_in_one_line():
    """The nearest twenty lie in the first row; the plane is known all the same."""
    rows, columns = np.mgrid[:9, :60]
    truth, known = 2.0 + 0.5 * rows - 0.25 * columns, np.zeros((9, 60), bool)
    known[0] = known[8, 59] = True
    np.testing.assert_allclose(fill_in(np.where(known, truth, np.nan), known), truth, rtol=0, atol=1e-8)


def test_known_positions_keep_their_values_and_maps_do_not_mix():
    values, known = np.random.default_rng(0).random((2, 3, 12, 15)), mask((12, 15), "third")
    kept = values.copy()
    together = fill_in(values, known)
    np.testing.assert_array_equal(values, kept)
    np.testing.assert_array_equal(together[..., known], values[..., known])
    assert together.shape == values.shape and together.dtype == np.float64
    for i in range(2):
        for j in range(3):
            np.testing.assert_allclose(together[i, j], fill_in(values[i, j], known), rtol=0, atol=1e-12)
    assert not np.allclose(together, values)


def test_the_rest_is_the_thin_plate_spline_of_its_formula():
    """A plane plus weights of r^2 log r, orthogonal to planes (Duchon); few enough positions that all of them count."""
    known = mask((8, 9), "quarter")
    values = np.random.default_rng(1).random(known.shape)
    at, wanted = np.argwhere(known), np.argwhere(~known)

    def bump(from_, to):
        distance = np.hypot(*(from_[:, None] - to[None]).transpose(2, 0, 1))
        return distance**2 * np.log(np.where(distance > 0, distance, 1))

    plane = np.column_stack([np.ones(len(at)), at])
    system = np.block([[bump(at, at), plane], [plane.T, np.zeros((3, 3))]])
    weights = np.linalg.solve(system, np.concatenate([values[known], np.zeros(3)]))
    truth = np.column_stack([bump(wanted, at), np.ones(len(wanted)), wanted]) @ weights
    np.testing.assert_allclose(fill_in(values, known)[~known], truth, rtol=0, atol=1e-9)


def test_probabilities_are_interpolated_in_log_odds():
    rows, columns = np.mgrid[:16, :21]
    straight, known = 0.4 * rows - 0.5 * columns + 3, mask((16, 21), "quarter")
    truth = 1 / (1 + np.exp(-straight))
    found = fill_in(np.where(known, truth, np.nan), known, probability=True)
    np.testing.assert_allclose(found, truth, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(found[known], truth[known])
    assert not np.allclose(fill_in(truth, known), truth, rtol=0, atol=1e-2)


def test_probabilities_that_rounding_made_0_or_1_stay_and_give_numbers():
    values, known = np.random.default_rng(2).integers(0, 2, (9, 9)).astype(float), mask((9, 9), "half")
    found = fill_in(values, known, probability=True)
    np.testing.assert_array_equal(found[known], values[known])
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("probability", [False, True])
def test_the_difference_from_another_map_is_interpolated(probability):
    random, known = np.random.default_rng(0), mask((11, 13), "quarter")
    rough = random.standard_normal((2, 11, 13))
    plane = np.add.outer(0.3 * np.arange(11), -0.2 * np.arange(13)) + 1
    exact = rough + plane
    squash = (lambda values: 1 / (1 + np.exp(-values))) if probability else (lambda values: values)
    found = fill_in(np.where(known, squash(exact), np.nan), known, probability, base=squash(rough))
    # A thin plate follows a plane, so nothing is lost though the maps themselves are noise.
    np.testing.assert_allclose(found, squash(exact), atol=1e-9)
    np.testing.assert_array_equal(found[:, known], squash(exact)[:, known])
    assert abs(fill_in(squash(exact), known, probability) - squash(exact)).max() > 0.1


@pytest.mark.parametrize("value", [-0.1, 1.5, np.nan])
def test_what_is_no_probability_is_refused(value):
    values = np.full((8, 8), 0.5)
    values[0, 0] = value
    with pytest.raises(ValueError, match=r"probabilities lie in \[0, 1\]"):
        fill_in(values, mask((8, 8), "third"), probability=True)


def test_a_known_map_is_copied():
    values = np.arange(12.0).reshape(3, 4)
    found = fill_in(values, np.ones((3, 4), bool))
    np.testing.assert_array_equal(found, values)
    assert not np.shares_memory(found, values)


@pytest.mark.parametrize(
    "places", [[], [(0, 0)], [(0, 0), (5, 3)], [(0, 0), (1, 1), (4, 4), (7, 7)], [(2, 1), (2, 5), (2, 6)]]
)
def test_too_little_or_collinear_positions_are_refused(places):
    known = np.zeros((8, 8), bool)
    for place in places:
        known[place] = True
    with pytest.raises(ValueError, match="three known positions that are not all in one line"):
        fill_in(np.zeros((8, 8)), known)


def test_a_mask_of_another_shape_and_an_unknown_lattice_are_refused():
    with pytest.raises(ValueError, match=r"values \(2, 8, 9\) and a mask \(9, 8\)"):
        fill_in(np.zeros((2, 8, 9)), np.ones((9, 8), bool))
    with pytest.raises(ValueError, match="lattice"):
        mask((8, 8), "fifth")
