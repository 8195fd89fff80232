"""Loaders of readers' own folders, on tiny made-up folders, good and bad."""

import csv

import h5py
import nibabel
import numpy as np
import pytest
from PIL import Image

from kryptonlib import datasets
from kryptonlib.datasets import medical, mr, photographs


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
    datasets.kodak: photographs.KODAK,
    datasets.photos: photographs.PHOTOS,
    datasets.class_folders: photographs.CLASSES,
    datasets.kermany_oct: medical.OCT,
    datasets.kermany_chest: medical.CHEST,
    datasets.chest_xray8: medical.CHESTXRAY8,
    datasets.rsna_bone_age: medical.BONE_AGE,
    datasets.fastmri: mr.FASTMRI,
    datasets.nifti_heads: mr.NIFTI,
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


# What lies about in folders and is no data.


def stray(folder, name):
    """A hidden copy, one in the trash, two that machines left behind, a folder named like a file, a link to nothing."""
    for path in (f".{name}", f".trash/{name}", f"__MACOSX/{name}", f"@eaDir/{name}/thumb{name}"):
        picture(folder / path, (3, 2)) if name.lower().endswith(".png") else volume(folder / path)
    (folder / f"folder{name}").mkdir()
    (folder / f"link{name}").symlink_to(folder / "nowhere")


def test_photos_are_files_that_are_there(tmp_path):
    for name in ("b.JPG", "a.png", "deep/c.TIF"):
        picture(tmp_path / name)
    stray(tmp_path, "x.png")
    (tmp_path / "notes.txt").write_text("ignored")
    records = datasets.photos(tmp_path)
    assert [str(record.path.relative_to(tmp_path)) for record in records] == ["a.png", "b.JPG", "deep/c.TIF"]
    assert records[2].image.shape == (6, 8, 3)


def test_a_hidden_folder_may_hold_the_data(tmp_path):
    picture(tmp_path / ".data" / "a.png")
    assert len(datasets.photos(tmp_path / ".data")) == 1


def test_no_loader_takes_what_is_no_data(tmp_path):
    """Every loader on a good folder with rubbish in it, and with endings in upper case."""
    chest = tmp_path / "chest8"
    table_name, header = "Data_Entry_2017.CSV", ["Image Index", "Finding Labels", "Patient ID"]
    for name in ("1.PNG", "2.png"):
        picture(chest / "images" / name)
    stray(chest, "1.png")
    stray(chest, "3.png")
    (chest / ".trash" / table_name).write_text("rubbish")
    table(chest / table_name, header, [["1.png", "Hernia", 1], ["2.png", "No Finding", 2], ["3.png", "Mass", 3]])
    records = datasets.chest_xray8(chest, partial_download=True)
    assert [record.path.name for record in records] == ["1.PNG", "2.png"]
    assert [record.image.shape for record in records] == [(6, 8), (6, 8)]
    with pytest.raises(ValueError, match="1 of 3 images missing, first 3.png"):
        datasets.chest_xray8(chest)

    bones = tmp_path / "bones"
    picture(bones / "boneage-training-dataset" / "7.PNG")
    stray(bones / "boneage-training-dataset", "7.png")
    stray(bones, "8.png")
    header = ["id", "boneage", "male"]
    table(bones / "boneage-training-dataset.csv", header, [[7, 12, "True"]])
    assert [record.path.name for record in datasets.rsna_bone_age(bones)] == ["7.PNG"]
    table(bones / "boneage-training-dataset.csv", header, [[8, 12, "True"]])
    with pytest.raises(ValueError, match="1 of 1 images missing, first 8.png"):
        datasets.rsna_bone_age(bones)

    classes = tmp_path / "classes"
    picture(classes / "cat" / "1.PNG")
    stray(classes / "cat", "2.png")
    for rubbish in (".trash", "__MACOSX"):
        picture(classes / rubbish / "1.png")
    assert [(record.path.name, record.label) for record in datasets.class_folders(classes)] == [("1.PNG", "cat")]
    kermany = tmp_path / "kermany" / "test"
    for name in ("NORMAL/1.JPEG", "PNEUMONIA/2_virus.jpeg"):
        picture(kermany / name)
        stray((kermany / name).parent, "x.png")
    assert len(datasets.kermany_chest(kermany.parent)) == 2

    slices = tmp_path / "slices"
    slices.mkdir()
    volume(slices / "a.H5", kspace=np.zeros((1, 8, 8), np.complex64), reconstruction_esc=np.zeros((1, 4, 4)))
    stray(slices, ".h5")
    stray(slices, "x.h5")
    assert [record.path.name for record in datasets.fastmri(slices)] == ["a.H5"]


