"""DICOM files made for the purpose: windows and tables by hand, by brute force and against pydicom; and bad files."""

import sys

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from kryptonlib.dicom import is_dicom, read_dicom, window
from kryptonlib.reading import read_image


def write_dicom(path, pixels, **tags):
    """A small DICOM file with the given pixels and tags."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    dataset.PixelData = pixels.tobytes()
    for key, value in tags.items():
        setattr(dataset, key, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


@settings(max_examples=50, deadline=None)
@given(
    centre=st.integers(-500, 3000), width=st.integers(2, 4000), slope=st.sampled_from([1, 0.5, 2.5]),
    intercept=st.sampled_from([0, -1024, 10]), signed=st.booleans(), inverted=st.booleans(), seed=st.integers(0, 999),
)  # fmt: skip
def test_windows_of_any_kind(tmp_path_factory, centre, width, slope, intercept, signed, inverted, seed):
    low, high = (-2048, 2048) if signed else (0, 4096)
    pixels = np.random.default_rng(seed).integers(low, high, (5, 7)).astype(np.int16 if signed else np.uint16)
    tags = {"WindowCenter": centre, "WindowWidth": width, "RescaleSlope": slope, "RescaleIntercept": intercept}
    if inverted:
        tags["PhotometricInterpretation"] = "MONOCHROME1"
    picture = read_dicom(write_dicom(tmp_path_factory.mktemp("dicom") / "x.dcm", pixels, **tags))
    expected = np.clip((pixels.astype(float) * slope + intercept - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    assert picture.dtype == np.float32
    assert np.abs(picture - (1 - expected if inverted else expected)).max() < 1e-5


def test_first_of_several_windows_counts(tmp_path):
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4) * 100
    both = read_dicom(write_dicom(tmp_path / "a.dcm", pixels, WindowCenter=[500, 50], WindowWidth=[600, 20]))
    one = read_dicom(write_dicom(tmp_path / "b.dcm", pixels, WindowCenter=500, WindowWidth=600))
    assert np.array_equal(both, one)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"WindowCenter": 0, "WindowWidth": 0},
        {"WindowCenter": 300, "WindowWidth": -5},
        {"WindowWidth": 20},
        {"WindowCenter": 300},
        {"WindowCenter": None, "WindowWidth": 20},
        {"WindowCenter": 300, "WindowWidth": None},
        {"WindowCenter": [], "WindowWidth": [20, 30]},
        {"VOILUTSequence": []},
        {"RescaleSlope": None, "RescaleIntercept": None},
        {"RescaleSlope": 2, "RescaleIntercept": None},
        {"RescaleSlope": None, "RescaleIntercept": -7},
    ],
)
def test_without_a_window_the_range_is_stretched(tmp_path, tags):
    pixels = np.array([[100, 200], [300, 500]], dtype=np.uint16)
    assert np.allclose(read_dicom(write_dicom(tmp_path / "a.dcm", pixels, **tags)), [[0, 0.25], [0.5, 1]])


def test_a_constant_image_is_black(tmp_path):
    assert not read_dicom(write_dicom(tmp_path / "a.dcm", np.full((3, 3), 77, dtype=np.uint16))).any()


def test_a_display_look_up_table_goes_before_a_window(tmp_path):
    table = Dataset()
    table.LUTDescriptor = [4, 0, 8]
    table.LUTData = np.array([255, 51, 102, 0], dtype=np.uint16).tobytes()
    pixels = np.array([[0, 1, 2], [3, 9, 0]], dtype=np.uint16)
    file = write_dicom(tmp_path / "a.dcm", pixels, VOILUTSequence=[table], WindowCenter=2, WindowWidth=4)
    assert np.allclose(read_dicom(file), [[1, 0.2, 0.4], [0, 0, 1]])


def test_a_modality_look_up_table_goes_before_the_window(tmp_path):
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [4, 0, 16], "US"
    table.LUTData = np.array([0, 1000, 30000, 60000], dtype=np.uint16).tobytes()
    pixels = np.array([[0, 1], [2, 3]], dtype=np.uint16)
    file = write_dicom(tmp_path / "a.dcm", pixels, ModalityLUTSequence=[table], WindowCenter=20000.5, WindowWidth=40001)
    assert np.allclose(read_dicom(file), [[0, 0.025], [0.75, 1]])


@pytest.mark.parametrize("centre, width", [(1000, 1), (1000, 500)])
def test_a_sigmoid_window(tmp_path, centre, width):
    pixels = np.arange(0, 4000, 100, dtype=np.uint16).reshape(5, 8)
    file = write_dicom(tmp_path / "a.dcm", pixels, WindowCenter=centre, WindowWidth=width, VOILUTFunction="SIGMOID")
    with np.errstate(over="ignore"):
        expected = 1 / (1 + np.exp(-4 * (pixels.astype(float) - centre) / width))
    assert np.abs(read_dicom(file) - expected).max() < 1e-5


@settings(max_examples=80, deadline=None)
@given(
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID", None]), slope=st.sampled_from([1, 1 / 4096, 2.5]),
    place=st.floats(-0.2, 1.2), share=st.floats(0.01, 2), signed=st.booleans(), seed=st.integers(0, 999),
)  # fmt: skip
def test_windows_are_pydicoms(tmp_path_factory, function, slope, place, share, signed, seed):
    """Every window that pydicom knows, down to widths far below 1."""
    low, high = (-2048, 2048) if signed else (0, 4096)
    pixels = np.random.default_rng(seed).integers(low, high, (5, 7)).astype(np.int16 if signed else np.uint16)
    centre, width = round((low + place * 4096) * slope, 6), round(share * 4096 * slope, 6)
    if function in ("LINEAR", None):
        width = max(width, 1.0)
    tags = {"WindowCenter": centre, "WindowWidth": width, "RescaleSlope": slope, "RescaleIntercept": 0}
    if function:
        tags["VOILUTFunction"] = function
    file = write_dicom(tmp_path_factory.mktemp("dicom") / "x.dcm", pixels, **tags)
    dataset = pydicom.dcmread(file)
    with np.errstate(over="ignore"):
        shown = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    black, white = low * slope, (high - 1) * slope
    np.testing.assert_allclose(read_dicom(file), (shown - black) / (white - black), atol=1e-5)


def test_an_exact_window_below_one(tmp_path):
    """By hand: (x - c) / w + 0.5 of C.11.2.1.3.2; LINEAR, which has no meaning here, is taken for it."""
    pixels = np.array([[0, 1024], [1536, 4095]], dtype=np.uint16)
    tags = {"WindowCenter": 0.25, "WindowWidth": 0.5, "RescaleSlope": 1 / 4096, "RescaleIntercept": 0}
    for function in ("LINEAR_EXACT", "LINEAR"):
        picture = read_dicom(write_dicom(tmp_path / "a.dcm", pixels, VOILUTFunction=function, **tags))
        np.testing.assert_allclose(picture, [[0, 0.5], [0.75, 1]], atol=1e-6)
    np.testing.assert_allclose(window(np.array([0.3, 0.0, 0.6]), 0.3, 0.6), [0.5, 0, 1])
    with pytest.raises(ValueError, match="unknown function 'CUBIC'"):
        window(np.zeros(3), 0, 1, "CUBIC")


def test_a_window_of_width_one_is_a_threshold(tmp_path):
    pixels = np.array([[98, 99, 100, 101]], dtype=np.uint16)
    file = write_dicom(tmp_path / "a.dcm", pixels, WindowCenter=100, WindowWidth=1)
    np.testing.assert_array_equal(read_dicom(file), [[0, 0, 1, 1]])


def test_an_empty_or_half_display_table_leaves_the_window(tmp_path):
    pixels = np.array([[0, 50], [75, 100]], dtype=np.uint16)
    half = Dataset()
    half.LUTDescriptor = [4, 0, 8]
    for number, tables in enumerate(([], [Dataset()], [half])):
        file = write_dicom(
            tmp_path / f"{number}.dcm", pixels, VOILUTSequence=tables, WindowCenter=50.5, WindowWidth=101
        )
        np.testing.assert_allclose(read_dicom(file), [[0, 0.5], [0.75, 1]], atol=1e-6)


@pytest.mark.parametrize("bits, kind", [(8, "u1"), (8, "u2"), (12, "u2"), (16, "u2")])
@pytest.mark.parametrize("first", [0, 7, -100, "-100 without a sign"])
def test_display_tables_by_brute_force(tmp_path, bits, kind, first):
    """Tables with more entries than 8 bits count, entries of 8 bits in one byte or two, a first value below 0."""
    random = np.random.default_rng(bits)
    entries = random.integers(0, 2**bits, 300).astype(kind)
    table = Dataset()
    if isinstance(first, str):  # as some files hold it: with the type US though the pixels have a sign
        first = -100
        table.add_new("LUTDescriptor", "US", [300, first % 2**16, bits])
    else:
        table.LUTDescriptor = [300, first, bits]
    table.add_new("LUTData", "OW", entries.tobytes())
    pixels = random.integers(-400, 400, (6, 8)).astype(np.int16)
    file = write_dicom(tmp_path / "a.dcm", pixels, VOILUTSequence=[table])
    expected = [[entries[min(max(int(value) - first, 0), 299)] / (2**bits - 1) for value in row] for row in pixels]
    np.testing.assert_allclose(read_dicom(file), expected, atol=1e-6)


def test_a_display_table_after_rescaling(tmp_path):
    table = Dataset()
    table.LUTDescriptor = [3, 10, 8]
    table.LUTData = np.array([0, 51, 255], dtype=np.uint16).tobytes()
    pixels = np.array([[0, 5, 6, 7, 50]], dtype=np.uint16)
    tags = {"RescaleSlope": 1, "RescaleIntercept": 5}
    file = write_dicom(tmp_path / "a.dcm", pixels, VOILUTSequence=[table], **tags)
    np.testing.assert_allclose(read_dicom(file), [[0, 0, 0.2, 1, 1]], atol=1e-6)


def enhanced(centre, width, slope):
    """What an enhanced file says of a frame, or of all of them."""
    group, shown, physical = Dataset(), Dataset(), Dataset()
    shown.WindowCenter, shown.WindowWidth, shown.VOILUTFunction = centre, width, "LINEAR_EXACT"
    physical.RescaleSlope, physical.RescaleIntercept = slope, 0
    group.FrameVOILUTSequence, group.PixelValueTransformationSequence = [shown], [physical]
    return group


def test_frames_are_chosen_and_have_their_own_windows(tmp_path):
    pixels = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    several = {"NumberOfFrames": 2, "PerFrameFunctionalGroupsSequence": [enhanced(5, 10, 1), enhanced(0, 40, 2)]}
    file = write_dicom(tmp_path / "a.dcm", pixels, **several)
    with pytest.raises(ValueError, match="2 frames.*page=0"):
        read_dicom(file)
    np.testing.assert_allclose(read_dicom(file, frame=0), np.clip(pixels[0] / 10, 0, 1), atol=1e-6)
    np.testing.assert_allclose(read_image(file, page=1), np.clip(pixels[1] * 2 / 40 + 0.5, 0, 1), atol=1e-6)
    shared = write_dicom(tmp_path / "b.dcm", pixels[0], SharedFunctionalGroupsSequence=[enhanced(10, 20, 1)])
    np.testing.assert_allclose(read_dicom(shared), pixels[0] / 20, atol=1e-6)
    for frame in (-1, 2, 0.0, True):
        with pytest.raises(ValueError, match="frames 0 to 1"):
            read_dicom(file, frame=frame)


# What is a DICOM file, and what is none.


def test_a_file_is_known_by_its_content(tmp_path):
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4) * 100
    expected = read_dicom(write_dicom(tmp_path / "a.dcm", pixels))
    for name in ("IM0001", "scan.png", "1.2.840.113619"):
        (tmp_path / name).write_bytes((tmp_path / "a.dcm").read_bytes())
        np.testing.assert_array_equal(read_image(tmp_path / name), expected)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("name", ["old.dcm", "IM0001"])
def test_files_without_a_preamble(tmp_path, implicit, name):
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4) * 100
    dataset = pydicom.dcmread(write_dicom(tmp_path / "a.dcm", pixels))
    expected = read_dicom(tmp_path / "a.dcm")
    dataset.file_meta = FileMetaDataset()
    dataset.preamble = None
    dataset.save_as(tmp_path / name, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    assert (tmp_path / name).read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_image(tmp_path / name), expected)


def test_other_files_are_not_taken_for_dicom(tmp_path):
    Image.new("RGB", (300, 200), "red").save(tmp_path / "a.tga", id_section=b"12345678")
    assert (tmp_path / "a.tga").read_bytes()[:2] == b"\x08\x00"  # as a file without preamble begins
    for ending in ("tga", "png", "jpg", "tif", "gif", "bmp", "webp"):
        Image.new("RGB", (300, 200), "red").save(tmp_path / f"b.{ending}")
        assert not is_dicom(tmp_path / f"b.{ending}")
    assert not is_dicom(tmp_path / "a.tga") and read_image(tmp_path / "a.tga").shape == (200, 300, 3)
    (tmp_path / "short").write_bytes(b"\x08")
    assert not is_dicom(tmp_path / "short")


@pytest.mark.parametrize("tags, message", [
    ({"PhotometricInterpretation": "RGB"}, "RGB is not grey"),
    ({"PhotometricInterpretation": None}, "black or white .no PhotometricInterpretation"),
    ({"WindowCenter": 5, "WindowWidth": 9, "VOILUTFunction": "CUBIC"}, "unknown function 'CUBIC'"),
    ({"BitsAllocated": 7}, "cannot be read as DICOM"),
    ({"Rows": 500}, "cannot be read as DICOM"),
])  # fmt: skip
def test_what_cannot_be_shown_is_refused(tmp_path, tags, message):
    file = write_dicom(tmp_path / "a.dcm", np.zeros((3, 4), np.uint16), **tags)
    with pytest.raises(ValueError, match=message) as error:
        read_image(file)
    assert str(error.value).startswith(str(file))


def test_missing_tags_text_and_damage_are_refused(tmp_path):
    file = write_dicom(tmp_path / "a.dcm", np.zeros((30, 40), np.uint16))
    for tag in ("PhotometricInterpretation", "PixelData", "Rows", "BitsStored"):
        dataset = pydicom.dcmread(file)
        delattr(dataset, tag)
        dataset.save_as(tmp_path / "b.dcm")
        with pytest.raises(ValueError, match="b.dcm cannot be read as DICOM: .+"):
            read_dicom(tmp_path / "b.dcm")
    content = file.read_bytes()
    for length in (0, 3, 140, len(content) // 2, len(content) - 4):
        (tmp_path / "c.dcm").write_bytes(content[:length])
        with pytest.raises(ValueError, match="c.dcm cannot be read as DICOM: .+"):
            read_dicom(tmp_path / "c.dcm")
    (tmp_path / "d.dcm").write_text("a text, " * 50)
    with pytest.raises(ValueError, match="d.dcm cannot be read as DICOM: it is no DICOM file"):
        read_dicom(tmp_path / "d.dcm")


def test_without_pydicom_the_remedy_is_told(tmp_path, monkeypatch):
    file = write_dicom(tmp_path / "a.dcm", np.zeros((3, 4), np.uint16))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(ValueError, match="pip install pydicom"):
        read_image(file)
