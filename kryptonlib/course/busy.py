"""The table of a quiet and a busy machine, from what ``tests/benchmarks/busy.py`` measured."""

import json
import statistics

FILE = "tests/benchmarks/busy.json"
"""Where the benchmark keeps its results (with ``--keep``), from the repository's root."""
BEFORE = "OpenMP's default"
"""The way for threads to wait that a user has who sets nothing and does not import kryptonlib."""
NOW = {"tiny": "one thread", "large": "passive", "heat map": "passive"}
"""Piece of work -> how kryptonlib does it."""
WORK = {
    "tiny": "a training step of a tiny network",
    "large": "two large convolutions",
    "heat map": "an exact heat map of a small network",
}
BESIDE = {
    "nothing": "alone",
    "a busy half": "half of the cores busy",
    "a matrix product": "a matrix product on all cores beside it",
}


def kept(root):
    """The results that the benchmark kept, or None if it was not run yet.

    Args:
        root: the repository's root, a ``pathlib.Path``.
    """
    path = root / FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def table(found):
    """Markdown: a row for each piece of work; before and now, alone and beside other programs.

    Args:
        found: what the benchmark kept: "machine", "rounds" and "results", a list of {"way", "work", "beside", "ms"}.

    Raises:
        ValueError: a way was not measured that the table needs.
    """
    lines = [f"| Milliseconds: before → now | {' | '.join(BESIDE.values())} |", "|-" * (len(BESIDE) + 1) + "|"]
    for work, told in WORK.items():
        cells = [f"{cell(found, BEFORE, work, beside)} → {cell(found, NOW[work], work, beside)}" for beside in BESIDE]
        lines.append(f"| {told} | {' | '.join(cells)} |")
    about = f"Median of {found['rounds']} processes (least to most). Before: OpenMP's default."
    return "\n".join([*lines, "", f"{about} Measured on {found['machine']}."])


def cell(found, way, work, beside):
    """The median over the rounds, and the least and the most: "1.6 (1.5-1.7)"."""
    times = [row["ms"] for row in found["results"] if (row["way"], row["work"], row["beside"]) == (way, work, beside)]
    if not times:
        missing = f"{work!r}, {way!r}, beside {beside!r}"
        raise ValueError(f"{FILE} has no times of {missing}; run tests/benchmarks/busy.py --keep")
    return f"{short(statistics.median(times))} ({short(min(times))}-{short(max(times))})"


def short(number):
    """Two digits, and no power of ten.

    >>> short(0.123), short(8.04), short(234.5)
    ('0.12', '8', '230')
    """
    return f"{float(f'{number:.2g}'):g}"
