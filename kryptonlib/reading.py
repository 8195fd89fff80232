"""Read an image file of the reader's own, whatever it holds, as the library wants it; or say why not in one sentence.

What is done about the cases that differ between programs:

- 8 and 16 bits a channel: white (255 or 65,535) becomes 1; the image's own range is kept, nothing is stretched
- transparency: laid over white, as on a page
- palettes, CMYK (by Pillow's plain formula, without colour profiles), black and white: turned into RGB or grey
- a camera's note how to turn the picture (EXIF): followed; a damaged one is ignored
- animations and a phone's double pictures: the first image. A TIFF of several pages: refused unless ``page`` is given
- DICOM, known by its content: windowed, see ``dicom``
- refused: floats and 32-bit integers (their range is not known), PPM and JPEG 2000 in colours of more than 8 bits (of
  which Pillow would keep 8), files cut short, other files, more pixels than Pillow takes for safe (179 million)
"""

import io
import sys
import warnings
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from kryptonlib.dicom import is_dicom, read_dicom
from kryptonlib.images import check_image, luma

UPRIGHT = {
    2: np.fliplr,
    3: lambda values: np.rot90(values, 2),
    4: np.flipud,
    5: lambda values: np.rot90(np.fliplr(values)),
    6: lambda values: np.rot90(values, -1),
    7: lambda values: np.rot90(np.fliplr(values), -1),
    8: np.rot90,
}
"""What brings an image upright, by the value of EXIF's Orientation (tag 274)."""


def as_image(image, grey=False):
    """Whatever holds an image, as float32 [H, W] or [H, W, 3] in [0, 1].

    Args:
        image: an array as in ``images.check_image``, a Pillow image (taken as it stands, not turned by its EXIF), a
            path, a ``samples.Sample`` or a record of ``datasets``.
        grey: True turns colour into luma (BT.601, full range), so that the result is [H, W].

    Raises:
        TypeError, ValueError, FileNotFoundError: as ``images.check_image`` and ``read_image`` say.

    Example:
        >>> as_image(Image.new("RGB", (5, 4), "white")).shape
        (4, 5, 3)
    """
    if isinstance(image, (str, PathLike)):
        return read_image(image, grey)
    if not isinstance(image, Image.Image):
        return _finished(check_image(getattr(image, "image", image)), grey)
    try:
        return _finished(_floats(image), grey)
    except Exception as error:  # as in read_image: the file behind it may be damaged
        raise ValueError(f"the Pillow image cannot be read: {_reason(error)}") from error


def read_image(path, grey=False, page=None):
    """An image file as float32 in [0, 1]: [H, W] if it is grey or ``grey`` is set, else [H, W, 3]. Upright.

    Args:
        path: a file that Pillow reads (PNG, JPEG, TIFF, ...) or a DICOM file, whatever its name ends in.
        grey: True turns colour into luma (BT.601, full range).
        page: the page, or frame, of a file of several, from 0.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: everything else that prevents reading, with the reason (see the top of this file).
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder, expected an image file")
    if not path.is_file():
        raise FileNotFoundError(f"there is no image file {path}")
    try:
        if not is_dicom(path):
            with warnings.catch_warnings():
                # Pillow warns from half of its limit of pixels on, and of damage that does no harm here.
                warnings.simplefilter("ignore")
                # By name, Pillow 13 would map an uncompressed TIFF into memory and turn it wrongly.
                with open(path, "rb") as file, Image.open(file) as image:
                    _go_to(image, page)
                    return _finished(_upright(_floats(image), image), grey)
    except Exception as error:  # on damaged files Pillow's parsers raise nearly every kind there is
        raise ValueError(f"{path} cannot be read as an image: {_reason(error)}") from error
    return read_dicom(path, frame=page)


def bits_of(path):
    """How many bits a channel of a file has that ``read_image`` reads: 1 (black and white), 2, 4, 8 or 16.

    Of a DICOM file, and of a grey TIFF, it is what the file says that it stores, for example 12.

    Raises:
        FileNotFoundError: there is no such file. ValueError: it is no image.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no image file {path}")
    try:
        if is_dicom(path):
            import pydicom

            return int(pydicom.dcmread(path, force=True, stop_before_pixels=True).BitsStored)
        with Image.open(path) as image:
            stored = getattr(image, "tag_v2", {}).get(258)
            if stored is not None:
                return int(stored[0])
            packed = _raw_mode(image).partition("L;")[2]
            if image.mode == "1" or packed in ("2", "4"):
                return int(packed or 1)
            return 16 if image.mode.startswith("I") or ";16" in _raw_mode(image) else 8
    except Exception as error:  # as in read_image
        raise ValueError(f"{path} cannot be read as an image: {_reason(error)}") from error


