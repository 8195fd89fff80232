"""The student copies hold no solution, no output, and are those of the masters."""

import copy

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell
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
    made = student.student_copy(master)
    text = nbformat.writes(made)
    assert (
        "secret" not in text
        and "BEGIN SOLUTION" not in text
        and "steps = 6" not in text
        and "krypton" not in made.metadata
    )
    assert made.cells[5].source == "def double(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    assert made.cells[6].source == CHECK
    assert made.cells[5].metadata.nbgrader.solution and made.cells[6].metadata.nbgrader.points == 2
    assert all(cell.execution_count is None for cell in made.cells if cell.cell_type == "code")
    assert nbformat.writes(master) == before


def test_a_notebook_whose_markers_are_broken_gets_no_copy():
    with pytest.raises(ValueError, match="needs its solution between"):
        student.student_copy(notebook(exercise_cells("def double(x):\n    return 2 * x", CHECK)))


def marked(cell, **about):
    """A cell with nbgrader's metadata."""
    kind = {"grade_id": "x", "schema_version": 3, "grade": False, "locked": False, "solution": False, "task": False}
    cell.metadata["nbgrader"] = {**kind, **about}
    return cell


TWO = """a = 1
### BEGIN SOLUTION part a
secret = 2
### END SOLUTION
if a:
    # BEGIN SOLUTION
    secret = 3
    # END SOLUTION"""
HIDDEN = "assert double(1) == 2\n### BEGIN HIDDEN TESTS\nassert double(3) == 6  # secret\n### END HIDDEN TESTS"
TASK = "Draw a cat.\n=== BEGIN MARK SCHEME ===\nsecret: two ears\n=== END MARK SCHEME ==="
CASES = {
    "two regions, named": marked(new_code_cell(TWO), solution=True),
    "code without a region, graded by hand": marked(new_code_cell("secret = 1"), solution=True, grade=True, points=1),
    "words": marked(new_markdown_cell("The secret is 42."), solution=True, grade=True, points=2),
    "words with a region": marked(
        new_markdown_cell("Why?\n### BEGIN SOLUTION\nsecret\n### END SOLUTION"), solution=True, grade=True, points=2
    ),
    "raw": marked(new_raw_cell("secret"), solution=True, grade=True, points=2),
    "hidden tests": marked(new_code_cell(HIDDEN), grade=True, points=2, locked=True),
    "marking scheme": marked(new_markdown_cell(TASK), task=True, points=2),
    "a locked cell": marked(new_code_cell("x = 1"), locked=True),
    "an ordinary cell": new_markdown_cell("BEGIN, and the END, of a SOLUTION"),
}


def by_nbgrader(cell):
    """What nbgrader's own preprocessors make of a cell."""
    preprocessors = pytest.importorskip("nbgrader.preprocessors")
    made = notebook([copy.deepcopy(cell)])
    for name in ("ClearSolutions", "ClearHiddenTests", "ClearMarkScheme"):
        made, _ = getattr(preprocessors, name)().preprocess(made, {})
    return made.cells[0].source


@pytest.mark.parametrize("case", CASES)
def test_nbgraders_conventions_are_read_as_nbgrader_reads_them(case):
    text = student.released(CASES[case])
    assert text == by_nbgrader(CASES[case])
    assert "secret" not in text and "BEGIN SOLUTION" not in text


@pytest.mark.parametrize(
    "cell, message",
    [
        (new_code_cell(TWO), "not marked as a solution cell"),
        (new_markdown_cell(TWO), "not marked as a solution cell"),
        (marked(new_code_cell(TWO), grade=True), "not marked as a solution cell"),
        (new_code_cell(HIDDEN), "not marked as a test cell"),
        (new_markdown_cell(TASK), "not marked as a task cell"),
        (marked(new_code_cell("### BEGIN SOLUTION\nsecret"), solution=True), "without END SOLUTION"),
        (marked(new_code_cell("### BEGIN HIDDEN TESTS\nsecret"), grade=True), "without END HIDDEN TESTS"),
        (marked(new_code_cell(TWO.replace("END", "BEGIN")), solution=True), "inside another"),
    ],
)
def test_what_nbgrader_refuses_gets_no_copy(cell, message):
    with pytest.raises(ValueError, match=message):
        student.released(cell)
    with pytest.raises(RuntimeError):
        by_nbgrader(cell)


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(
        st.sampled_from(
            ["x", "  y", "### BEGIN SOLUTION", " # END SOLUTION b", "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"]
            + ["BEGIN MARK SCHEME", "END MARK SCHEME", ""]
        ),
        max_size=8,
    ),
    kind=st.sampled_from([new_code_cell, new_markdown_cell, new_raw_cell]),
    about=st.fixed_dictionaries({name: st.booleans() for name in ("solution", "grade", "task")}),
)
def test_any_cell_is_read_as_nbgrader_reads_it_or_refused(lines, kind, about):
    cell = marked(kind("\n".join(lines)), **about)
    try:
        text = student.released(cell)
    except ValueError:
        return  # stricter than nbgrader: an END alone is refused too
    assert text == by_nbgrader(cell)


def test_a_copy_holds_nothing_of_what_the_teacher_wrote_for_himself():
    answer = marked(
        new_markdown_cell("The secret ![cat](attachment:secret.png)"), grade_id="y", solution=True, grade=True
    )
    answer.attachments = {"secret.png": {"image/png": "c2VjcmV0"}}
    kept = new_markdown_cell("![dog](attachment:dog.png)")
    kept.attachments = {"dog.png": {"image/png": "ZG9n"}}
    hidden = f"{CHECK}\n### BEGIN HIDDEN TESTS\nassert double(4) == 8  # secret\n### END HIDDEN TESTS"
    master = notebook(cells() + exercise_cells(ANSWER, hidden) + [answer, kept, CASES["marking scheme"]])
    text = nbformat.writes(student.student_copy(master))
    assert "secret" not in text and "c2VjcmV0" not in text and "HIDDEN" not in text
    assert "ZG9n" in text and "YOUR ANSWER HERE" in text and "Draw a cat." in text


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
