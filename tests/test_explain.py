"""``python -m kryptonlib explain``: reading a reader's file and finding the class that is meant."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from kryptonlib import cli
from kryptonlib.explain import class_number, read_image

CNN = SimpleNamespace(name="net", class_names=["tabby cat", "tiger cat", "dog", "hot dog"])


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_eight_bit_pictures_are_read_exactly(shape, tmp_path):
    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, values.astype(np.float32) / 255)


def test_sixteen_bit_pictures_keep_their_range(tmp_path):
    values = np.array([[0, 65535], [256, 1]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), values / 65535, rtol=1e-6)


def test_transparent_and_turned_pictures_become_upright_rgb(tmp_path):
    Image.new("RGBA", (5, 4), (255, 0, 0, 128)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape == (4, 5, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (5, 4)).save(tmp_path / "b.jpg", exif=exif)
    assert read_image(tmp_path / "b.jpg").shape == (5, 4, 3)


@pytest.mark.parametrize("target, number", [(None, None), ("1", 1), ("dog", 2), ("DOG", 2), ("tabby", 0)])
def test_a_class_is_found_by_number_and_by_name(target, number):
    assert class_number(CNN, target) == number


@pytest.mark.parametrize(
    "target, words", [("4", "0 to 3"), ("cat", "2 classes fit 'cat': 0 tabby cat"), ("eel", "no class")]
)
def test_a_class_that_cannot_be_meant_is_refused(target, words):
    with pytest.raises(ValueError, match=words):
        class_number(CNN, target)


def test_bad_files_end_in_one_clear_line(tmp_path, capsys):
    (tmp_path / "a.png").write_text("no picture")
    assert cli.main(["explain", str(tmp_path / "a.png"), "-o", str(tmp_path / "o.png")]) == 2
    assert "is no picture that can be read" in capsys.readouterr().err
    assert cli.main(["explain", str(tmp_path / "b.png"), "-o", str(tmp_path / "o.png")]) == 2
    assert "there is no image file" in capsys.readouterr().err
    assert cli.main(["explain", str(tmp_path / "a.png"), "-o", str(tmp_path / "none" / "o.png")]) == 2
    assert "there is no folder" in capsys.readouterr().err


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
