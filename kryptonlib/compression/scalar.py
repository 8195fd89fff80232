"""Quantizers of one Laplace coefficient, in closed form: rounding, rounding with a dead zone, and the best there is.

Sullivan, "Efficient scalar quantization of exponential and Laplacian random variables", IEEE Transactions on
Information Theory 42, 1996: for a Laplace source the best scalar quantizer with an entropy coder behind it has
thresholds at equal distances but for a *dead zone*, a wider interval around 0, and values that lie at one constant place
in their intervals. Where only the thresholds are moved and the values stay multiples of the step, the decoder is that of
rounding.

Everything is for the density exp(-|x|) / 2, scale 1; for a scale s the step is s times as large, the distortion s^2.
"""

import functools
import math

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from kryptonlib.choices import check_choice

KINDS = ("rounding", "dead zone", "best")
"""Rounding; the best thresholds for values that are multiples of the step; the best thresholds and values."""


def laplace_code(step, edge=0.5, *, centroids=False):
    """Rate and distortion of a quantizer of a Laplace source of scale 1.

    Args:
        step: distance of the thresholds, positive.
        edge: first threshold in steps: |x| < edge * step becomes 0. 1/2 is rounding, above it 0 has a dead zone.
        centroids: decode each interval to its mean; otherwise to its multiple of the step.

    Returns:
        (rate in bits, mean squared error).

    Raises:
        ValueError: a step or an edge that is not positive.

    Example:
        >>> rate, distortion = laplace_code(1.0)
        >>> round(rate, 4), round(distortion, 4)
        (2.4841, 0.081)
    """
    if not step > 0 or not edge > 0:
        raise ValueError(f"laplace_code() got step={step!r} and edge={edge!r}; expected positive numbers")
    first, ratio = edge * step, math.exp(-step)
    outside = math.exp(-first)
    # Beyond the dead zone the interval's number is geometric: each is exp(-step) times as likely as the one before.
    rate = _binary_entropy(outside) + outside * (1 + _binary_entropy(ratio) / -math.expm1(-step))
    # How far into its interval a value lies is exponential, cut off at the step: its mean and mean square.
    mean = 1 - step * ratio / -math.expm1(-step)
    square = 2 - ratio * (step**2 + 2 * step) / -math.expm1(-step)
    middle = 2 - outside * (first**2 + 2 * first + 2)
    place = mean if centroids else step - first
    return rate, middle + outside * (square - 2 * place * mean + place**2)


def _binary_entropy(p):
    return -sum(q * math.log2(q) for q in (p, 1 - p) if q > 0)


def best_laplace_code(weight, kind="best"):
    """The quantizer of a kind with the least distortion + weight * rate.

    Args:
        weight: of a bit, positive.
        kind: of ``KINDS``.

    Returns:
        (step, edge, rate, distortion); the step and the edge as ``laplace_code`` takes them.

    Raises:
        ValueError: an unknown kind, or a weight that is not positive.

    Example:
        >>> step, edge, rate, distortion = best_laplace_code(0.2, "dead zone")
        >>> edge > 0.5
        True
    """
    check_choice("best_laplace_code(): kind", kind, KINDS)
    if not weight > 0:
        raise ValueError(f"best_laplace_code() got weight={weight!r}; expected a positive number")

    def code(logarithms):
        step, *edge = np.exp(logarithms)
        return laplace_code(step, *edge, centroids=kind == "best")

    def cost(logarithms):
        rate, distortion = code(logarithms)
        return distortion + weight * rate

    # For small steps the distortion is step^2 / 12 and a bit halves the step: the best one is sqrt(6 weight / ln 2).
    begin = [math.log(math.sqrt(6 * weight / math.log(2)))] + ([math.log(0.6)] if kind != "rounding" else [])
    found = minimize(cost, begin, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12, "maxiter": 4000}).x
    step, *edge = np.exp(found).tolist()
    return step, edge[0] if edge else 0.5, *code(found)


@functools.cache
def _best_curve():
    """(rates, distortions) of the best quantizers, by falling rate."""
    return np.array([best_laplace_code(weight)[2:] for weight in np.geomspace(2e-5, 4, 140)]).T


def laplace_loss(rate, distortion):
    """How far a code of a Laplace source of scale 1 is from the best scalar quantizer of the same rate, in dB.

    Args:
        rate, distortion: numbers or arrays; rates from 0.02 to 7 bits.

    Returns:
        An array like ``rate``; 0 is the best.

    Raises:
        ValueError: a rate outside that range.
    """
    rate, distortion = np.asarray(rate, float), np.asarray(distortion, float)
    if not ((rate >= 0.02) & (rate <= 7)).all():
        raise ValueError(f"laplace_loss() got rates from {rate.min():g} to {rate.max():g}; expected 0.02 to 7 bits")
    rates, distortions = _best_curve()
    return 10 * np.log10(distortion) - np.interp(rate, rates[::-1], 10 * np.log10(distortions[::-1]))


def best_edge(step):
    """The edge at which a quantizer with this step, decoded to its multiples, loses least: (edge, loss in dB).

    Args:
        step: from 0.01 to 6 scales, so that ``laplace_loss`` knows the rates.

    Example:
        >>> edge, loss = best_edge(2.0)
        >>> round(edge, 2), loss < 0.01
        (0.65, True)
    """

    def loss(edge):
        return float(laplace_loss(*laplace_code(step, edge)))

    found = minimize_scalar(loss, bounds=(0.5, 0.9), method="bounded")
    return float(found.x), float(found.fun)


def laplace_slope(step, edge=0.5, *, centroids=False):
    """What one more bit saves, -dD/dR, in units of step^2 ln(2) / 6, its value for small steps.

    Coefficients that are quantized with one step share their bits well if this is the same for all of them, whatever
    their scales: then no bit would save more elsewhere.

    Args: as ``laplace_code``.

    Example:
        >>> round(laplace_slope(0.01), 3)
        1.0
    """
    ratio = 1 + 1e-4
    rate, distortion = laplace_code(step * ratio, edge, centroids=centroids)
    more, less = laplace_code(step / ratio, edge, centroids=centroids)
    return (distortion - less) / (more - rate) / (step**2 * math.log(2) / 6)
