"""How far real files lie above the paper's count, the empirical entropy of every map; and files that were damaged."""

import struct
import zlib
from dataclasses import dataclass, field

import numpy as np
import torch

from kryptonlib.compression import bitstream
from kryptonlib.compression.density import empirical_entropy


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


def flipped(data, *, mended=False):
    """A file whose middle bit is another: what a broken memory or line leaves.

    Args:
        data: bytes of a file.
        mended: make the checksum fit again, as if there were none.

    Returns:
        bytes.
    """
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1
    if mended:
        end = bitstream.FIXED.size + damaged[bitstream.FIXED.size - 1]
        struct.pack_into(">I", damaged, end, zlib.crc32(bytes(damaged[:end] + damaged[end + 4 :])))
    return bytes(damaged)
