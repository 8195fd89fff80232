"""Planted lesions over several masks and trainings, on made-up methods whose answers are known."""

import numpy as np
import pytest

from kryptonlib.restoration import lesion_study, lesions, mri_drawing, mri_tables
from kryptonlib.restoration.masks import column_mask
from kryptonlib.restoration.mri import undersample, zero_filled

RNG = np.random.default_rng(8)
SPECKLE = 0.1 * RNG.normal(size=(180, 180))
ROWS, COLUMNS = np.mgrid[:180, :180] - 90
HEAD = ((np.hypot(ROWS, COLUMNS) < 76) * (0.35 + 0.02 * RNG.random((180, 180)))).astype(np.float32)
# Acceleration 1.0001 leaves out no column but by a chance of 1 in 10,000.
ALL = {"radius": 3.0, "count": 3, "acceleration": 1.0001, "center": 0.9}


def keeps(given, measured, mask):
    return given


def halves(given, measured, mask):
    return 0.5 * given


def erases(given, measured, mask):
    return np.full((180, 180), 0.4)


def invents(given, measured, mask):
    return given + SPECKLE


def test_methods_that_keep_erase_and_invent_are_told_apart():
    """Under a mask that measures all: the truth, a flat image, the truth with a fixed speckle."""
    every = {"keeps": [keeps], "erases": [erases], "invents": [invents], "halves": [halves]}
    with pytest.raises(ValueError, match="no acceleration"):
        lesion_study.study([HEAD], every, [0.1, 0.2], mask_seeds=[2], **{**ALL, "center": None})
    study = lesion_study.study([HEAD], every, [0.1, 0.2], mask_seeds=[2], **ALL)
    for name, share in {"halves": 0.5, "keeps": 1, "invents": 1, "erases": 0}.items():
        np.testing.assert_allclose(study.kept[name], share, atol=1e-3)
        np.testing.assert_allclose(study.shares()[name], np.full((1, 2), share), atol=1e-3)
    assert study.kept["keeps"].shape == (1, 2, 3) and study.responses["keeps"].shape == (1, 12)
    assert study.invented()["keeps"][0] < 1e-6 < 0.01 < study.invented()["invents"][0]


def test_repeats_are_mask_seeds_and_trainings_each_as_if_alone():
    every = {"masked": [keeps], "net": [halves, invents]}
    settings = {**ALL, "acceleration": 4, "center": None}
    whole = lesion_study.study([HEAD, HEAD[::-1]], every, [0.2], mask_seeds=[5, 9], **settings)
    assert whole.kept["masked"].shape == (2, 1, 6) and whole.kept["net"].shape == (4, 1, 6)
    for place, (seed, one) in enumerate([(5, halves), (5, invents), (9, halves), (9, invents)]):
        alone = lesion_study.study([HEAD, HEAD[::-1]], {"x": [one]}, [0.2], mask_seeds=[seed], **settings)
        np.testing.assert_allclose(whole.kept["net"][place], alone.kept["x"][0])
        np.testing.assert_allclose(whole.responses["net"][place], alone.responses["x"][0])


def test_what_is_kept_is_by_hand():
    study = lesion_study.study([HEAD], {"x": [keeps]}, [0.2], mask_seeds=[7], radius=3.0, count=2, acceleration=4)
    mask, places = column_mask(180, 4, 7), lesions.places(HEAD, 3.0, 2, 7)
    marked = lesions.plant(lesions.plant(HEAD, places[0], 3.0, 0.2), places[1], 3.0, 0.2)
    assert undersample(marked, mask).shape == (180, 180)
    pictures = [np.clip(zero_filled(image, mask), 0, 1) for image in (marked, HEAD)]
    for lesion, place in enumerate(places):
        share = lesions.response(pictures[0] - pictures[1], place, 3.0) / lesions.response(marked - HEAD, place, 3.0)
        assert study.kept["x"][0, 0, lesion] == pytest.approx(share, rel=1e-5)


def test_pieces_around_one_disc():
    mask, place = column_mask(180, 4, 7), (80, 95)
    rows = lesion_study.one_disc(HEAD, place, 3.0, [0.0, 0.3], {"a": keeps, "b": halves}, mask, reach=10)
    assert list(rows) == ["0", "0.3"] and all(piece.shape == (21, 21) for row in rows.values() for piece in row)
    np.testing.assert_allclose(rows["0"][0], HEAD[70:91, 85:106])
    given = np.clip(zero_filled(lesions.plant(HEAD, place, 3.0, 0.3), mask), 0, 1)
    np.testing.assert_allclose(rows["0.3"][1], given[70:91, 85:106], atol=1e-6)
    np.testing.assert_allclose(rows["0.3"][2], 0.5 * rows["0.3"][1], atol=1e-6)
    with pytest.raises(ValueError, match="less than 10 pixels"):
        lesion_study.one_disc(HEAD, (80, 175), 3.0, [0.1], {"a": keeps}, mask, reach=10)


