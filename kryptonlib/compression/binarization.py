"""The paper's lossless coder: each coefficient as a few binary decisions, coded with fixed probabilities per map.

|q| is written in unary up to 10 (is it above 0? above 1? …), each of these decisions with a probability of its own that
was counted on other images; what is left beyond 10 as an Exp-Golomb code of order 0, and the sign, in bits of
probability 1/2 ("bypass"). Dumas, Roumy and Guillemot's code; the arithmetic coder is the range coder of
``constriction``. Decisions of one kind are coded for all coefficients at once, which changes their order and nothing else.

The paper's code does not write the exceptional map and charges its entropy instead. Here all maps are coded.
"""

import numpy as np

PREFIX = 10
"""Decisions of the unary part."""
DIGITS = 25
"""Most binary digits after the first of an Exp-Golomb code."""
LARGEST = (1 << 24) - 2
"""Largest |q| that can be coded."""
UNIT = 4096
"""Probabilities are whole numbers of 4096ths, so that every machine reads the same."""


def count_probabilities(symbols):
    """How often each unary decision says "above", per map, in 4096ths.

    Args:
        symbols: int array [maps, n] of many coefficients.

    Returns:
        uint16 array [maps, 10] in 1..4095. A decision never met gets one half; one that always said the same gets
        0.01 or 0.99 (the paper's code).
    """
    sizes = np.abs(np.asarray(symbols, np.int64))
    met = np.stack([(sizes >= k).sum(1) for k in range(PREFIX)], 1)
    above = np.stack([(sizes > k).sum(1) for k in range(PREFIX)], 1)
    share = np.where(met > 0, above / np.maximum(met, 1), 0.5)
    share = np.where((met > 0) & (above == 0), 0.01, np.where((met > 0) & (above == met), 0.99, share))
    return np.clip(np.round(share * UNIT), 1, UNIT - 1).astype(np.uint16)


def encode(symbols, probabilities):
    """Coefficients as 32-bit words.

    Args:
        symbols: int array [maps, n].
        probabilities: uint16 array [maps, 10] of ``count_probabilities``.

    Returns:
        uint32 array.

    Raises:
        ValueError: a coefficient beyond 2^24 - 2, or shapes that do not belong together.
    """
    import constriction

    symbols = np.asarray(symbols, np.int64)
    if symbols.ndim != 2 or probabilities.shape != (len(symbols), PREFIX):
        raise ValueError(f"encode() got symbols {symbols.shape} and probabilities {probabilities.shape}; expected [maps, n]")
    sizes = np.abs(symbols).ravel()
    if sizes.size and sizes.max() > LARGEST:
        raise ValueError(f"encode() got a coefficient of {sizes.max()}; at most {LARGEST} can be coded")
    coder = constriction.stream.queue.RangeEncoder()
    decide, toss = _models()
    places = np.arange(sizes.size)
    for k in range(PREFIX):
        bits = (sizes[places] > k).astype(np.int32)
        coder.encode(bits, decide, _chances(probabilities, places, symbols.shape[1], k))
        places = places[bits == 1]
    _write_golomb(coder, sizes[places] - PREFIX)
    coder.encode((symbols.ravel()[sizes > 0] < 0).astype(np.int32), toss)
    return coder.get_compressed()


def decode(words, maps, count, probabilities):
    """Coefficients [maps, count] of the words that ``encode`` gave.

    Raises:
        ValueError: words that no coefficients gave.
    """
    coder = Reader(words)
    decide, toss = _models()
    sizes = np.zeros(maps * count, np.int64)
    places = np.arange(sizes.size)
    for k in range(PREFIX):
        if not places.size:
            break
        bits = coder.decode(decide, _chances(probabilities, places, count, k))
        places = places[bits == 1]
        sizes[places] += 1
    sizes[places] += _read_golomb(coder, places.size)
    signed = sizes > 0
    if signed.any():
        sizes[signed] *= 1 - 2 * coder.decode(toss, int(signed.sum())).astype(np.int64)
    return sizes.reshape(maps, count)


