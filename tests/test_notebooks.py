"""The quick profile of every notebook of the course, every number compared with its record."""

import pytest

from kryptonlib.course.catalogue import Course
from kryptonlib.course.runner import Run

COURSE = Course()


@pytest.fixture(scope="module")
def quick():
    return Run(COURSE, "quick")


def test_the_notebooks_found_are_those_of_the_list():
    assert COURSE.differences() == []


@pytest.mark.parametrize("entry", COURSE.notebooks, ids=lambda entry: entry.path.stem)
def test_quick_profile(entry, quick):
    state = quick.notebook(entry)
    assert state["problems"] == []
    assert state["executed"]
    assert entry.id == "00" or state["records"], "the notebook records nothing"
