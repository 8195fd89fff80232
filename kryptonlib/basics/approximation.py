"""What one hidden layer can represent: a network built by hand, and networks that are trained to do the same."""

import numpy as np

from kryptonlib.basics.neurons import MLP, train
from kryptonlib.basics.optimizers import Adam


def polyline(knots, values):
    """A network of ReLUs whose output is the polyline through (knots, values); to the right it goes on straight.

    Args:
        knots: where the line bends, increasing [n + 1].
        values: its heights there [n + 1].

    Returns:
        An ``MLP`` with one input, n hidden ReLUs, one at each knot but the last, and one linear output.

    Example:
        >>> hat = polyline([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
        >>> hat([[0.5], [1.0], [1.5]]).ravel().tolist()
        [0.5, 1.0, 0.5]
    """
    knots, values = np.asarray(knots, dtype=float), np.asarray(values, dtype=float)
    if knots.ndim != 1 or len(knots) < 2 or values.shape != knots.shape or not np.all(np.diff(knots) > 0):
        raise ValueError(f"polyline() needs increasing knots [n + 1] and values like them, got {knots} and {values}")
    slopes = np.diff(values) / np.diff(knots)
    bends = np.diff(slopes, prepend=0.0)  # how much the slope changes at a knot
    return MLP([np.ones((len(bends), 1)), bends[None]], [-knots[:-1], values[:1]], ["relu", "linear"])


def trained_errors(x, targets, width, steps, trials, shares=(0.25, 1.0)):
    """Largest error of networks of ``width`` tanh units, trained with Adam from several starts.

    Every eighth sample is trained on; all are judged. The rate falls as 0.03 / (1 + t / 500).

    Args:
        x, targets: [N, 1] each; ``x`` should be centred, with values of order 1.
        width: hidden units.
        steps: updates of the whole training.
        trials: starts, with the seeds 0, 1, ...
        shares: after which increasing shares of the steps to judge.

    Returns:
        [trials, shares]: the largest absolute error over all samples.
    """
    errors = np.empty((trials, len(shares)))
    for trial in range(trials):
        network, done = MLP.random([1, width, 1], ["tanh", "linear"], trial), 0
        optimizer = Adam(lambda t: 0.03 / (1 + t / 500))
        for place, share in enumerate(shares):
            train(network, x[::8], targets[::8], optimizer, round(share * steps) - done)
            done = round(share * steps)
            errors[trial, place] = np.abs(network(x) - targets).max()
    return errors