def _reason(error):
    if isinstance(error, Image.DecompressionBombError):
        limit = round(2 * Image.MAX_IMAGE_PIXELS / 1e6)
        return f"it has more than {limit} million pixels; make it smaller (or raise PIL.Image.MAX_IMAGE_PIXELS)"
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, Image.UnidentifiedImageError):
        return "it is no image of a known kind; expected PNG, JPEG, TIFF, DICOM or another that Pillow reads"
    return str(error) or type(error).__name__


def _go_to(image, page):
    """Go to a page; without one, refuse files whose pages are equals."""
    pages = getattr(image, "n_frames", 1)
    if page is not None:
        if isinstance(page, bool) or not isinstance(page, int) or not 0 <= page < pages:
            raise ValueError(f"it has the pages 0 to {pages - 1}, got page={page!r}")
        image.seek(page)
    elif pages > 1 and image.format in ("TIFF", "DCX"):
        raise ValueError(f"it holds {pages} pages; page=0 takes the first (a command: --page 0), or save one alone")


def _floats(image):
    """The pixels of an open Pillow image in [0, 1], float32 [H, W] or [H, W, 3], over white where transparent."""
    tags = getattr(image, "tag_v2", {})
    if image.mode == "F":
        raise ValueError("it stores floats, whose range is not known; save it with whole numbers of 8 or 16 bits")
    if tags.get(284) == 2 and max(tags.get(258, (8,))) > 8 and len(image.getbands()) > 1:
        # Pillow misreads them where they are not compressed.
        raise ValueError("its channels of 16 bits lie in planes one after the other; save it with interleaved channels")
    if image.mode.startswith("I"):
        values, alpha = _grey_of_sixteen_bits(image)
    elif ";16" in _raw_mode(image):
        values, alpha = _colour_of_sixteen_bits(image)
    elif _would_lose_bits(image):
        raise ValueError("its colours have more than 8 bits, of which 8 would be read; save it as PNG or TIFF")
    else:
        image.load()
        grey, alpha = image.mode in ("1", "L", "LA", "La"), None
        if image.has_transparency_data:
            values = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255
            values, alpha = values[..., 0] if grey else values[..., :3], values[..., 3]
        else:
            values = np.asarray(image.convert("L" if grey else "RGB"), dtype=np.float32) / 255
    if alpha is not None and (alpha < 1).any():
        alpha = alpha if values.ndim == 2 else alpha[..., None]
        values = alpha * values + (1 - alpha)
    return values


def _grey_of_sixteen_bits(image):
    """(values, alpha or None) of an image of mode I;16, or I where Pillow calls 16 bits so."""
    if image.mode == "I" and image.format not in ("PNG", "PPM"):
        raise ValueError("it stores 32-bit or signed integers, whose range is not known; save it with 8 or 16 bits")
    tags = getattr(image, "tag_v2", {})
    bits, white_is_zero = tags.get(258, (16,))[0], tags.get(262) == 0
    image.load()  # before numpy asks for the shape: Pillow turns a TIFF while it loads it
    stored = np.asarray(image)
    values = stored.astype(np.float32) / np.float32(2**bits - 1)
    transparent = image.info.get("transparency")
    alpha = None if transparent is None else (stored != transparent).astype(np.float32)
    return 1 - values if white_is_zero else values, alpha


