"""Comparing denoisers, planted spots and the panel: against sums by hand, with methods whose answer is known."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from kryptonlib import restoration, samples
from kryptonlib.losses import blind
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
    figure = xray_drawing.spots({"all": [found, found._replace(contrast=16.0)]}, CLEAN, CLEAN + 5, 8)
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [0.5, 0.25])
    assert figure.axes[0].get_ylim()[0] == 0 and figure.axes[0].containers
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), CLEAN + 5)
    assert [axis.images[0].get_clim() for axis in figure.axes[2:]] == [(40, 200)] * 2
    assert figure.axes[2].get_title() == "planted: 8" and figure.axes[2].texts[0].get_text() == "grey 40 to 200"
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    figure = xray_drawing.gains({"one": values, "two": 2 * values}, [0.4, 0.6], [5, 10])
    assert [text.get_text() for text in figure.axes[1].texts] == ["2.0", "4.0", "6.0", "8.0"]
    assert figure.axes[0].images[0].get_clim() == (1, 8)
    axis = xray_drawing.bars(["a", "b"], {"one": [1, 2], "two": [3, -1]}).axes[0]
    assert sorted(bar.get_height() for bar in axis.patches) == [-1, 1, 2, 3]
    level = noise_level.estimate(noise.hybrid(CLEAN, 0.4, 5, seed=0))
    pairs = np.array([[0.4, 5.0], [0.6, 10.0]])
    figure = xray_drawing.levels(level, (0.4, 5), CLEAN - 100, pairs, {"own": pairs + 1})
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), level.variances)
    np.testing.assert_array_equal(figure.axes[2].lines[0].get_ydata(), [6, 11])
    # On the logarithmic axis too the diagonal is where estimate and truth are equal.
    x, y = figure.axes[1].lines[1].get_data()
    assert len(x) > 9 and np.array_equal(x, y)
    axis = xray_drawing.readings([20, 22], {"one": [20, 22], "two": [25, 30]}).axes[0]
    np.testing.assert_array_equal(axis.lines[1].get_data(), [[20, 22], [25, 30]])


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


def test_one_noise_level_is_the_mean_variance():
    noisy = noise.hybrid(CLEAN, 0.5, 10.0, seed=4)
    restored = xray_trial.methods(["bm3d-one-level"])["bm3d-one-level"](noisy)
    level = noise_level.estimate(noisy)
    sd = np.sqrt(np.mean(noise.variance(noisy.astype(np.float64), level.eta, level.sigma)))
    np.testing.assert_allclose(restored, 255 * classical.bm3d(noisy / 255, sd / 255).clip(0, 1), atol=0.01)
    assert xray_trial.scores(restored, CLEAN)[1] > xray_trial.scores(noisy, CLEAN)[1] + 5


def test_x_rays_come_from_samples_or_a_folder(tmp_path):
    (found,) = xray_trial.xrays("", ["xray-extremity", "xray-chest"], 40, 1)
    np.testing.assert_allclose(found, xray_trial.middle(xray_trial.halved(samples.load("xray-extremity").image), 40))
    Image.fromarray(np.full((60, 50), 99, np.uint8)).save(tmp_path / "00000001_000.png")
    rows = "Image Index,Finding Labels,Patient ID\n00000001_000.png,No Finding,1\n00000002_000.png,No Finding,2\n"
    (tmp_path / "Data_Entry_2017.csv").write_text(rows)
    (found,) = xray_trial.xrays(str(tmp_path), ["xray-chest"], 40, 5)
    np.testing.assert_allclose(found, np.full((40, 40), 99.0))


def test_the_table_has_means_beside_the_papers():
    found = {"noisy": np.array([[18, 24, 0.5, 0], [20, 26, 0.7, 0]]), "bm3d": np.ones((1, 4)), "x": np.ones((1, 4))}
    text = xray_trial.as_table(found, {"noisy": 0.0, "bm3d": 0.25, "x": 1.5})
    assert "| noisy | 19.00 | 25.00 | 0.600 | - | 18.88 | 24.19 | 0.510 | - |" in text
    assert "| BM3D | 1.00 | 1.00 | 1.000 | 0.250 | 29.28 | 34.59 | 0.864 | 0.152 |" in text
    assert "| x | 1.00 | 1.00 | 1.000 | 1.500 | - | - | - | - |" in text
    assert len({line.count("|") for line in text.splitlines()}) == 1


def test_seconds_are_of_every_method_on_the_whole_image():
    seen = []
    methods = {"one": lambda noisy: seen.append(noisy.shape), "two": lambda noisy: None}
    spent = xray_trial.seconds(methods, np.ones((99, 80)))
    assert list(spent) == ["one", "two"] and min(spent.values()) >= 0 and seen == [(64, 64), (99, 80)]


def test_table_2_has_every_level_and_the_papers_numbers_in_brackets():
    levels = [(0.4, 5), (0.8, 15)]
    methods = {"noisy": lambda noisy: noisy, "xray-dncnn": lambda noisy: CLEAN}
    found = xray_trial.table_2(methods, [CLEAN, CLEAN], levels, seed=2)
    assert found["noisy"].shape == (2, 2, 4)
    noisy = noise.hybrid(CLEAN, 0.8, 15, seed=1003)
    np.testing.assert_allclose(found["noisy"][1, 1, :3], xray_trial.scores(noisy, CLEAN), rtol=1e-5)
    known = {"noisy": np.full((2, 1, 4), 20.0), "xray-dncnn": np.tile([30.0, 33.0, 0.9, 1.0], (2, 1, 1))}
    text = xray_trial.table_2_as_markdown(known, levels).splitlines()
    assert text[0] == "| η | σ | noisy, PSNR | DnCNN, PSNR | DnCNN, SSIM |" and len(text) == 4
    assert text[2] == "| 0.4 | 5 | 20.00 (22.52) | 33.00 (35.22) | 0.900 (0.983) |"
    assert text[3] == "| 0.8 | 15 | 20.00 (22.30) | 33.00 (34.98) | 0.900 (0.982) |"
    with pytest.raises(KeyError):
        xray_trial.table_2_as_markdown(known, [(0.5, 5), (0.8, 15)])


def test_map_errors_are_shares_of_the_truth():
    true = noise.level_maps(0.4, 5, (6, 6))[0].numpy().copy()
    np.testing.assert_allclose(xray_trial.map_errors(true, 0.4, 5, 120.0), 0, atol=1e-6)
    true[1] *= np.tile([0.7, 0.9], 3)
    true[0] *= 1.5
    spread, photon, electronic, total = xray_trial.map_errors(true, 0.4, 5, 120.0)
    assert (spread, photon, electronic) == pytest.approx((0.1, -0.2, 0.5), abs=1e-6)
    assert total == pytest.approx(np.sqrt((0.64 * 120 / 0.4 + 1.5**2 * 25) / (120 / 0.4 + 25)) - 1)


def test_the_share_of_ssim_is_that_of_the_loss(network):
    share = xray_trial.ssim_share(network, CLEAN, 0.4, 5, seed=2)
    pair = noise.hybrid(CLEAN, 0.4, 5, seed=2), CLEAN
    noisy, clean = (torch.from_numpy(np.float32(one / 255))[None, None] for one in pair)
    restored, maps = network.both(noisy)
    levels = noise.level_maps(0.4, 5, maps.shape[2:])
    both = [
        blind.blind(restored, clean, 10 * maps, 10 * levels, data_range=1.0, shares={**blind.SHARES, "ssim": weight})[0]
        for weight in (blind.SHARES["ssim"], 0.0)
    ]
    assert share == pytest.approx(1 - float(both[1] / both[0]), abs=1e-5) and 0 < share < 1


def test_noise_that_was_not_learned():
    kinds = xray_trial.unlearned([CLEAN], np.full((48, 48), 90.0))
    assert len(kinds) == 6 and kinds["CT slice\n(0.6, 10)"][0][0].shape == (48, 48)
    spread = {name.split("\n")[0]: float((spoil(CLEAN) - CLEAN).std()) for name, (_, spoil) in kinds.items()}
    assert min(spread["dose"], spread["electronics"]) > spread["learned"] + 5
    assert len(np.unique(kinds["12 grey\nlevels"][1](CLEAN))) <= 12


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
    small, whole = nodule.trials(keeps(1.0), [CLEAN], [4, 40], **settings)
    assert whole.share == pytest.approx(1, abs=0.05) and whole.present.shape == (1, 12)
    # With the same noise the photons of the spot alone are left to chance.
    assert small.share == pytest.approx(1, abs=4 * small.share_error) and small.share_error < 0.1
    np.testing.assert_array_equal(small.absent, whole.absent)
    (half,) = nodule.trials(keeps(0.5), [CLEAN], [40], **settings)
    assert half.share == pytest.approx(whole.share / 2, rel=1e-3)
    # Contrast and chance shrink alike: what can be detected stays.
    assert half.index == pytest.approx(whole.index, rel=1e-3)
    (gone,) = nodule.trials(lambda noisy: CLEAN + 0 * noisy, [CLEAN], [40], **settings)
    assert gone.share == gone.bias == gone.deviation == 0


def test_noise_with_a_spot_is_hybrid_noise_of_the_image_with_the_spot():
    flat, seen = np.full((32, 32), 60.0), []
    settings = {"radius": 6.0, "eta": 0.5, "sigma": 5.0, "draws": 400}
    nodule.trials(lambda noisy: seen.append(noisy) or noisy, [flat], [40], **settings)
    planted = np.array(seen[1::2])
    mean = flat + 40 * nodule.spot(32, 6.0)
    # Mean and variance of every pixel, within what 400 draws leave.
    assert np.abs((planted.mean(0) - mean) / np.sqrt(noise.variance(mean, 0.5, 5.0) / 400)).max() < 5
    assert np.abs(planted.var(0, ddof=1) / noise.variance(mean, 0.5, 5.0) - 1).max() < 5 * np.sqrt(2 / 400)
    seen.clear()
    settings["draws"] = 2
    nodule.trials(lambda noisy: seen.append(noisy) or noisy, [np.full((32, 32), 250.0)], [40], **settings)
    assert max(image.max() for image in seen) <= 255


def test_the_index_is_the_distance_in_deviations():
    kept = nodule.Kept(np.array([[5.0, 7.0], [15.0, 17.0]]), np.array([[1.0, 3.0], [11.0, 13.0]]), 8.0)
    assert kept.share == 0.5 and kept.index == pytest.approx(4 / np.sqrt(2))
    assert kept.bias == 7 and kept.deviation == pytest.approx(np.sqrt(2)) and kept.share_error == 0
    other = nodule.Kept(np.array([[5.0, 9.0]]), np.array([[1.0, 3.0]]), 8.0)
    assert other.share_error == pytest.approx(np.std([0.5, 0.75], ddof=1) / np.sqrt(2))


def test_the_table_and_the_verdict_say_what_was_found():
    def found(contrast, share, error):
        # Differences share - d, share, share + d of the contrast have this standard error.
        d = error * np.sqrt(3)
        return nodule.Kept(contrast * np.array([[share - d, share, share + d]]), np.zeros((1, 3)), float(contrast))

    trials = {"noisy": [found(2, 0.95, 0.1), found(8, 1.0, 0.02)], "hard": [found(2, 0.1, 0.1), found(8, 0.5, 0.1)]}
    assert nodule.as_table(trials).splitlines()[0] == "| kept at a contrast of | 2 | 8 |"
    assert nodule.as_table(trials).splitlines()[3] == "| hard | 0.10 ± 0.10 | 0.50 ± 0.10 |"
    assert nodule.verdict(trials) == (
        "At some contrast the spot is erased. Noisy keeps it at every contrast: 0.95 to 1.00 of it is left. "
        "Hard erases it at 2 and shrinks it at 8: 0.10 to 0.50 of it is left."
    )
    assert nodule.verdict({"X": [found(2, 0.6, 0.1)]}) == (
        "None erases the spot. X shrinks it at every contrast: 0.60 of it is left."
    )


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
    for contrasts, draws in (([0], 4), ([], 4), ([8, -8], 4), ([10], 1)):
        with pytest.raises(ValueError, match="expected contrasts above 0, at least 2 draws"):
            nodule.trials(lambda noisy: noisy, [CLEAN], contrasts, radius=6.0, eta=1.0, sigma=5.0, draws=draws)


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
    assert [text.get_text() for text in right.get_legend().texts][0] == "true: η 0.6, σ 15"


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
