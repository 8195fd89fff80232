"""Settings of approximate heat maps: ours, chosen for a quality (:class:`Plan`), and Krypton's (:class:`Published`)."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from kryptonlib.choices import check_choice
from kryptonlib.occlusion.cropping import checked_share
from kryptonlib.occlusion.drilldown import coarse_stride
from kryptonlib.occlusion.lattice import LATTICES

FORMAT = "krypton-plan-1"


@dataclass(frozen=True)
class Plan:
    """Compute part of the grid, estimate the SSIM reached, and compute more where it does not do.

    Attributes:
        ssim: the raw-map SSIM with the exact map that is wanted, in (0, 1).
        lattice: the part of the grid to begin with, one of ``lattice.LATTICES``.
        reach: what is kept of each window (``cropping.Reach``), in (0, 1]; the rest counts to first order
            (``first_order``). Exact positions correct the map where the estimate misses. None computes all exactly.
        checks: random positions that are computed exactly to estimate the quality.
        margin: how far the estimate must lie above ``ssim``.
        factor, seen: the ``estimate.Errors`` of other images of the network, positive; factor None: not known.
        tuned: what ``tuning.tune`` says of how it chose: network, patch, stride, images, versions.
        judged: what the plan reached on the held-out images: n, met, interval, worst, speedup.
    """

    ssim: float = 0.9
    lattice: str = "third"
    reach: float | None = None
    checks: int = 48
    margin: float = 0.0
    factor: float | None = None
    seen: float = 1.0
    tuned: dict = field(default_factory=dict)
    judged: dict = field(default_factory=dict)

    def __post_init__(self):
        if isinstance(self.ssim, bool) or not isinstance(self.ssim, (int, float)) or not 0 < self.ssim < 1:
            raise ValueError(f"ssim must lie between 0 and 1 (both excluded), got {self.ssim!r}")
        check_choice("lattice", self.lattice, LATTICES)
        if self.reach is not None:
            checked_share(self.reach, "reach")
        if isinstance(self.checks, bool) or not isinstance(self.checks, int) or self.checks < 8:
            raise ValueError(f"checks must be a whole number of at least 8, got {self.checks!r}")
        if not 0 <= self.margin < 1:
            raise ValueError(f"margin must lie in [0, 1), got {self.margin!r}")
        if self.factor is not None and not 0 < self.factor < np.inf:
            raise ValueError(f"factor must be a positive number or None, got {self.factor!r}")
        if not 0 < self.seen < np.inf:
            raise ValueError(f"seen must be a positive number, got {self.seen!r}")

    @property
    def expected_speedup(self):
        """MACs of full inference over those of this plan, the median of the held-out images; None before tuning."""
        return self.judged.get("speedup")

    def save(self, path):
        """Write the plan as JSON."""
        Path(path).write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path):
        """Read what ``save`` wrote; ValueError where the file is something else."""
        try:
            told = json.loads(Path(path).read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError):
            told = None
        if not isinstance(told, dict) or told.pop("format", None) != FORMAT:
            raise ValueError(f"{path} is not a plan written by Plan.save")
        return cls(**told)


@dataclass(frozen=True)
class Published:
    """Krypton's two methods: the projective-field threshold and the adaptive drill-down.

    Attributes:
        tau: the threshold, in (0, 1]; 1 is exact.
        share: part r of the positions that is computed at the fine stride, in (0, 1]; None leaves the drill-down out.
        target: the speed-up that the drill-down alone is to give; it sets the coarse stride.

    Source:
        Krypton, SIGMOD 2019, with its settings for (OCT, chest X-ray, ImageNet): share 0.1, 0.4, 0.25; target 5, 2, 3.
    """

    tau: float = 1.0
    share: float | None = None
    target: float | None = None

    def __post_init__(self):
        checked_share(self.tau, "tau")
        if (self.share is None) != (self.target is None):
            raise ValueError("share and target belong together: give both, or neither")
        if self.share is not None:
            coarse_stride(1.0, self.share, self.target)