# Kodak.


@pytest.fixture
def kodak(tmp_path):
    for number in range(1, 25):
        picture(tmp_path / f"kodim{number:02}.png", (768, 512) if number % 5 else (512, 768), value=number)
    return tmp_path


def test_kodak(kodak):
    records = datasets.kodak(kodak)
    assert [record.path.name for record in records] == [f"kodim{number:02}.png" for number in range(1, 25)]
    assert records[3].image.shape == (512, 768, 3) and records[4].image.shape == (768, 512, 3)
    np.testing.assert_allclose(records[22].image, 23 / 255)


def test_kodak_incomplete_or_changed(kodak):
    picture(kodak / "kodim07.png", (384, 256))
    with pytest.raises(ValueError, match="kodim07.png with 384x256 pixels of mode RGB"):
        datasets.kodak(kodak)
    picture(kodak / "kodim07.png", (768, 512), "L")
    with pytest.raises(ValueError, match="of mode L"):
        datasets.kodak(kodak)
    (kodak / "kodim07.png").write_text("not an image")
    with pytest.raises(ValueError, match="kodim07.png, which is no image"):
        datasets.kodak(kodak)
    for name in ("kodim07.png", "kodim08.png"):
        (kodak / name).unlink()
    stray(kodak, "kodim07.png")
    (kodak / "kodim08.png").symlink_to(kodak / "nowhere")
    with pytest.raises(ValueError, match="2 of 24 are missing, first kodim07.png"):
        datasets.kodak(kodak)
    picture(kodak / "kodim08.PNG", (768, 512))
    with pytest.raises(ValueError, match="1 of 24 are missing, first kodim07.png"):
        datasets.kodak(kodak)


# Class folders and Kermany's two sets.


def test_class_folders(tmp_path):
    for name in ("n02/b.JPEG", "n02/a.png", "n01/deep/c.jpg"):
        picture(tmp_path / name)
    (tmp_path / "n01" / "notes.txt").write_text("ignored")
    (tmp_path / "n01" / "._c.jpg").write_text("what a Mac leaves behind")
    (tmp_path / ".hidden").mkdir()
    records = datasets.class_folders(tmp_path)
    assert [(record.path.name, record.label, record.facts["index"]) for record in records] == [
        ("c.jpg", "n01", 0), ("a.png", "n02", 1), ("b.JPEG", "n02", 1),
    ]
    assert [record.label for record in datasets.class_folders(tmp_path, classes=["n02"])] == ["n02", "n02"]
    with pytest.raises(ValueError, match="no folder n03/"):
        datasets.class_folders(tmp_path, classes=["n01", "n03"])
    (tmp_path / "n04").mkdir()
    with pytest.raises(ValueError, match="no image in n04/"):
        datasets.class_folders(tmp_path)


def test_kermany_oct(tmp_path):
    for name in ("CNV", "DME", "DRUSEN", "NORMAL"):
        picture(tmp_path / "train" / name / f"{name}-1-1.jpeg", mode="L")
    records = datasets.kermany_oct(tmp_path, "train")
    assert [record.label for record in records] == ["CNV", "DME", "DRUSEN", "NORMAL"]
    assert records[0].image.shape == (6, 8)
    with pytest.raises(ValueError, match=r"1 entries \(train/\); no folder test/"):
        datasets.kermany_oct(tmp_path)
    (tmp_path / "train" / "DME").rename(tmp_path / "train" / "EDEMA")
    with pytest.raises(ValueError, match="no folder DME/"):
        datasets.kermany_oct(tmp_path, "train")


def test_kermany_chest(tmp_path):
    for name in ("NORMAL/IM-1.jpeg", "PNEUMONIA/person1_bacteria_1.jpeg", "PNEUMONIA/person1_virus_2.jpeg"):
        picture(tmp_path / "test" / name, mode="RGB")
    records = datasets.kermany_chest(tmp_path)
    assert [record.label for record in records] == ["NORMAL", "BACTERIA", "VIRUS"]
    assert [record.facts["index"] for record in records] == [1, 0, 2]
    assert all(record.image.shape == (6, 8) for record in records), "radiographs stored as RGB are read as grey"
    two = datasets.kermany_chest(tmp_path, classes=2)
    assert [record.label for record in two] == ["NORMAL", "PNEUMONIA", "PNEUMONIA"]
    with pytest.raises(ValueError, match="classes=4"):
        datasets.kermany_chest(tmp_path, classes=4)
    picture(tmp_path / "test" / "PNEUMONIA" / "unclear.jpeg")
    with pytest.raises(ValueError, match="unclear.jpeg, whose name says neither"):
        datasets.kermany_chest(tmp_path)


