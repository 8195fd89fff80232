"""A run that is interrupted says what is finished, leaves no kernel behind, and the next one resumes."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import yaml
from tiny_course import cells, notebook, plant

from kryptonlib.course import interruption, reproduce
from kryptonlib.course.catalogue import Course

ROOT = Path(__file__).resolve().parent.parent
SLOW = "import os, pathlib, time\npathlib.Path('started').write_text(str(os.getpid()))\ntime.sleep(600)"
RUN = """import sys
from kryptonlib.course.catalogue import Course
from kryptonlib.course import reproduce
try:
    reproduce.run(Course(sys.argv[1]))
except KeyboardInterrupt:
    sys.exit(130)
"""


def plant_two(root, second):
    """A course of a quick notebook and one whose work is ``second``."""
    plant(root)
    made = cells(work=second + "\nsteps, fast, name", drawing="1")
    nbformat.write(notebook(made), root / "notebooks" / "03_slow.ipynb")
    listing = root / "notebooks" / "course.yaml"
    entries = yaml.safe_load(listing.read_text())["notebooks"][:1]
    entries.append({"id": "03", "file": "03_slow.ipynb", "title": "Slow"})
    listing.write_text(yaml.safe_dump({"notebooks": entries}))
    return Course(root)


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("number, group", [(signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGINT, True)])
def test_stopped_it_says_what_is_finished_and_the_next_run_resumes(number, group, tmp_path, capsys):
    """``group``: as a terminal does it, the signal goes to the kernel, too."""
    plant_two(tmp_path, SLOW)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    run = subprocess.Popen(command, env=environment, start_new_session=True, **pipes)
    started = tmp_path / "notebooks" / "started"
    try:
        while not (started.exists() and started.read_text()):
            assert run.poll() is None, run.stdout.read()
            time.sleep(0.2)
        (os.killpg if group else os.kill)(run.pid, number)
        said, _ = run.communicate(timeout=120)
    finally:
        run.kill()
    assert run.returncode == 130
    assert "02 Tiny: ok" in said or "02 Tiny: FAILED" in said, said
    assert "stopped. Finished and kept: 02. Next time the same command resumes with: 03" in said
    assert "Traceback" not in said
    assert not alive(int(started.read_text())), "the kernel still runs"
    reproduce.run(plant_two(tmp_path, "1"))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  0")]
    assert "earlier run" in lines[0] and "03 Slow: ok" in lines[1] and "earlier" not in lines[1]


def test_what_the_work_returns_and_raises_comes_through():
    assert interruption.interruptible(lambda: threading.current_thread() is threading.main_thread()) is False

    def fail():
        raise KeyError("planted")

    with pytest.raises(KeyError, match="planted"):
        interruption.interruptible(fail)


def test_outside_the_block_term_is_what_it_was():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), interruption.term_interrupts():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_failed_notebook_is_not_called_finished(tmp_path):
    notebooks = plant_two(tmp_path, "1").notebooks
    states = [{"executed": True, "refused": ["a figure is missing"]}]
    assert reproduce.stopped_line(notebooks, states) == (
        "stopped. Finished and kept: none. Next time the same command resumes with: 02, 03"
    )
    states = [{"executed": True, "refused": []}]
    assert "without --fresh resumes with: 03" in reproduce.stopped_line(notebooks, states, fresh=True)
