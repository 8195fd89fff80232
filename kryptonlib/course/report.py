"""``build/report.html``: what a run found, on one page that needs nothing else to be read, printed or sent.

The same content goes to ``build/report.json``.
"""

import base64
import html
import json
import time

from kryptonlib.course import claims, comparison, records
from kryptonlib.course.reproduce import counted
from kryptonlib.course.values import show

STYLE = """
:root { --paper:#fff; --ink:#1b1f24; --soft:#59636e; --line:#d5dae0; --band:#f5f7f9; --good:#0a6b3d; --bad:#b3261e; --link:#0055a5 }
@media (prefers-color-scheme: dark) { :root { --paper:#14171b; --ink:#e8eaed; --soft:#9aa4af; --line:#343b43; --band:#1c2126;
  --good:#66d19e; --bad:#ff8a80; --link:#8ab4f8 } }
* { box-sizing:border-box } html { color-scheme:light dark }
body { margin:0 auto; padding:2rem 1.25rem 4rem; max-width:62rem; background:var(--paper); color:var(--ink);
  font:16px/1.55 system-ui,"Segoe UI",Roboto,sans-serif }
h1 { font-size:1.9rem; margin:0 0 .25rem } h2 { margin:2.75rem 0 .5rem; padding-bottom:.3rem; border-bottom:1px solid var(--line);
  font-size:1.35rem } h3 { margin:1.5rem 0 .5rem; font-size:1.05rem } p { margin:.4rem 0 } a { color:var(--link) }
.soft { color:var(--soft) } .good { color:var(--good); font-weight:600 } .bad { color:var(--bad); font-weight:600 }
.verdict { margin:1rem 0; padding:.8rem 1rem; border-left:.3rem solid; background:var(--band) }
.table { overflow-x:auto; margin:.5rem 0 } table { border-collapse:collapse; width:100%; font-size:.92rem }
th,td { text-align:left; vertical-align:top; padding:.4rem .7rem .4rem 0; border-bottom:1px solid var(--line) }
th { color:var(--soft); font-weight:600; white-space:nowrap } td.n { font-variant-numeric:tabular-nums }
code { font-family:ui-monospace,"DejaVu Sans Mono",monospace; font-size:.88em; overflow-wrap:anywhere }
figure { margin:1rem 0; break-inside:avoid } figure img { max-width:100%; height:auto; background:#fff; padding:.4rem;
  border:1px solid var(--line); border-radius:4px } figcaption { color:var(--soft); font-size:.92rem }
@media print { body { max-width:none; padding:0; font-size:10pt } h2 { break-after:avoid } tr { break-inside:avoid } a { color:inherit } }
"""


def write(course, notebooks, states, problems):
    """Write both files of the report.

    Args:
        course: the notebooks and where things lie.
        notebooks, states: what was run and what ``Run.notebook`` returned for each.
        problems: every problem of the run, one sentence each.

    Returns:
        The path of the page.
    """
    content = gather(course, notebooks, states, problems)
    course.build_folder.mkdir(exist_ok=True)
    (course.build_folder / "report.json").write_text(json.dumps(content, indent=1, default=str), encoding="utf-8")
    page = course.build_folder / "report.html"
    page.write_text(render(content, course.figures_of(content["profile"])), encoding="utf-8")
    return page


def gather(course, notebooks, states, problems):
    """The report's content as plain values."""
    parts = []
    for notebook, state in zip(notebooks, states):
        recorded = records.load(course.records_path(notebook, state["profile"]))
        numbers = [
            {**entry, "recorded": recorded.get(entry["name"]), "status": status(entry, recorded)}
            for entry in state["records"]
        ]
        about = {"title": notebook.title, "question": notebook.question, "source": notebook.source}
        kept = ("id", "profile", "parameters", "figures", "seconds", "reused", "executed", "problems")
        parts.append({**about, **{key: state[key] for key in kept}, "numbers": numbers})
    return {
        "written": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "profile": states[0]["profile"] if states else "default",
        "provenance": states[0]["provenance"] if states else {},
        "problems": problems,
        "claims": claims_tables(parts, claims.recorded_in_full(course)),
        "notebooks": parts,
    }


def status(entry, recorded):
    """How a number stands to its record: "as recorded", "differs", "not recorded" or "not compared"."""
    if entry["kind"] == "info":
        return "not compared"
    if entry["name"] not in recorded:
        return "not recorded"
    return "differs" if comparison.differences(entry, recorded[entry["name"]]) else "as recorded"


def claims_tables(parts, full):
    """Paper -> rows of its claims table, in the order of ``papers.PAPERS``; each with its number's ``status``.

    What the profile "paper" alone measures was not run: its row tells the record.

    Args:
        parts: what ``gather`` tells of each notebook. full: ``claims.recorded_in_full``.
    """
    statuses = {(part["id"], entry["name"]): entry["status"] for part in parts for entry in part["numbers"]}
    tables = {}
    made = [(part["id"], {entry["name"]: entry for entry in part["numbers"]}) for part in parts]
    for row in claims.rows(made, full):
        row["status"] = statuses.get((row["notebook"], row["name"]), "not run")
        tables.setdefault(row["paper"], []).append(row)
    return tables


