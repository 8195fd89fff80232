"""Small autoencoders of fully connected layers: linear, plain, denoising and sparse (tutorial slides,
"Autoencoders")."""

import torch
from torch import nn


def network(inputs, latents, hidden=128, sparse=False):
    """(encoder, decoder) with one hidden layer of ReLUs each; with ``sparse`` latents are not negative."""
    ends = [nn.ReLU()] if sparse else []
    encoder = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, latents), *ends)
    return encoder, nn.Sequential(nn.Linear(latents, hidden), nn.ReLU(), nn.Linear(hidden, inputs))


def train(data, latents, *, steps, seed=0, noise=0.0, penalty=0.0, hidden=128, batch=128, rate=2e-3):
    """Train an autoencoder that returns clean data.

    The loss is the squared error, summed over the numbers of an example, plus ``penalty`` times the sum of the latents'
    absolute values; its examples' mean is minimized by Adam with a cosine schedule.

    Args:
        data: tensor [N, inputs].
        latents: numbers in a latent.
        steps, batch, rate: minibatches, examples in each, the highest learning rate.
        seed: of first weights, minibatches and noise.
        noise: standard deviation of Gaussian noise on what the encoder sees (a denoising autoencoder).
        penalty: price of the latents (a sparse autoencoder, whose latents are made not negative).

    Returns:
        (encoder, decoder), without gradients.

    Raises:
        ValueError: data of another shape, negative noise or penalty.

    Example:
        >>> encoder, decoder = train(torch.rand(50, 4), 2, steps=3)
        >>> decoder(encoder(torch.rand(1, 4))).shape
        torch.Size([1, 4])
    """
    if data.ndim != 2 or noise < 0 or penalty < 0:
        raise ValueError(f"train() got data {tuple(data.shape)}, noise {noise}, penalty {penalty}; expected [N, inputs], >= 0")
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder, decoder = network(data.shape[1], latents, hidden, sparse=penalty > 0)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        clean = data[torch.randint(len(data), (batch,), generator=generator)]
        latent = encoder(clean + noise * torch.randn(clean.shape, generator=generator))
        loss = (decoder(latent) - clean).square().sum(1).mean() + penalty * latent.abs().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return encoder.requires_grad_(False), decoder.requires_grad_(False)


def train_linear(covariance, latents, *, steps, seed=0, rate=1e-2):
    """Train a linear autoencoder on centred data of a known covariance, from random weights.

    The expected squared error of x -> decoder @ encoder @ x depends on the covariance C alone: it is the trace of
    (I - DE) C (I - DE)^T. Multiplied out, no product of two large matrices is needed.

    Args:
        covariance: tensor [inputs, inputs].
        latents: numbers in a latent.
        steps: of Adam, whose rate falls from ``rate`` to 0.
        seed: of the first weights.

    Returns:
        (encoder [latents, inputs], decoder [inputs, latents], expected squared error).

    Example:
        >>> encoder, decoder, error = train_linear(torch.diag(torch.tensor([4.0, 1.0])), 1, steps=300)
        >>> round(error, 2)
        1.0
    """
    inputs = len(covariance)
    generator = torch.Generator().manual_seed(seed)
    encoder = nn.Parameter(torch.randn(latents, inputs, generator=generator) / inputs**0.5)
    decoder = nn.Parameter(torch.randn(inputs, latents, generator=generator) / inputs**0.5)
    optimizer = torch.optim.Adam([encoder, decoder], rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        seen = encoder @ covariance
        error = covariance.trace() - 2 * (seen * decoder.T).sum() + ((seen @ encoder.T) * (decoder.T @ decoder)).sum()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        schedule.step()
    return encoder.detach(), decoder.detach(), error.item()
