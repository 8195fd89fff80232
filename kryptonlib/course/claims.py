"""The rows of the claims tables: what a paper says, what we find, and the verdict. README and the report share them."""

from kryptonlib.course import papers, records
from kryptonlib.course.values import show

CONFIRMED = "confirmed"
OTHER_CONDITIONS = "different conditions"
NOT_CONFIRMED = "not confirmed"


def verdict(entry):
    """What a record that carries a claim says about it: one of the three verdicts.

    A record that names how its conditions differ from the paper's confirms nothing and contradicts nothing. Another
    is confirmed or not by its ``agrees``.

    Args:
        entry: a record as ``records.load`` returns it.

    Example:
        >>> verdict({"conditions": "", "agrees": True})
        'confirmed'
    """
    if entry["conditions"]:
        return OTHER_CONDITIONS
    return CONFIRMED if entry["agrees"] else NOT_CONFIRMED


def row(name, entry, notebook, full=None):
    """One claim as plain values, ready to be shown.

    Args:
        name: the record's name.
        entry: the record.
        notebook: the number of the notebook that makes it, "05".
        full: the same record of the profile "paper", where one was committed.

    Returns:
        A dictionary of texts: ``name``, ``paper`` (which), ``place`` (where in it), ``claim``, ``says`` (the printed
        value or ""), ``finds`` (``shown``, or the value with its unit; behind it what ``full`` found, with its own
        verdict), ``verdict``, ``conditions``, ``notebook``, ``command``.
    """
    paper, place = papers.paper_and_place(entry["source"]) if entry["source"] else (papers.OWN, "")
    finds = found(entry)
    if full is not None:
        finds += f"; with the paper's own data: {found(full)} ({verdict(full)})"
    return {
        "name": name,
        "paper": paper,
        "place": place,
        "claim": entry["claim"],
        "says": "" if entry["paper"] is None else with_unit(entry["paper"], entry["unit"]),
        "finds": finds,
        "verdict": verdict(entry),
        "conditions": entry["conditions"],
        "notebook": notebook,
        "command": f"make reproduce NB={notebook}",
    }


def found(entry):
    """What a record found, in words, or its value with its unit."""
    return entry["shown"] or with_unit(entry["value"], entry["unit"])


def with_unit(value, unit):
    """A value for a table's reader: "6.5 x"; several as "195; 212; 1,311 pixels", since numbers may hold commas."""
    text = "; ".join(show(one) for one in value) if isinstance(value, list) else show(value)
    return f"{text} {unit}".strip()


def rows(parts, full=None):
    """All claims, ordered as ``papers.PAPERS`` and within a paper as the notebooks make them.

    Args:
        parts: pairs (number of a notebook, name -> record).
        full: number of a notebook -> (name -> record) of the profile "paper", where that was recorded. A claim that only
            this profile measures has a row of its own.
    """
    full = full or {}
    made = []
    for notebook, entries in parts:
        whole = full.get(notebook, {})
        made += [row(name, entry, notebook, whole.get(name)) for name, entry in entries.items() if entry["claim"]]
        alone = {name: entry for name, entry in whole.items() if entry["claim"] and name not in entries}
        command = f"python -m kryptonlib run --only {notebook} --profile paper"
        made += [row(name, entry, notebook) | {"command": command} for name, entry in alone.items()]
    return sorted(made, key=lambda claim: papers.order(claim["paper"]))


def recorded_in_full(course):
    """Number of a notebook -> (name -> record) of the profile "paper"; notebooks without such a record are left out."""
    paths = {notebook.id: course.records_path(notebook, "paper") for notebook in course.notebooks}
    return {number: records.load(path) for number, path in paths.items() if path.exists()}
