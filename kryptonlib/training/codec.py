"""The codec's studies: one common start, and from it the three cases of the paper with equal further steps.

``codec-start`` trains the transform without the last GDN and the first IGDN, step 1, gamma 10000, from the nested block
transform of ``compression.start``. From its checkpoint begin

    codec-10000, codec-12000, ... codec-96000   cases 1 and 3: with that pair, at first nearly the identity; step 1
    codec-steps                                 case 2: with 128 learned step sizes; gamma 10000

so that what they differ in is what the paper compares, and nothing else.

Each minibatch makes three descents in turn, as in Dumas, Roumy and Guillemot, section 2.2: the density on the noisy
latents, the transform, and in case 2 the step sizes. Ours differ from the paper's in the density (three logistics
a map, fitted by likelihood, whose gradient does not vanish far out) and in the rates (Adam everywhere).
"""

import copy

import torch

from kryptonlib.compression import coding_tables, quantization
from kryptonlib.compression.autoencoder import STRIDE, UNIT, Autoencoder
from kryptonlib.compression.codec import PARTS, TABLES, network
from kryptonlib.compression.density import Logistics, map_bits
from kryptonlib.compression.gdn import GDN
from kryptonlib.compression.start import block_transform, rescale_latents
from kryptonlib.seeds import generator
from kryptonlib.training import schedule
from kryptonlib.training.photos import training_photos
from kryptonlib.training.recorded import Ahead, Recorded
from kryptonlib.training.study import Study

START = "codec-start"
SIDE, BATCH = 112, 8
"""Patches of a step."""
EXTRA, EXTRA_SIDE = 240, 256
"""Patches that the coder's tables are counted on: the paper's "extra set"."""
RATES = {"transform": 1.5e-4, "normalization": 5e-5, "steps": 1e-3, "density": 2e-3}
"""Adam's highest rates. At 4e-4 the transform's loss stays where it is after 1,500 steps (the first 3,290 of the
committed start, see its log); above 1e-4 gamma leaves the start in a few steps and the loss doubles."""
LONGEST = {"transform": 2.0, "normalization": 0.5}
"""Largest norm of a gradient, about a usual one. IGDN multiplies, and without this one patch in some thousand steps
threw the network back by a thousand (loss 0.2 -> 31 at step 8,569 of a first run, which was begun again from step
3,290)."""
AVERAGE = 0.9995
"""Of the weights, the moving average is what is measured and stored."""
DENSITY = "three logistics a map, fitted by likelihood; the paper: piecewise linear, by the integrated squared error"
QUANTIZERS = ("noise", "straight-through", "soft")


