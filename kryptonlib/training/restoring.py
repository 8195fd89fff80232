"""Training networks that restore images: what denoising, MRI and X-rays have in common.

A study derives from :class:`Restoring` and supplies batches, a loss, and what it measures:

    class Denoising(Restoring):
        def pairs(self, step): ...             # what is given and what is wanted, two tensors
        def loss(self, restored, wanted): ...
        def held_out(self): ...                # a list of such pairs that no step sees
        def scores(self, restored, wanted): ...
        def about(self): ...                   # the card: data and recipe
"""

import copy
import math
from abc import abstractmethod

import torch
from torch.nn import functional

from kryptonlib.restoration import networks
from kryptonlib.training import schedule
from kryptonlib.training.study import Study

AVERAGE = 0.99
"""Of the weights, the moving average is what is measured and stored."""
BETAS = 0.9, 0.99
"""Adam's."""
WARM_UP = 0.1
"""Share of the steps in which the rate rises."""
REMEMBERED = 0.98
"""Share that the mean norm of gradients keeps of itself in a step."""


class Restoring(Study):
    """A restoration network in training: Adam, whose rate rises briefly and then falls evenly to 0, gradients clipped.

    Args:
        options: :class:`kryptonlib.training.study.Options`.
        name: of the study and its checkpoint.
        network: what ``networks.build`` takes; the card's entry "restores".
        steps: how many, where the options say nothing.
        rate: Adam's highest rate.
        parent: state of another checkpoint of this network to begin from, or None.
        criterion: a module whose parameters are learned beside the network's (``losses.Adaptive``), or None.
        criterion_rate: the highest rate of those.
        average: share of the moving average of weights that a step keeps at most.

    Attributes:
        net: in training. average: the network that is measured and stored. criterion: as given.
        usual: logarithm of the gradient's mean norm so far, or None before the first step.
    """

    decay, last = 1.0, 0.0

    def __init__(self, options, *, name, network, steps, rate, parent=None, criterion=None, criterion_rate=0.02,
                 average=AVERAGE):  # fmt: skip
        self.name, self.options, self.network, self.share = name, options, network, average
        self.steps = options.steps or steps
        self.warm_up = max(1, round(WARM_UP * self.steps))
        self.log_every = max(1, self.steps // 12)
        torch.manual_seed(options.seed)
        self.net = networks.build(network).to(options.device)
        if parent is not None:
            self.net.load_state_dict(parent)
        else:
            self.begin()
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.rates = [rate]
        groups = [{"params": list(self.net.parameters())}]
        self.criterion = None if criterion is None else criterion.to(options.device)
        if self.criterion is not None:
            self.rates.append(criterion_rate)
            groups.append({"params": list(self.criterion.parameters())})
        self.optimizer = torch.optim.Adam(groups, lr=rate, betas=BETAS, fused=True)
        self.usual = None

    @abstractmethod
    def pairs(self, step):
        """What is given [N, inputs, h, w] and what is wanted [N, channels, h, w]: tensors that seed and step decide.

        Steps below 0 give pairs that no training step sees again.
        """

    @abstractmethod
    def loss(self, restored, wanted):
        """The scalar to make small."""

    @abstractmethod
    def held_out(self):
        """A list of pairs (given, wanted) to measure on."""

    @abstractmethod
    def scores(self, restored, wanted):
        """Name -> number, of one pair."""

    @abstractmethod
    def about(self):
        """Of the card: "what", "recipe", and the data with their licences and fingerprint."""

    def objective(self, given, wanted):
        """The loss of one step, of all that ``pairs`` gave."""
        return self.loss(self.net(given), wanted)

    def begin(self):
        """Prepare a network that has no parent, in place; by default nothing is done."""

    def choices(self):
        """Network, rates, steps, data and seed."""
        return {"network": self.network, "rates": self.rates, "seed": self.options.seed, "about": self.about()}

    def learn(self, step, pace):
        """One step on the pairs of its number."""
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"] = rate * pace
        loss = self.objective(*(tensor.to(self.options.device) for tensor in self.pairs(step)))
        self.optimizer.zero_grad()
        loss.backward()
        self._clip(step)
        self.optimizer.step()
        kept = schedule.kept_share(step, self.share)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.net.parameters()), 1 - kept)
        return {"loss": loss.item(), "learning_rate": self.rates[0] * pace}

    def _clip(self, step):
        """No gradient is longer than those before it were on (geometric) average.

        Where a patch is flat, the gradient of MS-SSIM is a thousand times as long as usual, and a few such steps undo
        the rest. In the manner of Seetharaman et al., "AutoClip", 2020, https://arxiv.org/abs/2007.14469.
        """
        longest = math.inf if self.usual is None else math.exp(self.usual)
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), longest).item()
        if norm == 0 or not math.isfinite(norm):
            return
        self.usual = math.log(norm) if self.usual is None else self.usual
        kept = schedule.kept_share(step, REMEMBERED)
        self.usual = kept * self.usual + (1 - kept) * math.log(norm)

    @torch.no_grad()
    def measure(self):
        """Means over the pairs held out, of the averaged network: the loss, and ``scores`` of the clipped output."""
        found = []
        for given, wanted in self.held_out():
            given, wanted = given.to(self.options.device), wanted.to(self.options.device)
            restored = self.average(given)
            loss = self.loss(restored, wanted).item()
            found.append({"held_out_loss": loss, **self.scores(restored.clamp(0, 1), wanted)})
        return {name: sum(scores[name] for scores in found) / len(found) for name in found[0]}

    @torch.no_grad()
    def held_out_loss(self):
        """The averaged network's mean loss over the pairs held out: what a sweep of rates compares, and no more."""
        device = self.options.device
        pairs = ((given.to(device), wanted.to(device)) for given, wanted in self.held_out())
        found = [self.loss(self.average(given), wanted).item() for given, wanted in pairs]
        return sum(found) / len(found)

    def state(self):
        """Networks, criterion and optimizer."""
        parts = {"net": self.net, "average": self.average, "optimizer": self.optimizer}
        if self.criterion is not None:
            parts["criterion"] = self.criterion
        return {name: part.state_dict() for name, part in parts.items()} | {"usual": self.usual}

    def load_state(self, state):
        """Take what ``state`` gave."""
        parts = dict(state)
        self.usual = parts.pop("usual")
        for name, part in parts.items():
            getattr(self, name).load_state_dict(part)

    def weights(self):
        """Of the averaged network."""
        return self.average.state_dict()

    def load_weights(self, weights):
        """Continue from a checkpoint: the average becomes the network."""
        self.net.load_state_dict(weights)
        self.average.load_state_dict(weights)

    def facts(self, finished):
        """Of the card; "restores" tells ``restoration.load`` which network to build."""
        return {
            "restores": self.network,
            "parameters": sum(p.numel() for p in self.net.parameters()),
            # Second seeds are studies of their own, so that this may differ from what the command says.
            "seed": self.options.seed,
            **self.about(),
            "training": {
                "optimizer": f"Adam, betas {BETAS}, rate {self.rates[0]:g}, rising for {self.warm_up} steps, then "
                "falling evenly to 0",
                "moving_average": self.share,
                "gradients": "clipped to the geometric mean of their norms so far",
            },
            "held_out": self.measure(),
        }


