"""Gathering a batch of windows together with the clean activations around them.

A map is rows of channels, the windows of the current batch among them (``rooms``). One ``index_select`` fetches, for
all positions at once, any patch of the changed map: what lies inside a position's window comes from the window, what
lies around it from the clean activation, and what lies outside the map from one of the first two rows. Borders need no
case of their own.
"""

import numpy as np
import torch

from kryptonlib.occlusion.rooms import FIRST

NOWHERE = -(1 << 40)
"""An offset that makes any sum of two offsets negative."""


class Shipment:
    """Small integer arrays for one batch, sent to the device in one transfer."""

    def __init__(self):
        self.arrays, self.ends = [], [0]

    def add(self, array):
        """Reserve a place for an int64 array; returns its number."""
        self.arrays.append(array)
        self.ends.append(self.ends[-1] + array.size)
        return len(self.arrays) - 1

    def send(self, device):
        """All arrays on the device, in the order in which they were added."""
        if not self.arrays:
            return []
        flat = torch.from_numpy(np.concatenate([array.reshape(-1) for array in self.arrays]))
        flat = flat.to(device, non_blocking=True)
        return [flat[begin:end].view(array.shape) for begin, end, array in zip(self.ends, self.ends[1:], self.arrays)]


class Fetch:
    """One planned gather: which rows of a :class:`~kryptonlib.occlusion.rooms.Map` make the patches of a batch.

    Args:
        shipment: where the offsets travel.
        size: (height, width) of the map.
        window: ((row starts [n], row stops [n]), (column starts, column stops), (row bases [n], row pitch)) of the
            changed windows, or None to fetch clean activations only. The window of position p has its first row of
            places at ``base[p]`` and the next ones ``pitch`` rows further.
        wanted: per axis (starts [n], length, step): the patch to fetch.
        outside: 0.0 or -inf.
    """

    def __init__(self, shipment, size, window, wanted, outside=0.0):
        (row_starts, height, row_step), (column_starts, width, column_step) = wanted
        rows = row_starts[:, None] + row_step * np.arange(height)
        columns = column_starts[:, None] + column_step * np.arange(width)
        self.count, self.height, self.width = len(rows), height, width
        inside_rows, inside_columns = (rows >= 0) & (rows < size[0]), (columns >= 0) & (columns < size[1])
        self.clean = [
            shipment.add(np.where(inside_rows, FIRST + rows * size[1], NOWHERE)),
            shipment.add(np.where(inside_columns, columns, NOWHERE)),
        ]
        self.beyond = not (inside_rows.all() and inside_columns.all())
        self.special = 0 if outside == 0 else 1
        self.window = None
        if window is not None:
            (top, bottom), (left, right), (base, pitch) = window
            row = np.where(
                (rows >= top[:, None]) & (rows < bottom[:, None]),
                base[:, None] + (rows - top[:, None]) * pitch,
                NOWHERE,
            )
            column = np.where((columns >= left[:, None]) & (columns < right[:, None]), columns - left[:, None], NOWHERE)
            self.window = [shipment.add(row), shipment.add(column)]

    def run(self, rows, arrays):
        """The patches [n, height, width, C] out of a map's ``rows``."""
        places = self._places(arrays, self.clean)
        if self.beyond:
            places.clamp_(min=self.special)
        if self.window is not None:
            # The windows lie behind the clean activation, and what is none is below zero.
            torch.maximum(places, self._places(arrays, self.window), out=places)
        return rows.index_select(0, places.view(-1)).view(self.count, self.height, self.width, -1)

    @staticmethod
    def _places(arrays, numbers):
        row, column = (arrays[number] for number in numbers)
        return row[:, :, None] + column[:, None, :]


class Around:
    """One planned gather of clean activations alone; places outside of the map are filled with any of them.

    Args:
        shipment: where the offsets travel.
        size: (height, width) of the map.
        wanted: per axis (starts [n], length).
        strip: True lays the windows side by side, [height, n, width, C].
    """

    def __init__(self, shipment, size, wanted, strip=False):
        self.shape, self.strip = (len(wanted[0][0]), wanted[0][1], wanted[1][1]), strip
        if strip:
            self.shape = self.shape[1], self.shape[0], self.shape[2]
        rows, columns = (
            np.clip(starts[:, None] + np.arange(length), 0, most - 1) for (starts, length), most in zip(wanted, size)
        )
        self.numbers = [shipment.add(rows * size[1]), shipment.add(columns)]

    def run(self, clean, arrays, target=None):
        """The activations [n, height, width, C] out of ``clean`` [places, C], in ``target`` if there is one."""
        row, column = (arrays[number] for number in self.numbers)
        if self.strip:
            places = row.T[:, :, None] + column
        else:
            places = row[:, :, None] + column[:, None, :]
        places = places.reshape(-1)
        if target is None:
            return clean.index_select(0, places).view(*self.shape, -1)
        torch.index_select(clean, 0, places, out=target.view(len(places), -1))
        return target


def reaches_beyond(window, step):
    """True where some place of a batch's windows lies outside of the map."""
    return any(starts.min() < 0 or starts.max() + length > size for (starts, length), size in zip(window, step.size))


def inside(window, step):
    """bool [n, rows, columns]: which places of a batch's windows lie in the map."""
    return among(window, [(0, int(size)) for size in step.size])


def among(window, ends):
    """bool [n, rows, columns]: which places of windows lie in [low, high) of both axes."""
    rows, columns = (
        (cells >= np.reshape(low, (-1, 1))) & (cells < np.reshape(high, (-1, 1)))
        for cells, (low, high) in zip((starts[:, None] + np.arange(length) for starts, length in window), ends)
    )
    return rows[:, :, None] & columns[:, None, :]
