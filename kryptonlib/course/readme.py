"""The parts of README.md that are made from the course list and the records, so that they cannot drift from them.

README holds pairs of marks, ``<!-- begin NAME -->`` and ``<!-- end NAME -->``; what stands between them is written by
``python -m kryptonlib readme``. A test fails when it is not what this module would write.
"""

import json
import re

from kryptonlib.course import claims, papers, records


def blocks(course):
    """Name of each block -> its Markdown.

    Args:
        course: a :class:`kryptonlib.course.catalogue.Course`.
    """
    return {"course map": course_map(course), "claims": claims_table(course)}


def course_map(course):
    """A table of the notebooks: number, title with link, question, source, measured time of the default run."""
    lines = ["| | Notebook | The question | From | Run time |", "|-|-|-|-|-|"]
    for notebook in course.notebooks:
        path = course.records_path(notebook, "default")
        seconds = json.loads(path.read_text(encoding="utf-8"))["seconds"] if path.exists() else None
        link = f"[{notebook.title}](notebooks/{notebook.path.name})"
        time = duration(seconds) if seconds is not None else ""
        lines.append(f"| {notebook.id} | {link} | {notebook.question} | {notebook.source} | {time} |")
    return "\n".join(lines)


def duration(seconds):
    """Run time for people: rounded up to 10 s below two minutes, to half minutes above."""
    if seconds <= 115:
        return f"{max(10, -(-int(seconds + 1) // 10) * 10)} s"
    return f"{-(-int(seconds + 1) // 30) / 2:g} min"


def claims_table(course):
    """A table of every recorded number that a paper states: claim, the paper's value, ours, the verdict, command."""
    lines = ["| Paper | Where | Claim | The paper says | We find | Verdict | Shown by |", "|-|-|-|-|-|-|-|"]
    parts = [(notebook.id, records.load(course.records_path(notebook, "default"))) for notebook in course.notebooks]
    for row in claims.rows(parts):
        if row["paper"] == papers.OTHER:
            continue
        verdict = f"{row['verdict']}: {row['conditions']}" if row["conditions"] else row["verdict"]
        cells = [row["paper"], row["place"], row["claim"], row["says"], row["finds"], verdict, f"`{row['command']}`"]
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)


def filled(text, made):
    """``text`` with every block replaced.

    Raises:
        ValueError: a block has no pair of marks in the text.
    """
    for name, content in made.items():
        pattern = re.compile(rf"(<!-- begin {re.escape(name)} -->\n).*?(<!-- end {re.escape(name)} -->)", re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ValueError(f"README.md must hold <!-- begin {name} --> and <!-- end {name} --> exactly once")
        text = pattern.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)
    return text


def write(course):
    """Bring README.md's blocks up to date; True if anything changed."""
    path = course.root / "README.md"
    old = path.read_text(encoding="utf-8")
    new = filled(old, blocks(course))
    path.write_text(new, encoding="utf-8")
    return new != old
