"""A reader's way through a notebook: JupyterLab in a real browser opens it, runs all cells, and the widget answers.

Needs Chromium (``make browser`` finds or installs it); skipped, saying so, where there is none.
"""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from kryptonlib import store
from kryptonlib.course.catalogue import Course

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = "04"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
ALL_CELLS_RUN = 240
"""Seconds that the quick notebook may take in the browser on a slow machine; not a measurement."""


def browser_path():
    pytest.importorskip("playwright", reason="Playwright is not installed (extra `browser`)")
    found = store.load_script("get_browser").find()
    if found is None:
        pytest.skip("no Chromium on this machine: `make browser` installs it where it can")
    return found


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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
                   "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"), "KRYPTON_FIGURES": str(tmp_path / "figures")}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", f"--port={port}", "--ip=127.0.0.1",
               f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}", "--allow-root"]
    with open(tmp_path / "server.log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={token}", timeout=2).read()
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/lab/tree/{notebook.path.name}?token={token}"
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.mark.long
def test_the_notebook_runs_in_a_browser_and_its_widget_answers(lab, tmp_path):
    executable = browser_path()
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(lab)
        page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell", timeout=120_000)
        expect(page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first).to_be_attached(timeout=120_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name=re.compile("^Run All Cells")).first.click()

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
