"""Independent pieces of work in two processes, where each piece is too small to gain from a second thread.

A tiny network trains as fast on one thread as on two (``threads.one_thread``), and Python runs one thread at a time. A
comparison of many such networks gets through in half the time if a second process trains every other one.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

WORKERS = 2
"""Processes in a notebook: the course is made for two cores."""

AHEAD = 2
"""Jobs for each worker that are packed at a time."""

_pool = None


def in_processes(function, jobs, *, workers=None):
    """``[function(**job) for job in jobs]``, computed by worker processes of one thread each.

    The results are the same wherever they are computed, if ``function`` depends on its arguments alone.

    Args:
        function: of the library, or another one that a new process can import.
        jobs: dictionaries of arguments; anything that pickles.
        workers: processes; 1 computes here. None is ``WORKERS`` in a notebook, and 1 in a script, which a worker would
            run anew unless it guards its start (https://docs.python.org/3/library/multiprocessing.html).

    Returns:
        The results, in the order of the jobs. What a worker cannot read, such as a function that was defined in the
        notebook, is computed here; so is everything if the workers die.

    Raises:
        ValueError: fewer than one worker. What ``function`` raises is raised here.

    Example:
        >>> in_processes(divmod_of, [{"a": 7, "b": 2}, {"a": 9, "b": 4}])  # a function of one of our modules
        [(3, 1), (2, 1)]
    """
    jobs = list(jobs)
    if workers is None:
        workers = min(WORKERS, os.cpu_count() or 1) if _in_a_notebook() else 1
    if workers < 1:
        raise ValueError(f"in_processes() got {workers} workers; expected at least 1, or None")
    answers = [None] * len(jobs)
    if min(workers, len(jobs)) > 1 and multiprocessing.parent_process() is None:
        answers = _asked(function, jobs, workers)
    return [function(**job) if answer is None else pickle.loads(answer) for answer, job in zip(answers, jobs)]


def _asked(function, jobs, workers):
    """What the workers answer, packed; None for a job that they could not read."""
    global _pool
    if _pool is None or _pool._max_workers != workers:
        close()
        _pool = _started(workers)
    asked = []
    try:
        for number, job in enumerate(jobs):
            if number >= AHEAD * workers:  # a job may hold an entire data set
                asked[number - AHEAD * workers].result()
            asked.append(_pool.submit(_answer, _packed(function, job)))
        return [one.result() for one in asked]
    except BrokenProcessPool:
        close()
        return [None] * len(jobs)
    finally:
        for one in asked:
            one.cancel()


def _started(workers):
    """Worker processes that do not hear an interrupt.

    An interrupted or closed kernel passes its signal on to its children, even while they load torch. The caller hears
    it and stops asking.
    """
    heard = threading.current_thread() is threading.main_thread()  # no other thread may say what a signal does
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if heard else None
    try:
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin)
        for _ in range(workers):  # each starts with a job that finds no other idle, and inherits what a signal does
            pool.submit(int)
    finally:
        if heard:
            signal.signal(signal.SIGINT, before)
    return pool


def _packed(function, job):
    """Bytes for a worker, or nothing for what cannot be packed, such as a function inside a function."""
    # Packed here: torch would send its tensors through shared memory, of which containers have little.
    with contextlib.suppress(pickle.PicklingError, AttributeError, TypeError):
        return pickle.dumps((function, job))
    return b""


def close():
    """End the worker processes; the next call starts new ones."""
    global _pool
    if _pool is not None:
        _pool.shutdown(cancel_futures=True)
        _pool = None


def _in_a_notebook():
    return not hasattr(sys.modules["__main__"], "__file__")


def _begin():
    """The first thing in a worker."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it was not inherited
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent():
    """A kernel that is killed takes no leave of its workers, which would wait for work for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _answer(packed):
    try:
        function, job = pickle.loads(packed)
    except Exception:  # unpickling raises whatever the object's code does
        return None
    return pickle.dumps(function(**job))
