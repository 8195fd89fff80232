"""The networks: what they answer on real images, what their input looks like, and what untrained ones are made of."""

import copy
import math
from urllib.error import URLError

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torchvision import models
from torchvision.transforms import functional as pillow_transforms

# Before torchvision, which would not import beside a CPU-only torch.
from kryptonlib import samples, store, zoo
from kryptonlib.zoo.padding import same_conv, same_max_pool, same_padding
from kryptonlib.zoo.seeded import _calibration_batch
from kryptonlib.zoo.xception import Xception

OFFLINE = ["efficientnet-lite0", "vgg16-tumour", "xception-pneumonia"]


@pytest.fixture(scope="module")
def classifiers():
    return {name: zoo.load(name, device="cpu") for name in OFFLINE}


# SAME padding.


@given(size=st.integers(1, 40), kernel=st.integers(1, 7), stride=st.integers(1, 4))
def test_same_padding_is_the_least_that_gives_the_right_size(size, kernel, stride):
    before, after = same_padding(size, kernel, stride)
    positions = math.ceil(size / stride)
    assert after - before in (0, 1)
    assert (size + before + after - kernel) // stride + 1 >= positions
    if before + after > 0:
        assert (size + before + after - 1 - kernel) // stride + 1 < positions


@given(size=st.integers(2, 12), kernel=st.integers(1, 5), stride=st.integers(1, 3), seed=st.integers(0, 99))
def test_same_layers_equal_brute_force(size, kernel, stride, seed):
    image = torch.randn(1, 2, size, size, generator=torch.Generator().manual_seed(seed)) - 3
    conv = nn.Sequential(*same_conv(2, 2, kernel, stride=stride, groups=2, size=size))
    pool = nn.Sequential(*same_max_pool(kernel, stride, size=size)) if kernel > 1 else nn.MaxPool2d(1, stride)
    before, positions = same_padding(size, kernel, stride)[0], math.ceil(size / stride)
    sums, maxima = torch.zeros(2, positions, positions), torch.zeros(2, positions, positions)
    for row in range(positions):
        for column in range(positions):
            top, left = row * stride - before, column * stride - before
            rows, columns = range(max(top, 0), min(top + kernel, size)), range(max(left, 0), min(left + kernel, size))
            window = image[0][:, rows.start : rows.stop, columns.start : columns.stop]
            weight = conv[-1].weight[
                :, 0, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ]
            sums[:, row, column] = (window * weight).sum(dim=(1, 2))
            maxima[:, row, column] = window.amax(dim=(1, 2))
    assert torch.allclose(conv(image)[0], sums, atol=1e-5)
    assert torch.equal(pool(image)[0], maxima)


# What the trained networks answer.


def test_efficientnet_lite0_on_foolboxs_photos(classifiers):
    cnn = classifiers["efficientnet-lite0"]
    photos = [samples.load(f"imagenet-{index:02d}") for index in range(20)]
    with torch.inference_mode():
        best = cnn.module(torch.cat([cnn.prepare(photo) for photo in photos])).topk(5).indices.tolist()
    assert sum(photo.label == indices[0] for photo, indices in zip(photos, best, strict=True)) == 18
    assert sum(photo.label in indices for photo, indices in zip(photos, best, strict=True)) == 19


def test_xception_on_its_chest_x_rays(classifiers):
    cnn = classifiers["xception-pneumonia"]
    x_rays = [samples.load(f"chest-{index:02d}") for index in range(16)]
    assert sum(cnn.predict(x_ray, top=1)[0][0] == x_ray.label for x_ray in x_rays) == 13


@pytest.mark.parametrize("name", ["mni152-70", "mni152-90", "mni152-110"])
def test_tumour_network_on_the_average_of_healthy_brains(classifiers, name):
    assert classifiers["vgg16-tumour"].predict(samples.load(name))[0][0] == "notumor"


