"""Prediction difference analysis: what the network would say if it had not seen the patch (Krypton, section 2).

A grey patch shows the network an image that it has never seen. Zintgraf et al. fill the patch with what could stand
there instead, several times, and average the predictions over the draws:

    p(t | x without w) = mean over k draws x_w ~ p(x_w | surroundings) of p(t | x with x_w),
    WE(w) = log odds p(t | x) - log odds p(t | x without w)        ("weight of evidence"; odds p = p / (1 - p)).

As in the paper, what could stand there is a normal distribution of the patch's pixels given the ring of pixels around
it, fitted to patches of other images and equal at every position. Two things differ: WE is in natural logarithms (the
paper's base is 2), and probabilities near 0 and 1 are summed as logarithms instead of being shifted away from 0.

Source: L. Zintgraf, T. Cohen, T. Adel, M. Welling, "Visualizing deep neural network decisions: prediction difference
analysis", ICLR 2017, https://arxiv.org/abs/1702.04595, section 3 and algorithm 1.
"""

import math
import time
import warnings

import numpy as np
import torch

from kryptonlib.occlusion.full import Passes
from kryptonlib.occlusion.grid import pair
from kryptonlib.occlusion.heat import Heatmap
from kryptonlib.occlusion.job import checked_logits, prepare

RIDGE = 1e-3
"""Variance added to each pixel, in units of the mean variance: few patches leave directions without any."""


