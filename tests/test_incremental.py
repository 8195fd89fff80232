"""The incremental engine equals brute force: random networks in double precision, every operator, real architectures.

In double precision the two differ by rounding alone, so a tolerance of 1e-9 finds any wrong window; single precision is
held to the tolerance that users get, 1e-4 relative on probabilities.
"""

import contextlib
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import kryptonlib  # noqa: F401  (declares what torchvision needs)
from kryptonlib import occlusion
from kryptonlib.occlusion import incremental, memory, packing
from kryptonlib.occlusion.attach import product
from kryptonlib.occlusion.costs import whole_axis
from kryptonlib.occlusion.grouping import make_groups
from kryptonlib.occlusion.incremental import Incremental
from kryptonlib.occlusion.memory import MOST, Gaps
from kryptonlib.occlusion.schedule import GATHERED_FROM, last_use, window_bytes
from kryptonlib.occlusion.steps import Unsupported


def brute_force(net, image, positions, patch, fill):
    """One forward pass per position."""
    logits = []
    with torch.inference_mode():
        for top, left in positions:
            occluded = image.clone()
            box = (slice(top, top + patch[0]), slice(left, left + patch[1]))
            occluded[0][:, box[0], box[1]] = fill.expand_as(image[0])[:, box[0], box[1]]
            logits.append(net(occluded))
    return torch.cat(logits)


def grid(size, patch, stride):
    """All positions, the last ones flush with the border."""
    axes = []
    for length, extent, step in zip(size, patch, stride):
        starts = list(range(0, length - extent + 1, step))
        axes.append(starts if starts[-1] == length - extent else [*starts, length - extent])
    return [(top, left) for top in axes[0] for left in axes[1]]


def same(net, image, patch=(3, 3), stride=(2, 2), fill=0.0, positions=None, batch_size=None):
    """Assert that the engine equals brute force; returns the engine."""
    positions = positions or grid(image.shape[2:], patch, stride)
    fill = torch.as_tensor(fill, dtype=image.dtype)
    engine = Incremental(net, image)
    got = engine.logits(positions, patch, fill, batch_size=batch_size)
    truth = brute_force(net, image, positions, patch, fill)
    torch.testing.assert_close(got, truth, rtol=1e-9, atol=1e-9)
    return engine


