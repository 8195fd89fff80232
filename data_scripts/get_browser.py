"""Find Chromium for the browser test, or install it; print its path.

Looks for a browser that is installed, then tries Playwright's own download, then (as root, on Debian and Ubuntu)
the package ``chromium``. The test is skipped, saying so, on a machine where none of these can be had.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


def find():
    """The path of an installed Chromium or Chrome, Playwright's included, or None."""
    for name in NAMES:
        if shutil.which(name):
            return shutil.which(name)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install():
    """Try the ways to get a browser, each at most once."""
    if subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], stdout=sys.stderr).returncode == 0:
        return
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        print("Playwright's download cannot be reached; installing Debian's package", file=sys.stderr)
        quiet = {"stdout": sys.stderr, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], **quiet)


if __name__ == "__main__":
    if find() is None:
        install()
    path = find()
    if path is None:
        sys.exit("No browser can be installed here: the browser test will be skipped. Install Chromium to run it.")
    print(path)
