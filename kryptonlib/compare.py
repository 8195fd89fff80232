"""Compare a reader's own two images: ``python -m kryptonlib compare REFERENCE TEST [-o OUT.png]``."""

from pathlib import Path

import numpy as np

METRICS = ("l1", "l2", "psnr", "nmse", "ssim", "ms_ssim", "lpips", "flip")
MAPS = {
    "l1": "absolute difference",
    "ssim": "1 - SSIM",
    "lpips": "LPIPS (AlexNet)",
    "flip": "FLIP",
}
"""Metrics whose error maps are drawn, and their titles."""


def compare(reference, test, output=None, *, pixels_per_degree=None):
    """Compare two image files by every metric, and draw where they differ.

    Files are read as :func:`kryptonlib.reading.read_image` says: 8 and 16 bits, palettes, transparency over white. A
    grey image is compared with a coloured one as a grey photo. A metric that cannot be had, because the images are too
    small or weights are missing, is left out and named.

    Args:
        reference, test: paths of images of one size.
        output: path of the picture to write, or None for the numbers alone.
        pixels_per_degree: for FLIP; None is a 0.7 m wide monitor with 3840 pixels, seen from 0.7 m.

    Returns:
        (table, notes): a :class:`kryptonlib.losses.Table`, and a list of sentences on what was left out.

    Raises:
        FileNotFoundError: no such image, or no folder to write into.
        ValueError: a file that is no image, images of two sizes, pixels per degree that are not positive.
    """
    from kryptonlib import images, losses, reading
    from kryptonlib.losses.flip import check_resolution

    ppd = losses.PIXELS_PER_DEGREE if pixels_per_degree is None else pixels_per_degree
    check_resolution(ppd)
    if output is not None and not Path(output).parent.is_dir():
        raise FileNotFoundError(f"there is no folder {Path(output).parent} to write {Path(output).name} into")
    pictures = [reading.read_image(path) for path in (reference, test)]
    if pictures[0].shape[:2] != pictures[1].shape[:2]:
        (rows, columns), (other_rows, other_columns) = (picture.shape[:2] for picture in pictures)
        raise ValueError(
            f"the images must be of one size: {Path(reference).name} is {columns}x{rows}, {Path(test).name} is "
            f"{other_columns}x{other_rows}; crop or resample one of them, and remember that resampling changes it"
        )
    if pictures[0].ndim != pictures[1].ndim:
        pictures = [images.as_rgb(picture) for picture in pictures]
    y, x = (images.to_tensor(picture) for picture in pictures)
    tables, notes = [], []
    for name in METRICS:
        try:
            tables.append(losses.measure(y, x, (name,), data_range=1.0, pixels_per_degree=ppd))
        except (ValueError, FileNotFoundError) as error:
            notes.append(f"{name} is left out: {error}")
    names = tuple(name for table in tables for name in table.metrics)
    table = losses.Table(names, (Path(test).name,), np.concatenate([table.values for table in tables], 1))
    if output is not None:
        _draw(pictures, x, y, [name for name in MAPS if name in names], ppd).savefig(output)
    return table, notes


def _draw(pictures, x, y, maps, pixels_per_degree):
    """Both images and the error maps, each map on its own scale from 0."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import torch

    from kryptonlib import losses, plots

    plots.use()
    rows = 1 + -(-len(maps) // 2)
    height = 0.8 * plots.WIDTH / 2 * pictures[0].shape[0] / pictures[0].shape[1] + 0.5
    figure, axes = plt.subplots(rows, 2, figsize=(plots.WIDTH, min(height * rows, 3 * plots.WIDTH)), squeeze=False)
    for place in axes.flat:
        place.axis("off")
    for place, picture, title in zip(axes[0], pictures, ("reference", "test")):
        place.imshow(picture, cmap="gray", vmin=0, vmax=1)
        place.set_title(title)
    for place, name in zip(axes[1:].flat, maps):
        with torch.no_grad():
            error = losses.METRICS[name].error(x, y, 1.0, pixels_per_degree)[0, 0].numpy()
        # Of two equal images every map is 0: a scale needs an end above its start.
        drawn = place.imshow(error, vmin=0, vmax=max(float(error.max()), 1e-6))
        place.set_title(MAPS[name])
        figure.colorbar(drawn, ax=place, shrink=0.85)
    return figure
