"""Every exercise of every notebook: the master passes, the stub fails, wrong answers fail with the hint that helps."""

import importlib
import sys
from pathlib import Path

import nbformat
import pytest
from tiny_course import cells, exercise_cells, notebook

from kryptonlib.course import exercises
from kryptonlib.course.catalogue import Course

COURSE = Course()
ANSWER = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
CHECK = "assert double(3) == 6, f'double(3) is {double(3)}: add the number to itself'"
WRONG = {
    "squared": ("def double(x):\n    return x * x", "add the number to itself"),
    "tripled": ("def double(x):\n    return 3 * x", "double.3. is 9"),
}


def of_course():
    """(number, exercise) of every notebook that lies there; a missing one is test_notebooks' matter."""
    found = []
    for entry in COURSE.notebooks:
        if entry.path.exists():
            found += [(entry.id, exercise) for exercise in exercises.find(nbformat.read(entry.path, as_version=4))]
    return found


@pytest.mark.parametrize("number, exercise", [pytest.param(*case, id=case[1].grade_id) for case in of_course()])
def test_the_check_tells_right_from_wrong(number, exercise, monkeypatch):
    monkeypatch.chdir(COURSE.folder)
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "wrong_answers"))
    sys.modules.pop(f"nb{number}", None)
    wrong_answers = importlib.import_module(f"nb{number}").WRONG_ANSWERS
    assert exercises.problems(exercise, wrong_answers.get(exercise.grade_id, {})) == []


def test_no_wrong_answers_are_left_over():
    folder = Path(__file__).parent / "wrong_answers"
    known = {exercise.grade_id for _, exercise in of_course()}
    listed = {entry.id for entry in COURSE.notebooks if entry.path.exists()}
    for path in sorted(folder.glob("nb*.py")):
        if path.stem[2:] in listed:
            names = {}
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
            assert set(names["WRONG_ANSWERS"]) <= known, path.name


def the_exercise(answer=ANSWER, check=CHECK):
    return exercises.find(notebook(cells() + exercise_cells(answer, check)))[0]


def test_a_good_exercise_has_no_problems():
    assert exercises.problems(the_exercise(), WRONG) == []


PLANTED = {
    "useless check": (ANSWER, "print('well done')", "the bare stub passes"),
    "check that swallows": (
        ANSWER,
        "try:\n    assert double(3) == 6\nexcept Exception:\n    pass",
        "the bare stub passes",
    ),
    "check that only calls": (ANSWER, "double(3)", "the wrong answer 'squared' passes"),
    "right by accident": (ANSWER, "assert double(2) == 4, 'add the number to itself'", "wrong answer 'squared' passes"),
    "no hint": (ANSWER, "assert double(3) == 6", "the hint for 'squared' does not say"),
    "breaks instead of a hint": (ANSWER, "{6: 1}[double(3)]", "'squared' ends in KeyError"),
    "master is wrong": (ANSWER.replace("2 * x", "x"), CHECK, "the master's own answer fails: AssertionError"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_refused(fault):
    answer, check, words = PLANTED[fault]
    problems = exercises.problems(the_exercise(answer, check), WRONG)
    assert any(words in problem for problem in problems), problems


def test_too_few_wrong_answers_are_refused():
    problems = exercises.problems(the_exercise(), {"squared": WRONG["squared"]})
    assert problems == ["02-double: has 1 wrong answers to try; expected 2 or more"]


def unmatched():
    solution, test = exercise_cells(ANSWER, CHECK)
    other = exercise_cells(ANSWER, CHECK, "02-other")
    pointless = exercise_cells(ANSWER, CHECK, points=0)
    return {
        "no test cell": ([solution], "no test cell behind it"),
        "test cell of another": ([solution, other[1]], "should have the grade_id '02-double-check'"),
        "no points": (pointless, "gives no points"),
        "same id twice": ([solution, test, solution, test], "two exercises have the grade_id"),
        "no markers": (exercise_cells("def double(x):\n    return 2 * x", CHECK), "needs its solution between"),
        "marker not closed": (exercise_cells(ANSWER.replace(exercises.END, ""), CHECK), "BEGIN SOLUTION without END SOLUTION"),
        "marker not opened": (exercise_cells(ANSWER.replace(exercises.BEGIN, ""), CHECK), "END SOLUTION without BEGIN SOLUTION"),
        "test without solution": ([test], "1 test cells and 0 solution cells"),
    }


@pytest.mark.parametrize("fault", unmatched())
def test_cells_that_do_not_make_an_exercise_are_refused(fault):
    made, words = unmatched()[fault]
    with pytest.raises(ValueError, match=words):
        exercises.find(notebook(made))


def test_the_stub_is_nbgraders():
    assert exercises.without_solution(ANSWER) == (
        "def double(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    )
