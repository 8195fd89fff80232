"""``python -m kryptonlib denoise``: bit depths, what is said of the noise, and what is refused."""

import json

import numpy as np
import pydicom
import pytest
import torch
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from kryptonlib import cli, reading, restoration, store
from kryptonlib.denoise import denoise, read, short, told
from kryptonlib.restoration import noise, noise_level
from kryptonlib.small_weights import write_small

ROWS, COLUMNS = np.mgrid[:70, :91] / 90
CLEAN = 120 + 80 * np.sin(3 * ROWS) * np.cos(2 * COLUMNS)
NOISY = noise.hybrid(CLEAN, 0.5, 10.0, seed=0)
"""Grey levels of 8 bits."""


@pytest.fixture(autouse=True)
def checkpoints(tmp_path_factory, monkeypatch):
    """Two small networks in place of the shipped ones: one for X-rays, one for photos."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name, settings in {
        "xray-bdcnn": {"network": "xbdcnn", "levels": [4, 4, 4]},
        "denoise-photo": {"network": "unet", "channels": 3, "levels": [4, 4]},
    }.items():
        torch.manual_seed(0)
        write_small(restoration.build(settings).state_dict(), folder / f"{name}.safetensors")
        (folder / f"{name}.json").write_text(json.dumps({"name": name, "restores": settings}))
    monkeypatch.setattr(store, "CHECKPOINTS", folder)


def dicom(path, values, stored):
    """A grey DICOM file of unsigned numbers with so many bits."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.Rows, dataset.Columns = values.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, stored, stored - 1
    dataset.PixelData = values.astype("<u2").tobytes()
    dataset.save_as(path, enforce_file_format=False)
    return path


def written(kind, folder):
    """A file of the noisy picture of a kind, and what its largest number is."""
    if kind == "dicom":
        return dicom(folder / "x.dcm", NOISY * 16, 12), 65535
    if kind == "grey saved as colour":
        picture = Image.fromarray(NOISY.astype(np.uint8)).convert("RGB")
    elif kind == "8 bits":
        picture = Image.fromarray(NOISY.astype(np.uint8))
    else:
        picture = Image.fromarray((NOISY * {"12 of 16 bits": 16, "16 bits": 257}[kind]).astype(np.uint16))
    file = folder / ("x.tif" if kind == "12 of 16 bits" else "x.png")
    picture.save(file)
    return file, {"12 of 16 bits": 4095, "16 bits": 65535}.get(kind, 255)


KINDS = ("8 bits", "grey saved as colour", "16 bits", "12 of 16 bits", "dicom")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_the_result_has_the_bits_and_the_range_of_the_input(kind, ending, tmp_path):
    file, white = written(kind, tmp_path)
    told = denoise(file, tmp_path / f"clean.{ending}")
    bits = 8 if white == 255 else 16
    assert reading.bits_of(tmp_path / f"clean.{ending}") == bits and f"with {bits} bits" in told
    with Image.open(tmp_path / f"clean.{ending}") as image:
        values = np.asarray(image)
    assert values.shape == NOISY.shape and values.dtype == (np.uint8 if bits == 8 else np.uint16)
    # What the network itself gives for the picture in its own range.
    restored = restoration.load("xray-bdcnn")(reading.read_image(file, grey=True) * (2**bits - 1) / white)
    assert np.abs(values - restored * white).max() <= 0.51 + 1e-4 * white
    assert values.max() <= white and values.max() > 200 / 255 * white * 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_the_range_of_a_file(kind, tmp_path):
    file, white = written(kind, tmp_path)
    values, bits, found, remark = read(file)
    assert found == white and bits == (8 if white == 255 else 16)
    # A file of 16 bits without a window says what was taken for white.
    said = f" White was taken as {white}, from the largest number."
    assert remark == ("" if kind == "dicom" or white == 255 else said)
    if kind != "dicom":  # which is stretched to its window
        np.testing.assert_allclose(255 * values / white, NOISY, atol=1.01)


def test_the_noise_is_estimated_and_said(tmp_path, capsys):
    file, _ = written("8 bits", tmp_path)
    assert cli.main(["denoise", str(file), "-o", str(tmp_path / "clean")]) == 0
    said = capsys.readouterr().out
    assert "photons per grey level (eta)" in said and "by the sub-network" in said and "clean.png is denoised" in said
    Image.fromarray(CLEAN.astype(np.uint8)).save(tmp_path / "smooth.png")
    clean = denoise(tmp_path / "smooth.png", tmp_path / "c.png")
    assert "hardly any noise" in clean and "can only lose detail" in clean
    assert "Not for diagnosis." in said and "Not for diagnosis." in clean
    loud = noise.hybrid(np.clip(CLEAN, 90, 160), 2.0, 28.0, seed=1).astype(np.uint8)
    Image.fromarray(loud).save(tmp_path / "loud.png")
    assert "expect less of it" in denoise(tmp_path / "loud.png", tmp_path / "c.png")


def test_bits_are_those_of_the_file(tmp_path):
    assert "with 16 bits (the file has 10)." in denoise(dicom(tmp_path / "x.dcm", NOISY * 4, 10), tmp_path / "c.png")
    Image.fromarray(NOISY > 120).save(tmp_path / "x.png")
    assert "with 8 bits (the file has 1)." in denoise(tmp_path / "x.png", tmp_path / "c.png")
    file, _ = written("8 bits", tmp_path)
    assert "with 8 bits as it came." in denoise(file, tmp_path / "c.png")


