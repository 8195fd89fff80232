"""Execute the notebooks with papermill and refuse what papermill lets pass.

Each notebook runs in its own kernel of this very interpreter, in the folder ``notebooks/``. The executed copy goes to
``build/<profile>/``, and beside it a JSON file says what the run measured and what was wrong with it. A run that was
good and whose code, parameters, library and data have not changed since is not repeated.
"""

import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from kryptonlib.course import comparison, outputs, parameters, provenance, records
from kryptonlib.course.catalogue import ROOT
from kryptonlib.course.figures import FIGURES_FOLDER

# Seconds until a run of a profile is stopped. Far above what a notebook may take, so that only a hang meets it.
TIME_LIMITS = {"quick": 900, "default": 3600, "paper": None, "custom": None}


class Run:
    """How the notebooks shall be run.

    Args:
        course: the notebooks and where things lie.
        profile: "quick", "default" or "paper".
        given: name -> value; replaces parameters of every selected notebook. Such a run is called "custom": it writes
            to ``build/custom`` and is not compared with the records.
        fresh: repeat runs that are good already.
        time_limit: seconds a notebook may take; None takes the profile's.
    """

    def __init__(self, course, profile="default", given=None, fresh=False, time_limit=None):
        self.course = course
        self.profile = profile
        self.given = dict(given or {})
        self.fresh = fresh
        self.label = "custom" if self.given else profile
        self.folder = course.build_folder / self.label
        self.figures = course.figures_of(self.label)
        self.time_limit = time_limit if time_limit is not None else TIME_LIMITS[self.label]
        self.surroundings = provenance.collect(course.root)

    def notebook(self, notebook, progress=False):
        """Run one notebook, or take its earlier run if that is good, and compare it with its record.

        Args:
            notebook: an entry of the course.
            progress: show papermill's bar over the cells.

        Returns:
            A dictionary: ``problems`` (one sentence each, empty if all is well), ``records``, ``figures``,
            ``parameters``, ``seconds``, ``reused``, ``executed`` (whether the notebook ran to its end), ``provenance``.
        """
        import nbformat

        try:
            values = {**self.course.parameters(notebook, self.profile), **self.given}
            source = nbformat.read(notebook.path, as_version=4)
        except (OSError, ValueError) as error:
            return self._state(notebook, {}, problems=[str(error)])
        refused = parameters.problems(source, values)
        if refused:
            return self._state(notebook, values, problems=refused)
        state = self._execute(notebook, source, values, progress)
        compared = self._compared(notebook, state["records"]) if state["executed"] else []
        return {**state, "problems": state["refused"] + compared}

    def _state(self, notebook, values, **more):
        empty = {"refused": [], "records": [], "figures": [], "seconds": 0.0, "reused": False, "executed": False}
        about = {"id": notebook.id, "profile": self.label, "parameters": values, "provenance": self.surroundings}
        return {**about, **empty, **more}

    def _execute(self, notebook, source, values, progress):
        """Execute a notebook unless a good run of the same code lies there already."""
        import nbformat

        executed = self.folder / notebook.path.name
        state_file = executed.with_suffix(".json")
        fingerprint = provenance.digest(
            [provenance.cells(source), values, sorted(notebook.figures), self.time_limit, self.surroundings]
        )
        if not self.fresh and executed.exists() and state_file.exists():
            state = json.loads(state_file.read_text(encoding="utf-8"))
            if state["fingerprint"] == fingerprint and not state["refused"] and self._figures_exist(state):
                return {**state, "reused": True}
        self.folder.mkdir(parents=True, exist_ok=True)
        state_file.unlink(missing_ok=True)
        executed.unlink(missing_ok=True)
        start = time.perf_counter()
        refused, entries = self._papermill(notebook, executed, values, progress)
        seconds = time.perf_counter() - start
        finished = not refused
        if executed.exists():
            result = nbformat.read(executed, as_version=4)
            refused += outputs.errors(result) + outputs.without_alt_text(result)
        if finished:
            refused += figure_problems(notebook, entries, self.figures)
        state = self._state(
            notebook,
            values,
            refused=refused,
            records=[entry for entry in entries if entry["type"] == "record"],
            figures=[entry for entry in entries if entry["type"] == "figure"],
            seconds=seconds,
            executed=finished,
            fingerprint=fingerprint,
        )
        state_file.write_text(json.dumps(state, indent=1, default=str), encoding="utf-8")
        return state

    def _figures_exist(self, state):
        return all((self.figures / f"{figure['name']}.png").exists() for figure in state["figures"])

    def _papermill(self, notebook, executed, values, progress):
        """Let papermill execute the notebook; returns (what stopped it, the numbers and figures it made)."""
        import papermill
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
        from papermill.exceptions import PapermillException, PapermillExecutionError

        deadline = None if self.time_limit is None else time.monotonic() + self.time_limit
        bar = {"desc": f"  {notebook.id}", "leave": False, "unit": "cell"} if progress else False
        failure = []
        with tempfile.TemporaryDirectory() as folder, kernel_environment(folder) as run_file:
            os.environ[FIGURES_FOLDER] = str(self.figures)
            try:
                papermill.execute_notebook(
                    str(notebook.path),
                    str(executed),
                    values,
                    kernel_name="python3",
                    language="python",
                    cwd=str(self.course.folder),
                    progress_bar=bar,
                    timeout_func=lambda cell: deadline and max(1, deadline - time.monotonic()),
                )
            except CellTimeoutError:
                failure = [f"stopped: it ran longer than its limit of {self.time_limit:g} s"]
            except DeadKernelError:
                failure = ["its kernel died; often this means that the memory was not enough"]
            except PapermillExecutionError as error:
                failure = [f"stopped by {error.ename} in code cell {error.exec_count}; the cells after it did not run"]
            except PapermillException as error:
                failure = [f"papermill: {error}"]
            return failure, read_lines(run_file)

    def _compared(self, notebook, entries):
        path = self.course.records_path(notebook, self.profile)
        if self.label == "custom" or (self.profile == "paper" and not path.exists()):
            # Nothing to compare with; a number must still be a number and have one name.
            return comparison.compare(entries, {entry["name"]: entry for entry in entries})
        if not path.exists() and entries:
            return [f"tests/records/{path.name} is missing; python -m kryptonlib records --update writes it"]
        return comparison.compare(entries, records.load(path))


