"""Which bytes of other coders' files are no coefficients': HEIF's boxes around an HEVC stream, JPEG 2000's markers.

HEIF: ISO/IEC 23008-12, boxes as in ISO/IEC 14496-12. JPEG 2000: ISO/IEC 15444-1, annex A.
"""

HOLDERS = {b"meta": 4, b"iprp": 0, b"ipco": 0}
"""Boxes of a HEIF file in which HEVC's parameter sets lie: how many bytes stand before the boxes inside."""


def container_bytes(data):
    """Bytes of a HEIF file that are neither in its media box nor HEVC's parameter sets (the box hvcC), which a decoder
    needs and a raw HEVC stream has too."""
    return len(data) - _payload(data)


def _payload(boxes):
    at, payload = 0, 0
    while at + 8 <= len(boxes):
        length, kind = int.from_bytes(boxes[at : at + 4], "big"), boxes[at + 4 : at + 8]
        length = len(boxes) - at if length == 0 else length
        if length < 8:
            break
        if kind in (b"mdat", b"hvcC"):
            payload += length - 8
        elif kind in HOLDERS:
            payload += _payload(boxes[at + 8 + HOLDERS[kind] : at + length])
        at += length
    return payload


def jpeg2000_header_bytes(data):
    """Bytes of a JPEG 2000 codestream of one tile that are no coefficients': up to the marker SOD, and the end's two.

    Raises:
        ValueError: no codestream, or one without SOD.
    """
    if data[:2] != b"\xff\x4f":
        raise ValueError(f"jpeg2000_header_bytes() got bytes that begin with {data[:2]!r}; expected a codestream")
    at = 2
    while data[at : at + 2] != b"\xff\x93":
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at : at + 1] != b"\xff" or length < 2:
            raise ValueError("jpeg2000_header_bytes() got a codestream without the marker SOD")
        at += 2 + length
    return at + 2 + 2
