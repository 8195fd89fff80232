"""``Occlusion`` gives what ``captum.attr.Occlusion`` gives, on the cases that Captum's own users have."""

import dataclasses

import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

from kryptonlib.occlusion import attribution
from kryptonlib.occlusion.attribution import Occlusion


def images(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def convolutional(channels=3, outputs=5):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, outputs),
    ).eval()


class Two(nn.Module):
    """Two inputs, a third argument, an output with two axes per example."""

    def forward(self, one, two, factor=1.0):
        pooled = one.mean((2, 3)).sum(1, keepdim=True) + two.sum(1, keepdim=True)
        return (pooled * torch.arange(6.0)).sin().reshape(-1, 2, 3) * factor


def agree(net, inputs, windows, *, dense=False, **settings):
    ours = Occlusion(net).attribute(inputs, windows, **settings)
    theirs = captum.attr.Occlusion(net).attribute(inputs, windows, **settings)
    if not isinstance(inputs, tuple):
        ours, theirs = (ours,), (theirs,)
    assert isinstance(ours, tuple) and len(ours) == len(theirs)
    for one, other in zip(ours, theirs):
        assert one.shape == other.shape
        assert other.abs().max() > 0
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * float(other.abs().max()))


IMAGE_CASES = {
    "one image": ((1, 3, 16, 18), (3, 4, 4), {"strides": (3, 2, 2), "target": 1}),
    "stride 1 by default": ((1, 3, 9, 8), (3, 4, 3), {"target": 0}),
    "one stride for all axes": ((1, 3, 12, 12), (3, 3, 3), {"strides": 3, "target": 0}),
    "last window cut off": ((1, 3, 13, 14), (3, 5, 4), {"strides": (1, 4, 3), "target": 4}),
    "several images, one target": ((3, 3, 12, 12), (3, 4, 4), {"strides": (3, 4, 4), "target": 2}),
    "a target per image": ((3, 3, 12, 12), (3, 4, 4), {"strides": (3, 4, 4), "target": [0, 3, 1]}),
    "targets as a tensor": ((2, 3, 12, 12), (3, 4, 4), {"strides": (3, 4, 4), "target": torch.tensor([4, 1])}),
    "a target tensor of one number": ((2, 3, 12, 12), (3, 4, 4), {"strides": (3, 4, 4), "target": torch.tensor(1)}),
    "tuple target": ((2, 3, 12, 12), (3, 4, 4), {"strides": (3, 4, 4), "target": (3,)}),
    "number as baseline": ((2, 3, 12, 12), (3, 4, 4), {"strides": (3, 4, 4), "target": 1, "baselines": 0.5}),
    "window of the whole image": ((1, 3, 10, 11), (3, 10, 11), {"strides": 2, "target": 1}),
    "windows of one channel": ((2, 3, 10, 10), (1, 4, 4), {"strides": (1, 3, 3), "target": 1}),
    "several windows a pass": ((2, 3, 12, 12), (3, 4, 4), {"strides": 3, "target": 1, "perturbations_per_eval": 4}),
}


@pytest.mark.parametrize("name", IMAGE_CASES)
def test_images(name):
    shape, window, settings = IMAGE_CASES[name]
    agree(convolutional(), images(*shape), window, **{"perturbations_per_eval": 1, **settings})


@pytest.mark.parametrize("first", [1, 2])
def test_baseline_tensor(first):
    shape = (2, 3, 12, 12)
    baselines = images(first, *shape[1:], seed=3)
    agree(
        convolutional(),
        images(*shape),
        (3, 4, 4),
        strides=(3, 4, 4),
        baselines=baselines,
        target=1,
        perturbations_per_eval=1,
    )


def test_one_channel():
    agree(convolutional(1), images(2, 1, 14, 14), (1, 5, 5), strides=(1, 3, 3), target=2, perturbations_per_eval=1)


def test_inputs_of_other_ranks():
    torch.manual_seed(1)
    line = nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(24, 4)).eval()
    agree(line, images(2, 2, 10), (2, 3), strides=(2, 2), target=1, perturbations_per_eval=1)
    volume = nn.Sequential(nn.Conv3d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 4 * 4 * 4, 3)).eval()
    agree(volume, images(1, 1, 6, 6, 6), (1, 2, 3, 3), strides=(1, 2, 3, 3), target=0, perturbations_per_eval=1)
    features = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)).eval()
    agree(features, images(3, 6), (2,), target=1, perturbations_per_eval=2)


