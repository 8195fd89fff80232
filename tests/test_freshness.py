"""Committed notebooks: outputs belong to their code, and the form is the course's. Then every fault, planted."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from tiny_course import cells, exercise_cells, notebook

from kryptonlib.course import freshness, provenance, records
from kryptonlib.course.catalogue import Course

COURSE = Course()
ANSWER = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
each = pytest.mark.parametrize("entry", COURSE.notebooks, ids=lambda entry: entry.path.stem)


def read(entry):
    return nbformat.read(entry.path, as_version=4)


@each
def test_form(entry):
    assert freshness.form_problems(read(entry), entry.id) == []


@each
def test_outputs(entry):
    assert freshness.output_problems(read(entry)) == []


@each
def test_outputs_show_the_recorded_numbers(entry):
    recorded = records.load(COURSE.records_path(entry, "default"))
    assert freshness.record_problems(read(entry), recorded) == []


@each
def test_size(entry):
    assert freshness.size_problems(entry.path) == []


def good(more=()):
    """A notebook of the right form, executed and signed."""
    made = cells()
    made[0].source += "\n\n" + "word " * 1000
    made += exercise_cells(ANSWER, "double(1)") + exercise_cells(ANSWER, "double(2)", "02-other") + list(more)
    result = notebook(made)
    return signed(result)


def signed(result):
    for count, cell in enumerate((cell for cell in result.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count
    result.cells[3].outputs = [new_output("stream", text="steps = 6\n")]
    result.metadata["krypton"] = {"cells": provenance.cells(result)}
    return result


def test_a_good_notebook_has_no_problems():
    assert freshness.form_problems(good(), "02") == []
    assert freshness.output_problems(good()) == []


def code_changed(made):
    made.cells[3].source += "\nsteps"


def cells_swapped(made):
    made.cells[3], made.cells[4] = made.cells[4], made.cells[3]


def tag_moved(made):
    made.cells[3].metadata["tags"] = ["parameters"]


def unsigned(made):
    del made.metadata["krypton"]


def cell_not_run(made):
    made.cells[-1].execution_count = None


def out_of_order(made):
    made.cells[3].execution_count, made.cells[4].execution_count = 4, 3


def run_after_others(made):
    made.cells[3].execution_count = 30


def shows(output):
    def plant(made):
        made.cells[3].outputs.append(output)

    return plant


def stream(text, name="stdout"):
    return shows(new_output("stream", name=name, text=text))


STALE = {
    "code changed": (code_changed, "the code changed after the run"),
    "shuffled cells": (cells_swapped, "the code changed after the run"),
    "tag moved": (tag_moved, "the code changed after the run"),
    "no hash": (unsigned, "no hash of its code"),
    "a cell not run": (cell_not_run, "did not run once each from top to bottom"),
    "run out of order": (out_of_order, "did not run once each from top to bottom"),
    "run again later": (run_after_others, "did not run once each from top to bottom"),
    "error": (shows(new_output("error", ename="KeyError", evalue="'x'", traceback=[])), "raised KeyError"),
    "traceback": (stream("Traceback (most recent call last):\nValueError: no"), "printed a traceback: ValueError: no"),
    "temporary folder": (stream("saved to /tmp/krypton/out.png"), "a path of the machine it ran on: /tmp/krypton"),
    "root's folder": (stream("/root/.cache/krypton"), "a path of the machine"),
    "home folder": (shows(new_output("display_data", data={"text/html": "<b>/home/ada/x</b>"})), "/home/ada"),
    "site-packages": (stream("lib/python3.11/site-packages/torch"), "site-packages"),
    "warning": (stream("UserWarning: no GPU", "stderr"), "wrote on the error stream"),
    "progress bar": (stream("100%|####| 3/3", "stderr"), "wrote on the error stream"),
    "missing feature": (stream("captum is not installed"), "a warning about a missing feature"),
    "picture": (shows(new_output("display_data", data={"image/png": "AAAA"})), "without alternative text"),
}


@pytest.mark.parametrize("fault", STALE)
def test_a_planted_fault_in_the_outputs_is_refused(fault):
    plant, words = STALE[fault]
    made = good()
    plant(made)
    problems = freshness.output_problems(made)
    assert any(words in problem for problem in problems), problems


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
    "31 code cells": (lambda: good([new_code_cell("1")] * 23), "31 code cells; at most 30"),
    "26 lines": (lambda: good([new_code_cell("1\n" * 26)]), "has 26 lines; at most 25"),
    "pip": (lambda: good([new_code_cell("!pip install torch")]), "changes the reader's environment"),
    "path": (lambda: good([new_code_cell("import sys\nsys.path.append('..')")]), "changes the reader's environment"),
    "empty cell": (lambda: good([new_markdown_cell(" ")]), "a cell is empty"),
    "no imports tag": (lambda: without("imports"), "0 cells are tagged 'imports'"),
    "no parameters tag": (lambda: without("parameters"), "0 cells are tagged 'parameters'"),
    "wrong order": (tags_exchanged, "the parameters cell comes before the imports cell"),
    "no title": (lambda: titled("word " * 1000), "the first cell is not the title page"),
    "run time not filled in": (lambda: titled("# T\n\nRun time: RUNTIME\n" + "word " * 1000), "still says RUNTIME"),
    "too little prose": (lambda: titled("# T\n" + "word " * 500), "501 words of prose; expected 1000 to 2000"),
    "too much prose": (lambda: titled("# T\n" + "word " * 2000), "2001 words of prose"),
    "one exercise": (
        lambda: signed(notebook(cells() + exercise_cells(ANSWER, "double(1)"))),
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
    problems = freshness.form_problems(make(), "02")
    assert any(words in problem for problem in problems), problems


def test_the_start_page_needs_no_exercises_and_may_be_short():
    assert freshness.form_problems(notebook(cells()), "00") == []


def test_formulas_code_and_addresses_are_no_prose():
    made = notebook(
        [new_markdown_cell("Two words $a + b$ `code here` [link](https://x.y/z) \n$$\nx = y\n$$\n```\ncode\n```")]
    )
    assert freshness.prose(made) == 3


def test_a_large_file_is_refused(tmp_path):
    path = tmp_path / "02.ipynb"
    path.write_bytes(b" " * 1_500_001)
    assert "1,500,001 bytes" in freshness.size_problems(path)[0]


def test_a_recorded_number_that_the_outputs_do_not_show_is_refused():
    entry = records.make_entry("steps", 6, "exact", 0, 0, "", None, "", "", None)
    entry.pop("name")
    assert freshness.record_problems(good(), {"steps": entry}) == []
    assert "steps = 7" in freshness.record_problems(good(), {"steps": {**entry, "value": 7}})[0]


def test_outputs_of_other_code_are_not_taken_over():
    executed = good()
    executed.cells[3].source = "other"
    with pytest.raises(ValueError, match="run it again"):
        freshness.with_outputs(good(), executed)


def test_prose_written_after_the_run_stays_and_widgets_become_a_note():
    executed, source = good(), good()
    executed.metadata["papermill"] = {"input_path": "/tmp/x"}
    executed.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    executed.metadata["widgets"] = {"state": {}}
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "VBox()"}
    executed.cells[4].outputs = [new_output("display_data", data=view)]
    source.cells[0].source += " rewritten"
    result = freshness.with_outputs(source, executed)
    assert result.cells[0].source.endswith("rewritten")
    assert "interactive panel" in result.cells[4].outputs[0].data["text/markdown"]
    assert set(result.metadata) == {"kernelspec", "language_info", "krypton"}
    assert result.metadata.language_info == {"name": "python"}
    assert freshness.output_problems(result) == []
