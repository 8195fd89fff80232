"""Compare restoration models on the same images, by several metrics, and say whether a lead is one.

Images differ far more from each other than models do on one image. So leads are tested paired: the difference of two
models on each image, its mean, and how sure that mean is.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from kryptonlib import losses
from kryptonlib.choices import check_choice
from kryptonlib.images import to_tensor

METRICS = ("l1", "l2", "psnr", "ms_ssim", "lpips", "flip")
"""Those of the thesis's tables 6.1, 6.3 and 6.4."""

SHOWN = {
    "l1": (1000, 2, "1000 l1"),
    "l2": (1000, 2, "1000 l2"),
    "psnr": (1, 2, "PSNR (dB)"),
    "ms_ssim": (1, 4, "MS-SSIM"),
    "lpips": (1, 4, "LPIPS"),
    "flip": (1, 4, "FLIP"),
}
"""Metric -> factor, digits and heading in tables, as the thesis prints them."""


@dataclass(frozen=True)
class Lead:
    """How far a model is ahead of another, paired over images; positive is better, whatever the metric.

    Attributes:
        winner, runner_up: names. mean: mean difference. error: its standard error.
        won: images on which the winner is better, of ``count``. p: of the two-sided paired t-test.
    """

    winner: str
    runner_up: str
    mean: float
    error: float
    won: int
    count: int
    p: float


@dataclass(frozen=True)
class Comparison:
    """What metrics say of several models on the same images.

    Attributes:
        metrics: names, as in ``losses.METRICS``.
        values: model -> array [images, metrics].
    """

    metrics: tuple
    values: dict = field(repr=False)

    def of(self, model, metric):
        """A model's values [images] of a metric."""
        check_choice("model", model, self.values)
        check_choice("metric", metric, self.metrics)
        return self.values[model][:, self.metrics.index(metric)]

    def mean(self, model, metric):
        """Mean over the images; of "psnr" the mean of the images' PSNRs, as the thesis prints it."""
        return float(self.of(model, metric).mean())

    def spread(self, model, metric):
        """Standard deviation over the images (n - 1)."""
        return float(self.of(model, metric).std(ddof=1))

    def ranking(self, metric, models=None):
        """Names of models, the best first."""
        sign = 1 if losses.METRICS[metric].better == "lower" else -1
        return sorted(self.values if models is None else models, key=lambda model: sign * self.mean(model, metric))

    def lead(self, metric, winner, runner_up):
        """:class:`Lead` of one model over another; its mean is negative where the other is better."""
        ahead = self.of(winner, metric) - self.of(runner_up, metric)
        if losses.METRICS[metric].better == "lower":
            ahead = -ahead
        count = len(ahead)
        error = float(ahead.std(ddof=1) / count**0.5)
        # Equal differences on all images leave nothing to chance.
        p = float(stats.ttest_1samp(ahead, 0.0).pvalue) if error > 0 else float(ahead.mean() == 0)
        return Lead(winner, runner_up, float(ahead.mean()), error, int((ahead > 0).sum()), count, p)

    def lead_of(self, metric, model, models=None):
        """The lead of a model over the best of the others."""
        others = [name for name in self.ranking(metric, models) if name != model]
        return self.lead(metric, model, others[0])

    def markdown(self, models=None, published=None):
        """The table in Markdown: mean ± standard deviation over the images, the best of each row in bold.

        Args:
            models: names of the columns, or None for all. The best is sought among those restored ("noisy" apart).
            published: metric -> model -> value of a paper, put in brackets behind ours; or None.
        """
        models = list(self.values if models is None else models)
        lines = ["| | " + " | ".join(models) + " |", "|-|" + "-|" * len(models)]
        for metric in self.metrics:
            scale, digits, heading = SHOWN.get(metric, (1, 4, metric))
            best = self.ranking(metric, [model for model in models if model != "noisy"])[0]
            cells = []
            for model in models:
                text = f"{scale * self.mean(model, metric):.{digits}f}"
                text = f"**{text}**" if model == best else text
                text += f" ± {scale * self.spread(model, metric):.{digits}f}"
                printed = (published or {}).get(metric, {}).get(model)
                cells.append(text + (f" ({scale * printed:.{digits}f})" if printed is not None else ""))
            lines.append(f"| {heading} | " + " | ".join(cells) + " |")
        return "\n".join(lines)


def seed_spread(found, models, metric):
    """The most that a model's mean differs between trainings with different seeds, over the models.

    Args:
        found: :class:`Comparison` of each seed, on the same images. models: names in all of them.

    Example:
        >>> one, other = (Comparison(("psnr",), {"a": np.array([[30.0], [x]])}) for x in (31.0, 32.0))
        >>> seed_spread([one, other], ["a"], "psnr")
        0.5
    """
    return float(max(np.ptp([one.mean(model, metric) for one in found]) for model in models))


def compare(models, references, metrics=METRICS):
    """Measure what models made of images.

    Args:
        models: name -> list of restored images, float [H, W] or [H, W, 3], in the order of ``references``.
        references: the clean images, in [0, 1].
        metrics: names of ``losses.METRICS``.

    Returns:
        A :class:`Comparison`.

    Raises:
        ValueError: no models, fewer than two images, or lists of different length.

    Example:
        >>> clean = [np.random.default_rng(seed).random((32, 32)) for seed in range(2)]
        >>> found = compare({"darker": [0.9 * image for image in clean]}, clean, ("l1", "psnr"))
        >>> 0 < found.mean("darker", "l1") < 0.1
        True
    """
    if not models or len(references) < 2:
        got = f"{len(models)} models and {len(references)} images"
        raise ValueError(f"compare() got {got}; at least 1 and 2 are needed")
    values = {}
    for name, images in models.items():
        if len(images) != len(references):
            raise ValueError(f"compare() got {len(images)} images of {name!r} for {len(references)} references")
        rows = []
        for image, reference in zip(images, references):
            table = losses.measure(to_tensor(reference), _tensor(image), metrics, data_range=1.0)
            rows.append(table.values[0])
        values[name] = np.array(rows)
    return Comparison(tuple(metrics), values)


def _tensor(image):
    """As ``to_tensor``; noisy images may leave [0, 1]."""
    import torch

    tensor = torch.from_numpy(np.asarray(image, dtype=np.float32))
    return tensor[None, None] if tensor.ndim == 2 else tensor.permute(2, 0, 1)[None].contiguous()
