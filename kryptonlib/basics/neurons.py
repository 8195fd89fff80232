"""Neurons, activation functions, softmax, cross-entropy and the multi-layer perceptron, with their gradients.

Everything is plain numpy so that each line is one line of the tutorial (Tekalp and Kirmemis, EUSIPCO 2018, part 1,
"Neural Networks 101" and "Back-propagation"). Arrays of samples are [N, features]; a layer's weights are
[outputs, inputs], as in ``torch.nn.Linear``.
"""

from typing import NamedTuple

import numpy as np

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
"""The fixed point of Klambauer et al., Self-normalizing neural networks (2017): mean 0 and variance 1 are kept."""


class Activation(NamedTuple):
    """A function of one number and its derivative, both applied to every element of an array."""

    value: callable
    slope: callable


def sigmoid(x):
    """Logistic function 1 / (1 + e^-x) of an array; values in (0, 1). Never overflows."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(x, dtype=float)))


def _selu(x):
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0.0)))


def _selu_slope(x):
    return SELU_SCALE * np.where(x > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(x, 0.0)))


# At the corner x = 0 the slope is the left one, as in torch.
ACTIVATIONS = {
    "linear": Activation(lambda x: x, np.ones_like),
    "sigmoid": Activation(sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    "tanh": Activation(np.tanh, lambda x: 1.0 - np.tanh(x) ** 2),
    "relu": Activation(lambda x: np.maximum(x, 0.0), lambda x: np.where(x > 0, 1.0, 0.0)),
    "leaky relu": Activation(lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1.0, 0.01)),
    "selu": Activation(_selu, _selu_slope),
}
"""Name -> (value, slope). Each takes a float array of any shape."""


def softmax(scores, axis=-1):
    """Probabilities exp(x_i) / sum_j exp(x_j) along ``axis``, without overflow.

    The largest score is subtracted first: softmax does not change when one number is added to all scores. (The
    tutorial's slide prints e^-x, which would give the lowest score the highest probability.)

    >>> softmax([1000.0, 1000.0])
    array([0.5, 0.5])
    """
    scores = np.asarray(scores, dtype=float)
    if scores.size == 0 or not np.all(np.isfinite(scores)):
        raise ValueError(f"softmax() needs finite scores and at least one of them, got {scores}")
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def cross_entropy(scores, labels):
    """Mean cross-entropy -log p_label of raw scores (logits), and its gradient with respect to them.

    p is the softmax of each row. The logarithm is taken of the scores themselves, log p_i = x_i - log sum_j exp(x_j),
    so that a probability that rounds to 0 costs what it should and not infinity.

    Args:
        scores: logits [N, K], finite.
        labels: the right class of each row [N], integers 0..K-1.

    Returns:
        (loss, gradient): a number, and (p - one_hot(labels)) / N [N, K].

    Example:
        >>> loss, gradient = cross_entropy([[0.0, 0.0]], [1])
        >>> round(loss, 4), gradient.tolist()
        (0.6931, [[0.5, -0.5]])
    """
    scores, labels = np.asarray(scores, dtype=float), np.asarray(labels)
    if scores.ndim != 2 or scores.size == 0 or not np.all(np.isfinite(scores)):
        raise ValueError(f"scores must be finite logits [N, K], got shape {scores.shape}")
    if labels.shape != scores.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be {len(scores)} integers, got shape {labels.shape} of {labels.dtype}")
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(f"labels must lie in 0..{scores.shape[1] - 1}, got {labels.min()}..{labels.max()}")
    rows = np.arange(len(scores))
    shifted = scores - scores.max(axis=1, keepdims=True)
    loss = np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, labels])
    gradient = softmax(scores)
    gradient[rows, labels] -= 1.0
    return float(loss), gradient / len(scores)


class MLP:
    """A multi-layer perceptron: out = f(W out_before + b), layer after layer.

    Args:
        weights: one array [outputs, inputs] per layer.
        biases: one array [outputs] per layer.
        activations: one name of ``ACTIVATIONS`` per layer.

    Example:
        >>> network = MLP.random([2, 4, 1], ["tanh", "linear"], seed=0)
        >>> network(np.zeros((3, 2))).shape
        (3, 1)
    """

    def __init__(self, weights, biases, activations):
        self.weights = [np.array(w, dtype=float) for w in weights]
        self.biases = [np.array(b, dtype=float) for b in biases]
        self.activations = list(activations)
        if not len(self.weights) == len(self.biases) == len(self.activations) > 0:
            raise ValueError(
                f"MLP needs as many weights as biases and activations, got {len(self.weights)}, "
                f"{len(self.biases)} and {len(self.activations)}"
            )
        for name in self.activations:
            if name not in ACTIVATIONS:
                raise ValueError(f"unknown activation {name!r}; known are {', '.join(ACTIVATIONS)}")
        for layer, (w, b) in enumerate(zip(self.weights, self.biases)):
            wanted = self.weights[layer - 1].shape[0] if layer else w.shape[-1]
            if w.ndim != 2 or b.shape != w.shape[:1] or w.shape[1] != wanted:
                raise ValueError(
                    f"layer {layer}: weights {w.shape} and biases {b.shape} do not fit; "
                    f"expected [outputs, {wanted}] and [outputs]"
                )

    @classmethod
    def random(cls, sizes, activations, seed=0):
        """Layers of the given sizes; weights are normal with variance 1/inputs, biases zero."""
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"sizes must name an input and an output size, all at least 1, got {sizes}")
        draw = np.random.default_rng(seed)
        weights = [draw.normal(0.0, n**-0.5, (m, n)) for n, m in zip(sizes[:-1], sizes[1:])]
        return cls(weights, [np.zeros(m) for m in sizes[1:]], activations)

    def __call__(self, x):
        """Outputs [N, outputs] for the inputs ``x`` [N, inputs]."""
        return self.forward(x)[1][-1]

    def forward(self, x):
        """Forward pass: (nets, outs), the weighted sums of each layer and, beginning with ``x``, all outputs."""
        x = np.asarray(x, dtype=float)
        if x.ndim != 2 or x.shape[1] != self.weights[0].shape[1]:
            raise ValueError(f"inputs must be [N, {self.weights[0].shape[1]}], got {x.shape}")
        nets, outs = [], [x]
        for w, b, name in zip(self.weights, self.biases, self.activations):
            nets.append(outs[-1] @ w.T + b)
            outs.append(ACTIVATIONS[name].value(nets[-1]))
        return nets, outs

    def gradients(self, x, targets):
        """Loss and its gradients by back-propagation.

        The loss is the slides' E = 1/(2M) sum_i ||y_i - yhat_i||^2 over the M samples.

        Returns:
            (E, [dE/dW of each layer], [dE/db of each layer]).
        """
        nets, outs = self.forward(x)
        targets = np.asarray(targets, dtype=float)
        if targets.shape != outs[-1].shape:
            raise ValueError(f"targets must be {outs[-1].shape} like the outputs, got {targets.shape}")
        samples = len(targets)
        signal = (outs[-1] - targets) / samples
        loss = np.sum((outs[-1] - targets) ** 2) / (2 * samples)
        weights, biases = [], []
        for layer in reversed(range(len(self.weights))):
            signal = signal * ACTIVATIONS[self.activations[layer]].slope(nets[layer])
            weights.insert(0, signal.T @ outs[layer])
            biases.insert(0, signal.sum(axis=0))
            signal = signal @ self.weights[layer]
        return loss, weights, biases

    def packed_gradient(self, x, targets):
        """(E, dE/d of all weights and biases in one vector, in the order of ``pack``)."""
        loss, weights, biases = self.gradients(x, targets)
        return loss, np.concatenate([part.ravel() for pair in zip(weights, biases) for part in pair])

    def pack(self):
        """All weights and biases in one vector, layer by layer."""
        return np.concatenate([part.ravel() for pair in zip(self.weights, self.biases) for part in pair])

    def unpack(self, vector):
        """Set all weights and biases from one vector made by ``pack``."""
        vector = np.asarray(vector, dtype=float)
        if vector.shape != (self.pack().size,):
            raise ValueError(f"expected a vector of {self.pack().size} numbers, got shape {vector.shape}")
        place = 0
        for part in [part for pair in zip(self.weights, self.biases) for part in pair]:
            part[...] = vector[place : place + part.size].reshape(part.shape)
            place += part.size


def train(network, x, targets, optimizer, steps, batch=None, seed=0):
    """Descend along the gradients of batches; changes ``network`` and returns the loss before each step [steps].

    Args:
        network: an ``MLP``.
        x, targets: [M, inputs] and [M, outputs].
        optimizer: one of ``kryptonlib.basics.optimizers``.
        steps: number of updates.
        batch: samples per update, drawn without replacement epoch by epoch; None takes all M (batch descent), 1 is
            stochastic descent.
        seed: of the shuffling.
    """
    x, targets = np.asarray(x, dtype=float), np.asarray(targets, dtype=float)
    size = len(x) if batch is None else batch
    if not 1 <= size <= len(x):
        raise ValueError(f"batch must be between 1 and the {len(x)} samples, got {batch}")
    draw = np.random.default_rng(seed)
    losses, waiting, vector = [], [], network.pack()
    for _ in range(steps):
        chosen = slice(None)
        if size < len(x):
            if len(waiting) < size:
                waiting = draw.permutation(len(x))
            chosen, waiting = waiting[:size], waiting[size:]
        loss, gradient = network.packed_gradient(x[chosen], targets[chosen])
        vector = optimizer.step(vector, gradient)
        network.unpack(vector)
        losses.append(loss)
    return np.array(losses)


def dead_units(network, x, layer=0):
    """Which units of a layer have slope 0 for every input of ``x`` and so never learn from it again; bool [units]."""
    nets, _ = network.forward(x)
    return np.all(ACTIVATIONS[network.activations[layer]].slope(nets[layer]) == 0.0, axis=0)


def never_on(network, x, layer=0):
    """Which units of a layer have a weighted sum of at most 0 for every input of ``x``; bool [units]."""
    nets, _ = network.forward(x)
    return np.all(nets[layer] <= 0.0, axis=0)


SLIDE_INPUT, SLIDE_TARGET = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])


def slide_network():
    """The slides' 2-2-2 example (M. Mazur, 2015): w1..w4, b1 = .35, w5..w8, b2 = .60, all sigmoid."""
    return MLP(
        [[[0.15, 0.20], [0.25, 0.30]], [[0.40, 0.45], [0.50, 0.55]]], [[0.35, 0.35], [0.60, 0.60]], ["sigmoid"] * 2
    )
