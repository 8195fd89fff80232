"""Committed notebooks have the course's form. Then every fault, planted."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from tiny_course import cells, exercise_cells, notebook

from kryptonlib.course import form
from kryptonlib.course.catalogue import Course

COURSE = Course()
ANSWER = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"


@pytest.mark.parametrize("entry", COURSE.notebooks, ids=lambda entry: entry.path.stem)
def test_form(entry):
    assert form.problems(nbformat.read(entry.path, as_version=4), entry.id, entry.figures) == []


def good(more=()):
    """A notebook of the right form."""
    made = cells()
    made[0].source += "\n\n" + "word " * 1000
    made += exercise_cells(ANSWER, "double(1)") + exercise_cells(ANSWER, "double(2)", "02-other") + list(more)
    return notebook(made)


def test_a_good_notebook_has_no_problems():
    assert form.problems(good(), "05", ["05_a"] * 8) == []


def without(tag):
    made = good()
    for cell in made.cells:
        if tag in cell.metadata.get("tags", []):
            cell.metadata["tags"] = []
    return made


def titled(source):
    made = good()
    made.cells[0].source = source
    return made


def tags_exchanged():
    made = good()
    made.cells[1].metadata["tags"], made.cells[2].metadata["tags"] = ["parameters"], ["imports"]
    return made


FORM = {
    "26 lines": (lambda: good([new_code_cell("1\n" * 26)]), "has 26 lines; at most 25"),
    "pip": (lambda: good([new_code_cell("!pip install torch")]), "changes the reader's environment"),
    "path": (lambda: good([new_code_cell("import sys\nsys.path.append('..')")]), "changes the reader's environment"),
    "empty cell": (lambda: good([new_markdown_cell(" ")]), "a cell is empty"),
    "no imports tag": (lambda: without("imports"), "0 cells are tagged 'imports'"),
    "no parameters tag": (lambda: without("parameters"), "0 cells are tagged 'parameters'"),
    "wrong order": (tags_exchanged, "the parameters cell comes before the imports cell"),
    "no title": (lambda: titled("word " * 1000), "the first cell is not the title page"),
    "run time not filled in": (lambda: titled("# T\n\nRun time: RUNTIME\n" + "word " * 1000), "still says RUNTIME"),
    "too little prose": (lambda: titled("# T\n" + "word " * 500), "501 words of prose; expected 700 to 1400"),
    "too much prose": (lambda: titled("# T\n" + "word " * 1400), "1401 words of prose"),
    "one exercise": (
        lambda: notebook(cells() + exercise_cells(ANSWER, "double(1)")),
        "1 exercises; expected 2 to 5",
    ),
    "six exercises": (
        lambda: good([cell for i in range(4) for cell in exercise_cells(ANSWER, "1", f"02-{i}")]),
        "6 exercises; expected 2 to 5",
    ),
    "broken exercise": (lambda: good(exercise_cells(ANSWER, "1", "02-x")[:1]), "no test cell behind it"),
}


@pytest.mark.parametrize("fault", FORM)
def test_a_planted_fault_in_the_form_is_refused(fault):
    make, words = FORM[fault]
    problems = form.problems(make(), "05")
    assert any(words in problem for problem in problems), problems


@pytest.mark.parametrize("lines, allowed", [(202, True), (203, False)])
def test_visible_lines_are_those_that_students_see(lines, allowed):
    """By hand: the tiny notebook's other cells have 4 + 3 + 4 + 3 lines; its two exercises have one line outside the
    solution each and one of check. Empty lines do not count."""
    made = good([new_code_cell("1\n\n" * 10) for _ in range(lines // 10)] + [new_code_cell("1\n" * (lines % 10))])
    assert form.visible_lines(made) == 18 + lines
    problems = form.problems(made, "05")
    assert problems == ([] if allowed else ["221 visible lines of code; at most 220"])


def chapter(words, sittings, lines=0):
    headings = [new_markdown_cell(f"## Sitting {i}") for i in range(sittings)]
    made = good(headings + [new_code_cell("1\n" * 25) for _ in range(lines // 25)])
    made.cells[0].source = "# Tiny\n\n" + "word " * (words - 1 - sittings)
    return made


@pytest.mark.parametrize(
    "made, figures, words",
    [
        (chapter(1999, 2, 325), 16, None),
        (chapter(1999, 3), 24, None),
        (chapter(2000, 2), 0, "2000 words of prose; expected 700 to 1999"),
        (chapter(1500, 2, 350), 0, "visible lines of code; at most 360"),
        (chapter(1500, 1), 0, "1 headings name a sitting"),
        (chapter(1500, 4), 0, "4 headings name a sitting"),
        (chapter(1500, 2), 17, "17 figures; at most 16"),
    ],
)
def test_chapters_are_longer_and_mark_their_sittings(made, figures, words):
    problems = form.problems(made, "02", ["02_a"] * figures)
    assert (words is None and problems == []) or any(words in problem for problem in problems), problems


def test_nine_figures_are_too_many_for_one_sitting():
    assert form.problems(good(), "05", ["05_a"] * 9) == ["9 figures; at most 8"]


def test_the_start_page_needs_no_exercises_and_may_be_short():
    assert form.problems(notebook(cells()), "00") == []


def test_formulas_code_and_addresses_are_no_prose():
    made = notebook(
        [new_markdown_cell("Two words $a + b$ `code here` [link](https://x.y/z) \n$$\nx = y\n$$\n```\ncode\n```")]
    )
    assert form.prose(made) == 3


