"""A real text that a package ships: the documentation strings of NumPy's functions, as ``help`` shows them.

NumPy is under BSD-3-Clause, its documentation too. The text is that of the installed NumPy: another version's differs
in places.
"""

import functools
import hashlib
import inspect

import numpy as np

SOURCE = "documentation strings of NumPy's public functions"
LICENCE = "BSD-3-Clause"
ALPHABET = "\n" + "".join(map(chr, range(32, 127)))
"""The line break and the printable ASCII characters; a text of any NumPy holds no others here."""
HELD_OUT = 10
"""Every tenth documentation string is kept for the test."""
FEWEST = 100


@functools.cache
def documents():
    """The documentation strings, each once, without common indentation, in the order of the functions' names.

    Characters beyond ASCII are left out.
    """
    found = {}
    for name in sorted(np.__all__):
        text = inspect.cleandoc(getattr(getattr(np, name), "__doc__", None) or "")
        text = "".join(character for character in text if character in ALPHABET)
        if callable(getattr(np, name)) and text:
            found.setdefault(text, name)
    if len(found) < FEWEST:
        raise ValueError(
            f"NumPy shows {len(found)} documentation strings here, expected over {FEWEST}; "
            "Python was started with -OO, which drops them: start it without"
        )
    return tuple(found)


def text(split):
    """The text to learn from or to test on.

    Args:
        split: "train" or "test".

    Returns:
        A string over ``ALPHABET``; two empty lines part the documents.

    Example:
        >>> "Parameters" in text("test")
        True
    """
    if split not in ("train", "test"):
        raise ValueError(f"text() got split={split!r}; expected 'train' or 'test'")
    chosen = [each for place, each in enumerate(documents()) if (place % HELD_OUT == HELD_OUT - 1) == (split == "test")]
    return "\n\n\n".join(chosen)


def facts():
    """What a checkpoint's card says of the text."""
    train = text("train")
    return {
        "source": f"{SOURCE}, NumPy {np.__version__}",
        "licence": LICENCE,
        "characters": len(train),
        "sha256": hashlib.sha256(train.encode()).hexdigest(),
        "test": f"every tenth documentation string, {len(text('test'))} characters",
    }
