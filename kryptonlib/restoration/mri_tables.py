"""The thesis's tables 6.3 (knee) and 6.4 (brain), and ours beside them."""

import numpy as np

from kryptonlib.restoration.mri_study import HIGHER, METRICS

LABELS = {
    "masked": "masked", "TV": "TV", "l1": "l1", "l2": "l2", "msssim": "MS-SSIM", "lpips": "LPIPS + l2", "flip": "FLIP",
    "adaptive": "adaptive",
}  # fmt: skip
"""How methods are called in tables and figures."""
_MODELS = ("masked", "l1", "l2", "msssim", "lpips", "flip", "adaptive")
_KNEE = """
28.91 20.35 20.53 20.96 21.89 20.46 20.36
2.39 1.16 1.17 1.24 1.28 1.17 1.17
26.71 30.29 30.25 30.01 29.81 30.23 30.27
.9111 .9591 .9585 .9595 .9559 .9590 .9590
.3517 .3597 .3618 .3352 .1563 .3644 .3589
.1972 .1241 .1238 .1255 .1309 .1222 .1245"""
_BRAIN = """
54.66 28.17 28.32 30.06 32.59 27.57 27.64
5.96 1.87 1.85 1.95 2.21 1.85 1.83
22.61 27.53 27.55 27.37 26.83 27.56 27.62
.8652 .9541 .9531 .9587 .9509 .9544 .9555
.4274 .2973 .2971 .2906 .1496 .3011 .3002
.3053 .1890 .1918 .2097 .2280 .1842 .1862"""
_THOUSANDS = ("l1", "l2")
"""Metrics that the tables print times 1000."""
NAMES = {"l1": "1000 l1", "l2": "1000 l2", "psnr": "PSNR (dB)", "ms_ssim": "MS-SSIM", "lpips": "LPIPS", "flip": "FLIP"}


def _read(text):
    rows = [list(map(float, line.split())) for line in text.strip().splitlines()]
    scale = np.array([1e-3 if metric in _THOUSANDS else 1.0 for metric in METRICS])
    return dict(zip(_MODELS, np.array(rows).T * scale))


THESIS = {"knee": _read(_KNEE), "brain": _read(_BRAIN)}
"""Table -> model -> [6] in the order of ``METRICS``, without the factors of 1000. The caption of table 6.4 says knee;
its section says brain, and so do its images."""


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
