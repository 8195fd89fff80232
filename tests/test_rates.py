"""Sweeps of rates in words, on a made-up sweep and on those that ship."""

import pytest

from kryptonlib import store
from kryptonlib.restoration import rates

SWEEP = {
    "held_out_loss": {"a": {"0.1": 3.0, "0.2": 2.0, "0.4": 2.5}, "b": {"0.1": 1.0, "0.2": 1.5, "0.4": 9.0}},
    "chosen": {"a": 0.2, "b": 0.1},
}


def test_a_sweep_is_a_table_with_the_chosen_rates_in_bold():
    assert rates.tried(SWEEP, ["b", "a"]) == {"0.1": [1.0, 3.0], "0.2": [1.5, 2.0], "0.4": [9.0, 2.5]}
    lines = rates.table(SWEEP, {"a": "A", "b": "B"}).splitlines()
    assert lines[0] == "| rate | A | B |" and lines[2:4] == ["| 0.1 | 3 | **1** |", "| 0.2 | **2** | 1.5 |"]


def test_the_edge_and_the_most_chosen_rate():
    assert rates.at_edge(SWEEP, ["a", "b"]) == ["b"]
    assert rates.most_chosen({"chosen": {"a": 0.2, "b": 0.1, "c": 0.1}}, "abc") == (0.1, 2)


def test_a_sweep_in_words():
    text = rates.in_words(SWEEP, {"a": "A", "b": "B"})
    assert text.startswith("1 of 2 losses chose the same rate, 0.2. For B the least lies at the edge")
    assert "edge" not in rates.in_words(SWEEP, {"a": "A"})


@pytest.mark.parametrize("name", ["denoise-rates", "mri-rates"])
def test_the_shipped_sweeps_chose_the_least_loss(name):
    sweep = store.read_card(name)
    names = list(sweep["chosen"])
    for place, one in enumerate(names):
        values = {float(rate): row[place] for rate, row in rates.tried(sweep, names).items()}
        assert sweep["chosen"][one] == min(values, key=values.get)


def test_a_loss_that_was_not_tried_is_named():
    with pytest.raises(KeyError, match="c"):
        rates.tried(SWEEP, ["a", "c"])