def figure_problems(notebook, entries, folder):
    """Differences between the figures that a run made and those that ``course.yaml`` declares."""
    made = [entry["name"] for entry in entries if entry["type"] == "figure"]
    problems = [f"figure {name!r} is made twice" for name in sorted(set(made)) if made.count(name) > 1]
    problems += [
        f"figure {name!r} is declared in course.yaml and not made" for name in notebook.figures if name not in made
    ]
    problems += [f"figure {name!r} is not declared in course.yaml" for name in made if name not in notebook.figures]
    problems += [
        f"figure {entry['name']!r} has no alternative text"
        for entry in entries
        if entry["type"] == "figure" and not entry["alt"]
    ]
    for name in made:
        if not name.startswith(notebook.id + "_"):
            problems.append(f"figure {name!r} does not begin with the notebook's number {notebook.id}_")
    left_over = {path.stem for path in Path(folder).glob(f"{notebook.id}_*.png")} - set(made) - set(notebook.figures)
    return problems + [
        f"{name}.png lies in {Path(folder).name}/ and is no longer made; delete it" for name in sorted(left_over)
    ]


def read_lines(path):
    """The JSON lines that ``record`` and ``figure`` appended during a run."""
    if not Path(path).exists():
        return []
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


@contextlib.contextmanager
def kernel_environment(folder):
    """Environment variables under which a kernel started here is this interpreter and imports this kryptonlib.

    Args:
        folder: an empty folder for the kernel's specification and settings.

    Yields:
        The path of the file that ``record`` and ``figure`` append to.
    """
    from ipykernel.kernelspec import get_kernel_dict

    folder = Path(folder)
    kernel = folder / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    spec = get_kernel_dict()
    # The kernel talks to this process on this machine only; its notice that the line is not encrypted would confuse.
    spec["argv"] = [sys.executable, *spec["argv"][1:], "--log-level=40"]
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    run_file = folder / "run.jsonl"
    before = dict(os.environ)
    os.environ.update(
        {
            # First in Jupyter's search path: a kernel of the same name registered elsewhere is not found.
            "JUPYTER_PATH": os.pathsep.join([str(folder / "jupyter"), *filter(None, [before.get("JUPYTER_PATH")])]),
            "IPYTHONDIR": str(folder / "ipython"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [before.get("PYTHONPATH")])]),
            "PYTHONHASHSEED": "0",
            records.RUN_FILE: str(run_file),
        }
    )
    os.environ.pop("MPLBACKEND", None)
    try:
        yield run_file
    finally:
        os.environ.clear()
        os.environ.update(before)
