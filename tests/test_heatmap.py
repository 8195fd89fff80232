"""The result: per-pixel means, saving and loading, and what a reader sees."""

import base64
import io
import json
import re
import zipfile

import numpy as np
import pytest
from matplotlib import pyplot as plt

from kryptonlib import plots
from kryptonlib.occlusion import Heatmap, make_grid


def heat_of(targets=None, seed=0, cover="grid"):
    rng = np.random.default_rng(seed)
    grid = make_grid((14, 19), (4, 5), (3, 4), cover=cover)
    shape = grid.shape if targets is None else (len(targets), *grid.shape)
    return Heatmap(
        values=rng.random(shape),
        grid=grid,
        target=3 if targets is None else targets,
        baseline=0.75 if targets is None else rng.random(len(targets)),
        score="probability",
        seconds=1.5,
        method="full",
        fill="(0.1, 0.2, 0.3)",
        names=("cat <tiger>",) if targets is None else tuple(f"class {t}" for t in targets),
        picture=rng.random((14, 19, 3)).astype(np.float32),
        info={"batch_size": 8, "passes": len(grid)},
    )


def picture_in(html):
    return plt.imread(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", html)[1])))


@pytest.mark.parametrize("targets", [None, (1, 4)])
def test_attribution_is_baseline_minus_pixels(targets):
    heat = heat_of(targets, cover="flush")
    base = np.asarray(heat.baseline).reshape(-1, 1, 1)
    expected = base - heat.grid.per_pixel(heat.values.reshape(-1, *heat.grid.shape))
    np.testing.assert_allclose(heat.attribution().reshape(expected.shape), expected, rtol=0, atol=1e-15)
    assert heat.attribution().shape == heat.values.shape[:-2] + (14, 19)


def test_a_pixel_that_no_patch_covers_is_nan():
    heat = heat_of()
    uncovered = heat.grid.covered() == 0
    assert uncovered.any()
    np.testing.assert_array_equal(np.isnan(heat.pixels()), uncovered)
    np.testing.assert_array_equal(np.isnan(heat.attribution()), uncovered)


@pytest.mark.parametrize("targets", [None, (1, 4)])
def test_what_is_saved_is_loaded(tmp_path, targets):
    heat, path = heat_of(targets), tmp_path / "map.npz"
    heat.save(path)
    back = Heatmap.load(path)
    for name in Heatmap.__dataclass_fields__:
        kept, read = getattr(heat, name), getattr(back, name)
        assert type(read) is type(kept), name
        if isinstance(kept, np.ndarray):
            assert read.dtype == kept.dtype
            np.testing.assert_array_equal(read, kept)
        else:
            assert read == kept
    with zipfile.ZipFile(path) as archive:
        assert not any(b"pickle" in archive.read(name)[:200] for name in archive.namelist())


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, values=np.zeros(3))
    with pytest.raises(ValueError, match="not a heat map"):
        Heatmap.load(path)


@pytest.mark.parametrize("damage", ["text", "empty", "cut", "no metadata", "a field too many", "other shape", "pickle"])
def test_a_damaged_file_is_a_value_error(tmp_path, damage):
    path = tmp_path / "map.npz"
    heat_of().save(path)
    with np.load(path) as stored:
        held = dict(stored)
    told = json.loads(str(held["metadata"]))
    if damage == "text":
        path.write_text("no heat map")
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "pickle":
        np.savez(path, metadata=np.array([{}], dtype=object))
    else:
        if damage == "no metadata":
            del held["metadata"]
        elif damage == "a field too many":
            held["metadata"] = np.array(json.dumps({**told, "more": 1}))
        else:
            held["values"] = held["values"][1:]
        np.savez(path, **held)
    with pytest.raises(ValueError, match="map.npz is not a heat map written by Heatmap.save, or it is damaged"):
        Heatmap.load(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        Heatmap.load(tmp_path / "none.npz")


@pytest.mark.parametrize("targets", [None, (1, 4)])
def test_it_prints_as_one_line(targets):
    heat = heat_of(targets)
    text = repr(heat)
    assert "\n" not in text and len(text) < 200
    rows, columns = heat.grid.shape
    for part in (*heat.names, "probability", f"{rows}x{columns} positions of a 4x5 patch", "full", "1.5 s"):
        assert part in text
    assert "SSIM" not in text
    heat.info["estimated_ssim"] = [0.95, 0.9, 0.97, 48]
    assert "estimated SSIM 0.95" in repr(heat)


def test_summary_of_a_map_that_knows_nothing():
    heat = heat_of()
    heat.values[:] = np.nan
    assert heat.summary() == "cat <tiger>: probability 0.750 of the clean image, and no position is known"


def test_summary_names_the_lowest_position():
    heat = heat_of()
    heat.values[1, 2] = -0.5
    assert "cat <tiger>: probability 0.750" in heat.summary()
    assert "-0.500 with the patch at row 3, column 8" in heat.summary()


@pytest.mark.parametrize("targets", [None, (1, 4)])
def test_html_shows_a_picture_with_an_escaped_alt_text(targets):
    heat = heat_of(targets)
    html = heat._repr_html_()
    alt = re.search(r'alt="([^"]+)"', html)[1]
    assert "side by side" in alt and "<" not in alt
    shown = picture_in(html)
    assert shown.shape[1] > 2 * shown.shape[0] / (1 if targets is None else 2)
    assert not plt.get_fignums()
    other = heat_of(targets, seed=1)
    other.picture = heat.picture
    assert not np.array_equal(picture_in(other._repr_html_()), shown)


@pytest.mark.parametrize("cover", ["grid", "flush"])
def test_the_plot_shows_the_values_where_the_patches_lie(cover):
    heat = heat_of(cover=cover)
    figure = plots.heatmap(heat)
    mesh = figure.axes[1].collections[0]
    np.testing.assert_array_equal(np.reshape(mesh.get_array(), heat.values.shape), heat.values)
    corners = mesh.get_coordinates()
    for row, top in enumerate(heat.grid.tops):
        for column, left in enumerate(heat.grid.lefts):
            (low_x, low_y), (high_x, high_y) = corners[row, column], corners[row + 1, column + 1]
            # The centre of the patch lies in its cell.
            assert low_x < left + 2.5 < high_x and low_y < top + 2 < high_y
    plt.close(figure)


def test_a_flat_map_can_be_drawn():
    heat = heat_of()
    heat.values[:] = heat.baseline
    plt.close(plots.heatmap(heat))


@pytest.mark.parametrize(
    "arguments, message",
    [(dict(image=np.zeros((5, 5))), "picture of"), (dict(titles=["a", "b"]), "1 targets and 2 titles")],
)
def test_the_plot_refuses_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        plots.heatmap(heat_of(), **arguments)
