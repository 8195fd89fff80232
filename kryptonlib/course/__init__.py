"""What makes notebooks a course, apart from the science: records, figures, the runner, student copies, the report."""

from kryptonlib.course.figures import figure
from kryptonlib.course.records import record
from kryptonlib.course.sentences import say

__all__ = ["figure", "record", "say"]
