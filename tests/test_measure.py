"""The table of metrics, and ``python -m kryptonlib compare`` on files of every kind."""

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from kryptonlib import cli, losses
from kryptonlib.compare import compare


def photos(side=176):
    y = torch.from_numpy(data.astronaut()[:side, 100 : 100 + side].astype(np.float32) / 255).permute(2, 0, 1)
    y = torch.stack([y, y.flip(-1)])
    return (y + 0.05 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1), y


def test_the_table_holds_each_metric_of_each_image():
    x, y = photos()
    table = losses.measure(y, x, losses.METRICS, data_range=1.0, names=("left", "right"))
    assert table.values.shape == (2, len(losses.METRICS))
    for name, expected in {
        "l1": losses.l1(x, y, data_range=1.0),
        "l2": losses.l2(x, y, data_range=1.0),
        "psnr": losses.psnr(x, y, data_range=1.0),
        "nmse": losses.nmse(x, y),
        "ssim": losses.ssim(x, y, data_range=1.0),
        "ms_ssim": losses.ms_ssim(x, y, data_range=1.0),
        "lpips": losses.lpips(x, y),
        "lpips_vgg": losses.lpips(x, y, net="vgg"),
        "flip": losses.flip(x, y),
    }.items():
        assert table[name] == pytest.approx(expected.item(), rel=1e-5), name
    lines = str(table).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["left", "right", "mean"] and "psnr [dB]" in lines[0]
    assert table._repr_markdown_().splitlines()[1] == "|" + "-|" * (len(losses.METRICS) + 1)
    with pytest.raises(KeyError, match="was not measured"):
        table["mse"]


def test_nothing_depends_on_the_unit():
    x, y = photos()
    one, eight = (losses.measure(scale * y, scale * x, losses.METRICS, data_range=scale) for scale in (1.0, 255))
    np.testing.assert_allclose(one.values, eight.values, rtol=1e-4)


def test_grey_images_count_as_grey_photos():
    x, y = (image[:, :1] for image in photos(64))
    found = losses.measure(y, x, ("flip", "lpips", "ssim"), data_range=1.0)
    colour = losses.measure(y.expand(-1, 3, -1, -1), x.expand(-1, 3, -1, -1), ("flip", "lpips", "ssim"), data_range=1.0)
    np.testing.assert_allclose(found.values, colour.values, rtol=1e-5)


def test_the_viewing_distance_reaches_flip():
    x, y = photos(64)
    found = losses.measure(y, x, ("flip",), data_range=1.0, pixels_per_degree=20)["flip"]
    assert found == pytest.approx(losses.flip(x, y, pixels_per_degree=20).item()) != losses.flip(x, y).item()


def test_every_map_has_its_metrics_mean():
    """SSIM's of the windows; LPIPS's to a few percent, as enlarging weighs the border otherwise."""
    x, y = (image[:1] for image in photos(64))
    for name, metric in losses.METRICS.items():
        if metric.error:
            mean = metric.error(x, y, 1.0, 67.0).mean().item()
            value = metric.score(x, y, 1.0, 67.0).item()
            expected = 1 - value if metric.better == "higher" else value
            assert mean == pytest.approx(expected, rel=0.05 if "lpips" in name else 1e-5), name


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"metrics": "psnr"}, TypeError, "sequence"),
        ({"metrics": ("mse",)}, ValueError, "got mse"),
        ({"metrics": ()}, ValueError, "got none"),
        ({"names": ("a",)}, ValueError, "2 images and 1 names"),
        ({"data_range": 255}, ValueError, "measure: data_range is 255"),
        ({"test": torch.ones(2, 3, 5, 5)}, ValueError, "differ in shape"),
    ],
)
def test_what_cannot_be_measured_is_refused(change, error, words):
    x, y = photos(32)
    with pytest.raises(error, match=words):
        losses.measure(**{"reference": y, "test": x, "metrics": ("psnr",), "data_range": 1.0, **change})


def saved(path, values, **options):
    Image.fromarray(values).save(path, **options)
    return str(path)


def test_a_pair_is_compared_and_drawn(tmp_path, capsys):
    y = data.astronaut()[:170, 100:300]
    first, second = saved(tmp_path / "a.png", y), saved(tmp_path / "b.jpg", y, quality=20)
    assert cli.main(["compare", first, second, "-o", str(tmp_path / "o.png")]) == 0
    shown = capsys.readouterr().out
    for name in ("l1", "l2", "psnr", "nmse", "ssim", "ms_ssim", "lpips", "flip", "o.png"):
        assert name in shown
    assert "left out" not in shown
    drawn = np.asarray(Image.open(tmp_path / "o.png").convert("RGB"))
    assert drawn.shape[1] == 800 and drawn.std() > 30
    table, notes = compare(first, second)
    arrays = [np.array(Image.open(path)) / np.float32(255) for path in (second, first)]
    tensors = [torch.from_numpy(array).permute(2, 0, 1)[None] for array in arrays]
    assert not notes and table["flip"] == pytest.approx(losses.flip(*tensors).item(), rel=1e-5)


def test_kinds_of_files_mean_the_same_image(tmp_path):
    """16 bits, a palette, transparency that hides nothing, and grey against RGB."""
    grey = data.camera()[100:140, 100:140] // 32 * 32
    first = saved(tmp_path / "grey.png", grey)
    others = [
        saved(tmp_path / "sixteen.png", grey.astype(np.uint16) * 257),
        saved(tmp_path / "rgb.png", np.repeat(grey[..., None], 3, 2)),
        saved(tmp_path / "alpha.png", np.dstack([grey, grey, grey, np.full_like(grey, 255)])),
    ]
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.png")
    for other in [*others, tmp_path / "palette.png"]:
        table, notes = compare(first, other)
        assert table["l1"] < 1e-6 and table["psnr"] > 120 and table["ssim"] == pytest.approx(1, abs=1e-6)
        assert len(notes) == 1 and "ms_ssim is left out" in notes[0] and "161x161" in notes[0]


def test_equal_and_black_pairs_are_compared(tmp_path):
    black = saved(tmp_path / "black.png", np.zeros((40, 40, 3), np.uint8))
    table, notes = compare(black, black, tmp_path / "o.png")
    assert table["l2"] == 0 and table["psnr"] == float("inf") and (tmp_path / "o.png").exists()
    assert any(note.startswith("nmse is left out") for note in notes)


def test_a_pair_that_cannot_be_compared_ends_in_one_line(tmp_path, capsys):
    small = saved(tmp_path / "s.png", np.zeros((30, 40, 3), np.uint8))
    large = saved(tmp_path / "l.png", np.zeros((60, 80, 3), np.uint8))
    (tmp_path / "text.png").write_text("no picture")
    for arguments, words in (
        ([small, large], "s.png is 40x30, l.png is 80x60"),
        ([small, str(tmp_path / "text.png")], "text.png"),
        ([small, str(tmp_path / "none.png")], "no image file"),
        ([small, small, "-o", str(tmp_path / "none" / "o.png")], "no folder"),
        ([small, small, "--pixels-per-degree", "0"], "positive"),
    ):
        assert cli.main(["compare", *arguments]) == 2
        shown = capsys.readouterr()
        assert words in shown.err and "Traceback" not in shown.err and not shown.out