def _would_lose_bits(image):
    """Whether a PPM or JPEG 2000 file that is not loaded yet has colours of more than 8 bits."""
    if image.format == "PPM" and image.tile:
        arguments = image.tile[0][3]
        return isinstance(arguments, tuple) and arguments[-1] > 255  # (raw mode, white)
    if image.format != "JPEG2000" or not image.tile:
        return False
    position = image.fp.tell()
    image.fp.seek(0)
    head = image.fp.read(2**16)
    image.fp.seek(position)
    # ISO/IEC 15444-1, A.5.1: after 38 bytes of the SIZ segment 3 bytes a component, the first of them its depth less 1.
    start = head.find(b"\xff\x4f\xff\x51")
    return start >= 0 and any(depth & 127 > 7 for depth in head[start + 42 :: 3][: len(image.getbands())])


def _raw_mode(image):
    """How the file lays out its pixels, in Pillow's words, such as "RGB;16B"; empty for an image that is loaded."""
    tile = getattr(image, "tile", None)
    arguments = tile[0][3] if tile else ""
    raw_mode = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return raw_mode if isinstance(raw_mode, str) else ""


def _colour_of_sixteen_bits(image):
    """(values, alpha or None) of a file with several channels of 16 bits, of which Pillow itself keeps the upper 8.

    The lower 8 are had by loading the file a second time with the other order of bytes.
    """
    raw_mode, position = _raw_mode(image), image.fp.tell()
    image.fp.seek(0)
    source = io.BytesIO(image.fp.read())
    image.fp.seek(position)
    kind, order = raw_mode.split(";16")
    if kind == "RGBa":
        raise ValueError("its 16 bits of colour are multiplied by alpha; save it with plain alpha")
    other = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}[order]
    with Image.open(source) as copy:
        copy.seek(image.tell())
        if kind == "LA":
            # Two channels of 16 bits are four of 8; Pillow has no other order of bytes for this layout.
            copy._mode, new = "RGBA", "RGBA"
        else:
            new = f"{kind};16{other}"
        copy.tile = [_with_raw_mode(tile, new) for tile in copy.tile]
        copy.load()
        second = np.asarray(copy).astype(np.float32)
    image.load()
    if kind == "LA":
        stored = second[..., 0::2] * 256 + second[..., 1::2]
        return stored[..., 0] / 65535, stored[..., 1] / 65535
    stored = np.asarray(image).astype(np.float32) * 256 + second
    if kind == "CMYK":
        ink = stored / 65535
        return (1 - ink[..., :3]) * (1 - ink[..., 3:]), None
    transparent = image.info.get("transparency")
    if transparent is not None:
        return stored / 65535, (stored != np.float32(transparent)).any(-1).astype(np.float32)
    return stored[..., :3] / 65535, stored[..., 3] / 65535 if kind == "RGBA" else None


def _with_raw_mode(tile, raw_mode):
    """One of Pillow's instructions for decoding, with another layout of the pixels."""
    arguments = (raw_mode, *tile[3][1:]) if isinstance(tile[3], tuple) else raw_mode
    # A named tuple from Pillow 11 on.
    return tile._replace(args=arguments) if hasattr(tile, "_replace") else (*tile[:3], arguments)


def _upright(values, image):
    """Turned as the EXIF says; Pillow has turned a TIFF already, and then says so."""
    try:
        turn = UPRIGHT.get(image.getexif().get(0x0112))
    except Exception:  # a damaged EXIF raises anything; the pixels are good all the same
        return values
    return turn(values) if turn else values


def _finished(values, grey):
    """Contiguous float32, as luma if asked."""
    return np.ascontiguousarray(luma(values) if grey and values.ndim == 3 else values, dtype=np.float32)