def test_predict_orders_names_and_probabilities(classifiers):
    cat = samples.load("chelsea")
    for cnn in classifiers.values():
        everything = cnn.predict(cat, top=10_000)
        names, probabilities = zip(*everything)
        assert sorted(names) == sorted(cnn.class_names)
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
        assert list(probabilities) == sorted(probabilities, reverse=True)
        assert cnn.predict(cat, top=2) == everything[:2]
    assert classifiers["efficientnet-lite0"].predict(cat)[0][0] in ("tabby", "tiger cat", "Egyptian cat")


# What they are made of.

PLAIN_LAYERS = (
    nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.ZeroPad2d, nn.ConstantPad2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d,
    nn.Linear, nn.Flatten, nn.Dropout,
)  # fmt: skip


@pytest.mark.parametrize("name", OFFLINE)
def test_networks_are_plain_traceable_modules_in_eval_mode(classifiers, name):
    cnn = classifiers[name]
    assert not cnn.module.training
    assert not any(parameter.requires_grad for parameter in cnn.module.parameters())
    leaves = [module for module in cnn.module.modules() if not list(module.children())]
    assert all(isinstance(leaf, PLAIN_LAYERS) for leaf in leaves)
    traced = torch.fx.symbolic_trace(cnn.module)
    image = cnn.prepare(samples.load("camera"))
    assert image.shape == (1, 3, *cnn.input_size)
    assert torch.equal(traced(image), cnn.module(image))
    assert cnn.module(image).shape == (1, len(cnn.class_names))


# Preparing an image.


@pytest.mark.parametrize("name", OFFLINE)
@pytest.mark.parametrize("size", [(300, 451), (97, 640), (31, 30), (224, 256)])
def test_prepare_equals_pillow(classifiers, name, size):
    """The pipelines that the weights come from: Pillow on 8-bit images, then a scale and an offset."""
    cnn = classifiers[name]
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    if name == "efficientnet-lite0":
        width, height = (int(256 * side / min(image.size)) for side in image.size)
        left, top = round((width - 224) / 2), round((height - 224) / 2)
        resized = image.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + 224, top + 224))
        expected = (np.asarray(resized, dtype=np.float32) - 127) / 128
    elif name == "vgg16-tumour":
        expected = np.asarray(image.resize((240, 240)), dtype=np.float32) / 255
    else:
        expected = np.asarray(image.resize((150, 150), Image.Resampling.NEAREST), dtype=np.float32) / 127.5 - 1
    prepared = cnn.prepare(pixels.astype(np.float32) / 255)[0].permute(1, 2, 0).numpy()
    assert np.abs(prepared - expected).max() < 1e-5


@pytest.mark.parametrize("name", OFFLINE)
def test_display_undoes_prepare(classifiers, name):
    cnn = classifiers[name]
    prepared = cnn.prepare(samples.load("coffee"))
    shown = cnn.display(prepared)
    assert shown.shape == (*cnn.input_size, 3) and shown.dtype == np.float32
    assert 0 <= shown.min() and shown.max() <= 1
    assert np.array_equal(shown, cnn.display(prepared[0]))
    assert torch.allclose(cnn.preprocessing.normalise(torch.from_numpy(shown).permute(2, 0, 1)), prepared[0], atol=1e-5)
    with pytest.raises(ValueError, match="expected \\[1, 3, H, W\\]"):
        cnn.display(torch.zeros(2, 3, 8, 8))


@pytest.mark.parametrize("name", OFFLINE)
@pytest.mark.parametrize("fill", [0.0, 1.0, 102 / 255, (0.2, 0.4, 0.8), np.array([1.0, 0.0, 0.6])])
def test_fill_value_is_what_a_constant_image_becomes(classifiers, name, fill):
    cnn = classifiers[name]
    image = np.broadcast_to(np.asarray(fill, dtype=np.float32), (20, 30, 3))
    prepared = cnn.prepare(image)
    expected = cnn.fill_value(fill)
    assert expected.shape == (3,)
    assert torch.allclose(prepared, expected[None, :, None, None].expand_as(prepared), atol=1e-5)


def test_grey_images_become_three_equal_channels(classifiers):
    cnn, image = classifiers["vgg16-tumour"], samples.load("camera").image
    prepared = cnn.prepare(image)
    assert torch.equal(prepared[:, 0], prepared[:, 1]) and torch.equal(prepared[:, 0], prepared[:, 2])
    assert torch.equal(prepared, cnn.prepare(np.stack([image] * 3, axis=-1).astype(np.float64)))


