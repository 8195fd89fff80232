"""Eight Gaussians on a ring: the smallest data on which a GAN can forget most of what it should draw.

The data set and the question are those of L. Metz, B. Poole, D. Pfau, J. Sohl-Dickstein, "Unrolled generative
adversarial networks", ICLR 2017, https://arxiv.org/abs/1611.02163, section 3.1. Several networks are trained at
once, each from a seed of its own: their weights lie in one tensor, and nothing passes from one to the other.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from kryptonlib.adversarial import losses
from kryptonlib.threads import one_thread

MODES, RADIUS, DEVIATION = 8, 2.0, 0.1
NEAR = 4.0
"""A generated point is good if it lies within so many deviations of a mode's centre (a true one does with 99.97 %)."""
LEAST = 0.1
"""A mode is covered if it gets at least this part of the eighth of all points that it should get, as good ones."""
LATENTS = 16


def centres():
    """The modes' centres, float32 [8, 2]."""
    angles = torch.arange(MODES) * (2 * torch.pi / MODES)
    return RADIUS * torch.stack([angles.cos(), angles.sin()], 1)


def points(shape, generator):
    """Points of the ring: float32 [*shape, 2]."""
    chosen = centres()[torch.randint(MODES, shape, generator=generator)]
    return chosen + DEVIATION * torch.randn(*shape, 2, generator=generator)


def judged(found):
    """How well points stand for the ring.

    Args:
        found: [N, 2], or [runs, N, 2].

    Returns:
        (modes covered, share of good points, overlap): numbers, or arrays [runs]. The overlap is the sum over the
        modes of their share of good points, but no more than 1/8 each: 1 for the ring itself, 1/8 for one mode drawn
        perfectly.

    Example:
        >>> judged(centres())
        (8, 1.0, 1.0)
    """
    found = torch.as_tensor(found, dtype=torch.float32)
    if found.shape[-1:] != (2,) or found.ndim not in (2, 3):
        raise ValueError(f"judged() got points of shape {tuple(found.shape)}; expected [N, 2] or [runs, N, 2]")
    if found.ndim == 3:
        return tuple(np.array(values) for values in zip(*map(judged, found)))
    distances, mode = torch.cdist(found, centres()).min(1)
    good = distances <= NEAR * DEVIATION
    shares = torch.bincount(mode[good], minlength=MODES).double() / len(found)
    return int((shares >= LEAST / MODES).sum()), float(good.float().mean()), float(shares.clamp(max=1 / MODES).sum())


class Stack(nn.Module):
    """``runs`` networks of fully connected layers at once: [runs, N, sizes[0]] -> [runs, N, sizes[-1]], ReLU between.

    First weights are He's (K. He et al., 2015), those of run r from seed ``seeds[r]`` alone.
    """

    def __init__(self, sizes, seeds):
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        for inputs, outputs in zip(sizes, sizes[1:]):
            weight = torch.stack([torch.randn(inputs, outputs, generator=some) for some in generators])
            self.weights.append(nn.Parameter(weight * (2 / inputs) ** 0.5))
            self.biases.append(nn.Parameter(torch.zeros(len(seeds), 1, outputs)))

    def forward(self, x):
        """[runs, N, outputs]."""
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            x = torch.baddbmm(bias, x, weight)
            if number < len(self.weights) - 1:
                x = functional.relu(x)
        return x


@dataclass(frozen=True)
class Recipe:
    """How the two players are trained.

    Attributes:
        kind: the generator's loss, of ``losses.KINDS``.
        in_turns: the generator answers to the discriminator's new weights, on new points; else both move at once, from
            where they stood.
        held: no gradient of the discriminator's loss reaches the generator; else the generator takes that step too.
        pretrained: steps of the discriminator alone before the game begins.
        d_steps, g_steps: steps of each in a round.
        rate_d, rate_g, beta: of Adam.
        pack: points that the discriminator sees together (Z. Lin et al., "PacGAN", NeurIPS 2018).
        penalty: weight of the squared slope of the logit at real points (L. Mescheder et al., ICML 2018, "R1").
        batch, hidden: points in a minibatch, width of the two hidden layers.
    """

    kind: str = "non-saturating"
    in_turns: bool = True
    held: bool = True
    pretrained: int = 0
    d_steps: int = 1
    g_steps: int = 1
    rate_d: float = 3e-3
    rate_g: float = 3e-3
    beta: float = 0.5
    pack: int = 1
    penalty: float = 0.0
    batch: int = 96
    hidden: int = 64

    def but(self, **changes):
        """The same with other settings."""
        return replace(self, **changes)


