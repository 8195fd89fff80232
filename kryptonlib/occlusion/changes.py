"""Convolutions of a change alone: what is added to the clean result costs what the changed inputs do, not the outputs.

A convolution is linear: conv(x + d) = conv(x) + conv(d). Where the change d is zero but for a window of m cells, the
outputs that it reaches are m + K - 1 along an axis, each of K products; but each changed cell enters K of them only. A
library that skips its own padding, as oneDNN does, computes conv(d) in the time of K m products instead of
K (m + K - 1). What surrounds the window is not gathered, and conv(x) is known from the clean image.

All positions of a batch need the same padding, so that a window begins at the same distance from the window that it
reads. At the border it may therefore reach beyond the map; such places hold zeros.
"""

from dataclasses import dataclass

import numpy as np

from kryptonlib.occlusion.intervals import extent

LONGER = 2
"""Steps for whose sake a window is not to be a cell longer: itself, and the next."""
NARROW = 6
"""Columns up to which windows lie side by side: so few of them keep a convolution waiting for its weights."""
MANY_WEIGHTS = 1 << 19
"""Weights from which on they do: fewer stay in a core's own cache."""


@dataclass(frozen=True)
class Span:
    """The cells of a source's windows along one axis whose change is convolved.

    Attributes:
        begin: the first of them, counted from the window's own first cell.
        cells: how many there are.
        before, after: zeros in front of and behind them that the outputs read.
    """

    begin: int
    cells: int
    before: int
    after: int

    @property
    def padding(self):
        """Zeros on either side, since convolutions take as many on both."""
        return max(self.before, self.after)

    def products(self, kernel):
        """How many products of a cell and one of ``kernel`` weights the outputs are made of (at dilation 1)."""
        place = np.arange(self.before, self.before + self.cells)
        last = self.cells + self.before + self.after - kernel
        return int((np.minimum(place, last) - np.maximum(place - kernel + 1, 0) + 1).sum())


def takes_change(steps, index):
    """True for a convolution that may be given the change of its source's window alone."""
    step = steps[index]
    return step.kind == "window" and step.operator.adds and steps[step.sources[0]].kind != "input"


def pays(span, length, tight, kernel):
    """True where windows of ``length`` cells from a change take less work than ``tight`` ones with their context.

    Windows that must all lie alike can be longer than they need be, which costs this step and those that follow.

    Example:
        >>> pays(Span(0, 5, 1, 1), 5, 5, 3), pays(Span(0, 9, 2, 2), 11, 9, 3)
        (True, False)
    """
    return span.products(kernel) + LONGER * kernel * (length - tight) <= kernel * tight


def in_strips(step, columns, device):
    """True where a batch's windows are to lie side by side in one image, the zeros between two serving both.

    Args:
        step: a convolution that convolves changes.
        columns: its :class:`Span` along the columns.
    """
    kernel, _, _, dilation = step.operator.axes[1]
    even = columns.before == columns.after and columns.before + columns.after == extent(kernel, dilation) - 1
    return even and columns.cells <= NARROW and step.operator.macs >= MANY_WEIGHTS and device.type == "cpu"


def through_change(starts, seen, needed, axis):
    """The windows of a convolution that reads changes alone, along one axis.

    Args:
        starts: first cells of the source's windows [n].
        seen: (low, high) [n], what of each is to be read, none empty.
        needed: (low, high) [n], the outputs to compute.
        axis: the convolution's (kernel, 1, padding before, dilation).

    Returns:
        (shift, length, :class:`Span`): windows that begin at ``starts + shift`` hold what is needed.

    Example:
        >>> through_change(np.array([2]), (np.array([2]), np.array([5])), (np.array([1]), np.array([6])), (3, 1, 1, 1))
        (-1, 5, Span(begin=0, cells=3, before=2, after=2))
    """
    kernel, _, padding, dilation = axis
    reach = extent(kernel, dilation) - 1
    begin = int((seen[0] - starts).min())
    cells = int((seen[1] - starts).max()) - begin
    first = starts + begin
    # An output begins to read ``padding`` cells in front of its own place.
    shift = min(int((needed[0] - first).min()), padding)
    length = int((needed[1] - first).max()) - shift
    before, after = padding - shift, shift + length - cells - padding + reach
    return begin + shift, length - min(after, 0), Span(begin, cells, before, max(after, 0))
