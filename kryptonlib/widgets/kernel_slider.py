"""Slide a kernel over an image: the window, the products and their sum, one output pixel at a time.

``step`` computes one position, ``render`` draws it (without a browser too), ``panel`` adds the controls. Source:
Krypton, eq. 5, for one input and one output channel.
"""

from typing import NamedTuple

import ipywidgets
import numpy as np
from matplotlib import pyplot as plt

from kryptonlib import plots
from kryptonlib.basics import drawing, layers
from kryptonlib.widgets import wiring

LARGEST = 64
"""The largest side of an image whose pixels can still be told apart in the drawing."""
MOST_NUMBERS = 10
"""Tables wider than this are drawn without their numbers."""


class Step(NamedTuple):
    """One position of the kernel: the pixels below it [H_k, W_k], their products with it, and the sum of these."""

    window: np.ndarray
    products: np.ndarray
    total: float


def step(image, kernel, row, column, *, stride=1, padding=0):
    """The window of ``image`` [H, W] that gives output pixel (row, column), its products with ``kernel``, their sum.

    Raises ValueError for an image or a kernel that is not 2-D or too large, and for a position outside the output.

    >>> step(np.arange(9).reshape(3, 3), np.ones((2, 2)), 1, 1).total
    24.0
    """
    image, kernel, shape = _checked(image, kernel, stride, padding)
    for name, value, count in (("row", row, shape[0]), ("column", column, shape[1])):
        if not isinstance(value, (int, np.integer)) or not 0 <= value < count:
            raise ValueError(
                f"{name} must be an int from 0 to {count - 1} (the output is {shape[0]} x {shape[1]}), got {value!r}"
            )
    padded = np.pad(image, padding)
    top, left = row * stride, column * stride
    window = padded[top : top + kernel.shape[0], left : left + kernel.shape[1]]
    return Step(window, window * kernel, float(np.sum(window * kernel)))


def render(image, kernel, row, column, *, stride=1, padding=0):
    """Draw one position: the padded image with its window, window x kernel = products, and the output so far.

    Arguments and errors as for ``step``. Returns the matplotlib figure; the caller closes it.
    """
    window, products, total = step(image, kernel, row, column, stride=stride, padding=padding)
    image, kernel, shape = _checked(image, kernel, stride, padding)
    output = layers.convolve2d(image[None], kernel[None, None], stride=stride, padding=padding)[0]
    done = np.arange(output.size).reshape(shape) <= row * shape[1] + column
    low, high = min(0.0, image.min()), max(image.max(), 1e-9)
    pixels, weights = (_form(part) for part in (image, kernel))
    answers = _form(np.append(image, kernel))

    fig = plt.figure(figsize=(plots.WIDTH, 4.1), layout="none")
    places = [
        fig.add_axes(place)
        for place in (
            (0.01, 0.12, 0.36, 0.76),
            (0.40, 0.53, 0.155, 0.35),
            (0.40, 0.05, 0.155, 0.35),
            (0.595, 0.30, 0.155, 0.35),
            (0.775, 0.12, 0.22, 0.76),
        )
    ]
    padded = np.pad(image, padding)
    _table(places[0], padded, "input" + (f" with padding {padding}" if padding else ""), pixels, "gray", (low, high))
    drawing.outline(places[0], row * stride, column * stride, *kernel.shape)
    _table(places[1], window, "window", pixels, "gray", (low, high))
    drawing.outline(places[1], 0, 0, *kernel.shape)
    _table(places[2], kernel, "times kernel", weights, plots.DIVERGING, _symmetric(kernel))
    _table(places[3], products, "= products", answers, plots.DIVERGING, _symmetric(products))
    places[3].text(
        0.5,
        -0.09,
        f"sum = {answers.format(total + 0.0)}",
        transform=places[3].transAxes,
        ha="center",
        va="top",
        fontsize=12,
        fontweight="bold",
        color=plots.COLOURS[1],
    )
    _table(places[4], np.where(done, output, np.nan), "output so far", answers, plots.DIVERGING, _symmetric(output))
    drawing.outline(places[4], row, column, 1, 1)
    return fig


def panel(image, kernels):
    """The controls (kernel, row, column, stride, padding) above the drawing.

    Args:
        image: [H, W], sides up to 64.
        kernels: name -> [H_k, W_k], at least one.

    Returns:
        An ipywidgets box; its ``controls`` maps each control's name to its widget, its ``picture`` is the drawing.
    """
    if not isinstance(kernels, dict) or not kernels:
        raise ValueError(f"panel() needs a dictionary name -> kernel with at least one kernel, got {kernels!r}")
    for kernel in kernels.values():
        _checked(image, kernel, 1, 0)
    look = wiring.look()
    controls = {
        "kernel": ipywidgets.Dropdown(
            options=list(kernels), description="Kernel", tooltip="Which kernel slides", **look
        ),
        "row": ipywidgets.IntSlider(min=0, description="Row", tooltip="Row of the output pixel", **look),
        "column": ipywidgets.IntSlider(min=0, description="Column", tooltip="Column of the output pixel", **look),
        "stride": ipywidgets.IntSlider(1, 1, 3, description="Stride", tooltip="Pixels between two windows", **look),
        "padding": ipywidgets.IntSlider(
            0, 0, 2, description="Padding", tooltip="Rings of zeros around the image", **look
        ),
    }

    def fit():
        geometry = {name: controls[name].value for name in ("stride", "padding")}
        _, _, shape = _checked(image, kernels[controls["kernel"].value], **geometry)
        controls["row"].max, controls["column"].max = shape[0] - 1, shape[1] - 1

    def drawn(kernel, row, column, stride, padding):
        return _picture(image, np.asarray(kernels[kernel]), row, column, {"stride": stride, "padding": padding})

    fit()
    return wiring.panel(
        controls,
        drawn,
        rows=[("kernel", "stride", "padding"), ("row", "column")],
        adjust=dict.fromkeys(("kernel", "stride", "padding"), fit),
    )


def _picture(image, kernel, row, column, geometry):
    """The drawing as an HTML image whose alternative text says the numbers."""
    window, _, total = step(image, kernel, row, column, **geometry)
    terms = " + ".join(f"{pixel:g} x {weight:g}" for pixel, weight in zip(window.ravel(), kernel.ravel()))
    alt = f"Output pixel at row {row}, column {column}: {terms} = {total:g}"
    return plots.as_html(render(image, kernel, row, column, **geometry), alt)


def _table(axes, values, title, form, cmap, limits):
    few = max(values.shape) <= MOST_NUMBERS
    drawing.numbers(axes, values, title=title, form=form if few else "", cmap=cmap, limits=limits)


def _form(values):
    return "{:.0f}" if np.array_equal(values, np.round(values)) else "{:.2f}"


def _symmetric(values):
    reach = max(np.abs(values).max(), 1e-9)
    return -reach, reach


def _checked(image, kernel, stride, padding):
    image, kernel = np.asarray(image, dtype=float), np.asarray(kernel, dtype=float)
    for name, value in (("image", image), ("kernel", kernel)):
        if value.ndim != 2 or value.size == 0 or not np.isfinite(value).all():
            raise ValueError(f"{name} must be a 2-D array of finite numbers, got shape {value.shape}")
    if max(image.shape) > LARGEST:
        raise ValueError(f"image is {image.shape}; cut out at most {LARGEST} x {LARGEST} pixels, or none can be seen")
    shape = [layers.output_size(*one, stride, padding) for one in zip(image.shape, kernel.shape)]
    return image, kernel, shape