class Game:
    """A generator and a discriminator for each seed, in training.

    Args:
        recipe: :class:`Recipe`.
        seeds: one game each.

    Raises:
        ValueError: no seeds, or a batch that packs do not divide.
    """

    def __init__(self, recipe, seeds=(0, 1, 2)):
        if not len(seeds) or recipe.batch % recipe.pack:
            raise ValueError(
                f"Game() got {len(seeds)} seeds, batch {recipe.batch}, pack {recipe.pack}; "
                "the pack must divide the batch"
            )
        self.recipe, self.runs = recipe, len(seeds)
        hidden = [recipe.hidden, recipe.hidden]
        self.draw = Stack([LATENTS, *hidden, 2], [2 * seed for seed in seeds])
        self.judge = Stack([2 * recipe.pack, *hidden, 1], [2 * seed + 1 for seed in seeds])
        self.random = torch.Generator().manual_seed(1000 + seeds[0])
        settings = {"betas": (recipe.beta, 0.999), "fused": True}
        self.of_draw = torch.optim.Adam(self.draw.parameters(), recipe.rate_g, **settings)
        self.of_judge = torch.optim.Adam(self.judge.parameters(), recipe.rate_d, **settings)

    def z(self, count):
        """Inputs of the generators [runs, count, 16], Gaussian."""
        return torch.randn(self.runs, count, LATENTS, generator=self.random)

    def logits(self, x):
        """[runs, N / pack, 1] of points [runs, N, 2]."""
        return self.judge(x.reshape(self.runs, -1, 2 * self.recipe.pack))

    def wrong(self, fake):
        """The discriminators' loss on new points and ``fake``, summed over the games."""
        recipe = self.recipe
        real = points((self.runs, recipe.batch), self.random)
        if recipe.penalty:
            real.requires_grad_()
        logits = self.logits(real)
        loss = self.runs * losses.discriminator_loss(logits, self.logits(fake))
        if recipe.penalty:
            (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
            count = recipe.batch // recipe.pack
            loss = loss + 0.5 * recipe.penalty * slope.square().sum() / count
        return loss

    def train_judge(self):
        """One step of the discriminators, and of the generators too where they are not held."""
        fake = self.draw(self.z(self.recipe.batch))
        loss = self.wrong(fake.detach() if self.recipe.held else fake)
        self._step(loss, [self.of_judge] if self.recipe.held else [self.of_judge, self.of_draw])

    def train_draw(self):
        """One step of the generators."""
        fake = self.logits(self.draw(self.z(self.recipe.batch)))
        self._step(self.runs * losses.generator_loss(fake, self.recipe.kind), [self.of_draw])

    def both_at_once(self):
        """A step of both from the same weights and points."""
        fake = self.draw(self.z(self.recipe.batch))
        loss = self.runs * losses.generator_loss(self.logits(fake), self.recipe.kind)
        slopes = torch.autograd.grad(loss, list(self.draw.parameters()))
        self._step(self.wrong(fake.detach()), [self.of_judge])
        for parameter, slope in zip(self.draw.parameters(), slopes):
            parameter.grad = slope
        self.of_draw.step()

    def _step(self, loss, optimizers):
        for optimizer in (self.of_judge, self.of_draw):
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()

    @torch.no_grad()
    def sample(self, count=1000, seed=0):
        """What the generators draw: [runs, count, 2]."""
        z = torch.randn(count, LATENTS, generator=torch.Generator().manual_seed(seed))
        return self.draw(z.expand(self.runs, -1, -1))


@one_thread()
def train(recipe=Recipe(), *, seeds=(0, 1, 2), rounds=1500, every=0):
    """Play a game for each seed.

    Args:
        recipe: :class:`Recipe`. seeds: one game each.
        rounds: each is ``d_steps`` and ``g_steps``.
        every: judge after so many rounds; 0 only at the end.

    Returns:
        (points [runs, 1000, 2], history): the history holds (round, modes, good, overlap) with arrays [runs] as
        ``judged`` gives them, the end last.
    """
    game, history = Game(recipe, seeds), []
    for _ in range(recipe.pretrained):
        game.train_judge()
    for number in range(1, rounds + 1):
        if recipe.in_turns:
            for _ in range(recipe.d_steps):
                game.train_judge()
            for _ in range(recipe.g_steps):
                game.train_draw()
        else:
            game.both_at_once()
        if number == rounds or every and number % every == 0:
            history.append((number, *judged(game.sample())))
    return game.sample(), history
