"""Whether a notebook has the course's form: its first cells, its exercises, and no more than a sitting holds."""

import re
from dataclasses import dataclass

from kryptonlib.course import exercises, outputs, parameters

MOST_LINES_A_CELL = 25
FEWEST_WORDS = 700
EXERCISES = range(2, 6)
START_PAGE = "00"
"""Needs no exercises and may be short."""
CHAPTERS = ("01", "02", "03", "04")
"""These are read in several sittings, each under a heading that calls it one: "## First sitting: neurons"."""
SITTINGS = range(2, 4)
FIGURES_A_SITTING = 8
SITTING = re.compile(r"^#{1,3} .*\bsitting\b", re.IGNORECASE | re.MULTILINE)
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
NOT_PROSE = re.compile(r"```.*?```|\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]+`|\]\([^)]*\)|<[^>]+>|https?://\S+", re.DOTALL)


@dataclass(frozen=True)
class Limits:
    """The most that a notebook may hold: words of prose, and lines of code that students see."""

    words: int
    lines: int


ONE_SITTING = Limits(words=1400, lines=220)
CHAPTER = Limits(words=1999, lines=360)


def problems(notebook, number, figures=()):
    """What in a notebook's form is not the course's, one sentence each.

    Args:
        notebook: the notebook as nbformat reads it.
        number: its number, "02".
        figures: the names of the figures that it makes.
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
    return found + size_problems(notebook, number, len(figures))


def size_problems(notebook, number, figures):
    """Too much for its sittings: words, visible lines of code, figures; or sittings that are not marked."""
    chapter = number in CHAPTERS
    limits = CHAPTER if chapter else ONE_SITTING
    sittings = len(SITTING.findall("\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")))
    found = []
    if chapter and sittings not in SITTINGS:
        found.append(
            f"{sittings} headings name a sitting ('## First sitting: …'); "
            f"a chapter has {SITTINGS.start} to {SITTINGS.stop - 1}"
        )
    words = prose(notebook)
    if words > limits.words or (words < FEWEST_WORDS and number != START_PAGE):
        found.append(f"{words} words of prose; expected {FEWEST_WORDS} to {limits.words}")
    lines = visible_lines(notebook)
    if lines > limits.lines:
        found.append(f"{lines} visible lines of code; at most {limits.lines}")
    most_figures = FIGURES_A_SITTING * (sittings if chapter else 1)
    if figures > most_figures:
        found.append(f"{figures} figures; at most {most_figures}")
    return found


def cell_problems(notebook):
    """Too long cells, and what a notebook must not do to its reader's environment."""
    cells = outputs.code_cells(notebook)
    found = []
    for cell in cells:
        lines = len(cell.source.splitlines())
        if lines > MOST_LINES_A_CELL:
            found.append(f"{outputs.label(cell)} has {lines} lines; at most {MOST_LINES_A_CELL}")
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


def visible_lines(notebook):
    """The number of lines of code that students see, without empty ones and without what they write themselves."""
    count = 0
    for cell in outputs.code_cells(notebook):
        inside = False
        for line in cell.source.splitlines():
            marker = line.strip()
            inside = marker == exercises.BEGIN or (inside and marker != exercises.END)
            count += bool(marker) and not inside and marker != exercises.END
    return count
