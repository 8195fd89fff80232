"""Progress with the time left."""

import sys
import time


class Progress:
    """Counts finished patches and tells how long the rest will take.

    Args:
        total: number of patches, or of what ``unit`` says.
        report: False says nothing; True writes one line to standard error; a function is called with
            (finished, total, seconds left or None).
        work: total work in any unit, where patches cost differently and a cost model knows by how much; None counts
            every patch alike.
        unit: what is counted, for the line that True writes.
    """

    def __init__(self, total, report=False, work=None, unit="patches"):
        if not (isinstance(report, bool) or callable(report)):
            raise TypeError(f"progress must be True, False or a function(done, total, seconds_left), got {report!r}")
        self.total = total
        self.done, self.unit = 0, unit
        self.work, self.worked = work, 0.0
        self.report = self._write if report is True else report
        self.started = time.perf_counter()

    def update(self, count, work=None):
        """``count`` more patches are finished, ``work`` of the total work where that is counted."""
        self.done += count
        self.worked += count if work is None else work
        if not self.report:
            return
        spent = time.perf_counter() - self.started
        left = (self.total if self.work is None else self.work) - self.worked
        self.report(self.done, self.total, spent / self.worked * max(left, 0.0) if self.worked else None)

    def _write(self, done, total, left):
        text = f"\r{done}/{total} {self.unit}" + (f", {left:.0f} s left " if left is not None else "")
        sys.stderr.write(text + ("\n" if done == total else ""))
        sys.stderr.flush()
