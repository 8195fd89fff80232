"""Loaders of readers' own folders, on tiny made-up folders, good and bad."""

import csv

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kryptonlib import folders


def picture(path, size=(8, 6), mode="RGB", value=128):
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = len(Image.new(mode, (1, 1)).getbands())
    Image.new(mode, size, value if bands == 1 else (value,) * bands).save(path)
    return path


def table(path, header, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


# Every loader on folders that are not what it wants.


LOADERS = {
    folders.kodak: folders.KODAK,
    folders.class_folders: folders.CLASSES,
    folders.kermany_oct: folders.OCT,
    folders.kermany_chest: folders.CHEST,
    folders.chest_xray8: folders.CHESTXRAY8,
    folders.rsna_bone_age: folders.BONE_AGE,
    folders.fastmri: folders.FASTMRI,
}


@pytest.mark.parametrize("load", LOADERS)
def test_wrong_folders_are_explained(load, tmp_path):
    source = LOADERS[load]
    with pytest.raises(FileNotFoundError) as missing:
        load(tmp_path / "nothing")
    assert str(tmp_path / "nothing") in str(missing.value)
    with pytest.raises(ValueError) as empty:
        load(tmp_path)
    assert "an empty folder" in str(empty.value)
    (tmp_path / "readme.txt").write_text("nothing to see")
    with pytest.raises(ValueError) as other:
        load(str(tmp_path))
    assert "1 entries (readme.txt)" in str(other.value)
    for error in (missing, empty, other):
        assert all(part in str(error.value) for part in source)
    with pytest.raises(TypeError, match="expected the path of a folder"):
        load(7)


# Reading a file.


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 65535), min_size=6, max_size=6))
def test_sixteen_bits_are_kept(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("images") / "a.png"
    pixels = np.array(values, np.uint16).reshape(2, 3)
    Image.fromarray(pixels).save(path)
    image = folders.read_image(path)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(np.round(image.astype(np.float64) * 65535), pixels)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "CMYK", "1"])
def test_modes(tmp_path, mode):
    path = picture(tmp_path / ("a.jpg" if mode == "CMYK" else "a.png"), mode=mode, value=255)
    image, grey = folders.read_image(path), folders.read_image(path, grey=True)
    assert image.shape == ((6, 8) if mode in ("L", "LA", "1") else (6, 8, 3)) and grey.shape == (6, 8)
    assert image.dtype == grey.dtype == np.float32
    expected = 0.0 if mode == "CMYK" else 1.0  # full ink is black
    np.testing.assert_allclose(image, expected, atol=0.02)


