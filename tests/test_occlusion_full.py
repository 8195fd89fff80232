"""The brute-force heat map against a naive loop, against Captum, and against bad input."""

import numpy as np
import pytest
import torch
from captum.attr import Occlusion
from PIL import Image
from torch import nn

from kryptonlib import occlusion, samples, zoo
from kryptonlib.occlusion.fold import fold, prepared
from kryptonlib.occlusion.full import largest_batch, measure
from kryptonlib.occlusion.scores import score


class Branches(nn.Module):
    """A small net with what folding could get wrong: a shared convolution, a skip connection, a grouped one."""

    def __init__(self, classes=5):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.shared = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.norms = nn.ModuleList([nn.BatchNorm2d(8), nn.BatchNorm2d(8)])
        self.rectifier = nn.ReLU()
        self.linear = nn.Linear(8, classes)

    def forward(self, x):
        x = self.rectifier(self.norm(self.first(x)))
        x = x + self.norms[0](self.shared(x))
        x = torch.relu(self.norms[1](self.shared(x))) + x
        return self.linear(x.mean((2, 3)))


class Deciding(Branches):
    """Python code that looks at the values: torch.fx cannot trace it."""

    def forward(self, x):
        return super().forward(x) if x.sum() > -1e9 else x


def network(kind=Branches, seed=0, **options):
    torch.manual_seed(seed)
    net = kind(**options)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            nn.init.normal_(part.weight, 1, 0.3)
            nn.init.normal_(part.bias)
        elif isinstance(part, nn.Linear):
            nn.init.normal_(part.weight)
    return net.eval()


def picture(seed=1, size=(20, 23)):
    return torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(seed))


def naive(net, image, grid, fill, targets, kind):
    """The definition, one image at a time."""
    values = torch.empty(len(targets), len(grid), dtype=torch.float64)
    for number, (top, left) in enumerate(grid.positions()):
        covered = image.clone()
        box = np.s_[:, :, top : top + grid.patch[0], left : left + grid.patch[1]]
        covered[box] = torch.as_tensor(fill, dtype=image.dtype).reshape(1, -1, 1, 1)
        with torch.no_grad():
            values[:, number] = score(net(covered), targets, kind)[:, 0]
    return values.reshape(len(targets), *grid.shape).numpy()


def direct_score(logits, target, kind):
    p = torch.softmax(logits.double(), 1)[:, target]
    own = logits[:, target].double()
    return {"probability": p, "log-odds": torch.log(p / (1 - p)), "logit": own, "output": own}[kind]


@pytest.mark.parametrize("kind", occlusion.SCORES)
def test_scores_equal_their_formulas(kind):
    logits = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))
    got = score(logits, [2, 0], kind)
    for row, target in zip(got, [2, 0]):
        torch.testing.assert_close(row, direct_score(logits, target, kind), rtol=1e-12, atol=1e-12)


def test_log_odds_stay_exact_where_the_probability_is_one():
    logits = torch.tensor([[60.0, 0.0, 0.0], [900.0, 0.0, 0.0]])
    torch.testing.assert_close(
        score(logits, [0], "log-odds")[0], torch.tensor([60.0, 900.0]).double() - np.log(2), rtol=1e-12, atol=0
    )
    assert (score(logits, [0], "probability")[0] == 1).all()


