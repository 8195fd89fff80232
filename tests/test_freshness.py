"""The outputs of committed notebooks belong to their code and to the records. Then every fault, planted."""

import base64
import io

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_output
from PIL import Image
from tiny_course import cells, exercise_cells, notebook

from kryptonlib.course import freshness, provenance, records
from kryptonlib.course.catalogue import Course

COURSE = Course()
ANSWER = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
each = pytest.mark.parametrize("entry", COURSE.notebooks, ids=lambda entry: entry.path.stem)


def read(entry):
    return nbformat.read(entry.path, as_version=4)


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
    assert freshness.output_problems(good()) == []


def executed():
    """A good notebook as papermill leaves it."""
    made = good()
    made.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    return made


def number(value, kind="exact"):
    return {"value": value, "kind": kind, "agrees": None}


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
    "raw value": (
        shows(new_output("execute_result", data={"text/plain": "[np.float64(3.44)]"}, execution_count=3)),
        "ends with a value that is shown as '[np.float64(3.44)]'",
    ),
    "picture": (shows(new_output("display_data", data={"image/png": "AAAA"})), "without alternative text"),
}


@pytest.mark.parametrize("fault", STALE)
def test_a_planted_fault_in_the_outputs_is_refused(fault):
    plant, words = STALE[fault]
    made = good()
    plant(made)
    problems = freshness.output_problems(made)
    assert any(words in problem for problem in problems), problems


def test_a_large_file_is_refused(tmp_path):
    path = tmp_path / "02.ipynb"
    path.write_bytes(b" " * 1_500_001)
    assert "1,500,001 bytes" in freshness.size_problems(path)[0]


def test_outputs_of_a_run_with_other_numbers_are_refused():
    old = number(6)
    result = freshness.with_outputs(good(), executed(), {"steps": old})
    assert freshness.record_problems(result, {"steps": old}) == []
    assert freshness.record_problems(result, {"steps": {**old, "unit": "steps", "shown": "six"}}) == []
    for other in ({"steps": number(7)}, {}, {"steps": old, "more": old}):
        assert "run it again with --keep" in freshness.record_problems(result, other)[0]
    assert freshness.record_problems(good(), {"steps": old}), "a notebook whose numbers no run signed"


def test_a_time_may_differ():
    result = freshness.with_outputs(good(), executed(), {"seconds": number(2.5, kind="info")})
    assert freshness.record_problems(result, {"seconds": number(3.5, kind="info")}) == []


def test_outputs_of_other_code_are_not_taken_over():
    ran = executed()
    ran.cells[3].source = "other"
    with pytest.raises(ValueError, match="run it again"):
        freshness.with_outputs(good(), ran, {})


def test_prose_written_after_the_run_stays_and_widgets_become_a_note():
    ran, source = executed(), good()
    ran.metadata["papermill"] = {"input_path": "/tmp/x"}
    ran.metadata["widgets"] = {"state": {}}
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "VBox()"}
    ran.cells[4].outputs = [new_output("display_data", data=view)]
    source.cells[0].source += " rewritten"
    result = freshness.with_outputs(source, ran, {})
    assert result.cells[0].source.endswith("rewritten")
    assert "interactive panel" in result.cells[4].outputs[0].data["text/markdown"]
    assert set(result.metadata) == {"kernelspec", "language_info", "krypton"}
    assert result.metadata.language_info == {"name": "python"}
    assert freshness.output_problems(result) == []


def test_pictures_are_packed_without_changing_a_pixel():
    values = np.random.default_rng(0).integers(0, 4, (60, 80, 3), dtype=np.uint8) * 60
    written = io.BytesIO()
    Image.fromarray(values).save(written, "png", compress_level=1)
    before = base64.b64encode(written.getvalue()).decode()
    output = new_output("display_data", data={"image/png": before, "text/plain": "x"})
    after = freshness.committed(output).data["image/png"]
    assert len(after) < len(before) and output.data["image/png"] == before
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(after)))), values)
    assert freshness.packed(after) == after


@pytest.mark.parametrize("alpha, mode", [(255, "RGB"), (254, "RGBA")])
def test_a_channel_that_is_opaque_everywhere_is_left_out(alpha, mode):
    values = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    values[..., 3] = 255
    values[3, 4, 3] = alpha
    written = io.BytesIO()
    Image.fromarray(values).save(written, "png")
    packed = Image.open(io.BytesIO(base64.b64decode(freshness.packed(base64.b64encode(written.getvalue()).decode()))))
    assert packed.mode == mode
    np.testing.assert_array_equal(np.asarray(packed.convert("RGBA")), values)