def test_eight_bits_and_colours(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(np.round(folders.read_image(tmp_path / "a.png") * 255), pixels)


def test_files_that_are_no_images_or_have_no_range(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    path = picture(tmp_path / "short.png", size=(64, 64))
    path.write_bytes(path.read_bytes()[:60])
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(np.full((2, 2), 70_000, np.int32)).save(tmp_path / "wide.tif")
    messages = {"text.png": "identify", "short.png": "truncated", "float.tif": "floats", "wide.tif": "16 bits"}
    for name, message in messages.items():
        with pytest.raises(ValueError, match=message) as error:
            folders.read_image(tmp_path / name)
        assert name in str(error.value)


# Kodak.


@pytest.fixture
def kodak(tmp_path):
    for number in range(1, 25):
        picture(tmp_path / f"kodim{number:02}.png", (768, 512) if number % 5 else (512, 768), value=number)
    return tmp_path


def test_kodak(kodak):
    records = folders.kodak(kodak)
    assert [record.path.name for record in records] == [f"kodim{number:02}.png" for number in range(1, 25)]
    assert records[3].image.shape == (512, 768, 3) and records[4].image.shape == (768, 512, 3)
    np.testing.assert_allclose(records[22].image, 23 / 255)


def test_kodak_incomplete_or_changed(kodak):
    picture(kodak / "kodim07.png", (384, 256))
    with pytest.raises(ValueError, match="kodim07.png with 384x256 pixels of mode RGB"):
        folders.kodak(kodak)
    picture(kodak / "kodim07.png", (768, 512), "L")
    with pytest.raises(ValueError, match="of mode L"):
        folders.kodak(kodak)
    (kodak / "kodim07.png").write_text("not an image")
    with pytest.raises(ValueError, match="kodim07.png, which is no image"):
        folders.kodak(kodak)
    (kodak / "kodim07.png").unlink()
    with pytest.raises(ValueError, match="1 of 24 are missing, first kodim07.png"):
        folders.kodak(kodak)


# Class folders and Kermany's two sets.


def test_class_folders(tmp_path):
    for name in ("n02/b.JPEG", "n02/a.png", "n01/deep/c.jpg"):
        picture(tmp_path / name)
    (tmp_path / "n01" / "notes.txt").write_text("ignored")
    (tmp_path / "n01" / "._c.jpg").write_text("what a Mac leaves behind")
    (tmp_path / ".hidden").mkdir()
    records = folders.class_folders(tmp_path)
    assert [(record.path.name, record.label, record.facts["index"]) for record in records] == [
        ("c.jpg", "n01", 0), ("a.png", "n02", 1), ("b.JPEG", "n02", 1),
    ]
    assert [record.label for record in folders.class_folders(tmp_path, classes=["n02"])] == ["n02", "n02"]
    with pytest.raises(ValueError, match="no folder n03/"):
        folders.class_folders(tmp_path, classes=["n01", "n03"])
    (tmp_path / "n04").mkdir()
    with pytest.raises(ValueError, match="no image in n04/"):
        folders.class_folders(tmp_path)


def test_kermany_oct(tmp_path):
    for name in ("CNV", "DME", "DRUSEN", "NORMAL"):
        picture(tmp_path / "train" / name / f"{name}-1-1.jpeg", mode="L")
    records = folders.kermany_oct(tmp_path, "train")
    assert [record.label for record in records] == ["CNV", "DME", "DRUSEN", "NORMAL"]
    assert records[0].image.shape == (6, 8)
    with pytest.raises(ValueError, match=r"1 entries \(train/\); no folder test/"):
        folders.kermany_oct(tmp_path)
    (tmp_path / "train" / "DME").rename(tmp_path / "train" / "EDEMA")
    with pytest.raises(ValueError, match="no folder DME/"):
        folders.kermany_oct(tmp_path, "train")


def test_kermany_chest(tmp_path):
    for name in ("NORMAL/IM-1.jpeg", "PNEUMONIA/person1_bacteria_1.jpeg", "PNEUMONIA/person1_virus_2.jpeg"):
        picture(tmp_path / "test" / name, mode="RGB")
    records = folders.kermany_chest(tmp_path)
    assert [record.label for record in records] == ["NORMAL", "BACTERIA", "VIRUS"]
    assert [record.facts["index"] for record in records] == [1, 0, 2]
    assert all(record.image.shape == (6, 8) for record in records), "radiographs stored as RGB are read as grey"
    two = folders.kermany_chest(tmp_path, classes=2)
    assert [record.label for record in two] == ["NORMAL", "PNEUMONIA", "PNEUMONIA"]
    with pytest.raises(ValueError, match="classes=4"):
        folders.kermany_chest(tmp_path, classes=4)
    picture(tmp_path / "test" / "PNEUMONIA" / "unclear.jpeg")
    with pytest.raises(ValueError, match="unclear.jpeg, whose name says neither"):
        folders.kermany_chest(tmp_path)


# The two sets with a table.


def test_chest_xray8(tmp_path):
    header = ["Image Index", "Finding Labels", "Follow-up #", "Patient ID"]
    rows = [["1_0.png", "Cardiomegaly|Emphysema", 0, 1], ["1_1.png", "No Finding", 1, 1], ["2_0.png", "Hernia", 0, 2]]
    table(tmp_path / "Data_Entry_2017_v2020.csv", header, rows)
    with pytest.raises(ValueError, match="3 of 3 images missing, first 1_0.png"):
        folders.chest_xray8(tmp_path, partial_download=True)
    picture(tmp_path / "images_001" / "images" / "1_0.png", mode="L")
    picture(tmp_path / "images_002" / "images" / "2_0.png", mode="RGBA")
    with pytest.raises(ValueError, match="1 of 3 images missing, first 1_1.png; partial_download=True"):
        folders.chest_xray8(tmp_path)
    records = folders.chest_xray8(tmp_path, partial_download=True)
    assert [record.label for record in records] == [("Cardiomegaly", "Emphysema"), ("Hernia",)]
    assert [record.facts["patient"] for record in records] == ["1", "2"]
    assert [record.image.shape for record in records] == [(6, 8), (6, 8)]
    picture(tmp_path / "images_002" / "images" / "1_1.png", mode="L")
    assert len(folders.chest_xray8(tmp_path)) == 3


@pytest.mark.parametrize("content, message", [
    ("", r"columns \[\] and 0 rows"),
    ("a,b\n1,2\n", r"columns \['a', 'b'\] and 1 rows"),
    ("Image Index,Finding Labels,Patient ID\n", "0 rows"),
    ("Image Index,Finding Labels,Patient ID\n1.png,Hernia,1\n2.png\n", "cut short in line 3"),
])
def test_damaged_tables_are_explained(tmp_path, content, message):
    (tmp_path / "Data_Entry_2017.csv").write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        folders.chest_xray8(tmp_path)
    assert "Data_Entry_2017.csv" in str(error.value)


def test_rsna_bone_age(tmp_path):
    rows = [[1377, 180, "False"], [1378, 12, "True"]]
    table(tmp_path / "boneage-training-dataset.csv", ["id", "boneage", "male"], rows)
    picture(tmp_path / "boneage-training-dataset" / "1377.png", mode="L")
    with pytest.raises(ValueError, match="1 of 2 images missing, first 1378.png"):
        folders.rsna_bone_age(tmp_path)
    picture(tmp_path / "boneage-training-dataset" / "1378.png", mode="I;16", value=65535)
    records = folders.rsna_bone_age(tmp_path)
    assert [(record.label, record.facts["male"]) for record in records] == [(180.0, False), (12.0, True)]
    np.testing.assert_array_equal(records[1].image, np.ones((6, 8), np.float32))
    table(tmp_path / "boneage-training-dataset.csv", ["id", "boneage", "male"], [[1377, "old", "False"]])
    with pytest.raises(ValueError, match="an age that is no number"):
        folders.rsna_bone_age(tmp_path)


def test_a_folder_takes_the_place_of_stand_ins(tmp_path):
    table(tmp_path / "boneage-training-dataset.csv", ["id", "boneage", "male"], [[1377, 180, "False"]])
    picture(tmp_path / "boneage-training-dataset" / "1377.png", mode="L")
    own = folders.images_of(str(tmp_path), folders.rsna_bone_age, ["camera"])
    assert [(one.label, one.image.shape) for one in own] == [(180.0, (6, 8))]
    for none in ("", None):
        assert [one.name for one in folders.images_of(none, folders.rsna_bone_age, ["camera"])] == ["camera"]
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        folders.images_of(tmp_path / "none", folders.rsna_bone_age, ["camera"])


# fastMRI.


def volume(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
        file.attrs.update({"max": 3.5, "acquisition": "CORPD_FBK", "patient_id": "p1"})


def test_fastmri(tmp_path):
    rng = np.random.default_rng(0)
    kspace = (rng.normal(size=(2, 640, 368)) + 1j * rng.normal(size=(2, 640, 368))).astype(np.complex64)
    magnitude = rng.random((2, 320, 320), dtype=np.float32) * 3
    volume(tmp_path / "file2.h5", kspace=kspace, reconstruction_esc=magnitude)
    volume(tmp_path / "file1.h5", kspace=kspace[:1], reconstruction_esc=magnitude[:1])
    records = folders.fastmri(tmp_path)
    assert [record.path.name for record in records] == ["file1.h5", "file2.h5", "file2.h5"]
    assert [record.facts["slice"] for record in records] == [0, 0, 1]
    last = records[-1]
    np.testing.assert_array_equal(last.image, magnitude[1])
    np.testing.assert_array_equal(folders.kspace(last), kspace[1])
    assert last.facts == {"slice": 1, "slices": 2, "acquisition": "CORPD_FBK", "patient": "p1", "max": 3.5}
    with pytest.raises(TypeError, match="expected a Record of folders.fastmri"):
        folders.kspace(folders.Record(tmp_path))


@pytest.mark.parametrize("datasets, message", [
    ({"kspace": np.zeros((1, 15, 8, 8)), "reconstruction_esc": np.zeros((1, 4, 4))}, "four axes: multi-coil data"),
    ({"kspace": np.zeros((1, 8, 8))}, "no reconstruction: a test or challenge set"),
    ({"other": np.zeros(3)}, "file1.h5 with neither"),
])
def test_other_fastmri_files_are_explained(tmp_path, datasets, message):
    volume(tmp_path / "file1.h5", **datasets)
    with pytest.raises(ValueError, match=message):
        folders.fastmri(tmp_path)


def test_a_damaged_fastmri_file_is_named(tmp_path):
    (tmp_path / "file1.h5").write_bytes(b"not HDF5")
    with pytest.raises(ValueError, match="file1.h5, which is damaged"):
        folders.fastmri(tmp_path)
