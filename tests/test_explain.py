"""``python -m kryptonlib explain``: finding the class and the file that are meant."""

from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from kryptonlib import cli
from kryptonlib.explain import class_number, picture_path

CNN = SimpleNamespace(name="net", class_names=["tabby cat", "tiger cat", "dog", "hot dog"])


@pytest.mark.parametrize(
    "target, number", [(None, None), ("1", 1), (1, 1), (" 3 ", 3), ("dog", 2), ("DOG", 2), ("tabby", 0)]
)
def test_a_class_is_found_by_number_and_by_name(target, number):
    assert class_number(CNN, target) == number


@pytest.mark.parametrize(
    "target, words",
    [
        ("4", "0 to 3"), ("cat", "2 classes fit 'cat': 0 tabby cat"), ("eel", "no class of net fits 'eel'"),
        ("²", "no class of net fits '²'"), ("1.0", "no class"), ("-1", "no class"), (" ", "the target is empty"),
    ],
)  # fmt: skip
def test_a_class_that_cannot_be_meant_is_refused(target, words):
    with pytest.raises(ValueError, match=words):
        class_number(CNN, target)


def test_the_picture_gets_an_ending(tmp_path):
    assert picture_path(tmp_path / "out") == tmp_path / "out.png"
    for name in ("out.png", "out.PDF", "my.out.svg"):
        assert picture_path(str(tmp_path / name)) == tmp_path / name


def run(capsys, *arguments):
    """What a reader sees who gives these arguments to ``explain``: (exit code, last line of standard error)."""
    code = cli.main(["explain", *map(str, arguments)])
    return code, capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize("output, words", [
    (".", "error: . is a folder; give the picture a name, for example -o heatmap.png"),
    ("none/o.png", "error: there is no folder none to write o.png into"),
    ("o.xyz", "error: o.xyz ends in none of .avif"),
])  # fmt: skip
def test_where_no_picture_can_be_written(output, words, capsys, tmp_path, monkeypatch):
    """Told before anything is computed: the image is not even there."""
    monkeypatch.chdir(tmp_path)
    code, line = run(capsys, "none.png", "-o", output)
    assert code == 2 and line.startswith(words)


def test_weights_that_cannot_be_had_end_in_one_clear_line(capsys, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    code, line = run(capsys, tmp_path / "a.png", "-o", tmp_path / "o.png", "--cnn", "resnet18")
    assert code == 2 and line.startswith("error: network 'resnet18': its weights could not be downloaded")


def test_a_picture_that_cannot_be_written_ends_in_one_clear_line(capsys, tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    from kryptonlib import occlusion, plots, zoo

    def refuse(self, path, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(zoo, "load", lambda name: CNN)
    monkeypatch.setattr(occlusion, "heatmap", lambda *arguments, **options: None)
    monkeypatch.setattr(plots, "heatmap", lambda heat: Figure())
    monkeypatch.setattr(Figure, "savefig", refuse)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    code, line = run(capsys, tmp_path / "a.png", "-o", tmp_path / "o.png")
    assert code == 2 and line.startswith("error: [Errno 13] Permission denied")


def test_bad_files_end_in_one_clear_line(tmp_path, capsys):
    (tmp_path / "a.png").write_text("no picture")
    assert cli.main(["explain", str(tmp_path / "a.png"), "-o", str(tmp_path / "o.png")]) == 2
    assert "a.png cannot be read as an image: it is no image of a known kind" in capsys.readouterr().err
    assert cli.main(["explain", str(tmp_path / "b.png"), "-o", str(tmp_path / "o.png")]) == 2
    assert "there is no image file" in capsys.readouterr().err
    assert cli.main(["explain", str(tmp_path / "a.png"), "-o", str(tmp_path / "none" / "o.png")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_damaged_images_of_every_kind_end_in_one_clear_line(tmp_path, capsys):
    Image.new("RGB", (40, 40)).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:-20])
    Image.new("1", (14000, 14000)).save(tmp_path / "huge.png")
    (tmp_path / "text.dcm").write_text("no DICOM")
    (tmp_path / "head").write_bytes(b"\0" * 128 + b"DICM" + b"rubbish")
    (tmp_path / "folder.png").mkdir()
    for name, words in {
        "cut.jpg": "truncated",
        "huge.png": "more than 179 million pixels",
        "text.dcm": "it is no DICOM file",
        "head": "cannot be read as DICOM",
        "folder.png": "is a folder",
    }.items():
        code, line = run(capsys, tmp_path / name, "-o", tmp_path / "o.png")
        assert code == 2 and name in line and words in line, line


@pytest.mark.long
def test_a_photo_is_explained(tmp_path, capsys):
    from kryptonlib import samples

    Image.fromarray((samples.load("chelsea").image * 255).astype(np.uint8)).save(tmp_path / "a.png")
    assert cli.main(["explain", str(tmp_path / "a.png"), "-o", str(tmp_path / "o.png"), "--stride", "64"]) == 0
    assert "cat" in capsys.readouterr().out
    assert Image.open(tmp_path / "o.png").size[0] >= 700


@pytest.mark.long
def test_a_photo_is_explained_to_a_quality(tmp_path, capsys):
    from kryptonlib import samples

    Image.fromarray((samples.load("chelsea").image * 255).astype(np.uint8)).save(tmp_path / "a.png")
    asked = ["explain", str(tmp_path / "a.png"), "-o", str(tmp_path / "o.png"), "--ssim", "0.8", "--stride", "12"]
    assert cli.main(asked) == 0
    assert "estimated SSIM 0." in capsys.readouterr().out
    assert cli.main([*asked[:-4], "--ssim", "2"]) == 2
    assert "between 0 and 1" in capsys.readouterr().err
