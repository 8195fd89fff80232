"""What of a caller's network may be replaced, how it is copied, and how a trace and a batch are proved."""

import threading

import numpy as np
import pytest
import torch
from drawn_networks import WEIGHTS
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kryptonlib.occlusion import full, heatmap, prepare
from kryptonlib.occlusion.fold import duplicate, fold, prepared, trace
from kryptonlib.occlusion.plain import is_plain, settle
from kryptonlib.occlusion.proof import agrees, alone, closeness, company, keeps_apart, like, probes, tolerance


def conv():
    return nn.Conv2d(3, 4, 3)


def net(first=None):
    return nn.Sequential(first or conv(), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).eval()


def image(seed=0, size=(10, 12)):
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed))


PLAIN = [
    conv(),
    nn.BatchNorm2d(3),
    nn.Linear(2, 2),
    nn.ReLU(inplace=True),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.PReLU(3),
    nn.ZeroPad2d(1),
    nn.Dropout(),
]


@pytest.mark.parametrize("part", PLAIN, ids=lambda part: type(part).__name__)
def test_modules_of_torch_are_plain(part):
    assert is_plain(part)
    # What only prints, is attached as data, or looks at gradients changes no value.
    part.extra_repr = lambda: "mine"
    part.notes = {"seen": 3}
    handle = part.register_full_backward_hook(lambda part, inputs, outputs: None)
    assert is_plain(part)
    handle.remove()


def with_own(name):
    part = conv()
    setattr(part, name, getattr(part, name))
    return part


class Mine(nn.Conv2d):
    """A class of the caller's, whatever it does."""


class Weight(nn.Parameter):
    """A tensor of another library's kind, which may compute otherwise."""


def with_weight_of_another_kind():
    part = conv()
    part.weight = Weight(part.weight.detach())
    return part


def hooked(register):
    part = conv()
    getattr(part, register)(lambda part, *values: None)
    return part


NOT_PLAIN = {
    "hook": lambda: hooked("register_forward_hook"),
    "pre-hook": lambda: hooked("register_forward_pre_hook"),
    "own forward": lambda: with_own("forward"),
    "own helper": lambda: with_own("_conv_forward"),
    "subclass": lambda: Mine(3, 4, 3),
    "compiled": lambda: torch.jit.script(conv()),
    "weight of another kind": with_weight_of_another_kind,
    "quantized": lambda: torch.ao.nn.quantized.dynamic.Linear(2, 2),
    "several": lambda: nn.Sequential(conv()),
    **WEIGHTS,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in NOT_PLAIN if name != "several"])
def test_what_was_added_to_is_not_plain(name):
    assert not is_plain(NOT_PLAIN[name]())


def test_hooks_of_all_modules_make_none_plain():
    handle = nn.modules.module.register_module_forward_hook(lambda part, inputs, output: output)
    try:
        assert not is_plain(conv())
    finally:
        handle.remove()
    assert is_plain(conv())


def test_a_class_whose_forward_was_replaced_is_not_plain(monkeypatch):
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, x: x)
    assert not is_plain(nn.ReLU())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WEIGHTS)
def test_computed_weights_are_computed_once_and_the_callers_part_stays(name):
    theirs = nn.Sequential(WEIGHTS[name]()).eval()
    x = torch.rand(2, 4, 6, 6)
    with torch.no_grad():
        before, keys, kind = theirs(x), set(theirs.state_dict()), type(theirs[0])
        ours = duplicate(theirs)
        settle(ours)
        assert is_plain(ours[0]) and torch.equal(ours(x), before)
        assert torch.equal(theirs(x), before)
    assert set(theirs.state_dict()) == keys and type(theirs[0]) is kind
    assert all(weight.requires_grad for weight in theirs.parameters())


def test_a_weight_hook_beside_another_hook_stays():
    part = WEIGHTS["pruned"]()
    part.register_forward_pre_hook(lambda part, inputs: None)
    settle(part)
    assert len(part._forward_pre_hooks) == 2


def test_what_cannot_be_copied_is_shared():
    theirs = net()
    theirs.lock, theirs.note = threading.Lock(), ["a"]
    ours = duplicate(theirs)
    assert ours.lock is theirs.lock and ours[0] is not theirs[0] and ours.note is not theirs.note
    assert ours[0].weight.data_ptr() == theirs[0].weight.data_ptr()


class Keeps(nn.Module):
    """Keeps its last input, as many networks do to show it later."""

    def __init__(self):
        super().__init__()
        self.net, self.last = net(), None

    def forward(self, x):
        self.last = x
        return self.net(x)


def test_tracing_leaves_no_traces_in_the_callers_module():
    theirs = Keeps().eval()
    assert trace(theirs) is not None and theirs.last is None


