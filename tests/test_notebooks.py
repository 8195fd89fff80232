"""The quick profile of every notebook of the course, every number compared with its record."""

import pytest

from kryptonlib import store
from kryptonlib.course.catalogue import Course
from kryptonlib.course.runner import Run

COURSE = Course()


@pytest.fixture(scope="module")
def quick():
    return Run(COURSE, "quick")


@pytest.fixture
def data_of_its_own(entry, tmp_path, monkeypatch):
    """A data folder that holds what the notebook says it needs and nothing else, as a reader's does."""
    data, packages = store.data_dir(), store.load_script("get_data").load_packages()
    for part in data.iterdir():
        if part.name != store.MANIFESTS:
            (tmp_path / part.name).symlink_to(part)
    (tmp_path / store.MANIFESTS).mkdir()
    for package in packages:
        if package["group"] in entry.needs:
            manifest = f"{store.MANIFESTS}/{package['name']}.json"
            (tmp_path / manifest).symlink_to(data / manifest)
    monkeypatch.setenv("KRYPTON_DATA", str(tmp_path))


def test_the_notebooks_found_are_those_of_the_list():
    assert COURSE.differences() == []


@pytest.mark.parametrize("entry", COURSE.notebooks, ids=lambda entry: entry.path.stem)
def test_quick_profile(entry, quick, data_of_its_own):
    state = quick.notebook(entry)
    assert state["problems"] == []
    assert state["executed"]
    assert entry.id == "00" or state["records"], "the notebook records nothing"
