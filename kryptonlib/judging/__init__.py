"""Judging by eye: blinded pairs, votes of many people, the JOD scale made from them, and metrics held against
people."""

from kryptonlib.judging import agreement, classical, drawing, jod, learned, simulation, votes
from kryptonlib.judging.material import Material, read_folder
from kryptonlib.judging.merging import Merged, count, merge
from kryptonlib.judging.pairs import Trial, draw, pseudonym
from kryptonlib.judging.session import Session, own_pseudonym, read

__all__ = [
    "Material",
    "Merged",
    "Session",
    "Trial",
    "agreement",
    "classical",
    "count",
    "draw",
    "drawing",
    "jod",
    "learned",
    "merge",
    "own_pseudonym",
    "pseudonym",
    "read",
    "read_folder",
    "simulation",
    "votes",
]