def image_of(*shape, seed=0):
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seeded(net, seed=0):
    """Random weights and, for batch norm, random statistics; evaluation mode, double precision."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in (*net.named_parameters(), *net.named_buffers()):
        if value.is_floating_point():
            low = 0.5 if name.endswith("running_var") else -0.4
            value.data = torch.rand(value.shape, generator=generator, dtype=torch.float64) + low
    return net.double().eval()


class Classify(nn.Module):
    """``body``, global average pooling and a linear layer."""

    def __init__(self, body, channels):
        super().__init__()
        self.body, self.last = body, nn.Linear(channels, 4)

    def forward(self, x):
        return self.last(self.body(x).mean((2, 3)))


LAYERS = {
    "3x3": nn.Conv2d(3, 6, 3, padding=1),
    "stride 2": nn.Conv2d(3, 6, 3, 2, 1),
    "stride beyond the kernel": nn.Conv2d(3, 6, 2, 3),
    "1x1 stride 2": nn.Conv2d(3, 6, 1, 2),
    "dilated": nn.Conv2d(3, 6, 3, padding=2, dilation=2),
    "same padding": nn.Conv2d(3, 6, 4, padding="same"),
    "grouped": nn.Conv2d(3, 6, 3, padding=1, groups=3),
    "depthwise": nn.Conv2d(3, 3, 5, padding=2, groups=3),
    "1x7": nn.Conv2d(3, 6, (1, 7), padding=(0, 3)),
    "padding wider than the kernel": nn.Conv2d(3, 6, 3, padding=4),
    "uneven padding": nn.Sequential(nn.ZeroPad2d((1, 2, 0, 3)), nn.Conv2d(3, 6, 3)),
    "cropping pad": nn.Sequential(nn.ZeroPad2d((-1, 2, 3, -2)), nn.ReLU(), nn.Conv2d(3, 6, 3)),
    "max pool": nn.Sequential(nn.Conv2d(3, 6, 3), nn.MaxPool2d(3, 2, 1)),
    "max pool ceil": nn.Sequential(nn.Conv2d(3, 6, 3), nn.MaxPool2d(3, 2, ceil_mode=True)),
    "max pool dilated": nn.Sequential(nn.Conv2d(3, 6, 3), nn.MaxPool2d(2, 2, 1, dilation=2)),
    "avg pool": nn.Sequential(nn.Conv2d(3, 6, 3), nn.AvgPool2d(3, 1, 1)),
    "avg pool without its padding": nn.Sequential(nn.Conv2d(3, 6, 3), nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
    "avg pool ceil": nn.Sequential(nn.Conv2d(3, 6, 3), nn.AvgPool2d(3, 2, 1, ceil_mode=True)),
    "avg pool with its own divisor": nn.Sequential(nn.Conv2d(3, 6, 3), nn.AvgPool2d(3, 2, 1, divisor_override=5)),
    "batch norm first": nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 6, 3)),
    "batch norm after": nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Conv2d(6, 6, 3)),
    "activations": nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.GELU(),
        nn.Conv2d(6, 6, 1),
        nn.Hardswish(),
        nn.PReLU(6),
        nn.SiLU(),
        nn.ELU(),
        nn.Sigmoid(),
        nn.Conv2d(6, 6, 3, padding=1),
        nn.LeakyReLU(0.1, inplace=True),
        nn.Dropout(),
        nn.Tanh(),
        nn.ReLU6(inplace=True),
    ),
    "adaptive pool to even regions": nn.Sequential(nn.Conv2d(3, 6, 4), nn.AdaptiveAvgPool2d((5, 7))),
    "adaptive pool to uneven regions": nn.Sequential(nn.Conv2d(3, 6, 3), nn.AdaptiveAvgPool2d((4, 3))),
    "adaptive pool that enlarges": nn.Sequential(nn.Conv2d(3, 6, 3, 4), nn.AdaptiveAvgPool2d(9)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_kind_of_layer(name):
    body = LAYERS[name]
    image = image_of(3, 18, 24)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # torch's own remark about an even kernel.
        warnings.filterwarnings("ignore", "Using padding='same'")
        net = seeded(Classify(body, body(image.float()).shape[1]))
        same(net, image)
        same(net, image, patch=(5, 2), stride=(3, 4), fill=image.mean())


class Wired(nn.Module):
    """A random directed graph of layers; ``plan`` lists (kind, operands, numbers)."""

    def __init__(self, plan, head):
        super().__init__()
        self.plan = plan
        self.layers = nn.ModuleList(layer if isinstance(layer, nn.Module) else nn.Identity() for layer, _ in plan)
        self.head = head

    def forward(self, x):
        values = [x]
        for (layer, operands), module in zip(self.plan, self.layers):
            if layer == "add":
                values.append(values[operands[0]] + values[operands[1]])
            elif layer == "cat":
                values.append(torch.cat([values[i] for i in operands], 1))
            else:
                values.append(module(values[operands[0]]))
        return self.head(values[-1])


@st.composite
def networks(draw):
    """A random network on 2 channels, and its image size."""
    size = draw(st.integers(9, 20)), draw(st.integers(9, 20))
    shapes, plan = [(2, *size)], []
    for _ in range(draw(st.integers(1, 8))):
        # Mostly extend the newest value, so that deep chains appear.
        source = draw(st.sampled_from([len(shapes) - 1, len(shapes) - 1, draw(st.integers(0, len(shapes) - 1))]))
        kind = draw(st.sampled_from(["conv", "conv", "conv", "max", "avg", "act", "norm", "add", "cat", "pad"]))
        channels, height, width = shapes[source]
        alike = [i for i, shape in enumerate(shapes) if shape[1:] == (height, width)]
        layer, operands = None, (source,)
        if kind == "conv":
            kernel = draw(st.sampled_from([1, 2, 3, 3, 5])), draw(st.sampled_from([1, 3, 3, 4]))
            groups = draw(st.sampled_from([1, 1, channels]))
            layer = nn.Conv2d(
                channels,
                groups * draw(st.integers(1, 2)),
                kernel,
                draw(st.sampled_from([1, 1, 1, 2, 3])),
                (draw(st.integers(0, 2)), draw(st.integers(0, 3))),
                draw(st.sampled_from([1, 1, 2])),
                groups,
            )
        elif kind in ("max", "avg"):
            kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
            ceil = draw(st.booleans())
            if kind == "max":
                layer = nn.MaxPool2d(kernel, stride, kernel // 2, ceil_mode=ceil)
            else:
                layer = nn.AvgPool2d(kernel, stride, kernel // 2, ceil, draw(st.booleans()))
        elif kind == "act":
            layer = draw(st.sampled_from([nn.ReLU(), nn.Tanh(), nn.GELU()]))
        elif kind == "norm":
            layer = nn.BatchNorm2d(channels)
        elif kind == "pad":
            layer = nn.ZeroPad2d(tuple(draw(st.integers(-1, 3)) for _ in range(4)))
        elif kind == "add":
            layer, operands = "add", (source, draw(st.sampled_from([i for i in alike if shapes[i][0] == channels])))
        else:
            layer, operands = "cat", (source, draw(st.sampled_from(alike)))
        shape = _shape(layer, [shapes[i] for i in operands])
        if shape is None or shape[0] > 24:
            continue
        shapes.append(shape)
        plan.append((layer, operands))
    channels, height, width = shapes[-1]
    head = draw(st.sampled_from(["gap", "flat", "deep", "adaptive"]))
    if head == "gap":
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3))
    elif head == "flat":
        head = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(channels * height * width, 3))
    elif head == "deep":
        head = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * height * width, 5), nn.ReLU(inplace=True), nn.Linear(5, 3)
        )
    else:
        head = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(channels * 4, 3))
    return Wired(plan, head), size, draw(st.integers(0, 1000))


def _shape(layer, shapes):
    if layer == "add":
        return shapes[0]
    if layer == "cat":
        return sum(shape[0] for shape in shapes), *shapes[0][1:]
    try:
        out = tuple(layer.eval()(torch.zeros(1, *shapes[0])).shape[1:])
    except RuntimeError:
        return None
    return out if min(out) > 0 else None


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks(), st.integers(1, 7), st.integers(1, 7), st.integers(1, 5), st.sampled_from([0.0, 0.7]))
def test_random_networks(network, rows, columns, stride, fill):
    net, size, seed = network
    same(seeded(net, seed), image_of(2, *size, seed=seed), (rows, columns), (stride, stride + 1), fill, batch_size=7)


@pytest.mark.long
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks(), st.integers(1, 7), st.integers(1, 7), st.integers(1, 5), st.sampled_from([0.0, 0.7]))
def test_many_random_networks(network, rows, columns, stride, fill):
    net, size, seed = network
    same(seeded(net, seed), image_of(2, *size, seed=seed), (rows, columns), (stride, stride + 1), fill, batch_size=7)


class InPlace(nn.Module):
    """Reads a map before and after it is overwritten."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.last = nn.Conv2d(2, 3, 3), nn.Conv2d(3, 3, 3, padding=1), nn.Linear(3, 2)

    def forward(self, x):
        x = self.one(x)
        early = self.two(x)
        x.relu_()
        early += x
        late = torch.nn.functional.relu(early, inplace=True) * 2 - x / 3
        return self.last((late + early).mean(dim=(-1, -2)))


