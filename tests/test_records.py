"""record(), the comparison with the committed records, and their update."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kryptonlib.course import comparison, record, recording, records, session, values


def entry(name="n", value=1.0, **more):
    settings = {"kind": "close", "rtol": 1e-4, "atol": 1e-6, "agrees": None, "paper": None}
    texts = dict.fromkeys(("unit", "source", "claim", "conditions", "shown"), "")
    return records.make_entry(name, value, **{**settings, **texts, **more})


def recorded(*entries):
    return {item["name"]: {key: item[key] for key in item if key != "name"} for item in entries}


def test_a_run_that_repeats_its_record_has_no_problems():
    made = [
        entry("a", 1.5),
        entry("b", 3, kind="exact"),
        entry("c", [1, 2.5]),
        entry("d", 1, kind="order", agrees=True),
    ]
    assert comparison.compare(made, recorded(*made)) == []


@pytest.mark.parametrize(
    "new, old, words",
    [
        (entry(value=1.001), entry(value=1.0), "was 1, is 1.001"),
        (entry(value=3, kind="exact"), entry(value=2, kind="exact"), "was 2, is 3"),
        (entry(value=[1.0, 2.0]), entry(value=[1.0, 2.0, 3.0]), "was"),
        (entry(value=[[1.0, 2.0]]), entry(value=[[1.0], [2.0]]), "was"),
        (entry(value=True), entry(value=1), "was 1, is True"),
        (entry(value=1, kind="exact"), entry(value=1.0, kind="exact"), "was 1, is 1"),
        (entry(value="cat", kind="exact"), entry(value="dog", kind="exact"), "was dog, is cat"),
        (entry(value=math.nan), entry(value=1.0), "not finite"),
        (entry(value=[1.0, math.inf]), entry(value=[1.0, math.inf]), "not finite"),
        (entry(value=math.nan, kind="info"), entry(value=1.0, kind="info"), "not finite"),
        (entry(kind="exact"), entry(kind="close"), "changed its kind from 'close' to 'exact'"),
        (entry(kind="info"), entry(kind="close"), "changed its kind"),
        (entry(rtol=0.5), entry(), "changed its rtol"),
        (entry(unit="s"), entry(unit="ms"), "changed its unit"),
        (entry(paper=2.0), entry(paper=1.0), "changed its paper"),
        (entry(conditions="64 pixels"), entry(), "changed its conditions"),
        (
            entry(kind="order", agrees=False),
            entry(kind="order", agrees=True),
            "agreed with its claim: True; now: False",
        ),
    ],
)
def test_a_difference_is_named(new, old, words):
    problems = comparison.compare([new], recorded(old))
    assert any(words in problem for problem in problems), problems


def test_missing_extra_and_duplicate_names_are_named():
    problems = comparison.compare([entry("a"), entry("b"), entry("b")], recorded(entry("a"), entry("c")))
    assert len(problems) == 3
    assert "'b' = 1 is not in the committed record" in problems[0]
    assert "'b' is made twice" in problems[1]
    assert "'c' is missing from this run" in problems[2]


def test_a_changed_time_is_no_difference():
    assert comparison.compare([entry(value=9.0, kind="info")], recorded(entry(value=1.0, kind="info"))) == []


def test_an_ordering_compares_what_it_says_and_not_the_value():
    new, old = entry(value=9.0, kind="order", agrees=True), entry(value=1.0, kind="order", agrees=True)
    assert comparison.compare([new], recorded(old)) == []


@given(
    old=st.floats(-1e6, 1e6),
    change=st.floats(-1, 1),
    rtol=st.floats(0, 0.1),
    atol=st.floats(0, 0.1),
)
def test_close_is_numpys_isclose(old, change, rtol, atol):
    new = old + change
    assert comparison.close(new, old, rtol, atol) == bool(np.isclose(new, old, rtol=rtol, atol=atol))


@pytest.mark.parametrize(
    "value, paper, agrees",
    [
        (0.5831, 0.583, True),
        (0.5836, 0.583, False),
        (0.59, 0.583, False),
        (5000, 5000, True),
        (5001, 5000, False),
        (1.4, 1, True),
        (1.6, 1, False),
        (1.2e-5, 1e-5, True),
        (2.2e-5, 1e-5, False),
        ("cat", "cat", True),
        ([1, 2], [1, 2], True),
        ([1, 2], [1, 3], False),
        ("cat", 3, None),
    ],
)
def test_agreement_is_to_the_digits_that_the_paper_prints(value, paper, agrees):
    assert values.within_printed_digits(value, paper) is agrees


def test_arrays_tensors_and_numpy_numbers_become_plain_values():
    import torch

    assert entry(value=np.float32(0.5))["value"] == 0.5
    assert entry(value=torch.arange(3))["value"] == [0, 1, 2]
    assert entry(value=torch.tensor(2.0))["value"] == 2.0
    assert entry(value=(1, np.int64(2)))["value"] == [1, 2]
    assert entry(kind="order", agrees=np.bool_(True))["agrees"] is True
    json.dumps(entry(value=np.arange(4).reshape(2, 2)))


@pytest.mark.parametrize(
    "name, value, more, error, words",
    [
        ("Upper Case", 1, {}, ValueError, "lower-case words"),
        (3, 1, {}, ValueError, "lower-case words"),
        ("a", 1, {"kind": "exactly"}, ValueError, "expected one of exact"),
        ("a", 1, {"rtol": -1}, ValueError, "rtol=-1"),
        ("a", 1, {"atol": math.nan}, ValueError, "atol=nan"),
        ("a", 1, {"kind": "order"}, ValueError, "needs agrees"),
        ("a", 1, {"agrees": "yes"}, TypeError, "True, False or None"),
        ("a", object(), {}, TypeError, "got a object"),
        ("a", None, {}, TypeError, "NoneType"),
        ("a", 1, {"unit": 3}, TypeError, "unit of type int"),
        ("a", 1, {"conditions": None}, TypeError, "conditions of type NoneType"),
        ("a", 1, {"shown": 6.5}, TypeError, "shown of type float"),
        ("a", 1, {"claim": "Always true."}, ValueError, "a claim that cannot fail"),
        ("a", np.zeros(5000), {}, ValueError, "expected a summary"),
    ],
)
def test_bad_arguments_are_refused_with_the_remedy(name, value, more, error, words):
    with pytest.raises(error, match=words):
        record(name, value, **more)


def test_in_a_run_record_is_silent_and_appends_to_the_runs_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(records.RUN_FILE, str(tmp_path / "run.jsonl"))
    # None: a cell may end with it and show no raw number.
    assert record("height", 224, kind="exact", unit="pixels", paper=224, source="Krypton, eq. 8") is None
    assert record("ratio", np.float64(2.5), shown="2.5 times", conditions="another model") is None
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines] == ["height", "ratio"]
    assert lines[0]["agrees"] is True
    assert (lines[1]["shown"], lines[1]["conditions"]) == ("2.5 times", "another model")
    assert capsys.readouterr().out == ""


def test_in_jupyter_record_prints_only_a_number_that_is_not_the_committed_one(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(records.RUN_FILE, raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr(records, "RECORDS_FOLDER", tmp_path)
    committed = recorded(entry("height", 224, kind="exact"), entry("seconds", 2.0, kind="info"))
    (tmp_path / "02.default.json").write_text(json.dumps({"records": committed}))
    record("height", 224, kind="exact")
    record("seconds", 3.0, kind="info")
    record("unheard-of", 1)
    assert capsys.readouterr().out == ""
    record("height", 225, kind="exact")
    assert capsys.readouterr().out == (
        "height = 225; the default run recorded 224 (notebook 02); other parameters give other numbers\n"
    )


@pytest.mark.parametrize(
    "name, number",
    [
        ("/home/ada/krypton/notebooks/05_incremental_inference.ipynb", "05"),
        ("notebooks/student/05_incremental_inference-Copy1.ipynb", "05"),
        (r"C:\Users\ada\krypton\12_mri.ipynb-jvsc-5c1f", "12"),
        ("/home/10_years/notebooks/05_x.ipynb", "05"),
        ("/home/10_years/notes.ipynb", None),
        ("1f0c-session", None),
        ("", None),
    ],
)
def test_the_kernel_knows_its_notebook(name, number, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", name)
    assert session.notebook_number() == number


def test_vs_code_names_the_notebook_among_its_variables(monkeypatch):
    import IPython

    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    shell = SimpleNamespace(user_ns={"__vsc_ipynb_file__": "/home/ada/05_x.ipynb"})
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    assert session.notebook_number() == "05"
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    assert session.notebook_number() is None


def test_records_of_one_name_do_not_shadow_each_other(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(records.RUN_FILE, raising=False)
    monkeypatch.setattr(records, "RECORDS_FOLDER", tmp_path)
    for number, value in (("02", 224), ("05", 112)):
        committed = recorded(entry("height", value, kind="exact"))
        (tmp_path / f"{number}.default.json").write_text(json.dumps({"records": committed}))
    told = {"02": "224 (notebook 02);", "05": "112 (notebook 05);"}
    for number, words in told.items():
        monkeypatch.setenv("JPY_SESSION_NAME", f"notebooks/{number}_x.ipynb")
        record("height", {"02": 224, "05": 112}[number], kind="exact")
        assert capsys.readouterr().out == ""
        record("height", {"02": 112, "05": 224}[number], kind="exact")
        assert f"recorded {words}" in capsys.readouterr().out
    monkeypatch.delenv("JPY_SESSION_NAME")
    record("height", 112, kind="exact")
    assert capsys.readouterr().out == ""
    record("height", 3, kind="exact")
    assert "recorded 224 (notebook 02) or 112 (notebook 05);" in capsys.readouterr().out


def test_a_file_from_before_conditions_can_be_compared(tmp_path):
    old = entry("height", 224, kind="exact")
    old = {key: value for key, value in old.items() if key not in ("name", "conditions", "shown")}
    (tmp_path / "02.default.json").write_text(json.dumps({"records": {"height": old}}))
    new = entry("height", 224, kind="exact", shown="224 rows")
    assert comparison.compare([new], records.load(tmp_path / "02.default.json")) == []


class Listed:
    def __init__(self, folder):
        self.folder = folder

    def records_path(self, notebook, profile):
        return self.folder / f"{notebook}.{profile}.json"


class Number(str):
    @property
    def id(self):
        return str(self)


def state(*entries, executed=True):
    made = [{"type": "record", **item} for item in entries]
    return {"executed": executed, "records": made, "parameters": {}, "seconds": 1.0, "provenance": {"threads": 2}}


def test_update_says_old_and_new_and_leaves_an_equal_file_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    course, number = Listed(tmp_path), Number("02")
    assert recording.update(course, number, "default", state(entry("a", 1.0), entry("b", 2.0))) == [
        "a: new -> 1",
        "b: new -> 2",
    ]
    path = tmp_path / "02.default.json"
    before = path.read_bytes()
    assert recording.update(course, number, "default", state(entry("a", 1.0), entry("b", 2.0))) == []
    assert path.read_bytes() == before
    assert recording.update(course, number, "default", state(entry("a", 1.5, unit="s"))) == [
        "a: 1 -> 1.5",
        "a unit: '' -> s",
        "b: 2 -> gone",
    ]
    assert comparison.compare([entry("a", 1.5, unit="s")], records.load(path)) == []


def test_update_refuses_in_ci(tmp_path, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(RuntimeError, match="not updated in CI"):
        recording.update(Listed(tmp_path), Number("02"), "default", state(entry("a")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "run, words",
    [
        (state(entry("a"), executed=False), "did not run to its end"),
        (state(entry("a", math.nan)), "not finite"),
        (state(entry("a"), entry("a")), "made twice"),
    ],
)
def test_update_refuses_a_run_that_is_not_good(run, words, tmp_path, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(ValueError, match=words):
        recording.update(Listed(tmp_path), Number("02"), "default", run)
    assert list(tmp_path.iterdir()) == []