# The two sets with a table.


def test_chest_xray8(tmp_path):
    header = ["Image Index", "Finding Labels", "Follow-up #", "Patient ID"]
    rows = [["1_0.png", "Cardiomegaly|Emphysema", 0, 1], ["1_1.png", "No Finding", 1, 1], ["2_0.png", "Hernia", 0, 2]]
    table(tmp_path / "Data_Entry_2017_v2020.csv", header, rows)
    with pytest.raises(ValueError, match="3 of 3 images missing, first 1_0.png"):
        datasets.chest_xray8(tmp_path, partial_download=True)
    picture(tmp_path / "images_001" / "images" / "1_0.png", mode="L")
    picture(tmp_path / "images_002" / "images" / "2_0.png", mode="RGBA")
    with pytest.raises(ValueError, match="1 of 3 images missing, first 1_1.png; partial_download=True"):
        datasets.chest_xray8(tmp_path)
    records = datasets.chest_xray8(tmp_path, partial_download=True)
    assert [record.label for record in records] == [("Cardiomegaly", "Emphysema"), ("Hernia",)]
    assert [record.facts["patient"] for record in records] == ["1", "2"]
    assert [record.image.shape for record in records] == [(6, 8), (6, 8)]
    picture(tmp_path / "images_002" / "images" / "1_1.png", mode="L")
    assert len(datasets.chest_xray8(tmp_path)) == 3


@pytest.mark.parametrize("content, message", [
    ("", r"columns \[\] and 0 rows"),
    ("a,b\n1,2\n", r"columns \['a', 'b'\] and 1 rows"),
    ("Image Index,Finding Labels,Patient ID\n", "0 rows"),
    ("Image Index,Finding Labels,Patient ID\n1.png,Hernia,1\n2.png\n", "cut short in line 3"),
])
def test_damaged_tables_are_explained(tmp_path, content, message):
    (tmp_path / "Data_Entry_2017.csv").write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        datasets.chest_xray8(tmp_path)
    assert "Data_Entry_2017.csv" in str(error.value)


def test_rsna_bone_age(tmp_path):
    rows = [[1377, 180, "False"], [1378, 12, "True"]]
    table(tmp_path / "boneage-training-dataset.csv", ["id", "boneage", "male"], rows)
    picture(tmp_path / "boneage-training-dataset" / "1377.png", mode="L")
    with pytest.raises(ValueError, match="1 of 2 images missing, first 1378.png"):
        datasets.rsna_bone_age(tmp_path)
    picture(tmp_path / "boneage-training-dataset" / "1378.png", mode="I;16", value=65535)
    records = datasets.rsna_bone_age(tmp_path)
    assert [(record.label, record.facts["male"]) for record in records] == [(180.0, False), (12.0, True)]
    np.testing.assert_array_equal(records[1].image, np.ones((6, 8), np.float32))
    table(tmp_path / "boneage-training-dataset.csv", ["id", "boneage", "male"], [[1377, "old", "False"]])
    with pytest.raises(ValueError, match="an age that is no number"):
        datasets.rsna_bone_age(tmp_path)


def test_a_folder_takes_the_place_of_stand_ins(tmp_path):
    table(tmp_path / "boneage-training-dataset.csv", ["id", "boneage", "male"], [[1377, 180, "False"]])
    picture(tmp_path / "boneage-training-dataset" / "1377.png", mode="L")
    own = datasets.images_of(str(tmp_path), datasets.rsna_bone_age, ["camera"])
    assert [(one.label, one.image.shape) for one in own] == [(180.0, (6, 8))]
    for none in ("", None):
        assert [one.name for one in datasets.images_of(none, datasets.rsna_bone_age, ["camera"])] == ["camera"]
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        datasets.images_of(tmp_path / "none", datasets.rsna_bone_age, ["camera"])


# fastMRI.