class Cast(nn.Module):
    """``x.float()`` is ``x`` itself where x is of that type: what follows must not overwrite it."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(2, 4, 1), nn.Conv2d(4, 3, 3)
        self.act = nn.SiLU(inplace=False)

    def forward(self, x):
        x = self.first(x)
        return self.last(self.act(x.float()) + x).mean((2, 3))


def test_a_cast_that_changes_nothing_is_not_overwritten():
    net, image = seeded(Cast()).float(), image_of(2, 12, 14).float()
    positions = grid((12, 14), (3, 3), (2, 2))
    got = Incremental(net, image).logits(positions, (3, 3), 0.0)
    truth = brute_force(net, image, positions, (3, 3), torch.zeros(()))
    torch.testing.assert_close(got, truth, rtol=1e-4, atol=1e-5)


class Viewed(nn.Module):
    """A choice of a map's channels is read when the map itself has long been."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)
        self.four, self.five, self.last = nn.Conv2d(4, 2, 3), nn.Conv2d(2, 2, 1), nn.Linear(2, 3)

    def forward(self, x):
        x = self.one(x)
        chosen = x[:, 1:3]
        late = self.four(self.three(self.two(x)))
        return self.last(late.mean((2, 3)) + self.five(chosen).mean((2, 3)))


def test_a_map_keeps_its_room_while_a_view_of_it_is_needed():
    engine = same(seeded(Viewed()), image_of(2, 20, 22))
    names = [step.name for step in engine.steps]
    last = last_use(engine.steps, *engine.head)
    view = names.index("getitem")
    assert not engine.steps[view].operator.fresh and last[1] == last[view] > names.index("Conv2d", 2)


