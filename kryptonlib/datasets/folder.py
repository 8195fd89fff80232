"""What every loader of a reader's own folder shares: a record, the check of the folder, and the message if it fails."""

import csv
from collections import namedtuple
from dataclasses import dataclass, field
from pathlib import Path

from kryptonlib.reading import read_image

NOT_DATA = {"__MACOSX", "@eaDir", "$RECYCLE.BIN"}
"""Folders that Macs, network drives and Windows leave behind; on other systems such names begin with a dot."""
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}

Source = namedtuple("Source", "name expected address")


@dataclass(frozen=True)
class Record:
    """One image of a data set, read when asked for.

    Attributes:
        path: the file.
        label: class name, tuple of findings, age in months, or None.
        facts: what else the data set tells, such as the patient or the slice.
        image: float32 [H, W] or [H, W, 3]; 8 and 16 bits become [0, 1] and lose nothing. fastMRI: magnitude as stored.
    """

    path: Path
    label: object = None
    facts: dict = field(default_factory=dict)
    read: object = field(default=None, repr=False, compare=False)

    @property
    def image(self):
        return (self.read or read_image)(self.path)


def hidden(name):
    """Whether a file or folder of this name is no data, and so is all that lies in it."""
    return name.startswith(".") or name in NOT_DATA


def files(folder, suffixes=SUFFIXES):
    """The files in a folder and below with these endings, in any case, sorted.

    What is hidden or lies in a hidden folder (.trash), folders named like files, and links to nothing are left out.
    """
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes
        and not any(hidden(part) for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def checked_folder(folder, source):
    """The path of a folder that is there; FileNotFoundError or TypeError says what it should hold."""
    if not isinstance(folder, (str, Path)):
        raise TypeError(f"{source.name}: got {type(folder).__name__}, expected the path of a folder")
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{source.name}: there is no folder {folder}. Expected: {source.expected}. Get it: {source.address}"
        )
    return folder


def wrong(source, folder, found):
    """The ValueError that says what was expected in a folder, what was found, and where to get it."""
    expected = f"expected in {folder}: {source.expected}"
    return ValueError(f"{source.name}: {expected}. Found: {found}. Get it: {source.address}")


def content(folder):
    """What is in a folder, in a few words."""
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    if not names:
        return "an empty folder"
    return f"{len(names)} entries ({', '.join(names[:4])}{', ...' if len(names) > 4 else ''})"


def read_table(path, columns, source):
    """Rows of a csv file as dicts, after a check of its columns."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        header, rows = list(reader.fieldnames or []), list(reader)
    if not rows or not set(columns) <= set(header):
        raise wrong(source, path.parent, f"{path.name} with columns {header} and {len(rows)} rows")
    short = next((number for number, row in enumerate(rows, 2) if any(row[name] is None for name in columns)), None)
    if short:
        raise wrong(source, path.parent, f"{path.name}, cut short in line {short}")
    return rows
