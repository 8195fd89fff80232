"""Merging cells of positions into groups: always the two whose union saves most, as long as one saves anything.

A cell is a rectangle of a set of rows and a set of columns of the grid. Together two cells compute windows as large as
the larger of each, but share their batches: border cells of few positions, and cells that would leave a batch half
empty, are better off with another.
"""

import numpy as np


def merged(counts, rows, columns, cost):
    """Which cells belong together.

    Args:
        counts: positions of each cell, float [N].
        rows, columns: what a window of each cell costs along either axis (``grouping``), [N, 2K].
        cost: function(counts [...], rows [..., 2K], columns [..., 2K]) -> estimated costs [...].

    Returns:
        Integers [N]: cells with the same number make a group.

    Example:
        >>> merged(np.array([1.0, 1.0, 9.0]), np.array([[1.0], [1.0], [4.0]]), np.ones((3, 1)),
        ...        lambda n, rows, columns: n * (rows * columns).sum(-1) + 5)
        array([0, 0, 2])
    """
    counts, rows, columns = counts.copy(), rows.copy(), columns.copy()
    group, own = np.arange(len(counts)), cost(counts, rows, columns)

    def saved(one, other):
        together = np.maximum(rows[one], rows[other]), np.maximum(columns[one], columns[other])
        return own[one] + own[other] - cost(counts[one] + counts[other], *together)

    saving = np.full((len(counts), len(counts)), -np.inf)
    upper = np.triu_indices(len(counts), 1)
    saving[upper] = saved(*upper)
    alive = np.arange(len(counts))
    while True:
        keep, gone = divmod(int(saving.argmax()), len(counts))
        if saving[keep, gone] <= 0:
            return group
        rows[keep], columns[keep] = np.maximum(rows[keep], rows[gone]), np.maximum(columns[keep], columns[gone])
        counts[keep] += counts[gone]
        own[keep] = cost(counts[keep], rows[keep], columns[keep])
        group[group == gone] = keep
        saving[gone] = saving[:, gone] = -np.inf
        alive = alive[alive != gone]
        others = alive[alive != keep]
        saving[np.minimum(others, keep), np.maximum(others, keep)] = saved(keep, others)
