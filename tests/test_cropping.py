"""Cropped windows against dense maps: each layer in full, and the clean activation pasted back outside its interval.

The interval is counted from the definition here, output by output, and the rules choose among all candidates.
"""

import math
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_incremental import Excited, InPlace, Wired, grid, image_of, networks, seeded
from torch import nn

from kryptonlib.occlusion import costs, cropping
from kryptonlib.occlusion.bounds import patch_boxes
from kryptonlib.occlusion.cropping import Reach, Threshold
from kryptonlib.occlusion.first_order import Slopes
from kryptonlib.occlusion.grouping import make_groups
from kryptonlib.occlusion.incremental import Incremental
from kryptonlib.occlusion.linear_tail import window_macs
from kryptonlib.occlusion.spread import changed_intervals

QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}
RULES = {"threshold": Threshold, "reach": Reach}


def rounded(share, size):
    return max(1, int(Decimal(share * size).quantize(Decimal(1), ROUND_HALF_UP)))


def centred(starts, middle, most):
    """The start whose ``most`` cells have their centre nearest to ``middle``; of two the later."""
    return min(starts, key=lambda start: (abs(start + (most - 1) / 2 - middle), -start))


def cut(rule, low, high, middle, most):
    """What a rule keeps of a non-empty interval, by trying all possible starts."""
    if rule == "threshold":
        start = centred(range(low, max(low, high - most) + 1), middle, most)
        return start, min(start + most, high)
    start = centred(range(math.floor(middle) - most - 1, math.ceil(middle) + 2), middle, most)
    cells = sorted(set(range(low, high)) & set(range(start, start + most)))
    cells = cells or [low if start + most <= low else high - 1]
    return cells[0], cells[-1] + 1


