"""The counted work against the published ratios and against hand counting."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kryptonlib import zoo
from kryptonlib.occlusion import bounds

# Patch 16 in the middle, and the mean of the tight bound over the stride-4 grid (recomputed for this project).
PUBLISHED = {"vgg16": (6.52, 9.14), "resnet18": (2.19, 2.83), "densenet121": (2.0, 2.32), "squeezenet1_0": (None, 7.18)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_redundancy_ratios_of_known_networks(name):
    net = zoo.architecture(name)
    steps = bounds.steps_of(net, torch.zeros(1, 3, 224, 224))
    published, tight = PUBLISHED[name]
    grid = bounds.patch_boxes([(top, left) for top in range(0, 209, 4) for left in range(0, 209, 4)], (16, 16))
    assert bounds.redundancy_ratio(bounds.layer_work(steps, grid)) == pytest.approx(tight, abs=0.006)
    if published:
        centre = bounds.layer_work(steps, bounds.patch_boxes([(104, 104)], (16, 16)), tight=False)
        assert bounds.redundancy_ratio(centre) == pytest.approx(published, abs=0.011)


def test_small_network_counted_by_hand():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(16, 5)
    )
    steps = bounds.steps_of(net.eval(), torch.zeros(1, 1, 8, 8))
    first, second, last = bounds.layer_work(steps, bounds.patch_boxes([(0, 0), (3, 3)], (2, 2)))
    # Patch at the corner: 3x3 places of the first layer; in the middle 4x4. Then 2x2 or 3x3 of the pool, 2x2 both.
    assert (first.full, first.incremental) == (18 * 64, 18 * (9 + 16) / 2)
    assert first.window == (3.5, 3.5)
    assert (second.full, second.incremental) == (72 * 4, 72 * (4 + 4) / 2)
    assert (last.full, last.incremental, last.window) == (80, 80, (1.0, 1.0))


def test_tight_windows_never_exceed_the_published_ones():
    steps = bounds.steps_of(zoo.architecture("resnet18", num_classes=5), torch.zeros(1, 3, 224, 224))
    for top in (0, 33, 104, 208):
        box = bounds.patch_boxes([(top, 7)], (16, 16))
        tight, published = (bounds.layer_work(steps, box, tight=tight) for tight in (True, False))
        assert all(np.all(a.incremental <= b.incremental) for a, b in zip(tight, published))


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 4), st.integers(1, 3), st.integers(1, 18), st.data())
def test_products_are_counted_one_by_one(kernel, stride, before, dilation, size, data):
    low = data.draw(st.integers(0, 30))
    high = data.draw(st.integers(low, 34))
    reads = np.arange(size)[:, None] * stride - before + dilation * np.arange(kernel)
    expected = ((reads >= low) & (reads < high)).sum()
    found = bounds.products(np.array([low]), np.array([high]), (kernel, stride, before, dilation), size)
    assert found.tolist() == [expected]


def test_what_a_changed_value_enters_counted_by_hand():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 4, 3, 2, 1), nn.Flatten(), nn.Linear(64, 5)
    )
    steps = bounds.steps_of(net.eval(), torch.zeros(1, 1, 8, 8))
    work = bounds.layer_work(steps, bounds.patch_boxes([(0, 0), (3, 3)], (2, 2)))
    # 2 cells in the middle enter 3 products each; of the corner's two the first has an output less that reads it.
    assert work[0].change == 2 * (5 * 5 + 6 * 6) / 2
    # At stride 2 an even cell is read once, an odd one twice: 0 to 2 from the corner, 2 to 5 in the middle.
    assert work[1].change == 8 * (4 * 4 + 6 * 6) / 2
    assert work[2].change == work[2].incremental == 320
    full = sum(layer.full for layer in work)
    assert bounds.change_ratio(work) == full / sum(layer.change for layer in work) > bounds.redundancy_ratio(work)


def test_a_change_enters_no_more_products_than_its_window_has():
    for name in ("resnet18", "densenet121"):
        steps = bounds.steps_of(zoo.architecture(name, num_classes=5), torch.zeros(1, 3, 224, 224))
        work = bounds.layer_work(steps, bounds.patch_boxes([(0, 0), (104, 50), (208, 208)], (16, 16)))
        assert all(0 < layer.change <= layer.incremental * (1 + 1e-12) for layer in work)