def test_nothing_to_study_is_refused():
    for slices, every, seeds in (([], {"x": [keeps]}, [1]), ([HEAD], {"x": []}, [1]), ([HEAD], {"x": [keeps]}, [])):
        with pytest.raises(ValueError, match="must not be empty"):
            lesion_study.study(slices, every, [0.2], mask_seeds=seeds, **ALL)


def test_ahead_is_counted_repeat_by_repeat():
    values = {"a": np.array([3.0, 1.0, 5.0]), "b": np.array([2.0, 2.0, 5.0]), "c": np.array([0.0, 0.0, 0.0])}
    assert lesion_study.ahead_in(values, "a", ["a", "b", "c"]) == (1, 3)
    assert lesion_study.ahead_in(values, "b", ["c"]) == (3, 3)
    with pytest.raises(ValueError, match="'a' needs other methods"):
        lesion_study.ahead_in(values, "a", ["a"])
    with pytest.raises(ValueError, match="with 3 repeats"):
        lesion_study.ahead_in({**values, "d": np.zeros(2)}, "a", ["d"])


SHARES = {"masked": np.full((1, 2), 0.2), "TV": np.array([[0.3, 0.6]]), "l2": np.array([[0.1, 0.3], [0.3, 0.5]]),
          "flip": np.array([[0.4, 0.5], [0.4, 0.7]])}  # fmt: skip
INVENTED = {"masked": np.array([0.05]), "TV": np.array([0.01]), "l2": np.array([0.03, 0.05]),
            "flip": np.array([0.02, 0.02])}  # fmt: skip


def test_a_lesion_is_hidden_where_no_more_is_kept_than_invented():
    lost = mri_tables.hidden([0.1, 0.4], SHARES, INVENTED)
    assert {name: some.tolist() for name, some in lost.items()} == {
        "masked": [True, False], "TV": [False, False], "l2": [True, False], "flip": [False, False],
    }  # fmt: skip
    lines = mri_tables.lesions([0.1, 0.4], SHARES, INVENTED).splitlines()
    assert lines[2] == "| kept at 0.1 | 0.20 (hidden) | 0.30 | 0.20 (hidden) | 0.40 |"
    assert lines[4] == "| invented | 0.050 | 0.010 | 0.040 | 0.020 |"


def test_the_table_in_words():
    text = mri_tables.lesions_in_words([0.1, 0.4], SHARES, INVENTED, ["l2", "flip"], winner="l2")
    assert "TV 0.60, FLIP 0.60, l2 0.40" in text or "FLIP 0.60, TV 0.60, l2 0.40" in text
    assert "Of the networks l2 invents most, in 2 of 2 repeats. At 0.1 it is hidden by masked, l2." in text
    assert "wins PSNR, l2, keeps 0.40, and FLIP 0.60" in text
    everything = mri_tables.lesions_in_words([0.01, 0.4], SHARES, INVENTED, ["l2", "flip"], winner="flip")
    assert "At 0.01 every method hides it." in everything and "wins PSNR" not in everything
    wide = {name: np.repeat(rows[:, :1], 3, 1) for name, rows in SHARES.items()}
    text = mri_tables.lesions_in_words([0.01, 0.02, 0.4], wide, INVENTED, ["l2", "flip"], winner="flip")
    assert "At 0.01 and 0.02 every method hides it." in text


def test_the_claim_counts_repeats():
    text = mri_tables.inventors_in_words(INVENTED, {"lpips": (2, 2), "msssim": (1, 2)}, "flip")
    assert text.startswith("FLIP invents most (0.020 at 95 % of the places; l2 0.040)")
    assert text.endswith("adaptive: LPIPS + l2 in 2 of 2, MS-SSIM in 1 of 2")


def test_the_drawing_spans_the_repeats():
    figure = mri_drawing.kept_and_invented([0.1, 0.4], SHARES, INVENTED)
    assert [patch.get_width() for patch in figure.axes[1].patches] == pytest.approx([0.05, 0.01, 0.04, 0.02])
