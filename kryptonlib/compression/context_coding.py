"""Coding with a context model: fixed tables of logistic distributions, chosen per coefficient by mean and scale."""

import functools

import numpy as np
import torch

from kryptonlib.compression import binarization
from kryptonlib.compression.context import FEATURE, FLOOR, WEIGHT

SCALES, PARTS = 64, 8
"""Tables: 64 scales, e^-3 to e^4 in steps of e^(1/9), times 8 places of the mean between two whole numbers."""
PER_SCALE, SMALLEST_LOG = 9, -3
UNIT = 1 << 24
"""Probabilities are whole numbers of 2^-24."""
WIDEST = 160
"""Farthest from the mean that a table reaches; what lies beyond is written in full."""


def encode(model, symbols, beta):
    """Coefficients as 32-bit words.

    Args:
        model: ``ContextModel.exact()``.
        symbols: int array [128, h, w].
        beta: place in ``BETAS``.

    Returns:
        uint32 array.

    Raises:
        ValueError: a coefficient beyond 2^24 - 2.
    """
    import constriction

    symbols = np.asarray(symbols, np.int64)
    if np.abs(symbols).max(initial=0) > binarization.LARGEST:
        raise ValueError(f"encode() got a coefficient of {np.abs(symbols).max()}; at most {binarization.LARGEST} can be coded")
    coder = constriction.stream.queue.RangeEncoder()
    for _, groups in _stages(model, symbols, beta):
        for number, _, place, outside, beyond in groups:
            coder.encode(place.astype(np.int32), _distribution(number)[1])
            if outside.any():
                binarization.write_signed(coder, beyond)
    return coder.get_compressed()


def decode(model, words, size, beta):
    """Coefficients [128, h, w] of the words that ``encode`` gave; ``size`` is (h, w).

    Raises:
        ValueError: words that no coefficients gave.
    """
    coder = binarization.Reader(words)
    known = torch.zeros(1, len(model.order), *size, dtype=torch.float64)
    with torch.no_grad():
        for maps, mask, mean, scale in model.stages(known, torch.tensor([beta])):
            table, whole = _tables_of(mean[0][:, mask], scale[0][:, mask])
            values = np.zeros(table.size, np.int64)
            for number, chosen in _sorted(table):
                width, distribution = _distribution(number)
                relative = coder.decode(distribution, chosen.size).astype(np.int64) - width
                outside = relative > width
                if outside.any():
                    relative[outside] = binarization.read_signed(coder, int(outside.sum()))
                values[chosen] = relative + whole[chosen]
            if np.abs(values).max(initial=0) > binarization.LARGEST:
                raise ValueError("a coefficient beyond all that can be written")
            part = known[0, maps]
            part[:, mask] = torch.from_numpy(values.reshape(part.shape[0], -1)).double()
    symbols = torch.empty_like(known[0])
    symbols[model.order] = known[0]
    return symbols.long().numpy()


def cost(model, symbols, beta):
    """Bits of each coefficient, as an ideal coder with the same tables writes them: float array [128, h, w].

    Args:
        model, symbols, beta: as ``encode`` takes them.
    """
    symbols = np.asarray(symbols, np.int64)
    found = torch.zeros(symbols.shape, dtype=torch.float64)
    for (maps, mask), groups in _stages(model, symbols, beta):
        part = found[maps]
        spent = np.zeros(part[:, mask].numel())
        for number, chosen, place, outside, beyond in groups:
            _, counts = probabilities(number)
            # constriction gives each symbol one 2^-24 and divides the others among them.
            shares = counts / counts.sum() * (UNIT - len(counts)) + 1
            spent[chosen] = np.log2(UNIT) - np.log2(shares[place])
            # What lies beyond a table is written in full, with a sign.
            spent[chosen[outside]] += binarization.golomb_bits(np.abs(beyond)) + 1
        part[:, mask] = torch.from_numpy(spent.reshape(part.shape[0], -1))
    bits = torch.empty_like(found)
    bits[model.order] = found
    return bits.numpy()


@torch.no_grad()
def _stages(model, symbols, beta):
    """What is written at each stage, in the order of the file: ((maps, mask), groups), one group for each table in use.

    A group is (table's number, indices in the stage of its coefficients, their places in the table, where they lie
    beyond it, and the values of these).
    """
    known = torch.from_numpy(symbols[model.order.numpy()]).double()[None]
    for maps, mask, mean, scale in model.stages(known, torch.tensor([beta])):
        values = known[0, maps][:, mask].long().numpy().ravel()
        table, whole = _tables_of(mean[0][:, mask], scale[0][:, mask])
        groups = []
        for number, chosen in _sorted(table):
            width, _ = _distribution(number)
            relative = values[chosen] - whole[chosen]
            outside = np.abs(relative) > width
            place = np.where(outside, 2 * width + 1, relative + width)
            groups.append((number, chosen, place, outside, relative[outside]))
        yield (maps, mask), groups


def _tables_of(mean, scale):
    """(number of the table, whole number its mean is counted from) of each coefficient, in whole-number arithmetic."""
    eighths = ((mean * FEATURE + FEATURE / PARTS / 2) / (FEATURE / PARTS)).floor().long().numpy().ravel()
    # 9 (log s + 3) + 1/2, floored; the unit of a scale is that of a weight times a floored number.
    unit = WEIGHT * FLOOR
    place = (PER_SCALE * scale * unit + (PER_SCALE * -SMALLEST_LOG + 0.5) * unit) / unit
    place = place.floor().clamp(0, SCALES - 1).long().numpy().ravel()
    return place * PARTS + eighths % PARTS, eighths // PARTS


def _sorted(table):
    """(number, indices of the coefficients that use it) of each table in use, by rising number."""
    order = np.argsort(table, kind="stable")
    numbers, begins = np.unique(table[order], return_index=True)
    return zip(numbers.tolist(), np.split(order, begins[1:]))


def probabilities(number):
    """(width, whole numbers of 2^-24): of -width..width around the whole part of the mean, and of all beyond."""
    scale, part = np.exp(number // PARTS / PER_SCALE + SMALLEST_LOG), number % PARTS / PARTS
    width = int(min(WIDEST, np.ceil(18 * scale) + 2))
    edges = (np.arange(-width, width + 2) - 0.5 - part) / scale
    below = 1 / (1 + np.exp(-np.clip(edges, -700, 700)))
    # Where both lie near 1 their difference loses digits: there it is taken of what lies above.
    above = 1 / (1 + np.exp(np.clip(edges, -700, 700)))
    cells = np.where(edges[:-1] > 0, above[:-1] - above[1:], below[1:] - below[:-1])
    beyond = below[0] + above[-1]
    return width, np.maximum(np.round(np.append(cells, beyond) * UNIT), 32).astype(np.int64)


@functools.cache
def _distribution(number):
    """(width, constriction's model) of a table."""
    import constriction

    width, counts = probabilities(number)
    return width, constriction.stream.model.Categorical(counts / UNIT, perfect=False)
