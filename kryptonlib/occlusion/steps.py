"""A traced network as a list of steps, each of a kind that the incremental engine knows how to carry a window through.

``reader.read_steps`` walks a ``torch.fx`` graph once with the clean image, keeps every activation (Krypton's
materialised view) and sorts each node into one of the kinds below. Elementwise functions are attached to the step
before them.

========== ==================================================================================================
input      the image
window     reads a neighbourhood: convolution, max and average pooling; padding with zeros is a 1x1 window
pointwise  acts on each place of the map alone: activations, batch norm, scaling, permuted linear layers
join       elementwise on several maps of one shape, or their concatenation along the channels
mean       global average pooling: the mean of the change is added to the clean mean
linear     the first linear layer after flattening a map: the weights times the change are added
dense      needs the entire map, or has none: computed as the network itself would
========== ==================================================================================================
"""

from dataclasses import dataclass, field

import torch


@dataclass
class Step:
    """One layer, its clean result, and how to compute it on entire maps or on windows.

    Attributes:
        name: the operator's name as a reader of the network knows it.
        kind: see the module's table.
        sources: indices of the steps it reads.
        run: function(n, tensors) -> the result for a batch of n entire inputs.
        clean: the result for the clean image [1, ...].
        before: the clean result before ``posts``, kept for an operator that ``adds``; None where it is ``clean``.
        layout: where the channels are: "first" [n, C, H, W], "last" [n, H, W, C], "none" [n, H, W], "flat" otherwise.
        operator: what ``operators`` knows about it (kernel, weights, function), or None.
        posts: elementwise functions applied right after it.
        known: False for an operator that turned the rest dense because the engine does not know it.
        users: indices of the steps that read it.
    """

    name: str
    kind: str
    sources: tuple
    run: object
    clean: torch.Tensor
    layout: str
    operator: object = None
    posts: list = field(default_factory=list)
    known: bool = True
    before: torch.Tensor = None
    users: list = field(default_factory=list)

    @property
    def spatial(self):
        """True where the result is a map."""
        return self.layout != "flat"

    @property
    def size(self):
        """(rows, columns) of the map; (1, 1) where the result is not one."""
        return {"first": self.clean.shape[2:], "last": self.clean.shape[1:3], "none": self.clean.shape[1:]}.get(
            self.layout, (1, 1)
        )

    @property
    def channels(self):
        """Channels of the map."""
        return self.clean.shape[{"first": 1, "last": -1}[self.layout]] if self.layout in ("first", "last") else 1


class Unsupported(Exception):
    """The graph does something that cannot be described by steps; the network is then computed in full."""


@dataclass(frozen=True)
class Number:
    """A value that is no tensor, at batch size 1 and 2: sizes may depend on the batch."""

    one: object
    two: object

    def at(self, n):
        """The value at batch size n."""
        return _at(self.one, self.two, n)


def _at(one, two, n):
    if isinstance(one, (tuple, list)):
        return (
            type(one)(_at(a, b, n) for a, b in zip(one, two))
            if type(one) in (tuple, list)
            else tuple(_at(a, b, n) for a, b in zip(one, two))
        )
    if isinstance(one, int) and not isinstance(one, bool):
        return one + (n - 1) * (two - one)
    return one
