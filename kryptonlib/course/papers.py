"""Which of the reproduced papers a record's ``source`` names: the claims tables have one part per paper."""

import re

PAPERS = {
    "Krypton": r"krypton('s)?\b",
    "Tutorial slides": r"(tutorial )?slides?\b",
    "Dumas": r"dumas\b",
    "X-BDCNN": r"x-bdcnn\b",
    "Thesis": r"(the )?thesis\b",
}
"""Name of each paper, in the order of the tables -> how a source that means it begins."""
OTHER = "Other sources"
OWN = "Our own claims"
"""Of records that claim something and name no source."""


def paper_and_place(source):
    """(name of the paper, where in it) of a record's source.

    Example:
        >>> paper_and_place("Krypton, eq. 14")
        ('Krypton', 'eq. 14')
        >>> paper_and_place("Luo et al. 2016")
        ('Other sources', 'Luo et al. 2016')
    """
    for paper, beginning in PAPERS.items():
        match = re.match(beginning, source, re.IGNORECASE)
        if match:
            return paper, source[match.end() :].lstrip(" ,")
    return OTHER, source


def order(paper):
    """Where a paper's part stands; other sources and our own claims come last."""
    return [*PAPERS, OTHER, OWN].index(paper)
