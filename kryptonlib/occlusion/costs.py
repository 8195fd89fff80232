"""What windows and entire maps cost, so that the cheaper way can be taken.

Costs are counted in multiply-accumulates (MACs) of a large convolution; the constants say how many of them the machine
does while it moves one number or starts one operator. They steer speed only, never results.
"""

import numpy as np

from kryptonlib.occlusion.intervals import context

MOVE = 40.0
"""MACs in the time of reading and writing one float32."""
CALL = 2e7
"""MACs in the time of starting one operator (its Python code and small index tensors included)."""
SETUP = 6e7
"""MACs in the time that oneDNN takes to make a convolution for a shape that it has not seen."""
PLAIN = 2.0
"""How much slower a MAC of a matrix product is than one of a convolution."""
REORDER = 100.0
"""MACs in the time that one weight costs a batch: fetching it, and using it for too few positions."""
GROUPED = 6.0
"""How much slower a MAC of a grouped or depthwise convolution is."""


class StepCosts:
    """Estimated MACs per place of a window and of a whole map, for every step."""

    def __init__(self, steps):
        self.steps = steps
        self.areas = np.array([float(np.prod(step.size)) for step in steps])
        paid = np.prod([whole_axis(steps, axis) for axis in (0, 1)], axis=0)
        # First half: per place of the output window; second half: per place of the context that is gathered.
        count = len(steps)
        self.weights = np.zeros(2 * count)
        self.fixed = np.zeros(count)
        for index, step in enumerate(steps):
            macs = step_macs(step)
            if step.operator is not None and step.operator.grouped:
                macs *= GROUPED
            moved = MOVE * step.channels * (0.5 + len(step.posts) / 2)
            if step.kind == "input":
                continue
            if step.kind in ("window", "pointwise", "join"):
                self.weights[index] = macs + moved
                if step.kind == "window" and not takes_window_as_is(step):
                    self.weights[count + index] = MOVE * steps[step.sources[0]].channels
            elif step.kind == "linear":
                # Per place of the map that it reads; the matrix product, and adding to the result.
                _, features, channels = step.operator.weight.shape
                self.weights[count + index] = features * (PLAIN * channels + MOVE)
                self.fixed[index] = moved
            else:
                self.fixed[index] = macs * self.areas[index] + moved
        self.whole = self.weights[:count] * paid + self.fixed
        for index, step in enumerate(steps):
            if step.kind == "linear":
                self.whole[index] += self.weights[count + index] * np.prod(steps[step.sources[0]].size)
        # Turning whole at step k: every earlier map that a later step reads is filled up.
        crossing = np.zeros(count + 1)
        for index, step in enumerate(steps):
            if step.users and step.spatial:
                fill = MOVE * step.channels * self.areas[index]
                crossing[index + 1] += fill
                crossing[max(step.users) + 1] -= fill
        self.crossing = np.cumsum(crossing)
        weights = [step.operator.macs for step in steps if step.kind == "window" and step.operator.macs]
        self.per_batch = CALL * count + SETUP * len(weights) + REORDER * sum(weights)

    def switch(self, rows, columns):
        """(steps from which whole maps are cheapest [...], MACs per position [...]) for profiles [..., 2K]."""
        count = len(self.steps)
        each = self.weights * rows * columns
        windowed = each[..., :count] + each[..., count:] + self.fixed
        # Of k steps as windows and the others whole, k = 0 to K.
        totals = np.zeros((*windowed.shape[:-1], count + 1))
        np.cumsum(windowed, axis=-1, out=totals[..., 1:])
        totals[..., :-1] += np.cumsum(self.whole[::-1])[::-1]
        totals += self.crossing
        return totals.argmin(-1), totals.min(-1)


def step_macs(step):
    """Multiply-accumulates per place of the step's output, its attached functions included."""
    return sum(part.macs for part in [step.operator, *step.posts] if part is not None)


def takes_window_as_is(step):
    """True for a 1x1 convolution of stride 1: it needs nothing around its window."""
    return all(axis[:3] == (1, 1, 0) for axis in step.operator.axes)


def takes_own_padding(step, axis, length):
    """True where a window is the map's whole axis and the convolution's own padding may stand for the zeros around."""
    return step.operator.pads and step.operator.axes[axis][2] > 0 and length == step.size[axis]


def gathered(step, axis, length, size):
    """Places of a source's axis of ``size`` that a window of ``length`` reads; integers or arrays of them."""
    kernel, stride, before, dilation = step.operator.axes[axis]
    every = context(0, length, kernel=kernel, stride=stride, before=before, dilation=dilation)[1]
    return np.where(takes_own_padding(step, axis, length), size, every)


def whole_axis(steps, axis):
    """Places that the whole axis of each step costs: fewer than it has, since a convolution skips its own padding.

    A 3x3 convolution on 7 places reads 19 of 3 * 7 places inside the map: it costs as much as a window of 6 1/3, whose
    zeros beyond the border are multiplied like any number.
    """
    costs = np.array([float(step.size[axis]) for step in steps])
    for index, step in enumerate(steps):
        if step.kind == "window" and takes_own_padding(step, axis, step.size[axis]):
            kernel, stride, before, dilation = step.operator.axes[axis]
            reads = np.arange(int(step.size[axis]))[:, None] * stride - before + dilation * np.arange(kernel)
            costs[index] = ((reads >= 0) & (reads < int(steps[step.sources[0]].size[axis]))).sum() / kernel
    return costs
