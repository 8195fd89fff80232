"""Krypton's tuner: a parabola through the quality of a few images, solved for the quality that is asked for.

Krypton tries the threshold tau at 1, 0.9, ..., 0.4 on tuning images, fits SSIM as a quadratic function of tau to all of
them together, takes the tau at which the fit meets the target, and rounds it to a tenth, not below 0.4. The share r of
the drill-down is left to its user; ``tune`` finds it in the same way, with the threshold found before, or leaves the
drill-down out where no share that was tried reaches the target.

``tuning.tune`` is our own: it plays whole plans through and fits no curve.
"""

from dataclasses import dataclass
from numbers import Real

import numpy as np

from kryptonlib.occlusion.drilldown import round_half_up

TAUS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
"""Thresholds that Krypton tries."""
SHARES = (0.1, 0.25, 0.4, 0.6)
"""Shares of the drill-down that ``tune`` tries; Krypton's settings are 0.1, 0.25 and 0.4."""
STEP = 0.1
"""To which the threshold is rounded."""


@dataclass(frozen=True)
class Fitted:
    """A setting from a parabola.

    Attributes:
        value: what to use: ``solution`` rounded, within the values that were tried.
        solution: the smallest value, from the lowest tried on, at which the parabola reaches the target; the largest
            tried where it does not.
        met: whether the parabola reaches the target at all.
        coefficients: of the parabola, the highest power first, as ``numpy.polyval`` takes them.
        residual: the largest distance between the mean SSIM of a value tried and the parabola there.
    """

    value: float
    solution: float
    met: bool
    coefficients: tuple
    residual: float


def fit(values, ssims, target, *, step=STEP):
    """The setting at which a parabola through SSIMs meets a target.

    Least squares over all images and values: SSIM(v) ~ a v^2 + b v + c. SSIM must grow with v (a larger v computes
    more), as it does with the threshold and with the share.

    Args:
        values: the settings tried, [k] numbers in (0, 1], at least three different ones.
        ssims: [images, k], the SSIM of each image with each setting, finite.
        target: the SSIM wanted, in (0, 1).
        step: to which the solution is rounded, halves upwards; the result stays within the values tried.

    Returns:
        A :class:`Fitted`.

    Raises:
        ValueError, TypeError: fewer than three different values, SSIMs of another shape or not finite, a target
            outside (0, 1).

    Source:
        Krypton (SIGMOD 2019), SSIM tuning, and its released code for the rounding and the lowest value, 0.4.

    Example:
        >>> taus = np.array([1.0, 0.8, 0.6, 0.4])
        >>> round(fit(taus, [1 - (1 - taus) ** 2], target=0.9).solution, 3)
        0.684
    """
    values, ssims = np.asarray(values, dtype=np.float64), np.atleast_2d(np.asarray(ssims, dtype=np.float64))
    if values.ndim != 1 or len(np.unique(values)) < 3 or not ((values > 0) & (values <= 1)).all():
        raise ValueError(f"a parabola needs at least three different values in (0, 1], got {values.tolist()}")
    if ssims.ndim != 2 or not len(ssims) or ssims.shape[1] != len(values) or not np.isfinite(ssims).all():
        raise ValueError(f"expected finite SSIMs [images, {len(values)}], got shape {ssims.shape}")
    for number, name in ((target, "target"), (step, "step")):
        if isinstance(number, bool) or not isinstance(number, Real):
            raise TypeError(f"{name} must be a number, got {number!r}")
        if not 0 < number < 1:
            raise ValueError(f"{name} must lie in (0, 1), got {number!r}")
    coefficients = np.polyfit(np.tile(values, len(ssims)), ssims.ravel(), 2)
    residual = float(np.abs(ssims.mean(0) - np.polyval(coefficients, values)).max())
    low, high = float(values.min()), float(values.max())
    solution = _first_at(coefficients, target, low, high)
    met = solution is not None
    solution = solution if met else high
    rounded = round_half_up(solution / step + 1e-9) * step  # 0.45 / 0.1 is a little below 4.5
    return Fitted(
        value=float(np.clip(round(rounded, 9), low, high)),
        solution=solution,
        met=met,
        coefficients=tuple(coefficients.tolist()),
        residual=residual,
    )


@dataclass(frozen=True)
class Tuned:
    """Krypton's two settings for a quality.

    Attributes:
        tau: the threshold's :class:`Fitted`.
        share: the drill-down's, or None where no drill-down was tried.
    """

    tau: Fitted
    share: Fitted | None


def tune(measure, images, *, ssim=0.9, tau_ssim=None, taus=TAUS, shares=()):
    """Krypton's threshold, and a share for its drill-down, from several tuning images.

    Args:
        measure: function (image, tau, share) -> SSIM of that image's map; ``share`` None is without drill-down.
        images: the tuning images, at least one, of any type that ``measure`` takes.
        ssim: the SSIM wanted, in (0, 1).
        tau_ssim: the SSIM that the threshold is tuned to, at least ``ssim``; None is ``ssim`` itself, as published,
            which leaves nothing for the drill-down to lose.
        taus, shares: what is tried; shares may be empty.

    Returns:
        A :class:`Tuned`.

    Raises:
        ValueError: no images, a ``tau_ssim`` below ``ssim``, and what :func:`fit` refuses.

    Source:
        Krypton (SIGMOD 2019), SSIM tuning, for the threshold. The share is ours, by the same fit.

    Example:
        >>> tuned = tune(lambda image, tau, share: 1 - (1 - tau) ** 2, ["only"], ssim=0.9)
        >>> tuned.tau.value
        0.7
    """
    images = list(images)
    if not images:
        raise ValueError("tune() got no images; give at least one to tune on")
    tau_ssim = ssim if tau_ssim is None else tau_ssim
    if not tau_ssim >= ssim:
        raise ValueError(f"tau_ssim must be at least ssim = {ssim:g}, got {tau_ssim!r}: the drill-down loses more")
    tau = fit(taus, [[measure(image, one, None) for one in taus] for image in images], tau_ssim)
    if not len(shares):
        return Tuned(tau, None)
    reached = [[measure(image, tau.value, one) for one in shares] for image in images]
    return Tuned(tau, fit(shares, reached, ssim, step=0.05))


def _first_at(coefficients, target, low, high):
    """The smallest value in [low, high] at which the parabola is at least ``target``, or None."""
    if np.polyval(coefficients, low) >= target:
        return low
    roots = np.roots([*coefficients[:2], coefficients[2] - target])
    reached = [float(root.real) for root in roots if abs(root.imag) < 1e-12 and low <= root.real <= high]
    return min(reached) if reached else None
