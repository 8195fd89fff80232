"""Judging by eye: blinded pairs, votes of many people, and the JOD scale made from them."""

from kryptonlib.judging import drawing, jod, votes
from kryptonlib.judging.merging import Merged, count, merge
from kryptonlib.judging.pairs import Trial, draw, pseudonym
from kryptonlib.judging.session import Session, read

__all__ = [
    "Merged",
    "Session",
    "Trial",
    "count",
    "draw",
    "drawing",
    "jod",
    "merge",
    "pseudonym",
    "read",
    "votes",
]
