"""Study "NAME-context": fit the context model to the latents of a trained codec."""

import math

import torch

from kryptonlib.compression.codec import network
from kryptonlib.compression.context import ContextModel
from kryptonlib.compression.density import empirical_entropy, map_bits
from kryptonlib.compression.quantization import BETAS, mean_maps
from kryptonlib.seeds import generator
from kryptonlib.training import schedule
from kryptonlib.training.photos import training_photos
from kryptonlib.training.study import Study

SIDE, CROPS, BATCH = 256, 480, 8
RATE = 4e-3
AVERAGE = 0.998
LEAST = 2.0**-24
"""Least probability, as in the tables that files are coded with."""


class CodecContext(Study):
    """A context model in training; each step sees 8 crops, each rounded with another beta.

    Args:
        options: :class:`kryptonlib.training.study.Options`.
        name: of the study.
        parent: weights of the codec, as its checkpoint holds them.
        steps: how many.
    """

    decay, last = 0.6, 0.02

    def __init__(self, options, *, name, parent, steps=3500):
        self.name, self.options, self.steps = name, options, options.steps or steps
        self.photos = training_photos(options.data, side=SIDE, seed=options.seed)
        net = network(parent).to(options.device).requires_grad_(False)
        with torch.no_grad():
            crops = [255 * self.photos.batch(number, 8).to(options.device) for number in range(CROPS // 8)]
            latents = torch.cat([net.encode(some) for some in crops]).cpu()
            held_out = [net.encode(image.to(options.device)).cpu() for image in self.photos.held_out()]
            means = mean_maps(net.encode, [image for some in crops for image in some[:, None]]).cpu()
        steps_of_maps = net.steps.detach().cpu()[:, None, None]
        # In units of the step, around the means: what is rounded after a division by beta.
        self.latents = (latents - means[:, None, None]) / steps_of_maps
        self.held_out = [(some - means[:, None, None]) / steps_of_maps for some in held_out]
        spread = torch.stack([(self.latents / beta).round().square().mean((0, 2, 3)).sqrt() for beta in BETAS])
        self.static = torch.tensor([self._static_bits(beta) for beta in BETAS])
        order = self._bits_of_maps(1.0).argsort(descending=True)
        self.model = ContextModel(spread, order).to(options.device)
        self.average = {key: value.clone() for key, value in self.model.state_dict().items()}
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=RATE, fused=True)

    def _bits_of_maps(self, beta):
        """Empirical entropy [maps] of all training latents."""
        symbols = (self.latents / beta).round().transpose(0, 1).flatten(1)
        return torch.tensor([empirical_entropy(some) for some in symbols])

    def _static_bits(self, beta):
        """Bits per coefficient with one table per map: what each beta's bits are divided by, so that low rates
        count."""
        return self._bits_of_maps(beta).mean().item()

    def choices(self):
        """Data and codec."""
        return {"photos": self.photos.fingerprint(), "order": self.model.order.tolist(), "seed": self.options.seed}

    def _bits(self, symbols, beta):
        """Bits of each image's coefficients: tensor [N]. ``symbols`` in the model's order."""
        mean, scale = self.model(symbols, beta)
        inverse = torch.exp(-scale.clamp(-3, 4.1))
        distance = (symbols - mean).abs()
        cell = torch.sigmoid((0.5 - distance) * inverse) - torch.sigmoid((-0.5 - distance) * inverse)
        return -cell.clamp_min(LEAST).log2().sum((1, 2, 3))

    def learn(self, step, pace):
        """One step on crops and betas that seed and step decide."""
        device = self.options.device
        random = generator(self.options.seed, step)
        chosen = torch.randint(len(self.latents), (BATCH,), generator=random)
        beta = torch.randperm(len(BETAS), generator=random)[:BATCH]
        factor = torch.tensor(BETAS)[beta][:, None, None, None]
        symbols = (self.latents[chosen] / factor).round()[:, self.model.order.cpu()].to(device)
        bits = self._bits(symbols, beta.to(device)) / symbols[0].numel()
        loss = (bits / self.static[beta].to(device)).mean()
        self.optimizer.param_groups[0]["lr"] = RATE * pace
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        share = schedule.kept_share(step, AVERAGE)
        for key, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[key].lerp_(value, 1 - share)
        return {"share_of_static": loss.item()}

    @torch.no_grad()
    def measure(self):
        """Bits per pixel on photos held out at three rates, and as a share of the paper's count (entropy per map)."""
        kept = {key: value.clone() for key, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.average)
        told = {}
        for beta in (1.0, 3.0, 8.0):
            ours = theirs = 0.0
            for latents in self.held_out:
                symbols = (latents / beta).round()[:, self.model.order.cpu()].to(self.options.device)
                ours += self._bits(symbols, torch.tensor([BETAS.index(beta)], device=symbols.device)).item()
                theirs += map_bits(symbols[0])
            told[f"share_beta_{beta:g}"] = ours / theirs if theirs else math.nan
        self.model.load_state_dict(kept)
        return told

    def state(self):
        """Model, average and optimizer."""
        return {"model": self.model.state_dict(), "average": self.average, "optimizer": self.optimizer.state_dict()}

    def load_state(self, state):
        """Take what ``state`` gave."""
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])

    def weights(self):
        """The averaged model."""
        return self.average

    def load_weights(self, weights):
        """Continue from a checkpoint."""
        self.model.load_state_dict(weights)
        self.average = {key: value.clone() for key, value in self.model.state_dict().items()}

    def facts(self, finished):
        """Of the card."""
        return {
            "what": f"Context model for the latents of {self.name.removesuffix('-context')}, the same for all betas",
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "recipe": {"crops": CROPS, "side": SIDE, "batch": BATCH, "rate": RATE, "average": AVERAGE},
            **self.photos.facts(),
            "held_out": self.measure(),
        }
