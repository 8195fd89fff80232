"""The interval rules against brute force: perturb the changed cells and see which outputs move."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kryptonlib.occlusion import intervals

sizes = st.integers(1, 24)


@st.composite
def changed(draw):
    """An axis length and a changed interval on it."""
    size = draw(sizes)
    low = draw(st.integers(0, size - 1))
    return size, low, draw(st.integers(low + 1, size))


def moved(function, size, low, high):
    """First and last + 1 output of a 1-D torch function that depend on the cells [low, high)."""
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(1, 1, size, generator=generator, dtype=torch.float64)
    outputs = []
    for number in range(low, high):
        dirty = clean.clone()
        dirty[0, 0, number] += 100.0
        outputs.append(function(dirty) != function(clean))
    places = torch.stack(outputs).any(0).flatten().nonzero().flatten()
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)


@settings(max_examples=300, deadline=None)
@given(changed(), st.integers(1, 5), st.integers(1, 4), st.integers(0, 4))
def test_convolution_interval_is_tight(axis, kernel, stride, padding):
    size, low, high = axis
    assume(size + 2 * padding >= kernel)
    out = intervals.output_size(size, kernel, stride, (padding, padding))
    got = intervals.through_window(low, high, kernel=kernel, stride=stride, before=padding, size=out)
    weight = torch.ones(1, 1, kernel, dtype=torch.float64)
    assert got == moved(lambda x: F.conv1d(x, weight, stride=stride, padding=padding), size, low, high)


@settings(max_examples=200, deadline=None)
@given(changed(), st.integers(2, 4), st.integers(1, 3), st.integers(0, 3), st.integers(0, 4), st.integers(2, 3))
def test_dilated_uneven_interval_holds_the_change(axis, kernel, stride, before, after, dilation):
    size, low, high = axis
    assume(size + before + after >= intervals.extent(kernel, dilation))
    out = intervals.output_size(size, kernel, stride, (before, after), dilation)
    got = intervals.through_window(low, high, kernel=kernel, stride=stride, before=before, dilation=dilation, size=out)
    weight = torch.ones(1, 1, kernel, dtype=torch.float64)

    def layer(x):
        return F.conv1d(F.pad(x, (before, after)), weight, stride=stride, dilation=dilation)

    truth = moved(layer, size, low, high)
    assert truth == (0, 0) or (got[0] <= truth[0] and truth[1] <= got[1])
    if high - low >= dilation and stride == 1:
        assert got == truth


@settings(max_examples=200, deadline=None)
@given(changed(), st.integers(1, 5), st.integers(1, 4), st.booleans(), st.booleans())
def test_pool_interval_with_ceil_mode(axis, kernel, stride, ceil_mode, include):
    size, low, high = axis
    padding = kernel // 2
    assume(size + 2 * padding >= kernel)
    out = intervals.output_size(size, kernel, stride, (padding, padding), ceil_mode=ceil_mode)

    def pool(x):
        return F.avg_pool1d(x, kernel, stride, padding, ceil_mode, include)

    assert out == pool(torch.zeros(1, 1, size)).shape[-1]
    assert out == F.max_pool1d(torch.zeros(1, 1, size), kernel, stride, padding, ceil_mode=ceil_mode).shape[-1]
    got = intervals.through_window(low, high, kernel=kernel, stride=stride, before=padding, size=out)
    assert got == moved(pool, size, low, high)


@settings(max_examples=200, deadline=None)
@given(changed(), st.integers(1, 12))
def test_adaptive_pool_interval_is_tight(axis, out):
    size, low, high = axis
    got = intervals.through_adaptive(low, high, size_in=size, size_out=out)
    assert got == moved(lambda x: F.adaptive_avg_pool1d(x, out), size, low, high)


@settings(max_examples=100, deadline=None)
@given(changed(), st.integers(-3, 4), st.integers(-3, 4))
def test_pad_interval(axis, before, after):
    size, low, high = axis
    assume(size + min(before, 0) + min(after, 0) >= 1)
    got = intervals.through_pad(low, high, before=before, size=size + before + after)
    assert got == moved(lambda x: F.pad(x, (before, after)), size, low, high)


@settings(max_examples=200, deadline=None)
@given(changed(), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3))
def test_context_is_what_the_window_reads(axis, kernel, stride, before, dilation):
    size, low, high = axis
    first, length = intervals.context(low, high - low, kernel=kernel, stride=stride, before=before, dilation=dilation)
    taps = np.arange(low, high)[:, None] * stride - before + dilation * np.arange(kernel)
    assert (first, first + length) == (taps.min(), taps.max() + 1)


def test_empty_intervals_stay_empty_and_do_not_count_in_a_hull():
    assert intervals.through_window(3, 3, kernel=3, before=1, size=9) == (0, 0)
    # A 1x1 convolution of stride 2 never reads the odd cells.
    assert intervals.through_window(5, 6, kernel=1, stride=2, size=6) == (0, 0)
    assert intervals.hull([(0, 0), (4, 6), (2, 3)]) == (2, 6)
    assert intervals.hull([(4, 6), (0, 0)]) == (4, 6)


def test_arrays_give_what_single_numbers_give():
    low = np.array([0, 2, 5, 5])
    high = np.array([1, 6, 9, 5])
    got = intervals.through_window(low, high, kernel=3, stride=2, before=1, size=5)
    single = [intervals.through_window(int(a), int(b), kernel=3, stride=2, before=1, size=5) for a, b in zip(low, high)]
    assert list(zip(*(part.tolist() for part in got))) == single
    joint = intervals.hull([(low, high), got])
    assert list(zip(*(part.tolist() for part in joint))) == [
        intervals.hull([(int(a), int(b)), one]) for a, b, one in zip(low, high, single)
    ]


@settings(max_examples=100, deadline=None)
@given(changed(), st.integers(1, 24))
def test_placed_window_lies_inside_and_holds_the_change(axis, length):
    size, low, high = axis
    assume(high - low <= length <= size)
    start = intervals.place(low, high, length, size)
    assert 0 <= start <= low and high <= start + length <= size


middles = st.integers(-8, 120).map(lambda quarters: quarters / 4)


@settings(max_examples=300, deadline=None)
@given(changed(), middles, st.integers(1, 30), st.sampled_from([intervals.kept, intervals.within]))
def test_what_is_kept_lies_inside_and_is_something(axis, middle, most, rule):
    _, low, high = axis
    start, stop = rule(low, high, middle, most)
    assert type(start) is int and type(stop) is int
    assert low <= start < stop <= high and stop - start <= most
    assert rule(start, stop, middle, most) == (start, stop)


@settings(max_examples=300, deadline=None)
@given(changed(), middles, st.integers(1, 30))
def test_kept_are_the_cells_nearest_to_the_middle(axis, middle, most):
    _, low, high = axis
    start, stop = intervals.kept(low, high, middle, most)
    assert stop - start == min(most, high - low)
    nearest = sorted(abs(cell - middle) for cell in range(low, high))[:most]
    assert sorted(abs(cell - middle) for cell in range(start, stop)) == nearest


@settings(max_examples=300, deadline=None)
@given(changed(), middles, st.integers(1, 30))
def test_within_is_what_is_near_and_no_more_than_kept(axis, middle, most):
    _, low, high = axis
    start, stop = intervals.within(low, high, middle, most)
    inside = {cell for cell in range(low, high) if abs(cell - middle) < most / 2}
    assert inside <= set(range(start, stop))
    assert len(inside) >= stop - start - 1
    begin, end = intervals.kept(low, high, middle, most)
    assert begin <= start and stop <= end


def test_kept_and_within_take_arrays_and_leave_empty_intervals_empty():
    low, high = np.array([0, 2, 5, 5]), np.array([9, 6, 9, 5])
    middle = np.array([1.0, 3.5, 30.0, 5.0])
    for rule in (intervals.kept, intervals.within):
        got = rule(low, high, middle, 3)
        single = [rule(int(a), int(b), float(m), 3) for a, b, m in zip(low, high, middle)]
        assert list(zip(*(part.tolist() for part in got))) == single
        assert single[3][0] == single[3][1]
        assert rule(0, 0, 4.0, 3) == (0, 0)
    # Of two equally good choices the later one.
    assert intervals.kept(0, 9, 4, 2) == intervals.within(0, 9, 4, 2) == (4, 6)


def test_kernel_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        intervals.output_size(4, 5, 1, (0, 0))


def test_vgg16_windows_are_those_of_the_paper():
    """A 16-pixel patch in the middle grows by two cells per 3x3 convolution and halves at each pool (Krypton 4.1)."""
    low, high, size = 96, 112, 224
    lengths = []
    for convolutions in (2, 2, 3, 3, 3):
        for _ in range(convolutions):
            low, high = intervals.through_window(low, high, kernel=3, before=1, size=size)
        lengths.append(high - low)
        size //= 2
        low, high = intervals.through_window(low, high, kernel=2, stride=2, size=size)
    # Worked by hand: [94, 114), [45, 59), [19, 33), [6, 20), [0, 13), the last one cut off at the border.
    assert lengths == [20, 14, 14, 14, 13]