@pytest.mark.parametrize(
    "image, error, message",
    [
        (np.zeros((8, 8, 3), np.int64), TypeError, "int64"),
        (np.zeros((3, 8, 8)), ValueError, "channels last"),
        (np.zeros((1, 8, 8, 3)), ValueError, "one image"),
        (np.zeros((8, 8, 4)), ValueError, "alpha"),
        (np.zeros((8, 8, 2)), ValueError, r"\(8, 8, 2\)"),
        (np.zeros((0, 8)), ValueError, r"\(0, 8\)"),
        (np.zeros(8), ValueError, r"\[H, W\]"),
        (np.full((8, 8), np.nan), ValueError, "64 values are NaN"),
        (np.full((8, 8), np.inf), ValueError, "infinite"),
        (np.full((8, 8), 255.0), ValueError, "255"),
        (np.full((8, 8), -0.01), ValueError, "-0.01"),
    ],
)
def test_bad_images_are_refused(classifiers, image, error, message):
    for call in (classifiers["vgg16-tumour"].prepare, classifiers["vgg16-tumour"].predict, zoo.normalise):
        with pytest.raises(error, match=message):
            call(image)


@pytest.mark.parametrize("fill", [-0.1, 1.1, 128, (0.1, 0.2), float("nan"), (0.5, 0.5, 2)])
def test_bad_fills_are_refused(classifiers, fill):
    with pytest.raises(ValueError, match="grey value"):
        classifiers["vgg16-tumour"].fill_value(fill)


@pytest.mark.parametrize("top", [0, -1, 1.5])
def test_bad_top_is_refused(classifiers, top):
    with pytest.raises(ValueError, match="top"):
        classifiers["vgg16-tumour"].predict(samples.load("camera"), top=top)


# Finding and loading.


def test_unknown_names_list_names_like_them():
    for call in (zoo.load, zoo.architecture, zoo.untrained):
        with pytest.raises(ValueError, match="did you mean.*vgg16"):
            call("vgg61")
        with pytest.raises(ValueError, match="known are .*squeezenet1_0"):
            call("?")
    with pytest.raises(ValueError, match="did you mean vgg16"):
        zoo.trunk("vgg19")


def test_names_and_load_without_data(tmp_path, monkeypatch):
    monkeypatch.setenv("KRYPTON_DATA", str(tmp_path))
    for name in OFFLINE:
        assert zoo.names()[name] == "run `python -m kryptonlib data`"
        with pytest.raises(FileNotFoundError, match="python -m kryptonlib data"):
            zoo.load(name)


def test_names_with_data(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found = zoo.names()
    assert all(found[name] == "ready" for name in OFFLINE)
    assert found["vgg16"] == found["inception_v3"] == "needs a download"


def test_names_say_which_package_a_distilled_network_lacks(tmp_path, monkeypatch):
    monkeypatch.setenv("KRYPTON_DATA", str(tmp_path))
    found = zoo.names()
    assert found["vgg16-distilled"] == "run `python -m kryptonlib data`"
    assert found["inception_v3-distilled"] == "run `python -m kryptonlib data nsfwjs`"
    assert found["resnet18-distilled"] == "ready"
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "inception_v3-trunk.safetensors").touch()
    assert zoo.names()["inception_v3-distilled"] == "ready"


def test_no_network_gives_remedy_and_alternatives(tmp_path, monkeypatch):
    def unreachable(*arguments, **options):
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    with pytest.raises(ConnectionError, match="no route to host") as caught:
        zoo.load("resnet18")
    for word in ("Connect to the network", "resnet18-", "efficientnet-lite0", "zoo.architecture('resnet18')"):
        assert word in str(caught.value)


