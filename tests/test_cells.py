"""Merging cells: no two groups are left whose union would save, and the best of all partitions is the bound."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kryptonlib.occlusion.cells import merged


@st.composite
def cases(draw):
    count, axis = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    whole = st.integers(1, 9)
    counts = np.array(draw(st.lists(whole, min_size=count, max_size=count)), float)
    rows, columns = (
        np.array(draw(st.lists(whole, min_size=count * axis, max_size=count * axis)), float).reshape(count, axis)
        for _ in range(2)
    )
    fixed, batch = draw(st.integers(0, 60)), draw(st.integers(1, 12))

    def cost(counts, rows, columns):
        return counts * (rows * columns).sum(-1) + fixed * np.ceil(counts / batch)

    return counts, rows, columns, cost


def total(groups, counts, rows, columns, cost):
    """Cost of lists of cells."""
    return sum(cost(counts[g].sum(), rows[g].max(0), columns[g].max(0)) for g in map(list, groups))


def partitions(items):
    """Every way to divide a list into lists."""
    if not items:
        yield []
        return
    for rest in partitions(items[1:]):
        yield [[items[0]], *rest]
        for number, group in enumerate(rest):
            yield [*rest[:number], [items[0], *group], *rest[number + 1 :]]


@settings(deadline=None, max_examples=200)
@given(cases())
def test_no_further_union_saves_anything_and_none_is_worse_than_none(case):
    group = merged(*case)
    found = [np.flatnonzero(group == number).tolist() for number in np.unique(group)]
    cost, cells = total(found, *case), list(range(len(group)))
    assert cost <= total([[cell] for cell in cells], *case)
    for one, other in itertools.combinations(found, 2):
        assert total([one + other] + [rest for rest in found if rest not in (one, other)], *case) >= cost
    assert cost >= min(total(groups, *case) for groups in partitions(cells))


def test_the_two_that_save_most_go_first():
    """By hand: 1 and 2 are of one size and together save a batch; 0 then has nothing to share."""

    def cost(counts, rows, columns):
        return counts * (rows * columns).sum(-1) + 10 * np.ceil(counts / 4)

    counts, rows = np.array([2.0, 2.0, 2.0]), np.array([[2.0], [3.0], [3.0]])
    assert merged(counts, rows, np.ones((3, 1)), cost).tolist() == [0, 1, 1]
    assert counts.tolist() == [2, 2, 2] and rows.ravel().tolist() == [2, 3, 3], "what was given stays as it is"


def test_one_cell_is_one_group():
    assert merged(np.ones(1), np.ones((1, 2)), np.ones((1, 2)), lambda counts, rows, columns: counts).tolist() == [0]
