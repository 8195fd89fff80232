"""How fast to learn at which step: a short rise, a constant rate, a fall at the end.

Before the fall the rate is constant, so that the number of steps may be changed when a run is continued, and nothing
else changes by that: Hu et al., 2024, https://arxiv.org/abs/2404.06395.
"""

WARM_UP = 200
"""Steps in which the rate rises, at the start and after the optimizers' own state was lost."""


def pace(step, steps, *, warm_up=WARM_UP, decay=0.25, last=0.05, begun=0):
    """The share of the highest rate at a step.

    Args:
        step: its number, from 0.
        steps: how many there are.
        warm_up: steps in which it rises.
        decay: share of the steps, the last ones, in which it falls; 0 keeps it constant.
        last: the rate at the end, as a share of the highest.
        begun: the step at which the optimizers began with an empty state.

    Example:
        >>> [round(pace(step, 1000), 2) for step in (0, 199, 500, 875, 1000)]
        [0.01, 1.0, 1.0, 0.53, 0.05]
    """
    rise = (step - begun + 1) / warm_up
    left = (steps - step) / (decay * steps) if decay else 1.0
    return max(0.0, min(1.0, rise, last + (1 - last) * left))


def kept_share(step, most):
    """How much of a moving average of weights a step keeps: little at first, so that the start is soon forgotten.

    Example:
        >>> kept_share(0, 0.999), kept_share(10**6, 0.999)
        (0.1, 0.999)
    """
    return min(most, (step + 1) / (step + 10))
