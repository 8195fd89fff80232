"""The two ways in which fetching data can fail, both with a message for the reader instead of a traceback."""

import errno


class DataProblem(Exception):
    """One package cannot be had; the others can still be fetched."""


class Stop(DataProblem):
    """Nothing more can be fetched: no network, a full disk, a folder that cannot be written."""


def from_os_error(error, path):
    """The ``Stop`` that explains why ``path`` could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Stop(
            f"the disk is full: {path} could not be written. Free some space, or choose another folder with --data DIR "
            "(or KRYPTON_DATA), then run this again: what is complete is kept"
        )
    return Stop(
        f"{path} cannot be written ({error.strerror or error}). Choose a folder that you may write with --data DIR "
        "(or KRYPTON_DATA), or mend its permissions, then run this again"
    )
