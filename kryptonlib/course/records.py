"""Numbers a notebook states: kept for the sentences that say them, and compared with those of earlier runs.

``record`` is what a notebook calls. Executed by the runner it appends the number to the run's list, which
``comparison`` then holds against the committed one; in Jupyter it says at once where the number differs from it.
``sentences.say`` puts the recorded values into the text.

    >>> record("output-height", 224, kind="exact", unit="pixels")
"""

import json
import math
import os
import re
from pathlib import Path

from kryptonlib.course.claims import verdict
from kryptonlib.course.comparison import same
from kryptonlib.course.session import notebook_number
from kryptonlib.course.values import plain, show, within_printed_digits

RUN_FILE = "KRYPTON_RUN_FILE"
"""Environment variable: the JSON-lines file that a run collects its numbers and figures in; unset in Jupyter."""
RECORDS_FOLDER = Path(__file__).resolve().parents[2] / "tests" / "records"
KINDS = ("exact", "close", "order", "info")
NAME = re.compile(r"[a-z0-9]+([-_.][a-z0-9]+)*")
recorded = {}
"""Name -> value of every number recorded in this process so far, for ``say``."""


def record(
    name,
    value,
    *,
    kind="close",
    rtol=1e-4,
    atol=1e-6,
    unit="",
    paper=None,
    source="",
    claim="",
    agrees=None,
    conditions="",
    shown="",
):
    """State a number of this notebook, so that every later run is compared with it.

    Prints nothing, except in Jupyter where the value differs from the committed one: ``say`` tells the reader.

    Args:
        name: unique in the notebook, kebab- or snake-case.
        value: a number, text, bool or (nested) list of numbers; arrays and tensors are turned into lists.
        kind: "exact" (counts, shapes, bytes: equal), "close" (within ``rtol`` and ``atol``), "order" (``agrees`` is
            compared, the value is only shown) or "info" (times and the like: stored, never compared).
        rtol, atol: for "close": two runs agree if |new - old| <= atol + rtol * |old|.
        unit: for example "pixels" or "bit/pixel".
        paper: the value that the paper prints, None where it prints none.
        source: where it prints it, for example "Krypton, eq. 14".
        claim: one sentence; makes the number a row of the claims tables. It needs ``agrees``, ``paper`` or
            ``conditions``: a claim that nothing can contradict is none.
        agrees: whether what we measured agrees with the claim. None: a value within the digits that the paper prints
            agrees; without a ``paper`` value nothing is said.
        conditions: how our conditions differ from the paper's, so that the two values cannot confirm or contradict
            each other: "64 pixels a side instead of 256, trained for 10 minutes".
        shown: the value in words, for the claims tables: "6.5 times fewer products" instead of 6.51977.

    Returns:
        None, so that a cell that ends with it shows no raw number.

    Raises:
        ValueError: a name, kind or tolerance that cannot be; kind "order" without ``agrees``; a claim that cannot fail.
        TypeError: a value that cannot be recorded.
    """
    entry = make_entry(
        name,
        value,
        kind=kind,
        rtol=rtol,
        atol=atol,
        unit=unit,
        paper=paper,
        source=source,
        claim=claim,
        agrees=agrees,
        conditions=conditions,
        shown=shown,
    )
    recorded[name] = entry["value"]
    run_file = os.environ.get(RUN_FILE)
    if run_file:
        append(run_file, {"type": "record", **entry})
    else:
        difference = against_committed(entry)
        if difference:
            print(difference)


def make_entry(name, value, *, kind, rtol, atol, unit, paper, source, claim, agrees, conditions, shown):
    """Check the arguments of ``record`` and return them as a dictionary of plain values."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"record() got the name {name!r}; use lower-case words joined by - or _, like 'output-height'")
    if kind not in KINDS:
        raise ValueError(f"record({name!r}) got kind={kind!r}; expected one of {', '.join(KINDS)}")
    for label, tolerance in (("rtol", rtol), ("atol", atol)):
        if not isinstance(tolerance, (int, float)) or not 0 <= tolerance < math.inf:
            raise ValueError(f"record({name!r}) got {label}={tolerance!r}; expected a finite number >= 0")
    texts = {"unit": unit, "source": source, "claim": claim, "conditions": conditions, "shown": shown}
    for label, text in texts.items():
        if not isinstance(text, str):
            raise TypeError(f"record({name!r}) got {label} of type {type(text).__name__}; expected text")
    if agrees is not None:
        agrees = plain(f"record({name!r})", agrees)
        if not isinstance(agrees, bool):
            raise TypeError(f"record({name!r}) got agrees={agrees!r}; expected True, False or None")
    value = plain(f"record({name!r})", value)
    paper = None if paper is None else plain(f"record({name!r})", paper)
    if kind == "order" and agrees is None:
        raise ValueError(f"record({name!r}, kind='order') needs agrees=True or False: that is what runs compare")
    if agrees is None and paper is not None:
        agrees = within_printed_digits(value, paper)
    if claim and agrees is None and not conditions:
        raise ValueError(
            f"record({name!r}) got a claim that cannot fail; give agrees=, the paper's printed value (paper=), "
            "or say how the conditions differ (conditions=)"
        )
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
        "conditions": conditions,
        "shown": shown,
    }


def line(entry):
    """A number in one line, as ``python -m kryptonlib records`` lists it."""
    text = f"{entry['name']} = {show(entry['value'])}"
    if entry["unit"]:
        text += f" {entry['unit']}"
    if entry["paper"] is not None:
        text += f"  (paper: {show(entry['paper'])}{', ' + entry['source'] if entry['source'] else ''})"
    if entry["claim"]:
        text += f"  {verdict(entry)}"
    return text


def append(path, entry):
    """Add one JSON line to a run's file."""
    with open(path, "a", encoding="utf-8") as out:
        out.write(json.dumps(entry) + "\n")


def against_committed(entry):
    """What a reader in Jupyter is told about a number that is not the committed one; "" if it is, or none is known.

    Two notebooks may use one name. Where nothing says which of them runs here, the number may equal either's.
    """
    number = notebook_number()
    found = {
        path.name.partition(".")[0]: load(path).get(entry["name"])
        for path in sorted(RECORDS_FOLDER.glob(f"{number or '*'}.default.json"))
    }
    found = {number: old for number, old in found.items() if old is not None}
    if not found or any(same(entry, old) for old in found.values()):
        return ""
    committed = [f"{show(old['value'])} (notebook {number})" for number, old in found.items()]
    return (
        f"{entry['name']} = {show(entry['value'])}; the default run recorded {' or '.join(committed)}; "
        "other parameters give other numbers"
    )


def load(path):
    """The records of one file: name -> entry. A file that does not exist holds none."""
    path = Path(path)
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))["records"]
    # Files written before records could tell other conditions lack these two.
    return {name: {"conditions": "", "shown": "", **entry} for name, entry in found.items()}
