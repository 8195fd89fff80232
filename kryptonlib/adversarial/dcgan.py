"""DCGAN: a generator and a discriminator made of strided convolutions.

A. Radford, L. Metz, S. Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks", ICLR 2016, https://arxiv.org/abs/1511.06434; the guidelines on the tutorial's slide "DCGAN" are its
section 3.
"""

import torch
from torch import nn

from kryptonlib import store
from kryptonlib.small_weights import read_small

LATENTS = 100
"""Numbers that a picture is made of, as in the paper."""
SPREAD = 0.02
"""Standard deviation of first weights, as in the paper."""
FACES = "gan-face-generate/weights.tar"


def draw(count, latents=LATENTS, *, seed=None, generator=None):
    """Random inputs z of a generator, uniform between -1 and 1.

    Args:
        count: how many. latents: numbers in each.
        seed: of a generator made for this call; or ``generator``: a ``torch.Generator`` to go on with.

    Returns:
        float32 [count, latents, 1, 1].

    Example:
        >>> draw(2, seed=0).shape
        torch.Size([2, 100, 1, 1])
    """
    generator = torch.Generator().manual_seed(seed) if generator is None else generator
    return 2 * torch.rand(count, latents, 1, 1, generator=generator) - 1


def generator(width=32, *, latents=LATENTS, first=7, doublings=2, channels=1):
    """z [N, latents, 1, 1] -> pictures [N, channels, S, S] in [-1, 1], S = first * 2**doublings.

    Transposed convolutions, batch norm and ReLU; the last layer has tanh and no batch norm.

    Args:
        width: maps before the last layer; each layer before has twice as many.
        latents: numbers in z.
        first: side of the first maps. doublings: layers that double it.
        channels: of the picture.

    Returns:
        ``nn.Sequential`` with first weights of standard deviation 0.02.

    Example:
        >>> generator()(draw(3, seed=0)).shape
        torch.Size([3, 1, 28, 28])
    """
    maps = [width * 2**power for power in reversed(range(doublings))]
    layers = [nn.ConvTranspose2d(latents, maps[0], first, bias=False), nn.BatchNorm2d(maps[0]), nn.ReLU()]
    for before, after in zip(maps, maps[1:]):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return _begun(nn.Sequential(*layers, nn.ConvTranspose2d(maps[-1], channels, 4, 2, 1, bias=False), nn.Tanh()))


def discriminator(width=32, *, last=7, halvings=2, channels=1, outputs=1):
    """Pictures [N, channels, S, S] in [-1, 1], S = last * 2**halvings -> logits [N, outputs, 1, 1].

    Strided convolutions and LeakyReLU of slope 0.2, batch norm in all layers but the first and the last. The sigmoid
    is in the loss.

    Args:
        width: maps after the first layer; each layer after has twice as many.
        last: side of the last maps. halvings: layers that halve the side.
        channels: of the picture. outputs: 1; an encoder has more (``vae``).

    Example:
        >>> discriminator()(torch.zeros(3, 1, 28, 28)).shape
        torch.Size([3, 1, 1, 1])
    """
    maps = [width * 2**power for power in range(halvings)]
    layers = [nn.Conv2d(channels, maps[0], 4, 2, 1), nn.LeakyReLU(0.2)]
    for before, after in zip(maps, maps[1:]):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    return _begun(nn.Sequential(*layers, nn.Conv2d(maps[-1], outputs, last)))


def _begun(net):
    for module in net:
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0, SPREAD)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, SPREAD)
    return net


@torch.no_grad()
def pictures(net, z, batch=500):
    """What a generator makes of z, as pictures in [0, 1].

    Args:
        net: in evaluation mode, or its batch norm would mix the pictures of a batch.
        z: [N, latents, 1, 1].
        batch: pictures computed at a time.

    Returns:
        Tensor [N, H, W], or [N, H, W, 3] for a network of colour pictures.

    Raises:
        ValueError: a network in training mode.
    """
    if net.training:
        raise ValueError("pictures() got a generator in training mode; call .eval() first")
    made = torch.cat([(net(part) + 1) / 2 for part in z.split(batch)])
    return made[:, 0] if made.shape[1] == 1 else made.permute(0, 2, 3, 1)


def trained(name="dcgan-mnist"):
    """(generator, discriminator) of a checkpoint that the training room made (``training/generative.py``), to evaluate.

    Raises:
        FileNotFoundError: no such checkpoint.
    """
    state = read_small(store.checkpoint(name))
    width = state["generator.3.weight"].shape[1]
    nets = {"generator": generator(width), "discriminator": discriminator(width)}
    for part, net in nets.items():
        net.load_state_dict(part_of(state, part))
    return tuple(net.eval().requires_grad_(False) for net in nets.values())


def part_of(state, part):
    """The entries of a checkpoint that belong to one of its networks, under the network's own names."""
    return {name.removeprefix(f"{part}."): value for name, value in state.items() if name.startswith(f"{part}.")}


def faces():
    """A larger generator: z [N, 100, 1, 1] -> faces [N, 3, 64, 64] in [-1, 1], trained by others on rendered people.

    The weights are those of the package ``gan-face-generate`` 1.1.1 (MIT): the network of PyTorch's DCGAN tutorial,
    which draws z from a Gaussian, trained on DigiFace-1M, whose faces are computer graphics.

    Raises:
        FileNotFoundError: the package was not fetched; the message holds the command.
    """
    stored = torch.load(store.path(FACES), map_location="cpu", weights_only=True)["netG_state_dict"]
    net = generator(64, first=4, doublings=4, channels=3)
    net.load_state_dict(part_of(stored, "main"))
    return net.eval().requires_grad_(False)


def between(start, end, steps):
    """Inputs on the straight way from one z to another, both included.

    Args:
        start, end: [latents, 1, 1] each. steps: how many, at least 2.

    Returns:
        [steps, latents, 1, 1].

    Example:
        >>> between(torch.zeros(1, 1, 1), torch.ones(1, 1, 1), 3).flatten()
        tensor([0.0000, 0.5000, 1.0000])
    """
    if start.shape != end.shape or start.ndim != 3 or steps < 2:
        raise ValueError(
            f"between() got z of shapes {tuple(start.shape)} and {tuple(end.shape)} and {steps} steps; "
            "expected [latents, 1, 1] twice and at least 2 steps"
        )
    share = torch.linspace(0, 1, steps).reshape(-1, 1, 1, 1)
    return start + share * (end - start)


def around(start, end, share):
    """An input on the great circle from one z to another: as long as they are, which suits a Gaussian z.

    A point halfway on the straight line between two Gaussian z of 100 numbers is shorter than almost every z that the
    generator was trained on: by a factor of the square root of two (T. White, "Sampling generative networks", 2016).

    Args:
        start, end: [latents, 1, 1] each, not parallel. share: 0 gives start, 1 gives end.

    Returns:
        [1, latents, 1, 1].
    """
    cosine = (start * end).sum() / (start.norm() * end.norm())
    angle = torch.arccos(cosine.clamp(-1, 1))
    if angle.sin() < 1e-4:
        raise ValueError("around() got two z of the same or of opposite direction; there is no one way between them")
    return ((torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end) / torch.sin(angle))[None]