class Codec(Study):
    """An autoencoder in training.

    Args:
        options: :class:`kryptonlib.training.study.Options`; ``data`` is a folder with photos to train on beside the
            course's own.
        name: of the study.
        gamma: the paper's trade-off: squared error of an image plus gamma times the entropies' sum.
        case: "start", "normalized" (cases 1 and 3) or "steps" (case 2).
        steps: how many.
        quantizer: what stands for rounding: "noise" (the paper), "straight-through" or "soft".
        parent: state of ``codec-start`` to begin from, as ``Codec.weights`` gives it, or None for the block transform.
        maps, hidden: of :class:`Autoencoder`.
    """

    def __init__(self, options, *, name, gamma=10000, case="start", steps, quantizer="noise", parent=None, maps=128,
                 hidden=None):  # fmt: skip
        self.name, self.options, self.gamma, self.case, self.quantizer = name, options, gamma, case, quantizer
        self.steps = options.steps or steps
        self.log_every = max(500, self.steps // 60)
        # The common start is to be continued from: it does not slow down at its end.
        self.decay = 0.0 if case == "start" else 0.5
        torch.manual_seed(options.seed)
        self.photos = training_photos(options.data, side=SIDE, seed=options.seed)
        # Read now, since a photo that is too small must not be found out at the training's end.
        self.extra = training_photos(options.data, side=EXTRA_SIDE, seed=options.seed) if case != "start" else None
        net = Autoencoder(maps, hidden=hidden, normalized=case == "normalized", learned_steps=case == "steps")
        if parent is None:
            spread = block_transform(net, self._first_patches(), options.seed)
        else:
            spread = _adopt(net, parent, gamma, self._first_patches())
        self.net = net.to(options.device)
        self.density = Logistics(spread).to(options.device)
        if parent is not None and gamma == 10000:
            self.density.load_state_dict(_part(parent, "density."))
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.optimizers = self._optimizers()
        self.held_out = self.photos.held_out()
        # The other quantizers look at values, so that they cannot be recorded.
        self.descend = Recorded(self._descend, options.device) if quantizer == "noise" else self._descend
        self.ahead = Ahead(lambda step: self.photos.batch(step, BATCH), self.steps)

    def _first_patches(self):
        """400 patches for the transform that is computed, not trained."""
        return 255 * torch.cat([self.photos.batch(-1 - n, BATCH) for n in range(50)])

    def _optimizers(self):
        normalization = [p for m in self.net.modules() if isinstance(m, GDN) for p in m.parameters()]
        taken = {id(p) for p in normalization} | {id(self.net.steps)}
        groups = {
            "transform": [p for p in self.net.parameters() if id(p) not in taken],
            "normalization": normalization,
            "steps": [p for p in self.net.parameters() if p is self.net.steps],
            "density": list(self.density.parameters()),
        }
        # The rate is a tensor, so that a recorded step (see ``recorded``) reads the one of today.
        shared = {"fused": True, "capturable": self.options.device.type == "cuda"}
        return {
            name: torch.optim.Adam(some, lr=torch.tensor(RATES[name], device=self.options.device), **shared)
            for name, some in groups.items()
            if some
        }

    def choices(self):
        """Network, loss and data."""
        return {
            "gamma": self.gamma,
            "case": self.case,
            "quantizer": self.quantizer,
            "shapes": [list(p.shape) for p in self.net.parameters()],
            "photos": self.photos.fingerprint(),
            "seed": self.options.seed,
        }

    def learn(self, step, pace):
        """One minibatch: density, then transform and steps, each with the other fixed."""
        device = self.options.device
        luma = 255 * self.ahead(step).to(device)
        shape = BATCH, self.net.maps, SIDE // STRIDE, SIDE // STRIDE
        noise = quantization.rounding_noise(shape, generator(self.options.seed, step, device), device=device)
        pace_and_share = torch.tensor([pace, schedule.kept_share(step, AVERAGE)], device=device)
        told = self.descend(luma, noise, *pace_and_share).tolist()
        return dict(zip(("loss", "mse", "bpp"), told, strict=True)) | {"learning_rate": RATES["transform"] * pace}

    def _descend(self, luma, noise, pace, share):
        """The three descents and the moving average: tensor of loss, squared error and bits per pixel.

        Args:
            luma: [BATCH, 1, SIDE, SIDE], 0 to 255. noise: of the latents, in units of a step.
            pace, share: of ``learn``, as tensors: what is recorded may depend on no number of Python's.
        """
        for name, optimizer in self.optimizers.items():
            optimizer.param_groups[0]["lr"].copy_(RATES[name] * pace)
            optimizer.zero_grad()
        latents = self.net.encode(luma)
        steps = self.net.steps
        noisy = quantization.add_noise(latents, steps, noise=noise)
        self.density.bits(noisy.detach(), steps.detach()).mean().backward()
        self.optimizers["density"].step()
        self.density.requires_grad_(False)
        bits = self.density.bits(noisy, steps).sum() / luma.numel()
        decoded = self.net.decode(self._quantized(latents, noisy, steps, pace))
        error = (decoded - luma).square().mean()
        loss = (error + self.gamma / 256 * bits) / UNIT**2
        loss.backward()
        self.density.requires_grad_(True)
        for name, optimizer in self.optimizers.items():
            if name in LONGEST:
                torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], LONGEST[name])
            if name != "density":
                optimizer.step()
        self.net.project()
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.net.parameters()):
                mean.lerp_(value, 1 - share)
        return torch.stack([loss, error, bits]).detach()

    def _quantized(self, latents, noisy, steps, pace):
        """What the decoder is given in training."""
        if self.quantizer == "noise":
            return noisy
        if self.quantizer == "straight-through":
            return quantization.straight_through(latents, steps)
        # Towards the end, as the rate falls, the soft quantizer becomes rounding.
        return quantization.soft_round(latents, steps, temperature=max(0.05, 0.5 * float(pace)))

    @torch.no_grad()
    def measure(self):
        """Loss, PSNR and rate (empirical entropy per map and image) of rounded latents on photos held out."""
        error = rate = psnr = 0.0
        for luma in self.held_out:
            luma = luma.to(self.options.device)
            values, symbols = quantization.quantize(self.average.encode(luma), self.average.steps)
            decoded = self.average.decode(values, luma.shape[2:]).clamp(0, 255).round()
            squared = (decoded - luma).square().mean().item()
            error += squared
            psnr += 10 * torch.log10(torch.tensor(255**2 / squared)).item()
            rate += map_bits(symbols[0].cpu()) / luma.numel()
        count = len(self.held_out)
        error, rate = error / count, rate / count
        told = {"held_out_loss": (error + self.gamma / 256 * rate) / UNIT**2, "psnr": psnr / count, "rate": rate}
        if self.case == "steps":
            told |= {"least_step": self.average.steps.min().item(), "largest_step": self.average.steps.max().item()}
        return told

    def state(self):
        """Networks and optimizers."""
        return {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "density": self.density.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
        }

    def load_state(self, state):
        """Take what ``state`` gave."""
        for part in ("net", "average", "density"):
            getattr(self, part).load_state_dict(state[part])
        for name, optimizer in self.optimizers.items():
            made = {key: optimizer.param_groups[0][key] for key in ("lr", "capturable")}
            optimizer.load_state_dict(state["optimizers"][name])
            # These two belong to this device; the state may come from another.
            optimizer.param_groups[0].update(made)

    def weights(self):
        """The averaged network, the density under the names "density.…", and the coder's tables under "tables.…".

        Only the common start, from which no files are made, has no tables.
        """
        density = {f"density.{name}": value for name, value in self.density.state_dict().items()}
        return {**self.average.state_dict(), **density, **self._tables()}

    def _tables(self):
        if self.extra is None:
            return {}
        extra = [255 * image[None] for number in range(EXTRA // 8) for image in self.extra.batch(number, 8)]
        # The paper centres latents in cases 2 and 3; its networks of case 1 are the other gammas.
        centred = self.gamma == 10000
        tables = coding_tables.count(copy.deepcopy(self.average).cpu(), extra, centred)
        return {TABLES + name: value for name, value in tables.items()}

    def load_weights(self, weights):
        """Continue from a checkpoint: the average becomes the network."""
        self.net.load_state_dict({name: value for name, value in weights.items() if name.split(".")[0] in PARTS})
        self.net.project()
        self.average.load_state_dict(self.net.state_dict())
        self.density.load_state_dict(_part(weights, "density."))

    def facts(self, finished):
        """Of the card."""
        return {
            "what": f"Autoencoder of Dumas, Roumy and Guillemot (2018) for luma, {self.case}, gamma {self.gamma}",
            "maps": self.net.maps,
            "parameters": sum(p.numel() for p in self.net.parameters()),
            "recipe": {
                "gamma": self.gamma,
                "case": self.case,
                "quantizer": self.quantizer,
                "density": DENSITY,
                "batch": BATCH,
                "side": SIDE,
                "rates": RATES,
                "decay": self.decay,
                "longest_gradient": LONGEST,
                "average": AVERAGE,
                "begins_from": "the nested block transform" if self.case == "start" else START,
            },
            **self.photos.facts(),
            "held_out": self.measure(),
        }


def _part(weights, prefix):
    """The entries of a checkpoint whose names begin so, without it."""
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


@torch.no_grad()
def _adopt(net, parent, gamma, patches):
    """Write the weights of ``codec-start`` into a network of another case, in place; the latents' spreads [maps].

    The pair of normalisations that case "normalized" adds is nearly the identity at first, and for a higher gamma
    the latents are made smaller, so that step 1 does what the best step of the parent did.
    """
    old = network(parent)
    for number in range(5):
        net.encoder[number].load_state_dict(old.encoder[number].state_dict())
        net.decoder[number + net.normalized].load_state_dict(old.decoder[number].state_dict())
    spread = old.encode(patches).square().mean((0, 2, 3)).sqrt().clamp_min(1e-2)
    if net.normalized:
        net.encoder[-1].scale.copy_(spread)
        net.decoder[0].scale.copy_(spread)
        rescale_latents(net, (gamma / 10000) ** 0.5)
    return spread / (gamma / 10000) ** 0.5
