"""The five shapes of sequence tasks (tutorial slides, "Processing Tasks"), each on one tiny data set.

All five are one recurrence on a common clock: at every step the network reads a symbol or a blank, and is asked for an
answer or for none. Only the steps at which it reads and is asked differ.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from kryptonlib.choices import check_choice
from kryptonlib.sequences import cells

BLANK = 0
"""The symbol of a step without input."""
UNASKED = -1
"""The answer of a step at which none is asked."""


@dataclass(frozen=True)
class Task:
    """A shape with its data set.

    Attributes:
        what: what has to be answered.
        symbols: how many different inputs there are, the blank among them.
        answers: how many different answers.
        draw: (count, generator) -> (inputs, answers), both int64 [T, count].
    """

    what: str
    symbols: int
    answers: int
    draw: Callable


def _one_to_one(count, generator):
    number = torch.randint(10, (1, count), generator=generator)
    return number + 1, number % 3


def _one_to_many(count, generator):
    """From n count down to 0, then stay there."""
    number = torch.randint(6, (1, count), generator=generator)
    inputs = torch.full((6, count), BLANK)
    inputs[0] = number + 1
    return inputs, (number - torch.arange(6)[:, None]).clamp_min(0)


def _many_to_one(count, generator):
    symbols = torch.randint(4, (8, count), generator=generator)
    answers = torch.full((8, count), UNASKED)
    answers[-1] = symbols[0]
    return symbols + 1, answers


def _many_to_many(count, generator):
    """Read four symbols, then write them backwards."""
    symbols = torch.randint(3, (4, count), generator=generator)
    silence = torch.full((4, count), BLANK)
    return torch.cat([symbols + 1, silence]), torch.cat([silence + UNASKED, symbols.flip(0)])


def _synchronised(count, generator):
    """The parity of the ones so far."""
    bits = torch.randint(2, (8, count), generator=generator)
    return bits + 1, bits.cumsum(0) % 2


TASKS = {
    "one to one": Task("n mod 3", 11, 3, _one_to_one),
    "one to many": Task("count down from n", 7, 6, _one_to_many),
    "many to one": Task("recall the first", 5, 4, _many_to_one),
    "many to many": Task("write backwards", 4, 3, _many_to_many),
    "synchronised": Task("parity of the ones", 3, 2, _synchronised),
}


def sample(name, count, seed=0):
    """Sequences of a task.

    Args:
        name: of ``TASKS``.
        count: N.
        seed: of the draw.

    Returns:
        (inputs, answers), int64 [T, N]: symbols with ``BLANK`` where nothing is read, classes with ``UNASKED`` where no
        answer is asked.

    Example:
        >>> inputs, answers = sample("many to one", 1)
        >>> answers[-1].item() == inputs[0].item() - 1, set(answers[:-1].flatten().tolist())
        (True, {-1})
    """
    check_choice("task", name, TASKS)
    if count < 1:
        raise ValueError(f"sample() got count={count}; expected at least 1")
    return TASKS[name].draw(count, torch.Generator().manual_seed(seed))


class Network(nn.Module):
    """One cell of ``cells`` on one-hot symbols and a linear layer on its state.

    Args:
        kind: "RNN", "GRU" or "LSTM".
        symbols, answers: how many of each.
        hidden: numbers in the state.
        seed: of the first weights.
        memory: False forgets the state before every step; the weights are as many.
    """

    def __init__(self, kind, symbols, answers, hidden=24, *, seed=0, memory=True):
        super().__init__()
        self.kind, self.symbols, self.memory = kind, symbols, memory
        self.cell = nn.ParameterList(cells.initial(kind, symbols, hidden, seed=seed))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.readout = nn.Linear(hidden, answers)

    def forward(self, inputs):
        """Scores [T, N, answers] of symbols [T, N]."""
        x = functional.one_hot(inputs, self.symbols).float()
        if not self.memory:  # every step as a sequence of its own
            x = x.reshape(1, -1, self.symbols)
        outputs, _ = cells.unroll(self.kind, x, cells.Weights(*self.cell))
        return self.readout(outputs).reshape(*inputs.shape, -1)


def train(name, *, kind="GRU", steps=300, seed=0, memory=True, hidden=24, batch=64, rate=1e-2):
    """Train a network on a task: Adam, fresh sequences in every step.

    Args:
        name: of ``TASKS``.
        kind, hidden, memory, seed: of the ``Network``.
        steps, batch, rate: of Adam.

    Returns:
        The ``Network``.
    """
    check_choice("task", name, TASKS)
    task = TASKS[name]
    network = Network(kind, task.symbols, task.answers, hidden, seed=seed, memory=memory)
    optimizer = torch.optim.Adam(network.parameters(), rate)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        inputs, answers = task.draw(batch, generator)
        loss = functional.cross_entropy(network(inputs).flatten(0, 1), answers.flatten(), ignore_index=UNASKED)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    return network


@torch.no_grad()
def accuracy(network, name, count=2000, seed=1):
    """The share of the asked answers that a network gives rightly on sequences drawn with another seed."""
    inputs, answers = sample(name, count, seed)
    asked = answers != UNASKED
    return float((network(inputs).argmax(-1) == answers)[asked].float().mean())