def cost(symbols, probabilities):
    """Bits of each coefficient, as an ideal coder of the same decisions writes them.

    Args:
        symbols: int array [maps, n]. probabilities: uint16 array [maps, 10] of ``count_probabilities``.

    Returns:
        Float array [maps, n]; ``encode`` writes their sum and a few bits more.

    Example:
        >>> cost(np.array([[0, 1, -12]]), np.full((1, 10), UNIT // 2)).tolist()
        [[1.0, 3.0, 14.0]]
    """
    sizes = np.abs(np.asarray(symbols, np.int64))
    share = np.asarray(probabilities, np.float64) / UNIT
    # Up to s: s decisions that said "above", and below 10 one that did not.
    above = np.concatenate([np.zeros((len(share), 1)), np.cumsum(-np.log2(share), 1)], 1)
    above[:, :PREFIX] -= np.log2(1 - share)
    prefix = np.take_along_axis(above, np.minimum(sizes, PREFIX), 1)
    suffix = np.where(sizes >= PREFIX, golomb_bits(np.maximum(sizes - PREFIX, 0)), 0)
    return prefix + suffix + (sizes > 0)


def golomb_bits(values):
    """Length in bits of the Exp-Golomb codes of order 0 of whole numbers >= 0: 1, 3, 3, 5, 5, 5, 5, 7, …"""
    return 2 * np.frexp(np.asarray(values, np.float64) + 1)[1] - 1


class Reader:
    """constriction's range decoder of 32-bit words, which raises ValueError where no encoder can have written them."""

    def __init__(self, words):
        import constriction

        self._decoder = constriction.stream.queue.RangeDecoder(np.asarray(words, np.uint32))

    def decode(self, model, *arguments):
        """The next symbols: a count of them, or one parameter of the model for each."""
        try:
            return self._decoder.decode(model, *arguments)
        except AssertionError as error:
            raise ValueError("its words were written by no encoder") from error


def write_signed(coder, values):
    """Write whole numbers in full: Exp-Golomb code of the size, then the sign, in fair bits."""
    _write_golomb(coder, np.abs(values))
    coder.encode((values < 0).astype(np.int32), _models()[1])


def read_signed(coder, count):
    """What ``write_signed`` wrote: int64 array [count]."""
    sizes = _read_golomb(coder, count)
    return sizes * (1 - 2 * coder.decode(_models()[1], count).astype(np.int64))


def _write_golomb(coder, values):
    """Exp-Golomb code of order 0 of numbers >= 0: how many binary digits follow the first of value + 1, then these."""
    _, toss = _models()
    left = values + 1
    # frexp counts the binary digits of a whole number below 2^53 exactly.
    digits = np.frexp(left.astype(np.float64))[1] - 1
    some, level = np.arange(left.size), 0
    while some.size:
        more = (digits[some] > level).astype(np.int32)
        coder.encode(more, toss)
        some, level = some[more == 1], level + 1
    for position in range(int(digits.max(initial=0)) - 1, -1, -1):
        coder.encode((left[digits > position] >> position & 1).astype(np.int32), toss)


def _read_golomb(coder, count):
    _, toss = _models()
    left, digits = np.ones(count, np.int64), np.zeros(count, np.int64)
    some = np.arange(count)
    while some.size:
        some = some[coder.decode(toss, some.size) == 1]
        digits[some] += 1
        if digits.max(initial=0) > DIGITS:
            raise ValueError(f"a coefficient has more than {DIGITS} digits")
    for position in range(int(digits.max(initial=0)) - 1, -1, -1):
        chosen = digits > position
        left[chosen] = left[chosen] << 1 | coder.decode(toss, int(chosen.sum()))
    return left - 1


def _models():
    """(a binary decision of a given probability, a fair one)."""
    import constriction

    return constriction.stream.model.Bernoulli(perfect=False), constriction.stream.model.Uniform(2)


def _chances(probabilities, places, count, k):
    """Probability of decision k for the coefficients at flat places of [maps, count]: exact in float64."""
    return probabilities[places // count, k].astype(np.float64) / UNIT
