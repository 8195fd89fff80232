"""Studies "vgg16-distilled", "resnet18-distilled", "inception_v3-distilled": networks that answer as EfficientNet-Lite0
does, on crops of a few photos.

vgg16 and inception_v3 train a linear head on a trunk that has seen ImageNet; resnet18 trains from its initial weights.
The loss is that of Hinton et al., 2015, https://arxiv.org/abs/1503.02531, plus the squared difference of the logits for
resnet18.
"""

import copy
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from kryptonlib import store, zoo
from kryptonlib.small_weights import read_small, write_small
from kryptonlib.training.agreement import agreement, centre_logits, compare
from kryptonlib.training.distillation_pool import (
    Pool,
    as_pixels,
    fingerprint,
    folder_photos,
    held_out_crops,
    logits,
    sample_photos,
)
from kryptonlib.training.study import Study

TEACHER = "efficientnet-lite0"
TRAINING_CROPS = 4
"""Crops of each training photo in the card, beside those of the held-out ones."""


@dataclass(frozen=True)
class Recipe:
    """How a student is trained.

    Attributes:
        side: of the student's input in pixels.
        stages: (share of the steps after which it ends, side of the crops in training): small crops come first.
        steps, batch, rate, weight_decay: of AdamW; ``rate`` is the highest learning rate.
        crops: how many are made. held_out: crops per held-out photo in the card.
        bfloat16: compute convolutions in bfloat16 while training.
        temperature: of the softmax in the loss.
        match: weight of the squared difference of the centred logits.
        warm_up: steps in which the rate rises.
    """

    side: int
    stages: tuple
    steps: int
    batch: int
    rate: float
    weight_decay: float
    crops: int
    bfloat16: bool
    temperature: float = 2.0
    match: float = 0.5
    warm_up: int = 100
    held_out: int = 20


HEAD = {"steps": 1500, "batch": 256, "rate": 1e-3, "weight_decay": 0.05, "crops": 4096, "temperature": 1.0, "match": 0.0,
        "warm_up": 75}  # fmt: skip
"""How a linear head on a trunk is trained."""
RECIPES = {
    "vgg16": Recipe(224, ((1.0, 224),), bfloat16=True, **HEAD),
    "resnet18": Recipe(224, ((0.7, 80), (0.93, 128), (1.0, 192)), 1100, 64, 1e-3, 0.05, 8192, bfloat16=True),
    "inception_v3": Recipe(299, ((1.0, 299),), bfloat16=False, **HEAD),
}
"""The recipes of the committed checkpoints."""


