"""The benchmark of a busy machine measures what README's table shows, and the table says it."""

import importlib.util
import json
from pathlib import Path

import pytest

from kryptonlib.course import busy, readme
from kryptonlib.course.catalogue import Course

BENCHMARK = Path(__file__).parent / "benchmarks" / "busy.py"


@pytest.fixture
def benchmark():
    spec = importlib.util.spec_from_file_location("busy_benchmark", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measured(module, tmp_path, monkeypatch):
    """What the benchmark keeps, where the n-th process takes n, 10 n and 100 n milliseconds."""
    asked = []

    def process(way, seconds):
        asked.append(way)
        return {work: len(asked) * 10**place for place, work in enumerate(module.WORK)}

    output = tmp_path / "new" / "busy.json"
    monkeypatch.setattr(module, "measured", process)
    monkeypatch.setattr(module, "machine", lambda: "a machine")
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(module, "KEPT", tmp_path / "kept.json")
    monkeypatch.setattr("sys.argv", ["busy.py", "--rounds", "3", "--output", str(output), "--keep"])
    module.main()
    assert module.KEPT.read_text() == output.read_text()
    return json.loads(output.read_text())


def test_the_table_has_before_and_now_of_every_piece_of_work(benchmark, tmp_path, monkeypatch, capsys):
    found = measured(benchmark, tmp_path, monkeypatch)
    lines = busy.table(found).splitlines()
    assert lines[0] == ("| Milliseconds: before → now | alone | half of the cores busy | "
                        "a matrix product on all cores beside it |")  # fmt: skip
    # By hand: the ways take turns, four a round, so the default is asked 1st, 5th, 9th, and one thread 4th, 8th, 12th.
    assert lines[2].startswith("| a training step of a tiny network | 5 (1-9) → 8 (4-12) | 17 (13-21) → 20 (16-24) |")
    assert lines[4].startswith("| an exact heat map of a small network | 500 (100-900) → 600 (200-1000) |")
    assert lines[-1].endswith("Measured on a machine.")
    assert capsys.readouterr().out.count("\n| ") == len(benchmark.WAYS)


def test_the_benchmark_and_the_table_use_the_same_names(benchmark):
    assert list(busy.WORK) == list(busy.NOW) == list(benchmark.WORK)
    assert list(busy.BESIDE) == list(benchmark.BESIDE)
    assert {busy.BEFORE, *busy.NOW.values()} <= set(benchmark.WAYS)


def test_a_time_that_is_missing_is_named(benchmark, tmp_path, monkeypatch):
    found = measured(benchmark, tmp_path, monkeypatch)
    found["results"] = [row for row in found["results"] if row["beside"] != "a busy half"]
    with pytest.raises(ValueError, match="'tiny', \"OpenMP's default\", beside 'a busy half'"):
        busy.table(found)


def test_readme_takes_the_table_where_there_is_one(benchmark, tmp_path, monkeypatch):
    assert busy.kept(tmp_path) is None
    monkeypatch.setattr(busy, "kept", lambda root: None)
    assert "busy machine" not in readme.blocks(Course())
    found = measured(benchmark, tmp_path, monkeypatch)
    monkeypatch.setattr(busy, "kept", lambda root: found)
    assert readme.blocks(Course())["busy machine"] == busy.table(found)


def test_the_pieces_of_work_run(benchmark):
    assert all(benchmark.repeated(benchmark.step_of(work), 0) > 0 for work in benchmark.WORK)