def test_several_inputs_further_arguments_and_tuple_targets():
    inputs = images(2, 3, 8, 8), images(2, 6, seed=1)
    for target in ((1, 2), [(0, 1), (1, 0)]):
        agree(
            Two(),
            inputs,
            ((3, 4, 4), (2,)),
            strides=((3, 2, 2), 1),
            target=target,
            additional_forward_args=0.7,
            baselines=(0.1, torch.zeros(1, 6)),
            perturbations_per_eval=1,
        )
    agree(
        Two(),
        inputs,
        ((3, 4, 4), (2,)),
        target=(0, 1),
        additional_forward_args=torch.tensor([[[0.3]], [[0.9]]]),
        perturbations_per_eval=3,
    )


@pytest.mark.filterwarnings("ignore:.*forward pass")
def test_one_number_for_the_batch():
    agree(lambda x: x.square().sum(), images(2, 1, 6, 6), (1, 3, 3), strides=(1, 3, 3), perturbations_per_eval=1)


@pytest.mark.filterwarnings("ignore:.*forward pass")
def test_output_without_target():
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 1), nn.Flatten(0)).eval()
    agree(net, images(3, 1, 6, 6), (1, 3, 3), strides=(1, 3, 3), perturbations_per_eval=1)


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = convolutional()

    def forward(self, x):
        return self.net(x) if x.shape[0] > 0 and float(x.sum()) > -1e9 else x


def test_what_cannot_be_traced_is_computed_densely_with_one_warning():
    for forward in (Branching().eval(), lambda x: convolutional()(x)):
        with pytest.warns(UserWarning, match="forward pass") as seen:
            agree(forward, images(2, 3, 12, 12), (3, 4, 4), strides=(3, 4, 4), target=1, perturbations_per_eval=1)
        assert len([w for w in seen if "forward pass" in str(w.message)]) == 1


def test_images_with_full_windows_go_through_the_engine(monkeypatch):
    def never(*_):
        raise AssertionError("computed densely")

    monkeypatch.setattr(attribution._Run, "dense", never)
    got = Occlusion(convolutional()).attribute(images(1, 3, 12, 12), (3, 4, 4), strides=4, target=0)
    assert got.shape == (1, 3, 12, 12)


@pytest.mark.filterwarnings("ignore:.*forward pass")
def test_the_first_image_need_not_tell_networks_apart():
    """Divided by 255 before anything else: a black image shows nothing of it."""
    net = convolutional()
    net.register_forward_pre_hook(lambda part, inputs: (inputs[0] / 255,))
    batch = torch.cat([torch.zeros(1, 3, 12, 12), images(1, 3, 12, 12)])
    agree(net, batch, (3, 4, 4), strides=(3, 4, 4), target=1, baselines=1.0, perturbations_per_eval=1)


@pytest.mark.filterwarnings("ignore:.*forward pass")
@pytest.mark.parametrize("examples", [1, 3, 4])
@pytest.mark.parametrize("weights", [torch.rand(4), torch.rand(1, 4), torch.rand(3, 4), torch.tensor(2.0)])
def test_further_arguments_are_not_multiplied_with_the_windows(examples, weights):
    """One weight vector for all examples: with several windows a pass Captum repeats it, and its sum grows."""
    net, inputs = convolutional(), images(examples, 3, 12, 12)

    def forward(x, w):
        return net(x) * w.sum()

    theirs = captum.attr.Occlusion(forward)
    expected = theirs.attribute(inputs, (3, 4, 4), strides=3, target=1, additional_forward_args=(weights,))
    for windows in (None, 1, 4):
        settings = {"strides": 3, "target": 1, "additional_forward_args": (weights,), "perturbations_per_eval": windows}
        ours = Occlusion(forward).attribute(inputs, (3, 4, 4), **settings)
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.filterwarnings("ignore:.*forward pass")
@pytest.mark.parametrize("windows", [None, 1, 4])
@pytest.mark.parametrize("mixes", ["largest", "first", "mean", "norm in training mode", "one image only"])
def test_answers_that_depend_on_the_batch_get_one_window_a_pass(mixes, windows):
    net, inputs = convolutional(), images(2, 3, 12, 12)
    forward = {
        "largest": lambda x: net(x / x.max()),
        "first": lambda x: net(x - 0.5 * x[:1]),
        "mean": lambda x: net(x - x.mean(0)),
        "norm in training mode": nn.BatchNorm2d(3, momentum=0.0),
        "one image only": lambda x: net(x).view(2, 5),
    }[mixes]
    if mixes == "norm in training mode":
        forward = nn.Sequential(forward, *net).train()
    settings = {"strides": 3, "target": 1}
    ours = Occlusion(forward).attribute(inputs, (3, 4, 4), **settings, perturbations_per_eval=windows)
    theirs = captum.attr.Occlusion(forward).attribute(inputs, (3, 4, 4), **settings)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize("baselines", [None, 1, 0.5, torch.tensor(0.5), torch.tensor(3)])
