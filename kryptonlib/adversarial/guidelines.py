"""Which of DCGAN's guidelines a generator and a discriminator break, layer by layer.

The guidelines are those of the tutorial's slide "DCGAN" (from Radford, Metz and Chintala, ICLR 2016, section 3).
They are rules of experience for stable training, not theorems: a network that breaks one may train well.
"""

from dataclasses import dataclass

import torch
from scipy import stats
from torch import nn

from kryptonlib.adversarial.dcgan import LATENTS

GUIDELINES = {
    "z": f"z holds {LATENTS} numbers from a uniform distribution",
    "dense": "no hidden layer is fully connected",
    "strides": "strided convolutions instead of pooling (D) and of upsampling (G)",
    "batch norm": "batch norm after every layer but G's output and D's input",
    "ends": "no batch norm at G's output and D's input",
    "generator": "ReLU in G, tanh at its output",
    "discriminator": "LeakyReLU in D",
}
DOWN = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.FractionalMaxPool2d)
UP = (nn.Upsample, nn.PixelShuffle)
CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
NEUTRAL = (nn.Flatten, nn.Unflatten, nn.Dropout, nn.Dropout2d, nn.Identity)
OUTPUTS = (nn.Sigmoid, nn.Flatten, nn.Identity)
"""What may stand behind a discriminator's last layer."""


@dataclass(frozen=True)
class Broken:
    """A guideline that a network breaks.

    Attributes:
        guideline: key of ``GUIDELINES``.
        where: network and layer, "generator, layer 4".
        found: what is there.
    """

    guideline: str
    where: str
    found: str

    def __str__(self):
        return f"{GUIDELINES[self.guideline]}: {self.where}: {self.found}"


def broken(generator, discriminator, z):
    """Every guideline that the two networks break, as a list of :class:`Broken`; empty if they keep all.

    Args:
        generator, discriminator: modules. Layers are taken in the order in which they were added, and what a
            ``forward`` does between them without a module is not seen.
        z: some inputs of the generator as they are drawn for training [N, latents, 1, 1]; 20 of them or more.

    Raises:
        TypeError: no modules. ValueError: a network without any convolution, or too few z.

    Example:
        >>> broken(dcgan.generator(), dcgan.discriminator(), dcgan.draw(64, seed=0))
        []
    """
    layers = {}
    for name, net in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(net, nn.Module):
            raise TypeError(f"broken() got a {type(net).__name__} as {name}; expected a torch module")
        layers[name] = [module for module in net.modules() if not list(module.children())]
        if not any(isinstance(module, CONVOLUTIONS) for module in layers[name]):
            raise ValueError(
                f"broken() found no convolution in the {name}; these guidelines are about convolutional networks"
            )
    return [
        *_of_z(z, layers["generator"]),
        *_of_kinds(layers),
        *_of_norms("generator", layers["generator"]),
        *_of_norms("discriminator", layers["discriminator"]),
        *_of_generator(layers["generator"]),
        *_of_discriminator(layers["discriminator"]),
    ]


def _of_z(z, layers):
    z = torch.as_tensor(z)
    if z.ndim < 2 or len(z) < 20:
        raise ValueError(
            f"broken() got z of shape {tuple(z.shape)}; expected [N, latents, 1, 1] with 20 of them or more"
        )
    if z.shape[1] != LATENTS:
        yield Broken("z", "generator, input", f"{z.shape[1]} numbers")
    values = z.double().flatten().numpy()
    low, high = values.min(), values.max()
    # A sample of a uniform distribution passes this test but once in a million times; 2,000 Gaussian numbers do not.
    if high <= low or stats.kstest((values - low) / (high - low), "uniform").pvalue < 1e-6:
        yield Broken("z", "generator, input", "not uniformly distributed")


def _of_kinds(layers):
    for name, some in layers.items():
        counted = [module for module in some if isinstance(module, (*CONVOLUTIONS, nn.Linear))]
        # The paper's own generator begins with one: z is reshaped to small maps. Its discriminator ends with one.
        allowed = counted[0] if name == "generator" else counted[-1]
        for number, module in enumerate(some):
            where = f"{name}, layer {number}"
            if isinstance(module, nn.Linear) and module is not allowed:
                yield Broken("dense", where, f"Linear from {module.in_features} to {module.out_features}")
            if isinstance(module, DOWN + UP):
                yield Broken("strides", where, type(module).__name__)
    convolutions = [module for module in layers["discriminator"] if isinstance(module, nn.Conv2d)]
    if all(max(module.stride) == 1 for module in convolutions[:-1]) and len(convolutions) > 1:
        yield Broken("strides", "discriminator", "no convolution has a stride")


def _of_norms(name, layers):
    """Behind each convolution or fully connected layer: is there batch norm before the next one?"""
    places = [number for number, module in enumerate(layers) if isinstance(module, (*CONVOLUTIONS, nn.Linear))]
    ends = {"generator": places[-1], "discriminator": places[0]}
    for place, following in zip(places, [*places[1:], len(layers)]):
        normed = any(isinstance(module, nn.BatchNorm2d) for module in layers[place + 1 : following])
        where = f"{name}, layer {place}"
        if place == ends[name]:
            if normed:
                yield Broken("ends", where, f"BatchNorm2d at the {'output' if name == 'generator' else 'input'}")
        # The last layer of D gives one number, which batch norm would make that of its minibatch.
        elif not normed and not (name == "discriminator" and place == places[-1]):
            yield Broken("batch norm", where, "none behind it")
    if name == "discriminator" and any(isinstance(module, nn.BatchNorm2d) for module in layers[: places[0]]):
        yield Broken("ends", "discriminator, layer 0", "BatchNorm2d at the input")


def _activations(layers):
    skipped = (*CONVOLUTIONS, nn.Linear, nn.BatchNorm2d, *DOWN, *UP, *NEUTRAL)
    return [(number, module) for number, module in enumerate(layers) if not isinstance(module, skipped)]


def _of_generator(layers):
    found = _activations(layers)
    last = found[-1] if found else None
    output = max(number for number, module in enumerate(layers) if isinstance(module, (*CONVOLUTIONS, nn.Linear)))
    if last is None or last[0] < output or not isinstance(last[1], nn.Tanh):
        what = "nothing" if last is None or last[0] < output else type(last[1]).__name__
        yield Broken("generator", "generator, output", f"{what} where tanh should be")
    for number, module in found:
        if number < output and type(module) is not nn.ReLU:
            yield Broken("generator", f"generator, layer {number}", type(module).__name__)


def _of_discriminator(layers):
    output = max(number for number, module in enumerate(layers) if isinstance(module, (*CONVOLUTIONS, nn.Linear)))
    for number, module in _activations(layers):
        fits = isinstance(module, nn.LeakyReLU) if number < output else isinstance(module, OUTPUTS)
        if not fits:
            yield Broken("discriminator", f"discriminator, layer {number}", type(module).__name__)


def kept(found):
    """Guideline -> whether it is kept, for what ``broken`` returned.

    Example:
        >>> all(kept([]).values())
        True
    """
    names = {entry.guideline for entry in found}
    return {guideline: guideline not in names for guideline in GUIDELINES}
