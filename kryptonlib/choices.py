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
    texts = [str(other) for other in known]
    near = difflib.get_close_matches(str(name), texts, n=6, cutoff=0.5) if isinstance(name, str) else []
    hint = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(texts)}"
    raise ValueError(f"{what}: got {name!r}; {hint}")