def put_weights(folder, name):
    """Make torchvision find random weights of a network where it would keep the downloaded ones."""
    torch.manual_seed(0)
    network = models.get_model(name, weights=None, **({"init_weights": False} if name == "inception_v3" else {}))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
    file = folder / "hub" / "checkpoints" / models.get_model_weights(name).DEFAULT.url.split("/")[-1]
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), file)
    return network.eval()


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18", pytest.param("inception_v3", marks=pytest.mark.long)])
def test_torchvision_networks_load_through_its_weights_api(tmp_path, monkeypatch, name):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    network = put_weights(tmp_path, name)
    assert zoo.names()[name] == "ready"
    cnn = zoo.load(name, device="cpu")
    weights = models.get_model_weights(name).DEFAULT
    assert cnn.class_names == weights.meta["categories"]
    if name == "inception_v3":
        network.transform_input = True
        assert cnn.input_size == (299, 299)
    photo = samples.load("china").image
    official = weights.transforms()(Image.fromarray(np.round(photo * 255).astype(np.uint8)))[None]
    with torch.no_grad():
        expected = network(official)
        assert (cnn.module(cnn.prepare(photo)) - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize("name", ["vgg16", "alexnet"])
def test_trunk_has_torchvisions_layout(name):
    with torch.device("meta"):
        reference = models.get_model(name, weights=None).features
    trunk = zoo.trunk(name, device="cpu")
    assert [type(module) for module in trunk] == [type(module) for module in reference]
    shapes = {key: value.shape for key, value in trunk.state_dict().items()}
    assert shapes == {key: value.shape for key, value in reference.state_dict().items()}
    assert not trunk.training and not any(module.inplace for module in trunk if isinstance(module, nn.ReLU))
    torch.fx.symbolic_trace(trunk)


def test_normalise_is_torchvisions():
    photo = samples.load("coffee").image
    expected = pillow_transforms.normalize(
        torch.from_numpy(photo).permute(2, 0, 1), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    )
    assert torch.allclose(zoo.normalise(photo)[0], expected, atol=1e-6)


def test_pick_device_prefers_cuda_then_mps(monkeypatch):
    for cuda, mps, expected in [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]:
        monkeypatch.setattr("torch.cuda.is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr("torch.backends.mps.is_available", lambda mps=mps: mps)
        assert zoo.pick_device().type == expected


# Untrained architectures.


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_0", "mobilenet_v3_small", "efficientnet-lite0"])
def test_seed_decides_the_weights_and_nothing_else_changes(name):
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    first, again, other = (zoo.architecture(name, seed=seed, num_classes=10) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    torch.rand(5)
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True))
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


def check_architecture(name):
    cnn = zoo.untrained(name, seed=3, device="cpu")
    net = cnn.module
    assert net.untrained and not net.training and not any(module.training for module in net.modules())
    assert "UNTRAINED weights, seed 3" in repr(net)
    assert cnn.name == f"{name} (untrained, seed 3)" and cnn.class_names[999] == "class 999"
    ranges = {}
    for key, module in net.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear, nn.BatchNorm2d)):

            def watch(module, inputs, output, key=key):
                ranges[key] = float(output.abs().max())

            module.register_forward_hook(watch)
    with torch.no_grad():
        logits = torch.cat([net(cnn.prepare(samples.load(photo))) for photo in ("chelsea", "china")])
    # Neither vanished nor exploded anywhere, and a softmax that is neither flat nor saturated.
    assert all(0.05 < largest < 1000 for largest in ranges.values()), ranges
    assert logits.shape == (2, 1000)
    spread = logits.std(dim=1)
    assert ((0.5 < spread) & (spread < 6)).all(), spread
    # Different images, different logits.
    assert (logits[0] - logits[1]).std() > 0.1 * spread.max()


@pytest.mark.parametrize(
    "name",
    ["alexnet", "resnet18", "squeezenet1_0", "mobilenet_v2", "mobilenet_v3_large", "densenet121", "efficientnet-lite0"],
)
def test_untrained_networks_behave(name):
    check_architecture(name)


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        "vgg11_bn",
        "vgg16",
        "vgg19",
        "resnet50",
        "resnet152",
        "inception_v3",
        "googlenet",
        "efficientnet_b0",
        "convnext_tiny",
        "mnasnet1_0",
        "shufflenet_v2_x1_0",
        "regnet_y_400mf",
        "resnext50_32x4d",
        "xception",
        "vgg16-tumour",
        "vit_b_32",
        "swin_t",
    ],
)
def test_more_untrained_networks_behave(name):
    check_architecture(name)


