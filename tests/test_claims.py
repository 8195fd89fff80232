"""The rows of the claims tables and their verdicts."""

import json

import pytest
from tiny_course import plant

from kryptonlib.course import claims, records


def entry(value=6.51977, **more):
    about = {"kind": "close", "rtol": 1e-4, "atol": 1e-6, "paper": None, "agrees": None}
    texts = dict.fromkeys(("unit", "source", "conditions", "shown"), "")
    return records.make_entry("ratio", value, **{**about, **texts, "claim": "Fewer products.", **more})


@pytest.mark.parametrize(
    "about, verdict",
    [
        ({"agrees": True}, "confirmed"),
        ({"agrees": False}, "not confirmed"),
        ({"paper": 6.5}, "confirmed"),
        ({"paper": 7.5}, "not confirmed"),
        ({"conditions": "another model"}, "different conditions"),
        ({"conditions": "another model", "agrees": True}, "different conditions"),
        ({"conditions": "another model", "paper": 7.5}, "different conditions"),
    ],
)
def test_verdict(about, verdict):
    assert claims.verdict(entry(**about)) == verdict


def test_a_row_says_the_value_in_words_where_there_are_some():
    made = entry(paper=6.5, unit="x", source="Krypton, Fig. 2", shown="6.5 times fewer")
    row = claims.row("ratio", made, "05")
    assert (row["paper"], row["place"], row["says"], row["finds"]) == ("Krypton", "Fig. 2", "6.5 x", "6.5 times fewer")
    assert claims.row("ratio", {**made, "shown": ""}, "05")["finds"] == "6.51977 x"
    assert row["command"] == "make reproduce NB=05"


def test_several_values_are_no_raw_list():
    assert claims.with_unit([195, 212, 1311], "pixels") == "195; 212; 1,311 pixels"
    assert claims.with_unit([6.5, 7.25], "") == "6.5; 7.25"
    assert claims.with_unit(6.5, "x") == "6.5 x"


def test_rows_are_ordered_by_paper_and_numbers_without_a_claim_are_none():
    parts = [
        ("04", {"a": entry(agrees=True), "b": {**entry(agrees=True), "claim": ""}}),
        ("07", {"c": entry(agrees=True, source="Dumas, 2.1"), "d": entry(agrees=True, source="Krypton, 3")}),
    ]
    assert [(row["notebook"], row["name"]) for row in claims.rows(parts)] == [("07", "d"), ("07", "c"), ("04", "a")]


def test_a_row_says_behind_its_own_value_what_the_run_on_the_papers_data_found():
    ours = entry(agrees=True, shown="wins on 7 photos", source="thesis, Table 6.1")
    full = entry(agrees=False, shown="loses on 24 photos", source="thesis, Table 6.1")
    (row,) = claims.rows([("11", {"ratio": ours})], {"11": {"ratio": full}, "12": {"ratio": ours}})
    assert row["finds"] == "wins on 7 photos; with the paper's own data: loses on 24 photos (not confirmed)"
    assert row["verdict"] == "confirmed"
    row, alone = claims.rows([("11", {"ratio": ours})], {"11": {"other": full, "count": entry(claim="")}})
    assert row["finds"] == "wins on 7 photos" and row["command"] == "make reproduce NB=11"
    # What the run on the paper's data alone measures has a row that says how to run it.
    assert (alone["name"], alone["finds"]) == ("other", "loses on 24 photos")
    assert alone["command"] == "python -m kryptonlib run --only 11 --profile paper"


def test_only_notebooks_with_a_record_of_the_profile_paper_are_taken(tmp_path):
    course = plant(tmp_path)
    assert claims.recorded_in_full(course) == {}
    path = course.records_path(course.notebooks[0], "paper")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"records": {"ratio": entry(agrees=True)}}), encoding="utf-8")
    assert claims.recorded_in_full(course) == {"02": {"ratio": entry(agrees=True)}}
