"""The round trip with nbgrader itself: release, hand in unchanged (no points) and solved (all points)."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from kryptonlib.course import exercises, parameters, student
from kryptonlib.course.catalogue import Course
from kryptonlib.course.runner import kernel_environment

pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install 'kryptonlib[grading]'")
COURSE = Course()
TRIED = ("00", "02", "07")
"""Numbers of the notebooks that make the round trip, which runs each three times: with one exercise, with many, and the
latest. That all follow nbgrader's conventions is tested without running them (test_exercises, test_student)."""
WITH_EXERCISES = [entry for entry in COURSE.notebooks if entry.id in TRIED]


def test_the_notebooks_that_are_tried_have_exercises():
    assert [entry.id for entry in WITH_EXERCISES] == list(TRIED)
    assert all(exercises.find(nbformat.read(entry.path, as_version=4)) for entry in WITH_EXERCISES)


def quick_master(entry):
    """The master notebook with the quick profile's values in its parameters cell."""
    notebook = nbformat.read(entry.path, as_version=4)
    cell = notebook.cells[parameters.tagged(notebook, parameters.TAG)[0]]
    values = {**parameters.literals(cell.source), **COURSE.parameters(entry, "quick")}
    cell.source = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    ast.parse(cell.source)
    return notebook


def nbgrader(folder, *arguments):
    command = [sys.executable, "-m", "nbgrader", *arguments, f"--course-dir={folder}"]
    # nbgrader starts the program "alembic", which lies beside this interpreter.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=1500, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.parametrize("entry", WITH_EXERCISES, ids=lambda entry: entry.path.stem)
def test_unchanged_gets_no_points_and_solved_gets_all(entry, tmp_path):
    from nbgrader.api import Gradebook

    master = quick_master(entry)
    name = entry.path.stem
    source = tmp_path / "source" / "krypton"
    source.mkdir(parents=True)
    nbformat.write(master, source / f"{name}.ipynb")
    (tmp_path / "nbgrader_config.py").write_text(
        "c = get_config()\nc.ExecutePreprocessor.timeout = 900\nc.Execute.timeout = 900\n"
    )
    with kernel_environment(tmp_path / "kernel"):
        nbgrader(tmp_path, "generate_assignment", "krypton")
        release = nbformat.read(tmp_path / "release" / "krypton" / f"{name}.ipynb", as_version=4)
        ours = student.student_copy(master)
        assert [cell.source for cell in release.cells] == [cell.source for cell in ours.cells]

        solved = nbformat.from_dict(json.loads(json.dumps(release)))
        answers = {exercise.grade_id: exercise.answer for exercise in exercises.find(master)}
        for cell in solved.cells:
            if exercises.is_solution(cell):
                cell.source = answers[cell.metadata["nbgrader"]["grade_id"]]
        for who, notebook in (("unchanged", release), ("solved", solved)):
            folder = tmp_path / "submitted" / who / "krypton"
            folder.mkdir(parents=True)
            nbformat.write(notebook, folder / f"{name}.ipynb")
        nbgrader(tmp_path, "autograde", "krypton")
    most = sum(exercise.points for exercise in exercises.find(master))
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        scores = {submission.student.id: submission.score for submission in gradebook.assignment_submissions("krypton")}
    assert scores == {"unchanged": 0, "solved": most}
