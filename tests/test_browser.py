"""A reader's way through a notebook: JupyterLab in a real browser opens it, runs all cells, and the widget answers.

Needs Chromium (``make browser`` finds or installs it); skipped, saying so, where there is none.
"""

import re
import shutil
import time

import nbformat
import pytest
from in_a_browser import FLAGS, browser_path, jupyter_lab, run_all_cells
from nbformat.v4 import new_code_cell, new_notebook
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from kryptonlib import judging
from kryptonlib.course.catalogue import Course

NOTEBOOK = "04"
ALL_CELLS_RUN = 240
"""Seconds that the quick notebook may take in the browser on a slow machine; not a measurement."""


@pytest.fixture
def lab(tmp_path):
    """Address of a JupyterLab whose folder holds a quick copy of the notebook; stopped at the end."""
    course = Course()
    (notebook,) = course.select([NOTEBOOK])
    folder = tmp_path / "notebooks"
    folder.mkdir()
    shutil.copy(course.folder / "course.yaml", folder)
    copy = parameterize_notebook(load_notebook_node(str(notebook.path)), course.parameters(notebook, "quick"))
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(copy, folder / notebook.path.name)
    with jupyter_lab(folder, tmp_path) as address:
        yield address(notebook.path.name)


@pytest.mark.long
def test_the_notebook_runs_in_a_browser_and_its_widget_answers(lab, tmp_path):
    executable = browser_path()
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(lab)
        run_all_cells(page)

        # The windowed notebook renders a cell's output once it is scrolled into view.
        pictures = page.locator(".jp-OutputArea-output .widget-html img[alt]")
        deadline = time.monotonic() + ALL_CELLS_RUN
        while not pictures.count():
            assert time.monotonic() < deadline, "the widget's picture never appeared"
            page.keyboard.press("Escape")
            page.locator(".jp-WindowedPanel-outer").first.evaluate("e => e.scrollBy(0, 500)")
            if page.locator(".jp-WindowedPanel-outer").first.evaluate("e => e.scrollTop + e.clientHeight >= e.scrollHeight - 5"):
                page.locator(".jp-WindowedPanel-outer").first.evaluate("e => e.scrollTo(0, 0)")
            page.wait_for_timeout(400)
        assert not page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count()

        before = pictures.first.get_attribute("alt")
        assert re.search(r"\d", before)
        handle = page.locator(".widget-slider [role=slider]").first
        handle.scroll_into_view_if_needed()
        handle.focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        expect(pictures.first).not_to_have_attribute("alt", before, timeout=60_000)
        after = pictures.first.get_attribute("alt")
        assert re.findall(r"-?\d+\.?\d*", after) != re.findall(r"-?\d+\.?\d*", before)
        page.screenshot(path=tmp_path / "after.png")
        browser.close()


@pytest.mark.long
def test_five_pairs_are_judged_by_keyboard_one_taken_back_and_taken_up_after_a_reload(tmp_path):
    """The voting panel by the two cells of notebook 14 that make it, with small images."""
    executable = browser_path()
    from playwright.sync_api import expect, sync_playwright

    (notebook,) = Course().select(["14"])
    sources = [cell.source for cell in nbformat.read(notebook.path, as_version=4).cells if cell.cell_type == "code"]
    (panel,) = [source for source in sources if source.startswith("voting.panel(")]
    (made,) = [source.splitlines()[0] for source in sources if source.startswith("material, ")]
    imports = "from kryptonlib import judging\nfrom kryptonlib.judging import classical\nfrom kryptonlib.widgets import voting"
    folder = tmp_path / "notebooks"
    folder.mkdir()
    given = f"{imports}\nstudy_folder, crop, observer, questions = '', 64, '', 6\n{made}"
    cells = [new_code_cell(given), new_code_cell(panel)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}),
                   folder / "vote.ipynb")  # fmt: skip

    def votes():
        (path,) = (folder / "votes").glob("*.csv")
        return "".join(row["key"] for row in judging.read(path))

    with jupyter_lab(folder, tmp_path) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(address("vote.ipynb"))
        asked, line = page.locator(".widget-html", has_text="Question"), page.locator(".widget-text input")

        run_all_cells(page)
        expect(asked).to_contain_text("Question 1 of 6", timeout=120_000)
        # Two pairs flip; a page without its style sheet would show the references only.
        flipping = asked.locator("img[alt=Reference]")
        expect(flipping).to_have_count(2)
        assert flipping.first.evaluate("e => getComputedStyle(e).animationName").startswith("krypton-flip")
        page.screenshot(path=tmp_path / "first.png")

        line.click()
        for number, key in enumerate("aba", 2):
            page.keyboard.press(key)
            expect(asked).to_contain_text(f"Question {number} of 6", timeout=60_000)
        page.keyboard.press("Backspace")
        expect(asked).to_contain_text("Question 3 of 6", timeout=60_000)
        assert votes() == "AB"
        page.keyboard.press("b")
        expect(asked).to_contain_text("Question 4 of 6", timeout=60_000)

        page.reload()
        run_all_cells(page)
        expect(asked).to_contain_text("Question 4 of 6", timeout=120_000)
        line.click()
        for number, key in enumerate("ab", 5):
            page.keyboard.press("End")
            page.keyboard.press(key)
            expect(asked).to_contain_text(f"Question {number} of 6", timeout=60_000)
        assert votes() == "ABBAB"
        browser.close()
