"""Patch positions and per-pixel means against loops over every position."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kryptonlib.occlusion.grid import make_grid

side = st.integers(1, 9)


@st.composite
def grids(draw):
    size = draw(st.tuples(st.integers(1, 14), st.integers(1, 14)))
    top, left = draw(st.integers(0, size[0] - 1)), draw(st.integers(0, size[1] - 1))
    region = (top, left, draw(st.integers(1, size[0] - top)), draw(st.integers(1, size[1] - left)))
    patch = draw(st.integers(1, region[2])), draw(st.integers(1, region[3]))
    return make_grid(size, patch, draw(st.tuples(side, side)), region, draw(st.sampled_from(["grid", "flush"])))


@given(grids())
def test_positions_lie_in_the_region_and_keep_the_stride(grid):
    top, left, height, width = grid.region
    for starts, low, length, patch, stride in zip(
        (grid.tops, grid.lefts), (top, left), (height, width), grid.patch, grid.stride
    ):
        assert starts[0] == low
        assert all(low <= start <= low + length - patch for start in starts)
        assert all(np.diff(starts)[:-1] == stride)
    assert len(grid) == len(grid.positions()) == np.prod(grid.shape)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12))
def test_number_of_positions(length, patch, stride):
    if patch > length:
        with pytest.raises(ValueError, match="smaller patch"):
            make_grid((length, length), patch, stride)
        return
    shape = make_grid((length, length), patch, stride).shape
    assert shape == ((length - patch) // stride + 1,) * 2
    flush = make_grid((length, length), patch, stride, cover="flush")
    assert flush.shape[0] == shape[0] + ((length - patch) % stride > 0)
    assert flush.tops[-1] + patch == length


def test_krypton_s_setting_has_53_positions_a_side():
    assert make_grid((224, 224), 16, 4).shape == (53, 53)


@given(grids(), st.integers(0, 1000))
def test_per_pixel_is_the_mean_over_the_patches_that_cover_it(grid, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2, *grid.shape))
    values[rng.random(values.shape) < 0.2] = np.nan
    for one, pixels in zip(values, grid.per_pixel(values)):
        sums, counts, covered = np.zeros(grid.size), np.zeros(grid.size), np.zeros(grid.size, int)
        for (top, left), value in zip(grid.positions(), one.ravel()):
            box = np.s_[top : top + grid.patch[0], left : left + grid.patch[1]]
            covered[box] += 1
            if not np.isnan(value):
                sums[box] += value
                counts[box] += 1
        np.testing.assert_array_equal(grid.covered(), covered)
        np.testing.assert_array_equal(np.isnan(pixels), counts == 0)
        seen = counts > 0
        np.testing.assert_allclose(pixels[seen], sums[seen] / counts[seen], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (dict(patch=0), ValueError, "patch must be at least 1"),
        (dict(stride=0), ValueError, "stride must be at least 1"),
        (dict(patch=2.0), TypeError, "patch must be an integer"),
        (dict(stride=(1, 2, 3)), ValueError, "stride must be an integer or"),
        (dict(patch=(3, 9)), ValueError, "3x9 pixels is larger than the 8x8 image"),
        (dict(region=(0, 0, 2, 8)), ValueError, "larger than the 2x8 region"),
        (dict(region=(4, 4, 5, 4)), ValueError, "does not lie in the 8x8 input"),
        (dict(region=(0, 0, 8)), ValueError, "four integers"),
        (dict(cover="flash"), ValueError, "did you mean flush"),
    ],
)
def test_bad_input_is_told(arguments, error, message):
    with pytest.raises(error, match=message):
        make_grid(**{"size": (8, 8), "patch": 3, "stride": 2, **arguments})


def test_per_pixel_refuses_another_grid_s_values():
    with pytest.raises(ValueError, match="the grid is"):
        make_grid((8, 8), 3, 2).per_pixel(np.zeros((2, 2)))
