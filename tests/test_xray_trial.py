"""Comparing denoisers, planted spots and the panel: against sums by hand, with methods whose answer is known."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from kryptonlib import restoration, samples
from kryptonlib.restoration import classical, noise, noise_level, nodule, stabilisation, xray_drawing, xray_trial
from kryptonlib.restoration.restore import Restorer
from kryptonlib.widgets import xray_dose

CLEAN = np.tile(np.linspace(40, 200, 64), (64, 1))


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Restorer("tiny", restoration.build({"network": "xbdcnn", "levels": (4, 4, 4)})).network


def test_scores_are_their_definitions():
    restored = CLEAN + np.random.default_rng(0).normal(0, 5, CLEAN.shape)
    snr, psnr, ssim = xray_trial.scores(restored, CLEAN)
    error = np.square(restored - CLEAN).sum()
    assert snr == pytest.approx(10 * np.log10(np.square(CLEAN).sum() / error), abs=1e-3)
    assert psnr == pytest.approx(10 * np.log10(255**2 * CLEAN.size / error), abs=1e-3)
    # Their difference is a number of the clean image alone.
    assert snr - psnr == pytest.approx(20 * np.log10(np.sqrt(np.square(CLEAN).mean()) / 255), abs=1e-3)
    assert 0 < ssim < 1


def test_middle_and_halved():
    image = np.arange(42.0).reshape(6, 7) / 42
    np.testing.assert_allclose(xray_trial.middle(image, 2), 255 * image[2:4, 2:4])
    small = xray_trial.halved(image)
    assert small.shape == (3, 3) and small[0, 0] == pytest.approx(image[:2, :2].mean())
    with pytest.raises(ValueError, match="smaller than 8x8"):
        xray_trial.middle(image, 8)


def test_drawings_show_what_they_are_given():
    found = nodule.Kept(np.array([[5.0, 7.0]]), np.array([[1.0, 3.0]]), 8.0)
    figure = xray_drawing.spots([8, 16], {"all": [found, found]}, CLEAN, CLEAN + 5)
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [0.5, 0.5])
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), CLEAN + 5)
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    figure = xray_drawing.gains({"one": values, "two": 2 * values}, [0.4, 0.6], [5, 10])
    assert [text.get_text() for text in figure.axes[1].texts] == ["2.0", "4.0", "6.0", "8.0"]
    assert figure.axes[0].images[0].get_clim() == (0, 8)
    axis = xray_drawing.bars(["a", "b"], {"one": [1, 2], "two": [3, -1]}).axes[0]
    assert sorted(bar.get_height() for bar in axis.patches) == [-1, 1, 2, 3]
    level = noise_level.estimate(noise.hybrid(CLEAN, 0.4, 5, seed=0))
    pairs = np.array([[0.4, 5.0], [0.6, 10.0]])
    figure = xray_drawing.levels(level, (0.4, 5), CLEAN - 100, pairs, {"own": pairs + 1})
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), level.variances)
    np.testing.assert_array_equal(figure.axes[2].lines[0].get_ydata(), [6, 11])


def test_all_methods_get_the_same_noisy_images():
    given = {"one": [], "other": []}

    def watch(name):
        return lambda noisy: given[name].append(noisy) or noisy

    levels = [(0.4, 5), (1.0, 15)]
    found = xray_trial.compare({name: watch(name) for name in given}, [CLEAN, CLEAN], levels, seed=3)
    for number, (eta, sigma) in enumerate(levels):
        noisy = noise.hybrid(CLEAN, eta, sigma, seed=3 + number)
        np.testing.assert_array_equal(given["one"][number], noisy)
        np.testing.assert_array_equal(given["other"][number], noisy)
        np.testing.assert_allclose(found["one"][number, :3], xray_trial.scores(noisy, CLEAN))
    assert found["one"].shape == (2, 4) and (found["one"][:, 3] >= 0).all()


def test_a_surface_has_the_psnr_of_every_cell():
    found = xray_trial.surfaces(xray_trial.methods(["noisy"]), [CLEAN] * 2, [0.4, 1.9], [0, 10, 20])["noisy"]
    assert found.shape == (2, 3, 2)
    # More photons or less electronic noise: less noise.
    assert (np.diff(found, axis=0) > 0).all() and (np.diff(found, axis=1) < 0).all()


@pytest.mark.parametrize("name", ["total-variation", "non-local-means"])
def test_classical_methods_are_blind_and_use_their_estimate(name):
    noisy = noise.hybrid(CLEAN, 0.5, 10.0, seed=4)
    restored = xray_trial.methods([name])[name](noisy)
    assert xray_trial.scores(restored, CLEAN)[1] > xray_trial.scores(noisy, CLEAN)[1] + 5
    strength = xray_trial.STRENGTHS[name]
    by_truth = stabilisation.stabilised(
        lambda image, sd: classical.METHODS[name](image, sd, strength=strength), noisy, 0.5, 10.0
    )
    assert xray_trial.scores(restored, CLEAN)[1] == pytest.approx(xray_trial.scores(by_truth, CLEAN)[1], abs=1.0)


def test_x_rays_come_from_samples_or_a_folder(tmp_path):
    (found,) = xray_trial.xrays("", ["xray-extremity", "xray-chest"], 40, 1)
    np.testing.assert_allclose(found, xray_trial.middle(xray_trial.halved(samples.load("xray-extremity").image), 40))
    Image.fromarray(np.full((60, 50), 99, np.uint8)).save(tmp_path / "00000001_000.png")
    rows = "Image Index,Finding Labels,Patient ID\n00000001_000.png,No Finding,1\n00000002_000.png,No Finding,2\n"
    (tmp_path / "Data_Entry_2017.csv").write_text(rows)
    (found,) = xray_trial.xrays(str(tmp_path), ["xray-chest"], 40, 5)
    np.testing.assert_allclose(found, np.full((40, 40), 99.0))


def test_the_table_has_means_beside_the_papers():
    text = xray_trial.as_table({"noisy": np.array([[18, 24, 0.5, 0], [20, 26, 0.7, 0]]), "x": np.ones((1, 4))})
    assert "| noisy | 19.00 | 25.00 | 0.600 | 0 | 24.1916 | 0.51 |" in text
    assert "| x | 1.00 | 1.00 | 1.000 | 1 |  |  |" in text


def test_estimates_of_both_kinds_beside_the_truth(network):
    truth, own, line = xray_trial.estimates(network, [CLEAN, CLEAN], [(0.4, 5), (0.8, 15)], seed=1)
    np.testing.assert_allclose(truth, [(0.4, 5), (0.4, 5), (0.8, 15), (0.8, 15)])
    noisy = noise.hybrid(CLEAN, 0.8, 15, seed=102)
    np.testing.assert_allclose(line[3], noise_level.estimate(noisy)[:2])
    maps = network.both(torch.from_numpy(noisy / 255)[None, None])[1]
    np.testing.assert_allclose(own[3], [float(level) for level in noise.levels_of_maps(maps)], rtol=1e-5)


def test_unknown_methods_and_missing_levels_are_refused():
    with pytest.raises(ValueError, match="did you mean xray-dncnn"):
        xray_trial.methods(["xray-dncn"])
    with pytest.raises(ValueError, match="each image needs one"):
        xray_trial.compare({}, [CLEAN], [])


# Planted spots.


def test_a_spot_is_read_as_its_contrast_and_anatomy_is_not():
    template = nodule.spot(64, 6.0)
    assert template.max() == pytest.approx(1, abs=0.06) and template[0, 0] == 0
    np.testing.assert_array_equal(template, template[::-1, ::-1])
    assert nodule.reading(CLEAN - 8 * template, CLEAN, template) == pytest.approx(-8)
    assert nodule.reading(CLEAN, CLEAN, template) == 0


def test_a_method_that_keeps_all_half_or_nothing():
    def keeps(share):
        return lambda noisy: CLEAN + share * (noisy - CLEAN)

    settings = {"radius": 6.0, "eta": 1.0, "sigma": 5.0, "draws": 12}
    whole = nodule.trial(keeps(1.0), [CLEAN], 40, **settings)
    assert whole.share == pytest.approx(1, abs=0.15) and whole.present.shape == (1, 12)
    half = nodule.trial(keeps(0.5), [CLEAN], 40, **settings)
    assert half.share == pytest.approx(whole.share / 2, rel=1e-3)
    # Contrast and chance shrink alike: what can be detected stays.
    assert half.index == pytest.approx(whole.index, rel=1e-3)
    assert nodule.trial(lambda noisy: CLEAN + 0 * noisy, [CLEAN], 40, **settings).share == 0


def test_the_index_is_the_distance_in_deviations():
    kept = nodule.Kept(np.array([[5.0, 7.0], [15.0, 17.0]]), np.array([[1.0, 3.0], [11.0, 13.0]]), 8.0)
    assert kept.share == 0.5 and kept.index == pytest.approx(4 / np.sqrt(2))


def test_pieces_are_neither_black_nor_white():
    image = np.tile(np.linspace(0, 255, 300), (200, 1))
    found = nodule.pieces(image, 5, 32, seed=1)
    assert len(found) == 5 and all(piece.shape == (32, 32) and 40 < piece.mean() < 200 for piece in found)
    np.testing.assert_array_equal(found, nodule.pieces(image, 5, 32, seed=1))
    with pytest.raises(ValueError, match="another image"):
        nodule.pieces(np.zeros((200, 300)), 1, 32)
    with pytest.raises(ValueError, match="for squares of 180x180"):
        nodule.pieces(image, 1, 180)


@pytest.mark.parametrize("arguments, message", [((5, 3.0), "radius <= side / 2"), ((0, 1.0), "got side 0")])
def test_a_spot_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        nodule.spot(*arguments)


def test_a_trial_needs_a_contrast_and_two_draws():
    for contrast, draws in ((0, 4), (10, 1)):
        with pytest.raises(ValueError, match="expected a contrast and at least 2 draws"):
            nodule.trial(lambda noisy: noisy, [CLEAN], contrast, radius=6.0, eta=1.0, sigma=5.0, draws=draws)


# The panel.


def test_a_view_has_the_noise_the_network_and_both_estimates(network):
    shown = xray_dose.view(network, CLEAN, 0.4, 10, seed=2)
    noisy = noise.hybrid(CLEAN, 0.4, 10, seed=2) / 255
    np.testing.assert_array_equal(shown.noisy, noisy)
    np.testing.assert_allclose(shown.restored, restoration.apply(network, noisy), atol=1e-6)
    assert shown.true == (0.4, 10) and len(shown.by_network) == len(shown.by_variance) == 2


def test_the_drawing_shows_image_and_noise(network):
    left, middle, right = xray_dose.render(network, CLEAN, 0.6, 15).axes
    shown = xray_dose.view(network, CLEAN, 0.6, 15)
    np.testing.assert_array_equal(left.images[0].get_array(), shown.noisy)
    np.testing.assert_array_equal(middle.images[0].get_array(), shown.restored)
    places, true = right.lines[0].get_data()
    np.testing.assert_allclose(true**2, noise.variance(places, 0.6, 15))


def test_controls_redraw(network, monkeypatch):
    shown = []
    monkeypatch.setattr(xray_dose, "display", shown.append)
    box = xray_dose.explore(network, CLEAN)
    assert shown == [box] and "0.4 photons per grey level, electronic noise 10" in box.picture.value
    for name, value in (("eta", 0.1), ("sigma", 40)):
        before = box.picture.value
        box.controls[name].value = value
        assert box.picture.value != before and box.controls[name].tooltip
    assert "0.1 photons per grey level, electronic noise 40" in box.picture.value


def test_a_network_that_estimates_nothing_has_no_panel():
    with pytest.raises(ValueError, match="no noise-level sub-network"):
        xray_dose.view(restoration.build({"network": "recnn", "width": 4}), CLEAN, 0.4, 10)
