"""The voting panel without a browser: what it shows and hides, what it writes, and how it takes a session up."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from kryptonlib import judging
from kryptonlib.widgets import voting

GREY = {name: np.full((6, 8, 3), value, np.float32) for name, value in (("door", 0.5), ("lake", 0.25))}
SHIFTS = {"secret-one": 0.1, "secret-two": -0.1, "secret-three": 0.2}


@pytest.fixture
def material():
    tests = {key: {name: image + shift for name, image in GREY.items()} for key, shift in SHIFTS.items()}
    return judging.Material(GREY, tests)


def pixels(page):
    """First value of every picture in the HTML, in order."""
    found = re.findall(r"data:image/png;base64,([^\"]+)", page)
    return [int(np.asarray(Image.open(io.BytesIO(base64.b64decode(each))))[0, 0, 0]) for each in found]


def test_a_page_shows_the_pair_beside_its_reference_and_hides_the_names(material):
    trial = judging.Trial(4, "lake", "secret-two", "secret-one")
    flipping = voting.page(material, trial, (4, 6))
    level = {key: round(255 * np.float32(0.25 + shift)) for key, shift in SHIFTS.items()}
    assert pixels(flipping) == [level["secret-two"], 64, level["secret-one"], 64]
    assert "Question 5 of 6" in flipping and flipping.count("animation:") == 2
    still = voting.page(material, trial, (4, 6), seconds=0)
    assert pixels(still) == [level["secret-two"], 64, level["secret-one"]] and "animation" not in still
    for page in (flipping, still):
        assert "secret" not in page and "lake" not in page
    assert "All 6" in voting.page(material, None, (6, 6)) and not pixels(voting.page(material, None, (6, 6)))


@pytest.mark.parametrize(
    "before, after, expected",
    [
        ("", "a", ["A"]),
        ("AB", "ABB", ["B"]),
        ("AB", "ABba", ["B", "A"]),
        ("AB", "AB", []),
        ("AB", "A", ["undo"]),
        ("A", "", ["undo"]),
        ("AB", "ABx", []),
        ("AB", "AxAB", ["A"]),
        ("AAB", "AAAB", ["A"]),
        ("AB", "bAB", ["B"]),
        ("", "", []),
    ],
)
def test_typing_is_read(before, after, expected):
    assert voting.edits(before, after) == expected


@pytest.mark.parametrize("before, after", [("ABB", "A"), ("AB", "B"), ("AB", ""), ("AB", "AA"), ("ABA", "xx")])
def test_more_than_the_last_answer_cannot_be_taken_back(before, after):
    with pytest.raises(ValueError, match="only the last"):
        voting.edits(before, after)


def type_(box, keys):
    """As the browser does: the whole line with every key."""
    for key in keys:
        line = box.controls["answers"].value
        box.controls["answers"].value = line[:-1] if key == "<" else line + key


def test_five_votes_one_undone_and_taken_up_again(material, tmp_path):
    folder = tmp_path / "votes"
    box = voting.panel(material, folder, study="walk")
    assert not folder.exists(), "nothing is written before the first vote"
    type_(box, "abBaA<b")
    assert box.controls["answers"].value.upper() == "ABBAB" == "".join(box.session.keys)
    rows = judging.read(box.session.path)
    assert len(rows) == 5 and [row["key"] for row in rows] == list("ABBAB")

    again = voting.panel(material, folder, study="walk")
    assert again.session.observer == box.session.observer and again.controls["answers"].value == "ABBAB"
    assert "Question 6 of 6" in again.picture.value
    again.buttons["B"].click()
    assert "All 6" in again.picture.value
    again.buttons["A"].click()
    assert "all 6 trials are answered" in again.picture.value and again.controls["answers"].value == "ABBABB"
    again.buttons["Undo"].click()
    assert "Question 6 of 6" in again.picture.value and len(judging.read(box.session.path)) == 5


def test_keys_that_are_none_change_nothing_and_are_told(material, tmp_path):
    box = voting.panel(material, tmp_path, study="walk", observer="otter-1", count=3)
    type_(box, "x")
    assert box.controls["answers"].value == "" and not box.session.path.exists()
    type_(box, "ab")
    box.controls["answers"].value = ""
    assert "only the last answer" in box.picture.value and box.controls["answers"].value == "AB"
    assert box.session.keys == ["A", "B"]
    type_(box, "b")
    assert "only the last" not in box.picture.value


def test_every_question_has_a_beat_of_its_own_and_the_reader_chooses_it(material, tmp_path):
    box = voting.panel(material, tmp_path, study="walk", observer="otter-1")
    first = re.findall(r"animation: (\S+) (\S+)s", box.picture.value)
    box.buttons["A"].click()
    second = re.findall(r"animation: (\S+) (\S+)s", box.picture.value)
    assert first[0] == first[1] != second[0] and first[0][1] == "1.4"
    box.controls["seconds"].value = "not: three images"
    assert "animation" not in box.picture.value


def test_the_latest_votes_of_a_study_are_taken_up(tmp_path):
    import os

    for observer, when in (("otter-1", 200), ("newt-2", 300), ("crane-3", 100)):
        path = tmp_path / f"walk.{observer}.csv"
        path.write_text("")
        os.utime(path, (when, when))
    assert judging.own_pseudonym(tmp_path, "walk") == "newt-2"
    assert judging.own_pseudonym(tmp_path, "wal") not in ("otter-1", "newt-2", "crane-3")
    assert judging.own_pseudonym(tmp_path / "none", "walk")
    with pytest.raises(ValueError, match="study"):
        judging.own_pseudonym(tmp_path, "../x")


def test_material_goes_to_a_folder_and_comes_back(material, tmp_path):
    material.write(tmp_path)
    found = judging.read_folder(tmp_path)
    assert found.candidates == sorted(SHIFTS) and found.images == ["door", "lake"]
    for candidate in SHIFTS:
        for name in GREY:
            expected = material.tests[candidate][name]
            np.testing.assert_allclose(found.tests[candidate][name], expected, atol=0.5 / 255 + 1e-6)
    l1 = material.measured("l1")
    np.testing.assert_allclose(l1, [[0.1, 0.1, 0.2]] * 2, atol=1e-6)


def test_networks_outputs_a_little_outside_are_cut_off_and_grey_ones_are_measured():
    grey = np.full((40, 40), 0.9, np.float32)
    made = judging.Material({"a": grey}, {"over": {"a": grey + 0.3}, "byte": {"a": np.full((40, 40), 128, np.uint8)}})
    assert made.tests["over"]["a"].max() == 1 and made.tests["byte"]["a"][0, 0] == pytest.approx(128 / 255)
    assert made.measured("psnr").shape == (1, 2)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda tests: tests.pop("secret-one") and tests.pop("secret-two"), "two candidates"),
        (lambda tests: tests["secret-one"].pop("lake"), r"missing are \['lake'\]"),
        (lambda tests: tests["secret-one"].update(hill=GREY["lake"]), r"unknown are \['hill'\]"),
        (lambda tests: tests["secret-one"].update(lake=GREY["lake"][1:]), "of one size"),
        (lambda tests: tests.update(reference=dict(GREY)), "not called 'reference'"),
        (lambda tests: tests["secret-one"].update(lake=GREY["lake"] * np.nan), "NaN"),
    ],
)
def test_material_that_cannot_be_judged_is_refused(change, words):
    tests = {key: dict(GREY) for key in SHIFTS}
    change(tests)
    with pytest.raises(ValueError, match=words):
        judging.Material(GREY, tests)


def test_a_folder_without_references_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="FOLDER/CANDIDATE/NAME.png"):
        judging.read_folder(tmp_path)
