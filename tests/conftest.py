"""Which tests run: those marked long only with LONG=1 (``make test LONG=1``). No test sees another's figures."""

import os
import sys

import pytest

import kryptonlib  # noqa: F401  before any test imports torchvision: it declares what a CPU-only torch lacks


def pytest_collection_modifyitems(config, items):
    if os.environ.get("LONG", "") not in ("", "0"):
        return
    skip = pytest.mark.skip(reason="long: runs with LONG=1")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def figures_are_closed():
    """Tests that count open figures must not count those that an earlier test left."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
