"""Where data, converted weights and our own checkpoints lie, and verified reading of them.

``python -m kryptonlib data`` (``data_scripts/get_data.py``) fills one folder, ``data_dir()``:

    <data>/<package>/<file>                  files taken out of an ordinary package, e.g. foolbox/imagenet_00_243.jpg
    <data>/weights/<network>.safetensors     weights converted from such files
    <data>/manifests/<package>.json          sha256 and size of every file above; others do not count

Nothing here downloads anything. A file is hashed once per process before its path is handed out, so a notebook
either reads the bytes that were recorded or stops with the command that mends it.
"""

import contextlib
import csv
import fnmatch
import functools
import hashlib
import importlib
import json
import os
import sys
import tomllib
from pathlib import Path, PurePosixPath

import platformdirs

CHECKPOINTS = Path(__file__).parent / "checkpoints"
MANIFESTS = "manifests"

_verified = {}


class DamagedFileError(OSError):
    """A file in the data folder is not the one that was recorded."""


def data_dir():
    """The folder of data and weights: ``$KRYPTON_DATA``, or ``krypton/data`` in the user's cache folder.

    Returns:
        An absolute ``Path``; it need not exist yet.
    """
    chosen = os.environ.get("KRYPTON_DATA", "").strip()
    folder = Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("krypton", False)) / "data"
    return folder.absolute()


@contextlib.contextmanager
def written_whole(path):
    """Write a file whole or not at all: the block writes to the path that it is given, a neighbour of ``path``.

    Yields:
        ``Path`` to write to. It takes the place of ``path`` when the block ends, and is removed when the block raises.

    Example:
        >>> with written_whole("numbers.csv") as part:  # doctest: +SKIP
        ...     part.write_text("1,2")
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def sha256(path):
    """sha256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(data, package):
    """What get_data recorded about a package, or None when it was never completed or the record is unreadable.

    Returns:
        dict with ``recipe``, ``files`` (name -> sha256, bytes, mtime_ns) and ``weights`` (the same, converted).
    """
    try:
        record = json.loads((Path(data) / MANIFESTS / f"{package}.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    complete = isinstance(record, dict) and {"recipe", "files", "weights"} <= record.keys()
    return record if complete else None


@functools.lru_cache(maxsize=8)
def _known_files(data, stamp):
    """name -> sha256 of every recorded file; ``stamp`` changes when a manifest is written."""
    known = {}
    for manifest in sorted((Path(data) / MANIFESTS).glob("*.json")):
        record = read_manifest(data, manifest.stem) or {"files": {}, "weights": {}}
        for name, facts in {**record["files"], **record["weights"]}.items():
            known[name] = facts["sha256"]
    return known


def _manifest_files():
    folder = data_dir() / MANIFESTS
    stamp = folder.stat().st_mtime_ns if folder.is_dir() else 0
    return _known_files(str(data_dir()), stamp)


def _check_name(name, what):
    if not isinstance(name, str):
        raise TypeError(f"{what} got {type(name).__name__}, expected text such as 'foolbox/imagenet_00_243.jpg'")
    pure = PurePosixPath(name)
    if not name or pure.is_absolute() or ".." in pure.parts or "\\" in name:
        raise ValueError(f"{what} got {name!r}, expected a name inside it such as 'foolbox/imagenet_00_243.jpg'")


def remedy(name):
    """The command that fetches ``name``: the optional package, or everything that is fetched by default."""
    try:
        packages = tomllib.loads((scripts_dir() / "packages.toml").read_text(encoding="utf-8"))["package"]
    except FileNotFoundError:
        packages = []
    for package in packages:
        its_own = name.split("/")[0] == package["name"] or name in package.get("gives", ())
        if its_own and package["group"] != "default":
            return f"python -m kryptonlib data {package['name']}"
    return "python -m kryptonlib data"


def path(name):
    """Path of a fetched file or converted weight, verified.

    Args:
        name: ``"<package>/<file>"`` or ``"weights/<network>.safetensors"``, always with forward slashes.

    Returns:
        The absolute ``Path`` of a file whose sha256 equals the recorded one (hashed once per process and change).

    Raises:
        FileNotFoundError: it was not fetched; the message holds the command that fetches it.
        DamagedFileError: it is there but its contents differ from the record.

    Example:
        >>> store.path("foolbox/imagenet_00_243.jpg")  # doctest: +SKIP
    """
    _check_name(name, "store.path()")
    file = data_dir() / name
    expected = _manifest_files().get(name)
    if expected is None or not file.is_file():
        raise FileNotFoundError(
            f"{name} is not in the data folder {data_dir()}. Fetch it with:  {remedy(name)}"
            "   (or point KRYPTON_DATA at a folder that was filled before)"
        )
    status = file.stat()
    key = (str(file), status.st_size, status.st_mtime_ns, expected)
    if key not in _verified:
        found = sha256(file)
        if found != expected:
            raise DamagedFileError(
                f"{file} is damaged: its sha256 is {found[:12]}…, recorded was {expected[:12]}…. "
                f"Delete this file, then run:  {remedy(name)}"
            )
        _verified[key] = True
    return file


def files(pattern):
    """Sorted names of recorded files that match a shell pattern, for example ``"foolbox/*.jpg"``.

    Raises:
        FileNotFoundError: nothing matches, with the command that fetches the package.
    """
    _check_name(pattern, "store.files()")
    found = sorted(name for name in _manifest_files() if fnmatch.fnmatchcase(name, pattern))
    if not found:
        raise FileNotFoundError(f"no file in {data_dir()} matches {pattern!r}. Fetch it with:  {remedy(pattern)}")
    return found


def checkpoint(name):
    """Path of weights that this project trained: ``kryptonlib/checkpoints/<name>.safetensors``.

    Raises:
        FileNotFoundError: no such checkpoint; the message lists those that are there.
    """
    _check_name(name, "store.checkpoint()")
    file = CHECKPOINTS / f"{name.removesuffix('.safetensors')}.safetensors"
    if not file.is_file():
        there = ", ".join(sorted(other.stem for other in CHECKPOINTS.glob("*.safetensors"))) or "none"
        raise FileNotFoundError(
            f"no checkpoint {name!r} in {CHECKPOINTS} (there: {there}). Checkpoints come with a clone of the "
            "repository, not with the wheel: work from a clone"
        )
    return file


def read_card(name, folder=CHECKPOINTS):
    """The card of a checkpoint, ``NAME.json`` beside its weights, as a dict; empty where there is none.

    Example:
        >>> read_card("vgg16-distilled")["name"]
        'vgg16-distilled'
    """
    file = Path(folder) / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def read_log(name, folder=CHECKPOINTS):
    """The log of a checkpoint: name of a column -> float array [rows], NaN where the column was not yet told.

    Raises:
        FileNotFoundError: there is none, with the command that makes it.
    """
    import numpy as np

    file = Path(folder) / f"{name}.csv"
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing; `python -m kryptonlib train {name}` makes it")
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {column: np.array([float(row[column] or "nan") for row in rows]) for column in rows[0]}


def scripts_dir():
    """The folder ``data_scripts``: beside ``kryptonlib`` in a checkout, inside it in an installed wheel."""
    room = Path(__file__).parent
    for folder in (room.parent / "data_scripts", room / "data_scripts"):
        if (folder / "packages.toml").is_file():
            return folder
    raise FileNotFoundError(f"no data_scripts/packages.toml beside or in {room}; reinstall kryptonlib")


def load_script(name):
    """Import ``data_scripts/<name>.py`` and return the module, for example ``load_script("get_data").main([])``."""
    folder = str(scripts_dir())
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)
