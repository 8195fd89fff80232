"""A classifier: a network in eval mode, what its input must look like, and the names of its classes."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as vision

from kryptonlib.images import as_rgb, to_uint8
from kryptonlib.reading import as_image


def pick_device():
    """The fastest device here: CUDA, then Apple's MPS, then the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes the input of a network: resize, crop the centre, subtract ``mean``, divide by ``std``.

    Attributes:
        size: side of the square input in pixels.
        resize: length in pixels of the shorter side before the crop; None stretches the image to ``size`` x ``size``.
        interpolation: Pillow's "bicubic", "bilinear" (both antialiased) or "nearest".
        mean, std: per channel (RGB), in units of the [0, 1] image.
    """

    size: int
    resize: int | None = None
    interpolation: str = "bilinear"
    mean: tuple = (0.485, 0.456, 0.406)
    std: tuple = (0.229, 0.224, 0.225)

    def picture(self, image):
        """The resized and cropped image, not normalised: Tensor [1, 3, size, size] in [0, 1], in steps of 1/255.

        The networks were trained on 8-bit images that Pillow resized, so the image is brought to 8 bits and Pillow
        resizes it: with other roundings the odd borderline photo changes its class.
        """
        picture = Image.fromarray(to_uint8(as_rgb(as_image(image))))
        target = [self.size, self.size] if self.resize is None else [self.resize]
        picture = vision.resize(picture, target, interpolation=InterpolationMode(self.interpolation))
        picture = vision.center_crop(picture, [self.size, self.size])
        return vision.to_dtype(vision.pil_to_tensor(picture), scale=True)[None]

    def normalise(self, pixels):
        """Tensor units of pixels [..., 3, H, W] in [0, 1]."""
        return (pixels - _channels(self.mean, pixels)) / _channels(self.std, pixels)

    def restore(self, tensor):
        """Pixels in [0, 1] of a normalised tensor [..., 3, H, W]; the inverse of ``normalise``."""
        return tensor * _channels(self.std, tensor) + _channels(self.mean, tensor)


def _channels(values, like):
    """One value per channel as a tensor [3, 1, 1] that goes with ``like``."""
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]


class Classifier:
    """A network in eval mode that returns logits, with its preprocessing and class names.

    Args:
        name: what to call it.
        module: nn.Module from [N, 3, H, W] to logits [N, classes]; it is set to eval mode and frozen, in place.
        preprocessing: a :class:`Preprocessing`.
        class_names: one name per logit.
        device: where it computes; None picks the fastest (``pick_device``).

    Example:
        >>> cnn = zoo.load("efficientnet-lite0")
        >>> cnn.predict(samples.load("chelsea").image, top=1)[0][0]
        'tiger cat'
    """

    def __init__(self, name, module, preprocessing, class_names, device=None):
        self.name = name
        self.device = pick_device() if device is None else torch.device(device)
        self.module = module.eval().to(self.device)
        for parameter in self.module.parameters():
            parameter.requires_grad_(False)
        self.preprocessing = preprocessing
        self.input_size = (preprocessing.size, preprocessing.size)
        self.class_names = list(class_names)

    def __repr__(self):
        height, width = self.input_size
        return f"Classifier({self.name}, input {height}x{width}, {len(self.class_names)} classes, {self.device})"

    def prepare(self, image):
        """The network's input: Tensor [1, 3, H, W], resized, cropped and normalised, on the classifier's device.

        Args:
            image: of any size, [H, W] (grey) or [H, W, 3] (RGB): floats in [0, 1], uint8 or uint16; or a Pillow image,
                the path of a file, or a ``samples.Sample`` (``reading.as_image``).

        Raises:
            TypeError: numbers whose range is not known. ValueError: wrong shape, NaN, or values outside [0, 1]; a file
                that cannot be read. FileNotFoundError: there is no such file.
        """
        return self.preprocessing.normalise(self.preprocessing.picture(image)).to(self.device)

    def display(self, tensor):
        """What the network sees, as an image: float32 [H, W, 3] in [0, 1] of a prepared tensor [1, 3, H, W].

        Heat maps lie on this image, not on the original: it is resized and cropped.
        """
        shape = tuple(tensor.shape)
        if len(shape) not in (3, 4) or shape[-3] != 3 or (len(shape) == 4 and shape[0] != 1):
            raise ValueError(f"tensor: got shape {shape}, expected [1, 3, H, W] as prepare() returns it")
        pixels = self.preprocessing.restore(tensor.detach().float()).clamp(0, 1)
        return pixels.reshape(shape[-3:]).permute(1, 2, 0).cpu().numpy()

    def fill_value(self, fill):
        """The tensor units [3] of a constant colour.

        Args:
            fill: a grey value in [0, 1], or three of them (RGB).
        """
        colour = np.asarray(fill, dtype=np.float32)
        if colour.shape not in ((), (3,)) or not np.isfinite(colour).all() or colour.min() < 0 or colour.max() > 1:
            raise ValueError(f"fill: got {fill!r}, expected a grey value in [0, 1] or three of them (red, green, blue)")
        pixels = torch.from_numpy(np.broadcast_to(colour, (3,)).copy())[:, None, None]
        return self.preprocessing.normalise(pixels)[:, 0, 0].to(self.device)

    def predict(self, image, top=5):
        """The most probable classes of an image: [(class name, probability), ...], best first.

        Args:
            image: as for ``prepare``.
            top: how many; at least 1. All classes are given if there are fewer.
        """
        if not isinstance(top, int) or top < 1:
            raise ValueError(f"top: got {top!r}, expected a whole number of at least 1")
        with torch.inference_mode():
            probabilities = self.module(self.prepare(image)).softmax(1)[0].cpu()
        values, indices = probabilities.topk(min(top, len(probabilities)))
        return [(self.class_names[index], float(value)) for index, value in zip(indices, values, strict=True)]
