"""Gradient descent and the nine optimizers of the tutorial's slide "Adaptive Optimizers", a few lines each.

Every class holds its own state; ``step(w, g)`` returns the new weights. Weights are a float or an array of any shape.
The formulas and default constants are those of ``torch.optim`` and the tests compare every step with it. The slides
print some updates with the sign reversed; here every one is w <- w - rate * direction.

Example:
    >>> optimizer = Momentum(0.1)
    >>> float(optimizer.step(1.0, 2.0))
    0.8
"""

import numpy as np


class Optimizer:
    """Base of all: checks the rate, counts the steps, moves against ``direction``.

    Args:
        rate: learning rate, a positive number or a function of the step number t = 1, 2, ... that returns one.
    """

    def __init__(self, rate):
        if not callable(rate) and not rate > 0:
            raise ValueError(f"rate must be a positive number or a function of the step, got {rate!r}")
        self.rate, self.t = rate, 0

    def step(self, w, g):
        """Weights after one update from weights ``w`` and gradient ``g`` of the same shape."""
        if np.shape(w) != np.shape(g):
            raise ValueError(f"weights have shape {np.shape(w)} and the gradient {np.shape(g)}; they must be equal")
        self.t += 1
        return w - (self.rate(self.t) if callable(self.rate) else self.rate) * self.direction(g)

    def direction(self, g):
        raise NotImplementedError


def _fraction(**values):
    """Decay constants lie in [0, 1)."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must lie in [0, 1), got {value}")


class SGD(Optimizer):
    """Gradient descent: the direction is the gradient."""

    def direction(self, g):
        return g


class Momentum(Optimizer):
    """v <- mu v + g (Polyak, 1964): a heavy ball remembers where it was rolling."""

    def __init__(self, rate, mu=0.9):
        super().__init__(rate)
        _fraction(mu=mu)
        self.mu, self.v = mu, 0.0

    def direction(self, g):
        self.v = self.mu * self.v + g
        return self.v


class NAG(Momentum):
    """Nesterov's accelerated gradient (1983), in the form that needs no gradient at the look-ahead point."""

    def direction(self, g):
        return g + self.mu * super().direction(g)


class AdaGrad(Optimizer):
    """Divides by the root of all squared gradients so far (Duchi et al., 2011): the rate can only shrink."""

    def __init__(self, rate, eps=1e-10):
        super().__init__(rate)
        self.eps, self.total = eps, 0.0

    def direction(self, g):
        self.total = self.total + g * g
        return g / (self.total**0.5 + self.eps)


class RMSProp(Optimizer):
    """AdaGrad that forgets: a decaying mean of the squared gradients (Hinton, lecture 6e, 2012)."""

    def __init__(self, rate, decay=0.99, eps=1e-8):
        super().__init__(rate)
        _fraction(decay=decay)
        self.decay, self.eps, self.square = decay, eps, 0.0

    def direction(self, g):
        self.square = self.decay * self.square + (1 - self.decay) * g * g
        return g / (self.square**0.5 + self.eps)


class Adadelta(Optimizer):
    """Steps in the units of the weights (Zeiler, 2012): rms of past steps over rms of past gradients; rate 1."""

    def __init__(self, rate=1.0, decay=0.9, eps=1e-6):
        super().__init__(rate)
        _fraction(decay=decay)
        self.decay, self.eps, self.square, self.moved = decay, eps, 0.0, 0.0

    def direction(self, g):
        self.square = self.decay * self.square + (1 - self.decay) * g * g
        move = ((self.moved + self.eps) / (self.square + self.eps)) ** 0.5 * g
        self.moved = self.decay * self.moved + (1 - self.decay) * move * move
        return move


class Adam(Optimizer):
    """Decaying means of gradient and squared gradient (Kingma and Ba, 2015).

    Args:
        rate: learning rate.
        beta1, beta2: decay of the first and the second moment.
        eps: added to the root.
        correct_bias: divide the moments by 1 - beta^t; Reddi et al. (2018) analyse the form without.
    """

    def __init__(self, rate, beta1=0.9, beta2=0.999, eps=1e-8, correct_bias=True):
        super().__init__(rate)
        _fraction(beta1=beta1, beta2=beta2)
        self.beta1, self.beta2, self.eps, self.correct_bias = beta1, beta2, eps, correct_bias
        self.m, self.v = 0.0, 0.0

    def moments(self, g):
        """Update m and v; return the two bias corrections."""
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * g * g
        return (1 - self.beta1**self.t, 1 - self.beta2**self.t) if self.correct_bias else (1.0, 1.0)

    def direction(self, g):
        first, second = self.moments(g)
        return (self.m / first) / ((self.v / second) ** 0.5 + self.eps)


class AMSGrad(Adam):
    """Adam whose denominator never shrinks (Reddi, Kale and Kumar, ICLR 2018)."""

    largest = 0.0

    def direction(self, g):
        first, second = self.moments(g)
        self.largest = np.maximum(self.largest, self.v)
        return (self.m / first) / ((self.largest / second) ** 0.5 + self.eps)


class AdaMax(Adam):
    """Adam with the largest recent gradient in place of the root mean square (Kingma and Ba, 2015, section 7.1)."""

    def direction(self, g):
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = np.maximum(self.beta2 * self.v, abs(g) + self.eps)
        return self.m / (1 - self.beta1**self.t) / self.v


class Nadam(Adam):
    """Adam with Nesterov's look-ahead (Dozat, 2016); beta1 warms up as beta1 (1 - 0.5 * 0.96^(t * warm_up))."""

    def __init__(self, rate, beta1=0.9, beta2=0.999, eps=1e-8, warm_up=4e-3):
        super().__init__(rate, beta1, beta2, eps)
        self.warm_up, self.product = warm_up, 1.0

    def direction(self, g):
        _, second = self.moments(g)
        now, coming = (self.beta1 * (1 - 0.5 * 0.96 ** (t * self.warm_up)) for t in (self.t, self.t + 1))
        self.product *= now
        ahead = (1 - now) / (1 - self.product) * g + coming / (1 - self.product * coming) * self.m
        return ahead / ((self.v / second) ** 0.5 + self.eps)


OPTIMIZERS = {
    kind.__name__: kind for kind in (SGD, Momentum, NAG, AdaGrad, Adadelta, RMSProp, Adam, AdaMax, Nadam, AMSGrad)
}
"""Name -> class, in the order of the slide."""


def descend(optimizer, gradient, start, steps, limit=1e6):
    """Follow a gradient from a start.

    Args:
        optimizer: an ``Optimizer``.
        gradient: function of the weights that returns the gradient, same shape.
        start: weights [D] to start from.
        steps: number of updates.
        limit: the walk counts as diverged, and ends, once a weight is larger than this or not finite.

    Returns:
        The weights after each update [at most steps + 1, D]; row 0 is the start. Shorter if it diverged.
    """
    path = [np.array(start, dtype=float)]
    if path[0].ndim != 1 or not np.all(np.isfinite(path[0])):
        raise ValueError(f"start must be a finite vector [D], got {start}")
    for _ in range(steps):
        w = optimizer.step(path[-1], np.asarray(gradient(path[-1]), dtype=float))
        if not np.all(np.abs(w) <= limit):
            break
        path.append(w)
    return np.array(path)
