"""Whether a committed notebook is what it says: its outputs belong to its code, and its form is the course's.

``with_outputs`` puts the outputs of a run into a notebook and signs them with the hash of the code;
``output_problems`` and ``form_problems`` find what speaks against committing it.
"""

import copy
import re

from kryptonlib.course import exercises, outputs, parameters, provenance, records

LARGEST = 1_500_000
MOST_CODE_CELLS = 30
MOST_LINES = 25
FEWEST_WORDS, MOST_WORDS = 1000, 2000
EXERCISES = range(2, 6)
START_PAGE = "00"
KEY = "krypton"
NOTE = "*An interactive panel: run this notebook to use it. The figure beside it says the same.*"
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
NOT_PROSE = re.compile(r"```.*?```|\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]+`|\]\([^)]*\)|<[^>]+>|https?://\S+", re.DOTALL)


def with_outputs(source, executed):
    """The notebook ``source`` with the outputs of an executed copy, without traces of the machine and the moment.

    Args:
        source: the notebook whose text counts.
        executed: what a run of the same code left.

    Raises:
        ValueError: the two do not hold the same code.
    """
    result = copy.deepcopy(source)
    ran = [cell for cell in executed.cells if cell.cell_type == "code"]
    cells = [cell for cell in result.cells if cell.cell_type == "code"]
    if [cell.source for cell in ran] != [cell.source for cell in cells]:
        raise ValueError("the executed copy holds other code than the notebook; run it again")
    for cell, other in zip(cells, ran):
        cell.metadata.pop("execution", None)
        cell.metadata.pop("papermill", None)
        cell.execution_count = other.execution_count
        cell.outputs = [committed(output) for output in other.outputs]
    result.metadata = {key: executed.metadata[key] for key in ("kernelspec", "language_info")}
    result.metadata["language_info"].pop("version", None)
    result.metadata[KEY] = {"cells": provenance.cells(result)}
    return result


def committed(output):
    """An output as it is committed. A widget's view is nothing without the running kernel: a note replaces it."""
    from nbformat.v4 import new_output

    if outputs.WIDGET_VIEW in output.get("data", {}):
        data = {"text/markdown": NOTE, "text/plain": NOTE.strip("*")}
        return new_output("display_data", data=data)
    return copy.deepcopy(output)


def output_problems(notebook):
    """What speaks against the outputs of a committed notebook, one sentence each."""
    signed = notebook.metadata.get(KEY, {}).get("cells")
    found = []
    if signed is None:
        found.append("the notebook holds no hash of its code: its outputs were not committed by a run with --keep")
    elif signed != provenance.cells(notebook):
        found.append("the code changed after the run that made the outputs; run it again with --keep")
    cells = outputs.code_cells(notebook)
    counts = [cell.execution_count for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        found.append(f"the cells did not run once each from top to bottom: {counts}")
    found += outputs.errors(notebook) + outputs.without_alt_text(notebook)
    found += outputs.machine_paths(notebook) + outputs.complaints(notebook)
    return found


def record_problems(notebook, recorded):
    """One sentence per recorded number that the committed outputs do not show."""
    lines = set()
    for _, output in outputs.shown(notebook):
        for text in outputs.texts(output):
            lines.update(text.splitlines())
    return [
        f"the outputs do not show the recorded line: {records.line({'name': name, **entry})}"
        for name, entry in recorded.items()
        if entry["kind"] == "exact" and records.line({"name": name, **entry}) not in lines
    ]


def size_problems(path):
    """A sentence if the file is too large to read on GitHub."""
    size = path.stat().st_size
    return [f"{path.name} has {size:,} bytes; at most {LARGEST:,} are allowed"] if size > LARGEST else []


def form_problems(notebook, number):
    """What in a notebook's form is not the course's, one sentence each.

    Args:
        notebook: the notebook as nbformat reads it.
        number: its number, "02".
    """
    found = cell_problems(notebook)
    for tag in ("imports", parameters.TAG):
        count = len(parameters.tagged(notebook, tag))
        if count != 1:
            found.append(f"{count} cells are tagged {tag!r}; expected one")
    order = [place for tag in ("imports", parameters.TAG) for place in parameters.tagged(notebook, tag)]
    if order != sorted(order):
        found.append("the parameters cell comes before the imports cell")
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        found.append("the first cell is not the title page: Markdown that begins with '# '")
    elif "RUNTIME" in first.source:
        found.append("the first cell still says RUNTIME; put the measured run time there")
    try:
        count = len(exercises.find(notebook))
    except ValueError as error:
        found.append(str(error))
    else:
        if count not in EXERCISES and number != START_PAGE:
            found.append(f"{count} exercises; expected {EXERCISES.start} to {EXERCISES.stop - 1}")
    words = prose(notebook)
    if words > MOST_WORDS or (words < FEWEST_WORDS and number != START_PAGE):
        found.append(f"{words} words of prose; expected {FEWEST_WORDS} to {MOST_WORDS}")
    return found


def cell_problems(notebook):
    """Too many cells, too long cells, and what a notebook must not do to its reader's environment."""
    cells = outputs.code_cells(notebook)
    found = []
    if len(cells) > MOST_CODE_CELLS:
        found.append(f"{len(cells)} code cells; at most {MOST_CODE_CELLS}")
    for cell in cells:
        lines = len(cell.source.splitlines())
        if lines > MOST_LINES:
            found.append(f"{outputs.label(cell)} has {lines} lines; at most {MOST_LINES}")
        if re.search(r"pip install|sys\.path\b", cell.source):
            found.append(f"{outputs.label(cell)} changes the reader's environment")
    if any(not cell.source.strip() for cell in notebook.cells):
        found.append("a cell is empty")
    return found


def prose(notebook):
    """The number of words in the Markdown cells, without formulas, code and addresses."""
    return sum(
        len(WORD.findall(NOT_PROSE.sub(" ", cell.source))) for cell in notebook.cells if cell.cell_type == "markdown"
    )
