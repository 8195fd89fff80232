"""One front for all metrics: a table of what each says about images and their references."""

from dataclasses import dataclass, field

import numpy as np
import torch

from kryptonlib.losses.checks import check_pair
from kryptonlib.losses.flip import PIXELS_PER_DEGREE, flip, flip_map
from kryptonlib.losses.lpips import lpips, lpips_map
from kryptonlib.losses.ms_ssim import ms_ssim
from kryptonlib.losses.pointwise import l1, l1_map, l2, l2_map, nmse, psnr
from kryptonlib.losses.ssim import ssim, ssim_map


@dataclass(frozen=True)
class Metric:
    """One way to compare images.

    Attributes:
        score: function (x, y, data_range, pixels_per_degree) -> a value per image [N].
        better: "lower" or "higher".
        unit: text behind the value, or "".
        error: function of the same arguments -> what is wrong per pixel [N, 1, h, w], large where it is; None if the
            metric has no map.
    """

    score: object
    better: str
    unit: str = ""
    error: object = None


def _colour(image):
    """A grey image as a grey photo of three channels."""
    return image.expand(-1, 3, -1, -1) if image.shape[1] == 1 else image


def _perceptual(function, **options):
    """A metric of RGB images in [0, 1], for any data range and for grey ones."""
    return lambda x, y, data_range, _: function(_colour(x) / data_range, _colour(y) / data_range, **options)


def _flip(function, **options):
    return lambda x, y, data_range, ppd: function(
        _colour(x) / data_range, _colour(y) / data_range, pixels_per_degree=ppd, **options
    )


def _ranged(function, **options):
    return lambda x, y, data_range, _: function(x, y, data_range=data_range, **options)


METRICS = {
    "l1": Metric(_ranged(l1, reduction="none"), "lower", "", _ranged(l1_map)),
    "l2": Metric(_ranged(l2, reduction="none"), "lower", "", _ranged(l2_map)),
    "psnr": Metric(_ranged(psnr, reduction="none"), "higher", "dB"),
    "nmse": Metric(lambda x, y, *_: nmse(x, y, reduction="none"), "lower"),
    "ssim": Metric(
        _ranged(ssim, reduction="none"),
        "higher",
        "",
        lambda x, y, data_range, _: 1 - ssim_map(x, y, data_range=data_range).mean(1, keepdim=True),
    ),
    "ms_ssim": Metric(_ranged(ms_ssim, reduction="none"), "higher"),
    "lpips": Metric(_perceptual(lpips, reduction="none"), "lower", "", _perceptual(lpips_map)),
    "lpips_vgg": Metric(
        _perceptual(lpips, net="vgg", reduction="none"), "lower", "", _perceptual(lpips_map, net="vgg")
    ),
    "flip": Metric(_flip(flip, reduction="none"), "lower", "", _flip(flip_map)),
}
"""Every metric by name. The adaptive loss is none: its value hangs on its own learned alpha and c."""
USUAL = ("l1", "l2", "psnr", "ssim", "ms_ssim", "lpips", "flip")


@dataclass(frozen=True)
class Table:
    """What metrics say about images; printed, a line per metric (one image) or per image (several, and their mean).

    Attributes:
        metrics: names of the metrics.
        names: names of the images.
        values: array [images, metrics].
    """

    metrics: tuple
    names: tuple
    values: np.ndarray = field(repr=False)

    def __getitem__(self, metric):
        """The mean of a metric over the images, a float."""
        if metric not in self.metrics:
            raise KeyError(f"{metric!r} was not measured; there are {', '.join(self.metrics)}")
        return float(self.values[:, self.metrics.index(metric)].mean())

    def rows(self):
        """Heading and lines of the table as lists of texts."""
        if len(self.names) == 1:
            body = [
                [name, f"{value:.4g} {METRICS[name].unit}".strip(), METRICS[name].better]
                for name, value in zip(self.metrics, self.values[0])
            ]
            return [["metric", "value", "better"], *body]
        lines = [*zip(self.names, self.values), ("mean", self.values.mean(0))]
        heading = [f"{name} [{METRICS[name].unit}]" if METRICS[name].unit else name for name in self.metrics]
        return [["image", *heading], *([name, *(f"{value:.4g}" for value in row)] for name, row in lines)]

    def __str__(self):
        rows = self.rows()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])

    def _repr_markdown_(self):
        heading, *body = ("| " + " | ".join(row) + " |" for row in self.rows())
        return "\n".join([heading, "|" + "-|" * len(self.rows()[0]), *body])


def measure(reference, test, metrics=USUAL, *, data_range, pixels_per_degree=PIXELS_PER_DEGREE, names=None):
    """Compare test images with their references by several metrics.

    Args:
        reference, test: tensors [N, C, H, W], C 1 or 3, the reference in [0, data_range]. One-channel images count as
            grey photos: FLIP and LPIPS get their channel three times.
        metrics: names out of ``METRICS``.
        data_range: largest minus smallest possible value, 1.0 or 255.
        pixels_per_degree: for FLIP, see :func:`kryptonlib.losses.pixels_per_degree`.
        names: a name per image; None counts them.

    Returns:
        A :class:`Table`; print it, or take ``table["psnr"]``.

    Raises:
        ValueError, TypeError: an unknown metric, or images that one of them cannot compare, see each function.

    Example:
        >>> y = torch.linspace(0, 1, 768).view(1, 3, 16, 16)
        >>> print(measure(y, y + 0.1, ("l1", "psnr"), data_range=1.0))
        metric  value  better
        ------  -----  ------
        l1      0.1    lower
        psnr    20 dB  higher
    """
    if isinstance(metrics, str):
        raise TypeError(f"measure: metrics must be a sequence of names such as ('psnr', 'ssim'), got {metrics!r}")
    metrics = tuple(metrics)
    unknown = [name for name in metrics if name not in METRICS]
    if unknown or not metrics:
        raise ValueError(f"measure: metrics must be out of {', '.join(METRICS)}; got {', '.join(unknown) or 'none'}")
    # Says first what is wrong with the pair, whatever is measured.
    check_pair("measure", test, reference, data_range)
    names = tuple(names) if names is not None else tuple(str(number) for number in range(len(test)))
    if len(names) != len(test):
        raise ValueError(f"measure: got {len(test)} images and {len(names)} names")
    with torch.no_grad():
        columns = [METRICS[name].score(test, reference, data_range, pixels_per_degree) for name in metrics]
    return Table(metrics, names, np.stack([column.double().cpu().numpy() for column in columns], 1))
