"""The exercises of a notebook, and the proof that their checks check something.

An exercise is a solution cell and the test cell behind it, marked with nbgrader's own metadata. ``problems`` proves
for each of them that the master's answer passes, that the bare stub fails, and that wrong answers fail with a hint
that helps.
"""

import contextlib
import io
import re
from dataclasses import dataclass

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"
MARKERS = {
    kind: (f"BEGIN {kind.upper()}", f"END {kind.upper()}") for kind in ("solution", "hidden tests", "mark scheme")
}
"""What nbgrader looks for in a line, whatever stands around it."""
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
FEWEST_WRONG_ANSWERS = 2


@dataclass(frozen=True)
class Exercise:
    """A solution cell, its test cell, and the code that both stand on."""

    grade_id: str
    answer: str
    check: str
    points: float
    setup: tuple


def is_solution(cell):
    """Whether a cell is one that students answer in."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def is_test(cell):
    """Whether a cell gives points automatically."""
    about = cell.metadata.get("nbgrader", {})
    return bool(about.get("grade")) and not about.get("solution")


def is_manual(cell):
    """Whether a cell holds an answer that the teacher grades: a solution cell that itself gives points."""
    return is_solution(cell) and bool(cell.metadata["nbgrader"].get("grade"))


def find(notebook):
    """The exercises of a notebook in order, those that are checked automatically.

    Raises:
        ValueError: a solution cell without markers or test cell behind it, or an id that is used twice.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    setup = tuple(
        cell.source for tag in ("imports", "parameters") for cell in cells if tag in cell.metadata.get("tags", [])
    )
    found = []
    tests = 0
    for position, cell in enumerate(cells):
        tests += is_test(cell)
        if not is_solution(cell) or is_manual(cell):
            continue
        about = cell.metadata["nbgrader"]
        following = cells[position + 1] if position + 1 < len(cells) else None
        name = about["grade_id"]
        if following is None or not is_test(following):
            raise ValueError(f"exercise {name!r} has no test cell behind it")
        if following.metadata["nbgrader"]["grade_id"] != f"{name}-check":
            raise ValueError(f"the test cell behind {name!r} should have the grade_id '{name}-check'")
        points = following.metadata["nbgrader"].get("points")
        if not points or points <= 0:
            raise ValueError(f"the test cell of {name!r} gives no points")
        if name in [exercise.grade_id for exercise in found]:
            raise ValueError(f"two exercises have the grade_id {name!r}")
        without_solution(cell.source, name)
        found.append(Exercise(name, cell.source, following.source, points, setup))
    if tests != len(found):
        raise ValueError(f"there are {tests} test cells and {len(found)} solution cells; each needs the other")
    return found


def without_solution(source, name="?"):
    """A solution cell as students get it: what lies between nbgrader's markers becomes nbgrader's stub.

    Raises:
        ValueError: the markers are missing, or do not come in pairs.
    """
    text, cuts = without_regions(source, "solution", STUB, f"exercise {name!r}")
    if not cuts:
        raise ValueError(f"exercise {name!r} needs its solution between '{BEGIN}' and '{END}'")
    return text


def without_regions(source, what, stub=(), where="a cell"):
    """A cell's text without nbgrader's regions of a kind.

    Args:
        source: the text.
        what: one of MARKERS.
        stub: lines that take the place of each region, indented like its first marker.
        where: names the cell in errors.

    Returns:
        (text, number of regions).

    Raises:
        ValueError: the markers do not come in pairs.
    """
    begin, end = MARKERS[what]
    lines, inside, cuts = [], False, 0
    for line in source.split("\n"):
        if begin in line:
            if inside:
                raise ValueError(f"{where} has a {begin} inside another")
            inside, cuts = True, cuts + 1
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + text for text in stub]
        elif end in line:
            if not inside:
                raise ValueError(f"{where} has an {end} without {begin}")
            inside = False
        elif not inside:
            lines.append(line)
    if inside:
        raise ValueError(f"{where} has a {begin} without {end}")
    return "\n".join(lines), cuts


def attempt(exercise, answer, namespace=None):
    """Give an answer to an exercise.

    Args:
        exercise: the exercise.
        answer: source of the solution cell.
        namespace: what the setup cells left behind; None executes them.

    Returns:
        None if the check passed it, else the exception that came.
    """
    names = dict(namespace) if namespace is not None else prepared(exercise)
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(compile(answer, f"<answer to {exercise.grade_id}>", "exec"), names)
            exec(compile(exercise.check, f"<check of {exercise.grade_id}>", "exec"), names)
        except Exception as error:
            return error
    return None


def prepared(exercise):
    """The names that the imports and the parameters cell of the exercise's notebook define."""
    names = {"__name__": "__main__", "display": lambda *args, **kwargs: None}
    with contextlib.redirect_stdout(io.StringIO()):
        for source in exercise.setup:
            exec(compile(source, "<setup>", "exec"), names)
    return names


def problems(exercise, wrong_answers):
    """Everything that speaks against an exercise.

    Args:
        exercise: the exercise.
        wrong_answers: what is wrong -> (source of the answer, regular expression that the hint must match).

    Returns:
        One sentence per problem; an empty list if the check tells right from wrong.
    """
    name = exercise.grade_id
    namespace = prepared(exercise)
    found = []
    error = attempt(exercise, exercise.answer, namespace)
    if error is not None:
        found.append(f"{name}: the master's own answer fails: {type(error).__name__}: {error}")
    if attempt(exercise, without_solution(exercise.answer, name), namespace) is None:
        found.append(f"{name}: the bare stub passes, so the check checks nothing")
    if len(wrong_answers) < FEWEST_WRONG_ANSWERS:
        found.append(f"{name}: has {len(wrong_answers)} wrong answers to try; expected {FEWEST_WRONG_ANSWERS} or more")
    for what, (source, hint) in wrong_answers.items():
        error = attempt(exercise, source, namespace)
        if error is None:
            found.append(f"{name}: the wrong answer {what!r} passes")
        elif not isinstance(error, AssertionError):
            found.append(f"{name}: the wrong answer {what!r} ends in {type(error).__name__}: {error}; expected a hint")
        elif not re.search(hint, str(error)):
            found.append(f"{name}: the hint for {what!r} does not say {hint!r}; it says: {error}")
    return found
