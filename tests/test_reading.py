"""Files of a reader's own: every kind is read with the right values, or refused in one sentence.

16-bit PNG files are written here chunk by chunk, TIFF files by tifffile, so that nothing is judged by what wrote it.
"""

import struct
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from kryptonlib.datasets import Record
from kryptonlib.reading import as_image, read_image

RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, (6, 9, 3), dtype=np.uint8)
PICTURE = Image.fromarray(COLOURS)
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
KINDS = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's colour type by the number of channels: grey, grey with alpha, RGB, RGB with alpha."""


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def write_png(path, values, interlaced=False, filtered=False, transparent=None):
    """A 16-bit PNG of values [H, W, channels]; filter "Sub" in every second row, Adam7's seven passes if interlaced."""
    values = values.astype(">u2")
    height, width, channels = values.shape

    def rows(part):
        for number, row in enumerate(part):
            raw = np.frombuffer(row.tobytes(), np.uint8)
            if filtered and number % 2:
                raw, step = raw.copy(), 2 * channels
                raw[step:] -= np.frombuffer(row.tobytes(), np.uint8)[:-step]
            yield bytes([int(filtered and number % 2)]) + raw.tobytes()

    parts = [values[top::down, left::right] for left, top, right, down in PASSES] if interlaced else [values]
    data = b"".join(line for part in parts if part.size for line in rows(part))
    header = struct.pack(">IIBBBBB", width, height, 16, KINDS[channels], 0, 0, interlaced)
    colour = b"" if transparent is None else chunk(b"tRNS", np.asarray(transparent, ">u2").tobytes())
    chunks = chunk(b"IHDR", header) + colour + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def over_white(values, channels):
    """What an image of 16 bits should be in [0, 1]."""
    values = values / 65535
    if channels in (2, 4):
        values = values[..., :-1] * values[..., -1:] + (1 - values[..., -1:])
    return values[..., 0] if channels < 3 else values


# 16 bits.


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.booleans(), st.booleans(), st.sampled_from([192, 65536]), st.integers(0, 99))
def test_sixteen_bit_pngs_keep_all_their_bits(tmp_path_factory, channels, interlaced, filtered, top, seed):
    """Also those whose values lie in 0..191, of which Pillow keeps nothing."""
    random = np.random.default_rng(seed)
    values = random.integers(0, top, (*random.integers(1, 14, 2), channels))
    if channels in (2, 4):
        values[..., -1] = random.integers(0, 65536, values.shape[:2])
    path = write_png(tmp_path_factory.mktemp("png") / "a.png", values, interlaced, filtered)
    image = read_image(path)
    assert image.dtype == np.float32 and image.flags.c_contiguous
    np.testing.assert_allclose(image, over_white(values, channels), atol=2e-7)
    with Image.open(path) as opened:
        np.testing.assert_array_equal(as_image(opened), image)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_transparent_colour_of_sixteen_bits_is_white(tmp_path, channels):
    values = RANDOM.integers(0, 60000, (5, 6, channels))
    image = read_image(write_png(tmp_path / "a.png", values, transparent=values[2, 3]))
    expected = over_white(values, channels)
    expected[2, 3] = 1
    np.testing.assert_allclose(image, expected, atol=2e-7)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("bits", [8, 16])
def test_tiffs_keep_all_their_bits_and_stand_upright(tmp_path, order, compression, turned, channels, bits):
    white = 2**bits - 1
    values = RANDOM.integers(0, 192, (7, 11, channels)).astype(f"u{bits // 8}")
    if channels == 4:
        values[..., 3] = white
    tifffile.imwrite(
        tmp_path / "a.tif", values if channels > 1 else values[..., 0], byteorder=order, compression=compression,
        photometric="rgb" if channels > 1 else "minisblack", planarconfig="contig" if channels > 1 else None,
        extrasamples=[2] if channels == 4 else None, extratags=[(274, "H", 1, 6, True)] if turned else [],
    )  # fmt: skip
    expected = values[..., :3] / white if channels > 1 else values[..., 0] / white
    expected = np.rot90(expected, -1) if turned else expected
    np.testing.assert_allclose(read_image(tmp_path / "a.tif"), expected, atol=1e-7)


