"""The result of an occlusion experiment."""

import json
from dataclasses import dataclass, field

import numpy as np

from kryptonlib.occlusion.estimate import Estimate
from kryptonlib.occlusion.grid import Grid

FORMAT = "krypton-heatmap-1"


@dataclass(repr=False)
class Heatmap:
    """A score for every position of the occluding patch.

    Attributes:
        values: float64 [rows, columns] of the grid, or [T, rows, columns] where several targets were asked: the score
            of the class while the patch covers that position. A low value means that the covered pixels mattered.
        grid: the :class:`kryptonlib.occlusion.grid.Grid`: where each patch lay, in pixels of the network's input.
        target: the class index, or a tuple of them.
        baseline: the score of the clean image, a float, or an array [T].
        score: one of ``occlusion.SCORES``.
        seconds: wall time, preparation included.
        method: how it was computed ("full", "exact", ...).
        fill: what the patch showed, as a text.
        names: the target's class name, one per target.
        picture: the network's input as a picture in [0, 1], [H, W] or [H, W, 3].
        info: what the method tells besides (batch size, number of passes, ...).
    """

    values: np.ndarray
    grid: Grid
    target: int | tuple
    baseline: float | np.ndarray
    score: str
    seconds: float
    method: str
    fill: str
    names: tuple
    picture: np.ndarray
    info: dict = field(default_factory=dict)

    @classmethod
    def of_job(cls, job, values, method, seconds):
        """The result of a :class:`~kryptonlib.occlusion.job.Job`: ``values`` [T, n], computed in ``seconds``."""
        values = np.asarray(values).reshape(-1, *job.grid.shape)
        baseline = job.values(job.clean_logits)[:, 0].numpy()
        return cls(
            values=values if job.several else values[0],
            grid=job.grid,
            target=job.targets if job.several else job.targets[0],
            baseline=baseline if job.several else float(baseline[0]),
            score=job.score,
            seconds=seconds,
            method=method,
            fill=job.filling,
            names=job.names,
            picture=job.picture,
            info=dict(job.info),
        )

    @property
    def estimated_ssim(self):
        """For an approximate map the :class:`~kryptonlib.occlusion.estimate.Estimate` of its SSIM with the exact one.

        1 with an interval of no width where everything was computed exactly after all (a grid too small for an
        estimate, for example); None for the other methods, and for Krypton's own.
        """
        found = self.info.get("estimated_ssim")
        return None if found is None else Estimate(*found)

    def pixels(self):
        """Mean score, at each pixel, over the patches that cover it: [H, W] or [T, H, W].

        A pixel that no patch covers is NaN: outside ``region``, in the margin that ``cover="grid"`` leaves at the lower
        and right border, and between patches where the stride exceeds the patch. Captum never meets the case: it
        refuses such strides and lets a cut-off patch reach the border.
        """
        return self.grid.per_pixel(self.values)

    def attribution(self):
        """``baseline - pixels()``, Captum's convention: positive where covering the pixel lowers the score.

        Equal to ``captum.attr.Occlusion`` with a softmax wrapper, ``sliding_window_shapes=(C, h, w)``, ``strides=(C, s,
        s)`` and ``baselines`` the fill in tensor units, wherever both lay their patches alike, that is when the
        stride divides H - h and W - w. Where it does not, Captum adds a last position and cuts off the part of its
        patch that leaves the image; "grid" adds none and "flush" adds an entire patch that ends at the border.
        """
        return np.asarray(self.baseline)[..., None, None] - self.pixels()

    def save(self, path):
        """Write everything to ``path`` (.npz, compressed, no pickle). ``Heatmap.load`` reads it back."""
        told = {
            "format": FORMAT,
            "target": self.target,
            "score": self.score,
            "seconds": self.seconds,
            "method": self.method,
            "fill": self.fill,
            "names": self.names,
            "info": self.info,
            "grid": {name: getattr(self.grid, name) for name in Grid.__dataclass_fields__},
        }
        with open(path, "wb") as file:
            np.savez_compressed(
                file,
                values=self.values,
                baseline=self.baseline,
                picture=self.picture,
                metadata=np.array(json.dumps(told)),
            )

    @classmethod
    def load(cls, path):
        """Read what ``save`` wrote.

        Raises:
            ValueError: the file is something else, or damaged. FileNotFoundError: there is none.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                told = json.loads(str(stored["metadata"]))
                if told.pop("format", None) != FORMAT:
                    raise ValueError("its format is another")
                baseline = stored["baseline"]
                grid = {name: tuple(value) for name, value in told.pop("grid").items()}
                target = told.pop("target")
                heat = cls(
                    values=stored["values"],
                    baseline=baseline if baseline.ndim else float(baseline),
                    picture=stored["picture"],
                    grid=Grid(**grid),
                    target=tuple(target) if isinstance(target, list) else target,
                    names=tuple(told.pop("names")),
                    **told,
                )
                if heat.values.shape[-2:] != heat.grid.shape:
                    raise ValueError(f"its values {heat.values.shape} do not fit its grid {heat.grid.shape}")
                return heat
        except (FileNotFoundError, IsADirectoryError, PermissionError):
            raise
        # What a damaged file makes zipfile, zlib, numpy and json raise is of a dozen kinds.
        except Exception as reason:
            raise ValueError(
                f"{path} is not a heat map written by Heatmap.save, or it is damaged "
                f"({type(reason).__name__}: {reason})"
            ) from reason

    def __repr__(self):
        """One line; a dataclass's own would print every value and the picture."""
        (rows, columns), patch = self.grid.shape, self.grid.patch
        quality = "" if self.estimated_ssim is None else f", estimated SSIM {self.estimated_ssim.value:.2f}"
        return (
            f"<Heatmap of {', '.join(self.names)} ({self.score}): {rows}x{columns} positions of a "
            f"{patch[0]}x{patch[1]} patch, {self.method}{quality}, {self.seconds:.2g} s>"
        )

    def summary(self):
        """One sentence: the class, its score, and how low the patch brings it, and where."""
        parts = []
        several = self.values.ndim == 3
        for name, clean, values in zip(
            self.names, np.atleast_1d(self.baseline), self.values if several else self.values[None]
        ):
            text = f"{name}: {self.score} {clean:.3f} of the clean image, "
            if np.isnan(values).all():
                parts.append(text + "and no position is known")
                continue
            row, column = np.unravel_index(np.nanargmin(values), values.shape)
            parts.append(
                f"{text}lowest {values[row, column]:.3f} with the patch at row {self.grid.tops[row]}, column "
                f"{self.grid.lefts[column]}"
            )
        return "; ".join(parts)

    def _repr_html_(self):
        """Image, map and overlay side by side, as one picture with an alt text."""
        from kryptonlib import plots

        alt = f"Image, occlusion map and overlay side by side. {self.summary()}"
        return plots.as_html(plots.heatmap(self), alt, dpi=80)
