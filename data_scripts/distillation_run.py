"""The training loop of ``train_classifier``: student, loss, steps, and a state from which a stopped run continues."""

import copy
import csv
import json
import os
import time
from dataclasses import asdict

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

# Before whatever imports torchvision: kryptonlib makes it work beside a CPU-only torch.
from kryptonlib import zoo

import checkpoint_card
from distillation_pool import as_pixels, held_out_crops, logits, sample_photos
from problems import DataProblem

SAVE_EVERY = 120
"""Seconds between two saved states."""
DECAY = 0.3
"""Share of the steps, the last ones, in which the rate falls to 0. Before them it is constant, so that ``--steps`` may
be changed when a run is continued, and nothing else changes by that: https://arxiv.org/abs/2404.06395."""


class Student:
    """The network, and the part of it that is trained.

    Attributes:
        name: as on the command line.
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


class Monitor:
    """Agreement on four fixed crops of each photo of the split "tune", for the log; the split "test" is left alone."""

    def __init__(self, student, teacher, seed):
        photos = sample_photos("tune")
        crops = np.concatenate([held_out_crops(photo, 4, seed) for photo in photos])
        self.truth = logits(teacher, crops)
        self.student = student
        with torch.inference_mode():
            self.inputs = student.pixels(crops, student.preprocessing.size)
            if student.trunk is not None:
                self.inputs = student.trunk(self.inputs)

    def measure(self):
        """checkpoint_card.compare of the student as it stands."""
        module = self.student.final()
        with torch.inference_mode():
            found = module.eval()(self.inputs).float().cpu()
        self.student.module.train()
        return checkpoint_card.compare(found, self.truth)


def distillation_loss(found, truth, temperature, match):
    """T² KL(teacher || student) of the softmax at temperature T, plus ``match`` times the mean squared difference.

    Args:
        found, truth: the student's and the teacher's logits [n, classes]; a constant added to a row changes nothing.
    """
    logs = [functional.log_softmax(logits / temperature, dim=1) for logits in (found, truth)]
    divergence = functional.kl_div(*logs, reduction="batchmean", log_target=True) * temperature**2
    centred = [logits - logits.mean(1, keepdim=True) for logits in (found, truth)]
    return divergence + match * functional.mse_loss(*centred)


class Run:
    """Training of a student: its state, how it is saved, and the log.

    Every step draws its crops from the seed and its own number alone, so that a saved state needs no generator's.
    """

    def __init__(self, student, recipe, options, pool, inputs, work):
        self.student, self.recipe, self.pool, self.inputs, self.work = student, recipe, pool, inputs, work
        self.steps, self.batch = options.steps or recipe.steps, options.batch or recipe.batch
        self.seed, self.step, self.seconds = options.seed, 0, 0.0
        self.optimizer = torch.optim.AdamW(student.module.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
        self.choices = {"student": student.name, "batch": self.batch, "bfloat16": student.bfloat16, "pool": pool.facts}
        self.rows = []
        self._restore()

    def facts(self):
        """What the card says about the training."""
        recipe = {key: value for key, value in asdict(self.recipe).items() if key not in ("steps", "batch", "side")}
        return {
            "steps": self.steps,
            "batch": self.batch,
            "seed": self.seed,
            "crops": len(self.pool),
            "bfloat16": self.student.bfloat16,
            "recipe": recipe,
            "training_seconds": round(self.seconds),
        }

    def advance(self, minutes, monitor):
        """Train to the last step, or for so many minutes. Returns True if the last step was reached."""
        began = saved = time.monotonic()
        earlier = self.seconds
        losses = []
        self.student.module.train()
        progress = tqdm(total=self.steps, initial=self.step, desc=self.student.name, disable=None)
        while self.step < self.steps and not (minutes and time.monotonic() - began > 60 * minutes):
            losses.append(self._learn())
            self.step += 1
            progress.update()
            self.seconds = earlier + time.monotonic() - began
            last = self.step == self.steps
            if last or self.step % max(1, self.steps // 40) == 0:
                facts = {"step": self.step, "seconds": round(self.seconds), "side": self._side(self.step - 1)}
                self.rows.append(facts | {"loss": round(float(np.mean(losses)), 4)} | monitor.measure())
                losses = []
            if last or time.monotonic() - saved > SAVE_EVERY:
                self._save()
                saved = time.monotonic()
        self._save()
        self.student.module.eval()
        return self.step == self.steps

    def _learn(self):
        """One step of the optimizer; returns the loss."""
        rng = np.random.default_rng([self.seed, 1, self.step])
        # For dropout, where a student has it.
        torch.manual_seed(int(rng.integers(2**31)))
        chosen = np.sort(rng.integers(0, len(self.pool), self.batch))
        if self.inputs is None:
            mirrored = rng.integers(0, 2, self.batch)
            crops = self.pool.crops[chosen]
            crops[mirrored == 1] = crops[mirrored == 1, :, ::-1]
            inputs = self.student.pixels(crops, self._side(self.step))
        else:
            mirrored = np.zeros(self.batch, int)
            # The averages as maps of one place, which the head's own average leaves alone.
            inputs = self.inputs[torch.from_numpy(chosen)][:, :, None, None]
        truth = torch.from_numpy(self.pool.logits[chosen, mirrored]).to(self.student.device).float()
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate * self._relative_rate()
        with self.student.autocast():
            found = self.student.module(inputs)
        loss = distillation_loss(found.float(), truth, self.recipe.temperature, self.recipe.match)
        if not torch.isfinite(loss):
            raise DataProblem(f"the loss became {float(loss)} at step {self.step}; use a smaller rate")
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def _relative_rate(self):
        rise = (self.step + 1) / self.recipe.warmup
        return min(1.0, rise, (self.steps - self.step) / max(1, DECAY * self.steps))

    def _side(self, step):
        """Side of the crops at a step."""
        return next(side for end, side in self.recipe.stages if step < end * self.steps or end == 1)

    def _save(self):
        """Write the state and the log, each whole or not at all."""
        state = {"choices": self.choices, "step": self.step, "seconds": self.seconds, "rows": self.rows,
                 "module": self.student.module.state_dict(), "optimizer": self.optimizer.state_dict()}  # fmt: skip
        part = self.work / "state.part"
        torch.save(state, part)
        os.replace(part, self.work / "state.pt")
        if self.rows:
            with open(self.work / "log.csv", "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, self.rows[0])
                writer.writeheader()
                writer.writerows(self.rows)

    def _restore(self):
        """Continue from the saved state, if there is one and it was made with the same choices."""
        file = self.work / "state.pt"
        if not file.exists():
            return
        state = torch.load(file, map_location=self.student.device, weights_only=True)
        different = [key for key, value in self.choices.items() if state["choices"][key] != value]
        if different:
            raise DataProblem(
                f"{file} was made with another {', '.join(different)}; use another --work folder, or "
                "delete this one to start anew"
            )
        if state["step"] > self.steps:
            raise DataProblem(f"{file} is at step {state['step']} already; give --steps of at least that")
        self.step, self.seconds, self.rows = state["step"], state["seconds"], state["rows"]
        self.student.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
