"""Numbers a notebook states, and their comparison with the numbers it stated before.

``record`` is what a notebook calls. Executed by the runner it appends the number to the run's list; in Jupyter it
compares with the committed record at once. ``compare`` is the two-way comparison that the runner applies to a run.

    >>> record("output-height", 224, kind="exact", unit="pixels")
    output-height = 224 pixels
"""

import json
import math
import os
import re
from decimal import Decimal
from pathlib import Path

RUN_FILE = "KRYPTON_RUN_FILE"
"""Environment variable: the JSON-lines file that a run collects its numbers and figures in; unset in Jupyter."""
RECORDS_FOLDER = Path(__file__).resolve().parents[2] / "tests" / "records"
KINDS = ("exact", "close", "order", "info")
NAME = re.compile(r"[a-z0-9]+([-_.][a-z0-9]+)*")
MOST_NUMBERS = 2000
FIELDS = ("kind", "rtol", "atol", "unit", "paper", "source", "claim")


def record(name, value, *, kind="close", rtol=1e-4, atol=1e-6, unit="", paper=None, source="", claim="", agrees=None):
    """State a number of this notebook, so that every later run is compared with it.

    Args:
        name: unique in the notebook, kebab- or snake-case.
        value: a number, text, bool or (nested) list of numbers; arrays and tensors are turned into lists.
        kind: "exact" (counts, shapes, bytes: equal), "close" (within ``rtol`` and ``atol``), "order" (``agrees`` is
            compared, the value is only shown) or "info" (times and the like: stored, never compared).
        rtol, atol: for "close": two runs agree if |new - old| <= atol + rtol * |old|.
        unit: for example "pixels" or "bit/pixel".
        paper: the value that the paper prints, None where it prints none.
        source: where it prints it, for example "Krypton, eq. 14".
        claim: one sentence; puts the number into the report's claims table.
        agrees: whether what we measured agrees with the claim. None: a value within the digits that the paper prints
            agrees; without a ``paper`` value nothing is said.

    Raises:
        ValueError: a name, kind or tolerance that cannot be; kind "order" without ``agrees``.
        TypeError: a value that cannot be recorded.
    """
    entry = make_entry(name, value, kind, rtol, atol, unit, paper, source, claim, agrees)
    run_file = os.environ.get(RUN_FILE)
    if run_file:
        append(run_file, {"type": "record", **entry})
        print(line(entry))
    else:
        print(line(entry) + against_committed(entry))


def make_entry(name, value, kind, rtol, atol, unit, paper, source, claim, agrees):
    """Check the arguments of ``record`` and return them as a dictionary of plain values."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"record() got the name {name!r}; use lower-case words joined by - or _, like 'output-height'")
    if kind not in KINDS:
        raise ValueError(f"record({name!r}) got kind={kind!r}; expected one of {', '.join(KINDS)}")
    for label, tolerance in (("rtol", rtol), ("atol", atol)):
        if not isinstance(tolerance, (int, float)) or not 0 <= tolerance < math.inf:
            raise ValueError(f"record({name!r}) got {label}={tolerance!r}; expected a finite number >= 0")
    for label, text in (("unit", unit), ("source", source), ("claim", claim)):
        if not isinstance(text, str):
            raise TypeError(f"record({name!r}) got {label} of type {type(text).__name__}; expected text")
    if agrees is not None:
        agrees = plain(name, agrees)
        if not isinstance(agrees, bool):
            raise TypeError(f"record({name!r}) got agrees={agrees!r}; expected True, False or None")
    value = plain(name, value)
    paper = None if paper is None else plain(name, paper)
    if kind == "order" and agrees is None:
        raise ValueError(f"record({name!r}, kind='order') needs agrees=True or False: that is what runs compare")
    if agrees is None and paper is not None:
        agrees = within_printed_digits(value, paper)
    close = kind == "close"
    return {
        "name": name,
        "value": value,
        "kind": kind,
        "rtol": float(rtol) if close else None,
        "atol": float(atol) if close else None,
        "unit": unit,
        "paper": paper,
        "source": source,
        "claim": claim,
        "agrees": agrees,
    }


def plain(name, value):
    """``value`` as JSON can hold it: bool, int, float, text or nested lists of them."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (list, tuple)):
        values = [plain(name, item) for item in value]
        count = len(list(leaves(values)))
        if count > MOST_NUMBERS:
            raise ValueError(f"record({name!r}) got {count} numbers; record a summary of at most {MOST_NUMBERS}")
        return values
    raise TypeError(
        f"record({name!r}) got a {type(value).__name__}; expected a number, text, bool or a list of numbers"
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


def line(entry):
    """The one line that ``record`` prints."""
    text = f"{entry['name']} = {show(entry['value'])}"
    if entry["unit"]:
        text += f" {entry['unit']}"
    if entry["paper"] is not None:
        text += f"  (paper: {show(entry['paper'])}{', ' + entry['source'] if entry['source'] else ''})"
    if entry["agrees"] is not None:
        against = "claim" if entry["paper"] is None else "paper"
        text += f"  agrees with the {against}" if entry["agrees"] else f"  differs from the {against}"
    return text


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


def append(path, entry):
    """Add one JSON line to a run's file."""
    with open(path, "a", encoding="utf-8") as out:
        out.write(json.dumps(entry) + "\n")


def against_committed(entry):
    """What a reader in Jupyter sees behind the number: whether it equals the committed record."""
    found = [load(path).get(entry["name"]) for path in sorted(RECORDS_FOLDER.glob("*.default.json"))]
    found = [old for old in found if old is not None]
    if len(found) != 1 or entry["kind"] == "info":
        return ""
    if same(entry, found[0]):
        return "  ✓ as recorded"
    return f"  (the default run recorded {show(found[0]['value'])}; other parameters give other numbers)"


def load(path):
    """The records of one file: name -> entry. A file that does not exist holds none."""
    path = Path(path)
    if not path.exists():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))["records"]


