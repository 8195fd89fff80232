"""Seconds of training that do not count the time in which the machine stood still."""

import statistics
import time

USUAL, OFTEN = 31, 8.0
"""A step counts for at most 8 times the median of the last 31."""


class Clock:
    """Adds up the time between its ticks; one that lasted far longer than usual (a laptop that slept, a process that
    was paused) counts as the longest usual one.

    Args:
        seconds: those of earlier runs.
        now: the clock that is read.
    """

    def __init__(self, seconds=0.0, now=time.monotonic):
        self.seconds, self.now = seconds, now
        self._last, self._recent = now(), []

    def tick(self):
        """A step has ended: count it, and return its seconds as counted."""
        moment = self.now()
        spent, self._last = moment - self._last, moment
        if len(self._recent) >= USUAL // 2:
            spent = min(spent, OFTEN * statistics.median(self._recent))
        self._recent = [*self._recent[1 - USUAL :], spent]
        self.seconds += spent
        return spent

    def skip(self):
        """What passed since the last tick does not count (measuring, saving)."""
        self._last = self.now()