class Student:
    """The network, and the part of it that is trained.

    Attributes:
        name: of the architecture.
        module: what is trained. Where there is a trunk that is the head, whose inputs are the trunk's averaged
            features, standardised.
    """

    def __init__(self, name, device, bfloat16):
        self.name, self.device, self.bfloat16 = name, device, bfloat16
        self.preprocessing = zoo.distilled.PREPROCESSING[name]
        self.trunk = self.centre = self.spread = None
        if name in zoo.distilled.FEATURES:
            self.trunk = zoo.trunk(name, device).to(memory_format=torch.channels_last)
        self.module = zoo.distilled.TRAINED[name]().to(device, memory_format=torch.channels_last)

    def final(self):
        """The trained part as it is used and stored.

        A head is trained on features f of mean 0 and deviation 1, W (f - centre) / spread + b, and stored for
        the features themselves.
        """
        if self.trunk is None:
            return self.module
        head = copy.deepcopy(self.module)
        head.classifier.weight.data /= self.spread
        head.classifier.bias.data -= head.classifier.weight.data @ self.centre
        return head

    def take(self, final):
        """The inverse of ``final``: continue from a stored part."""
        self.module.load_state_dict(final)
        if self.trunk is not None:
            layer = self.module.classifier
            layer.bias.data += layer.weight.data @ self.centre
            layer.weight.data *= self.spread

    def whole(self):
        """The entire network, as it stands, as a ``zoo.Classifier`` that computes in float32."""
        net = self.final() if self.trunk is None else zoo.distilled.with_head(self.trunk, self.final())
        return zoo.distilled.classifier(self.name, net, self.device)

    def autocast(self):
        """Context in which layers compute in bfloat16 if that was asked for."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)

    def pixels(self, crops, side=None):
        """Normalised tensor of uint8 crops."""
        return self.preprocessing.normalise(as_pixels(crops, side, self.device))

    def inputs(self, pool, work):
        """What the trained part reads, one row per crop: None for the crops themselves, or the trunk's features.

        Features [count, channels] are computed once and kept in the work folder; they are returned standardised.
        """
        if self.trunk is None:
            return None
        file = work / "features.npy"
        key = json.dumps(pool.facts | {"bfloat16": self.bfloat16}, sort_keys=True)
        stamp = work / "features.json"
        if not (file.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == key):
            np.save(file, self._features(pool))
            stamp.write_text(key, encoding="utf-8")
        features = torch.from_numpy(np.load(file)).float().to(self.device)
        self.centre, self.spread = features.mean(0), features.std(0) + 1e-3
        return (features - self.centre) / self.spread

    def _features(self, pool):
        features = np.empty((len(pool), zoo.distilled.FEATURES[self.name]), np.float16)
        with torch.inference_mode(), self.autocast():
            for start in tqdm(range(0, len(pool), 32), desc=f"{self.name}'s features", disable=None):
                maps = self.trunk(self.pixels(pool.crops[start : start + 32]))
                features[start : start + 32] = maps.float().mean((2, 3)).cpu().numpy()
        return features


def distillation_loss(found, truth, temperature, match):
    """T² KL(teacher || student) of the softmax at temperature T, plus ``match`` times the mean squared difference.

    Args:
        found, truth: the student's and the teacher's logits [n, classes]; a constant added to a row changes nothing.
    """
    logs = [functional.log_softmax(logits / temperature, dim=1) for logits in (found, truth)]
    divergence = functional.kl_div(*logs, reduction="batchmean", log_target=True) * temperature**2
    centred = [logits - logits.mean(1, keepdim=True) for logits in (found, truth)]
    return divergence + match * functional.mse_loss(*centred)


class Distillation(Study):
    """Training of a student.

    Args:
        options: :class:`kryptonlib.training.study.Options`; ``data`` is a folder of photos to train on instead of
            the course's.
        architecture: a key of ``RECIPES``.
        recipe: :class:`Recipe`.
    """

    decay, last = 0.3, 0.0

    def __init__(self, options, architecture, recipe):
        self.name, self.options, self.recipe = f"{architecture}-distilled", options, recipe
        self.steps, self.warm_up = options.steps or recipe.steps, recipe.warm_up
        self.log_every = max(1, self.steps // 40)
        self.photos = folder_photos(options.data) if options.data else sample_photos("train")
        self.teacher = zoo.load(TEACHER, options.device)
        pool = options.work / "pool"
        self.pool = Pool(pool, self.photos, self.teacher, recipe.crops, recipe.side, options.seed)
        torch.manual_seed(options.seed)
        self.student = Student(architecture, self.teacher.device, recipe.bfloat16)
        self.inputs = self.student.inputs(self.pool, options.work)
        parameters = self.student.module.parameters()
        self.optimizer = torch.optim.AdamW(parameters, lr=recipe.rate, weight_decay=recipe.weight_decay)
        self.student.module.train()
        self._watch()

    def _watch(self):
        """Four fixed crops of each photo of the split "tune", for the log; the split "test" is left alone."""
        crops = np.concatenate([held_out_crops(photo, 4, self.options.seed) for photo in sample_photos("tune")])
        self.truth = logits(self.teacher, crops)
        with torch.inference_mode():
            self.watched = self.student.pixels(crops, self.student.preprocessing.size)
            if self.student.trunk is not None:
                self.watched = self.student.trunk(self.watched)

    def choices(self):
        """Recipe and crops."""
        recipe = {key: value for key, value in asdict(self.recipe).items() if key not in ("steps", "held_out")}
        return recipe | {"student": self.student.name, "pool": self.pool.facts}

    def learn(self, step, pace):
        """One step of the optimizer, on crops that seed and step decide."""
        rng = np.random.default_rng([self.options.seed, 1, step])
        # For dropout, where a student has it.
        torch.manual_seed(int(rng.integers(2**31)))
        chosen = np.sort(rng.integers(0, len(self.pool), self.recipe.batch))
        side = self._side(step)
        if self.inputs is None:
            mirrored = rng.integers(0, 2, self.recipe.batch)
            crops = self.pool.crops[chosen]
            crops[mirrored == 1] = crops[mirrored == 1, :, ::-1]
            inputs = self.student.pixels(crops, side)
        else:
            mirrored = np.zeros(self.recipe.batch, int)
            # The averages as maps of one place, which the head's own average leaves alone.
            inputs = self.inputs[torch.from_numpy(chosen)][:, :, None, None]
        truth = torch.from_numpy(self.pool.logits[chosen, mirrored]).to(self.student.device).float()
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate * pace
        with self.student.autocast():
            found = self.student.module(inputs)
        loss = distillation_loss(found.float(), truth, self.recipe.temperature, self.recipe.match)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"side": side, "loss": loss.item()}

    def _side(self, step):
        """Side of the crops at a step."""
        return next(side for end, side in self.recipe.stages if step < end * self.steps or end == 1)

    def measure(self):
        """``agreement.compare`` of the student as it stands."""
        module = self.student.final()
        with torch.inference_mode():
            found = module.eval()(self.watched).float().cpu()
        self.student.module.train()
        return compare(found, self.truth)

    def state(self):
        """Network and optimizer."""
        return {"module": self.student.module.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state(self, state):
        """Take what ``state`` gave."""
        self.student.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])

    def weights(self):
        """Of the trained part, as it is used."""
        return self.student.final().state_dict()

    def load_weights(self, weights):
        """Continue from a stored part."""
        self.student.take(weights)

    def facts(self, finished):
        """Of the card; agreement is measured where the training is finished, with the weights as they are stored."""
        recipe = {key: value for key, value in asdict(self.recipe).items() if key not in ("steps", "side")}
        told = {
            "what": f"{self.student.name} trained to answer as {TEACHER} does; for heat maps, not for classifying",
            "recipe": recipe,
            "data": [{"name": photo.name, "licence": photo.licence} for photo in self.photos],
            "data_sha256": fingerprint(self.photos),
            "teacher": {"name": TEACHER, "sha256": store.sha256(store.path(f"weights/{TEACHER}.safetensors"))},
        }
        if self.student.name in zoo.distilled.FEATURES:
            trunk = f"weights/{self.student.name}-trunk.safetensors"
            told["trunk"] = {"name": trunk, "sha256": store.sha256(store.path(trunk))}
        if finished:
            self.student.module.eval()
            told |= self._results()
            self.student.module.train()
        return told

    def _results(self):
        held_out = {split: sample_photos(split) for split in ("test", "tune")}
        every = [photo for some in held_out.values() for photo in some]
        exact_net = self.student.whole()
        exact = centre_logits(exact_net, every)
        stored = copy.deepcopy(exact_net)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "stored.safetensors"
            write_small(self.weights(), file)
            zoo.distilled.trained_part(stored.module).load_state_dict(read_small(file))
        seed, crops = self.options.seed, self.recipe.held_out
        return {
            "rounding": {
                "largest_logit_difference": float((centre_logits(stored, every) - exact).abs().max()),
                "largest_logit": float(exact.abs().max()),
                "photos": len(every),
            },
            "agreement": {split: agreement(stored, self.teacher, some, crops, seed) for split, some in held_out.items()}
            | {"train": agreement(stored, self.teacher, self.photos, TRAINING_CROPS, seed)},
            "agreement_note": "with the stored weights. The split test was never looked at while training; tune was "
            "watched; neither holds a training photo. Beside them stands how well it does on the photos that it was "
            "trained on.",
        }
