"""Recorded values: what they may be, and how people see them."""

import math
from decimal import Decimal

MOST_NUMBERS = 2000


def plain(owner, value):
    """``value`` as JSON can hold it: bool, int, float, text or nested lists of them; ``owner`` begins the messages."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (list, tuple)):
        values = [plain(owner, item) for item in value]
        count = len(list(leaves(values)))
        if count > MOST_NUMBERS:
            raise ValueError(f"{owner} got {count} numbers; expected a summary of at most {MOST_NUMBERS}")
        return values
    raise TypeError(
        f"{owner} got a {type(value).__name__}; expected a number, text, bool or a list of numbers"
    )


def leaves(value):
    """The single values of a nested list, in order."""
    if isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def within_printed_digits(value, paper):
    """Whether ``value`` rounds to what the paper prints: 0.5831 agrees with 0.583, 0.59 does not; None if not a number."""
    numbers = [isinstance(x, (int, float)) and not isinstance(x, bool) for x in (value, paper)]
    if not all(numbers):
        return value == paper if type(value) is type(paper) else None
    if not math.isfinite(value) or not math.isfinite(paper):
        return False
    last_digit = 10.0 ** Decimal(repr(paper)).as_tuple().exponent
    return abs(value - paper) <= last_digit / 2 * (1 + 1e-9)


def show(value):
    """A recorded value for people: six significant digits, long lists cut in the middle."""
    if isinstance(value, bool) or isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:,.6g}"
    shown = [show(item) for item in value]
    if len(shown) > 8:
        shown = shown[:4] + ["…"] + shown[-2:]
    return "[" + ", ".join(shown) + "]"
