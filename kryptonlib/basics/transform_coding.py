"""Transform coding of pairs of numbers: rotate, round, count bits, rotate back; small enough that every curve is known.
And of blocks of a Markov source: what the best transform gains, and the DCT.

Goyal, "Theoretical foundations of transform coding", IEEE Signal Processing Magazine, 2001; Cover and Thomas, *Elements
of Information Theory*, section 10.3 (reverse water-filling); Wiegand and Schwarz, *Source Coding: Part I*, 2011 (coding
gain).
"""

import numpy as np
from scipy.fft import dct


def pairs(count, correlation, seed=0):
    """Gaussian pairs of variance 1 and a given correlation: float array [count, 2].

    Example:
        >>> x = pairs(100_000, 0.9)
        >>> round(float(np.corrcoef(x.T)[0, 1]), 2)
        0.9
    """
    if not -1 < correlation < 1:
        raise ValueError(f"pairs() got a correlation of {correlation}; expected one between -1 and 1, without the ends")
    noise = np.random.default_rng(seed).normal(size=(count, 2))
    second = correlation * noise[:, 0] + np.sqrt(1 - correlation**2) * noise[:, 1]
    return np.stack([noise[:, 0], second], 1)


def rotation(angle):
    """The orthonormal transform that turns by an angle in degrees: array [2, 2]; row k gives coefficient k.

    Example:
        >>> (rotation(45) @ [1, 1]).round(3).tolist()
        [1.414, 0.0]
    """
    turn = np.deg2rad(angle)
    return np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


def code(x, angle, step):
    """Rotate, round to multiples of the step, rotate back.

    Args:
        x: array [N, 2]. angle: in degrees. step: positive.

    Returns:
        (decoded [N, 2], symbols int [N, 2], rate in bits per number, distortion: mean squared error per number).
        The rate is the mean of the two coefficients' empirical entropies.
    """
    if not step > 0:
        raise ValueError(f"code() got step={step!r}; expected a positive number")
    transform = rotation(angle)
    symbols = np.round(x @ transform.T / step).astype(int)
    decoded = step * symbols @ transform
    rate = np.mean([entropy(column) for column in symbols.T])
    return decoded, symbols, float(rate), float(np.square(decoded - x).mean())


def entropy(symbols):
    """Empirical entropy of whole numbers in bits per symbol.

    Example:
        >>> entropy(np.array([0, 0, 1, 2]))
        1.5
    """
    _, counts = np.unique(symbols, return_counts=True)
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum()) + 0.0


def reverse_water_filling(variances, distortion):
    """The least rate at which independent Gaussian coefficients can be coded: R(D), by the best code there can be.

    Every coefficient is given the distortion min(level, variance); the level is chosen so that their mean is
    ``distortion``, and a coefficient costs 1/2 log2(variance / its distortion).

    Args:
        variances: positive numbers.
        distortion: mean squared error per coefficient, above 0.

    Returns:
        Bits per coefficient; 0 where the distortion is at least the mean variance.

    Example:
        >>> reverse_water_filling([4.0, 1.0], 0.25)
        1.5
    """
    variances = np.asarray(variances, float)
    if not (variances > 0).all() or not distortion > 0:
        raise ValueError(f"reverse_water_filling() got variances {variances} and distortion {distortion}; expected positive")
    if distortion >= variances.mean():
        return 0.0
    low, high = 0.0, float(variances.max())
    for _ in range(100):
        level = (low + high) / 2
        if np.minimum(level, variances).mean() < distortion:
            low = level
        else:
            high = level
    return float((0.5 * np.log2(variances / np.minimum(level, variances))).mean())


def markov_covariance(size, correlation):
    """Covariance of ``size`` neighbours of a Gauss-Markov source, AR(1), of variance 1: correlation^|i - j|.

    Example:
        >>> markov_covariance(3, 0.5).tolist()
        [[1.0, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 1.0]]
    """
    if size < 1 or not -1 < correlation < 1:
        raise ValueError(f"markov_covariance() got size={size} and correlation={correlation}; expected 1 or more, -1 to 1")
    places = np.arange(size)
    return float(correlation) ** np.abs(places[:, None] - places)


def dct_transform(size):
    """The orthonormal DCT (type 2) as an array [size, size] whose row k gives coefficient k."""
    return dct(np.eye(size), axis=0, norm="ortho")


def klt(covariance):
    """The Karhunen-Loève transform, the principal components by falling variance: array [size, size], a row each."""
    return np.linalg.eigh(covariance)[1].T[::-1]


def coding_gain(covariance, transform):
    """What a transform gains over coding the numbers one by one, at high rates, in dB.

    With one step for all coefficients each has the distortion step^2 / 12, and rates differ by the mean of
    1/2 log2(variance): the gain is the arithmetic over the geometric mean of the coefficients' variances.

    Args:
        covariance: array [N, N]. transform: orthonormal array [N, N].

    Raises:
        ValueError: a transform that does not keep lengths.

    Example:
        >>> covariance = markov_covariance(8, 0.9)
        >>> round(coding_gain(covariance, klt(covariance)), 3), round(-70 / 8 * np.log10(1 - 0.9**2), 3)
        (6.311, 6.311)
    """
    if not np.allclose(transform @ transform.T, np.eye(len(transform)), atol=1e-9):
        raise ValueError("coding_gain() got a transform that does not keep lengths; expected an orthonormal one")
    variances = np.diag(transform @ covariance @ transform.T)
    return float(10 * (np.log10(variances.mean()) - np.log10(variances).mean()))
