"""README's tables are those of the course list and the records; what it links to and tells to run exists."""

import json
import re
from pathlib import Path

import nbformat
import pytest
import yaml
from tiny_course import plant

from kryptonlib.course import papers, readme, records
from kryptonlib.course.catalogue import Course
from kryptonlib.course.highlights import HIGHLIGHTS, Highlight

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tables_are_up_to_date():
    assert readme.filled(README, readme.blocks(Course())) == README, "run `python -m kryptonlib readme`"


def test_the_page_of_claims_is_up_to_date():
    page = ROOT / "notebooks" / readme.PAGE
    assert page.read_text(encoding="utf-8") == readme.claims_page(Course()), "run `python -m kryptonlib readme`"


def test_the_page_holds_every_claim_and_readme_the_chosen_ones():
    course = Course()
    rows = readme.claim_rows(course)
    # A claim that the profile "paper" alone measures has a row too.
    recorded = {(notebook, name) for notebook in course.notebooks for profile in ("default", "paper")
                if course.records_path(notebook, profile).is_file()
                for name, entry in records.load(course.records_path(notebook, profile)).items() if entry["claim"]}
    assert len(rows) == len(recorded) > 40
    assert sum(line.startswith("| ") for line in readme.claims_page(course).splitlines()) == len(rows) + len(
        {row["paper"] for row in rows}
    )
    assert len(readme.highlights_table(course).splitlines()) == len(HIGHLIGHTS) + 2
    assert 8 <= len(HIGHLIGHTS) <= 12


def claim_of(tmp_path, **more):
    """A tiny course with one recorded claim."""
    course = plant(tmp_path)
    about = {"kind": "close", "rtol": 1e-4, "atol": 0, "unit": "", "paper": None, "agrees": None, "shown": ""}
    about |= {"source": "Krypton, eq. 14", "claim": "Fewer products.", "conditions": ""}
    entry = records.make_entry("ratio", 6.52, **{**about, **more})
    course.records_path(course.notebooks[0], "default").parent.mkdir(parents=True)
    content = {"seconds": 1.0, "records": {"ratio": entry}}
    course.records_path(course.notebooks[0], "default").write_text(json.dumps(content))
    return course


def test_a_row_of_readme_says_what_the_paper_says_what_we_find_and_why(tmp_path):
    course = claim_of(tmp_path, paper=6.5, unit="x", shown="6.5 | 6.6", conditions="64 pixels")
    made = readme.highlights_table(course, [Highlight("02", "ratio", "Counted.")])
    assert made.splitlines()[2] == (
        "| Krypton, eq. 14 | Fewer products. Printed: 6.5 x | 6.5 \\| 6.6 | different conditions: 64 pixels "
        "| Counted. ([02](notebooks/02_tiny.ipynb)) |"
    )
    with pytest.raises(ValueError, match="no notebook records: other of 02, ratio of 03"):
        readme.highlights_table(course, [Highlight("02", "other", ""), Highlight("03", "ratio", "")])


@pytest.mark.parametrize(
    "paper, place, text",
    [
        ("Krypton", "eq. 5", "Krypton, eq. 5"),
        ("Krypton", "(SIGMOD 2019)", "Krypton (SIGMOD 2019)"),
        ("Dumas", "", "Dumas"),
        ("Other sources", "Reddi et al., 2018", "Reddi et al., 2018"),
        ("Our own claims", "", "Our own claims"),
    ],
)
def test_how_a_source_is_cited(paper, place, text):
    assert readme.cited({"paper": paper, "place": place}) == text


def test_a_claim_without_source_is_our_own(tmp_path):
    page = readme.claims_page(claim_of(tmp_path, source="", agrees=False))
    assert "## Our own claims" in page and page.endswith(
        "|  | Fewer products. |  | 6.52 | not confirmed | `make reproduce NB=02` |\n"
    )


def test_readme_and_page_are_written(tmp_path):
    course = claim_of(tmp_path, agrees=True)
    marks = "<!-- begin course map -->\n<!-- end course map -->\n<!-- begin claims -->\n<!-- end claims -->\n"
    (tmp_path / "README.md").write_text(marks)
    with pytest.raises(ValueError, match="no notebook records"):
        readme.write(course)
    assert (tmp_path / "README.md").read_text() == marks, "nothing was written by half"


def test_a_missing_mark_is_refused():
    with pytest.raises(ValueError, match="begin claims"):
        readme.filled("no marks here", {"claims": "x"})


def test_a_block_is_replaced_and_nothing_else():
    text = "a\n<!-- begin claims -->\nold\n<!-- end claims -->\nb"
    assert readme.filled(text, {"claims": "new | \\1"}) == "a\n<!-- begin claims -->\nnew | \\1\n<!-- end claims -->\nb"


