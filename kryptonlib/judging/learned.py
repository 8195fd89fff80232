"""LPIPS's three variants in miniature: a distance of images learned from 2AFC votes, with the weights that may move.

Zhang et al. fit *lin* (the features stay, only the weight of each is learned), *tune* (the same start, everything is
learned) and *scratch* (a random start, everything is learned), all with the cross-entropy of eq. 2.11. Theirs are
networks trained on ImageNet; here the features are one layer of filters, so that it takes seconds.
"""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from kryptonlib import losses
from kryptonlib.choices import check_choice

VARIANTS = ("lin", "tune", "scratch")
SIDE = 5
_LEAST = 1e-8


def filter_bank():
    """Eight hand-made filters [8, 1, 5, 5]: brightness, slopes and bars of Gaussian windows, each of length 1."""
    offset = torch.arange(SIDE) - SIDE // 2
    window = torch.exp(-(offset.float() ** 2) / 2)
    slope, bar = offset * window, (offset**2 - (offset**2 * window).sum() / window.sum()) * window
    pairs = [(a, b) for a in (window, slope, bar) for b in (window, slope, bar)][:8]
    bank = torch.stack([torch.outer(a, b) for a, b in pairs])[:, None]
    return bank / bank.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def triplets(images, count, *, side=32, seed=0):
    """Patches to ask people about: a reference and two distortions of it, each of a random kind and strength.

    The kinds are noise, blur, a change of brightness and a shift.

    Args:
        images: grey images [H, W] in [0, 1], larger than ``side``; taken in turn.
        count: how many triplets.
        side: of a patch in pixels.
        seed: a whole number.

    Returns:
        (reference, first, second), tensors [count, 1, side, side] in [0, 1].
    """
    random, drawn = np.random.default_rng(seed), []
    for number in range(count):
        image = images[number % len(images)]
        top, left = (int(random.integers(length - side)) for length in image.shape)
        patch = image[top : top + side, left : left + side]
        drawn.append([patch, _distorted(patch, random), _distorted(patch, random)])
    return torch.from_numpy(np.clip(drawn, 0, 1).astype(np.float32))[:, :, None].unbind(1)


def by_metric(metric, reference, test):
    """A metric's distances [N] of grey patches [N, 1, H, W], lower is better whatever the metric.

    Args:
        metric: a name out of ``losses.METRICS``.
        reference, test: tensors in [0, 1].
    """
    values = losses.measure(reference, test, (metric,), data_range=1.0).values[:, 0]
    return values if losses.METRICS[metric].better == "lower" else -values


def _distorted(patch, random):
    strength = random.uniform(0.2, 1)
    kinds = (
        lambda: patch + 0.15 * strength * random.standard_normal(patch.shape),
        lambda: gaussian_filter(patch, 2 * strength),
        lambda: patch + random.choice([-0.12, 0.12]) * strength,
        lambda: np.roll(patch, 1 + int(2 * strength), int(random.integers(2))),
    )
    return kinds[random.integers(len(kinds))]()


class Distance(nn.Module):
    """d(x, y) = sum_k exp(w_k) mean (f_k * x - f_k * y)^2, and G, which turns two distances into a share of people.

    G(d0, d1) = sigmoid(s (log d0 - log d1)), the probability that somebody finds the second closer. It is the smallest
    G that could be; Zhang's has two hidden layers.

    Args:
        variant: "lin", "tune" or "scratch": which of the filters' values are learned, and where they start.
        seed: of the random filters of "scratch".
    """

    def __init__(self, variant, seed=0):
        super().__init__()
        check_choice("variant", variant, VARIANTS)
        filters = filter_bank()
        if variant == "scratch":
            filters = torch.randn(filters.shape, generator=torch.Generator().manual_seed(seed)) / SIDE
        self.filters = nn.Parameter(filters, requires_grad=variant != "lin")
        self.weights = nn.Parameter(torch.zeros(len(filters)))
        self.slope = nn.Parameter(torch.ones(()))

    def forward(self, x, y):
        """Distances [N] of grey images [N, 1, H, W]."""
        return self.of_products(products(x - y))

    def of_products(self, grams):
        """Distances [N] of differences whose :func:`products` [N, 25, 25] are known."""
        filters = self.filters.flatten(1)
        seen = torch.einsum("kp,npq,kq->nk", filters, grams, filters)
        return seen @ self.weights.exp() + _LEAST

    def loss(self, first, second, preferred):
        """Eq. 2.11, the cross-entropy of people's shares and G's, a scalar.

        Args:
            first, second: :func:`products` of the two candidates' differences from the reference.
            preferred: share of the people who found the second closer [N].
        """
        logit = self.slope * (self.of_products(first).log() - self.of_products(second).log())
        return nn.functional.binary_cross_entropy_with_logits(logit, preferred)


def products(difference):
    """Mean products of the pixels in a 5x5 window [N, 25, 25] of [N, 1, H, W], over all places of the window.

    The mean square of any filter's response is f^T P f, so that fitting filters needs no image any more.
    """
    windows = nn.functional.unfold(difference, SIDE)
    return windows @ windows.transpose(1, 2) / windows.shape[2]


def fit(triplets, preferred, variant, *, steps=300, rate=0.03, seed=0):
    """Learn a distance from votes.

    Args:
        triplets: (reference, first, second), tensors [N, 1, H, W] in [0, 1].
        preferred: share of the people who found the second closer [N].
        variant: "lin", "tune" or "scratch".
        steps, rate: of Adam, on all triplets at once.
        seed: of "scratch".

    Returns:
        A :class:`Distance`, without gradients.

    Raises:
        ValueError: an unknown variant; shapes that do not fit; shares outside of [0, 1].

    Source: Zhang et al. (2018); thesis (paper 5), section 2.4.4, eq. 2.11.

    Example:
        >>> x = torch.rand(4, 1, 8, 8)
        >>> found = fit((x, x + 0.1, x + 0.3), torch.zeros(4), "lin", steps=5)
        >>> found(x, x + 0.1).shape
        torch.Size([4])
    """
    reference, first, second = triplets
    preferred = torch.as_tensor(np.asarray(preferred), dtype=torch.float32)
    if not reference.shape == first.shape == second.shape or reference.ndim != 4 or reference.shape[1] != 1:
        shapes = ", ".join(str(tuple(each.shape)) for each in triplets)
        raise ValueError(f"fit: needs three tensors [N, 1, H, W] of one shape, got {shapes}")
    if preferred.shape != reference.shape[:1] or not ((preferred >= 0) & (preferred <= 1)).all():
        raise ValueError(f"fit: needs a share in [0, 1] for each of {len(reference)} triplets")
    model = Distance(variant, seed)
    first, second = products(first - reference), products(second - reference)
    optimizer = torch.optim.Adam([each for each in model.parameters() if each.requires_grad], rate)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(first, second, preferred).backward()
        optimizer.step()
    return model.requires_grad_(False)
