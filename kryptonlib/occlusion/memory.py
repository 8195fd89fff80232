"""Keep freed memory for the next layer instead of handing it back to the operating system.

On Linux, glibc returns large freed blocks to the kernel at once, and the next layer then pays for fresh, zeroed pages:
20 to 25 % of the time of both full and incremental inference. Inside ``kept_memory()`` freed blocks are reused, and a
few stay for the next run. Blocks of ever other sizes leave gaps that nothing fits; ``Gaps`` hands these back before
they grow too large. Elsewhere (macOS, Windows, musl) both do nothing.
"""

import contextlib
import ctypes
import os
import sys
import threading

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""mallopt's parameters, from malloc.h."""
MOST = 1152 << 20
"""Bytes by which the process may grow before gaps are handed back: 1152 MiB."""
ANEW = 1 << 28
"""Bytes by which it must have grown since they were last handed back: 256 MiB."""
LEFT = 1 << 26
"""Bytes of freed memory that stay with the process for its next run: 64 MiB."""
HELD = "/proc/self/statm"
"""Where Linux tells how many pages a process holds."""
_lock, _inside = threading.Lock(), 0
"""How many blocks are being run, since the allocator is one for all of a process's threads."""


def _libc():
    if not sys.platform.startswith("linux") or not os.path.exists(HELD):
        return None
    try:
        library = ctypes.CDLL("libc.so.6")
        return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
    except OSError:
        return None


@contextlib.contextmanager
def kept_memory():
    """Let freed memory be reused inside the ``with`` block, and hand it back at its end, up to 64 MiB.

    Of nested blocks the outermost hands it back, of those of several threads the last.

    Yields:
        A function to call now and then: :class:`Gaps`.
    """
    library = _libc()
    if library is None:
        yield lambda: None
        return
    _enter(library)
    try:
        with open(HELD, "rb", buffering=0) as file:
            yield Gaps(library, file)
    finally:
        _leave(library)


def _enter(library):
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            library.mallopt(M_MMAP_MAX, 0)
            library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def _leave(library):
    global _inside
    with _lock:
        _inside -= 1
        if _inside == 0:
            # glibc's own default is 65536 mapped blocks.
            library.mallopt(M_MMAP_MAX, 65536)
            library.mallopt(M_TRIM_THRESHOLD, LEFT)
            library.malloc_trim(LEFT)


class Gaps:
    """Called now and then, hands gaps in the heap back once the process has grown by much since this was made.

    Gaps come of small blocks that live long, oneDNN's kernels, between large ones; and glibc before 2.38 takes no gap
    for an aligned block of the very same size.

    Args:
        library: glibc, with ``malloc_trim``.
        file: ``HELD``, open and unbuffered.
    """

    def __init__(self, library, file):
        self.library, self.file = library, file
        self.begin = self.last = self._resident()

    def __call__(self):
        now = self._resident()
        if now > self.begin + MOST and now > self.last + ANEW:
            self.library.malloc_trim(0)
            self.last = self._resident()

    def _resident(self):
        """Bytes of memory that the process holds."""
        self.file.seek(0)
        return int(self.file.read(100).split()[1]) * os.sysconf("SC_PAGE_SIZE")
