"""Train all that is not finished, one after the other and never two at once: ``python -m kryptonlib train``."""

import time
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from kryptonlib import store
from kryptonlib.training import card, studies
from kryptonlib.training.loop import LOG, STATE, Loop
from kryptonlib.training.study import Options

WORK = Path("build") / "train"
"""Where states and logs lie, in the clone."""


def overview(target=store.CHECKPOINTS):
    """One line per study, below its group's: its name, how far it is, and what it is."""
    lines = []
    for group, names in studies.groups().items():
        lines.append(f"{group}:")
        for name in names:
            entry = studies.STUDIES[name]
            about = f"{entry.what} (about {entry.minutes} min on 2 cores)"
            lines.append(f"  {name:23} {progress(name, target):24} {about}")
    return lines


def progress(name, target=store.CHECKPOINTS):
    """How far the checkpoint of a study is: "finished", "step 500 of 1000" or "not begun"."""
    written = card.read(name, target)
    if written.get("finished"):
        return "finished"
    return f"step {written['step']} of {written['steps']}" if "step" in written else "not begun"


def train(names=None, *, minutes=None, options=Options(WORK), target=store.CHECKPOINTS, fresh=False):
    """Train studies; a group's name stands for all of the group that are not finished, and no name for all there are.

    Args:
        names: of ``studies.STUDIES`` or ``studies.groups()``, or None.
        minutes: of training in all; what is not finished then is continued by the next call.
        options: :class:`kryptonlib.training.study.Options`; each study works in a folder of its own below ``work``,
            which one training at a time uses.
        target: folder of the checkpoints.
        fresh: begin anew, also what is finished.

    Returns:
        Name -> "finished" or "stopped", of what was trained.

    Raises:
        RuntimeError: another training uses the folder, or a loss is not finite.
        ValueError, FileNotFoundError: a study or a setting that cannot be.
    """
    work, target = options.work, Path(target)
    names = wanted(names, target, fresh)
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RuntimeError(f"another training runs in {work}; two at once would slow each other down") from None
    try:
        return _one_after_the_other(names, minutes, options, target, fresh)
    finally:
        lock.release()


def wanted(names=None, target=store.CHECKPOINTS, fresh=False):
    """The studies that ``train`` would train, in its order; those of a group that are finished are left out.

    Args:
        names, target, fresh: as ``train`` takes them.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> wanted(["codec-steps"])
        ['codec-steps']
    """
    for name in names or []:
        studies.check(name)
    groups = studies.groups()
    asked = [(one, name) for name in names or groups for one in groups.get(name, [name])]
    return [one for one, name in asked if fresh or one == name or progress(one, target) != "finished"]


def _one_after_the_other(names, minutes, options, target, fresh):
    told, left = {}, minutes
    for name in names:
        if left is not None and left <= 0:
            break
        own = replace(options, work=options.work / name)
        if fresh:
            for file in (own.work / STATE, own.work / LOG):
                file.unlink(missing_ok=True)
        loop = Loop(studies.make(name, own, target), own, target, fresh=fresh)
        # An end whose checkpoint could not be written is made up for.
        if loop.finished and progress(name, target) == "finished":
            told[name] = "finished"
            print(f"{name}: finished already, at step {loop.step}", flush=True)
            continue
        begun = {"start": "from the start", "state": "where it was saved", "checkpoint": "from its checkpoint"}
        print(
            f"{name}: {begun[loop.source]}, step {loop.step} of {loop.study.steps}, {time.strftime('%H:%M')}",
            flush=True,
        )
        before = loop.clock.seconds
        told[name] = "finished" if loop.run(left) else "stopped"
        if left is not None:
            left -= (loop.clock.seconds - before) / 60
        print(f"{name}: {told[name]} at step {loop.step} after {loop.clock.seconds / 60:.0f} min in all", flush=True)
    return told
