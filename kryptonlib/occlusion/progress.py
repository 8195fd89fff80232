"""Progress with the time left."""

import sys
import time


class Progress:
    """Counts finished patches and tells how long the rest will take.

    Args:
        total: number of patches.
        report: False says nothing; True writes one line to standard error; a function is called with
            (finished, total, seconds left or None).
    """

    def __init__(self, total, report=False):
        if not (isinstance(report, bool) or callable(report)):
            raise TypeError(f"progress must be True, False or a function(done, total, seconds_left), got {report!r}")
        self.total = total
        self.done = 0
        self.report = self._write if report is True else report
        self.started = time.perf_counter()

    def update(self, count):
        """``count`` more patches are finished."""
        self.done += count
        if not self.report:
            return
        spent = time.perf_counter() - self.started
        self.report(self.done, self.total, spent / self.done * (self.total - self.done) if self.done else None)

    def _write(self, done, total, left):
        text = f"\r{done}/{total} patches, {left:.0f} s left " if left is not None else f"\r{done}/{total} patches"
        sys.stderr.write(text + ("\n" if done == total else ""))
        sys.stderr.flush()