def volume(path, **stored):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in stored.items():
            file[name] = values
        file.attrs.update({"max": 3.5, "acquisition": "CORPD_FBK", "patient_id": "p1"})


def test_fastmri(tmp_path):
    rng = np.random.default_rng(0)
    kspace = (rng.normal(size=(2, 640, 368)) + 1j * rng.normal(size=(2, 640, 368))).astype(np.complex64)
    magnitude = rng.random((2, 320, 320), dtype=np.float32) * 3
    volume(tmp_path / "file2.h5", kspace=kspace, reconstruction_esc=magnitude)
    volume(tmp_path / "file1.h5", kspace=kspace[:1], reconstruction_esc=magnitude[:1])
    records = datasets.fastmri(tmp_path)
    assert [record.path.name for record in records] == ["file1.h5", "file2.h5", "file2.h5"]
    assert [record.facts["slice"] for record in records] == [0, 0, 1]
    last = records[-1]
    np.testing.assert_array_equal(last.image, magnitude[1])
    np.testing.assert_array_equal(datasets.kspace(last), kspace[1])
    assert last.facts == {
        "slice": 1, "slices": 2, "coils": 1, "acquisition": "CORPD_FBK", "patient": "p1", "max": 3.5
    }  # fmt: skip
    with pytest.raises(TypeError, match="expected a Record of datasets.fastmri"):
        datasets.kspace(datasets.Record(tmp_path))


def test_fastmri_of_several_coils(tmp_path):
    rng = np.random.default_rng(1)
    kspace = (rng.normal(size=(2, 3, 12, 10)) + 1j * rng.normal(size=(2, 3, 12, 10))).astype(np.complex64)
    magnitude = rng.random((2, 8, 8), dtype=np.float32)
    volume(tmp_path / "file1.h5", kspace=kspace, reconstruction_rss=magnitude)
    last = datasets.fastmri(tmp_path)[-1]
    assert last.facts["coils"] == 3
    np.testing.assert_array_equal(last.image, magnitude[1])
    np.testing.assert_array_equal(datasets.kspace(last), kspace[1])


def test_nifti_heads(tmp_path):
    stored = np.arange(4 * 5 * 3, dtype=np.int16).reshape(4, 5, 3)
    for name in ("p02_T1.nii.gz", "p01_T1.nii", "p01_FLAIR.nii.gz", ".trash/p09_T1.nii"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(stored, np.eye(4)), tmp_path / name)
    heads = datasets.nifti_heads(tmp_path)
    assert [head.path.name for head in heads] == ["p01_FLAIR.nii.gz", "p01_T1.nii", "p02_T1.nii.gz"]
    assert [head.facts["patient"] for head in heads] == ["p01", "p01", "p02"]
    image = heads[0].image
    assert image.shape == (3, 5, 4) and image.dtype == np.float32
    assert image[2, 4, 1] == stored[1, 4, 2]
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5)), np.eye(4)), tmp_path / "flat.nii")
    (tmp_path / "none.nii.gz").write_bytes(b"not NIfTI")
    for number, message in ((0, "flat.nii with axes"), (1, "none.nii.gz, which is damaged")):
        with pytest.raises(ValueError, match=message):
            _ = datasets.nifti_heads(tmp_path)[number].image
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no \*.nii"):
        datasets.nifti_heads(tmp_path / "empty")


@pytest.mark.parametrize("stored, message", [
    ({"kspace": np.zeros((1, 15, 8, 8)), "reconstruction_esc": np.zeros((1, 4, 4))}, r"file1.h5 with .*\(1, 15, 8, 8\)"),
    ({"kspace": np.zeros((2, 8, 8)), "reconstruction_esc": np.zeros((1, 4, 4))}, r"file1.h5 with .*\(2, 8, 8\)"),
    ({"kspace": np.zeros((1, 8, 8))}, "no reconstruction: a test or challenge set"),
    ({"other": np.zeros(3)}, "file1.h5 with neither"),
])
def test_other_fastmri_files_are_explained(tmp_path, stored, message):
    volume(tmp_path / "file1.h5", **stored)
    with pytest.raises(ValueError, match=message):
        datasets.fastmri(tmp_path)


def test_a_damaged_fastmri_file_is_named(tmp_path):
    (tmp_path / "file1.h5").write_bytes(b"not HDF5")
    with pytest.raises(ValueError, match="file1.h5, which is damaged"):
        datasets.fastmri(tmp_path)
