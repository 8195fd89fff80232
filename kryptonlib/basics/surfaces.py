"""Loss surfaces of two weights on which optimizers can be watched: values, gradients, windows and minima."""

from typing import NamedTuple

import numpy as np


class Surface(NamedTuple):
    """A loss f(x, y): ``value`` and ``gradient`` take a point [2] or arrays x, y stacked as [2, ...]."""

    value: callable
    gradient: callable
    window: tuple
    """(lowest x, highest x, lowest y, highest y) worth drawing."""
    start: tuple
    minima: tuple
    """The points of least loss, where it is 0."""
    note: str


def _beale(p):
    x, y = p
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _beale_gradient(p):
    x, y = p
    errors = [c - x + x * y**k for k, c in ((1, 1.5), (2, 2.25), (3, 2.625))]
    along_x = sum(2 * e * (y**k - 1) for k, e in enumerate(errors, 1))
    along_y = sum(2 * e * k * x * y ** (k - 1) for k, e in enumerate(errors, 1))
    return np.array([along_x, along_y])


def _saddle(steepness, note):
    """f = steepness x^2 / 2 + (1 - y^2)^2 / 4: a saddle at the origin with curvatures ``steepness`` and -1."""
    return Surface(
        lambda p: steepness * p[0] ** 2 / 2 + (1 - p[1] ** 2) ** 2 / 4,
        lambda p: np.array([steepness * p[0], p[1] * (p[1] ** 2 - 1)]),
        (-1.5, 1.5, -1.5, 1.5),
        (-1.0, 0.001),
        ((0.0, -1.0), (0.0, 1.0)),
        note,
    )


SURFACES = {
    "bowl": Surface(
        lambda p: 0.5 * (p[0] ** 2 + 10 * p[1] ** 2),
        lambda p: np.array([p[0], 10 * p[1]]),
        (-5.0, 2.0, -2.0, 2.0),
        (-4.5, 1.5),
        ((0.0, 0.0),),
        "curvatures 1 and 10: gradient descent converges below the rate 2/10",
    ),
    "saddle": _saddle(1.0, "two minima with a saddle between them, as steep across as along"),
    "narrow saddle": _saddle(100.0, "the same saddle, a hundred times steeper across: that caps the rate of descent"),
    "Beale": Surface(
        _beale,
        _beale_gradient,
        (-1.0, 4.5, -2.0, 2.5),
        (1.0, 1.5),
        ((3.0, 0.5),),
        "a plateau, steep walls and a long flat valley",
    ),
    "Rosenbrock": Surface(
        lambda p: (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2,
        lambda p: np.array(
            [-2 * (1 - p[0]) - 400 * p[0] * (p[1] - p[0] ** 2), 200 * (p[1] - p[0] ** 2)]
        ),
        (-2.0, 2.0, -1.0, 3.0),
        (-1.5, 2.0),
        ((1.0, 1.0),),
        "a curved valley: falling into it is easy, following it is not",
    ),
    "Himmelblau": Surface(
        lambda p: (p[0] ** 2 + p[1] - 11) ** 2 + (p[0] + p[1] ** 2 - 7) ** 2,
        lambda p: np.array(
            [
                4 * p[0] * (p[0] ** 2 + p[1] - 11) + 2 * (p[0] + p[1] ** 2 - 7),
                2 * (p[0] ** 2 + p[1] - 11) + 4 * p[1] * (p[0] + p[1] ** 2 - 7),
            ]
        ),
        (-5.0, 5.0, -5.0, 5.0),
        (0.0, -0.5),
        ((3.0, 2.0), (-2.805118087, 3.131312518), (-3.77931025, -3.28318599), (3.584428340, -1.848126527)),
        "four equal minima: which one is found depends on the optimizer",
    ),
}
"""Name -> Surface."""


def surface(name):
    """The surface of that name, or ValueError naming those there are."""
    if name not in SURFACES:
        raise ValueError(f"unknown surface {name!r}; known are {', '.join(SURFACES)}")
    return SURFACES[name]
