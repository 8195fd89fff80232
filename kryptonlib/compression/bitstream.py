"""The codec's files: a header that says what made them, and coded coefficients, all under one checksum.

    bytes  0-3   "KLC1"
           4     mode: 0 the paper's coder, 1 contexts, 2 the paper's with probabilities that adapt
           5     place of beta in ``quantization.BETAS``
           6-9   height, width: 16 bits each, big-endian
          10-13  first 4 bytes of the model's sha256
          14     length of the model's name, which follows in ASCII
           …     CRC-32 of everything but itself: 4 bytes, big-endian
           …     the coder's 32-bit words, little-endian
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from kryptonlib.compression.quantization import BETAS

MAGIC = b"KLC1"
MODES = ("paper", "context", "adaptive")
MOST_PIXELS = 1 << 26
"""Pixels of an image, 64 Mi: what a file asks for in memory stays bounded."""
FIXED = struct.Struct(">4sBBHH4sB")


class FormatError(ValueError):
    """Bytes that are no file of this codec, a damaged one, or one of another model."""


@dataclass(frozen=True)
class Header:
    """What a file says of itself: mode of ``MODES``, beta, (height, width), the model's name and its 4 bytes of hash."""

    mode: str
    beta: float
    size: tuple
    name: str
    fingerprint: bytes


def check_size(size):
    """Raise ValueError for a (height, width) that no file can hold."""
    height, width = size
    if not (0 < height < 1 << 16 and 0 < width < 1 << 16) or height * width > MOST_PIXELS:
        raise ValueError(f"an image of {height}x{width} pixels; a file holds 1x1 to {MOST_PIXELS:,} pixels, sides below 65,536")


def pack(header, words):
    """The file of a header and the coder's words.

    Args:
        header: :class:`Header`.
        words: uint32 array.

    Example:
        >>> len(pack(Header("paper", 1.0, (512, 768), "codec-10000", b"abcd"), np.zeros(2, np.uint32)))
        38
    """
    check_size(header.size)
    name = header.name.encode("ascii")
    mode, beta = MODES.index(header.mode), BETAS.index(header.beta)
    head = FIXED.pack(MAGIC, mode, beta, *header.size, header.fingerprint, len(name)) + name
    body = np.asarray(words, "<u4").tobytes()
    return head + struct.pack(">I", zlib.crc32(head + body)) + body


def unpack(data):
    """(header, words) of a file.

    Raises:
        FormatError: with one sentence that says what is wrong.
    """
    data = bytes(data)
    if data[: len(MAGIC)] != MAGIC:
        raise FormatError(f"not a file of this codec: it begins with {data[:4]!r}, not {MAGIC!r}")
    if len(data) < FIXED.size:
        raise FormatError(f"cut short: {len(data)} bytes, the header alone has more")
    _, mode, beta, height, width, fingerprint, length = FIXED.unpack_from(data)
    end = FIXED.size + length
    if len(data) < end + 4 or (len(data) - end) % 4:
        raise FormatError(f"cut short: {len(data)} bytes are no header and whole 32-bit words")
    head, (checksum,), body = data[:end], struct.unpack_from(">I", data, end), data[end + 4 :]
    if zlib.crc32(head + body) != checksum:
        raise FormatError("damaged: its checksum does not fit its contents")
    if mode >= len(MODES) or beta >= len(BETAS):
        raise FormatError(f"written by a later version: mode {mode}, beta number {beta}")
    try:
        check_size((height, width))
        name = head[FIXED.size :].decode("ascii")
    except ValueError as error:
        raise FormatError(f"damaged: {error}") from error
    return Header(MODES[mode], BETAS[beta], (height, width), name, fingerprint), np.frombuffer(body, "<u4")