def geometry(layer):
    """(kernel, stride, padding in front, dilation) of each axis."""
    if isinstance(layer, nn.ZeroPad2d):
        left, _, top, _ = layer.padding
        return [(1, 1, top, 1), (1, 1, left, 1)]
    if not isinstance(layer, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
        return [(1, 1, 0, 1)] * 2
    numbers = layer.kernel_size, layer.stride, layer.padding, getattr(layer, "dilation", 1)
    return list(zip(*(n if isinstance(n, tuple) else (n, n) for n in numbers)))


def moved(low, high, axis, size):
    """The outputs whose kernel reaches over a cell of the interval; (0, 0) where there are none."""
    kernel, stride, before, dilation = axis
    reach = dilation * (kernel - 1) + 1
    found = [o for o in range(size) if low < o * stride - before + reach and o * stride - before < high and low < high]
    return (found[0], found[-1] + 1) if found else (0, 0)


def centre_after(middle, axis):
    """Where on the output axis the kernel's centre lies on ``middle``, from two of its positions."""
    kernel, stride, before, dilation = axis
    at = [output * stride - before + dilation * (kernel - 1) / 2 for output in (0, 1)]
    return (middle - at[0]) / (at[1] - at[0])


def cropped(net, image, box, fill, rule, share):
    """Logits of a ``Wired`` network [1, classes] with one patch ``box`` (top, bottom, left, right)."""
    dirty = image.clone()
    dirty[:, :, box[0] : box[1], box[2] : box[3]] = fill
    clean, values, middles, spans = [image], [dirty], [], []
    middles.append([(box[0] + box[1] - 1) / 2, (box[2] + box[3] - 1) / 2])
    spans.append([(box[0], box[1]), (box[2], box[3])])
    for number, ((layer, operands), module) in enumerate(zip(net.plan, net.layers), 1):
        results = []
        for maps in (clean, values):
            inputs = [maps[i] for i in operands]
            if layer == "cat":
                results.append(torch.cat(inputs, 1))
            else:
                results.append(inputs[0] + inputs[1] if layer == "add" else module(inputs[0]))
        before, after = results
        interval, middle = [], []
        for axis, size in enumerate(before.shape[2:]):
            parts = [spans[i][axis] for i in operands]
            parts = [part for part in parts if part[1] > part[0]]
            low, high = (min(p[0] for p in parts), max(p[1] for p in parts)) if parts else (0, 0)
            through = geometry(layer)[axis]
            low, high = moved(low, high, through, size)
            middle.append(centre_after(middles[operands[0]][axis], through))
            # The last map, which the head reads, is not cropped.
            uncut = high == low or number == len(net.plan)
            interval.append((low, high) if uncut else cut(rule, low, high, middle[axis], rounded(share, size)))
        inside = torch.zeros(before.shape[2:], dtype=bool)
        inside[interval[0][0] : interval[0][1], interval[1][0] : interval[1][1]] = True
        after = torch.where(inside, after, before)
        for kept, new in zip((clean, values, spans, middles), (before, after, interval, middle)):
            kept.append(new)
    return net.head(values[-1])


def equal_to_dense_maps(net, image, rule, share, patch, positions, fill=0.25):
    """Every position alone, on windows as far as they go."""
    engine = Incremental(net, image)
    crop = RULES[rule](engine.steps, share)
    for position, box in zip(positions, patch_boxes(positions, patch).tolist()):
        with pytest.MonkeyPatch.context() as patched, torch.inference_mode():
            # Entire maps where they are cheaper would be more exact than the rule.
            patched.setattr(costs.StepCosts, "switch", lambda self, *_: (len(self.steps), 0.0))
            got = engine.logits([position], patch, torch.tensor(fill, dtype=image.dtype), crop=crop)
            truth = cropped(net, image, box, fill, rule, share)
        torch.testing.assert_close(got, truth, rtol=1e-9, atol=1e-9)
        yield got


def test_a_cropped_window_is_not_widened_to_the_whole_axis(monkeypatch):
    """Seven places cost a padded 5x5 convolution less than a window of six, but the seventh would not be cropped."""
    layers = [nn.Conv2d(1, 2, 5, padding=2), nn.ReLU(), nn.Conv2d(2, 2, 5, padding=2), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Conv2d(2, 2, 5, padding=2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    engine = Incremental(net.double().eval(), torch.zeros(1, 1, 7, 7, dtype=torch.float64))
    monkeypatch.setattr(costs.StepCosts, "switch", lambda self, *_: (len(self.steps), 0.0))
    boxes = patch_boxes([(2, 2)], (3, 3))
    for share, lengths in ((0.9, [6, 6]), (1.0, [None, None])):
        (group,) = make_groups(engine.steps, boxes, 8, cropping.Threshold(engine.steps, share), (3, 3))
        assert [window and window[0][1] for window in group.windows[1:3]] == lengths


def wired(*plan, channels, places=None):
    """A ``Wired`` network with global average pooling, or with a linear layer on the flattened map."""
    if places is None:
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3))
    else:
        head = nn.Sequential(nn.Flatten(), nn.Linear(channels * places, 3))
    return with_a_last_layer(Wired(list(plan), head), (20, 23))


def with_a_last_layer(net, size):
    """``net`` with one more convolution before its head, so that all layers before are read by layers with windows."""
    head, net.head = net.head, nn.Identity()
    channels = net.eval()(torch.zeros(1, 2, *size)).shape[1]
    net.head = head
    net.layers.append(nn.Conv2d(channels, channels, 3, padding=1))
    net.plan.append((net.layers[-1], (len(net.plan),)))
    return net


def nets():
    """Name -> a network for images [2, 20, 23]."""
    first, second = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
    return {
        "plain": wired((first, (0,)), (nn.ReLU(), (1,)), (second, (2,)), channels=4),
        "pooled": wired((first, (0,)), (nn.MaxPool2d(3, 2, 1), (1,)), (nn.Tanh(), (2,)), (second, (3,)), channels=4),
        "average": wired((first, (0,)), (nn.AvgPool2d(3, 2, 1, True), (1,)), (second, (2,)), channels=4),
        "strided": wired((nn.Conv2d(2, 4, 5, 2, 1), (0,)), (nn.GELU(), (1,)), (second, (2,)), channels=4),
        "dilated": wired((nn.Conv2d(2, 4, 3, padding=2, dilation=2), (0,)), (second, (1,)), channels=4),
        "added": wired((first, (0,)), (nn.ReLU(), (1,)), (second, (2,)), ("add", (3, 2)), (second, (4,)), channels=4),
        "joined": wired((first, (0,)), (nn.MaxPool2d(3, 1, 1), (0,)), ("cat", (2, 1)), (nn.Tanh(), (3,)), channels=6),
        "flattened": wired((first, (0,)), (nn.ReLU(), (1,)), (second, (2,)), channels=4, places=20 * 23),
        "uneven": wired((nn.ZeroPad2d((2, 0, 3, 1)), (0,)), (nn.Conv2d(2, 4, (2, 5)), (1,)), channels=4),
    }


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", nets())
def test_one_position_equals_dense_maps_with_the_clean_activation_pasted_outside(name, rule):
    net, image, positions = seeded(nets()[name]), image_of(2, 20, 23), [(0, 0), (8, 9), (16, 3), (5, 20)]
    found = torch.cat(list(equal_to_dense_maps(net, image, rule, 0.2, (4, 3), positions)))
    exact = Incremental(net, image).logits(positions, (4, 3), torch.tensor(0.25))
    assert not torch.allclose(found, exact, rtol=1e-6, atol=1e-6)


@settings(max_examples=60, **QUIET)
@given(networks(), st.integers(1, 5), st.integers(1, 5), st.integers(3, 20), st.sampled_from(sorted(RULES)), st.data())
def test_random_networks(network, rows, columns, twentieths, rule, data):
    net, size, seed = network
    # Pools to regions are maps of their own; the heads with one value a channel, or one a place, are enough here.
    assume(getattr(net.head[0], "output_size", 1) == 1)
    position = data.draw(st.tuples(st.integers(0, size[0] - rows), st.integers(0, size[1] - columns)))
    net, image = seeded(with_a_last_layer(net, size), seed), image_of(2, *size, seed=seed)
    list(equal_to_dense_maps(net, image, rule, twentieths / 20, (rows, columns), [position]))


@settings(max_examples=40, **QUIET)
@given(networks(), st.integers(2, 5), st.integers(3, 20), st.sampled_from(sorted(RULES)), st.booleans(), st.data())
def test_a_cropped_score_does_not_depend_on_what_else_is_computed(network, side, twentieths, rule, rims, data):
    """All positions of a grid together, in batches of other sizes, and each of some alone."""
    net, size, seed = network
    engine = Incremental(seeded(net, seed), image_of(2, *size, seed=seed))
    crop, patch = RULES[rule](engine.steps, twentieths / 20), (side, side)
    positions = grid(size, patch, (2, 3))

    def scores(positions, batch_size=None):
        if rims:
            found = Slopes(engine, [0], "logit").scores(positions, patch, 0.25, crop=crop, batch_size=batch_size)
            return found[0]
        return engine.logits(positions, patch, torch.tensor(0.25), crop=crop, batch_size=batch_size)

    together = scores(positions)
    torch.testing.assert_close(scores(positions, 3), together, rtol=1e-9, atol=1e-9)
    for index in data.draw(st.lists(st.integers(0, len(positions) - 1), min_size=1, max_size=5)):
        torch.testing.assert_close(scores([positions[index]])[0], together[index], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [*nets(), "overwriting", "excited"])
def test_tau_1_is_the_exact_map_bit_for_bit(name):
    net = seeded({**nets(), "overwriting": InPlace(), "excited": Excited()}[name])
    engine, positions = Incremental(net, image_of(2, 20, 23)), grid((20, 23), (4, 3), (3, 2))
    exact = engine.logits(positions, (4, 3), torch.zeros(()))
    assert torch.equal(engine.logits(positions, (4, 3), torch.zeros(()), crop=Threshold(engine.steps, 1)), exact)


@pytest.mark.parametrize(
    "size, share, cells",
    [(13, 0.5, 7), (7, 0.5, 4), (5, 0.5, 3), (5, 0.1, 1), (10, 0.01, 1), (224, 0.4, 90), (14, 0.6, 8), (9, 1, 9)],
)
def test_halves_are_rounded_up_and_a_cell_is_left(size, share, cells):
    assert cropping.cells(size, share) == cells


def deep(size=(40, 44)):
    """The steps of a network whose windows fill its maps at the end."""
    layers = [layer for _ in range(5) for layer in (nn.Conv2d(2, 2, 5, padding=2), nn.ReLU())]
    net = nn.Sequential(*layers, nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    return Incremental(seeded(net), image_of(2, *size)).steps


def test_the_threshold_keeps_the_cells_nearest_to_the_patch():
    steps = deep()
    crop = Threshold(steps, 0.3)
    low = np.array([0, 18, 36])
    found = changed_intervals(steps, low, low + 4, 0, crop=crop)
    # 12 of 40 cells: whole at first, [0, 6), [16, 24), [34, 40), later cut at the far side alone.
    assert [part.tolist() for part in found[1]] == [[0, 16, 34], [6, 24, 40]]
    assert [part.tolist() for part in found[5]] == [[0, 14, 28], [12, 26, 40]]


@pytest.mark.parametrize("rule", RULES.values())
def test_the_patch_itself_is_never_cropped(rule):
    steps = deep()
    found = changed_intervals(steps, np.array([10]), np.array([20]), 0, crop=rule(steps, 0.1))
    assert found[0] == (10, 20) and found[1][1] - found[1][0] == 4


def test_reach_cuts_nothing_near_the_patch_and_keeps_little_at_the_border():
    steps = deep()
    low = np.arange(0, 37)
    exact = changed_intervals(steps, low, low + 4, 0)
    found = changed_intervals(steps, low, low + 4, 0, crop=Reach(steps, 0.3))
    for (first, last), (begin, end) in zip(exact[1:6], found[1:6]):
        middle = low + 1.5
        # 12 cells around the middle: 5.5 to either side, and all of those that can have changed.
        assert (begin <= np.maximum(first, np.ceil(middle - 5.5))).all()
        assert (end >= np.minimum(last, np.floor(middle + 5.5) + 1)).all()
        assert (end - begin <= 12).all()
    assert (found[5][1] - found[5][0])[[0, 18, 36]].tolist() == [8, 12, 8]


@pytest.mark.parametrize("share", [0.15, 0.3, 0.5, 1.0])
def test_reach_costs_no_more_than_the_threshold_and_less_at_the_border(share):
    steps = deep()
    crops = Threshold(steps, share), Reach(steps, share)
    for box, corner in ((np.array([[18, 22, 20, 24]]), False), (np.array([[0, 4, 40, 44]]), True)):
        threshold, reach = (window_macs(steps, box, crop) for crop in crops)
        assert (reach <= threshold).all()
        if corner and share < 0.5:
            assert reach.sum() < 0.8 * threshold.sum()


@settings(max_examples=60, **QUIET)
@given(networks(), st.sampled_from(sorted(RULES)), st.integers(1, 20), st.data())
def test_cropped_intervals_lie_inside_those_without_a_crop(network, rule, twentieths, data):
    net, size, seed = network
    steps = Incremental(seeded(net, seed), image_of(2, *size)).steps
    crop = RULES[rule](steps, twentieths / 20)
    for axis in (0, 1):
        low = data.draw(st.integers(0, size[axis] - 1))
        ends = np.array([low]), np.array([data.draw(st.integers(low + 1, size[axis]))])
        pairs = zip(steps, changed_intervals(steps, *ends, axis), changed_intervals(steps, *ends, axis, crop=crop))
        for index, (step, (first, last), (begin, end)) in enumerate(pairs):
            assert begin == end or (first <= begin < end <= last).all()
            if step.kind in ("window", "join", "pointwise") and step.spatial:
                # What a mean, a linear layer or a dense step reads is not cropped.
                users = {steps[user].kind for user in step.users}
                free = not users <= {"window", "join", "pointwise"}
                assert end - begin <= crop.most[index][axis] or free


def test_entire_maps_are_not_cropped():
    """Squeeze and excitation changes every place, and the engine computes entire maps: nothing may count as less."""
    engine = Incremental(seeded(Excited()), image_of(2, 20, 23))
    crop = Threshold(engine.steps, 0.3)
    ends = np.array([8]), np.array([12])
    found = changed_intervals(engine.steps, *ends, 0, crop=crop)
    gated = next(index for index, step in enumerate(engine.steps) if step.kind == "mean") + 1
    # Nor is the map before it, whose mean is taken.
    assert found[1][1] - found[1][0] == 6
    for step, (low, high) in zip(engine.steps[gated:], found[gated:]):
        assert (low, high) == (0, step.size[0])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("share", [0, -0.1, 1.01, True, "0.5", None, math.nan])
def test_a_share_outside_its_range_is_refused(rule, share):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        RULES[rule](deep((12, 12)), share)
