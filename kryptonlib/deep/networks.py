"""The networks of notebook 22: a chain of equal convolutions, and thin plain and residual networks of 20 and 56 layers.

All of them read grey pictures [N, 1, 14, 14] and return ten logits [N, 10].
"""

from torch import nn
from torch.nn import functional

from kryptonlib.choices import check_choice
from kryptonlib.deep.initialisation import initialise
from kryptonlib.deep.normalisation import norm_layer

ACTIVATIONS = {"relu": nn.ReLU, "selu": nn.SELU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
CLASSES = 10


class Mean(nn.Module):
    """The mean of each map: [N, C, H, W] -> [N, C]."""

    def forward(self, x):
        return x.mean((2, 3))


def chain(depth=4, width=8, *, norm="none", initial="he", activation="relu", dropout=0.0, seed=0):
    """A chain of ``depth`` convolutions of 3 x 3 with ``width`` maps each, and a linear layer.

    The first convolution and the one in the middle have stride 2, so that maps of 4 x 4 reach the linear layer. After
    each convolution come the normalisation and the activation.

    Args:
        depth: convolutions, at least 2.
        width: at least 1.
        norm: a name of ``normalisation.NORMS``. With one the convolutions have no bias.
        initial: a name of ``initialisation.RULES``.
        activation: a name of ``ACTIVATIONS``.
        dropout: the share of the linear layer's inputs that is set to zero in training, in [0, 1).
        seed: of the first weights.

    Raises:
        ValueError: an unknown name, a depth, a width or a share that cannot be.

    Example:
        >>> len(chain(depth=2, width=4))
        6
    """
    check_choice("activation", activation, ACTIVATIONS)
    if depth < 2 or width < 1 or not 0 <= dropout < 1:
        raise ValueError(
            f"chain() got depth {depth}, width {width}, dropout {dropout}; expected >= 2, >= 1 and in [0, 1)"
        )
    layers = []
    for place in range(depth):
        stride = 2 if place in (0, depth // 2) else 1
        layers.append(nn.Conv2d(width if place else 1, width, 3, padding=1, stride=stride, bias=norm == "none"))
        layers += norm_layer(norm, width)
        layers.append(ACTIVATIONS[activation]())
    layers += [nn.Flatten(), *([nn.Dropout(dropout)] if dropout else []), nn.Linear(16 * width, CLASSES)]
    return initialise(nn.Sequential(*layers), initial, seed)


def stack(depth, width, *, initial="he", activation="relu", inputs=196, seed=0):
    """``depth`` fully connected layers of ``width`` units, each with its activation, and a linear layer.

    Args:
        inputs: numbers in a picture; pictures are flattened first.

    Raises:
        ValueError: as ``chain``.
    """
    check_choice("activation", activation, ACTIVATIONS)
    if depth < 1 or width < 1:
        raise ValueError(f"stack() got depth {depth} and width {width}; expected at least 1")
    layers = [nn.Flatten()]
    for place in range(depth):
        layers += [nn.Linear(width if place else inputs, width), ACTIVATIONS[activation]()]
    return initialise(nn.Sequential(*layers, nn.Linear(width, CLASSES)), initial, seed)


class Block(nn.Module):
    """Two convolutions of 3 x 3 with batch norm; with ``shortcut`` their input is added before the last ReLU.

    Where the block halves the map, the shortcut takes every second row and column and fills the new channels with
    zeros, so that it has no weights (He et al., section 4.2, option A).
    """

    def __init__(self, before, after, shortcut):
        super().__init__()
        self.stride, self.shortcut = (2 if after != before else 1), shortcut
        self.first = nn.Conv2d(before, after, 3, stride=self.stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)

    def forward(self, x):
        out = functional.relu(self.first_norm(self.first(x)))
        out = self.second_norm(self.second(out))
        if self.shortcut:
            kept = x[:, :, :: self.stride, :: self.stride]
            out = out + functional.pad(kept, (0, 0, 0, 0, 0, out.shape[1] - kept.shape[1]))
        return functional.relu(out)


def thin(depth, *, shortcut, width=8, seed=0):
    """A network of 6n + 2 layers after He et al., "Deep residual learning for image recognition", section 4.2.

    A convolution of stride 2, then n blocks with ``width`` maps, n with twice as many maps of half the side, n with
    four times as many of a quarter; the mean of each map, a linear layer. He's weights, batch norm after each
    convolution.

    Args:
        depth: 8, 14, 20, … 56, …: layers with weights.
        shortcut: True makes it residual. Plain and residual networks have the same number of weights.
        width: maps of the first third; 16 in the paper.
        seed: of the first weights.

    Raises:
        ValueError: a depth that is not 6n + 2, a width below 1.

    Example:
        >>> parameters(thin(20, shortcut=True))
        67906
    """
    if depth < 8 or (depth - 2) % 6 or width < 1:
        raise ValueError(
            f"thin() got depth {depth} and width {width}; expected 8, 14, 20, 26, … layers and a width of at least 1"
        )
    layers = [nn.Conv2d(1, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    before = width
    for after in (width, 2 * width, 4 * width):
        for _ in range((depth - 2) // 6):
            layers.append(Block(before, after, shortcut))
            before = after
    return initialise(nn.Sequential(*layers, Mean(), nn.Linear(before, CLASSES)), "he", seed)


def parameters(network):
    """How many numbers a network learns.

    >>> parameters(thin(20, shortcut=False)) == parameters(thin(20, shortcut=True))
    True
    """
    return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)


def width_for(depth, budget, **settings):
    """The width at which ``chain(depth, width, **settings)`` comes closest to ``budget`` parameters.

    Raises:
        ValueError: a budget that not even width 1 keeps.

    Example:
        >>> width_for(2, 10_000) > width_for(8, 10_000)
        True
    """
    narrow, width = parameters(chain(depth, 1, **settings)), 1
    if budget < narrow:
        raise ValueError(f"width_for() got a budget of {budget} parameters; {depth} layers have at least {narrow}")
    while parameters(chain(depth, width + 1, **settings)) <= budget:
        width += 1
    below, above = (parameters(chain(depth, some, **settings)) for some in (width, width + 1))
    return width if budget - below <= above - budget else width + 1
