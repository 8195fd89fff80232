"""What two processes compute is what one computes, in the same order, errors included; and they do not outlive it."""

import json
import operator
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from test_deep import made_up

from kryptonlib import processes
from kryptonlib.deep import fitting, networks

ROOT = Path(__file__).resolve().parent.parent
# A notebook's kernel in little: a main module without a file, killed while it has workers.
KERNEL = """
import os, signal
from kryptonlib import processes
print(*processes.in_processes(os.getpid, [{}] * 6), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module", autouse=True)
def closed():
    yield
    processes.close()


def test_answers_come_in_the_order_of_the_jobs():
    jobs = [{"obj": list(range(number))} for number in range(12)]
    assert processes.in_processes(json.dumps, jobs, workers=2) == [json.dumps(**job) for job in jobs]


def test_others_compute_on_one_thread_each():
    pids = processes.in_processes(os.getpid, [{}] * 12, workers=2)
    assert os.getpid() not in pids and len(set(pids)) <= 2
    assert set(processes.in_processes(torch.get_num_threads, [{}] * 4, workers=2)) == {1}


def test_what_a_worker_cannot_read_is_computed_here():
    assert processes.in_processes(lambda a: a + 1, [{"a": 1}, {"a": 2}], workers=2) == [2, 3]
    assert processes.in_processes(lambda: os.getpid(), [{}, {}], workers=2) == [os.getpid()] * 2


def test_a_script_computes_here_unless_it_asks(monkeypatch):
    assert processes.in_processes(os.getpid, [{}, {}]) == [os.getpid()] * 2
    assert processes.in_processes(os.getpid, [{}, {}], workers=1) == [os.getpid()] * 2
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert processes.in_processes(os.getpid, [{}, {}]) == [os.getpid()] * 2


def test_errors_come_here():
    with pytest.raises(ZeroDivisionError):
        processes.in_processes(partial(operator.truediv, 1, 0), [{}, {}], workers=2)
    assert len(processes.in_processes(os.getpid, [{}, {}], workers=2)) == 2
    with pytest.raises(ValueError, match="0 workers"):
        processes.in_processes(os.getpid, [{}], workers=0)


def test_workers_do_not_hear_an_interrupt():
    """A kernel's children get its signals; the work goes on until the kernel stops asking."""
    before = signal.getsignal(signal.SIGINT)
    pids = set(processes.in_processes(os.getpid, [{}] * 12, workers=2))
    for pid in pids:
        os.kill(pid, signal.SIGINT)
    assert set(processes.in_processes(os.getpid, [{}] * 12, workers=2)) & pids
    assert signal.getsignal(signal.SIGINT) is before


def test_dead_workers_cost_time_only():
    pids = processes.in_processes(os.getpid, [{}] * 12, workers=2)
    for pid in set(pids):
        os.kill(pid, signal.SIGKILL)
    assert set(processes.in_processes(os.getpid, [{}] * 3, workers=2)) <= {os.getpid()}
    assert os.getpid() not in processes.in_processes(os.getpid, [{}] * 3, workers=2)


def test_a_training_is_the_same_in_another_process():
    make = partial(networks.chain, 2, 3, norm="batch", dropout=0.3)
    jobs = [{"make": make, "digits": made_up(), "seed": seed, "rate": 0.05, "steps": 6} for seed in (0, 1)]
    there = processes.in_processes(fitting.trained, jobs, workers=2)
    for job, other in zip(jobs, there):
        np.testing.assert_allclose(fitting.trained(**job).batch_losses, other.batch_losses, rtol=1e-4)


def test_workers_of_a_killed_kernel_leave():
    done = subprocess.run([sys.executable, "-c", KERNEL], env={**os.environ, "PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    pids = {int(pid) for pid in done.stdout.split()}
    assert pids, done.stderr
    end = time.monotonic() + 60
    while any(_runs(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.1)
    assert not [pid for pid in pids if _runs(pid)]


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that has ended stays in the list until somebody takes note of it.
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")
