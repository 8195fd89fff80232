"""The two-way comparison of a run's numbers with the committed ones."""

import math

from kryptonlib.course.values import leaves, show

FIELDS = ("kind", "rtol", "atol", "unit", "paper", "source", "claim", "conditions")
"""What else must be as recorded. ``shown`` may hold a time, so that it changes from run to run."""


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