def test_tiffs_whose_zero_is_white_or_whose_white_is_another(tmp_path):
    for kind in (np.uint8, np.uint16):
        white = np.iinfo(kind).max
        tifffile.imwrite(tmp_path / "a.tif", np.array([[0, white // 4, white]], kind), photometric="miniswhite")
        np.testing.assert_allclose(read_image(tmp_path / "a.tif"), [[1, 1 - (white // 4) / white, 0]], atol=1e-7)


def test_sixteen_bit_inks(tmp_path):
    ink = RANDOM.integers(0, 65536, (5, 6, 4)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", ink, photometric="separated", planarconfig="contig")
    left = 1 - ink / 65535
    np.testing.assert_allclose(read_image(tmp_path / "a.tif"), left[..., :3] * left[..., 3:], atol=2e-7)


@pytest.mark.parametrize("kind", [np.int16, np.uint32, np.int32, np.float32, np.float64])
def test_numbers_whose_white_is_not_known_are_refused(tmp_path, kind):
    tifffile.imwrite(tmp_path / "a.tif", np.arange(12).reshape(3, 4).astype(kind))
    with pytest.raises(ValueError, match="a.tif cannot be read as an image: it (stores|is no image of a known kind)"):
        read_image(tmp_path / "a.tif")


def test_channels_in_planes_are_refused(tmp_path):
    for compression in (None, "deflate"):
        values = np.zeros((3, 5, 6), np.uint16)
        tifffile.imwrite(
            tmp_path / "a.tif", values, photometric="rgb", planarconfig="separate", compression=compression
        )
        with pytest.raises(ValueError, match="interleaved"):
            read_image(tmp_path / "a.tif")


# 8 bits in all their forms.


@pytest.mark.parametrize("values", [COLOURS, COLOURS[..., 0]])
@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp", "ppm"])
def test_eight_bits_are_read_exactly(tmp_path, values, ending):
    Image.fromarray(values).save(tmp_path / f"a.{ending}", **{"lossless": True} if ending == "webp" else {})
    image = read_image(tmp_path / f"a.{ending}")
    if ending == "webp" and values.ndim == 2:  # WebP knows colour only
        values = np.stack([values] * 3, axis=-1)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, values.astype(np.float32) / 255)


@pytest.mark.parametrize(
    "mode, ending, expected",
    [("RGB", "jpg", 1), ("RGBA", "png", 1), ("L", "jpg", 1), ("LA", "png", 1), ("1", "png", 1), ("P", "gif", 1),
     ("CMYK", "jpg", 0), ("YCbCr", "jpg", None)],
)  # fmt: skip
def test_modes(tmp_path, mode, ending, expected):
    bands = len(Image.new(mode, (1, 1)).getbands())
    picture = Image.new(mode, (8, 6), 255 if bands == 1 else (255,) * bands)
    if mode == "P":
        picture.putpalette([0] * 765 + [255] * 3)
    picture.save(tmp_path / f"a.{ending}")
    image, grey = read_image(tmp_path / f"a.{ending}"), read_image(tmp_path / f"a.{ending}", grey=True)
    assert image.shape == ((6, 8) if mode in ("L", "LA", "1") else (6, 8, 3)) and grey.shape == (6, 8)
    assert image.dtype == grey.dtype == np.float32
    if expected is not None:  # full ink is black
        np.testing.assert_allclose(image, expected, atol=0.02)


def test_palettes_have_their_colours(tmp_path):
    few = PICTURE.quantize(5)
    few.save(tmp_path / "a.png")
    expected = np.asarray(few.convert("RGB")) / 255
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), expected, atol=1e-7)
    few.save(tmp_path / "b.png", transparency=2)
    np.testing.assert_allclose(
        read_image(tmp_path / "b.png"), np.where(np.asarray(few)[..., None] == 2, 1, expected), atol=1e-7
    )


@pytest.mark.parametrize("alpha", [0, 64, 255])
def test_what_is_transparent_lies_over_white(tmp_path, alpha):
    share = alpha / 255
    colour = PICTURE.copy()
    colour.putalpha(alpha)
    colour.save(tmp_path / "a.png")
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), share * COLOURS / 255 + 1 - share, atol=1e-6)
    grey = Image.fromarray(COLOURS[..., 0])
    grey.putalpha(alpha)
    grey.save(tmp_path / "b.png")
    np.testing.assert_allclose(read_image(tmp_path / "b.png"), share * COLOURS[..., 0] / 255 + 1 - share, atol=1e-6)


def test_grey_is_luma_and_a_grey_in_three_channels_is_itself(tmp_path):
    PICTURE.save(tmp_path / "a.png")
    weights = [0.299, 0.587, 0.114]
    np.testing.assert_allclose(read_image(tmp_path / "a.png", grey=True), COLOURS / 255 @ weights, atol=1e-6)
    Image.fromarray(COLOURS[..., 0]).convert("RGB").save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_image(tmp_path / "b.png", grey=True), COLOURS[..., 0].astype(np.float32) / 255)


# Upright.


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "tif", "webp", "jpg"])
def test_a_cameras_note_is_followed(tmp_path, turn, ending):
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {"tiffinfo": {274: turn}} if ending == "tif" else {"exif": exif, "lossless": True, "quality": 95}
    PICTURE.save(tmp_path / f"a.{ending}", **options)
    PICTURE.save(tmp_path / "plain.jpg", exif=exif, quality=95)
    with Image.open(tmp_path / "plain.jpg") as jpeg:
        jpeg = np.asarray(ImageOps.exif_transpose(jpeg))
    exact = PICTURE.copy()
    exact.getexif()[0x0112] = turn
    expected = jpeg if ending == "jpg" else np.asarray(ImageOps.exif_transpose(exact))
    np.testing.assert_array_equal(np.round(read_image(tmp_path / f"a.{ending}") * 255), expected)


def test_a_cameras_note_in_a_sixteen_bit_png(tmp_path):
    values = RANDOM.integers(0, 192, (4, 6, 3))
    path = write_png(tmp_path / "a.png", values)
    exif = Image.Exif()
    exif[0x0112] = 6
    content, place = path.read_bytes(), 8 + 25
    path.write_bytes(content[:place] + chunk(b"eXIf", exif.tobytes()[6:]) + content[place:])
    np.testing.assert_allclose(read_image(path), np.rot90(values / 65535, -1), atol=2e-7)


TIFF_HEAD = b"Exif\0\0MM\0*\0\0\0\x08"
BROKEN = {
    "empty": b"Exif\0\0",
    "garbage": b"Exif\0\0garbage",
    "cut short": TIFF_HEAD + b"\0\xff\x01\x12",
    "a text": TIFF_HEAD + b"\0\x01\x01\x12\0\x02\0\0\0\x04abc\0\0\0\0\0",
    "an unknown type": TIFF_HEAD + b"\0\x01\x01\x12\0\x63\0\0\0\x01\0\x06\0\0\0\0\0\0",
    "a turn that is none": TIFF_HEAD + b"\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0\0\0\0\0",
    "far away": b"Exif\0\0MM\0*\x7f\xff\xff\xff",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_damaged_exif_does_no_harm(tmp_path, name):
    PICTURE.save(tmp_path / "good.jpg", quality=95)
    content = (tmp_path / "good.jpg").read_bytes()
    segment = b"\xff\xe1" + struct.pack(">H", len(BROKEN[name]) + 2) + BROKEN[name]
    (tmp_path / "a.jpg").write_bytes(content[:2] + segment + content[2:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = read_image(tmp_path / "a.jpg")
    np.testing.assert_array_equal(image, read_image(tmp_path / "good.jpg"))


# Several images in a file.


@pytest.fixture
def frames():
    return [Image.new("RGB", (5, 4), colour) for colour in ("red", "lime", "blue")]


@pytest.mark.parametrize("ending, kind", [("gif", None), ("png", None), ("webp", None), ("mpo", "MPO")])
def test_the_first_image_of_an_animation(tmp_path, frames, ending, kind):
    path = tmp_path / f"a.{ending}"
    frames[0].save(path, kind, save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(read_image(path), np.broadcast_to([1.0, 0, 0], (4, 5, 3)), atol=0.01)
    np.testing.assert_allclose(read_image(path, page=2), np.broadcast_to([0, 0, 1.0], (4, 5, 3)), atol=0.01)


def test_pages_are_chosen_not_guessed(tmp_path, frames):
    path = tmp_path / "a.tif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match="holds 3 pages.*page=0"):
        read_image(path)
    assert [tuple(read_image(path, page=page)[0, 0]) for page in range(3)] == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    for page in (-1, 3, 1.0, True):
        with pytest.raises(ValueError, match="pages 0 to 2"):
            read_image(path, page=page)
    PICTURE.save(tmp_path / "one.png")
    assert read_image(tmp_path / "one.png", page=0).shape == (6, 9, 3)


def test_a_page_of_sixteen_bits(tmp_path):
    values = RANDOM.integers(0, 192, (3, 5, 6, 3)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    np.testing.assert_allclose(read_image(tmp_path / "a.tif", page=1), values[1] / 65535, atol=2e-7)


# What cannot be read.


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "tif", "webp", "bmp"])
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_file_cut_short_is_read_whole_or_refused(tmp_path_factory, ending, data):
    path = tmp_path_factory.mktemp("cut") / f"a.{ending}"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)
    whole, content = read_image(path), path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    try:
        image = read_image(path)
    except ValueError as error:
        assert str(error).startswith(f"{path} cannot be read as an image: ") and "\n" not in str(error).strip()
    else:
        np.testing.assert_array_equal(image, whole)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path_factory, data):
    """Whatever byte is changed: an image, or ValueError, and nothing else."""
    path = tmp_path_factory.mktemp("damage") / data.draw(st.sampled_from(["a.png", "a.jpg", "a.tif", "a.gif", "a.bmp"]))
    PICTURE.save(path)
    content = bytearray(path.read_bytes())
    for _ in range(3):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            image = read_image(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1


def test_huge_files_are_refused_and_large_ones_read_without_a_warning(tmp_path, monkeypatch):
    Image.new("1", (14000, 14000)).save(tmp_path / "huge.png")
    with pytest.raises(ValueError, match="more than 179 million pixels; make it smaller"):
        read_image(tmp_path / "huge.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    PICTURE.save(tmp_path / "large.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(tmp_path / "large.png").shape == (6, 9, 3)


def test_other_files_and_none(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("text.png", "empty.png"):
        with pytest.raises(ValueError, match=f"{name} cannot be read as an image: it is no image of a known kind"):
            read_image(tmp_path / name)
    with pytest.raises(ValueError, match="is a folder"):
        read_image(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no image file .*none.png"):
        read_image(tmp_path / "none.png")


# Whatever holds an image.


def test_whatever_holds_an_image(tmp_path):
    PICTURE.save(tmp_path / "a.png")
    expected = COLOURS.astype(np.float32) / 255
    held = [
        COLOURS, COLOURS / 255, expected, PICTURE, PICTURE.convert("RGBA"), tmp_path / "a.png", str(tmp_path / "a.png"),
        Record(tmp_path / "a.png"), COLOURS.astype(np.uint16) * 257,
    ]  # fmt: skip
    for image in held:
        np.testing.assert_allclose(as_image(image), expected, atol=1e-7)
        assert as_image(image, grey=True).shape == (6, 9)
    sixteen = Image.fromarray(np.array([[0, 300]], np.uint16))
    np.testing.assert_allclose(as_image(sixteen), [[0, 300 / 65535]], atol=1e-8)


def test_a_pillow_image_is_taken_as_it_stands():
    turned = PICTURE.copy()
    turned.getexif()[0x0112] = 6
    assert as_image(turned).shape == (6, 9, 3)


def test_what_holds_no_image_is_refused(tmp_path):
    with pytest.raises(TypeError, match="expected floats"):
        as_image(None)
    for mode, words in (("F", "floats"), ("I", "32-bit")):
        with pytest.raises(ValueError, match=f"the Pillow image cannot be read: it stores {words}"):
            as_image(Image.new(mode, (3, 3)))
    PICTURE.save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    with Image.open(tmp_path / "a.png") as opened, pytest.raises(ValueError, match="the Pillow image cannot be read"):
        as_image(opened)
