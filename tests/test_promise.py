"""What the benchmark writes of timed maps at a promised quality, and the committed file that notebook 21 reads."""

import importlib.util
import json
from argparse import Namespace
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent / "benchmarks"


@pytest.fixture(scope="module")
def approximate():
    spec = importlib.util.spec_from_file_location("approximate", BENCHMARKS / "approximate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(network, each, speedup):
    """A row as ``study`` makes it, with the fields that ``promise`` reads."""
    return {
        "network": network,
        "ours": {
            "plan": {"lattice": "third", "reach": None, "checks": 16},
            "judged": {"met": 0.9, "n": 10, "worst": 0.87, "speedup": 29.0},
            "measured speedup": speedup,
            "measured each": each,
        },
    }


def test_only_the_papers_networks_and_only_maps_that_keep_the_promise_count(approximate):
    good, bad = {"speedup": 20.0, "ssim": 0.91}, {"speedup": 40.0, "ssim": 0.85}
    rows = [row("vgg16-distilled", [good, bad], 20.0), row("xception-pneumonia", [good], 3.0),
            row("resnet18-distilled", [bad], None)]  # fmt: skip
    told = approximate.promise(rows, Namespace(patch=16, stride=4, repeats=3))
    (only,) = told["rows"]
    assert (only["network"], only["timed"], only["kept"], only["worst"]) == ("VGG16", 20.0, [9, 10], 0.87)
    assert only["timed on"].startswith("1 held-out photos")
    assert only["plan"] == "begins with a third of the positions, exact windows, 16 checks"


def test_the_committed_file_has_the_same_fields(approximate):
    committed = json.loads((BENCHMARKS / "promise.json").read_text(encoding="utf-8"))
    told = approximate.promise([row("vgg16-distilled", [], 20.0)], Namespace(patch=16, stride=4, repeats=3))
    assert committed.keys() == told.keys() and committed["promised"] == approximate.PROMISED
    for one in committed["rows"]:
        assert one.keys() == told["rows"][0].keys()
        assert one["timed"] > 0 and 0 <= one["kept"][0] <= one["kept"][1]
        assert one["network"] == approximate.PAPER_NAMES[one["weights"]]
