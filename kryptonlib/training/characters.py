"""Study "characters-numpy": an LSTM that predicts the next character of NumPy's documentation."""

import torch
from torch import nn

from kryptonlib.sequences import characters, numpy_text
from kryptonlib.training.study import Study

STEPS = 2000
HIDDEN, LENGTH, BATCH = 256, 100, 32
RATE = 5e-3


class Characters(Study):
    """A character model in training; each step sees random pieces of the text.

    Args:
        options: :class:`kryptonlib.training.study.Options`; ``data`` is not used.
    """

    name = "characters-numpy"
    log_every, warm_up, decay, last = 100, 50, 0.7, 0.02

    def __init__(self, options):
        self.options, self.steps = options, options.steps or STEPS
        self.model = characters.Model(numpy_text.ALPHABET, HIDDEN, seed=options.seed).to(options.device)
        self.codes = self.model.encode(numpy_text.text("train"))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=RATE)

    def choices(self):
        """The text, the network's size and the seed."""
        return {"text": numpy_text.facts()["sha256"], "hidden": HIDDEN, "seed": self.options.seed}

    def learn(self, step, pace):
        """One step on pieces that seed and step decide; nats per character."""
        generator = torch.Generator().manual_seed(self.options.seed * 2**32 + step)
        loss = self.model.loss(characters.pieces(self.codes, LENGTH, BATCH, generator).to(self.options.device))
        self.optimizer.param_groups[0]["lr"] = RATE * pace
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return {"train": loss.item()}

    def measure(self):
        """Nats per character on the documentation strings held out."""
        model = characters.Model(numpy_text.ALPHABET, HIDDEN)
        model.load_state_dict({name: part.cpu() for name, part in self.model.state_dict().items()})
        return {"test": characters.held_out_loss(model, numpy_text.text("test"))}

    def state(self):
        """Model and optimizer."""
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state(self, state):
        """Take what ``state`` gave."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])

    def weights(self):
        """The model."""
        return self.model.state_dict()

    def load_weights(self, weights):
        """Continue from a checkpoint."""
        self.model.load_state_dict(weights)

    def facts(self, finished):
        """Of the card."""
        return {
            "what": "A character model: one LSTM layer and a linear one",
            "hidden": HIDDEN,
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "recipe": {"length": LENGTH, "batch": BATCH, "rate": RATE, "clip": 1.0},
            "data": [numpy_text.facts()],
            "held_out": {"nats_per_character": self.measure()["test"]},
        }
