"""Transform coding of pairs of numbers: rotate, round, count bits, rotate back; small enough that every curve is known.

Goyal, "Theoretical foundations of transform coding", IEEE Signal Processing Magazine, 2001; Cover and Thomas, *Elements
of Information Theory*, section 10.3 (reverse water-filling).
"""

import numpy as np


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
