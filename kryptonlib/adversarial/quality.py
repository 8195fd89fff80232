"""Numbers for generated digits, from a small classifier: what they show, how varied they are, how far from real ones.

None of them is the quality itself. They see what the classifier learned to see for telling digits apart, which is
why Inception score and FID, which are the same formulas on a network trained on ImageNet, cannot be compared with them.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from kryptonlib.threads import one_thread

FEATURES = 64


class Classifier(nn.Module):
    """Digits [N, 28, 28] in [0, 1] -> logits [N, 10]; ``features`` gives the 64 numbers before them."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 16, 5, 2, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten(),
            nn.Linear(32 * 49, FEATURES), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(FEATURES, 10)

    def features(self, images):
        """[N, 64]."""
        return self.trunk(images[:, None])

    def forward(self, images):
        """Logits [N, 10]."""
        return self.head(self.features(images))


@one_thread()
def train_classifier(images, labels, *, steps=400, batch=128, rate=2e-3, seed=0):
    """Train a :class:`Classifier` by Adam with a cosine schedule.

    Args:
        images: [N, 28, 28] in [0, 1]. labels: int64 [N].

    Returns:
        The classifier, in evaluation mode, without gradients.
    """
    images, labels = torch.as_tensor(images), torch.as_tensor(labels)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = Classifier()
    optimizer = torch.optim.Adam(net.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        chosen = torch.randint(len(images), (batch,), generator=generator)
        loss = functional.cross_entropy(net(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval().requires_grad_(False)


@one_thread()
def looked_at(classifier, images, batch=1000):
    """(features [N, 64] as float64, probabilities [N, 10]) of digits [N, 28, 28] in [0, 1], as arrays."""
    parts = [classifier.features(part) for part in torch.as_tensor(images).split(batch)]
    features = torch.cat(parts)
    return features.double().numpy(), classifier.head(features).softmax(1).double().numpy()


def frechet(first, second):
    """Fréchet distance between two Gaussians fitted to features: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

    M. Heusel et al., NIPS 2017, https://arxiv.org/abs/1706.08500, equation 6; there of the features of Inception,
    "FID". 0 for equal moments; finite samples of one distribution do not give 0, so a number is read beside that of
    real data.

    Args:
        first, second: arrays [N, F] and [M, F], each with more rows than columns.

    Raises:
        ValueError: other shapes.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"frechet() got features {first.shape} and {second.shape}; expected [N, F] and [M, F]")
    if min(len(first), len(second)) <= first.shape[1]:
        raise ValueError(
            f"frechet() got {len(first)} and {len(second)} examples of {first.shape[1]} features; expected more"
        )
    mean = first.mean(0) - second.mean(0)
    one, two = np.cov(first.T), np.cov(second.T)
    values, vectors = np.linalg.eigh(np.atleast_2d(one))
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    # (C1 C2)^(1/2) has the trace of (C1^(1/2) C2 C1^(1/2))^(1/2), which is symmetric.
    mixed = np.linalg.eigvalsh(root @ np.atleast_2d(two) @ root)
    return float(
        mean @ mean
        + np.trace(np.atleast_2d(one))
        + np.trace(np.atleast_2d(two))
        - 2 * np.sqrt(np.clip(mixed, 0, None)).sum()
    )


def score(probabilities):
    """The Inception score's formula: exp of the mean KL(p(y|x) || p(y)); 1 at worst, the number of classes at best.

    T. Salimans et al., "Improved techniques for training GANs", NIPS 2016, section 4.

    Args:
        probabilities: [N, classes], rows that sum to 1.

    Example:
        >>> score(np.eye(10)).round(6), score(np.full((5, 10), 0.1)).round(6)
        (np.float64(10.0), np.float64(1.0))
    """
    probabilities = np.asarray(probabilities, float)
    mean = probabilities.mean(0)
    ratio = np.where(probabilities > 0, probabilities, 1) / np.where(mean > 0, mean, 1)
    return np.exp((probabilities * np.log(ratio)).sum(1).mean())


def shares(probabilities):
    """Share of the examples that each class is the likeliest of: [classes]."""
    probabilities = np.asarray(probabilities)
    return np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1]) / len(probabilities)


@one_thread()
def nearest(images, references, batch=500):
    """Root mean square difference of each picture to the nearest of the references, in units of the pixels.

    Args:
        images: [N, H, W]. references: [M, H, W].

    Returns:
        (distances [N], indices [N] of the nearest reference), arrays.
    """
    images, references = (torch.as_tensor(part).flatten(1) for part in (images, references))
    found = [torch.cdist(part, references).min(1) for part in images.split(batch)]
    distances = torch.cat([some.values for some in found]) / images.shape[1] ** 0.5
    return distances.numpy(), torch.cat([some.indices for some in found]).numpy()


def sharpness(images):
    """Energy of second differences over that of first differences, along rows and columns: low where edges are soft.

    It does not depend on brightness or contrast. Noise raises it too: a picture can be sharper than is true.

    Args:
        images: [N, H, W].

    Returns:
        Array [N]; a flat picture gives 0.

    Example:
        >>> edge = np.zeros((1, 8, 8)); edge[:, :, 4:] = 1
        >>> float(sharpness(edge)[0]), float(sharpness((edge + np.roll(edge, 1, 2)) / 2)[0])  # doctest: +SKIP
    """
    images = np.asarray(images, float)
    if images.ndim != 3 or min(images.shape[1:]) < 3:
        raise ValueError(
            f"sharpness() got pictures of shape {images.shape}; expected [N, H, W] of 3 x 3 pixels at least"
        )
    first = sum((np.diff(images, axis=axis) ** 2).sum((1, 2)) for axis in (1, 2))
    second = sum((np.diff(images, 2, axis=axis) ** 2).sum((1, 2)) for axis in (1, 2))
    return second / np.where(first > 0, first, 1)