class Decides(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize("make", [Decides, lambda: torch.jit.script(net()), lambda: hooked("register_forward_hook")])
def test_what_fx_cannot_follow_is_none(make):
    assert trace(make()) is None and fold(make()) is None and prepared(make()) is None


@settings(max_examples=50, deadline=None)
@given(
    low=st.floats(-300, 0),
    high=st.floats(0, 300),
    fill=st.sampled_from([None, 0.0, 1.0, -2.0]),
    seed=st.integers(0, 99),
)
def test_probes_lie_in_the_range_of_what_is_known_and_differ(low, high, fill, seed):
    clean = low + (high - low) * image(seed)
    pair = probes(clean, fill)
    assert pair.shape == (2, *clean.shape[1:]) and pair.dtype == clean.dtype and torch.equal(pair, probes(clean, fill))
    bottom = min(0.0, float(clean.min()), fill or 0.0)
    top = max(1.0, float(clean.max()), fill or 0.0)
    assert pair.min() >= bottom - 1e-4 * (top - bottom) and pair.max() <= top + 1e-4 * (top - bottom)
    assert pair[0].std() > 2 * pair[1].std() > 0.02 * (top - bottom)
    far = company(clean, fill)
    assert far.shape == pair.shape and far.abs().max() > 2 * pair.abs().max() and torch.equal(far[0], -far[1])


def test_probes_of_a_black_image_are_not_black_and_lie_as_the_image_does():
    assert probes(torch.zeros(1, 3, 8, 8)).std() > 0.1
    last = image().contiguous(memory_format=torch.channels_last)
    for tensor in (probes(last), company(last), like(torch.zeros(4, 3, 10, 12), last)):
        assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert like(torch.zeros(4, 3, 10, 12).contiguous(memory_format=torch.channels_last), image()).is_contiguous()


def test_agreement_by_hand():
    one = torch.tensor([[1.0, 100.0], [2.0, torch.nan]])
    assert agrees(one, one.clone()) and not agrees(one[:1], one)
    assert not agrees(one, one.double())
    assert agrees(one + torch.tensor([[0.09, 0.0], [0.0, 0.0]]), one, 1e-3)
    assert not agrees(one + torch.tensor([[0.2, 0.0], [0.0, 0.0]]), one, 1e-3)
    assert not agrees(torch.zeros(1, 2), torch.tensor([[0.0, 1e-9]]), 1e-3)
    nothing = torch.full((1, 2), torch.nan)
    assert agrees(nothing, nothing)


def test_tolerances_by_hand():
    far, near = torch.tensor([[0.0, 10.0], [5.0, 0.0]]), torch.tensor([[10.0], [10.01]])
    assert tolerance(far) == 1e-3 and tolerance(near) == pytest.approx(1e-4)
    assert tolerance(torch.tensor([[10.0], [10.5]])) == pytest.approx(0.5 / 10.5 / 100)
    assert tolerance(far.double()) == 1e-9 and tolerance(far.half()) > 5e-3 and tolerance(far[:1]) == 1e-3
    assert tolerance(torch.zeros(2, 2)) == 1e-4 and tolerance(torch.full((2, 2), torch.nan)) == 1e-3
    assert closeness(far) < 1e-5 and closeness(far.double()) < 1e-13


MIXES = {
    "largest": lambda x: x / x.max(),
    "mean": lambda x: x + x.mean(0),
    "first": lambda x: x - 0.5 * x[:1],
    "last": lambda x: x - 0.5 * x[-1:],
    "neighbour": lambda x: x + 0.1 * x.roll(1, 0),
    "a little": lambda x: x + 1e-4 * x.amax(0),
    "for one": lambda x: x.view(1, 3, 10, 12),
    "by number": lambda x: x * len(x),
    "by value": lambda x: x * 2 if float(x.mean()) > 0.7 else x,
}


class First(nn.Module):
    """A network behind a function."""

    def __init__(self, function):
        super().__init__()
        self.function, self.net = function, net()

    def forward(self, x):
        return self.net(self.function(x))


@pytest.mark.parametrize("most", [2, 3, 4, 5])
@pytest.mark.parametrize("clean", [image(), torch.zeros(1, 3, 10, 12), torch.full((1, 3, 10, 12), 0.3)])
@pytest.mark.parametrize("name", MIXES)
def test_mixing_is_found(name, clean, most):
    torch.manual_seed(0)
    theirs = First(MIXES[name]).eval()
    with torch.no_grad():
        images = torch.cat([probes(clean), clean])
        assert not keeps_apart(theirs, images, alone(theirs, images), company(clean), most)


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_what_does_not_mix_is_left_alone(most):
    theirs, images = net(), torch.cat([probes(image()), image()])
    with torch.no_grad():
        truths = alone(theirs, images)
        assert keeps_apart(theirs, images, truths, company(image()), most)
        assert not keeps_apart(theirs, images, truths.flip(0), company(image()), most)


def test_images_that_are_passed_alone_are_copies():
    class Writes(nn.Module):
        def forward(self, x):
            return x.mul_(2).mean((2, 3))

    images = probes(image())
    kept = images.clone()
    truths = alone(Writes(), images)
    assert torch.equal(images, kept) and torch.allclose(truths, 2 * kept.mean((2, 3)))


class Counts(nn.Module):
    """Counts the images that it is given, tracing apart."""

    def __init__(self):
        super().__init__()
        self.net, self.seen = net(), []

    def forward(self, x):
        if not isinstance(x, torch.fx.Proxy):
            self.seen.append(len(x))
        return self.net(x)


@pytest.mark.parametrize("stride", [1, 4])
def test_the_proof_takes_two_passes_however_large_the_map(stride):
    theirs = Counts().eval()
    heatmap(theirs, image(size=(20, 22)), patch=4, stride=stride)
    # The clean image, and two random ones.
    assert theirs.seen == [1, 1, 1]


def test_a_batch_that_was_written_to_is_made_anew():
    class Writes(nn.Module):
        def forward(self, x):
            return x.mul_(2).mean((2, 3))

    theirs, clean = Writes(), image()
    job = prepare(theirs.eval(), clean, patch=4, stride=4, batch_size=3)
    batch = full.Batch(job, 3, ours=True)
    truth = batch.occluded(job.grid.positions()[:3]).clone()
    with torch.inference_mode():
        for _ in range(3):
            found = batch.passed(theirs, job.grid.positions()[:3])
            np.testing.assert_allclose(found.numpy(), 2 * truth.mean((2, 3)).numpy(), rtol=1e-6)
