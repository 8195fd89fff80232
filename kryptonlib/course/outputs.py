"""What the outputs of an executed notebook must not hold."""

import html
import re
from pathlib import Path

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
TRACEBACK = "Traceback (most recent call last)"
ANSI = re.compile(r"\x1b\[[0-9;]*m")
TAG = re.compile(r"<[^>]*>")
IMAGE_TAG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
ALT_TEXT = re.compile(r"""\balt\s*=\s*(["'])\s*[^"'\s]""", re.IGNORECASE)
MACHINE_PATH = re.compile(
    r"(?<![\w/.])/(?:tmp|root|home|Users|private|var/folders)/[\w.-]+|site-packages|[A-Z]:\\Users"
)
MISSING_FEATURE = re.compile(
    r"Warning\b|IProgress not found|not installed|could not be loaded|No module named|CUDA initialization"
)


def code_cells(notebook):
    """The code cells that hold code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def label(cell):
    """How messages name a cell: its id and first line."""
    first = cell.source.strip().splitlines()[0] if cell.source.strip() else ""
    return f"cell {cell.get('id', '?')} ({first[:50]})"


def shown(notebook):
    """(cell, output) for every output, in order."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            yield cell, output


def texts(output):
    """Every text in an output, joined lines, for searching."""
    if output.output_type == "stream":
        return [joined(output.text)]
    if output.output_type == "error":
        return [ANSI.sub("", "\n".join(output.traceback))]
    return [joined(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/")]


def joined(text):
    """nbformat keeps long texts as lists of lines on disk."""
    return "".join(text) if isinstance(text, list) else str(text)


def widget_states(notebook):
    """The state of every widget that the notebook holds."""
    widgets = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    return [widget.get("state", {}) for widget in widgets.values()]


def widget_outputs(notebook):
    """The outputs inside Output widgets, where ipywidgets puts the errors of callbacks."""
    for state in widget_states(notebook):
        yield from state.get("outputs", ())


def errors(notebook):
    """One sentence per error in a cell's outputs, inside a widget's callback, or in place of a panel's drawing."""
    from kryptonlib.widgets import wiring

    found = []
    for cell, output in shown(notebook):
        if output.output_type == "error":
            found.append(f"{label(cell)} raised {output.ename}: {output.evalue}")
        elif any(TRACEBACK in ANSI.sub("", text) for text in texts(output)):
            found.append(f"{label(cell)} printed a traceback: {last_line(output)}")
    for output in widget_outputs(notebook):
        if output.get("output_type") == "error":
            found.append(f"a widget's callback raised {output.get('ename')}: {output.get('evalue')}")
        elif output.get("output_type") == "stream" and TRACEBACK in joined(output.get("text", "")):
            found.append(f"a widget's callback printed a traceback: {joined(output['text']).strip().splitlines()[-1]}")
    for state in widget_states(notebook):
        if wiring.ERROR in str(state.get("value", "")):
            text = " ".join(html.unescape(TAG.sub(" ", state["value"])).split())
            found.append(f"a panel shows an error in place of its drawing: {text[:200]}")
    return found


def last_line(output):
    """The last line that an output prints: a traceback's message."""
    lines = ANSI.sub("", "".join(texts(output))).strip().splitlines()
    return lines[-1] if lines else ""


def without_alt_text(notebook):
    """One sentence per picture that somebody who does not see it gets nothing from."""
    found = []
    for cell, output in shown(notebook):
        for kind in output.get("data", {}):
            picture = kind in ("image/png", "image/jpeg", "image/svg+xml")
            if picture and not output.metadata.get(kind, {}).get("alt"):
                found.append(f"{label(cell)} shows a picture without alternative text; use course.figure")
        for text in texts(output):
            if any(not ALT_TEXT.search(tag) for tag in IMAGE_TAG.findall(text)):
                found.append(f"{label(cell)} shows an <img> without alternative text")
    return found


def machine_paths(notebook):
    """One sentence per output that names a folder of the machine it ran on."""
    home = str(Path.home())
    found = []
    for cell, output in shown(notebook):
        for text in texts(output):
            match = MACHINE_PATH.search(text)
            if match:
                found.append(f"{label(cell)} shows a path of the machine it ran on: {match.group()}")
            elif len(home) > 1 and re.search(re.escape(home) + r"(?![\w-])", text):
                found.append(f"{label(cell)} shows the home folder it ran in: {home}")
    return found


def complaints(notebook):
    """One sentence per output on the error stream and per warning about something that is missing."""
    found = []
    for cell, output in shown(notebook):
        if output.output_type == "stream" and output.name == "stderr":
            found.append(f"{label(cell)} wrote on the error stream: {last_line(output)[:100]}")
            continue
        for text in texts(output):
            match = MISSING_FEATURE.search(text)
            if match:
                found.append(f"{label(cell)} shows a warning about a missing feature: {match.group()}")
    return found


def raw_values(notebook):
    """One sentence per cell whose last line's value is shown as Python writes it, which is no output for readers."""
    return [
        f"{label(cell)} ends with a value that is shown as {last_line(output)[:60]!r}; say it in a sentence"
        for cell, output in shown(notebook)
        if output.output_type == "execute_result" and set(output.data) == {"text/plain"}
    ]
