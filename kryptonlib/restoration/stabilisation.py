"""Variance stabilisation: make noise that grows with the signal look like Gaussian noise of deviation 1, and come back.

Classical denoisers assume one noise level for the whole image. The generalised Anscombe transform gives them one:

    T(f) = 2 sqrt(eta f + 3/8 + (eta sigma)^2),     f as in ``noise.hybrid``.

The algebraic inverse of T is biased, because the mean of a root is not the root of the mean. The unbiased inverse
undoes E[T(f)], not T.
"""

import numpy as np

from kryptonlib.restoration.noise import WHITE

LEAST = 2 * (3 / 8) ** 0.5
"""The smallest value that the closed form of the inverse is made for: T of no photon, without electronic noise."""


def anscombe(noisy, eta, sigma):
    """The generalised Anscombe transform: float array whose noise has a standard deviation of about 1 everywhere.

    Below about 4 photons a pixel (g < 4 / eta) without electronic noise the deviation falls short of 1.

    Args:
        noisy: grey levels as ``noise.hybrid`` makes them; electronic noise may bring them below 0.
        eta: photons per grey level, > 0. sigma: grey levels, >= 0.

    Source: Starck, Murtagh and Bijaoui, "Image Processing and Data Analysis", 1998; in paper 4 reference 7 applies it.

    Example:
        >>> anscombe(np.array([0.0, 100.0]), 1.0, 0.0).round(2)
        array([ 1.22, 20.04])
    """
    _check(eta, sigma)
    return 2 * np.sqrt(np.maximum(eta * np.asarray(noisy, dtype=np.float64) + 3 / 8 + (eta * sigma) ** 2, 0))


def inverse(stabilised, eta, sigma):
    """The unbiased inverse in closed form: the grey level g whose mean E[T(f) | g] is the given value; at least 0.

    Args:
        stabilised: a denoised image of the domain of :func:`anscombe`.
        eta, sigma: as there.

    Source: Makitalo and Foi, "Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian noise",
    2013, eq. 10.

    Example:
        >>> inverse(anscombe(100.0, 1.0, 0.0), 1.0, 0.0).round(2)
        np.float64(100.25)
    """
    _check(eta, sigma)
    d = np.maximum(np.asarray(stabilised, dtype=np.float64), LEAST)
    root = (3 / 2) ** 0.5
    photons = d**2 / 4 + root / 4 / d - 11 / 8 / d**2 + 5 / 8 * root / d**3 - 1 / 8 - (eta * sigma) ** 2
    return np.maximum(photons, 0) / eta


def algebraic_inverse(stabilised, eta, sigma):
    """What undoes T itself, (D/2)^2 - 3/8 - (eta sigma)^2: biased, by about a quarter of a photon, for comparison."""
    _check(eta, sigma)
    return ((np.asarray(stabilised, dtype=np.float64) / 2) ** 2 - 3 / 8 - (eta * sigma) ** 2) / eta


def stabilised(denoise, noisy, eta, sigma):
    """Denoise in the domain where the noise is Gaussian and of one level, and come back without bias.

    Args:
        denoise: function (image [H, W], standard deviation) -> image, for Gaussian noise; it is given an image in
            [0, 1], as the functions of ``restoration.classical`` expect it.
        noisy: float [H, W], grey levels in [0, 255].
        eta, sigma: the noise, known or estimated (``noise_level.estimate``).

    Returns:
        float64 [H, W] in [0, 255].

    Example:
        >>> clean = stabilised(classical.non_local_means, noisy, eta=0.5, sigma=10.0)  # doctest: +SKIP
    """
    values = anscombe(noisy, eta, sigma)
    low, high = values.min(), values.max()
    span = max(high - low, 1e-9)
    cleaned = denoise(((values - low) / span).astype(np.float32), 1 / span)
    return np.clip(inverse(low + span * np.asarray(cleaned, dtype=np.float64), eta, sigma), 0, WHITE)


def _check(eta, sigma):
    if not (np.isfinite(eta) and eta > 0):
        raise ValueError(f"eta: got {eta!r}, expected more than 0 photons per grey level")
    if not (np.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"sigma: got {sigma!r}, expected at least 0 grey levels")