def same(new, old):
    """Whether the value of a new entry equals the recorded one, by the recorded entry's kind and tolerance."""
    if old["kind"] == "info":
        return True
    if old["kind"] == "order":
        return new["agrees"] == old["agrees"]
    if old["kind"] == "exact":
        return new["value"] == old["value"] and type(new["value"]) is type(old["value"])
    return close(new["value"], old["value"], old["rtol"], old["atol"])


def close(new, old, rtol, atol):
    """Element-wise |new - old| <= atol + rtol * |old|, with equal shapes; texts and bools must be equal."""
    if isinstance(new, list) or isinstance(old, list):
        if not (isinstance(new, list) and isinstance(old, list) and len(new) == len(old)):
            return False
        return all(close(a, b, rtol, atol) for a, b in zip(new, old))
    if isinstance(old, (bool, str)) or isinstance(new, (bool, str)):
        return type(new) is type(old) and new == old
    return abs(new - old) <= atol + rtol * abs(old)


def not_finite(value):
    """Whether a value holds a NaN or an infinity."""
    return any(isinstance(item, float) and not math.isfinite(item) for item in leaves(value))


def compare(entries, recorded):
    """Compare the numbers of a run with the recorded ones, both ways.

    Args:
        entries: the run's entries in the order they were made.
        recorded: name -> entry of the committed record.

    Returns:
        One sentence per difference; an empty list if the run repeats the record.
    """
    problems = []
    seen = set()
    for entry in entries:
        name = entry["name"]
        if name in seen:
            problems.append(f"record {name!r} is made twice; give each number its own name")
            continue
        seen.add(name)
        if not_finite(entry["value"]):
            problems.append(f"record {name!r} is not finite: {show(entry['value'])}")
        if name not in recorded:
            problems.append(f"record {name!r} = {show(entry['value'])} is not in the committed record")
            continue
        problems += differences(entry, recorded[name])
    problems += [f"record {name!r} is missing from this run" for name in recorded if name not in seen]
    return problems


def differences(new, old):
    """One sentence per way in which a run's entry differs from the recorded entry of the same name."""
    name = new["name"]
    problems = [
        f"record {name!r} changed its {field} from {old[field]!r} to {new[field]!r}"
        for field in FIELDS
        if new[field] != old[field]
    ]
    if not same(new, old):
        if old["kind"] == "order":
            problems.append(f"record {name!r} agreed with its claim: {old['agrees']}; now: {new['agrees']}")
        else:
            problems.append(f"record {name!r} was {show(old['value'])}, is {show(new['value'])} ({old['kind']})")
    return problems