def test_a_hot_pixel_is_told_and_white_can_be_set(tmp_path, capsys):
    values = (NOISY * 16).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "good.png")
    values[3, 4] = 65535
    Image.fromarray(values).save(tmp_path / "hot.png")
    told = denoise(tmp_path / "hot.png", tmp_path / "c.png")
    assert "White was taken as 65535" in told and "99.9 % of the pixels need only 12 bits" in told
    assert "Warning" not in denoise(tmp_path / "good.png", tmp_path / "good-clean.png")
    given = [str(tmp_path / "hot.png"), "-o", str(tmp_path / "c.png"), "--white"]
    assert cli.main(["denoise", *given, "4095"]) == 0
    said = capsys.readouterr().out
    assert "White was taken as 4095." in said and "Warning" not in said
    with Image.open(tmp_path / "c.png") as one, Image.open(tmp_path / "good-clean.png") as other:
        far = np.hypot(*np.mgrid[-3:67, -4:87]) > 60
        np.testing.assert_allclose(np.asarray(one)[far], np.asarray(other)[far], atol=1)
    for white, words in (("99", "expected 255 to 65535"), ("70000", "expected 255 to 65535")):
        assert cli.main(["denoise", *given, white]) == 2
        assert words in capsys.readouterr().err
    written("8 bits", tmp_path)
    with pytest.raises(ValueError, match="has its own white"):
        denoise(tmp_path / "x.png", tmp_path / "c.png", white=4095)


def test_the_picture_itself_is_never_overwritten(tmp_path, monkeypatch, capsys):
    file, _ = written("8 bits", tmp_path)
    before = file.read_bytes()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.png").symlink_to(file)
    for name in ("x.png", "./x", str(file), "link.png"):
        assert cli.main(["denoise", str(file), "-o", name]) == 2
        assert "would be overwritten" in capsys.readouterr().err
    assert file.read_bytes() == before


def test_a_page_of_several_is_chosen(tmp_path, capsys):
    pages = [Image.fromarray(one.astype(np.uint8)) for one in (CLEAN, NOISY)]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    pages[1].save(tmp_path / "second.png")
    given = ["denoise", str(tmp_path / "x.tif"), "-o", str(tmp_path / "c.png")]
    assert cli.main(given) == 2
    error = capsys.readouterr().err
    assert "it holds 2 pages" in error and "--page 0" in error and "read_image" not in error
    assert cli.main([*given, "--page", "1"]) == 0
    denoise(tmp_path / "second.png", tmp_path / "d.png")
    np.testing.assert_array_equal(reading.read_image(tmp_path / "c.png"), reading.read_image(tmp_path / "d.png"))
    assert cli.main([*given, "--page", "2"]) == 2 and "pages 0 to 1" in capsys.readouterr().err


def test_errors_name_a_remedy_and_the_file_once(tmp_path):
    Image.fromarray(NOISY.astype(np.float32)).save(tmp_path / "f.tif")
    Image.fromarray(NOISY.astype(np.int32)).save(tmp_path / "i.tif")
    dicom(tmp_path / "c.dcm", NOISY, 12)
    colour = pydicom.dcmread(tmp_path / "c.dcm", force=True)
    colour.PhotometricInterpretation = "RGB"
    colour.save_as(tmp_path / "c.dcm", enforce_file_format=False)
    remedies = {"f.tif": "save it with whole numbers", "i.tif": "save it with 8 or 16", "c.dcm": "picture as PNG"}
    for name, words in remedies.items():
        with pytest.raises(ValueError, match=words) as error:
            denoise(tmp_path / name, tmp_path / "out.png")
        assert str(error.value).count(str(tmp_path / name)) == 1


def test_numbers_have_no_exponent():
    shown = {0.5234: "0.52", 27.4: "27", 99.9: "100", 2663: "2700", np.inf: "inf"}
    assert {number: short(number) for number in shown} == shown


def test_no_photon_noise_may_mean_another_model():
    text = told(noise_level.Level(np.inf, 5.0, None, None), (2663.0, 4.0))
    assert "no photon noise, or noise that this model does not fit" in text and "2700 and 4.0" in text


@pytest.mark.parametrize("command", ["denoise", "--help"])
def test_the_help_says_what_it_is_not_for(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, "--help"] if command == "denoise" else [command])
    assert "not for diagnosis" in " ".join(capsys.readouterr().out.split()).lower()


@pytest.mark.parametrize(
    "name, output, network, words",
    [
        ("colour.png", "c.png", "xray-bdcnn", "colour.png is in colour, and this denoiser learned from X-rays"),
        ("grey.png", "c.jpg", "xray-bdcnn", "c.jpg ends in none of .png, .tif, .tiff"),
        ("grey.png", "c.dcm", "xray-bdcnn", "c.dcm ends in none of"),
        ("grey.png", "none/c.png", "xray-bdcnn", "there is no folder none"),
        ("grey.png", ".", "xray-bdcnn", ". is a folder"),
        ("missing.png", "c.png", "xray-bdcnn", "there is no image file missing.png"),
        ("small.png", "c.png", "xray-bdcnn", "at least 32x32"),
        ("grey.png", "c.png", "xray-bdnn", "did you mean xray-bdcnn"),
        ("grey.png", "c.png", "denoise-photo", "denoise-photo restores colour photos; for X-rays take xray-bdcnn"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(name, output, network, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    grey = NOISY.astype(np.uint8)
    Image.fromarray(grey).save("grey.png")
    Image.fromarray(grey[:20]).save("small.png")
    Image.fromarray(np.stack([grey, grey, 255 - grey], -1)).save("colour.png")
    assert cli.main(["denoise", name, "-o", output, "--network", network]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "c.png").exists()


def test_bits_of_what_is_no_image(tmp_path):
    (tmp_path / "x.png").write_text("no image")
    with pytest.raises(ValueError, match="cannot be read as an image"):
        reading.bits_of(tmp_path / "x.png")
    with pytest.raises(FileNotFoundError, match="there is no image file"):
        reading.bits_of(tmp_path / "y.png")
