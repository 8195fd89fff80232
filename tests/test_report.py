"""The report is one self-contained page that shows every number, figure, claim and problem."""

import json
import re

from tiny_course import plant

from kryptonlib.course import records, report

PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de")


def state(profile="default", problems=()):
    def entry(name, value, **more):
        settings = {"kind": "close", "rtol": 1e-4, "atol": 0, "paper": None, "agrees": None}
        texts = dict.fromkeys(("unit", "source", "claim", "conditions", "shown"), "")
        return records.make_entry(name, value, **{**settings, **texts, **more})

    made = [
        entry("speed-up", 5.2, paper=5.2, source="Krypton, table 2", claim="Exact is <five> times faster."),
        entry("ratio", 3.0, paper=4.0, source="Dumas, 4.1", claim="Four times smaller."),
        entry("seen", True, kind="order", agrees=True, source="Krypton, 4.2", claim="The order holds."),
        entry("small", 0.4, source="Krypton, 4", claim="It is fast.", conditions="<64> pixels", shown="2.5 & a bit"),
        entry("changed", 2.0),
        entry("new", 1.0),
        entry("seconds", 9.9, kind="info", unit="s"),
    ]
    figures = [{"name": "02_empty", "alt": 'An "empty" picture.', "caption": "Nothing."}]
    return {
        "id": "02",
        "profile": profile,
        "parameters": {"steps": 3},
        "provenance": {"versions": {"torch": "2"}, "device": "cpu", "threads": 2},
        "records": made,
        "figures": figures,
        "seconds": 1.25,
        "reused": False,
        "executed": True,
        "problems": list(problems),
    }


def written(tmp_path, problems=()):
    course = plant(tmp_path)
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "02_empty.png").write_bytes(PNG)
    run = state(problems=problems)
    old = {
        entry["name"]: {**entry, "value": 1.0 if entry["name"] == "changed" else entry["value"]}
        for entry in run["records"]
    }
    old.pop("new")
    path = course.records_path(course.notebooks[0], "default")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"records": old}))
    page = report.write(course, course.notebooks, [run], list(problems))
    return page.read_text(encoding="utf-8"), json.loads((tmp_path / "build" / "report.json").read_text())


def test_every_number_stands_beside_its_record(tmp_path):
    _, content = written(tmp_path)
    status = {number["name"]: number["status"] for number in content["notebooks"][0]["numbers"]}
    assert status == {
        "speed-up": "as recorded",
        "ratio": "as recorded",
        "seen": "as recorded",
        "small": "as recorded",
        "changed": "differs",
        "new": "not recorded",
        "seconds": "not compared",
    }


def test_one_claims_table_per_paper(tmp_path):
    page, content = written(tmp_path)
    assert {paper: len(rows) for paper, rows in content["claims"].items()} == {"Krypton": 3, "Dumas": 1}
    verdicts = [row["verdict"] for row in content["claims"]["Krypton"] + content["claims"]["Dumas"]]
    assert verdicts == ["confirmed", "confirmed", "different conditions", "not confirmed"]
    assert page.count("make reproduce NB=02") == 4
    assert "different conditions</span>: &lt;64&gt; pixels" in page and "<td>2.5 &amp; a bit</td>" in page
    assert "Exact is &lt;five&gt; times faster." in page


def test_a_claim_that_only_the_papers_data_measure_stands_there_as_not_run(tmp_path):
    course = plant(tmp_path)
    run = state()
    alone = {**run["records"][1], "name": "on-kodak", "claim": "On Kodak too."}
    path = course.records_path(course.notebooks[0], "paper")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"records": {"on-kodak": alone}}))
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "02_empty.png").write_bytes(PNG)
    page = report.write(course, course.notebooks, [run], []).read_text(encoding="utf-8")
    content = json.loads((tmp_path / "build" / "report.json").read_text())
    assert [row["status"] for row in content["claims"]["Dumas"] if row["name"] == "on-kodak"] == ["not run"]
    assert page.count("python -m kryptonlib run --only 02 --profile paper") == 1


def test_the_page_needs_nothing_else(tmp_path):
    page, _ = written(tmp_path)
    assert "<script" not in page and "<link" not in page
    assert set(re.findall(r'(?:src|href)="([^"#]{0,22})', page)) == {"data:image/png;base64,", ""}
    assert all('alt="' in tag for tag in re.findall(r"<img[^>]*>", page))
    assert 'alt="An &quot;empty&quot; picture."' in page
    assert "prefers-color-scheme: dark" in page and "@media print" in page
    assert str(tmp_path) not in page


def test_problems_come_first(tmp_path):
    page, _ = written(tmp_path, problems=["02: record <x> was 1, is 2"])
    assert page.index("02: record &lt;x&gt; was 1, is 2") < page.index("<h2>Notebooks</h2>")
    assert "1 problem: this run" in page and "All well" not in page