@pytest.mark.parametrize("kind", [torch.int64, torch.uint8])
def test_images_of_whole_numbers(kind, baselines):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = convolutional()

        def forward(self, x):
            return self.net(x.float() / 255)

    inputs = (images(2, 3, 12, 12) * 255).to(kind)
    agree(
        Scaled().eval(), inputs, (3, 4, 4), strides=(3, 4, 4), target=1, baselines=baselines, perturbations_per_eval=1
    )


def test_numbers_of_numpy_are_numbers():
    net, inputs = convolutional(), images(1, 3, 12, 12)
    expected = Occlusion(net).attribute(inputs, (3, 4, 4), strides=3, target=1)
    for strides in (np.int64(3), (np.int64(3), 3, np.int32(3))):
        found = Occlusion(net).attribute(inputs, (3, np.int64(4), 4), strides=strides, target=np.int64(1))
        torch.testing.assert_close(found, expected)


def test_it_is_found_beside_heatmap():
    from kryptonlib import occlusion

    assert occlusion.Occlusion is Occlusion


@dataclasses.dataclass
class Answer:
    """What a network of another library returns."""

    logits: torch.Tensor


@pytest.mark.parametrize(
    "arguments, error, hint",
    [
        ({"sliding_window_shapes": 4}, TypeError, "sliding_window_shapes must be a tuple of whole numbers"),
        ({"sliding_window_shapes": (3, 4.0, 4)}, TypeError, "sliding_window_shapes must be a tuple of whole numbers"),
        ({"strides": (3, 4.5, 4)}, TypeError, "strides must be a tuple of whole numbers"),
        ({"strides": "3"}, TypeError, "strides must be a tuple of whole numbers"),
        ({"inputs": torch.rand(0, 3, 12, 12)}, ValueError, "hold no example"),
        ({"inputs": torch.full((1, 3, 12, 12), torch.nan)}, ValueError, "inputs hold NaN"),
        ({"inputs": np.zeros((1, 3, 12, 12))}, TypeError, "inputs must be a tensor"),
        ({"inputs": (torch.rand(1, 3), torch.rand(2, 3))}, ValueError, "equally many examples"),
        ({"baselines": torch.tensor(torch.inf)}, ValueError, "baseline holds NaN"),
        ({"baselines": "black"}, TypeError, "a baseline must be a number or a tensor"),
        ({"target": 1.7}, TypeError, "target must be"),
        ({"target": torch.tensor(1.7)}, TypeError, "target must be"),
        ({"target": [1.7]}, TypeError, "target must be"),
        ({"target": (1.7,)}, TypeError, "target must be"),
        ({"target": [9]}, ValueError, "out of range"),
        ({"perturbations_per_eval": 2.5}, ValueError, "perturbations_per_eval"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, hint):
    settings = {"inputs": images(1, 3, 12, 12), "sliding_window_shapes": (3, 4, 4), "target": 1, **arguments}
    with pytest.raises(error, match=hint):
        Occlusion(convolutional()).attribute(**settings)


@pytest.mark.parametrize("wrap", [lambda y: (y, y), lambda y: {"logits": y}, lambda y: Answer(y), lambda y: [y]])
@pytest.mark.parametrize("module", [True, False])
@pytest.mark.filterwarnings("ignore:.*forward pass")
def test_an_output_that_is_no_tensor_is_refused(wrap, module):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = convolutional()

        def forward(self, x):
            return wrap(self.net(x))

    net = Wrapped().eval()
    with pytest.raises(TypeError, match="must return a tensor or a number, got .*; wrap it in a function"):
        Occlusion(net if module else lambda x: net(x)).attribute(images(1, 3, 12, 12), (3, 4, 4), target=1)


@pytest.mark.parametrize(
    "arguments, hint",
    [
        ({"sliding_window_shapes": (3, 13, 4)}, "does not fit"),
        ({"sliding_window_shapes": (4, 4)}, "needs 3 window sizes"),
        ({"sliding_window_shapes": (3, 4, 4), "strides": (3, 5, 4)}, "stride 5"),
        ({"sliding_window_shapes": (3, 4, 4), "strides": 0}, "stride 0"),
        ({"sliding_window_shapes": (3, 4, 4), "strides": 4, "target": 5}, "out of range"),
        ({"sliding_window_shapes": (3, 4, 4), "strides": 4, "target": [1, 2]}, "2 targets for 1 examples"),
        ({"sliding_window_shapes": (3, 4, 4), "baselines": torch.zeros(2, 2), "target": 1}, "baseline of shape"),
        ({"sliding_window_shapes": (3, 4, 4), "perturbations_per_eval": 0}, "perturbations_per_eval"),
    ],
)
def test_bad_input_is_refused(arguments, hint):
    settings = {"strides": (3, 4, 4), **arguments}
    if settings["strides"] == 4:
        settings["strides"] = (3, 4, 4)
    with pytest.raises(ValueError, match=hint):
        Occlusion(convolutional()).attribute(images(1, 3, 12, 12), **settings)
