"""Refuse an unknown name helpfully."""

import difflib


def check_choice(what, name, known):
    """Raise ValueError if ``name`` is not in ``known``, listing the names that look like it, or all of them.

    Example:
        >>> check_choice("network", "vgg61", ["vgg16", "vgg19", "alexnet"])
        Traceback (most recent call last):
        ValueError: network: got 'vgg61'; did you mean vgg16, vgg19?
    """
    known = list(known)
    if name in known:
        return
    near = difflib.get_close_matches(str(name), known, n=6, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(known)}"
    raise ValueError(f"{what}: got {name!r}; {hint}")
