"""What notebook 12 measures, on made-up volumes and methods whose answers are known; its tables and drawings."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

from kryptonlib import datasets, losses
from kryptonlib.restoration import kspace, lesions, mri_drawing, mri_study, mri_tables, volumes
from kryptonlib.restoration.masks import column_mask
from kryptonlib.restoration.mri import zero_filled

RNG = np.random.default_rng(8)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def tissue(side=180, level=0.35):
    """A round head of one brightness with a little texture, in air."""
    rows, columns = np.mgrid[:side, :side] - side / 2
    inside = np.hypot(rows, columns) < 0.42 * side
    return (inside * (level + 0.02 * RNG.random((side, side)))).astype(np.float32)


HEAD = volumes.Volume("made-up", "made-up", np.stack([tissue() for _ in range(6)]))
EXACT = {
    "masked": lambda given, measured, mask: given,
    "half": lambda given, measured, mask: 0.5 * given,
}


# Volumes.


def test_prepared_volumes_are_trimmed_and_on_one_scale():
    small = RNG.random((4, 60, 60)).astype(np.float32)
    large = abs(kspace.to_image(np.pad(kspace.to_kspace(small), ((0, 0), (20, 20), (20, 20)))))
    made = volumes.prepared(1000 * large, "x", "p", publishable=False)
    assert made.images.dtype == np.float32 and (made.person, made.publishable) == ("p", False)
    # 0.6 of 100 lines a side, and the two lines that the mean over five adds.
    assert made.images.shape[0] == 4 and 58 <= made.images.shape[1] == made.images.shape[2] <= 66
    assert (made.images == 1).mean() == pytest.approx(1 - volumes.BRIGHTEST, abs=3e-3)


def test_a_volume_is_masked_by_one_mask():
    given, mask = HEAD.masked(8, 5)
    np.testing.assert_array_equal(mask, column_mask(180, 8, 5))
    np.testing.assert_allclose(given[2], zero_filled(HEAD.images[2], mask), atol=1e-6)


def test_a_scanners_files_are_masked_in_their_own_kspace(tmp_path):
    """fastMRI: k-space wider than the image, coils, cropped after the mask."""
    import h5py

    wide = RNG.random((2, 3, 40, 36)) + 1j * RNG.random((2, 3, 40, 36))
    scan = kspace.to_kspace(wide).astype(np.complex64)
    magnitude = kspace.center_crop(np.sqrt((abs(wide) ** 2).sum(1)), (32, 30)).astype(np.float32)
    with h5py.File(tmp_path / "file1.h5", "w") as file:
        file["kspace"], file["reconstruction_rss"] = scan, magnitude
        file.attrs["patient_id"] = "p7"
    (own,) = volumes.of_folder(tmp_path)
    assert (own.name, own.person, own.publishable, own.images.shape) == ("file1", "p7", False, (2, 32, 30))
    assert np.quantile(magnitude, volumes.BRIGHTEST) == pytest.approx(own.white)
    given, mask = own.masked(4, 3)
    assert mask.shape == (36,)
    # A column mask acts on rows alone: transforms along the rows, by numpy, with the origin in the middle.
    frequencies = np.fft.fftshift(np.fft.fft(np.fft.ifftshift(wide, 3)), 3) * mask
    by_hand = np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(frequencies, 3)), 3)
    expected = kspace.center_crop(np.sqrt((abs(by_hand) ** 2).sum(1)), (32, 30)) / own.white
    np.testing.assert_allclose(given, expected, rtol=1e-4)
    everything = volumes.from_scanner(scan[0], np.ones(36, bool), (32, 30))
    np.testing.assert_allclose(everything, datasets.fastmri(tmp_path)[0].image, rtol=1e-4)


def test_people_that_are_not_there_are_named():
    with pytest.raises(ValueError, match="nobody is called 'brian'; there are .*brain1"):
        volumes.of_person("brian")


# Scores and leads.


def test_scores_are_the_thesis_metrics_image_by_image():
    test = np.clip(HEAD.images[:2] + 0.05 * RNG.normal(size=(2, 180, 180)), 0, 1).astype(np.float32)
    found = mri_study.scores(test, HEAD.images[:2])
    difference = test.astype(float) - HEAD.images[:2]
    np.testing.assert_allclose(found[:, 0], abs(difference).mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(found[:, 2], -10 * np.log10((difference**2).mean((1, 2))), rtol=1e-5)
    import torch

    x, y = (torch.from_numpy(some)[:, None] for some in (test, HEAD.images[:2]))
    np.testing.assert_allclose(found[:, 5], losses.flip_grey(x, y, reduction="none"), rtol=1e-5)


def test_every_method_gets_the_same_input():
    result = mri_study.compare(HEAD, 4, 3, EXACT)
    given, _ = HEAD.masked(4, 3)
    np.testing.assert_allclose(result.restored["masked"], np.clip(given, 0, 1))
    np.testing.assert_allclose(result.restored["half"], np.clip(0.5 * given, 0, 1))
    assert result.scores["half"].shape == (6, 6) and result.volume["masked"]["nmse"] < result.volume["half"]["nmse"]


def compared(**values):
    """Two people, of whom only LPIPS (column 4) and PSNR (2) are looked at."""
    tables = []
    for person in (0, 1):
        scores = {}
        for name, rows in values.items():
            table = np.zeros((len(rows[person]), 6))
            table[:, 4] = table[:, 2] = rows[person]
            scores[name] = table
        tables.append(mri_study.Compared(None, {}, scores, {}))
    return tables


def test_a_lead_is_over_the_best_rival_and_paired():
    results = compared(a=([1, 2, 3], [4, 6]), b=([2, 3, 3.5], [6, 5]), c=([9, 9, 9], [9, 9]))
    found = mri_study.lead(results, "a", "lpips", ["a", "b", "c"])
    assert (found.rival, found.people, found.of_people) == ("b", 2, 2)
    np.testing.assert_allclose(found.gains, [1, 1, 0.5, 2, -1])
    assert found.chance == pytest.approx(stats.wilcoxon([1, 1, 0.5, 2, -1]).pvalue) and not found.holds
    assert found.text({"b": "B"}).startswith("ahead of B by 0.7, better in 4 of 5 slices and for 2 of 2 people")
    # By a metric that is better when higher all is reversed.
    found = mri_study.lead(results, "a", "psnr", ["b", "c"])
    assert found.rival == "c" and found.text({"c": "C"}).startswith("behind C") and not found.holds


def test_a_lead_holds_where_all_images_agree():
    rows = list(RNG.random(12)), list(RNG.random(12))
    results = compared(a=rows, b=tuple([value + 0.1 for value in some] for some in rows))
    assert mri_study.lead(results, "a", "lpips", ["b"]).holds
    assert mri_study.lead(results, "b", "psnr", ["a"]).holds
    assert not mri_study.lead(compared(a=rows, b=rows), "a", "lpips", ["b"]).holds


def test_leads_of_every_seed_and_how_far_seeds_differ():
    rows = [0.1, 0.2, 0.3], [0.2, 0.4]
    worse = tuple([value + 0.1 for value in some] for some in rows)
    first, second = compared(a=rows, b=worse), compared(a=worse, b=rows)
    leads = mri_study.leads_by_seed([first, second], ["a", "b"], {"a": "lpips"})
    assert list(leads) == ["a"]
    np.testing.assert_allclose([one.gains.mean() for one in leads["a"]], [0.1, -0.1])
    third = compared(a=rows, b=tuple([value + 0.4 for value in some] for some in rows))
    assert mri_study.seed_spread([first, third], ["a", "b"], "lpips") == pytest.approx(0.3)
    assert mri_study.seed_spread([first, third], ["a"], "lpips") == pytest.approx(0, abs=1e-12)


def test_models_in_the_order_of_their_means():
    results = compared(a=([1, 5], [1]), b=([3, 3], [3]), c=([1, 1], [2]))
    assert mri_study.from_least(results, ["a", "b", "c"], "lpips") == ["c", "a", "b"]
    assert mri_study.from_least(results, ["b", "a"], "psnr") == ["a", "b"]


def test_logs_and_who_leads_at_their_end(tmp_path):
    for name, psnr, flip in (("l1", 21, 0.3), ("flip", 20, 0.1)):
        text = f"step,psnr,flip\n5,99,0.0\n10,{psnr},{flip}\n"
        (tmp_path / f"mri-{name}-seed1.csv").write_text(text, encoding="utf-8")
    found = mri_study.logs(["l1", "flip"], "seed1", tmp_path)
    assert found["l1"]["psnr"].tolist() == [99, 21]
    assert mri_study.held_out_leaders(found, ["psnr", "flip"]) == ["l1", "flip"]
    close = {name: {"psnr": np.array([value])} for name, value in (("l1", 20.5), ("flip", 20.6))}
    assert mri_study.held_out_apart([found, found], "psnr", "l1")
    assert mri_study.held_out_apart([found, found], "flip", "flip")
    assert not mri_study.held_out_apart([found, close], "psnr", "l1")
    with pytest.raises(FileNotFoundError, match="mri-l1.csv"):
        mri_study.logs(["l1"], "", tmp_path)


def test_the_weight_is_the_one_with_the_least_error():
    weight, errors = mri_study.tuned_weight(HEAD, 4, 1, [1e-4, 3e-3, 3.0])
    assert len(errors) == 3 and weight == [1e-4, 3e-3, 3.0][int(np.argmin(errors))] != 3.0


# Tables and drawings.


def test_the_thesis_tables_have_the_winners_that_it_prints_bold():
    expected = {
        "knee": ["l1", "l1", "l1", "msssim", "lpips", "flip"],
        "brain": ["flip", "adaptive", "adaptive", "msssim", "lpips", "flip"],
    }
    for name, winners in expected.items():
        assert [mri_tables.best(mri_tables.THESIS[name], metric) for metric in mri_study.METRICS] == winners
    assert mri_tables.THESIS["knee"]["l2"][1] == pytest.approx(0.00117)
    assert mri_tables.THESIS["brain"]["masked"][4] == 0.4274


def test_the_table_shows_ours_and_theirs_with_the_best_in_bold():
    scores = {name: RNG.random((5, 6)) for name in mri_tables.LABELS}
    text = mri_tables.markdown(scores)
    lines = text.splitlines()
    assert len(lines) == 2 + 3 * len(mri_study.METRICS) and len({line.count("|") for line in lines}) == 1
    for place, metric in enumerate(mri_study.METRICS):
        ours, knee, brain = lines[2 + 3 * place : 5 + 3 * place]
        assert ours.count("**") == knee.count("**") == brain.count("**") == 2
        cell = ours.split("|")[2 + list(scores).index(mri_tables.best(scores, metric))]
        assert cell.strip().startswith("**")
    psnr = f"{scores['l2'][:, 2].mean():.2f} ± {scores['l2'][:, 2].std(ddof=1):.2f}"
    assert psnr in text and "| 30.25 |" in text and "**0.1563**" in text


def test_who_leads_on_people_held_out_in_words():
    metrics = ["psnr", "flip", "lpips"]
    text = mri_tables.held_out_in_words(metrics, ["l2", "flip", "l1"], ["l2", "l1", "l1"], [False, False, True])
    assert text.splitlines()[:3] == [
        "- On people held out, by PSNR (dB): l2 leads in both seeds, by less than seeds differ.",
        "- On people held out, by FLIP: FLIP leads, in the second seed l1.",
        "- On people held out, by LPIPS: l1 leads in both seeds, by more than seeds differ.",
    ]
    with pytest.raises(ValueError):
        mri_tables.held_out_in_words(["psnr"], ["l2", "l1"], ["l2"], [True])


def test_leads_and_the_answer_in_words():
    one, other = (mri_study.Lead("flip", "l2", "flip", np.array([gain, gain]), 1, 1, 0.5) for gain in (1.0, -1.0))
    text = mri_tables.leads_in_words({"flip": [one, other]}, {"flip": 0.25})["flip"]
    assert text.startswith("ahead of l2 by 1,") and "; second seed: behind l2 by 1," in text
    assert text.endswith("(seeds differ by 0.25)")
    text = mri_tables.answer({"psnr": "l2", "flip": "l1"}, 4, [], "lpips", "msssim")
    assert "on these 4 people: l2 by PSNR (dB); l1 by FLIP." in text and "for: none." in text
    assert "LPIPS + l2 keeps most of it, and MS-SSIM invents most" in text
    assert "LPIPS + l2 keeps most of it, and it also invents most" in mri_tables.answer({}, 4, [], "lpips", "lpips")


def test_drawings_show_what_they_are_given():
    image = HEAD.images[0]
    mask = column_mask(180, 8, 1)
    figure = mri_drawing.undersampling(image, kspace.to_kspace(image), mask, zero_filled(image, mask))
    assert [axes.get_title() for axes in figure.axes[:4]][2] == f"{mask.sum()} of 180 columns"
    log = np.array([(10, 20.0, 0.3), (20, 21.0, 0.2)], dtype=[("step", float), ("psnr", float), ("lpips", float)])
    figure = mri_drawing.learning({"l1": log, "flip": log})
    assert figure.axes[0].lines[0].get_ydata().tolist() == [20.0, 21.0]
    lead = mri_study.Lead("flip", "l2", "flip", np.array([1.0, 2.0]), 1, 1, 0.5)
    assert mri_drawing.leads([lead]).axes[0].get_yticklabels()[0].get_text() == "FLIP − l2, FLIP"


def test_lesions_are_planted_where_they_fit():
    assert len(lesions.places(HEAD.images[0], 3.0, 6, 0)) == 6
