"""How far real files lie above the paper's count, the empirical entropy of every map; and files that were damaged."""

import struct
import time
import zlib
from dataclasses import dataclass, field

import numpy as np
import torch

from kryptonlib.compression import binarization, bitstream
from kryptonlib.compression.density import empirical_entropy, map_bits


@dataclass(frozen=True)
class Gap:
    """A file beside the entropy of what it holds.

    Attributes:
        codec, mode, beta: what wrote it.
        pixels: of the image.
        size: of the file in bits, everything included.
        exact: whether it decodes to the latents that were written.
        entropies, spent: arrays [maps] in bits: each map's coefficients by the paper's count and in the file.
    """

    codec: str
    mode: str
    beta: float
    pixels: int
    size: int
    exact: bool
    entropies: np.ndarray = field(repr=False)
    spent: np.ndarray = field(repr=False)

    @property
    def bpp(self):
        """File above entropy, in bit per pixel; negative where contexts beat the paper's count."""
        return (self.size - self.entropies.sum()) / self.pixels

    @property
    def bpp_of_maps(self):
        """The same of every map, without header and file end: array [maps]."""
        return (self.spent - self.entropies) / self.pixels


def measure(codec, lumas, betas, modes=None):
    """Write images in all modes and at all rates, and decode them.

    Args:
        codec: :class:`kryptonlib.compression.codec.Codec`.
        lumas: list of uint8 arrays [H, W].
        betas: of ``BETAS``.
        modes: of ``codec.modes``; None takes all.

    Returns:
        List of :class:`Gap`.

    Example:
        >>> measure(codec, [luma], [1.0], ["adaptive"])[0].bpp  # doctest: +SKIP
        0.0124
    """
    found = []
    for luma in lumas:
        for beta in betas:
            symbols = codec.symbols(luma, beta)
            entropies = np.array([empirical_entropy(some) * some.numel() for some in torch.from_numpy(symbols)])
            for mode in codec.modes if modes is None else modes:
                data = codec.encode_symbols(symbols, luma.shape, beta, mode=mode)
                exact = np.array_equal(codec.decode_symbols(data)[0], symbols)
                spent = codec.cost(symbols, beta, mode=mode).sum((1, 2))
                found.append(Gap(codec.name, mode, beta, luma.size, 8 * len(data), exact, entropies, spent))
    return found


def header_bytes(name):
    """Bytes of a file of the codec ``name`` that are no coefficients'.

    Example:
        >>> header_bytes("codec-10000")
        30
    """
    return len(bitstream.pack(bitstream.Header("paper", 1.0, (16, 16), name, bytes(4)), np.zeros(0, np.uint32)))


def own_tables(codec, lumas, beta):
    """How far files with fixed probabilities would lie above the entropies, were these counted on the very photos.

    No coder may know them: it is a bound that no fixed table from other photos goes below in the mean (but for what
    the paper's rules for rare decisions cost, ``binarization.count_probabilities``). Header and exceptional map count.

    Args:
        codec, lumas: as in ``measure``. beta: one of ``BETAS``.

    Returns:
        Array [photos] in bit/pixel.

    Raises:
        ValueError: no photo.

    Example:
        >>> own_tables(codec, [luma], 1.0).round(4)  # doctest: +SKIP
        array([0.0291])
    """
    if not lumas:
        raise ValueError("own_tables() got no photos; expected one or more")
    columns = [codec.symbols(luma, beta).reshape(codec.net.maps, -1) for luma in lumas]
    probabilities = binarization.count_probabilities(np.concatenate(columns, 1))
    exceptional = int(codec.tables["exceptional"])
    found = []
    for luma, symbols in zip(lumas, columns):
        spent = binarization.cost(symbols, probabilities, exceptional=exceptional).sum() + 8 * header_bytes(codec.name)
        found.append((spent - map_bits(torch.from_numpy(symbols))) / luma.size)
    return np.array(found)


def saved_where(before, after, parts=4):
    """Where a coder saves: the places of an image in groups of equal size, by what they cost before, cheapest first.

    Args:
        before, after: arrays of equal shape in bits, what each place costs with two coders. parts: how many groups.

    Returns:
        (share of a group's bits that is saved, share of all saved bits that the group has): two arrays [parts].

    Raises:
        ValueError: arrays of different shapes, or fewer places than groups.

    Example:
        >>> own, all_of_it = saved_where(np.array([1.0, 8.0]), np.array([0.5, 6.5]), 2)
        >>> own.tolist(), all_of_it.tolist()
        ([0.5, 0.1875], [0.25, 0.75])
    """
    if before.shape != after.shape or before.size < parts:
        raise ValueError(f"saved_where() got {before.shape} and {after.shape} for {parts} groups; expected equal ones")
    groups = np.array_split(np.argsort(before, axis=None, kind="stable"), parts)
    costs = np.array([before.flat[group].sum() for group in groups])
    saved = costs - np.array([after.flat[group].sum() for group in groups])
    return saved / costs, saved / saved.sum()


def flipped(data, *, place=0.5, mended=False):
    """A file of which one bit is another: what a broken memory or line leaves.

    Args:
        data: bytes of a file.
        place: of the bit, as a share of the file; the middle if left out.
        mended: make the checksum fit again, as if there were none.

    Returns:
        bytes.

    Raises:
        ValueError: a place that is not in the file.
    """
    if not 0 <= place < 1:
        raise ValueError(f"flipped() got place={place!r}; expected 0 up to but not 1")
    damaged = bytearray(data)
    damaged[int(place * len(data))] ^= 1
    if mended:
        end = bitstream.FIXED.size + damaged[bitstream.FIXED.size - 1]
        struct.pack_into(">I", damaged, end, zlib.crc32(bytes(damaged[:end] + damaged[end + 4 :])))
    return bytes(damaged)


def attempt(codec, symbols, data):
    """What comes of a damaged file, in words.

    Args:
        codec: as in ``measure``. symbols: int array [maps, h, w] that the file was written from. data: bytes.
    """
    try:
        return f"{(codec.decode_symbols(data)[0] != symbols).mean():.0%} of the coefficients come out wrong"
    except bitstream.FormatError as error:
        return f"the decoder stops: *{error}*"


def seconds(codec, luma):
    """Seconds that encoding an image and decoding its file took, by the wall clock."""
    start = time.perf_counter()
    codec.decode(codec.encode(luma))
    return time.perf_counter() - start


def below_entropy(files, betas):
    """Share that files are smaller than the paper's count: array [betas, photos], below 0 where they are larger.

    Args:
        files: list of :class:`Gap` of one codec and mode. betas: that they were measured at.
    """
    return np.array([[1 - gap.size / gap.entropies.sum() for gap in files if gap.beta == beta] for beta in betas])
