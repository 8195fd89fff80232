"""The student copies hold no solution, no output, and are those of the masters."""

import nbformat
import pytest
from tiny_course import cells, exercise_cells, notebook, plant

from kryptonlib.course import exercises, student
from kryptonlib.course.catalogue import Course

COURSE = Course()
ANSWER = "def double(x):\n    ### BEGIN SOLUTION\n    secret = 2 * x\n    return secret\n    ### END SOLUTION"
CHECK = "assert double(3) == 6"


@pytest.mark.parametrize("entry", COURSE.notebooks, ids=lambda entry: entry.id)
def test_the_committed_copy_is_what_the_master_gives(entry):
    path = COURSE.folder / student.FOLDER / entry.path.name
    assert path.exists(), "python -m kryptonlib student writes it"
    assert path.read_text(encoding="utf-8") == student.text(COURSE, entry), "python -m kryptonlib student renews it"


def test_no_copy_is_left_over():
    listed = {entry.path.name for entry in COURSE.notebooks}
    assert {path.name for path in (COURSE.folder / student.FOLDER).glob("*.ipynb")} <= listed


def test_solutions_outputs_and_traces_are_gone():
    master = notebook(cells() + exercise_cells(ANSWER, CHECK))
    master.cells[3].outputs = [nbformat.v4.new_output("stream", text="steps = 6\n")]
    master.cells[3].execution_count = 3
    master.metadata["krypton"] = {"cells": "abc"}
    before = nbformat.writes(master)
    copy = student.student_copy(master)
    text = nbformat.writes(copy)
    assert (
        "secret" not in text
        and "BEGIN SOLUTION" not in text
        and "steps = 6" not in text
        and "krypton" not in copy.metadata
    )
    assert copy.cells[5].source == "def double(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    assert copy.cells[6].source == CHECK
    assert copy.cells[5].metadata.nbgrader.solution and copy.cells[6].metadata.nbgrader.points == 2
    assert all(cell.execution_count is None for cell in copy.cells if cell.cell_type == "code")
    assert nbformat.writes(master) == before


def test_a_notebook_whose_markers_are_broken_gets_no_copy():
    with pytest.raises(ValueError, match="needs its solution between"):
        student.student_copy(notebook(exercise_cells("def double(x):\n    return 2 * x", CHECK)))


def test_writing_is_deterministic_and_deletes_what_is_gone(tmp_path):
    course = plant(tmp_path, cells() + exercise_cells(ANSWER, CHECK))
    folder = tmp_path / "notebooks" / "student"
    folder.mkdir()
    (folder / "01_gone.ipynb").write_text("{}")
    (path,) = student.write(course)
    first = path.read_bytes()
    assert student.write(course) == [path] and path.read_bytes() == first
    assert [item.name for item in folder.iterdir()] == ["02_tiny.ipynb"]
    nbformat.validate(nbformat.read(path, as_version=4))


def test_links_still_lead_to_the_same_files():
    text = (
        '[a](03_next.ipynb#top) [b](TEACHING.md) ![c](../figures/x.png) [d](https://e.org/f) [g](#h) <img src="i.png">'
    )
    assert student.deeper(text, {"03_next.ipynb"}) == (
        "[a](03_next.ipynb#top) [b](../TEACHING.md) ![c](../../figures/x.png) [d](https://e.org/f) [g](#h) "
        '<img src="../i.png">'
    )


def test_every_stub_stops_with_not_implemented():
    source = exercises.without_solution(ANSWER)
    names = {}
    exec(source, names)
    with pytest.raises(NotImplementedError):
        names["double"](1)
