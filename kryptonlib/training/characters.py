"""Study "characters-numpy": an LSTM that predicts the next character of NumPy's documentation."""

import torch
from torch import nn

from kryptonlib.sequences import characters, numpy_text
from kryptonlib.training.study import Study

STEPS = 3000
HIDDEN, LENGTH, BATCH = 256, 64, 16
RATE = 4e-3


class Characters(Study):
    """A character model in training by TBPTT(64, 64): sixteen readers go through the text from sixteen places; each
    step reads the next 64 characters and carries the state on, without its gradient.

    Args:
        options: :class:`kryptonlib.training.study.Options`; ``data`` is not used.
    """

    name = characters.CHECKPOINT
    log_every, warm_up, decay, last = 500, 50, 0.7, 0.02

    def __init__(self, options):
        self.options, self.steps = options, options.steps or STEPS
        self.model = characters.Model(numpy_text.ALPHABET, HIDDEN, seed=options.seed).to(options.device)
        self.codes = self.model.encode(numpy_text.text("train"))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=RATE)
        self.carried = None

    def choices(self):
        """The text, the network's size and the seed."""
        return {"text": numpy_text.facts()["sha256"], "hidden": HIDDEN, "seed": self.options.seed}

    def learn(self, step, pace):
        """One step on the next characters of every reader; nats per character."""
        places = torch.arange(BATCH) * (len(self.codes) // BATCH) + step * LENGTH
        codes = self.codes[(places + torch.arange(LENGTH + 1)[:, None]) % len(self.codes)].to(self.options.device)
        loss, state = self.model.loss_and_state(codes, self.carried)
        self.carried = tuple(part.detach() for part in state)
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
        """Model, optimizer and what the readers remember."""
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "carried": self.carried}

    def load_state(self, state):
        """Take what ``state`` gave."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.carried = state["carried"]

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
