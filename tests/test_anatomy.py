"""kryptonlib.anatomy against known counts, torch's flop counter and dependence measured pixel by pixel."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from kryptonlib import anatomy  # before torchvision, which it lets import beside a CPU-only torch

from torchvision import models  # isort: skip

SIDE = 17


def build(name, **options):
    with torch.device("meta"):
        return getattr(models, name)(weights=None, **options).eval()


@pytest.mark.parametrize(
    "name, count",
    [("alexnet", 61_100_840), ("vgg19", 143_667_240), ("resnet152", 60_192_808), ("densenet121", 7_978_856)],
)
def test_parameter_counts_of_known_networks(name, count):
    assert anatomy.layers(build(name), 224).parameters == count


# TF-Slim's networks in the table that belongs to Araujo et al. 2019 (google-research/receptive_field,
# RECEPTIVE_FIELD_TABLE.md) that have the same layers as torchvision's.
@pytest.mark.parametrize(
    "name, size, layer, field, jump",
    [
        ("alexnet", 224, "features.3", 51, 8),
        ("alexnet", 224, "features.12", 195, 32),
        ("vgg16", 224, "features.26", 164, 16),
        ("vgg16", 224, "features.30", 212, 32),
        ("inception_v3", 299, "Mixed_5b.cat", 63, 8),
        ("inception_v3", 299, "Mixed_6a.cat", 159, 16),
        ("inception_v3", 299, "Mixed_6e.cat", 927, 16),
        ("inception_v3", 299, "Mixed_7a.cat", 1055, 32),
        ("inception_v3", 299, "Mixed_7c.cat#3", 1311, 32),
    ],
)
def test_receptive_fields_published_for_the_same_layers(name, size, layer, field, jump):
    options = {"init_weights": False} if name == "inception_v3" else {}
    row = anatomy.layers(build(name, **options), size)[layer]
    assert (row.receptive_field, row.jump) == ((field, field), (jump, jump))


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "resnet50", "inception_v3", "efficientnet_b0", "mobilenet_v2"])
def test_macs_and_parameters_equal_those_that_torchvision_documents(name):
    meta = models.get_model_weights(name).DEFAULT.meta
    size = {"inception_v3": 299}.get(name, 224)
    table = anatomy.layers(build(name, **({"init_weights": False} if name == "inception_v3" else {})), size)
    assert table.macs / 1e9 == pytest.approx(meta["_ops"], abs=5e-4)  # printed with three decimals
    assert table.parameters == meta["num_params"]


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v3_small", "shufflenet_v2_x0_5", "vit_b_16"])
def test_macs_equal_torchs_flop_counter(name):
    net = build(name)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        net(torch.empty(1, 3, 224, 224, device="meta"))
    assert 2 * anatomy.layers(net, 224).macs == counter.get_total_flops()


@pytest.mark.parametrize("name", ["inception_v3", "googlenet", "convnext_tiny", "efficientnet_b0", "vit_b_16"])
def test_rows_hold_every_parameter_once(name):
    net = build(name, **({"init_weights": False} if name in {"inception_v3", "googlenet"} else {}))
    table = anatomy.layers(net, 299 if name == "inception_v3" else 224)
    assert sum(row.parameters for row in table) == table.parameters == sum(p.numel() for p in net.parameters())


def test_auxiliary_head_is_listed_as_not_called():
    table = anatomy.layers(build("inception_v3", init_weights=False), 299)
    absent = table.only("not called")
    assert len(absent) > 0 and all(row.name.startswith("AuxLogits") and row.macs == 0 for row in absent)


def test_eq_10_counted_one_multiplication_at_a_time():
    channels, filters, groups, kernel, stride, side = 4, 6, 2, 3, 2, 7
    row = anatomy.layers(nn.Conv2d(channels, filters, kernel, stride=stride, groups=groups).eval(), side)[0]
    products = 0
    for _ in range(filters):
        for top in range(0, side - kernel + 1, stride):
            for left in range(0, side - kernel + 1, stride):
                products += sum(1 for _ in range(channels // groups) for _ in range(kernel) for _ in range(kernel))
    assert row.macs == products
    assert row.parameters == filters * (channels // groups * kernel * kernel + 1)


class Residual(nn.Module):
    def __init__(self, inner, channels, mode):
        super().__init__()
        self.inner, self.mode = inner, mode
        self.mix = nn.Conv2d(channels * 2, channels, 1) if mode == "cat" else None

    def forward(self, x):
        y = self.inner(x)
        return x + y if self.mode == "add" else self.mix(torch.cat([x, y], 1))


class Squeeze(nn.Module):
    """Multiplies by a number that depends on the whole map."""

    def __init__(self, channels):
        super().__init__()
        self.weigh = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.weigh(x.mean((2, 3), keepdim=True)))


@st.composite
def stacks(draw):
    """A random small network of 4 channels: convolutions, pools, pads, branches."""
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["conv", "conv", "max", "average", "pad", "add", "cat", "norm"]))
        kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
        stride = (draw(st.integers(1, 3)), draw(st.integers(1, 2)))
        dilation = draw(st.integers(1, 2))
        padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
        if kind == "conv":
            groups = draw(st.sampled_from([1, 2, 4]))
            parts.append(nn.Conv2d(4, 4, kernel, stride, padding, dilation, groups))
        elif kind == "max":
            parts.append(nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=draw(st.booleans())))
        elif kind == "average":
            parts.append(nn.AvgPool2d(kernel, stride, padding, ceil_mode=draw(st.booleans())))
        elif kind == "pad":
            parts.append(nn.ZeroPad2d(tuple(draw(st.integers(0, 2)) for _ in range(4))))
        elif kind == "norm":
            parts += [nn.BatchNorm2d(4), nn.ReLU()]
        else:
            side = draw(st.sampled_from([1, 3, 5]))
            inner = nn.Sequential(nn.Conv2d(4, 4, side, padding=side // 2), nn.ReLU())
            parts.append(Residual(inner, 4, kind))
    return nn.Sequential(*parts).eval()


def dependence(net, side):
    """bool [rows, columns, side, side]: the pixels a unit depends on, found by setting one after another to NaN."""
    pictures = torch.ones(side * side, 4, side, side)
    for pixel in range(side * side):
        pictures[pixel, :, pixel // side, pixel % side] = float("nan")
    with torch.no_grad():
        touched = net(pictures).isnan().any(1)
    return touched.permute(1, 2, 0).reshape(*touched.shape[1:], side, side)


def compare_fields(net, side=SIDE):
    """Every box covers what the unit depends on; a box inside the picture is exactly its bounding box."""
    last = anatomy.layers(net, (4, side, side))[-1]
    touched = dependence(net, side)
    inside = 0
    for row in range(touched.shape[0]):
        for column in range(touched.shape[1]):
            rows, columns = torch.nonzero(touched[row, column], as_tuple=True)
            if not len(rows):
                continue
            box = last.box(row, column)
            seen = tuple(int(v) for v in (rows.min(), rows.max(), columns.min(), columns.max()))
            assert box[0] <= seen[0] and seen[1] <= box[1] and box[2] <= seen[2] and seen[3] <= box[3]
            if box[0] >= 0 and box[2] >= 0 and box[1] < side and box[3] < side:
                assert box == seen
                inside += 1
    return inside


@settings(max_examples=120, deadline=None)
@given(stacks())
def test_receptive_field_equals_measured_dependence(net):
    try:
        anatomy.layers(net, (4, SIDE, SIDE))
    except ValueError as error:
        assert "cannot take an input" in str(error)
        return
    compare_fields(net)


@settings(max_examples=80, deadline=None)
@given(stacks())
def test_macs_and_shapes_of_random_networks(net):
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter:
            output = net(torch.zeros(1, 4, SIDE, SIDE))
    except RuntimeError:
        with pytest.raises(ValueError, match="cannot take an input"):
            anatomy.layers(net, (4, SIDE, SIDE))
        return
    table = anatomy.layers(net, (4, SIDE, SIDE))
    assert table[-1].shape == tuple(output.shape[1:])
    assert 2 * table.macs == counter.get_total_flops()
    assert table.parameters == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), Residual(nn.Conv2d(4, 4, 5, padding=2), 4, "cat")),
        nn.Sequential(nn.Conv2d(4, 4, 3, stride=2, dilation=2), nn.MaxPool2d(2)),
        nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(4, 4, 3, stride=2)),
        nn.Sequential(nn.Conv2d(4, 4, 4, padding="same")),
    ],
)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_receptive_field_of_named_cases_has_units_inside(net):
    assert compare_fields(net.eval()) > 4


@pytest.mark.parametrize(
    "net",
    [
        nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1, output_padding=1),
        nn.ConvTranspose2d(4, 4, 4, stride=3, dilation=2),
        nn.AdaptiveAvgPool2d(5),
        nn.AdaptiveMaxPool2d((17, 4)),
        nn.Upsample(scale_factor=2),
        Squeeze(4),
        nn.AdaptiveAvgPool2d(1),
        nn.GroupNorm(2, 4),
        nn.InstanceNorm2d(4),
    ],
)
def test_hull_covers_units_whose_window_varies(net):
    last = anatomy.layers(net.eval(), (4, 9, 9) if isinstance(net, Squeeze) else (4, SIDE, SIDE))[-1]
    side = 9 if isinstance(net, Squeeze) else SIDE
    touched = dependence(net, side)
    for row, column in [(0, 0), (touched.shape[0] - 1, touched.shape[1] // 2)]:
        rows, columns = torch.nonzero(touched[row, column], as_tuple=True)
        box = last.box(row, column)
        assert box[0] <= rows.min() and rows.max() <= box[1] and box[2] <= columns.min() and columns.max() <= box[3]


def test_field_is_none_where_no_rule_is_known_and_never_a_guess():
    class Rolled(nn.Module):
        def forward(self, x):
            return torch.relu(torch.roll(x, 1, dims=2))

    row = anatomy.layers(Rolled().eval(), (4, 8, 8))[-1]
    assert row.kind == "activation" and row.receptive_field is None
    with pytest.raises(ValueError, match="no units at places"):
        row.box(0, 0)


def test_module_that_looks_at_values_is_run_with_numbers():
    class Choosy(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 3)

        def forward(self, x):
            return self.conv(x) if float(x.sum()) == 0 else x

    assert anatomy.layers(Choosy().eval(), 8)["conv"].shape == (2, 6, 6)


def test_shared_layer_called_twice_counts_its_weights_once():
    conv = nn.Conv2d(4, 4, 3, padding=1)
    table = anatomy.layers(nn.Sequential(conv, nn.ReLU(), conv).eval(), 8)
    assert [row.parameters for row in table] == [148, 0, 0]
    assert table[0].macs == table[2].macs > 0 and table[2].receptive_field == (5, 5)


def test_flattened_vector_sees_the_hull_of_all_units():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.Flatten(), nn.Linear(2 * 4 * 4, 5)).eval()
    table = anatomy.layers(net, (1, 9, 9))
    assert table["2"].receptive_field == (9, 9) and table["2"].jump is None
    assert (table.conv_macs, table.linear_macs, table.macs) == (2 * 9 * 16, 160, 2 * 9 * 16 + 160)


def test_running_layers_changes_nothing_in_the_module():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    anatomy.layers(net, 8)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not net[0]._forward_hooks and not net[0]._forward_pre_hooks


def test_table_text_html_selection_and_lookup():
    table = anatomy.layers(build("alexnet"), 224)
    assert "61,100,840" in str(table) and "<table>" in table._repr_html_() and "11×11/4 pad 2" in table._repr_html_()
    convolutions = table.only("conv")
    assert len(convolutions) == 5 and convolutions.parameters == table.parameters
    assert table["features.0"] is table[0]
    with pytest.raises(KeyError, match="features.99"):
        table["features.99"]
    with pytest.raises(ValueError, match="kinds"):
        table.only("convolution")


def test_box_of_the_first_unit_and_outside_the_map():
    row = anatomy.layers(build("alexnet"), 224)["features.0"]
    assert row.box(0, 0) == (-2, 8, -2, 8) and row.box(1, 2) == (2, 12, 6, 16)
    with pytest.raises(ValueError, match="outside the"):
        row.box(55, 0)


@pytest.mark.parametrize(
    "module, size, error, words",
    [
        ("alexnet", 224, TypeError, "takes an nn.Module, got str"),
        (nn.Conv2d(3, 4, 3), 8, ValueError, "training mode"),
        (nn.Conv2d(3, 4, 3).eval(), 0, ValueError, "positive whole numbers"),
        (nn.Conv2d(3, 4, 3).eval(), 8.5, ValueError, "positive whole numbers"),
        (nn.Conv2d(3, 4, 3).eval(), (1, 3, 8, 8), ValueError, "positive whole numbers"),
        (nn.ReLU().eval(), 8, ValueError, "give \\(C, H, W\\)"),
        (nn.Conv2d(3, 4, 3).eval(), 2, ValueError, "cannot take an input of shape \\(1, \\(3, 2, 2\\)\\)"),
        (nn.Conv2d(3, 4, 3).eval(), (4, 8, 8), ValueError, "cannot take an input"),
    ],
)
def test_bad_input_is_refused_with_words(module, size, error, words):
    with pytest.raises(error, match=words):
        anatomy.layers(module, size)