@torch.no_grad()
def linear_start(net, pairs):
    """Write the best linear filter into the last convolution of a ``restoration.UNet``, in place.

    Least squares over all 3x3 neighbourhoods of the input's maps: a good start that costs a second, and the same
    whatever the loss is.

    Args:
        net: a new ``UNet``, whose features do not count yet.
        pairs: list of (given, wanted) tensors.

    Example:
        >>> linear_start(UNet(3), [study.pairs(-1 - n) for n in range(80)])  # doctest: +SKIP
    """
    gram = moment = 0.0
    for given, wanted in pairs:
        # Where the pairs are (the CPU), wherever the network is: some devices have no float64.
        seen = net.seen(given)
        columns = functional.unfold(seen, 3, padding=1).double()
        columns = torch.cat([columns, torch.ones_like(columns[:, :1])], 1).transpose(1, 2).flatten(0, 1)
        taken = functional.pixel_unshuffle(given[:, : net.channels] - wanted, net.shuffle)
        taken = taken.double().flatten(2).transpose(1, 2).flatten(0, 1)
        gram, moment = gram + columns.T @ columns, moment + columns.T @ taken
    # A millionth of the mean square keeps it solvable where maps are equal (grey photos in three channels).
    ridge = 1e-6 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    solution = torch.linalg.solve(gram + ridge, moment).float()
    inputs = seen.shape[1]
    net.last.weight.zero_()
    net.last.weight[:, -inputs:].copy_(solution[:-1].T.reshape(-1, inputs, 3, 3))
    net.last.bias.copy_(solution[-1])
