"""The paper's lossless coder: each coefficient as a few binary decisions, coded with fixed probabilities per map.

|q| is written in unary up to 10 (is it above 0? above 1? …), each of these decisions with a probability of its own that
was counted on other images; what is left beyond 10 as an Exp-Golomb code of order 0, and the sign, in bits of
probability 1/2 ("bypass"). Dumas, Roumy and Guillemot's code; the arithmetic coder is the range coder of
``constriction``. Decisions of one kind are coded for all coefficients at once, which changes their order and nothing else.

Two things are ours. The paper's code does not write the exceptional map and charges its entropy instead; here it is coded
as what it nearly is, uniform between its least and its largest coefficient, which are written first. And the
probabilities can be ``adaptive``: those of the other images count as ``TRUST`` decisions, to which the file's own are added
while it is coded. The first 32nd of each map's places is coded with the probabilities as they are, the second with those
counted anew, then twice as many places, and so on.
"""

import numpy as np

PREFIX = 10
"""Decisions of the unary part."""
DIGITS = 25
"""Most binary digits after the first of an Exp-Golomb code."""
LARGEST = (1 << 24) - 2
"""Largest |q| that can be coded."""
WIDEST = 1 << 24
"""Most values that the exceptional map can lie between; those of an 8-bit image span some hundred."""
UNIT = 4096
"""Probabilities are whole numbers of 4096ths, so that every machine reads the same."""
TRUST = 32
"""Decisions that an adaptive coder takes the counted probabilities for."""


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


def encode(symbols, probabilities, *, exceptional=None, adaptive=False):
    """Coefficients as 32-bit words.

    Args:
        symbols: int array [maps, n].
        probabilities: uint16 array [maps, 10] of ``count_probabilities``.
        exceptional: number of a map that is coded as uniform, or None.
        adaptive: count the probabilities anew on the way.

    Returns:
        uint32 array.

    Raises:
        ValueError: a coefficient beyond 2^24 - 2, or shapes that do not belong together.
    """
    import constriction

    symbols = np.asarray(symbols, np.int64)
    if symbols.ndim != 2 or probabilities.shape != (len(symbols), PREFIX):
        raise ValueError(f"encode() got symbols {symbols.shape} and probabilities {probabilities.shape}; expected [maps, n]")
    if np.abs(symbols).max(initial=0) > LARGEST:
        raise ValueError(f"encode() got a coefficient of {np.abs(symbols).max()}; at most {LARGEST} can be coded")
    coder = constriction.stream.queue.RangeEncoder()
    if exceptional is not None:
        _write_uniform(coder, symbols[exceptional])
        symbols, probabilities = (np.delete(part, exceptional, 0) for part in (symbols, probabilities))
    decide, toss = _models()
    sizes = np.abs(symbols)
    for _, above, chances in _decisions(sizes, probabilities, adaptive):
        coder.encode(above.astype(np.int32), decide, chances)
    _write_golomb(coder, sizes[sizes >= PREFIX] - PREFIX)
    coder.encode((symbols[sizes > 0] < 0).astype(np.int32), toss)
    return coder.get_compressed()


def decode(words, maps, count, probabilities, *, exceptional=None, adaptive=False):
    """Coefficients [maps, count] of the words that ``encode`` gave.

    Raises:
        ValueError: words that no coefficients gave.
    """
    coder = Reader(words)
    if exceptional is not None:
        uniform = _read_uniform(coder, count)
        maps, probabilities = maps - 1, np.delete(probabilities, exceptional, 0)
    decide, toss = _models()
    sizes = np.zeros((maps, count), np.int64)
    for k in range(PREFIX):
        table = _Table(probabilities[:, k])
        for places in _parts(count, adaptive):
            chosen, columns = np.nonzero(sizes[:, places] >= k)
            if not chosen.size:
                continue
            bits = coder.decode(decide, table.chances(chosen))
            sizes[chosen, places[columns]] += bits
            table.count(chosen, bits)
    large = sizes >= PREFIX
    sizes[large] += _read_golomb(coder, int(large.sum()))
    signed = sizes > 0
    if signed.any():
        sizes[signed] *= 1 - 2 * coder.decode(toss, int(signed.sum())).astype(np.int64)
    return sizes if exceptional is None else np.insert(sizes, exceptional, uniform, 0)


