"""The drawings of notebook 12."""

import matplotlib.pyplot as plt
import numpy as np

from kryptonlib import plots
from kryptonlib.restoration.mri_tables import LABELS


def undersampling(image, measured, mask, given):
    """A slice, its k-space, what a mask leaves of it, and the image that this gives.

    Args:
        image, given: [H, W] in [0, 1]. measured: complex [H, W]. mask: bool [W].
    """
    strength = np.log10(abs(measured) + 1e-3)
    figure, axes = plt.subplots(1, 4, figsize=(plots.WIDTH, 2.5))
    pictures = (image, strength, np.where(mask, strength, -3), given)
    titles = ("image", "k-space", f"{int(mask.sum())} of {len(mask)} columns", "zero-filled")
    for number, (place, picture, title) in enumerate(zip(axes, pictures, titles)):
        grey = number in (0, 3)
        drawn = place.imshow(picture, cmap="gray" if grey else None, vmin=0 if grey else -3, vmax=1 if grey else 1.5)
        place.set_title(title)
        place.axis("off")
        if number == 2:
            figure.colorbar(drawn, ax=axes[1:3], shrink=0.6, location="bottom", label="log10 of the magnitude")
    return figure


def learning(logs):
    """PSNR and LPIPS on held-out slices over the steps after the common start.

    Args:
        logs: model -> its log with the columns step, psnr and lpips, as ``store.read_log`` reads it.
    """
    figure, axes = plt.subplots(1, 2, figsize=(plots.WIDTH, 3))
    for place, field, label in zip(axes, ("psnr", "lpips"), ("PSNR (dB), higher is better", "LPIPS, lower is better")):
        lines = {LABELS[name]: (log["step"], log[field]) for name, log in logs.items()}
        plots.curves(None, lines, xlabel="steps after the start", ylabel=label, axes=place)
        place.get_legend().remove()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(logs))
    return figure


def kept_and_invented(contrasts, kept, invented):
    """What of planted lesions is kept over their contrast, and the contrast that is invented where there is none: means
    over the repeats, and bars from the least to the most of them.

    Args:
        contrasts: of the lesions. kept: method -> [repeats, contrasts]. invented: method -> [repeats].
    """
    figure, axes = plt.subplots(1, 2, figsize=(plots.WIDTH, 3.6), width_ratios=(1.5, 1))
    styles = zip(kept.items(), [*plots.COLOURS, "#777777"], [*plots.MARKERS, "*"], [*plots.STYLES, "--"])
    for number, ((name, rows), colour, marker, style) in enumerate(styles):
        # Side by side, so that the bars do not hide each other.
        beside = np.array(contrasts) * 1.03 ** (number - (len(kept) - 1) / 2)
        axes[0].errorbar(
            beside, rows.mean(0), _span(rows), label=LABELS[name], color=colour, marker=marker, linestyle=style,
            elinewidth=0.8,
        )  # fmt: skip
    axes[0].set(xlabel="contrast of the lesion", ylabel="share of it that is kept", xscale="log", ylim=(0, 1))
    axes[0].set_xticks(contrasts, [f"{contrast:g}" for contrast in contrasts])
    axes[0].minorticks_off()
    axes[0].legend(fontsize=8, ncols=2)
    names = list(invented)
    for row, name in enumerate(names):
        values = invented[name]
        axes[1].barh(row, values.mean(), xerr=_span(values[:, None]), color=plots.COLOURS[0])
        axes[1].plot(values, np.full(len(values), row), "k.", markersize=3)
    axes[1].set(yticks=range(len(names)), yticklabels=[LABELS[name] for name in names], xlabel="invented contrast")
    axes[1].invert_yaxis()
    return figure


def _span(rows):
    """[2, columns]: from the mean over the rows down to the least and up to the most."""
    mean = rows.mean(0)
    return np.array([mean - rows.min(0), rows.max(0) - mean])


def leads(found):
    """Leads image by image: a row of points each, the mean as a bar.

    Args:
        found: list of ``mri_study.Lead``; each is drawn in units of its own standard deviation over the images.
    """
    figure, axes = plt.subplots(figsize=(plots.WIDTH, 0.55 * len(found) + 1))
    for row, one in enumerate(found):
        scaled = one.gains / (one.gains.std() or 1.0)
        axes.plot(scaled, np.full(len(scaled), row), "o", color=plots.COLOURS[0], alpha=0.4)
        axes.plot([scaled.mean()] * 2, [row - 0.3, row + 0.3], "-", color=plots.COLOURS[1], linewidth=3)
    axes.axvline(0, color="black", linewidth=0.8)
    labels = [f"{LABELS[one.model]} − {LABELS[one.rival]}, {one.metric.replace('_', '-').upper()}" for one in found]
    axes.set(yticks=range(len(found)), yticklabels=labels)
    axes.set_xlabel("lead per slice, in standard deviations of the row; right is better")
    axes.invert_yaxis()
    return figure
