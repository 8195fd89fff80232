"""See what one unit of a feature map sees: its theoretical receptive field on the image, the map beside it.

``read`` computes a layer's map once, ``render`` draws one unit (without a browser too), ``panel`` adds the controls.
"""

import html

import ipywidgets
import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

from kryptonlib import anatomy, plots
from kryptonlib.widgets import wiring


def read(module, picture):
    """Layer table and feature maps of a chain of layers.

    Args:
        module: nn.Sequential in evaluation mode whose children are its layers (``zoo.trunk`` gives such ones).
        picture: its input, Tensor [1, C, H, W].

    Returns:
        (LayerTable, mapping from a layer's name to its maps [channels, rows, columns]).
    """
    if not isinstance(module, torch.nn.Sequential):
        raise TypeError(f"read() takes an nn.Sequential, got {type(module).__name__}")
    if not isinstance(picture, torch.Tensor) or picture.dim() != 4 or picture.shape[0] != 1:
        raise ValueError(f"picture must be a Tensor [1, C, H, W], got {getattr(picture, 'shape', type(picture))}")
    table = anatomy.layers(module, tuple(picture.shape[1:]))
    maps = {}
    with torch.no_grad():
        for name, layer in module.named_children():
            picture = layer(picture)
            maps[name] = picture[0].cpu().numpy().copy()
    return table, {row.name: maps[row.name] for row in table if row.name in maps and row.receptive_field is not None}


def strongest(maps):
    """The channel of [channels, rows, columns] whose values vary most over the map."""
    return int(np.asarray(maps).std(axis=(1, 2)).argmax())


def describe(layer, row, column, image):
    """One sentence: which pixels the unit sees, and how much of them the image holds."""
    top, bottom, left, right = layer.box(row, column)
    height, width = np.shape(image)[:2]
    rows = max(0, min(bottom, height - 1) - max(top, 0) + 1)
    columns = max(0, min(right, width - 1) - max(left, 0) + 1)
    size = layer.receptive_field
    share = rows * columns / (size[0] * size[1])
    return (
        f"{layer.name} ({layer.kind}), unit ({row}, {column}) of {layer.shape[1]} x {layer.shape[2]}: sees rows "
        f"{top:g} to {bottom:g} and columns {left:g} to {right:g}, {size[0]} x {size[1]} pixels, {share:.0%} of them "
        f"inside the image; its neighbour's field lies {layer.jump[1]:g} pixels further"
    )


def render(image, layer, maps, row, column):
    """Draw one unit: its receptive field on the image, its place in the layer's most varied map.

    Args:
        image: [H, W] or [H, W, 3] in [0, 1], in the pixels of the network's input.
        layer: an ``anatomy.Layer``.
        maps: the layer's maps [channels, rows, columns].
        row, column: the unit.

    Returns:
        The matplotlib figure; the caller closes it.
    """
    maps = np.asarray(maps)
    if maps.shape != tuple(layer.shape):
        raise ValueError(f"layer {layer.name!r} has maps of shape {tuple(layer.shape)}, got {maps.shape}")
    top, bottom, left, right = layer.box(row, column)
    height, width = np.shape(image)[:2]
    figure, axes = plt.subplots(1, 2, figsize=(plots.WIDTH, 3.9))
    axes[0].imshow(image, cmap="gray", vmin=0, vmax=1, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    for colour, wide in (("black", 4), ("white", 2)):  # two lines: seen on dark and on bright pixels
        box = (left - 0.5, top - 0.5), right - left + 1, bottom - top + 1
        axes[0].add_patch(Rectangle(*box, fill=False, edgecolor=colour, linewidth=wide, clip_on=False))
    axes[0].plot((left + right) / 2, (top + bottom) / 2, "+", color="white", markersize=10)
    reach = max(0, -left, -top, right - width + 1, bottom - height + 1)
    axes[0].set(xlim=(-0.5 - reach, width - 0.5 + reach), ylim=(height - 0.5 + reach, -0.5 - reach))
    axes[0].set_title(f"sees {layer.receptive_field[0]} × {layer.receptive_field[1]} pixels")
    channel = strongest(maps)
    axes[1].imshow(maps[channel], cmap=plots.SEQUENTIAL)
    for colour, wide in (("black", 4), ("white", 2)):
        axes[1].add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=colour, linewidth=wide))
    axes[1].set_title(f"{layer.name}, channel {channel}: {layer.shape[1]} × {layer.shape[2]} units")
    for place in axes:
        place.axis("off")
    return figure


def panel(image, networks):
    """The controls (network, layer, row, column) above the drawing.

    Args:
        image: the picture shown, [H, W] or [H, W, 3] in [0, 1], in the pixels of the networks' input.
        networks: name -> what ``read`` returned, at least one.

    Returns:
        An ipywidgets box; its ``controls`` maps each control's name to its widget, its ``picture`` is the drawing.
    """
    if not isinstance(networks, dict) or not networks:
        raise ValueError(f"panel() needs a dictionary name -> read(module, picture), got {networks!r}")
    look = wiring.look()
    controls = {
        "network": ipywidgets.Dropdown(
            options=list(networks), description="Network", tooltip="Which network looks at the image", **look
        ),
        "layer": ipywidgets.SelectionSlider(options=[""], description="Layer", tooltip="Depth of the layer", **look),
        "row": ipywidgets.IntSlider(min=0, description="Row", tooltip="Row of the unit in its map", **look),
        "column": ipywidgets.IntSlider(min=0, description="Column", tooltip="Column of the unit in its map", **look),
    }

    def centre():
        shape = networks[controls["network"].value][0][controls["layer"].value].shape
        for key, count in zip(("row", "column"), shape[1:]):
            controls[key].max = count - 1
            controls[key].value = count // 2

    def to_middle_layer():
        names = list(networks[controls["network"].value][1])
        controls["layer"].options = names
        controls["layer"].value = names[len(names) // 2]
        centre()

    def drawn(network, layer, row, column):
        table, maps = networks[network]
        return _picture(image, table[layer], maps[layer], row, column)

    to_middle_layer()
    reactions = {"network": to_middle_layer, "layer": centre}
    return wiring.panel(controls, drawn, rows=[("network", "layer"), ("row", "column")], adjust=reactions)


def _picture(image, layer, maps, row, column):
    """The drawing as an HTML image whose alternative text says the numbers."""
    alt = describe(layer, row, column, image)
    shown = plots.as_html(render(image, layer, maps, row, column), alt, format="jpeg")
    return f"{shown}<p>{html.escape(alt)}.</p>"
