"""Memory for the maps of a run: clean activations, and behind them room for windows that layers share.

Each map is kept as rows of channels (NHWC): a row of zeros, a row of -inf, the clean activation row by row, and
somewhere behind them the changed windows of the current batch. The windows of a layer are needed until the last step
that reads them is done. Then others take their place: a network of many layers writes to few pages of memory, which
the operating system hands out once and which the caches hold.
"""

from dataclasses import dataclass

import torch

FIRST = 2
"""Rows before the clean activation: zeros, -inf."""
LINE = 64
"""Bytes that clean activations begin at a multiple of: a line of the cache."""


@dataclass
class Map:
    """The clean activation of one step and the windows of a batch.

    Attributes:
        rows: [rows, C]: zeros, -inf, the clean activation, and after it all memory that windows share.
        begin: the row at which the windows of the current group begin.
    """

    rows: torch.Tensor
    begin: int = 0

    def room(self, count, height, width):
        """The part that a batch of ``count`` windows is written into, [count, height, width, C]."""
        return self.rows[self.begin : self.begin + count * height * width].view(count, height, width, -1)


@dataclass(frozen=True)
class Stay:
    """Windows of one map: how many ``rows`` they take, and the steps from which to which they are needed."""

    rows: int
    first: int
    last: int


class Rooms:
    """All maps of a run, in one block of memory.

    Args:
        cleans: {step: clean activation [H, W, C]}.
        groups: for each group {step: its :class:`Stay`}, in the order of the steps.

    Attributes:
        maps: {step: its :class:`Map`}.

    Example:
        >>> rooms = Rooms({1: torch.zeros(2, 2, 4)}, [{1: Stay(8, 1, 3)}])
        >>> rooms.enter(0)
        >>> rooms.maps[1].room(2, 2, 2).shape
        torch.Size([2, 2, 2, 4])
    """

    def __init__(self, cleans, groups):
        width = {index: clean.shape[2] * clean.element_size() for index, clean in cleans.items()}
        origins, end = {}, 0
        for index, clean in cleans.items():
            origins[index] = end
            end += -(-width[index] * (FIRST + clean.shape[0] * clean.shape[1]) // LINE) * LINE
        size, self.begins = end, []
        for group in groups:
            taken, begins = [], {}
            for index, stay in group.items():
                needed = stay.rows * width[index]
                beside = [(begin, stop) for begin, stop, last in taken if last >= stay.first]
                place = lowest(needed, beside, end, origins[index], width[index])
                taken.append((place, place + needed, stay.last))
                begins[index] = (place - origins[index]) // width[index]
                size = max(size, place + needed)
            self.begins.append(begins)
        memory = next(iter(cleans.values())).new_empty(size, dtype=torch.uint8)
        self.maps = {index: _map(clean, memory[origins[index] :]) for index, clean in cleans.items()}

    def enter(self, group):
        """Give the maps the places that their windows have in the group of this number."""
        for index, begin in self.begins[group].items():
            self.maps[index].begin = begin


def lowest(needed, taken, start, origin, unit):
    """The lowest place from ``start`` on, a multiple of ``unit`` after ``origin``, with ``needed`` bytes free.

    Args:
        taken: pairs (begin, end) of bytes that are not free.
    """

    def raised(place):
        return origin + -(-(place - origin) // unit) * unit

    place = raised(start)
    for begin, end in sorted(taken):
        if place + needed <= begin:
            break
        place = max(place, raised(end))
    return place


def _map(clean, memory):
    """The :class:`Map` whose rows begin where ``memory``, bytes, does."""
    channels = clean.shape[2]
    width = channels * clean.element_size()
    rows = memory[: len(memory) // width * width].view(clean.dtype).view(-1, channels)
    rows[0] = 0
    rows[1] = -torch.inf
    rows[FIRST : FIRST + clean.shape[0] * clean.shape[1]] = clean.reshape(-1, channels)
    return Map(rows)
