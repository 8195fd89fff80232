"""The copies that students get: ``notebooks/student/``, without solutions and without outputs.

They are made of the master notebooks and of nothing else, so a test can make them again and compare. A class that uses
nbgrader starts from the masters instead; both give the same cells. What a teacher writes in nbgrader's conventions is
taken out as its own preprocessors do: solutions, answers graded by hand, hidden tests, marking schemes.
"""

import re
from pathlib import PurePosixPath

from kryptonlib.course import exercises

FOLDER = "student"
ANSWER = "YOUR ANSWER HERE"
"""nbgrader's stub for an answer in words."""
ATTACHMENT = re.compile(r"attachment:([^)\s\"']+)")
LINK = re.compile(r"(\]\()(?![a-z]+:|#|/)([^)\s]+)(\))|(\bsrc=\")(?![a-z]+:|/)([^\"]+)(\")")


def student_copy(notebook, siblings=()):
    """A notebook without solutions, outputs and traces of a run.

    Args:
        notebook: the master as nbformat reads it; it is not changed.
        siblings: file names of the notebooks that lie beside the copy; links to other files get one folder deeper.

    Returns:
        A new notebook.

    Raises:
        ValueError: an exercise that is not marked as nbgrader wants it; a solution, hidden test or marking scheme in a
            cell that is not marked as one.
    """
    import copy

    exercises.find(notebook)
    result = copy.deepcopy(notebook)
    result.metadata = {key: result.metadata[key] for key in ("kernelspec", "language_info") if key in result.metadata}
    result.metadata.get("language_info", {}).pop("version", None)
    for cell in result.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
            cell.metadata.pop("execution", None)
        cell.source = released(cell)
        if cell.get("attachments"):
            # Pictures of an answer stay in the file when its text is gone.
            shown = set(ATTACHMENT.findall(cell.source))
            cell.attachments = {name: picture for name, picture in cell.attachments.items() if name in shown}
        if cell.cell_type == "markdown":
            cell.source = deeper(cell.source, siblings)
    return result


def released(cell):
    """A cell's text as students get it, by nbgrader's rules.

    Solutions between markers give way to a stub, as does a solution cell's entire text where it has none; hidden tests
    and marking schemes go.

    Raises:
        ValueError: a region in a cell whose metadata do not allow it (nbgrader refuses it too), or without an end.
    """
    about = cell.metadata.get("nbgrader", {})
    where = f"the {cell.cell_type} cell {about.get('grade_id') or cell.get('id', '')!r}"
    stub = list(exercises.STUB) if cell.cell_type == "code" else [ANSWER]
    text, found = exercises.without_regions(cell.source, "solution", stub, where)
    if found and not exercises.is_solution(cell):
        raise ValueError(f"{where} holds a solution and is not marked as a solution cell")
    if exercises.is_solution(cell) and not found:
        text = "\n".join(stub)
    for what, allowed, kind in (("hidden tests", "grade", "test"), ("mark scheme", "task", "task")):
        text, found = exercises.without_regions(text, what, (), where)
        if found and not about.get(allowed):
            raise ValueError(f"{where} holds {what} and is not marked as a {kind} cell")
    return text


def deeper(text, siblings):
    """Markdown whose relative links still hold in a folder below; those to ``siblings`` stay as they are."""

    def moved(match):
        before, target, after = (group for group in match.groups() if group is not None)
        if PurePosixPath(target.partition("#")[0]).name in siblings and "/" not in target:
            return match.group()
        return f"{before}../{target}{after}"

    return LINK.sub(moved, text)


def text(course, notebook):
    """The student copy of a course's notebook as it is written to disk."""
    import nbformat

    siblings = {other.path.name for other in course.notebooks}
    return nbformat.writes(student_copy(nbformat.read(notebook.path, as_version=4), siblings)) + "\n"


def write(course):
    """Write all copies and delete those of notebooks that are gone.

    Returns:
        The paths written.
    """
    folder = course.folder / FOLDER
    texts = {notebook.path.name: text(course, notebook) for notebook in course.notebooks}
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.ipynb"):
        if path.name not in texts:
            path.unlink()
    for name, content in texts.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in texts]
