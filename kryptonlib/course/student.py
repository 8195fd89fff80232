"""The copies that students get: ``notebooks/student/``, without solutions and without outputs.

They are made of the master notebooks and of nothing else, so a test can make them again and compare. A class that uses
nbgrader starts from the masters instead; both give the same cells.
"""

import re
from pathlib import PurePosixPath

from kryptonlib.course import exercises

FOLDER = "student"
LINK = re.compile(r"(\]\()(?![a-z]+:|#|/)([^)\s]+)(\))|(\bsrc=\")(?![a-z]+:|/)([^\"]+)(\")")


def student_copy(notebook, siblings=()):
    """A notebook without solutions, outputs and traces of a run.

    Args:
        notebook: the master as nbformat reads it; it is not changed.
        siblings: file names of the notebooks that lie beside the copy; links to other files get one folder deeper.

    Returns:
        A new notebook.

    Raises:
        ValueError: an exercise that is not marked as nbgrader wants it.
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
            if exercises.is_solution(cell):
                cell.source = exercises.without_solution(cell.source, cell.metadata["nbgrader"]["grade_id"])
        elif cell.cell_type == "markdown":
            cell.source = deeper(cell.source, siblings)
    return result


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