@pytest.mark.parametrize("kind", [Branches, Deciding])
@pytest.mark.parametrize("scored", occlusion.SCORES)
@pytest.mark.parametrize(
    "options",
    [
        dict(patch=5, stride=3),
        dict(patch=(4, 7), stride=(3, 2), cover="flush"),
        dict(patch=(7, 3), stride=5, region=(2, 5, 15, 11), batch_size=3),
        dict(patch=(20, 23), stride=1),
        dict(patch=1, stride=4, batch_size=1),
    ],
)
def test_equals_the_naive_loop(kind, scored, options):
    net, image, fill = network(kind), picture(), (0.5, -1.0, 2.0)
    heat = occlusion.heatmap(net, image, target=[3, 1], score=scored, fill=fill, method="full", **options)
    np.testing.assert_allclose(heat.values, naive(net, image, heat.grid, fill, [3, 1], scored), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(heat.baseline, score(net(image), [3, 1], scored)[:, 0].detach(), rtol=1e-5, atol=1e-6)


def test_one_target_is_the_top_class_and_gives_a_plain_map():
    net, image = network(), picture()
    heat = occlusion.heatmap(net, image, patch=6, stride=4, method="full")
    assert heat.target == int(net(image).argmax()) and isinstance(heat.baseline, float)
    assert heat.values.shape == heat.grid.shape == (4, 5)


def test_the_model_is_left_as_it_was():
    net, image = network(), picture()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    kept = image.clone()
    occlusion.heatmap(net, image, patch=4, stride=2, method="full")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(image, kept) and net.rectifier.inplace is False
    assert net.first.weight.requires_grad


@pytest.mark.parametrize("seed", range(5))
def test_folding_keeps_the_function(seed):
    net, image = network(seed=seed), picture(seed)
    folded = fold(net)
    torch.testing.assert_close(folded(image), net(image), rtol=1e-4, atol=1e-4)
    # The shared convolution has two norms: only the first pair may be folded.
    assert sum(isinstance(part, nn.BatchNorm2d) for part in folded.modules()) == 2


def test_mean_and_blur_fills():
    net, image = network(), picture()
    heat = occlusion.heatmap(net, image, patch=4, stride=4, fill="mean", target=0, score="logit", method="full")
    expected = naive(net, image, heat.grid, image.mean((0, 2, 3)), [0], "logit")[0]
    np.testing.assert_allclose(heat.values, expected, rtol=1e-4, atol=1e-4)
    from scipy.ndimage import gaussian_filter

    job = occlusion.prepare(net, image, patch=(4, 6), fill="blur")
    blurred = np.stack([gaussian_filter(channel, 3.0, mode="nearest", truncate=3) for channel in image[0].numpy()])
    np.testing.assert_allclose(job.fill.numpy(), blurred, atol=1e-5)


def classifier(size=24):
    scale = zoo.Preprocessing(size=size, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.1))
    return zoo.Classifier("small", network(), scale, class_names=list("abcde"), device="cpu")


