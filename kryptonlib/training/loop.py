"""The training loop: resumable, seeded, with a CSV log and a budget of minutes.

A run's folder holds ``state.pt`` (from which it continues exactly) and ``log.csv``. On another machine, where there is
no such folder, it continues from the committed checkpoint and the step in its card; the optimizers then begin with an
empty state, so the rate rises anew over a few steps.
"""

import csv
import io
import json
import math
import signal
import threading

import torch
from tqdm import tqdm

from kryptonlib import store
from kryptonlib.occlusion.memory import kept_memory
from kryptonlib.small_weights import read_small
from kryptonlib.training import card, schedule
from kryptonlib.training.clock import Clock

SAVE_EVERY = 120
"""Seconds of training between two saved states."""
STATE, LOG = "state.pt", "log.csv"


class Stopped(Exception):
    """The process was asked to end (Ctrl-C, SIGTERM); the state is saved."""


class Loop:
    """Runs a study.

    Args:
        study: :class:`kryptonlib.training.study.Study`.
        options: :class:`kryptonlib.training.study.Options`.
        target: ``Path`` of the folder where the checkpoint and its card are, and are written.
        fresh: begin anew even where there is a checkpoint.

    Attributes:
        step: how many were done.
        source: "start", "state" or "checkpoint": what it began from.

    Raises:
        ValueError: the saved state was made with other choices.
    """

    def __init__(self, study, options, target=store.CHECKPOINTS, fresh=False):
        self.study, self.options, self.work, self.target = study, options, options.work, target
        self.step, self.begun, self.rows, self.sums, self.source = 0, 0, [], {}, "start"
        self.clock = Clock()
        self._stop = None
        if (self.work / STATE).exists():
            self._continue_exactly()
        elif not fresh and card.read(study.name, target).get("step"):
            self._continue_from_checkpoint()

    @property
    def finished(self):
        """Whether the last step was reached."""
        return self.step >= self.study.steps

    def run(self, minutes=None):
        """Train to the last step, or for so many minutes of training; then write the checkpoint and its card.

        Returns:
            ``finished``.

        Raises:
            RuntimeError: a loss that is not finite; the last saved state stays.
            Stopped: SIGTERM or Ctrl-C; state and checkpoint are written.
        """
        budget = math.inf if minutes is None else 60 * minutes
        until, saved = self.clock.seconds + budget, self.clock.seconds
        self.work.mkdir(parents=True, exist_ok=True)
        progress = tqdm(total=self.study.steps, initial=self.step, desc=self.study.name, disable=None)
        with _Asked(self), kept_memory() as tidy:
            self.clock.skip()
            while not self.finished and self.clock.seconds < until and self._stop is None:
                self._learn()
                progress.update()
                if self.finished or self.step % self.study.log_every == 0:
                    self._log()
                if self.clock.seconds - saved > SAVE_EVERY:
                    self._save()
                    saved = self.clock.seconds
                tidy()
            self._save()
            self._publish()
        progress.close()
        if self._stop is not None:
            raise Stopped(f"{self.study.name}: stopped at step {self.step}; the same command continues")
        return self.finished

    def _learn(self):
        study = self.study
        shape = {"warm_up": study.warm_up, "decay": study.decay, "last": study.last}
        told = study.learn(self.step, schedule.pace(self.step, study.steps, begun=self.begun, **shape))
        wrong = [f"{name} = {value}" for name, value in told.items() if not math.isfinite(value)]
        if wrong:
            raise RuntimeError(f"{self.study.name}: {', '.join(wrong)} at step {self.step}; the rate is too high")
        for name, value in told.items():
            self.sums.setdefault(name, []).append(value)
        self.step += 1
        self.clock.tick()

    def _log(self):
        means = {name: sum(values) / len(values) for name, values in self.sums.items()}
        self.sums = {}
        row = {"step": self.step, "seconds": round(self.clock.seconds), **means, **self.study.measure()}
        self.rows.append({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()})
        self.clock.skip()

    def _save(self):
        """Write the state and the log, each whole or not at all."""
        state = {
            "choices": self.study.choices(),
            "step": self.step,
            "begun": self.begun,
            "seconds": self.clock.seconds,
            "rows": self.rows,
            "sums": self.sums,
            "study": self.study.state(),
        }
        with store.written_whole(self.work / STATE) as part:
            torch.save(state, part)
        with store.written_whole(self.work / LOG) as part:
            part.write_text(self.log_text(), encoding="utf-8")
        self.clock.skip()

    def log_text(self):
        """The log as CSV; empty before the first row."""
        if not self.rows:
            return ""
        text = io.StringIO()
        # A column that came later is empty in the rows before.
        columns = dict.fromkeys(name for row in self.rows for name in row)
        writer = csv.DictWriter(text, list(columns), lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()

    def _publish(self):
        """Write the checkpoint, its card and its log."""
        progress = {
            "step": self.step,
            "steps": self.study.steps,
            "finished": self.finished,
            "training_seconds": round(self.clock.seconds),
            "seed": self.options.seed,
        }
        own_data = self.options.data is not None
        card.publish(self.study, progress, self.log_text(), self.target, self.options.device, own_data)

    def _continue_exactly(self):
        file = self.work / STATE
        state = torch.load(file, map_location=self.options.device, weights_only=True)
        now = json.loads(json.dumps(self.study.choices()))
        then = json.loads(json.dumps(state["choices"]))
        different = sorted(key for key in now.keys() | then.keys() if now.get(key) != then.get(key))
        if different:
            raise ValueError(
                f"{file} was made with another {', '.join(different)}; choose another --work folder, or delete that one "
                "to start anew"
            )
        self.step, self.begun, self.rows, self.sums = (state[key] for key in ("step", "begun", "rows", "sums"))
        self.clock = Clock(state["seconds"])
        self.study.load_state(state["study"])
        self.source = "state"

    def _continue_from_checkpoint(self):
        written = card.read(self.study.name, self.target)
        if "file" not in written and not written["finished"]:
            return  # results without weights: nothing to continue from
        if "file" in written:
            self.study.load_weights(read_small(self.target / f"{self.study.name}.safetensors"))
        self.step = self.begun = written["step"]
        self.clock = Clock(written["training_seconds"])
        log = self.target / f"{self.study.name}.csv"
        if log.exists():
            self.rows = list(csv.DictReader(io.StringIO(log.read_text(encoding="utf-8"))))
        self.source = "checkpoint"


class _Asked:
    """Context in which SIGTERM and Ctrl-C end a loop's training after the step that runs.

    In another thread than the main one it does nothing: signals never reach it there.
    """

    def __init__(self, loop):
        self.loop, self.before = loop, {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._ask)

    def __exit__(self, *_):
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _ask(self, number, _):
        self.loop._stop = number
