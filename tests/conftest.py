"""Which tests run: those marked long only with LONG=1 (``make test LONG=1``), and those marked optional(name) only
where ``zoo.names()`` says that this network is ready. No test sees another's figures."""

import os
import sys

import pytest

# Before any test imports torch or torchvision: kryptonlib says how threads wait, and declares what a CPU-only torch
# lacks.
from kryptonlib import zoo


def pytest_collection_modifyitems(config, items):
    short, state = os.environ.get("LONG", "") in ("", "0"), zoo.names()
    for item in items:
        if short and "long" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="long: runs with LONG=1"))
        for name in (mark.args[0] for mark in item.iter_markers("optional")):
            if state[name] != "ready":
                item.add_marker(pytest.mark.skip(reason=f"{name} is optional: {state[name]}"))


@pytest.fixture(autouse=True)
def figures_are_closed():
    """Tests that count open figures must not count those that an earlier test left."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