def test_packed_weights_are_the_only_ones_left():
    if not packing.available():
        pytest.skip("this build of torch does not pack weights")
    part = nn.Conv2d(8, 16, 3)
    weight, bias, patch = part.weight.detach().clone(), part.bias.detach(), torch.rand(3, 8, 7, 6)
    patch = patch.contiguous(memory_format=torch.channels_last)
    convolution = packing.Convolution(part.weight.detach(), bias, (1, 1), 1)
    convolution.part = part
    expected = torch.nn.functional.conv2d(patch, weight, bias)
    with torch.inference_mode():
        torch.testing.assert_close(convolution(patch, (1, 1), (0, 0)), expected, rtol=1e-4, atol=1e-5)
    assert convolution.weight is None and part.weight is None
    asked = patch.clone().requires_grad_()
    convolution(asked, (1, 1), (0, 0)).sum().backward()
    truth = patch.clone().requires_grad_()
    torch.nn.functional.conv2d(truth, weight, bias).sum().backward()
    torch.testing.assert_close(asked.grad, truth.grad)


def test_the_engine_leaves_the_network_its_weights():
    net = seeded(Classify(nn.Conv2d(2, 4, 3), 4)).float()
    before = {name: weight.clone() for name, weight in net.state_dict().items()}
    image = image_of(2, 12, 14).float()
    engine = Incremental(net, image)
    first = engine.logits([(2, 2)], (3, 3), 0.0)
    assert all(torch.equal(weight, before[name]) for name, weight in net.state_dict().items())
    engine.look_at(image.flip(2))
    truth = brute_force(net, image.flip(2), [(2, 2)], (3, 3), torch.zeros(()))
    torch.testing.assert_close(engine.logits([(2, 2)], (3, 3), 0.0), truth)
    assert not torch.equal(first, truth)


def test_memory_of_a_position_is_what_is_alive():
    """By hand, in float64 (8 bytes): two 3x3 convolutions and a ReLU on one position in the middle of 20 x 20.

    The windows of both are 5 x 5 of 4 channels and 7 x 7 of 3; most is alive while step 2 gathers the clean activation
    of the first, and its own clean result, to which the change is added.
    """
    body = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1), nn.ReLU())
    engine = Incremental(seeded(Classify(body, 3)), image_of(2, 20, 20))
    (group,) = make_groups(engine.steps, np.array([[8, 11, 8, 11]]), 1)
    assert [window and window[0][1] for window in group.windows[:3]] == [3, 5, 7]
    source, begin = engine.head
    first = 8 * 5 * 5 * 4
    second = 5 * 5 * (8 * 4 + GATHERED_FROM) + 7 * 7 * (8 * 3 + GATHERED_FROM)
    got = window_bytes(engine.steps, group, begin, last_use(engine.steps, source, begin))
    assert got == first + second


def test_gaps_are_handed_back_when_they_have_grown(monkeypatch):
    held, trimmed = iter([100, 100 + MOST, 101 + MOST, 90, 102 + MOST, 103 + MOST, 110 + MOST, 104 + MOST]), []
    monkeypatch.setattr(Gaps, "_resident", lambda self: next(held))
    gaps = Gaps(SimpleNamespace(malloc_trim=trimmed.append), None)
    gaps()
    assert not trimmed, "it has grown by no more than may be"
    gaps()
    assert trimmed == [0] and gaps.last == 90
    gaps()
    assert trimmed == [0, 0] and gaps.last == 103 + MOST
    gaps()
    assert trimmed == [0, 0], "handing back brought little: not again before it has grown anew"


