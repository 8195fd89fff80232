"""The parts of README.md, and the page of claims, that are made from the course list and the records.

README holds pairs of marks, ``<!-- begin NAME -->`` and ``<!-- end NAME -->``; what stands between them, and all of
``notebooks/CLAIMS.md``, is written by ``python -m kryptonlib readme``, so that it cannot drift from the records. A test
fails when it is not what this module would write.
"""

import json
import re

from kryptonlib.course import busy, claims, papers, records
from kryptonlib.course.highlights import HIGHLIGHTS

PAGE = "CLAIMS.md"
PAGE_HEAD = """# Claims

What the papers and other sources say, and what the notebooks find. The tables are made from the records of the default
run; `make reproduce` writes them anew into its report, with run times and figures. Where a notebook was also run once
on the paper's own data set, which a reader brings himself, the row says behind its own value what that run found.

- *confirmed*: our value agrees with the claim, or with the digits that the paper prints.
- *different conditions*: ours differ from the paper's in the way that the row says; the two values cannot confirm or
  contradict each other.
- *not confirmed*: our value contradicts the claim."""


def blocks(course):
    """Name of each block -> its Markdown.

    Args:
        course: a :class:`kryptonlib.course.catalogue.Course`.
    """
    made = {"course map": course_map(course), "claims": highlights_table(course)}
    measured = busy.kept(course.root)
    if measured is not None:
        made["busy machine"] = busy.table(measured)
    return made


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


def claim_rows(course):
    """All claims of the committed records of default runs, as ``claims.rows`` gives them.

    Where the profile "paper" was recorded too, a row says also what that found.
    """
    parts = [(notebook.id, records.load(course.records_path(notebook, "default"))) for notebook in course.notebooks]
    return claims.rows(parts, claims.recorded_in_full(course))


def highlights_table(course, chosen=HIGHLIGHTS):
    """README's claims: what the paper says, what we find, why.

    Raises:
        ValueError: a chosen record does not exist or carries no claim.
    """
    rows = {(row["notebook"], row["name"]): row for row in claim_rows(course)}
    missing = [f"{choice.name} of {choice.notebook}" for choice in chosen if (choice.notebook, choice.name) not in rows]
    if missing:
        raise ValueError(f"highlights.py chooses claims that no notebook records: {', '.join(missing)}")
    lines = ["| Paper | It says | We find | Verdict | Why |", "|-|-|-|-|-|"]
    notebooks = {notebook.id: notebook for notebook in course.notebooks}
    for choice in chosen:
        row = rows[choice.notebook, choice.name]
        says = row["claim"].removesuffix(".") + (f". Printed: {row['says']}" if row["says"] else "")
        link = f"[{choice.notebook}](notebooks/{notebooks[choice.notebook].path.name})"
        lines.append(line(cited(row), says, row["finds"], verdict(row), f"{choice.why} ({link})"))
    return "\n".join(lines)


def cited(row):
    """The source of a claim: "Krypton, eq. 5", "Krypton (SIGMOD 2019)", "Reddi et al., 2018"."""
    if row["paper"] not in papers.PAPERS:
        return row["place"] or row["paper"]
    return row["paper"] + (" " if row["place"].startswith("(") else ", ") * bool(row["place"]) + row["place"]


def claims_page(course):
    """``notebooks/CLAIMS.md``: every claim, a table per paper."""
    rows = claim_rows(course)
    parts = [PAGE_HEAD]
    for paper in dict.fromkeys(row["paper"] for row in rows):
        lines = [f"## {paper}", "| Where | Claim | It says | We find | Verdict | Shown by |", "|-|-|-|-|-|-|"]
        lines += [
            line(row["place"], row["claim"], row["says"], row["finds"], verdict(row), f"`{row['command']}`")
            for row in rows
            if row["paper"] == paper
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def verdict(row):
    """The verdict on a claim; one that was reached under other conditions says which."""
    return f"{row['verdict']}: {row['conditions']}" if row["conditions"] else row["verdict"]


def line(*cells):
    """A line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


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
    """Bring README.md's blocks and the page of claims up to date; True if anything changed."""
    readme, page = course.root / "README.md", course.folder / PAGE
    old = [path.read_text(encoding="utf-8") if path.exists() else "" for path in (readme, page)]
    new = [filled(old[0], blocks(course)), claims_page(course)]
    for path, text in zip((readme, page), new):
        path.write_text(text, encoding="utf-8")
    return new != old
