"""The rows of the claims tables and their verdicts."""

import pytest

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


def test_rows_are_ordered_by_paper_and_numbers_without_a_claim_are_none():
    parts = [
        ("04", {"a": entry(agrees=True), "b": {**entry(agrees=True), "claim": ""}}),
        ("07", {"c": entry(agrees=True, source="Dumas, 2.1"), "d": entry(agrees=True, source="Krypton, 3")}),
    ]
    assert [(row["notebook"], row["name"]) for row in claims.rows(parts)] == [("07", "d"), ("07", "c"), ("04", "a")]