def cost(symbols, probabilities, *, exceptional=None, adaptive=False):
    """Bits of each coefficient, as an ideal coder of the same decisions writes them.

    Args:
        symbols, probabilities, exceptional, adaptive: as ``encode`` takes them.

    Returns:
        Float array [maps, n]; ``encode`` writes their sum and a few bits more.

    Example:
        >>> cost(np.array([[0, 1, -12]]), np.full((1, 10), UNIT // 2)).tolist()
        [[1.0, 3.0, 14.0]]
    """
    symbols = np.asarray(symbols, np.int64)
    sizes = np.abs(symbols)
    bits = (sizes > 0) + np.where(sizes >= PREFIX, golomb_bits(np.maximum(sizes - PREFIX, 0)), 0.0)
    for coefficients, above, chances in _decisions(sizes, probabilities, adaptive):
        bits[coefficients] -= np.log2(np.where(above, chances, 1 - chances))
    if exceptional is not None:
        bits[exceptional] = np.log2(np.ptp(symbols[exceptional]) + 1)
    return bits


def _decisions(sizes, probabilities, adaptive):
    """The decisions |q| > k in the order of the file: (coefficients, an index pair; what is decided; its probability)."""
    for k in range(PREFIX):
        table = _Table(probabilities[:, k])
        for places in _parts(sizes.shape[1], adaptive):
            maps, columns = np.nonzero(sizes[:, places] >= k)
            coefficients = maps, places[columns]
            above = sizes[coefficients] > k
            yield coefficients, above, table.chances(maps)
            table.count(maps, above)


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


class _Table:
    """Probability of one decision in every map, and what was decided so far: whole numbers, the same on every machine."""

    def __init__(self, first):
        self.first = np.asarray(first, np.int64)
        self.met, self.above = np.zeros((2, len(self.first)), np.int64)

    def chances(self, maps):
        """Of "above", for decisions in these maps: exact in float64."""
        found = (TRUST * self.first + UNIT * self.above + (TRUST + self.met) // 2) // (TRUST + self.met)
        return np.clip(found, 1, UNIT - 1)[maps].astype(np.float64) / UNIT

    def count(self, maps, bits):
        """Note decisions."""
        self.met += np.bincount(maps, minlength=len(self.met))
        self.above += np.bincount(maps[np.asarray(bits) == 1], minlength=len(self.met))


def _parts(count, adaptive):
    """Places 0 to count - 1 in the parts that they are coded in, each part spread over all of the map."""
    places = np.arange(count)
    if not adaptive:
        return [places]
    # Knuth's multiplicative hash: neighbours in a row or column do not fall into one part.
    turn = (places * 2654435761 & 0xFFFFFFFF) >> 27
    part = np.frexp(turn.astype(np.float64))[1]
    return [places[part == number] for number in range(6)]


def _write_uniform(coder, values):
    """Least and largest of a map's values, then each in bits of equal probability between them."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if high - low >= WIDEST:
        raise ValueError(f"encode() got an exceptional map from {low} to {high}; at most {WIDEST} values can be told apart")
    write_signed(coder, np.array([low, high]))
    if high > low:
        coder.encode((values - low).astype(np.int32), _uniform(high - low + 1))


def _read_uniform(coder, count):
    low, high = map(int, read_signed(coder, 2))
    if not -LARGEST <= low <= high <= LARGEST or high - low >= WIDEST:
        raise ValueError(f"an exceptional map from {low} to {high}")
    if low == high:
        return np.full(count, low)
    return low + coder.decode(_uniform(high - low + 1), count).astype(np.int64)


def _uniform(values):
    import constriction

    return constriction.stream.model.Uniform(values)


def _models():
    """(a binary decision of a given probability, a fair one)."""
    import constriction

    return constriction.stream.model.Bernoulli(perfect=False), _uniform(2)
