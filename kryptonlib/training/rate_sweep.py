"""Which rate does each loss want? A short training at every rate, judged on photos held out.

One rate for all would favour some losses, and rates chosen on test images would be fitted to them. Each candidate trains
for the same few steps on the same patches from the same start; its loss is then measured on pairs that are held out.
"""

import torch

from kryptonlib.training import schedule
from kryptonlib.training.study import Study


class RateSweep(Study):
    """Trains every candidate of a list in turn.

    Args:
        options: :class:`kryptonlib.training.study.Options`.
        name: of the study.
        make: function (kind, rate) -> a :class:`kryptonlib.training.restoring.Restoring` of ``length`` steps.
        kinds: names of the losses.
        rates: to try with each.
        length: steps of a candidate.
        about: dict for the card.

    Attributes:
        values: float64 tensor [kinds, rates], the losses on held-out pairs; 0 where none was measured yet.
    """

    def __init__(self, options, *, name, make, kinds, rates, length, about):
        self.name, self.options, self.make, self.length, self.told = name, options, make, length, about
        self.kinds, self.rates = tuple(kinds), tuple(rates)
        self.candidates = [(kind, rate) for kind in self.kinds for rate in self.rates]
        self.steps = self.log_every = length * len(self.candidates)
        self.values = torch.zeros(len(self.kinds), len(self.rates), dtype=torch.float64)
        self.number, self.candidate = None, None

    def _at(self, number):
        """The candidate of a number, in training."""
        if self.number != number:
            self.number, self.candidate = number, self.make(*self.candidates[number])
        return self.candidate

    def learn(self, step, pace):
        """A step of the candidate whose turn it is, with a pace of its own."""
        number, own = divmod(step, self.length)
        study = self._at(number)
        shape = {"warm_up": study.warm_up, "decay": study.decay, "last": study.last}
        told = study.learn(own, schedule.pace(own, self.length, **shape))
        if own == self.length - 1:
            self.values.view(-1)[number] = study.held_out_loss()
        return {"loss": told["loss"]}

    def measure(self):
        """How many candidates are done."""
        return {"candidates": int((self.values != 0).sum())}

    def chosen(self):
        """Name of each loss -> its best rate."""
        return {kind: self.rates[place] for kind, place in zip(self.kinds, self.values.argmin(1).tolist())}

    def choices(self):
        """Candidates, and what is told of them."""
        return {"candidates": self.candidates, "length": self.length, "seed": self.options.seed, "about": self.told}

    def state(self):
        """What was measured, and the candidate in training."""
        own = None if self.candidate is None else self.candidate.state()
        return {"values": self.values, "number": self.number, "candidate": own}

    def load_state(self, state):
        """Take what ``state`` gave."""
        self.values = state["values"].cpu()
        if state["number"] is not None:
            self._at(state["number"]).load_state(state["candidate"])

    def weights(self):
        """What was measured, as whole numbers of the same bits: floats are stored with 16 bits only.

        A candidate in the middle of its steps begins anew on another machine.
        """
        return {"values": self.values.view(torch.int64)}

    def load_weights(self, weights):
        """Continue from a checkpoint."""
        self.values = weights["values"].view(torch.float64)

    def facts(self, finished):
        """Of the card: the table, and the best rate of each loss."""
        table = {
            kind: {f"{rate:g}": value for rate, value in zip(self.rates, row)}
            for kind, row in zip(self.kinds, self.values.tolist())
        }
        told = {**self.told, "steps_of_a_candidate": self.length, "held_out_loss": table}
        return {**told, "chosen": self.chosen()} if finished else told