def test_a_classifier_takes_whatever_holds_an_image(tmp_path):
    """Arrays of 8 and 16 bits, Pillow images, files and samples give what the same pixels give as floats."""
    cnn = classifier()
    pixels = np.random.default_rng(0).integers(256, size=(30, 27, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    picture.save(tmp_path / "a.png")
    floats = pixels.astype(np.float32) / 255
    sample = samples.Sample("a", floats, "", "", "photo", None, "test", "a", True)
    expected = occlusion.heatmap(cnn, floats, patch=8, stride=8, method="full").values
    held = [pixels, pixels.astype(np.uint16) * 257, picture, tmp_path / "a.png", str(tmp_path / "a.png"), sample]
    for image in held:
        assert torch.equal(cnn.prepare(image), cnn.prepare(floats))
        assert cnn.predict(image) == cnn.predict(floats)
        np.testing.assert_array_equal(occlusion.heatmap(cnn, image, patch=8, stride=8, method="full").values, expected)
    with pytest.raises(FileNotFoundError, match="none.png"):
        occlusion.heatmap(cnn, tmp_path / "none.png")


def test_a_classifier_takes_images_and_fills_in_image_space():
    cnn = classifier()
    image = np.random.default_rng(0).integers(256, size=(24, 24, 3)).astype(np.float32) / 255
    colour = (0.1, 0.9, 0.5)
    heat = occlusion.heatmap(cnn, image, patch=8, stride=8, fill=colour, method="full")
    tensor_fill = (np.array(colour) - [0.4, 0.5, 0.6]) / [0.2, 0.3, 0.1]
    expected = naive(cnn.module, cnn.prepare(image), heat.grid, tensor_fill, [heat.target], "probability")[0]
    np.testing.assert_allclose(heat.values, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(heat.picture, image, atol=1e-5)
    assert heat.names == ("abcde"[heat.target],)


def captum_map(net, image, target, patch, stride, fill):
    wrapped = nn.Sequential(net, nn.Softmax(1))
    base = torch.as_tensor(fill, dtype=image.dtype).reshape(1, -1, 1, 1).expand_as(image)
    found = Occlusion(wrapped).attribute(
        image,
        target=target,
        sliding_window_shapes=(3, *patch),
        strides=(3, *stride),
        baselines=base,
        perturbations_per_eval=16,
    )
    return found[0].detach().numpy()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("patch, stride", [((6, 5), (2, 3)), ((4, 3), (4, 2)), ((20, 23), (1, 1))])
def test_attribution_equals_captum(seed, patch, stride):
    net, image, fill = network(seed=seed), picture(seed), (0.2, -0.4, 1.0)
    heat = occlusion.heatmap(net, image, patch=patch, stride=stride, target=2, fill=fill, method="full")
    expected = captum_map(net, image, 2, patch, stride, fill)
    np.testing.assert_allclose(np.broadcast_to(heat.attribution(), expected.shape), expected, atol=1e-5)


def test_captum_s_cut_off_last_patch_is_the_only_difference():
    # 20 rows, patch 6, stride 4: Captum adds a position at 16 and cuts two rows off its patch.
    net, image = network(), picture(size=(20, 22))
    heat = occlusion.heatmap(net, image, patch=6, stride=4, target=0, method="full")
    expected = captum_map(net, image, 0, (6, 6), (4, 4), 0.0)[0]
    np.testing.assert_allclose(heat.attribution()[:16], expected[:16], atol=1e-5)
    assert np.isnan(heat.attribution()[18:]).all() and np.isfinite(expected[18:]).all()


@pytest.mark.long
def test_the_heat_map_of_chelsea_equals_captum():
    cnn, sample = zoo.load("efficientnet-lite0", device="cpu"), samples.load("chelsea")
    heat = occlusion.heatmap(cnn, sample, patch=32, stride=16, fill=0.5, method="full")
    fill = cnn.fill_value(0.5)
    expected = captum_map(cnn.module, cnn.prepare(sample.image), heat.target, (32, 32), (16, 16), fill)
    np.testing.assert_allclose(np.broadcast_to(heat.attribution(), expected.shape), expected, atol=1e-5)


class Watched(nn.Module):
    """Remembers the batch sizes that it was given."""

    def __init__(self):
        super().__init__()
        self.layers = network()
        self.sizes = []

    def forward(self, x):
        if not isinstance(x, torch.fx.Proxy):
            self.sizes.append(len(x))
        return self.layers(x)


def test_the_memory_limit_bounds_the_batch():
    image, each = picture(size=(64, 64)), 3 * 64 * 64 * 4 + 2 * (3 * 64 * 64 + 8 * 32 * 32) * 4
    net = Watched()
    job = occlusion.prepare(net.eval(), image, patch=8, stride=8, memory_limit=10 * each)
    assert largest_batch(job, each) == 10
    heat = occlusion.heatmap(net, image, patch=8, stride=8, memory_limit=10 * each, method="full")
    assert heat.info["batch_size"] <= 10
    small = occlusion.heatmap(net, image, patch=8, stride=8, memory_limit=each + 1, method="full")
    assert small.info["batch_size"] == 1
    np.testing.assert_allclose(small.values, heat.values, atol=1e-5)
    with pytest.raises(ValueError, match="raise it or lower batch_size"):
        occlusion.heatmap(net, image, patch=8, memory_limit=each - 1, method="full")


def test_the_asked_batch_size_is_used():
    net = Watched().eval()
    occlusion.heatmap(net, picture(), patch=8, stride=8, batch_size=2, method="full")
    assert max(net.sizes) == 2
    # Clean pass, measuring pass, two random images alone, three images each before and behind two others, two passes.
    assert net.sizes == [1, 1, 1, 1] + [2] * 12 + [2, 2]


def test_progress_tells_every_step(capsys):
    told = []
    options = dict(patch=8, stride=4, batch_size=5, method="full")
    occlusion.heatmap(network(), picture(), **options, progress=lambda *step: told.append(step))
    assert [done for done, *_ in told] == [5, 10, 15, 16] and {total for _, total, _ in told} == {16}
    assert told[-1][2] == 0 and all(left >= 0 for *_, left in told)
    occlusion.heatmap(network(), picture(), patch=8, stride=4, method="full", progress=True)
    assert "16/16 patches, 0 s left" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change, error, message",
    [
        (dict(model="vgg"), TypeError, "zoo.Classifier or a torch.nn.Module"),
        (dict(image=np.zeros((3, 8, 8))), TypeError, "prepared tensor"),
        (dict(image=torch.zeros(3, 8, 8)), ValueError, r"must be \[1, C, H, W\]"),
        (dict(image=torch.zeros(1, 3, 8, 8, dtype=torch.int64)), TypeError, "floating point"),
        (dict(image=torch.full((1, 3, 8, 8), torch.nan)), ValueError, "NaN"),
        (dict(target=5), ValueError, "classes 0 to 4"),
        (dict(target=-1), ValueError, "out of range"),
        (dict(target=1.5), TypeError, "class index"),
        (dict(target=[]), ValueError, "empty"),
        (dict(score="probabilty"), ValueError, "did you mean probability"),
        (dict(method="fast"), ValueError, "method"),
        (dict(plan=[1]), ValueError, "approximate"),
        (dict(fill="black"), ValueError, "fill"),
        (dict(fill=(1, 2)), ValueError, "3 of them"),
        (dict(fill=float("nan")), ValueError, "fill"),
        (dict(fill=None), TypeError, "fill must be a number"),
        (dict(fill=[None]), TypeError, "fill must be a number"),
        (dict(fill={}), TypeError, "fill must be a number"),
        (dict(region=4), ValueError, "region must be four integers .*, got 4"),
        (dict(region="abcd"), ValueError, "region must be four integers"),
        (dict(region=(0, 0, 4.0, 4)), ValueError, "region must be four integers"),
        (dict(patch=30), ValueError, "larger than"),
        (dict(stride=0), ValueError, "stride"),
        (dict(batch_size=0), ValueError, "batch_size"),
        (dict(memory_limit=-5), ValueError, "memory_limit"),
        (dict(progress=3), TypeError, "progress"),
        (dict(model=network().train()), ValueError, r"call \.eval"),
        (dict(model=nn.Sequential(nn.Flatten(2)).eval()), TypeError, "logits of shape"),
        (dict(model=network(classes=1)), ValueError, "score 'output'"),
        (dict(model=nn.Sequential(nn.Flatten(), nn.Threshold(1e9, torch.inf)).eval()), ValueError, "not finite"),
    ],
)
def test_bad_input_is_told(change, error, message):
    with pytest.raises(error, match=message):
        occlusion.heatmap(**{"model": network(), "image": picture(), "patch": 4, "method": "full", **change})


@pytest.mark.parametrize(
    "image, fill, error, message",
    [
        (torch.zeros(1, 3, 24, 24), 0.0, TypeError, "classifier.module"),
        (np.zeros((24, 24, 3), np.int64), 0.0, TypeError, "int64"),
        (np.full((24, 24), 2.0), 0.0, ValueError, r"\[0, 1\]"),
        (np.zeros((24, 24)), 128, ValueError, r"\[0, 1\]"),
    ],
)
def test_a_classifier_refuses_bad_images(image, fill, error, message):
    with pytest.raises(error, match=message):
        occlusion.heatmap(classifier(), image, fill=fill, method="full")


@pytest.mark.long
@pytest.mark.parametrize("name", ["vgg11", "resnet18", "densenet121", "mobilenet_v2", "squeezenet1_0"])
def test_the_estimate_bounds_what_torch_allocates(name):
    from torch.profiler import ProfilerActivity, profile
    from torchvision import models

    image = torch.randn(1, 3, 160, 160)
    job = occlusion.prepare(getattr(models, name)(weights=None).eval(), image, patch=16, stride=16)
    ready = prepared(job.module)
    batch = image.repeat(4, 1, 1, 1).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        each = measure(job, ready)
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
            ready(batch)
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    changes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    peak = max(np.cumsum(changes)) + batch.nbytes
    assert peak > batch.nbytes and peak <= 4 * each


def test_a_network_with_one_output_is_explained_by_its_output():
    """A regression: the map is the number that the network returns, and what compares classes is refused."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1)).eval()
    image = picture()
    heat = occlusion.heatmap(net, image, patch=5, stride=4, score="output", method="full")
    assert heat.names == ("output 0",) and heat.score == "output"
    for i, j in np.ndindex(*heat.grid.shape):
        covered = image.clone()
        covered[:, :, 4 * i : 4 * i + 5, 4 * j : 4 * j + 5] = 0
        assert heat.values[i, j] == pytest.approx(net(covered).item(), rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(
        occlusion.heatmap(net, image, patch=5, stride=4, score="output").values, heat.values, rtol=1e-5, atol=1e-6
    )
    for scored in ("probability", "log-odds"):
        with pytest.raises(ValueError, match=f"one output.*got '{scored}'.*Ask for the score 'output'"):
            occlusion.heatmap(net, image, patch=5, stride=4, score=scored)
