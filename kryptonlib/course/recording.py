"""Write the committed records anew, showing old -> new."""

import json
import os

from kryptonlib.course import comparison, records
from kryptonlib.course.values import show


def update(course, notebook, profile, state):
    """Write ``tests/records/NN.<profile>.json`` from a finished run.

    Args:
        course, notebook, profile: what was run.
        state: what ``Run.notebook`` returned.

    Returns:
        One line per change, "name: old -> new". The file is left alone if nothing but provenance changed.

    Raises:
        RuntimeError: this is continuous integration (``CI`` is set), where a record must never follow the result.
        ValueError: the run did not finish, or its numbers cannot be recorded.
    """
    refuse_in_ci()
    if not state["executed"]:
        raise ValueError(f"{notebook.id} did not run to its end; its records stay as they are")
    new = {
        entry["name"]: {key: entry[key] for key in entry if key not in ("type", "name")} for entry in state["records"]
    }
    faults = comparison.compare(state["records"], {entry["name"]: entry for entry in state["records"]})
    if faults:
        raise ValueError("; ".join(faults))
    path = course.records_path(notebook, profile)
    changes = changed(records.load(path), new)
    if not changes:
        return []
    content = {
        "notebook": notebook.id,
        "profile": profile,
        "parameters": state["parameters"],
        "seconds": round(state["seconds"], 1),
        "provenance": state["provenance"],
        "records": new,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return changes


def refuse_in_ci():
    """Raise where the record must be the judge and not the judged."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        raise RuntimeError(
            "records are not updated in CI (the variable CI is set); update them by hand and commit them"
        )


def changed(old, new):
    """One line per record that is new, gone or different."""
    lines = []
    for name, entry in new.items():
        if name not in old:
            lines.append(f"{name}: new -> {show(entry['value'])}")
            continue
        lines += [
            f"{name}{'' if field == 'value' else ' ' + field}: {shown(old[name][field])} -> {shown(entry[field])}"
            for field in entry
            if entry[field] != old[name].get(field)
        ]
    return lines + [f"{name}: {show(old[name]['value'])} -> gone" for name in old if name not in new]


def shown(value):
    """A field of a record for people."""
    return "none" if value is None else show(value) or "''"
