"""JupyterLab in a real browser: what the tests that need one share."""

import contextlib
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from kryptonlib import store

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
PATIENCE = 120_000
"""Milliseconds that a page or a kernel may take to come up on a slow machine; not a measurement."""


def browser_path():
    pytest.importorskip("playwright", reason="Playwright is not installed (extra `browser`)")
    found = store.load_script("get_browser").find()
    if found is None:
        pytest.skip("no Chromium on this machine: `make browser` installs it where it can")
    return found


@contextlib.contextmanager
def jupyter_lab(folder, work):
    """A JupyterLab over a folder; stopped at the end. Yields a function: name of a notebook -> its address.

    Args:
        folder: what it shows.
        work: a folder for its settings, its log and the figures that notebooks make.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_CONFIG_DIR": str(work / "config"),
                   "JUPYTERLAB_WORKSPACES_DIR": str(work / "workspaces"), "KRYPTON_FIGURES": str(work / "figures")}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", f"--port={port}", "--ip=127.0.0.1",
               f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}", "--allow-root"]
    with open(work / "server.log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={token}", timeout=2).read()
                break
            except OSError:
                assert server.poll() is None, (work / "server.log").read_text()
                time.sleep(0.5)
        yield lambda name: f"http://127.0.0.1:{port}/lab/tree/{name}?token={token}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def run_all_cells(page):
    """Wait for the notebook and its kernel, and run all cells."""
    from playwright.sync_api import expect

    page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell", timeout=PATIENCE)
    expect(page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first).to_be_attached(timeout=PATIENCE)
    prompts = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-InputPrompt")
    before = prompts.all_inner_texts()
    for _ in range(8):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name=re.compile("^Run All Cells")).first.click()
        # A kernel that is shown as idle may not be connected yet; then the command does nothing. "[*]" says that it
        # did.
        for _ in range(20):
            if prompts.all_inner_texts() != before:
                return
            page.wait_for_timeout(500)
    raise AssertionError("no cell began to run")
