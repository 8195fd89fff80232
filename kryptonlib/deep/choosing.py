"""The degree of notebook 01's polynomial, chosen by cross-validation or Akaike's criterion, as samples become more."""

import numpy as np

from kryptonlib.basics import generalization

RULES = ("cross-validation", "AIC", "corrected AIC")


def excess_errors(counts, *, degrees=np.arange(13), sets=300, noise=0.3, seed=0):
    """How much worse than with the best degree the test error is, for each rule and each number of samples.

    The polynomials, the truth sin(pi x), the noise and the spots are notebook 01's.

    Args:
        counts: numbers of samples, each at least 18 with degrees up to 12 (the corrected criterion needs them).
        degrees: to choose from.
        sets: training sets at each number.
        noise: standard deviation of a measurement.
        seed: of the noise.

    Returns:
        Rule -> array [counts]: mean over the training sets of the test error of the rule's choice, divided by that of
        the best choice for each set, minus 1. A second mapping holds the standard errors of these means.
    """
    if min(counts) < max(degrees) + 6:
        raise ValueError(
            f"excess_errors() got {min(counts)} samples for degree {max(degrees)}; expected at least {max(degrees) + 6}"
        )
    draw, fine = np.random.default_rng(seed), np.linspace(-1, 1, 191)
    truth = np.sin(np.pi * fine)
    excess, spread = {rule: [] for rule in RULES}, {rule: [] for rule in RULES}
    for count in counts:
        spots = np.cos(np.pi * (np.arange(count) + 0.5) / count)
        measured = np.sin(np.pi * spots)[:, None] + noise * draw.normal(size=(count, sets))
        _, fits, left_out = generalization.degree_sweep(spots, measured, fine, truth, noise, degrees)
        errors = np.array([np.mean((fits[degree] - truth[:, None]) ** 2, axis=0) + noise**2 for degree in degrees])
        chosen = generalization.choices(spots, measured, degrees, left_out)
        for rule in RULES:
            ratio = errors[chosen[rule], np.arange(sets)] / errors.min(axis=0) - 1
            excess[rule].append(ratio.mean())
            spread[rule].append(ratio.std() / sets**0.5)
    return tuple({rule: np.array(values) for rule, values in some.items()} for some in (excess, spread))
