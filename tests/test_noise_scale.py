"""Metrics read as levels of noise, the drawings of notebook 10, and its panel."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from skimage import data

from kryptonlib import losses
from kryptonlib.losses import distortions, drawing, noise_scale
from kryptonlib.widgets import loss_panel

PHOTO = torch.from_numpy(data.astronaut()[:176, 150:326].astype(np.float32) / 255).permute(2, 0, 1)[None]


@pytest.fixture(scope="module")
def scale():
    return noise_scale.NoiseScale(PHOTO)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def noisy(level, seed):
    noise = torch.randn(PHOTO.shape, generator=torch.Generator().manual_seed(seed))
    return PHOTO + level / 255 * noise / noise.square().mean().sqrt()


def test_noise_reads_as_itself(scale):
    """The pattern of the scale exactly, at its levels and between them; another pattern nearly."""
    for level, tolerance in ((noise_scale.LEVELS[5], 1e-4), (10.0, 0.02)):
        for name, found in scale.read(noisy(level, 0)).items():
            assert found[0] == pytest.approx(level, rel=tolerance), name
    for name, found in scale.read(torch.cat([noisy(10.0, 5), noisy(30.0, 5)])).items():
        assert found == pytest.approx([10, 30], rel=0.1), name


def test_l2_reads_as_the_root_of_the_error(scale):
    changed, strengths, error = distortions.all_matched(PHOTO)
    levels = scale.read(changed)
    np.testing.assert_allclose(levels["l2"], 255 * error**0.5, rtol=2e-3)
    # Of a constant error d everywhere l1 is d, and of noise sqrt(2 / pi) of its level.
    assert levels["l1"][6] == pytest.approx(255 * error**0.5 * (np.pi / 2) ** 0.5, rel=0.02)


def test_distances_are_the_losses(scale):
    x = noisy(20.0, 3)
    found = scale.measure(x)
    expected = {
        "l1": losses.l1(x, PHOTO, data_range=1.0),
        "SSIM": 1 - losses.ssim(x, PHOTO, data_range=1.0),
        "MS-SSIM": 1 - losses.ms_ssim(x, PHOTO, data_range=1.0),
        "l1 + MS-SSIM": losses.l1_ms_ssim(x, PHOTO, data_range=1.0),
        "LPIPS": losses.lpips(x, PHOTO),
        "LPIPS + l2": losses.lpips(x, PHOTO) + 10 * losses.l2(x, PHOTO, data_range=1.0),
        "FLIP": losses.flip(x, PHOTO),
    }
    assert set(expected) < set(found)
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(float(value), rel=1e-5), name


def test_the_scale_ends_where_the_noise_does(scale):
    assert scale.levels_of("l2", 0.0) == pytest.approx(noise_scale.LEVELS[0])
    assert scale.levels_of("l2", 1e9) == pytest.approx(noise_scale.LEVELS[-1])
    assert scale.levels_of("l2", np.array([(1 / 255) ** 2, (4 / 255) ** 2])) == pytest.approx([1, 4], rel=1e-3)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: noise_scale.NoiseScale(torch.cat([PHOTO, PHOTO])), ValueError, "one photo"),
        (lambda: noise_scale.NoiseScale(PHOTO[:, :1]), ValueError, "3 channel"),
        (lambda: noise_scale.NoiseScale(PHOTO, levels=(2.0, 1.0)), ValueError, "must be positive and grow"),
        (lambda: noise_scale.NoiseScale(PHOTO, levels=(0.0, 1.0)), ValueError, "must be positive and grow"),
        (lambda: noise_scale.NoiseScale(PHOTO, {"flat": lambda x, y: torch.ones(len(x))}), ValueError, "flat does not"),
    ],
)
def test_bad_input_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_metric_that_was_not_measured_is_named(scale):
    with pytest.raises(ValueError, match="'psnr' was not measured"):
        scale.levels_of("psnr", 1.0)


def test_error_maps_show_value_and_place():
    changed = torch.cat([distortions.distort(PHOTO, name, 10.0) for name in ("noise", "hole")])
    metrics = {"l1": "l1", "ssim": "1 - SSIM"}
    figure = drawing.error_maps(PHOTO.expand_as(changed), changed, ["a", "b"], metrics, side=64)
    places = figure.axes[:6]
    assert [place.get_title() for place in places[:2]] == ["a", "b"]
    value = losses.ssim(changed[:1], PHOTO, data_range=1.0)
    assert places[4].get_xlabel() == f"{1 - value:.2g}"
    expected = losses.l1_map(changed[1:], PHOTO, data_range=1.0)[0, 0, 56:120, 56:120]
    np.testing.assert_allclose(places[3].images[0].get_array(), expected)
    assert {place.images[0].get_array().shape[:2] for place in places} == {(64, 64)}


def test_the_table_of_factors_and_the_roads_hold_what_they_are_given():
    table = drawing.noise_table([[0.5, 1.0], [2.0, 3.25]], ["shift", "blur"], ["l1", "l2"])
    texts = [text.get_text() for text in table.axes[0].texts]
    assert texts == ["0.50", "1.00", "2.00", "3.25"]
    assert [label.get_text() for label in table.axes[0].get_yticklabels()] == ["shift", "blur"]
    path = np.array([[60, 70], [10, 20], [0.01, 0.5]])
    road = drawing.roads({"l2": path}, low=0.3, high=100).axes[0]
    np.testing.assert_allclose(road.lines[0].get_xydata(), [[60, 70], [10, 20], [0.3, 0.5]])


def test_the_panel_draws_every_change(scale):
    figure = loss_panel.render(PHOTO, "brightness", 24.0, scale)
    lengths = dict(zip([label.get_text() for label in figure.axes[2].get_yticklabels()],
                       [bar.get_width() for bar in figure.axes[2].patches]))  # fmt: skip
    _, levels = loss_panel.read(PHOTO, "brightness", 24.0, scale)
    assert lengths == pytest.approx(levels) and levels["FLIP"] > levels["l2"] > levels["MS-SSIM"]
    with pytest.raises(ValueError, match="from 0 to 96"):
        loss_panel.render(PHOTO, "brightness", 500.0, scale)


def test_controls_redraw_and_keep_the_strength_in_its_limits():
    box = loss_panel.panel(PHOTO)
    assert "shift, 1 px" in box.picture.value
    for name in ("hue", "shift"):
        box.controls["change"].value = name
        strongest = distortions.DISTORTIONS[name].strongest
        assert box.controls["strength"].max == strongest and box.controls["strength"].value == strongest / 8
        assert f'alt="{name}, ' in box.picture.value
    before = box.picture.value
    box.controls["strength"].value = 0.0
    assert box.picture.value != before and "shift, 0 px" in box.picture.value
