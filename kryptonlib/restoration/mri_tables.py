"""The thesis's tables 6.3 (knee) and 6.4 (brain), and ours beside them."""

import numpy as np

from kryptonlib.losses import thesis
from kryptonlib.restoration.mri_study import HIGHER, METRICS

LABELS = {
    "masked": "masked", "TV": "TV", "l1": "l1", "l2": "l2", "msssim": "MS-SSIM", "lpips": "LPIPS + l2", "flip": "FLIP",
    "adaptive": "adaptive",
}  # fmt: skip
"""How methods are called in tables and figures."""
_MODELS = ("masked", "l1", "l2", "msssim", "lpips", "flip", "adaptive")
_THOUSANDS = ("l1", "l2")
"""Metrics that the tables print times 1000."""
NAMES = {"l1": "1000 l1", "l2": "1000 l2", "psnr": "PSNR (dB)", "ms_ssim": "MS-SSIM", "lpips": "LPIPS", "flip": "FLIP"}


THESIS = {
    table: dict(zip(_MODELS, np.transpose([thesis.TABLES[table][metric] for metric in METRICS])))
    for table in ("knee", "brain")
}
"""Table -> model -> [6] in the order of ``METRICS``, without the factors of 1000."""


def best(values, metric):
    """The model with the best value of a metric, the masked input left out.

    Args:
        values: model -> [6] or [N, 6] (means are taken). metric: one of ``METRICS``.

    Example:
        >>> best(THESIS["knee"], "lpips"), best(THESIS["brain"], "psnr")
        ('lpips', 'adaptive')
    """
    place, sign = METRICS.index(metric), 1 if metric in HIGHER else -1
    means = {name: np.atleast_2d(some)[:, place].mean() for name, some in values.items() if name != "masked"}
    return max(means, key=lambda name: sign * means[name])


def markdown(scores):
    """Ours as a Markdown table: mean ± standard deviation over the images, and the thesis's brain and knee below each.

    Args:
        scores: model -> [N, 6].

    Returns:
        text; the best model of each row is bold.
    """
    names = list(scores)
    lines = ["| |" + "".join(f" {LABELS[name]} |" for name in names), "|-|" + "-|" * len(names)]
    for place, metric in enumerate(METRICS):
        scale, digits = (1000, 1) if metric in _THOUSANDS else (1, 2 if metric == "psnr" else 3)
        winner = best(scores, metric)
        cells = []
        for name in names:
            values = scale * scores[name][:, place]
            text = f"{values.mean():.{digits}f} ± {values.std(ddof=1):.{digits}f}"
            cells.append(f"**{text}**" if name == winner else text)
        lines.append(f"| {NAMES[metric]} | " + " | ".join(cells) + " |")
        for table, values in THESIS.items():
            winner, printed = best(values, metric), 2 if metric in (*_THOUSANDS, "psnr") else 4
            cells = [f"{scale * values[name][place]:.{printed}f}" if name in values else "–" for name in names]
            cells = [f"**{cell}**" if name == winner else cell for cell, name in zip(cells, names)]
            lines.append(f"| *thesis, {table}* | " + " | ".join(cells) + " |")
    return "\n".join(lines)
