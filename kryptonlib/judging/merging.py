"""The votes of a whole class: files merged, duplicates found, counted per observer."""

from dataclasses import dataclass

import numpy as np

from kryptonlib.judging.session import read


@dataclass(frozen=True)
class Merged:
    """Votes out of several files, each once.

    Attributes:
        rows: the votes, dictionaries as :func:`kryptonlib.judging.read` gives them.
        duplicates: (file, observer, trial) of every vote that another file held already, word for word, and that was
            left out.
    """

    rows: list
    duplicates: list

    @property
    def observers(self):
        """Pseudonyms, sorted."""
        return sorted({row["observer"] for row in self.rows})


def merge(paths):
    """Join files of votes of one study.

    A vote that comes twice, because a file was handed in twice or once unfinished and once finished, counts once and is
    named in ``duplicates``.

    Args:
        paths: the CSV files.

    Returns:
        A :class:`Merged`.

    Raises:
        ValueError: no files; files of different studies; an observer with two different answers to one trial: either
            one person voted twice, or two chose the same pseudonym.
        FileNotFoundError: a file that is not there.
    """
    kept, duplicates, studies = {}, [], {}
    for path in paths:
        for row in read(path):
            studies.setdefault(row["study"], path)
            place = row["observer"], int(row["trial"])
            if place not in kept:
                kept[place] = row
            elif kept[place] == row:
                duplicates.append((str(path), *place))
            else:
                raise ValueError(
                    f"{path}: observer {place[0]!r} answers trial {place[1]} otherwise than in another file: somebody "
                    "voted twice, or two people have one pseudonym. Leave one of the files out, or rename the observer "
                    "in it"
                )
    if not kept:
        raise ValueError("merge: the files hold no votes")
    if len(studies) > 1:
        found = ", ".join(f"{study} ({path})" for study, path in studies.items())
        raise ValueError(f"merge: the files belong to different studies: {found}")
    return Merged([kept[place] for place in sorted(kept)], duplicates)


def count(rows, candidates):
    """Votes per observer.

    Args:
        rows: votes, of ``Merged.rows`` or :func:`kryptonlib.judging.read`.
        candidates: names of all candidates, in the order that is wanted.

    Returns:
        (observers, wins): the pseudonyms, sorted, and an int array [observers, N, N], wins[k, i, j] = how often
        observer k preferred candidate i to j.

    Raises:
        ValueError: no votes; a candidate that nobody was shown, or votes on one that is not named.

    Example:
        >>> row = dict(observer="otter-4821", winner="l2", loser="l1")
        >>> count([row], ["l1", "l2"])[1].tolist()
        [[[0, 0], [1, 0]]]
    """
    rows, candidates = list(rows), list(candidates)
    if not rows:
        raise ValueError("count: got no votes")
    seen = {row[side] for row in rows for side in ("winner", "loser")}
    if set(candidates) != seen or len(set(candidates)) != len(candidates):
        unseen, unknown = sorted(set(candidates) - seen), sorted(seen - set(candidates))
        raise ValueError(
            f"count: candidates must be exactly those in the votes, each once; nobody was shown {unseen}, not named "
            f"are {unknown}"
        )
    observers = sorted({row["observer"] for row in rows})
    wins = np.zeros((len(observers), len(candidates), len(candidates)), dtype=np.int64)
    for row in rows:
        wins[observers.index(row["observer"]), candidates.index(row["winner"]), candidates.index(row["loser"])] += 1
    return observers, wins
