"""Windows trimmed by value: against trimming on entire maps, and exact at eps = 0."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kryptonlib.occlusion.bounds import layer_work, patch_boxes
from kryptonlib.occlusion.incremental import Incremental
from kryptonlib.occlusion.scores import score
from kryptonlib.occlusion.shrink import shrunk_scores

PATCH = (4, 5)
POSITIONS = [(top, left) for top in (0, 5, 10, 16) for left in (0, 7, 15)]


class Small(nn.Module):
    """Every kind of step: strides, padding, pools with and without even divisors, a skip, a concatenation."""

    def __init__(self, head):
        super().__init__()
        self.one, self.two = nn.Conv2d(2, 6, 3, 2, 1), nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.three, self.four = nn.Conv2d(6, 5, 1), nn.Conv2d(11, 4, 3, padding=2)
        self.most, self.mean, self.head = nn.MaxPool2d(2, 1), nn.AvgPool2d(3, 1, 1, count_include_pad=False), head

    def forward(self, x):
        x = torch.relu(self.one(x))
        x = torch.relu(self.two(x)) + x
        x = torch.cat([torch.nn.functional.silu(self.three(x)), x], 1)
        return self.head(self.mean(self.most(torch.relu(self.four(x)))))


HEADS = {
    "mean": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)),
    "flattened": lambda: nn.Sequential(nn.Flatten(), nn.Linear(4 * 11 * 11, 3)),
}


def engine_of(head, seed=0, size=(20, 20), dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    net = Small(HEADS[head]())
    for value in net.parameters():
        value.data = torch.randn(value.shape, generator=generator, dtype=torch.float64) / value[0].numel() ** 0.5
    image = torch.rand(1, 2, *size, generator=generator, dtype=torch.float64)
    return Incremental(net.to(dtype).eval(), image.to(dtype))


def bound(engine):
    return sum(layer.incremental for layer in layer_work(engine.steps, patch_boxes(POSITIONS, PATCH)))


def trimmed_on_entire_maps(engine, position, eps):
    """Logits and MACs by the definition: entire maps, set back to the clean one outside the box of large changes."""
    top, left = position
    image = engine.image.clone()
    image[..., top : top + PATCH[0], left : left + PATCH[1]] = 0.0
    values, changed, macs = {0: image}, {0: (image != engine.image).any(1)[0]}, 0.0
    for index, step in enumerate(engine.steps[1:], 1):
        result = step.run(1, [values[source] for source in step.sources])
        for post in step.posts:
            result = post.function([result])
        per_place = sum(part.macs for part in [step.operator, *step.posts])
        values[index] = result
        if step.kind not in ("window", "pointwise", "join"):
            macs += per_place * float(np.prod(step.size))
            continue
        reached = torch.zeros(result.shape[2:], dtype=bool)
        for source in step.sources:
            reached |= _reached(step, changed[source], result.shape[2:])
        macs += per_place * float(reached.sum())
        large = (result - step.clean).abs().amax(1)[0] > eps * step.clean.std()
        changed[index] = _box(large & reached)
        values[index] = torch.where(changed[index], result, step.clean)
    return values[engine.output], macs


def _reached(step, changed, size):
    """The places of the output that read a changed place, found by counting them with a kernel of ones."""
    if step.kind != "window":
        return changed
    (kernel, stride, before, dilation), _ = step.operator.axes
    ones = torch.ones(1, 1, kernel, kernel, dtype=torch.float64)
    wide = nn.functional.pad(changed[None, None].double(), (before,) * 2 + (before,) * 2)
    count = nn.functional.conv2d(wide, ones, stride=stride, dilation=dilation)[0, 0]
    return _box(count[: size[0], : size[1]] > 0)


def _box(mask):
    box = torch.zeros_like(mask)
    if mask.any():
        rows, columns = (torch.nonzero(mask.any(axis))[:, 0] for axis in (1, 0))
        box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return box


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(HEADS)), st.integers(0, 1000), st.sampled_from([0.0, 0.02, 0.1, 0.3, 1.0, 3.0]))
def test_trimming_equals_its_definition_on_entire_maps(head, seed, eps):
    engine = engine_of(head, seed)
    got = shrunk_scores(engine, POSITIONS, PATCH, 0.0, eps, [0, 1, 2], "logit")
    want = [trimmed_on_entire_maps(engine, position, eps) for position in POSITIONS]
    torch.testing.assert_close(got.scores, torch.cat([logits for logits, _ in want]).T, rtol=1e-9, atol=1e-9)
    assert got.macs == pytest.approx(np.mean([macs for _, macs in want]))


@pytest.mark.parametrize("head", HEADS)
def test_without_eps_it_is_exact_and_takes_no_more_than_the_geometric_windows(head):
    engine = engine_of(head, dtype=torch.float32)
    got = shrunk_scores(engine, POSITIONS, PATCH, 0.0, 0.0, [1])
    want = score(engine.logits(POSITIONS, PATCH, torch.tensor(0.0)), [1], "probability")
    torch.testing.assert_close(got.scores, want, rtol=1e-4, atol=1e-6)
    assert 0 < got.macs <= bound(engine)


def test_a_larger_eps_costs_less_until_only_the_first_layer_is_left():
    engine = engine_of("mean")
    exact = shrunk_scores(engine, POSITIONS, PATCH, 0.0, 0.0, [1], "logit")
    found = [shrunk_scores(engine, POSITIONS, PATCH, 0.0, eps, [1], "logit") for eps in (0.5, 1.0, 2.0, 1e6)]
    macs = [exact.macs, *(each.macs for each in found)]
    assert all(later < earlier for earlier, later in zip(macs, macs[1:]))
    assert 0 < (found[0].scores - exact.scores).abs().max() < (found[-1].scores - exact.scores).abs().max()
    torch.testing.assert_close(found[-1].scores, score(engine.clean, [1], "logit").expand(1, len(POSITIONS)))
    first = layer_work(engine.steps, patch_boxes(POSITIONS, PATCH))[0].incremental
    linear = engine.steps[-1].operator.macs
    assert macs[-1] == pytest.approx(first + linear)


def test_a_patch_that_changes_nothing_costs_nothing():
    engine = engine_of("flattened")
    got = shrunk_scores(engine, POSITIONS, PATCH, engine.image[0].clone(), 0.0, [0])
    assert got.macs == 0
    assert (got.scores == score(engine.clean, [0], "probability")).all()


@pytest.mark.parametrize("eps", [-0.1, float("nan"), float("inf")])
def test_a_threshold_that_is_none_is_refused(eps):
    with pytest.raises(ValueError, match="eps"):
        shrunk_scores(engine_of("mean"), POSITIONS, PATCH, 0.0, eps, [0])