def test_what_the_ssim_loss_costs_is_what_the_records_hold():
    runs = [records.load(ROOT / f"tests/records/13.{profile}.json") for profile in ("default", "paper")]
    with_it, without = ([run[f"xray-bdcnn{end}-means"]["value"] for run in runs] for end in ("", "-no-ssim"))
    costs = sorted(one[1] - other[1] for one, other in zip(without, with_it))
    assert f"the SSIM loss costs {costs[0]:.1f} to {costs[-1]:.1f} dB of PSNR" in README
    rivals = [run[f"{name}-means"]["value"][1] for run in runs for name in ("bm3d", "xray-dncnn")]
    assert all(one[1] > max(pair) for one, pair in zip(without, (rivals[:2], rivals[2:])))
    assert "the lead over BM3D and DnCNN, and gains no SSIM" in README
    assert all(one[2] <= other[2] for one, other in zip(with_it, without))


@pytest.mark.parametrize(
    "source, paper, place",
    [
        ("Krypton, eq. 14", "Krypton", "eq. 14"),
        ("Krypton's repository, Figure 'theoretical'", "Krypton", "repository, Figure 'theoretical'"),
        ("tutorial slides, VGG", "Tutorial slides", "VGG"),
        ("slide 'Challenges'", "Tutorial slides", "'Challenges'"),
        ("Kryptonite, 1949", "Other sources", "Kryptonite, 1949"),
    ],
)
def test_the_paper_that_a_source_names(source, paper, place):
    assert papers.paper_and_place(source) == (paper, place)


@pytest.mark.parametrize("seconds, shown", [(3, "10 s"), (9.5, "10 s"), (41, "50 s"), (115, "120 s"), (121, "2.5 min"), (150, "3 min")])
def test_run_times_are_rounded_up(seconds, shown):
    assert readme.duration(seconds) == shown


def documents():
    names = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "notebooks/TEACHING.md", "notebooks/CLAIMS.md")
    return [ROOT / name for name in (*names, "figures/CREDITS.md")]


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_local_link_leads_somewhere(document):
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", text) + re.findall(r'(?:src|href)="([^"#:]+)"', text)
    missing = [link for link in links if not (document.parent / link).exists()]
    assert not missing


def test_every_picture_has_a_text_and_the_gallery_shows_real_figures():
    pictures = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", README) + [
        (alt, src) for src, alt in re.findall(r'<img src="([^"]+)"[^>]*alt="([^"]*)"', README)
    ]
    assert pictures
    declared = {figure for notebook in Course().notebooks for figure in notebook.figures}
    for alt, source in pictures:
        assert len(alt) > 20, f"{source} needs a text that says what is seen"
        assert Path(source).stem in declared, f"{source} is not written by a notebook"


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_make_target_that_is_named_exists(document):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)\b", document.read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= targets
    assert named or document.name not in ("README.md", "CONTRIBUTING.md", "CLAIMS.md")


def test_every_figure_with_a_photo_is_credited():
    credits = (ROOT / "figures" / "CREDITS.md").read_text(encoding="utf-8")
    written = {path.stem for path in (ROOT / "figures").glob("*.png")}
    declared = {figure for notebook in Course().notebooks for figure in notebook.figures}
    assert written == declared, "figures/ holds what the notebooks write, and nothing else"
    assert not [name for name in sorted(written) if f"`{name}`" not in credits]


def test_teaching_names_every_notebook_and_every_exercise():
    teaching = (ROOT / "notebooks" / "TEACHING.md").read_text(encoding="utf-8")
    for notebook in Course().notebooks:
        assert notebook.path.name in teaching
        for cell in nbformat.read(notebook.path, as_version=4).cells:
            grading = cell.metadata.get("nbgrader", {})
            if grading.get("grade"):
                name = grading["grade_id"].removesuffix("-check")
                assert re.search(rf"`{re.escape(name)}`[^\n|]*\|[^\n]*\b{grading['points']}\b", teaching), f"{name}, {grading['points']} points"


@pytest.mark.parametrize("notebook", Course().notebooks, ids=lambda notebook: notebook.id)
def test_the_first_cell_states_the_recorded_run_time(notebook):
    first = nbformat.read(notebook.path, as_version=4).cells[0].source
    seconds = json.loads(Course().records_path(notebook, "default").read_text(encoding="utf-8"))["seconds"]
    assert re.search(r"Run time:\*\s+(.+?)\s+on\s", first)[1] == readme.duration(seconds)


def test_the_course_list_says_what_each_notebook_is_about():
    for entry in yaml.safe_load((ROOT / "notebooks" / "course.yaml").read_text(encoding="utf-8"))["notebooks"]:
        assert entry["question"].endswith("?")
