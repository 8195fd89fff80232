"""What every method of computing a heat map shares: the checked input as a :class:`Job`.

``prepare`` turns what a caller says (an image, a fill in image space, a target or none) into tensors; the methods
(``full``, ``incremental``) turn a job into values. Both therefore occlude the same pixels with the same numbers.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from kryptonlib.choices import check_choice
from kryptonlib.gaussian import gaussian_blur
from kryptonlib.occlusion.grid import Grid, make_grid
from kryptonlib.occlusion.scores import SCORES, check_outputs, score
from kryptonlib.zoo.classifier import Classifier


@dataclass
class Job:
    """One occlusion experiment, checked and in tensor units.

    Attributes:
        module: the network, in evaluation mode, returning logits [n, classes].
        image: the clean input [1, C, H, W] on the module's device.
        grid: the patch positions.
        fill: what a patch shows [C, H, W]: the batch item i has ``fill[:, box_i]`` pasted over ``image``.
        targets: the class indices to follow.
        score: one of ``scores.SCORES``.
        clean_logits: logits of the clean image [1, classes].
        batch_size: patches per forward pass, or None to choose.
        memory_limit: bytes that activations may take, or None.
        picture: the input as a picture in [0, 1], [H, W] or [H, W, 3], for display.
        names: the targets' names.
        several: True where the caller gave several targets, so that values keep their axis.
        filling: the fill as the caller gave it, as a text.
        plan: settings of an approximate method, or None.
        info: what a method wants to tell with its result (numbers and texts).
        notes: what a method had to do otherwise than asked, each a text; ``heatmap`` warns of them together.
    """

    module: nn.Module
    image: torch.Tensor
    grid: Grid
    fill: torch.Tensor
    targets: tuple
    score: str
    clean_logits: torch.Tensor
    batch_size: int = None
    memory_limit: int = None
    picture: np.ndarray = None
    names: tuple = ()
    several: bool = False
    filling: str = ""
    plan: object = None
    info: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)

    def values(self, logits):
        """Scores of the targets, float64 [T, n], from logits [n, classes]."""
        return score(logits, self.targets, self.score)


def prepare(
    model,
    image,
    *,
    patch=16,
    stride=4,
    target=None,
    score="probability",
    fill=0.0,
    region=None,
    cover="grid",
    batch_size=None,
    memory_limit=None,
):
    """Check the arguments of :func:`kryptonlib.occlusion.heatmap` and make a :class:`Job` of them."""
    check_choice("score", score, SCORES)
    for name, value in (("batch_size", batch_size), ("memory_limit", memory_limit)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1):
            raise ValueError(f"{name} must be a positive integer or None, got {value!r}")
    if isinstance(model, nn.Module):
        module, classifier = model, None
        tensor = _checked_tensor(image)
    elif isinstance(model, Classifier):
        module, classifier = model.module, model
        tensor = model.prepare(_image_of(image))
    else:
        raise TypeError(f"model must be a zoo.Classifier or a torch.nn.Module, got {type(model).__name__}")
    if any(part.training for part in module.modules()):
        raise ValueError("the network is in training mode (dropout and batch norm would change the map): call .eval()")
    # A network without weights computes where its input lies.
    weight = next((p for p in module.parameters() if p.is_floating_point()), tensor)
    tensor = tensor.detach().as_subclass(torch.Tensor).to(device=weight.device, dtype=weight.dtype)
    if not tensor.is_contiguous() and not tensor.is_contiguous(memory_format=torch.channels_last):
        # A cut-out or an expanded image lies in neither of torch's two orders.
        tensor = tensor.contiguous()
    grid = make_grid(tensor.shape[2:], patch, stride, region, cover)
    with torch.inference_mode():
        # A network may write into its input.
        logits = checked_logits(module(tensor.clone()), 1)
    if not torch.isfinite(logits).all():
        raise ValueError("the network's logits for the clean image are not finite; check its weights and the input")
    classes = logits.shape[1]
    check_outputs(classes, score)
    targets = _targets(target, logits)
    names = classifier.class_names if classifier else None
    unnamed = "output" if score == "output" else "class"
    return Job(
        module=module,
        image=tensor,
        grid=grid,
        fill=_fill(fill, tensor, classifier, grid.patch),
        targets=targets,
        score=score,
        clean_logits=logits,
        batch_size=batch_size,
        memory_limit=memory_limit,
        picture=_picture(tensor, classifier),
        names=tuple(str(names[t]) if names else f"{unnamed} {t}" for t in targets),
        several=np.ndim(target) == 1,
        filling=str(fill),
    )


def checked_logits(output, count):
    """``output`` if it is a tensor of logits [count, classes]."""
    if not isinstance(output, torch.Tensor) or output.ndim != 2 or output.shape[0] != count:
        got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise TypeError(f"the network must return logits of shape [{count}, classes], got {got}")
    return output


def _image_of(image):
    """The image itself; ``Classifier.prepare`` checks it, and knows arrays, Pillow images, files and samples."""
    if isinstance(image, torch.Tensor):
        raise TypeError(
            "a zoo.Classifier takes an image (array [H, W] or [H, W, 3] in [0, 1]), not a prepared tensor; "
            "pass classifier.module as the model to use a tensor"
        )
    return image


def _checked_tensor(image):
    if not isinstance(image, torch.Tensor):
        raise TypeError(
            f"with a plain nn.Module the image must be a prepared tensor [1, C, H, W], got {type(image).__name__}; "
            "zoo.load gives a classifier that prepares images itself"
        )
    if image.ndim != 4 or image.shape[0] != 1:
        raise ValueError(f"the prepared tensor must be [1, C, H, W], got {tuple(image.shape)}")
    if not image.is_floating_point():
        raise TypeError(f"the prepared tensor must be floating point, got {image.dtype}")
    if not torch.isfinite(image).all():
        raise ValueError("the prepared tensor holds NaN or infinite values")
    return image


def _targets(target, logits):
    classes = logits.shape[1]
    if target is None:
        return (int(logits.argmax(1)),)
    wanted = (target,) if np.ndim(target) == 0 else tuple(target)
    if not wanted:
        raise ValueError("target is empty; give a class index, several, or None for the top class")
    for one in wanted:
        if isinstance(one, bool) or not isinstance(one, (int, np.integer)):
            raise TypeError(f"target must be a class index (integer), several, or None, got {target!r}")
        if not 0 <= one < classes:
            raise ValueError(f"target {one} is out of range: the network has classes 0 to {classes - 1}")
    return tuple(int(one) for one in wanted)


def _fill(fill, tensor, classifier, patch):
    """What a patch shows, [C, H, W] in tensor units."""
    clean = tensor[0]
    if fill is None or isinstance(fill, bool):
        raise TypeError(
            f"fill must be a number, one number a channel, 'mean' or 'blur', got {fill!r}; 0.0 is the default"
        )
    if isinstance(fill, str):
        # Mean and blur commute with the classifier's affine normalisation, so tensor space is as good as image space.
        check_choice("fill", fill, ("mean", "blur"))
        return gaussian_blur(clean, max(patch) / 2) if fill == "blur" else _constant(clean.mean((1, 2)), clean)
    if classifier:
        colour = classifier.fill_value(fill)
    else:
        try:
            colour = torch.as_tensor(fill, dtype=torch.float64)
        except (TypeError, ValueError, RuntimeError):
            raise TypeError(f"fill must be a number, one number a channel, 'mean' or 'blur', got {fill!r}") from None
        if colour.ndim > 1 or colour.numel() not in (1, len(clean)) or not torch.isfinite(colour).all():
            raise ValueError(
                f"fill must be a number, {len(clean)} of them (one a channel), 'mean' or 'blur', got {fill!r}"
            )
    return _constant(colour.to(clean), clean)


def _constant(colour, clean):
    """One colour everywhere: [C] or [1] to [C, H, W]."""
    return colour.reshape(-1, 1, 1).expand_as(clean).contiguous()


def _picture(tensor, classifier):
    """The network's input as a picture in [0, 1]; a prepared tensor's own range is stretched to it."""
    if classifier:
        return classifier.display(tensor)
    picture = tensor[0].cpu().double().permute(1, 2, 0).numpy()
    picture = picture if picture.shape[2] == 3 else picture.mean(2)
    low, high = picture.min(), picture.max()
    picture = (picture - low) / (high - low) if high > low else np.zeros_like(picture)
    return picture.astype(np.float32)
