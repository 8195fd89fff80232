"""Windows that are needed at the same time do not overlap, and those that are not share memory."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kryptonlib.occlusion.rooms import FIRST, Rooms, Stay, lowest


@st.composite
def runs(draw):
    """Clean maps of all sizes and types, and groups of windows of some of them."""
    kinds = [torch.float32, torch.float64, torch.float16]
    cleans = {
        index: torch.rand(draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 9))).to(
            draw(st.sampled_from(kinds))
        )
        for index in range(draw(st.integers(1, 6)))
    }
    groups = [
        {
            index: Stay(draw(st.integers(1, 12)), index, index + draw(st.integers(0, 5)))
            for index in sorted(draw(st.sets(st.sampled_from(sorted(cleans)), min_size=1)))
        }
        for _ in range(draw(st.integers(1, 3)))
    ]
    return cleans, groups


@settings(deadline=None)
@given(runs())
def test_nothing_that_is_needed_is_overwritten(run):
    """Every step writes its windows, and before one is given up all are what they were."""
    cleans, groups = run
    rooms = Rooms(cleans, groups)
    for number, group in enumerate(groups):
        rooms.enter(number)
        for step in range(12):
            if step in group:
                rooms.maps[step].room(1, 1, group[step].rows)[:] = step + 1
            for index, stay in group.items():
                if stay.first <= step <= stay.last:
                    assert (rooms.maps[index].room(1, 1, stay.rows) == index + 1).all()
    for index, clean in cleans.items():
        rows = rooms.maps[index].rows[: FIRST + clean.shape[0] * clean.shape[1]]
        assert (rows[0] == 0).all() and (rows[1] == -torch.inf).all()
        assert torch.equal(rows[FIRST:].view(clean.shape), clean)


def test_windows_that_follow_each_other_share_room():
    """By hand: of a chain of steps two windows are needed at a time."""
    cleans = {index: torch.zeros(1, 1, 16) for index in range(5)}
    chain = Rooms(cleans, [{index: Stay(10, index, index + 1) for index in range(5)}])
    kept = Rooms(cleans, [{index: Stay(10, index, 5) for index in range(5)}])
    clean = 5 * (FIRST + 1)
    assert [len(rooms.maps[0].rows) for rooms in (chain, kept)] == [clean + 20, clean + 50]


@pytest.mark.parametrize(
    "needed, taken, expected",
    [
        (4, [], 102),
        (4, [(100, 103)], 105),
        (4, [(106, 120)], 102),
        (5, [(106, 120)], 120),
        (4, [(110, 120), (100, 103)], 105),
        (6, [(110, 120), (100, 103)], 120),
    ],
)
def test_lowest_place(needed, taken, expected):
    """By hand: places 0, 3, 6, ... from 100 on, so 102 is the first."""
    assert lowest(needed, taken, 100, 0, 3) == expected
