"""What the checks of all notebooks share: the kind, the shape and the closeness of an answer, with hints.

Every function raises AssertionError with "case: what came, what was expected: the hint" or lets the answer pass.
A check calls the answer on a case, hands what came to these functions, and ends with ``passed``.
"""

import numpy as np

NOTHING = "it returned nothing: does it end with `return`?"


def that(holds, case, hint):
    """``holds`` is true; else the student reads which case failed and the hint."""
    if not holds:
        raise AssertionError(f"{case}: {hint}")


def number(got, case):
    """One number, also as an array or tensor of one value without axes; returned as a float."""
    that(got is not None, case, NOTHING)
    fits = np.ndim(got) == 0 and not isinstance(got, (str, bytes, dict, set))
    that(fits, case, f"it returned {shortened(got)}; expected one number")
    return float(_numbers(got, case))


def count(got, truth, case, counted, hint):
    """A whole number, equal to ``truth``.

    Args:
        got: what the answer returned.
        truth: the right number.
        case: the call or the name of the case.
        counted: how the truth was found, with ``{}`` where it stands: "torch takes {} windows".
        hint: what to think of.
    """
    that(got is not None, case, NOTHING)
    whole = isinstance(got, (int, np.integer)) and not isinstance(got, bool)
    that(whole, case, f"it returned {shortened(got)}; a count is an int: divide with //, which rounds down")
    that(got == truth, case, f"it returned {got}, but {counted.format(truth)}: {hint}")


def parts(got, length, case, wanted):
    """A tuple, list or array of ``length`` parts; ``wanted`` says what to return: "(low, high)"."""
    that(got is not None, case, NOTHING)
    listed = isinstance(got, (tuple, list)) or getattr(got, "ndim", 0) > 0
    that(listed, case, f"it returned {shortened(got)}; expected {wanted}")
    that(len(got) == length, case, f"it returned {len(got)} parts; expected {wanted}")
    return got


def array(got, shape, case, hint=""):
    """Numbers of the given shape; returned as a float64 array."""
    that(got is not None, case, NOTHING)
    got = _numbers(got, case)
    that(got.shape == tuple(shape), case, _with(f"the shape is {got.shape}, expected {tuple(shape)}", hint))
    return got


def close(got, truth, case, hint, *, rtol=1e-9, atol=1e-9):
    """An array that equals ``truth`` within |got - truth| <= atol + rtol |truth|; names the first place that does not.

    NaN equals NaN. Returns the answer as a float64 array.
    """
    truth = np.asarray(truth, dtype=float)
    got = array(got, truth.shape, case, hint)
    wrong = ~np.isclose(got, truth, rtol=rtol, atol=atol, equal_nan=True)
    if wrong.any():
        place = tuple(map(int, np.argwhere(wrong)[0]))
        where = f"at {place if len(place) != 1 else place[0]} it is" if place else "it is"
        that(False, case, _with(f"{where} {got[place]:.6g}, expected {truth[place]:.6g}", hint))
    return got


def passed(name, cases, more="cases"):
    """Say that the answer is right: "✓ max_pool: 22 cases"."""
    print(f"✓ {name}: {cases} {more}")


def call(name, *positional, **named):
    """How a call is written, for naming a case: "conv_macs(3, 8, 3, 6, stride=2)"."""
    return f"{name}({', '.join([*map(repr, positional), *(f'{key}={value!r}' for key, value in named.items())])})"


def shortened(value):
    """``repr`` of an answer, cut where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:79] + "…"


def _numbers(got, case):
    """An answer as a float64 array; a tensor that records gradients is one too."""
    if hasattr(got, "detach"):
        got = got.detach()
    try:
        return np.asarray(got, dtype=float)
    except (TypeError, ValueError):
        raise AssertionError(f"{case}: it returned {shortened(got)}; expected numbers") from None


def _with(text, hint):
    return f"{text}: {hint}" if hint else text
