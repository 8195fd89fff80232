"""Gradient checking: a gradient computed by differences of the loss, to hold against one computed by a formula.

The central difference (E(w + h) - E(w - h)) / 2h of each weight errs in two ways: by truncation, h^2 |E'''| / 6, which
falls with the step h, and by rounding, about eps |E| / h with eps = 2.2e-16 for 64-bit numbers, which grows as h
shrinks. The forward difference (E(w + h) - E(w)) / h truncates h |E''| / 2. (Press et al., Numerical Recipes, 5.7.)
"""

import numpy as np


def numerical_gradient(loss, w, step=1e-5, central=True):
    """dE/dw by differences, one weight after the other.

    Args:
        loss: function of an array like ``w`` that returns a number.
        w: weights, an array of any shape; it is not changed.
        step: the h > 0 by which a weight is moved. About 1e-5 is best for central differences of losses near 1 in
            64-bit numbers, about 1e-8 for forward ones.
        central: central differences (two losses for each weight) instead of forward ones (one, and one for all).

    Returns:
        The gradient, an array of float64 of the shape of ``w``.

    Raises:
        ValueError: ``step`` is not positive and finite, ``w`` is not finite, or the loss is not one number.

    Example:
        >>> numerical_gradient(lambda w: np.sum(w**2), [1.0, -2.0]).round(6)
        array([ 2., -4.])
    """
    if not 0 < step < np.inf:
        raise ValueError(f"step must be a positive number, got {step!r}; 1e-5 is a good one")
    w = np.array(w, dtype=float)
    if not np.all(np.isfinite(w)):
        raise ValueError("numerical_gradient() needs finite weights, some are NaN or infinite")
    here = None if central else _number(loss, w)
    gradient = np.zeros_like(w)
    for place in np.ndindex(w.shape):
        moved = w.copy()
        moved[place] = w[place] + step
        above = _number(loss, moved)
        if central:
            moved[place] = w[place] - step
            gradient[place] = (above - _number(loss, moved)) / (2 * step)
        else:
            gradient[place] = (above - here) / step
    return gradient


def step_sweep(loss, w, exact, steps):
    """Relative error of central and of forward differences for each step.

    Args:
        loss, w: as for ``numerical_gradient``.
        exact: the gradient to compare with, of the shape of ``w``.
        steps: the steps h to try [N].

    Returns:
        {"central differences": [N], "forward differences": [N]}.
    """
    ways = {"central differences": True, "forward differences": False}
    return {
        name: np.array([relative_error(numerical_gradient(loss, w, step, central), exact) for step in steps])
        for name, central in ways.items()
    }


def _number(loss, w):
    value = np.asarray(loss(w), dtype=float)
    if value.size != 1:
        raise ValueError(f"the loss must be one number, got shape {value.shape}; sum it or take its mean")
    return float(value.reshape(()))


def relative_error(first, second):
    """||first - second|| / (||first|| + ||second||) of two gradients: 0 if equal, 1 if one is the other reversed.

    A right gradient in 64-bit numbers is below about 1e-7; one above 1e-3 holds a mistake. Two zeros are equal.

    Raises ValueError if the shapes differ: an outer product the wrong way round must not be broadcast away.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.shape != second.shape:
        raise ValueError(f"the gradients have shapes {first.shape} and {second.shape}; they must be equal")
    size = np.linalg.norm(first) + np.linalg.norm(second)
    return float(np.linalg.norm(first - second) / size) if size > 0 else 0.0
