"""A variational autoencoder whose decoder is the DCGAN's generator.

D. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014, https://arxiv.org/abs/1312.6114. The encoder
gives a Gaussian for z; the loss is the negative evidence lower bound

    -log p(x | z) + KL(q(z | x) || N(0, I)).

As in the paper's experiments with MNIST, p(x | z) is Bernoulli: a pixel's brightness is the share in which it is
ink, and the decoder's picture is the probability of ink.
"""

import torch
from torch.nn import functional

from kryptonlib import store
from kryptonlib.adversarial import dcgan
from kryptonlib.small_weights import read_small

LATENTS = 32


def encoder(width=32, latents=LATENTS):
    """Pictures [N, 1, 28, 28] in [-1, 1] -> [N, 2 * latents, 1, 1]: means, then logarithms of variances."""
    return dcgan.discriminator(width, outputs=2 * latents)


def decoder(width=32, latents=LATENTS):
    """z [N, latents, 1, 1] -> pictures [N, 1, 28, 28] in [-1, 1]: the DCGAN's generator."""
    return dcgan.generator(width, latents=latents)


def draw(count, latents=LATENTS, *, seed):
    """z from the standard Gaussian that the encoder was drawn to: [count, latents, 1, 1]."""
    return torch.randn(count, latents, 1, 1, generator=torch.Generator().manual_seed(seed))


def divergence(means, log_variances):
    """KL(N(mean, variance) || N(0, 1)), summed over the numbers of an example: [N].

    Example:
        >>> divergence(torch.tensor([[1.0]]), torch.tensor([[0.0]])).item()
        0.5
    """
    each = 0.5 * (means.square() + log_variances.exp() - 1 - log_variances)
    return each.flatten(1).sum(1)


def bound(encode, decode, images, noise):
    """The loss of a batch and its parts.

    Args:
        encode, decode: the networks.
        images: [N, 1, H, W] in [-1, 1].
        noise: standard Gaussian numbers [N, latents, 1, 1]: z = mean + deviation * noise, so that the gradient passes
            to the encoder (the reparametrization).

    Returns:
        (loss, cross-entropy, divergence): tensors without axes, in nats per picture; the first is the sum of the
        others.
    """
    means, log_variances = encode(images).chunk(2, 1)
    found = decode(means + (0.5 * log_variances).exp() * noise)
    ink, wanted = ((1 + part) / 2 for part in (found, images))
    cross_entropy = functional.binary_cross_entropy(ink, wanted, reduction="sum") / len(images)
    kl = divergence(means, log_variances).mean()
    return cross_entropy + kl, cross_entropy, kl


def trained(name="vae-mnist"):
    """(encoder, decoder) of a checkpoint that the training room made (``training/generative.py``), to evaluate.

    Raises:
        FileNotFoundError: no such checkpoint.
    """
    state = read_small(store.checkpoint(name))
    width, latents = state["generator.3.weight"].shape[1], state["generator.0.weight"].shape[0]
    nets = {"encoder": encoder(width, latents), "generator": decoder(width, latents)}
    for part, net in nets.items():
        net.load_state_dict(dcgan.part_of(state, part))
    return tuple(net.eval().requires_grad_(False) for net in nets.values())