def text(value, unit=""):
    """A value as escaped HTML."""
    if value is None:
        return "–"
    return html.escape(show(value) + (f" {unit}" if unit else ""))


def table(head, rows):
    """An HTML table; the cells of ``rows`` are HTML already."""
    columns = "".join(f'<th scope="col">{title}</th>' for title in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="table"><table><thead><tr>{columns}</tr></thead><tbody>{lines}</tbody></table></div>'


def mark(words, good):
    """A status in words, coloured: True good, False bad, None neither."""
    return f'<span class="{ {True: "good", False: "bad", None: "soft"}[good] }">{html.escape(words)}</span>'


def judged(row):
    """The verdict on a claim as HTML; a number that is not the recorded one says so instead."""
    if row["status"] == "differs":
        return mark("differs from our record", False)
    good = {claims.CONFIRMED: True, claims.NOT_CONFIRMED: False}.get(row["verdict"])
    conditions = f": {html.escape(row['conditions'])}" if row["conditions"] else ""
    return mark(row["verdict"], good) + conditions


def render(content, folder):
    """The page as HTML."""
    bad = content["problems"]
    parts = content["notebooks"]
    numbers = sum(len(part["numbers"]) for part in parts)
    if bad:
        verdict = f"{counted(len(bad), 'problem')}: this run does not repeat the record."
    else:
        verdict = f"All well: {counted(len(parts), 'notebook')}, {counted(numbers, 'number')} as recorded."
    surroundings = content["provenance"]
    versions = ", ".join(f"{name} {version}" for name, version in surroundings.get("versions", {}).items() if version)
    about = (
        f"Profile {content['profile']}, {surroundings.get('device', '?')}, {surroundings.get('threads', '?')} threads"
    )
    body = [
        "<header><h1>Krypton: reproduction report</h1>",
        f'<p class="soft">{html.escape(content["written"])} · {html.escape(about)}</p></header><main>',
        f'<div class="verdict {"bad" if bad else "good"}" role="status">{html.escape(verdict)}</div>',
    ]
    if bad:
        body.append("<ul>" + "".join(f"<li>{html.escape(problem)}</li>" for problem in bad) + "</ul>")
    body.append("<p>Nothing here is for diagnosis.</p><h2>Notebooks</h2>")
    body.append(
        table(["Notebook", "Question", "Numbers", "Figures", "Time", "Result"], [overview(part) for part in parts])
    )
    for paper, rows in content["claims"].items():
        body.append(f"<h2>Claims: {html.escape(paper)}</h2>")
        head = ["Claim", "Where", "The paper says", "We find", "Shown by", "Verdict"]
        body.append(table(head, [claim_row(row) for row in rows]))
    body += [section(part, folder) for part in parts]
    body.append(f'</main><footer><h2>Surroundings</h2><p class="soft">{html.escape(versions)}</p></footer>')
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Krypton: reproduction report</title><style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def claim_row(row):
    """One line of a claims table."""
    cells = [html.escape(row[key]) for key in ("claim", "place", "says", "finds")]
    return [*cells, f"<code>{row['command']}</code>", judged(row)]


def overview(part):
    """One line of the table of notebooks."""
    good = not part["problems"]
    link = f'<a href="#nb{part["id"]}">{part["id"]} {html.escape(part["title"])}</a>'
    spent = f"{part['seconds']:.1f} s" + (" (earlier run)" if part["reused"] else "")
    result = mark("ok" if good else counted(len(part["problems"]), "problem"), good)
    return [link, html.escape(part["question"]), str(len(part["numbers"])), str(len(part["figures"])), spent, result]


def section(part, folder):
    """The figures and numbers of one notebook."""
    pieces = [f'<section id="nb{part["id"]}"><h2>{part["id"]} {html.escape(part["title"])}</h2>']
    pieces.append(f"<p>{html.escape(part['question'])}</p>")
    if part["parameters"]:
        given = ", ".join(f"{name} = {value!r}" for name, value in part["parameters"].items())
        pieces.append(f'<p class="soft">Parameters: <code>{html.escape(given)}</code></p>')
    for figure in part["figures"]:
        path = folder / f"{figure['name']}.png"
        if path.exists():
            data = base64.b64encode(path.read_bytes()).decode()
            caption = html.escape(figure["caption"] or figure["name"])
            alt = html.escape(figure["alt"], quote=True)
            pieces.append(
                f'<figure><img src="data:image/png;base64,{data}" alt="{alt}"><figcaption>{caption}</figcaption></figure>'
            )
    rows = [
        [
            f"<code>{html.escape(entry['name'])}</code>",
            text(entry["value"], entry["unit"]),
            text(entry["recorded"]["value"], entry["recorded"]["unit"]) if entry["recorded"] else "–",
            text(entry["paper"])
            + (f" <span class=soft>({html.escape(entry['source'])})</span>" if entry["source"] else ""),
            mark(entry["status"], {"as recorded": True, "not compared": None}.get(entry["status"], False)),
        ]
        for entry in part["numbers"]
    ]
    if rows:
        pieces.append(table(["Number", "This run", "Record", "Paper", "Status"], rows))
    return "".join(pieces) + "</section>"
