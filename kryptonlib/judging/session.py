"""One observer's session: vote, undo, stop and go on, with every vote on disk as soon as it is given."""

import csv
from pathlib import Path

from kryptonlib.judging.pairs import check_name, draw, pseudonym
from kryptonlib.store import written_whole

COLUMNS = ("study", "observer", "trial", "image", "winner", "loser", "key")
"""Columns of a file of votes; ``key`` is what was pressed, A or B."""


class Session:
    """An observer's trials and votes, kept in ``FOLDER/<study>.<observer>.csv``.

    Args:
        folder: where the file lies; it must exist.
        images, candidates, study, observer, count: as :func:`kryptonlib.judging.draw`.
        make: make the folder with the first vote, instead of asking for it.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: as ``draw``; a file there whose votes are not answers to these trials.

    Attributes:
        trials: all trials, a list of :class:`kryptonlib.judging.Trial`.
        keys: the votes so far, a list of "A" and "B".
        path: the CSV.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> about = dict(images=["parrots"], candidates=["l1", "l2", "flip"], study="kodak", observer="otter-4821")
        >>> session = Session(folder, **about)
        >>> session.vote("A")
        >>> session.vote("B")
        >>> session.undo()
        >>> Session(folder, **about).progress()
        (1, 3)
    """

    def __init__(self, folder, *, images, candidates, study, observer, count=None, make=False):
        self.study, self.observer = study, observer
        self.trials = draw(images, candidates, study=study, observer=observer, count=count)
        folder = Path(folder)
        if not (make or folder.is_dir()):
            raise FileNotFoundError(f"there is no folder {folder} to keep the votes in; make it first")
        self.path = folder / f"{study}.{observer}.csv"
        self.keys = self._read() if self.path.exists() else []

    @property
    def current(self):
        """The trial to be answered next, or None when all are."""
        return self.trials[len(self.keys)] if len(self.keys) < len(self.trials) else None

    def progress(self):
        """(trials answered, trials in all)."""
        return len(self.keys), len(self.trials)

    def vote(self, key):
        """Answer the current trial by "A" or "B" and write it down.

        Raises:
            ValueError: another key, or no trial left.
        """
        if self.current is None:
            raise ValueError(f"all {len(self.trials)} trials are answered; undo() takes the last answer back")
        self.current.candidate(key)
        self._write([*self.keys, key])

    def undo(self):
        """Take the last vote back. ValueError if there is none."""
        if not self.keys:
            raise ValueError("there is no vote to take back")
        self._write(self.keys[:-1])

    def _row(self, trial, key):
        winner, loser = trial.candidate(key), trial.candidate("B" if key == "A" else "A")
        return (self.study, self.observer, str(trial.number), trial.image, winner, loser, key)

    def _write(self, keys):
        """The whole file anew, then in place of the old one: a crash leaves the one or the other."""
        with written_whole(self.path) as part, open(part, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(self._row(trial, key) for trial, key in zip(self.trials, keys))
        # Only what is on disk counts as given.
        self.keys = keys

    def _read(self):
        rows = read(self.path)
        keys = [row["key"] for row in rows]
        expected = [self._row(trial, key) for trial, key in zip(self.trials, keys)]
        if len(rows) > len(self.trials) or [tuple(row.values()) for row in rows] != expected:
            raise ValueError(
                f"{self.path} holds votes on other trials: the images, candidates or their number changed since; give "
                "the study another name or move the file away"
            )
        return keys


def own_pseudonym(folder, study):
    """The pseudonym under which votes of a study lie in a folder, so that a session can be taken up; or a new one.

    Args:
        folder: one person's folder of votes; it need not exist yet.
        study: name of the study.

    Returns:
        The pseudonym of the votes that were changed last; a new random one where there are none.
    """
    check_name("the study's name", study)
    paths = sorted(Path(folder).glob(f"{study}.*.csv"), key=lambda path: (path.stat().st_mtime, path.name))
    return paths[-1].name[len(study) + 1 : -len(".csv")] if paths else pseudonym()


def read(path):
    """The rows of a file of votes, a list of dictionaries with the keys ``COLUMNS``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: other columns, a row that is cut short, a name or a key that cannot be.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file of votes {path}")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            heading, *lines = csv.reader(file)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is no file of votes ({error}); expected a CSV with {', '.join(COLUMNS)}") from None
    if tuple(heading) != COLUMNS:
        raise ValueError(f"{path} has the columns {', '.join(heading)}; expected {', '.join(COLUMNS)}")
    rows = []
    for number, line in enumerate(lines, 2):
        if len(line) != len(COLUMNS) or line[-1] not in ("A", "B") or not line[2].isdigit() or line[4] == line[5]:
            raise ValueError(f"{path}, line {number} is no vote: {line}; expected {', '.join(COLUMNS)}")
        check_name(f"{path}, line {number}: the pseudonym", line[1])
        rows.append(dict(zip(COLUMNS, line)))
    return rows