def test_memory_is_handed_back_at_the_end_of_the_outermost_block(monkeypatch, tmp_path):
    calls = []
    library = SimpleNamespace(
        mallopt=lambda name, value: calls.append((name, value)), malloc_trim=lambda rest: calls.append(("trim", rest))
    )
    (tmp_path / "held").write_text("10 5 1 1 0 1 0")
    monkeypatch.setattr(memory, "_libc", lambda: library)
    monkeypatch.setattr(memory, "HELD", tmp_path / "held")
    with memory.kept_memory():
        begun = list(calls)
        with pytest.raises(KeyError), memory.kept_memory():
            raise KeyError
        with memory.kept_memory():
            pass
        assert calls == begun and len(begun) == 2
    ended = [(memory.M_MMAP_MAX, 65536), (memory.M_TRIM_THRESHOLD, memory.LEFT), ("trim", memory.LEFT)]
    assert calls[2:] == ended
    with memory.kept_memory():
        pass
    assert calls[5:] == begun + ended, "and begins anew"


def test_gaps_are_looked_for_after_every_layer_of_a_batch(monkeypatch):
    """A batch of a deep network can let the heap grow by gigabytes."""
    calls = []

    @contextlib.contextmanager
    def counted():
        yield lambda: calls.append(1)

    monkeypatch.setattr(incremental, "kept_memory", counted)
    body = nn.Sequential(*(nn.Conv2d(2, 2, 3, padding=1) for _ in range(5)))
    engine = Incremental(seeded(Classify(body, 2)), image_of(2, 20, 20))
    engine.logits([(8, 8), (9, 8)], (2, 2), 0.0, batch_size=2)
    assert len(calls) >= 5


class Excited(nn.Module):
    """Squeeze and excitation in the middle: every place changes, and maps are entire from there on."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.gate = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 1)
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        x = self.one(x)
        x = x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        return self.last(torch.flatten(torch.nn.functional.adaptive_avg_pool2d(self.two(x), 1), 1))


class Channels(nn.Module):
    """Choices of channels (InceptionV3's input transform, ShuffleNet) and permuted linear layers (ConvNeXt)."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.last = nn.Conv2d(3, 6, 3), nn.Linear(3, 5), nn.Linear(5 * 8 * 10, 2)
        self.norm, self.scale = nn.LayerNorm(3), nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, x):
        red = torch.unsqueeze(x[:, 0], 1) * 0.5 + 0.1
        x = self.one(torch.cat((red, x[:, 1:]), 1))
        left, right = x.chunk(2, dim=1)
        x = (left * self.scale + right).permute(0, 2, 3, 1)
        x = self.two(self.norm(x)).permute(0, 3, 1, 2)
        return self.last(x.reshape(x.size(0), -1))


@pytest.mark.parametrize("net", [InPlace(), Excited(), Channels()], ids=lambda net: type(net).__name__)
def test_graphs_of_the_torchvision_kinds(net):
    channels = 3 if isinstance(net, Channels) else 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(seeded(net), image_of(channels, 10, 12))


def test_unknown_operator_is_computed_densely_with_one_warning():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.last = nn.Conv2d(2, 3, 3), nn.Linear(3, 2)

        def forward(self, x):
            x = torch.cumsum(torch.cumsum(self.one(x), 2), 3)
            return self.last(x.mean((2, 3)))

    with pytest.warns(UserWarning, match="does not know the operator 'cumsum'") as seen:
        same(seeded(Odd()), image_of(2, 10, 12))
    assert len(seen) == 1


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(2, 2)

    def forward(self, x):
        return self.last(x.mean((2, 3)) if x.sum() > 0 else x.amax((2, 3)))


def test_untraceable_network_says_so():
    with pytest.raises(Unsupported, match="trace"):
        Incremental(Branching().double().eval(), image_of(2, 8, 8))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(6, 6, 3, padding=1),
        nn.Conv2d(6, 6, (5, 1), padding=(2, 0)),
        nn.Conv2d(6, 6, 3, stride=2, padding=1),
        nn.Conv2d(6, 6, 3, padding=2, dilation=2),
        nn.Conv2d(6, 6, (4, 3), padding="same"),
        nn.Conv2d(6, 6, 3, padding=1, groups=3),
    ],
)
def test_an_axis_that_is_computed_whole_takes_the_layers_own_padding(layer, monkeypatch):
    """Six rows fill with the change at once, forty columns do not: zeros above and below need no multiplication."""
    seen = []
    call = packing.Convolution.__call__

    def spied(self, patch, strides, padding):
        seen.append((tuple(patch.shape[2:]), padding))
        return call(self, patch, strides, padding)

    monkeypatch.setattr(packing.Convolution, "__call__", spied)
    net = seeded(Classify(nn.Sequential(nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), layer, nn.ReLU()), 6))
    same(net, image_of(2, 6, 40), (5, 3), (1, 3))
    # Entire maps are those of the proof that the network was traced rightly.
    own = [size for size, padding in seen if padding[0] and not padding[1] and size != (6, 40)]
    assert own and all(rows == 6 and columns < 40 for rows, columns in own)
    if layer.padding == "same":
        # Four rows of kernel take one row of zeros more below than above: no symmetric padding says that.
        assert not any(padding[0] for size, padding in seen if size[0] != 6)


