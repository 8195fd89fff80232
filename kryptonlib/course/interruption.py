"""Stop a long run by Ctrl-C or TERM at once, leaving no kernel behind."""

import contextlib
import signal
import threading

PATIENCE = 10
"""Seconds that the stopped work gets to notice that its kernel is gone."""


def interruptible(work):
    """Do ``work()`` in a thread and return its result or raise its exception.

    nbclient answers Ctrl-C itself where it can: it ends the kernel, and the run goes on as if the notebook had failed.
    Outside the main thread it cannot; the main thread waits here and is interrupted as any other program. Then the
    processes that the work started are ended and KeyboardInterrupt is raised.
    """
    import psutil

    process = psutil.Process()
    before = {child.pid for child in process.children(recursive=True)}
    done = {}

    def run():
        try:
            done["result"] = work()
        except BaseException as error:  # whatever it is, the caller gets it
            done["error"] = error

    thread = threading.Thread(target=run, name="notebook", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.5)
    except KeyboardInterrupt:
        for child in process.children(recursive=True):
            if child.pid not in before:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        thread.join(PATIENCE)
        raise
    if "error" in done:
        raise done["error"]
    return done["result"]


@contextlib.contextmanager
def term_interrupts():
    """Inside the ``with`` block TERM does what Ctrl-C does: it raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
