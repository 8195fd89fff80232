"""What the training loop asks of a study."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import torch

from kryptonlib.training import schedule


@dataclass(frozen=True)
class Options:
    """What a reader may say of a training.

    Attributes:
        work: folder of the run, for its state, its log and what a study keeps there.
        data: folder with images of the reader's own, or None for the course's.
        device: where it computes.
        seed: everything random follows from it and the step.
        steps: how many; None takes the study's own number.
    """

    work: Path
    data: Path | None = None
    device: torch.device = torch.device("cpu")
    seed: int = 0
    steps: int | None = None


class Study(ABC):
    """A network in training.

    A step depends on the seed, the step's number and the state alone, so that a stopped run ends with the weights of
    one that was not.

    Attributes:
        name: of the study and of its checkpoint.
        steps: their number from start to end.
        log_every: steps between two rows of the log.
        warm_up, decay, last: of ``schedule.pace``.
    """

    name: str
    steps: int
    log_every: int = 500
    warm_up: int = schedule.WARM_UP
    decay: float = 0.25
    last: float = 0.05

    @abstractmethod
    def choices(self):
        """What must be equal for a saved state to be continued: a dict of plain values."""

    @abstractmethod
    def learn(self, step, pace):
        """One step of all optimizers, each at its rate times ``pace``: a dict of numbers for the log.

        A NaN or infinite number among them stops the training.
        """

    @abstractmethod
    def measure(self):
        """What the log tells of the network as it would be stored: a dict of numbers."""

    @abstractmethod
    def state(self):
        """Everything a step depends on besides seed and number: a dict for ``torch.save`` of tensors and plain
        values."""

    @abstractmethod
    def load_state(self, state):
        """Take what ``state`` gave."""

    @abstractmethod
    def weights(self):
        """What the checkpoint stores: name -> tensor. Empty where the card and the log are all that is kept; such a
        study continues from its saved state alone."""

    @abstractmethod
    def load_weights(self, weights):
        """Continue from a checkpoint alone: optimizers begin anew, and the loop warms them up."""

    @abstractmethod
    def facts(self, finished):
        """What the card says besides what the loop knows: recipe, data with their licences, results (all of them only
        where the training is ``finished``)."""
