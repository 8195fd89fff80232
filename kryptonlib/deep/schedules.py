"""Learning-rate schedules: the share of the highest rate at each step, or after what was measured.

The slides: "reduce the learning rate according to a pre-defined schedule or when the change in the objective between
epochs falls below a threshold". Warm-up: Goyal et al., 2017; cosine: Loshchilov and Hutter, 2017.
"""

import math

from kryptonlib.choices import check_choice


class Schedule:
    """What ``fit`` asks for its rate: ``pace(step)``, the share of the highest rate at a step from 0, and
    ``tell(loss)``, called with every batch's loss.

    Args:
        shape: function of the share of the training that is done, in [0, 1), that returns the share of the rate.
        steps: of the training.
        warm_up: share of the steps in which the rate rises to what the shape says.

    Example:
        >>> [round(Schedule(cosine, 100).pace(step), 3) for step in (0, 50, 99)]
        [1.0, 0.5, 0.0]
    """

    def __init__(self, shape, steps, warm_up=0.0):
        if steps < 1 or not 0 <= warm_up < 1:
            raise ValueError(f"a schedule needs at least 1 step and a warm-up in [0, 1), got {steps} and {warm_up}")
        self.shape, self.steps, self.rise = shape, steps, max(0, round(warm_up * steps))

    def pace(self, step):
        """The share of the highest rate at a step; above 0."""
        if step < self.rise:
            return (step + 1) / (self.rise + 1)
        return self.shape((step - self.rise) / (self.steps - self.rise))

    def tell(self, loss):
        """A batch's loss; most schedules do not listen."""


class Plateau(Schedule):
    """Divide the rate by 5 when the mean loss of the last window is not ``better`` than that of the window before.

    Args:
        steps: of the training.
        window: share of the steps over which losses are averaged.
        better: least relative decrease that counts as progress.
    """

    def __init__(self, steps, window=0.1, better=0.1):
        super().__init__(constant, steps)
        self.window, self.better = max(1, round(window * steps)), better
        self.now, self.losses, self.before = 1.0, [], math.inf

    def pace(self, step):
        return self.now

    def tell(self, loss):
        self.losses.append(loss)
        if len(self.losses) == self.window:
            mean = sum(self.losses) / self.window
            if mean > (1 - self.better) * self.before:
                self.now /= 5
            self.before, self.losses = mean, []


def constant(done):
    """1 all the way."""
    return 1.0


def staircase(done):
    """1, from half of the training on 1/5, from three quarters on 1/25."""
    return 1.0 if done < 0.5 else 0.2 if done < 0.75 else 0.04


def cosine(done):
    """Half a cosine from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * done))


SCHEDULES = {
    "constant": lambda steps: Schedule(constant, steps),
    "steps": lambda steps: Schedule(staircase, steps),
    "plateau": Plateau,
    "cosine": lambda steps: Schedule(cosine, steps),
    "warm-up, cosine": lambda steps: Schedule(cosine, steps, warm_up=0.1),
}
"""Name -> function of the number of steps."""


def schedule(name, steps):
    """The schedule of a name of ``SCHEDULES`` for a training of so many steps; ValueError for an unknown name."""
    check_choice("schedule", name, SCHEDULES)
    return SCHEDULES[name](steps)