def test_what_a_whole_axis_costs_is_what_it_reads_inside_the_map():
    """Brute force: the gradient of all outputs' sum, with every weight 1, counts how often each input is read."""
    for kernel, stride, padding, dilation in ((3, 1, 1, 1), (7, 2, 3, 1), (3, 1, 2, 2), (5, 1, 2, 1), (1, 2, 0, 1)):
        conv = nn.Conv2d(1, 1, kernel, stride, padding, dilation, bias=False).double().eval()
        nn.init.ones_(conv.weight)
        image = torch.zeros(1, 1, 11, 14, dtype=torch.float64, requires_grad=True)
        conv(image).sum().backward()
        net = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2).double()).eval()
        steps = Incremental(net, image.detach()).steps
        rows, columns = (whole_axis(steps, axis)[1] for axis in (0, 1))
        assert rows * columns * kernel**2 == pytest.approx(float(image.grad.sum()))


def test_positions_without_a_change_keep_the_clean_logits_and_cost_nothing():
    net = seeded(Classify(nn.Conv2d(2, 3, 3), 3))
    image = image_of(2, 16, 16)
    image[:, :, :, :6] = 0.0
    engine = Incremental(net, image)
    boxes = engine.changed_boxes([(0, 0), (2, 4), (9, 10)], (4, 4), torch.zeros_like(image[0]))
    assert boxes.tolist() == [[0, 0, 0, 0], [2, 6, 6, 8], [9, 13, 10, 14]]
    logits = engine.logits([(0, 0), (2, 4)], (4, 4), torch.zeros(2, 1, 1))
    assert torch.equal(logits[:1], engine.clean)
    torch.testing.assert_close(logits, brute_force(net, image, [(0, 0), (2, 4)], (4, 4), torch.zeros(2, 1, 1).double()))


@pytest.mark.parametrize("batch_size, memory_limit", [(1, None), (5, None), (None, 40_000), (1000, None)])
def test_result_does_not_depend_on_the_batches(batch_size, memory_limit):
    net = seeded(Classify(LAYERS["max pool"], 6))
    image = image_of(3, 18, 24)
    positions = grid((18, 24), (3, 3), (2, 2))
    engine = Incremental(net, image)
    got = engine.logits(positions, (3, 3), torch.zeros(()), batch_size=batch_size, memory_limit=memory_limit)
    torch.testing.assert_close(got, engine.logits(positions, (3, 3), torch.zeros(())), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "net", [InPlace(), Wired([(nn.Conv2d(2, 3, 3), (0,))], nn.Sequential(nn.Flatten(), nn.Linear(240, 2)))]
)
def test_another_image_takes_its_own_activations(net):
    net, positions = seeded(net), grid((10, 12), (3, 3), (4, 4))
    engine = Incremental(net, image_of(2, 10, 12))
    other = image_of(2, 10, 12, seed=5)
    engine.look_at(other)
    got = engine.logits(positions, (3, 3), torch.zeros(()))
    torch.testing.assert_close(got, brute_force(net, other, positions, (3, 3), torch.zeros((), dtype=torch.float64)))
    with pytest.raises(ValueError, match="was made for"):
        engine.look_at(image_of(2, 10, 13))


def test_patch_over_the_border_is_cut_off():
    net = seeded(Classify(LAYERS["3x3"], 6))
    same(net, image_of(3, 9, 9), patch=(4, 4), positions=[(7, 7), (0, 8), (8, 8)])


def test_memory_limit_below_one_position_is_refused():
    engine = Incremental(seeded(Classify(nn.Conv2d(2, 3, 3), 3)), image_of(2, 16, 16))
    with pytest.raises(ValueError, match="memory_limit=100 bytes"):
        engine.logits([(0, 0)], (4, 4), torch.zeros(()), memory_limit=100)


