"""How threads wait for each other, so that a machine that does something else too stays usable.

torch computes large layers on several threads. Between two pieces of work they wait, and by default GNU OpenMP lets
them spin: they keep their cores busy. Where another program wants these cores, the thread that all others wait for may
not get one, and work that took a second takes ten. ``wait_passively`` lets them sleep instead; OpenMP reads the
setting once, when torch is loaded, so ``import kryptonlib`` calls it first. Tiny networks are as fast on one thread as
on two, and need not wait at all: ``one_thread``.

``tests/benchmarks/busy.py`` measures both, quiet and beside other work.
"""

import contextlib
import os

SETTING = "OMP_WAIT_POLICY"
USERS_OWN = (SETTING, "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Whoever sets one of these has decided how threads wait."""


def wait_passively(environment=os.environ):
    """Let waiting threads sleep, unless the environment says already how they wait.

    Args:
        environment: mapping of environment variables; changed in place. It also reaches the processes started later,
            the notebooks' kernels among them.

    Returns:
        Whether the setting was made. It has no effect on a torch that was loaded before.

    Example:
        >>> environment = {}
        >>> wait_passively(environment), environment
        (True, {'OMP_WAIT_POLICY': 'passive'})
        >>> wait_passively({"GOMP_SPINCOUNT": "1000"})
        False
    """
    if any(name in environment for name in USERS_OWN):
        return False
    environment[SETTING] = "passive"
    return True


@contextlib.contextmanager
def one_thread():
    """Compute on one thread inside the ``with`` block (or the decorated function), as before after it.

    For networks so small that handing work to a second thread costs more than it saves: a few thousand parameters on a
    batch of small images.

    Example:
        >>> with one_thread():
        ...     loss.backward()
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