def test_batch_norm_statistics_are_those_of_the_calibration_batch():
    net = zoo.architecture("resnet18", seed=5)
    twin = copy.deepcopy(net).train()
    seen = {}
    for key, module in twin.named_modules():
        if isinstance(module, nn.BatchNorm2d):

            def note(module, inputs, key=key):
                seen[key] = inputs[0].transpose(0, 1).flatten(1)

            module.register_forward_pre_hook(note)
    with torch.no_grad():
        # Its noise is the first that the generator gives.
        twin(_calibration_batch(224, torch.Generator().manual_seed(5)))
    assert len(seen) == 20
    for key, values in seen.items():
        norm = net.get_submodule(key)
        assert norm.momentum == 0.1
        assert torch.allclose(norm.running_mean, values.mean(dim=1), atol=1e-5, rtol=1e-4)
        assert torch.allclose(norm.running_var, values.var(dim=1), rtol=1e-4)


def test_inception_is_the_plain_network():
    net = zoo.architecture("inception_v3", num_classes=7)
    assert net.input_size == (299, 299)
    assert net.AuxLogits is None and not net.transform_input
    traced = torch.fx.symbolic_trace(net)
    image = torch.rand(1, 3, 299, 299, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert traced(image).shape == (1, 7)
        assert torch.equal(traced(image), net(image))


def test_inceptions_trunk_is_the_plain_network_up_to_its_last_maps():
    net, trunk = zoo.architecture("inception_v3"), zoo.distilled.inception_v3_trunk()
    trunk.load_state_dict({key: value for key, value in net.state_dict().items() if not key.startswith("fc.")})
    image = torch.rand(1, 3, 299, 299, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps = trunk.eval()(image)
        assert maps.shape == (1, 2048, 8, 8)
        assert torch.equal(net.fc(net.avgpool(maps).flatten(1)), net(image))


def test_an_architecture_can_be_copied_and_is_torchvisions():
    net = zoo.architecture("resnet18", num_classes=10)
    assert type(net) is models.ResNet
    twin = copy.deepcopy(net)
    assert "UNTRAINED" in repr(twin) and twin.input_size == (224, 224)


@pytest.mark.parametrize("arguments", [{"seed": -1}, {"seed": 1.5}, {"num_classes": 1}, {"num_classes": "ten"}])
def test_bad_architecture_arguments_are_refused(arguments):
    (argument,) = arguments
    with pytest.raises(ValueError, match=argument):
        zoo.architecture("squeezenet1_1", **arguments)


def test_xception_has_as_many_parameters_as_its_figure():
    """Chollet 2016, figure 5, by hand: kernels, two numbers per channel for each batch norm, one linear layer."""

    def separable(channels_in, channels_out):
        return 9 * channels_in + channels_in * channels_out + 2 * channels_out

    widths = [64, 128, 128, 256, 256, 728, 728, *[728] * 24, 728, 1024, 1536, 2048]
    count = 27 * 32 + 2 * 32 + 9 * 32 * 64 + 2 * 64
    count += sum(separable(a, b) for a, b in zip(widths[:-1], widths[1:]))
    count += sum(a * b + 2 * b for a, b in [(64, 128), (128, 256), (256, 728), (728, 1024)])
    count += 2048 * 1000 + 1000
    with torch.device("meta"):
        net = Xception()
    assert sum(parameter.numel() for parameter in net.parameters()) == count
    assert net.input_size == 299


def test_store_holds_every_converted_network():
    expected = {*OFFLINE, "vgg16-trunk", "alexnet-trunk", "lpips-vgg16", "lpips-alexnet"}
    if zoo.names()["inception_v3-distilled"] == "ready":
        expected.add("inception_v3-trunk")
    assert set(store.files("weights/*.safetensors")) == {f"weights/{name}.safetensors" for name in expected}