class Surroundings:
    """A normal distribution of windows of an image: the patch and a ring of ``border`` pixels around it.

    Args:
        images: prepared tensors [1, C, H, W] or [N, C, H, W] to learn from, in the network's units; not the image that
            is explained.
        patch: pixels, an integer or (rows, columns).
        border: width of the ring in pixels.
        count: windows to draw from the images; more than C * (rows + 2 border) * (columns + 2 border) are needed for a
            good estimate of their covariance.
        seed: of the places where the windows are taken.

    Raises:
        ValueError: images smaller than a window, of different channels, or with NaN; a border or count below 1.

    Example:
        >>> prior = Surroundings([cnn.prepare(samples.load("coffee"))], patch=8, border=2)
        >>> prior.draw(cnn.prepare(samples.load("chelsea")), top=0, left=96, draws=5, seed=0).shape
        torch.Size([5, 3, 8, 8])
    """

    def __init__(self, images, patch, border=4, count=6000, seed=0):
        self.patch = pair(patch, "patch")
        for name, value in (("border", border), ("count", count)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        self.border, self.size = int(border), tuple(side + 2 * border for side in self.patch)
        pictures = [picture for image in images for picture in _checked(image, self.size)]
        channels = {len(picture) for picture in pictures}
        if len(channels) != 1:
            raise ValueError(f"the images must have the same channels, got {sorted(channels) or 'no images'}")
        self.channels = channels.pop()
        rng = np.random.default_rng(seed)
        windows = []
        for number in range(count):
            picture = pictures[number % len(pictures)]
            top, left = (rng.integers(0, have - need + 1) for have, need in zip(picture.shape[1:], self.size))
            windows.append(picture[:, top : top + self.size[0], left : left + self.size[1]].reshape(-1))
        windows = torch.stack(windows)
        self.mean = windows.mean(0)
        centred = windows - self.mean
        self.covariance = centred.T @ centred / max(len(windows) - 1, 1)
        self.covariance += RIDGE * self.covariance.diagonal().mean().clamp_min(1e-12) * torch.eye(len(self.mean))
        self.low = torch.stack([picture.amin((1, 2)) for picture in pictures]).amin(0)
        self.high = torch.stack([picture.amax((1, 2)) for picture in pictures]).amax(0)
        self._known = {}

    def conditional(self, top=None, left=None):
        """(mean of the patch, weights [P, Q], covariance's factor [P, P], patch's places [P], ring's places [Q]).

        Args:
            top, left: place of the patch inside the window; None is the middle. At the image's border the window
                cannot be centred on the patch and is moved inwards.
        """
        place = tuple(self.border if start is None else start for start in (top, left))
        if place not in self._known:
            inside = torch.zeros(self.channels, *self.size, dtype=torch.bool)
            inside[:, place[0] : place[0] + self.patch[0], place[1] : place[1] + self.patch[1]] = True
            inner, ring = (torch.nonzero(part.reshape(-1))[:, 0] for part in (inside, ~inside))
            across = self.covariance[inner][:, ring]
            weights = torch.cholesky_solve(across.T, torch.linalg.cholesky(self.covariance[ring][:, ring])).T
            left_over = self.covariance[inner][:, inner] - weights @ across.T
            factor = torch.linalg.cholesky((left_over + left_over.T) / 2)
            self._known[place] = self.mean[inner], weights, factor, inner, ring
        return self._known[place]

    def draw(self, image, top, left, draws, seed):
        """What could stand in the patch: tensor [draws, C, rows, columns], values cut off at those of the images.

        Args:
            image: tensor [1, C, H, W].
            top, left: the patch's upper left corner in pixels.
            seed: of these draws.
        """
        place = [
            min(max(start - self.border, 0), have - need)
            for start, have, need in zip((top, left), image.shape[2:], self.size)
        ]
        window = image[0, :, place[0] : place[0] + self.size[0], place[1] : place[1] + self.size[1]]
        mean, weights, factor, _, ring = self.conditional(top - place[0], left - place[1])
        expected = mean + weights @ (window.cpu().double().reshape(-1)[ring] - self.mean[ring])
        noise = torch.from_numpy(np.random.default_rng(seed).standard_normal((draws, len(mean))))
        found = (expected + noise @ factor.T).reshape(draws, self.channels, *self.patch)
        return found.clamp(self.low[:, None, None], self.high[:, None, None]).to(image)


def prediction_difference(model, image, surroundings, *, stride=4, target=None, draws=10, region=None, seed=0):
    """An occlusion map whose patch shows what could stand there, averaged over draws.

    Args:
        model, image, stride, target, region: as for :func:`kryptonlib.occlusion.heatmap`; one target.
        surroundings: a :class:`Surroundings`; it gives the patch.
        draws: how many fills are averaged at each position (the paper's 10).
        seed: whole number; the draws of a position depend on it and on the position alone.

    Returns:
        A :class:`Heatmap` of log-odds: ``values`` log odds p(t | x without w), ``attribution()`` the mean weight of
        evidence of the patches that cover a pixel, positive where it speaks for the class.

    Raises:
        ValueError, TypeError: as ``heatmap``; an input smaller than the window; fewer than one draw; several targets.

    Example:
        >>> prior = Surroundings([cnn.prepare(samples.load("coffee"))], patch=16)
        >>> heat = prediction_difference(cnn, samples.load("chelsea"), prior, stride=16, draws=10)
        >>> heat.score
        'log-odds'
    """
    if isinstance(draws, bool) or not isinstance(draws, (int, np.integer)) or draws < 1:
        raise ValueError(f"draws must be a positive integer, got {draws!r}")
    if not isinstance(surroundings, Surroundings):
        raise TypeError(f"surroundings must be a Surroundings, got {type(surroundings).__name__}")
    if np.ndim(target) != 0:
        raise ValueError(f"prediction_difference() follows one target, got {target!r}")
    started = time.perf_counter()
    job = prepare(
        model, image, patch=surroundings.patch, stride=stride, target=target, score="log-odds", region=region
    )
    if job.image.shape[1] != surroundings.channels:
        raise ValueError(f"the image has {job.image.shape[1]} channels, the surroundings {surroundings.channels}")
    _checked(job.image, surroundings.size)
    (height, width), log_odds = surroundings.patch, []
    with torch.inference_mode():
        passes = Passes(job, len(job.grid) * draws)
        for number, (top, left) in enumerate(job.grid.positions().tolist()):
            fills = surroundings.draw(job.image, top, left, draws, (seed, number))
            logits = []
            for part in fills.split(passes.limit):
                batch = job.image.repeat(len(part), 1, 1, 1)
                batch = batch.contiguous(memory_format=torch.channels_last) if passes.ours else batch
                batch[:, :, top : top + height, left : left + width] = part
                logits.append(checked_logits(passes.module(batch), len(part)))
            log_odds.append(log_odds_of_mean(torch.cat(logits), job.targets[0]))
    if job.notes:
        warnings.warn("; ".join(job.notes), stacklevel=2)
    job.filling = f"drawn from the surroundings, {draws} times"
    job.info.update(passes=len(job.grid) * draws, draws=int(draws))
    return Heatmap.of_job(job, np.array(log_odds), "prediction difference", time.perf_counter() - started)


def log_odds_of_mean(logits, target):
    """log(p / (1 - p)) of the mean probability p of class ``target`` over logits [k, classes]; exact near 0 and 1."""
    logits = logits.detach().cpu().double()
    others = logits.clone()
    others[:, target] = -math.inf
    everything = logits.logsumexp(1)
    return float((logits[:, target] - everything).logsumexp(0) - (others.logsumexp(1) - everything).logsumexp(0))


def _checked(image, size):
    """The pictures of a tensor [N, C, H, W] in double precision, each at least as large as a window."""
    if not isinstance(image, torch.Tensor) or image.ndim != 4:
        got = tuple(image.shape) if isinstance(image, torch.Tensor) else type(image).__name__
        raise ValueError(f"the images must be prepared tensors [N, C, H, W], as Classifier.prepare gives, got {got}")
    if min(have - need for have, need in zip(image.shape[2:], size)) < 0:
        raise ValueError(
            f"the patch and its border need a window of {size[0]}x{size[1]} pixels, the image has "
            f"{image.shape[2]}x{image.shape[3]}; take a smaller patch or border"
        )
    if not torch.isfinite(image).all():
        raise ValueError("the images hold NaN or infinite values")
    return list(image.detach().cpu().double())

