"""The thesis's tables 6.3 (knee) and 6.4 (brain), and ours beside them."""

import numpy as np

from kryptonlib.losses import thesis
from kryptonlib.restoration.lesion_study import ahead_in
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
DIGITS = {"l1": 1, "l2": 2, "psnr": 2, "ms_ssim": 3, "lpips": 3, "flip": 3}
"""Decimals of our values in the table: enough to tell the models apart."""

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
        scale, digits = 1000 if metric in _THOUSANDS else 1, DIGITS[metric]
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


def hidden(contrasts, shares, invented):
    """method -> bool [contrasts]: what is left of a lesion is no more than what the method makes up, on average over
    the repeats.

    Args:
        contrasts: of the lesions. shares, invented: of ``lesion_study.Lesions``.
    """
    return {name: rows.mean(0) * np.array(contrasts) <= invented[name].mean() for name, rows in shares.items()}


def lesions(contrasts, shares, invented):
    """Planted lesions as a Markdown table: the share that is kept at every contrast, and what is invented, means over
    the repeats.

    Args:
        contrasts, shares, invented: as in :func:`hidden`.
    """
    lost = hidden(contrasts, shares, invented)
    lines = ["| | " + " | ".join(LABELS[name] for name in shares) + " |", "|-|" + "-|" * len(shares)]
    for row, contrast in enumerate(contrasts):
        cells = [f"{rows[:, row].mean():.2f}" + " (hidden)" * bool(lost[name][row]) for name, rows in shares.items()]
        lines.append(f"| kept at {contrast:g} | " + " | ".join(cells) + " |")
    lines.append("| invented | " + " | ".join(f"{invented[name].mean():.3f}" for name in shares) + " |")
    return "\n".join(lines)


def lesions_in_words(contrasts, shares, invented, models, winner):
    """What the table of :func:`lesions` says, in sentences.

    Args:
        contrasts, shares, invented: as in :func:`hidden`.
        models: names of the networks. winner: the one of them with the best PSNR.
    """
    last = {name: rows[:, -1].mean() for name, rows in shares.items() if name != "masked"}
    order = sorted(last, key=last.get, reverse=True)
    strong = ", ".join(f"{LABELS[name]} {last[name]:.2f}" for name in order)
    made = max(models, key=lambda name: invented[name].mean())
    won, repeats = ahead_in(invented, made, models)
    text = (
        f"Of a lesion of contrast {contrasts[-1]:g} are kept: {strong}. Of the networks {LABELS[made]} invents "
        f"most, in {won} of {repeats} repeats."
    )
    lost = hidden(contrasts, shares, invented)
    hiding = [[LABELS[name] for name in lost if lost[name][row]] for row in range(len(contrasts))]
    everywhere = [f"{contrast:g}" for contrast, some in zip(contrasts, hiding) if len(some) == len(lost)]
    if everywhere:
        text += f" At {' and '.join(everywhere)} every method hides it."
    for contrast, some in zip(contrasts, hiding):
        if 0 < len(some) < len(lost):
            text += f" At {contrast:g} it is hidden by {', '.join(some)}."
    most = max(models, key=last.get)
    if most != winner:
        text += (
            f" The network that wins PSNR, {LABELS[winner]}, keeps {last[winner]:.2f}, and {LABELS[most]} "
            f"{last[most]:.2f}: PSNR does not tell which network to trust with a lesion."
        )
    return text


def held_out_in_words(metrics, first, second, apart):
    """Who leads on people held out by each metric in two seeds, as lines of a list.

    Args:
        metrics: of ``METRICS``. first, second: of ``mri_study.held_out_leaders``, for each seed.
        apart: of ``mri_study.held_out_apart``, for the leaders of the first seed.
    """
    lines = []
    for metric, one, other, clear in zip(metrics, first, second, apart, strict=True):
        told = f"{LABELS[one]} leads in both seeds" + (", by more" if clear else ", by less") + " than seeds differ"
        if one != other:
            told = f"{LABELS[one]} leads, in the second seed {LABELS[other]}"
        lines.append(f"- On people held out, by {NAMES[metric]}: {told}.")
    lines.append("- Held out are a few slices of two people, on which the rates were chosen: this is no test.")
    return "\n".join(lines)


def leads_in_words(leads, spreads):
    """model -> its leads in every seed, and how far seeds differ.

    Args:
        leads: of ``mri_study.leads_by_seed``. spreads: model -> ``mri_study.seed_spread`` by its metric.
    """
    return {
        model: f"{'; second seed: '.join(one.text(LABELS) for one in some)} (seeds differ by {spreads[model]:.2g})"
        for model, some in leads.items()
    }


def answer(winners, people, sure, keeper, inventor):
    """The answer of notebook 12 to its question, in sentences.

    Args:
        winners: metric -> the best model. people: how many. sure: models whose lead by their own metric holds in
            every seed. keeper, inventor: the models that keep most of a lesion, and that invent most.
    """
    inventing = "it also" if keeper == inventor else LABELS[inventor]
    called = {metric: name.removeprefix("1000 ") for metric, name in NAMES.items()}
    best = "; ".join(f"{LABELS[name]} by {called[metric]}" for metric, name in winners.items())
    return (
        f"**So which loss?** Best of the six, on these {people} people: {best}. A lead by a loss's own metric is sure "
        f"in both seeds for: {', '.join(LABELS[name] for name in sure) or 'none'}. Which loss to trust with a lesion "
        f"is another question: of the networks {LABELS[keeper]} keeps most of it, and {inventing} invents most."
    )


def inventors_in_words(invented, counts, most):
    """What is said of the networks that invent most: one line for the table of claims.

    Args:
        invented: of ``lesion_study.Lesions``. counts: model -> (in how many repeats it invents more than all of the
            rest, number of repeats). most: the model that invents most on average.
    """
    parts = ", ".join(f"{LABELS[name]} in {won} of {repeats}" for name, (won, repeats) in counts.items())
    return (
        f"{LABELS[most]} invents most ({invented[most].mean():.3f} at 95 % of the places; l2 "
        f"{invented['l2'].mean():.3f}); repeats in which a network invents more than l1, l2, FLIP and adaptive: {parts}"
    )
