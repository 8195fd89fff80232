"""Convolutions of a change alone: the sums of whole convolutions, windows that hold what is needed, and their cost."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_incremental import Classify, grid, image_of, networks, same, seeded
from torch import nn

from kryptonlib.occlusion import changes, packing
from kryptonlib.occlusion.changes import Span, in_strips, pays, takes_change, through_change
from kryptonlib.occlusion.grouping import make_groups
from kryptonlib.occlusion.incremental import Incremental
from kryptonlib.occlusion.intervals import extent, output_size, through_window


@st.composite
def lines(draw):
    """A convolution along an axis, and changed intervals of several positions inside equally long windows."""
    kernel, dilation, padding = draw(st.integers(1, 5)), draw(st.integers(1, 2)), draw(st.integers(0, 4))
    size = draw(st.integers(extent(kernel, dilation), 20))
    length, starts, seen = draw(st.integers(1, 8)), [], []
    for _ in range(draw(st.integers(1, 4))):
        low = draw(st.integers(0, size - 1))
        high = draw(st.integers(low + 1, min(size, low + length)))
        starts.append(draw(st.integers(high - length, low)))
        seen.append((low, high))
    return (kernel, 1, padding, dilation), size, length, np.array(starts), np.array(seen).T


@settings(deadline=None, max_examples=300)
@given(lines(), st.integers(0, 9))
def test_windows_hold_what_a_change_alone_makes_of_the_map(case, seed):
    """By whole convolutions of the axis: with the change, less without it."""
    axis, size, length, starts, seen = case
    kernel, _, padding, dilation = axis
    outputs = output_size(size, kernel, 1, (padding, padding), dilation)
    needed = through_window(*seen, kernel=kernel, before=padding, dilation=dilation, size=outputs)
    if (needed[0] == needed[1]).any():
        return
    shift, long, span = through_change(starts, seen, needed, axis)
    generator = torch.Generator().manual_seed(seed)
    weight = torch.rand(1, 1, kernel, generator=generator, dtype=torch.float64)
    for start, low, high, first, last in zip(starts, *seen, *needed):
        begin = start + shift
        assert begin <= first and last <= begin + long
        change = torch.zeros(1, 1, size, dtype=torch.float64)
        change[..., low:high] = torch.rand(high - low, generator=generator, dtype=torch.float64)
        whole = F.conv1d(change, weight, padding=padding, dilation=dilation)[0, 0]
        # What is read lies in the window; beyond the map there is nothing.
        cells = F.pad(change, (20, 20))[..., start + span.begin + 20 :][..., : span.cells]
        assert 0 <= span.begin and span.begin + span.cells <= length
        part = F.conv1d(F.pad(cells, (span.before, span.after)), weight, dilation=dilation)[0, 0]
        assert len(part) == long
        torch.testing.assert_close(
            F.pad(whole, (20, 20))[begin + 20 :][:long][first - begin : last - begin],
            part[first - begin : last - begin],
            rtol=1e-12,
            atol=1e-12,
        )


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("cells", [1, 4, 9])
def test_products_are_counted_one_by_one(kernel, cells):
    for before in range(kernel):
        for after in range(kernel):
            outputs = cells + before + after - kernel + 1
            if outputs < 1:
                continue
            reads = np.arange(outputs)[:, None] - before + np.arange(kernel)
            assert Span(0, cells, before, after).products(kernel) == ((reads >= 0) & (reads < cells)).sum()


def test_a_growing_window_pays_and_one_that_is_much_too_long_does_not():
    assert pays(Span(0, 8, 2, 2), 10, 10, 3)
    assert pays(Span(0, 5, 1, 1), 5, 5, 3)
    assert not pays(Span(0, 10, 2, 2), 12, 10, 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rectify", [True, False])
@pytest.mark.parametrize("channels", [(4, 8), (5, 7), (32, 48), (48, 40)])
def test_a_change_added_is_the_convolution_of_the_sum(dtype, rectify, channels):
    generator = torch.Generator().manual_seed(3)
    x, change = (torch.rand(3, channels[0], 6, 7, generator=generator, dtype=dtype) - 0.5 for _ in range(2))
    x, change = (one.contiguous(memory_format=torch.channels_last) for one in (x, change))
    weight, bias = (
        torch.rand(channels[1], channels[0], 3, 3, generator=generator, dtype=dtype) - 0.5,
        torch.rand(channels[1], generator=generator, dtype=dtype),
    )
    local = packing.Convolution(weight, bias, (1, 1), 1)
    before = F.conv2d(x, weight, bias, padding=(1, 2))
    got = local.added(change, before.contiguous(memory_format=torch.channels_last), (1, 2), rectify)
    want = F.conv2d(x + change, weight, bias, padding=(1, 2))
    torch.testing.assert_close(got, want.relu() if rectify else want, rtol=1e-4, atol=1e-4)
    # The same weights serve whole convolutions before and after.
    torch.testing.assert_close(
        local(x, (1, 1), (1, 2)), F.conv2d(x, weight, bias, padding=(1, 2)), rtol=1e-4, atol=1e-4
    )


KINDS = {
    "3x3": (nn.Conv2d(4, 4, 3, padding=1), True),
    "no padding": (nn.Conv2d(4, 4, 3), True),
    "1x1": (nn.Conv2d(4, 4, 1), False),
    "strided": (nn.Conv2d(4, 4, 3, 2, 1), False),
    "grouped": (nn.Conv2d(4, 4, 3, padding=1, groups=2), False),
    "pool": (nn.MaxPool2d(3, 1, 1), False),
}


@pytest.mark.parametrize("name", KINDS)
def test_which_layers_take_a_change(name):
    layer, expected = KINDS[name]
    steps = Incremental(seeded(Classify(nn.Sequential(nn.Conv2d(2, 4, 3), layer), 4)), image_of(2, 14, 15)).steps
    assert not takes_change(steps, 1), "the image's own window is the fill"
    assert takes_change(steps, 2) == expected


def crossed(*kernels):
    """3 x 3, 1 x k and k x 1 convolutions, on which the axes of one window go different ways."""
    layers, channels = [], 2
    for kernel in kernels:
        pool = kernel == "pool"
        layers.append(
            nn.MaxPool2d(3, 2, 1) if pool else nn.Conv2d(channels, 3, kernel, padding=[k // 2 for k in kernel])
        )
        channels = 3
    return Classify(nn.Sequential(*layers), 3)


def test_a_window_of_the_axis_length_that_begins_beyond_it_is_not_the_axis():
    net = crossed((1, 3), "pool", (3, 3), (1, 5), (5, 1), (3, 1))
    same(seeded(net), image_of(2, 16, 17), patch=(1, 2), stride=(1, 3))


@pytest.fixture
def all_in_strips(monkeypatch):
    monkeypatch.setattr(changes, "MANY_WEIGHTS", 0)
    monkeypatch.setattr(changes, "NARROW", 100)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks(), st.integers(1, 4), st.integers(1, 4))
def test_windows_side_by_side_equal_brute_force(all_in_strips, network, rows, columns):
    net, size, seed = network
    same(seeded(net, seed), image_of(2, *size, seed=seed), patch=(rows, columns), stride=(3, 2))


def test_a_deep_convolution_on_few_places_lies_in_strips():
    net = Classify(nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)), 4)
    step = Incremental(seeded(net), image_of(2, 14, 15)).steps[2]
    cpu = torch.device("cpu")
    step.operator.macs = changes.MANY_WEIGHTS
    assert in_strips(step, Span(0, changes.NARROW, 1, 1), cpu)
    assert not in_strips(step, Span(0, changes.NARROW + 1, 1, 1), cpu)
    assert not in_strips(step, Span(0, 4, 2, 1), cpu) and not in_strips(step, Span(0, 4, 2, 2), cpu)
    assert not in_strips(step, Span(0, 4, 1, 1), torch.device("cuda"))
    step.operator.macs -= 1
    assert not in_strips(step, Span(0, 4, 1, 1), cpu)


def test_windows_of_a_group_lie_alike_and_may_reach_beyond_the_border():
    """Positions at the border and beside it travel together: their windows begin two cells before those they read."""
    net = Classify(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)), 2)
    engine = Incremental(seeded(net), image_of(1, 40, 40))
    boxes = np.array([(top, top + 4, 20, 24) for top in (0, 1, 2, 3, 9)])
    groups = make_groups(engine.steps, boxes, 64)
    assert len(groups) == 1 and groups[0].spans[2] is not None
    starts, length = groups[0].windows[2][0]
    assert (starts - groups[0].windows[1][0][0] == -1).all()
    assert starts.min() == -1 and length == 8
    same(seeded(net), image_of(1, 40, 40), patch=(4, 4), positions=[(top, 20) for top in (0, 1, 2, 3, 9)])


def test_places_beyond_the_border_stay_empty_behind_functions_that_do_not_keep_zero():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
            self.third, self.last = nn.Conv2d(8, 4, 3, padding=1), nn.Linear(4, 3)

        def forward(self, x):
            x = torch.sigmoid(self.second(torch.cos(self.first(x))))
            x = torch.exp(torch.cat([x, x + 1], 1))
            return self.last(F.max_pool2d(-self.third(x), 3, 2, 1).mean((2, 3)))

    same(seeded(Shifted()), image_of(2, 18, 19), patch=(3, 3), positions=grid((18, 19), (3, 3), (1, 2)))


def test_another_clean_image_brings_its_own_results():
    body = [nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True)]
    net, image = seeded(Classify(nn.Sequential(*body), 4)), image_of(2, 14, 15)
    engine = Incremental(net, image_of(2, 14, 15, seed=1))
    engine.look_at(image)
    positions = grid((14, 15), (3, 3), (2, 2))
    got = engine.logits(positions, (3, 3), 0.0)
    torch.testing.assert_close(got, Incremental(net, image).logits(positions, (3, 3), 0.0), rtol=1e-12, atol=1e-12)
    assert engine.steps[2].before.min() < 0 <= engine.steps[2].clean.min(), "kept before the rectifier"
