"""Gaussian, Laplace and generalised Gaussian densities, fitted to every latent map by maximum likelihood.

All three are one family,

    p(y) = b / (2 s Gamma(1/b)) exp(-(|y - m| / s)^b),

with the power b: 2 is the Gaussian (s = sqrt 2 times its standard deviation), 1 is Laplace's density (s is its scale lambda of
Dumas, Roumy and Guillemot, section 3.1), and below 1 the peak is sharper and the tails are heavier still. Nadarajah,
"A generalized normal distribution", Journal of Applied Statistics, 2005.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

GAUSSIAN, LAPLACE = 2.0, 1.0
POWERS = np.round(np.geomspace(0.2, 4.0, 61), 4)
"""Powers that are tried where it is free."""
LEAST = 2.0**-24
"""Least probability of a rounded value, as in the tables of the codec's files."""


@dataclass(frozen=True)
class Fit:
    """A density per map.

    Attributes:
        location, scale, power: arrays [maps]: m, s and b of the formula.
    """

    location: np.ndarray
    scale: np.ndarray
    power: np.ndarray

    def density(self, number, x):
        """p of map ``number`` at the values of an array, per unit."""
        m, s, b = self.location[number], self.scale[number], self.power[number]
        return b / (2 * s * special.gamma(1 / b)) * np.exp(-((np.abs(x - m) / s) ** b))

    def cumulative(self, y):
        """P(Y <= y) of values [maps, n], each map by its own density."""
        m, s, b = (part[:, None] for part in (self.location, self.scale, self.power))
        size = special.gammainc(1 / b, (np.abs(y - m) / s) ** b) / 2
        return np.where(y < m, 0.5 - size, 0.5 + size)


def fit(y, power=None):
    """The most likely density of every map.

    For a given power b the likelihood is greatest at s = (b mean |y - m|^b)^(1/b). The location m is the mean for b = 2 and
    the median for b = 1, where both are exact, and also where b is free.

    Args:
        y: array [maps, n] of coefficients.
        power: b for all maps; None chooses the most likely one of ``POWERS`` for each.

    Returns:
        :class:`Fit`.

    Raises:
        ValueError: another shape, values that are not finite, a power that is not positive, or a map whose coefficients
            are all the same.

    Example:
        >>> found = fit(np.array([[-3.0, 0.0, 0.0, 1.0, 4.0]]), LAPLACE)
        >>> found.location.tolist(), found.scale.tolist()
        ([0.0], [1.6])
    """
    y = _checked("fit", y)
    constant = y.max(1) == y.min(1)
    if constant.any():
        raise ValueError(f"fit() got a map (number {int(constant.argmax())}) whose values are all the same")
    if power is not None and not power > 0:
        raise ValueError(f"fit() got power={power!r}; expected a positive number")
    location = y.mean(1) if power == GAUSSIAN else np.median(y, 1)
    sizes = np.abs(y - location[:, None])
    tried = POWERS if power is None else np.array([float(power)])
    unit = sizes.mean(1, keepdims=True)
    scales, likelihoods = [], []
    for b in tried:
        # In units of the mean size, so that no power over- or underflows.
        scale = unit[:, 0] * (b * ((sizes / unit) ** b).mean(1)) ** (1 / b)
        scales.append(scale)
        likelihoods.append(np.log(b / (2 * scale)) - special.gammaln(1 / b) - 1 / b)
    best = np.argmax(likelihoods, 0)
    return Fit(location, np.array(scales)[best, np.arange(len(y))], tried[best])


def distance(y, model):
    """Kolmogorov-Smirnov distance of every map: the largest difference between the share of its coefficients up to a value
    and the probability that the density gives it; 0 to 1.

    Args:
        y: array [maps, n]. model: :class:`Fit` of as many maps.

    Returns:
        Array [maps].
    """
    y = np.sort(_checked("distance", y), 1)
    probability = model.cumulative(y)
    count = y.shape[1]
    return np.maximum(np.arange(1, count + 1) / count - probability, probability - np.arange(count) / count).max(1)


def local_contrast(y, model):
    """Mean size of all *other* maps' coefficients at each place, every map in units of its own mean size.

    Args:
        y: array [maps, n], at least two maps. model: :class:`Fit` of as many, whose locations sizes are counted from.

    Returns:
        Array [maps, n].
    """
    y = _checked("local_contrast", y)
    sizes = np.abs(y - model.location[:, None])
    sizes /= sizes.mean(1, keepdims=True)
    return (sizes.sum(0) - sizes) / (len(y) - 1)


def bits(y, model, steps):
    """What rounded coefficients cost if they are coded with the density's own probabilities.

    Args:
        y: array [maps, n], rounded here to the multiples of its step around the density's location.
        model: :class:`Fit`. steps: array [maps], positive.

    Returns:
        Array [maps]: mean bits per coefficient.
    """
    y, steps = _checked("bits", y), np.asarray(steps, float)[:, None]
    if steps.shape != (len(y), 1) or not (steps > 0).all():
        raise ValueError(f"bits() got steps of shape {steps.shape[:1]} for {len(y)} maps; expected a positive one per map")
    centre = model.location[:, None]
    # On the side below the location, where the distribution function keeps its digits.
    nearest = centre - np.abs(np.round((y - centre) / steps)) * steps
    cells = model.cumulative(nearest + steps / 2) - model.cumulative(nearest - steps / 2)
    return -np.log2(np.maximum(cells, LEAST)).mean(1)


def _checked(caller, y):
    y = np.asarray(y, float)
    if y.ndim != 2 or 0 in y.shape or not np.isfinite(y).all():
        raise ValueError(f"{caller}() got an array of shape {y.shape}; expected finite numbers [maps, n]")
    return y