def test_heatmap_is_exact_by_default_and_equals_the_full_method():
    net, image = seeded(Classify(LAYERS["max pool"], 6)), image_of(3, 18, 24)
    settings = dict(patch=(5, 4), stride=(3, 2), target=[0, 3], fill="mean", cover="flush", region=(1, 2, 16, 20))
    exact, full = (occlusion.heatmap(net, image, **settings, **more) for more in ({}, {"method": "full"}))
    assert exact.method == "exact"
    np.testing.assert_allclose(exact.values, full.values, rtol=1e-9)


def test_heatmap_of_an_untraceable_network_is_full_with_one_warning():
    net, image = Branching().eval(), image_of(2, 8, 8).float()
    with pytest.warns(UserWarning, match="cannot trace this network; every position is computed in full") as seen:
        exact = occlusion.heatmap(net, image, patch=3, stride=2)
    assert len(seen) == 1
    np.testing.assert_array_equal(exact.values, occlusion.heatmap(net, image, patch=3, stride=2, method="full").values)


class Deciding(nn.Module):
    """Tells torch.fx another story than it acts: a branch on the values that tracing does not see."""

    def __init__(self):
        super().__init__()
        self.last, self.sign = nn.Linear(2, 2), 1.0

    def forward(self, x):
        if not isinstance(x, torch.fx.Proxy):
            self.sign = -1.0
        return self.last(x.mean((2, 3))) * self.sign


def test_network_that_tracing_gets_wrong_is_refused():
    with pytest.raises(Unsupported, match="branch"):
        Incremental(Deciding().double().eval(), image_of(2, 8, 8))


def test_time_left_follows_the_work_not_the_count():
    told = []
    net, image = seeded(Classify(LAYERS["3x3"], 6)), image_of(3, 40, 40)
    occlusion.heatmap(net, image, patch=4, stride=2, batch_size=20, progress=lambda *a: told.append(a))
    assert told[-1][:2] == (361, 361) and told[-1][2] == pytest.approx(0.0, abs=1e-6)
    assert all(left >= 0 for _, _, left in told)


def test_network_and_image_are_left_as_they_were():
    net, image = seeded(InPlace()), image_of(2, 10, 12)
    weights, kept = {k: v.clone() for k, v in net.state_dict().items()}, image.clone()
    same(net, image)
    assert torch.equal(image, kept)
    assert all(torch.equal(value, weights[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("usable", [True, False])
def test_packed_convolution_equals_torchs(usable, monkeypatch):
    if not usable:
        monkeypatch.setattr(packing, "available", lambda: False)
    generator = torch.Generator().manual_seed(0)
    for kernel, stride, dilation, groups in (
        ((3, 3), (1, 1), (1, 1), 1),
        ((1, 5), (2, 1), (1, 1), 1),
        ((3, 2), (2, 3), (2, 1), 1),
        ((3, 3), (1, 2), (1, 1), 4),
    ):
        weight = torch.rand(8, 8 // groups, *kernel, generator=generator)
        bias = torch.rand(8, generator=generator)
        layer = packing.Convolution(weight, bias, dilation, groups)
        for size, strides, padding in (
            ((9, 11), stride, (0, 0)), ((7, 8), (1, 1), (1, 2)), ((12, 9), stride, (0, 1)), ((7, 8), stride, (2, 0)),
        ):  # fmt: skip
            patch = torch.rand(3, 8, *size, generator=generator).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode():
                got = layer(patch, strides, padding)
            truth = torch.nn.functional.conv2d(patch, weight, bias, strides, padding, dilation, groups)
            torch.testing.assert_close(got, truth, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [3, 700])
def test_linear_product_equals_torchs(rows):
    generator = torch.Generator().manual_seed(0)
    features, weight, bias = (torch.rand(*shape, generator=generator) for shape in ((rows, 40), (30, 40), (30,)))
    truth = torch.nn.functional.linear(features, weight, bias)
    torch.testing.assert_close(product(features, weight, bias), truth, rtol=1e-5, atol=1e-5)


def test_a_network_without_any_map_is_computed_in_full():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).eval()
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with pytest.warns(UserWarning, match="no map"):
        exact = occlusion.heatmap(net, image, patch=2, stride=2)
    full = occlusion.heatmap(net, image, patch=2, stride=2, method="full")
    np.testing.assert_allclose(exact.values, full.values, rtol=1e-6)
