"""Pictures with a marked crop, enlarged under each: where methods differ in details."""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from kryptonlib.plots.look import COLOURS, WIDTH
from kryptonlib.plots.pictures import checked, checked_limits, draw


def zooms(pictures, crop, *, columns=None, cmap="gray", limits=(0.0, 1.0), height=2.2):
    """Pictures in a row, a crop marked in each and enlarged under it.

    Args:
        pictures: mapping from a title to a picture [H, W] or [H, W, 3] (colour ones in [0, 1]), all of one size. A
            title may have a second line with the score: "ours\\n31.2 dB".
        crop: (top, left, height, width) in pixels.
        columns: pictures per row; None puts all in one row.
        cmap: colour map of the [H, W] ones.
        limits: (lowest, highest) value of the colour map. The enlarged crops have the same scale.
        height: height of a picture in inches; its crop is as high.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: no pictures, pictures of different size, a crop that is empty or leaves them, limits that are none.
    """
    shown = {title: checked(picture, f"zooms() with {title!r}") for title, picture in pictures.items()}
    if not shown:
        raise ValueError("zooms() got no pictures")
    sizes = {picture.shape[:2] for picture in shown.values()}
    if len(sizes) != 1:
        raise ValueError(f"zooms() got pictures of the sizes {sorted(sizes)}; bring them to one, the crop is in pixels")
    (rows, wide) = sizes.pop()
    top, left, crop_height, crop_width = crop
    inside = 0 <= top < top + crop_height <= rows and 0 <= left < left + crop_width <= wide
    if not inside:
        raise ValueError(
            f"zooms() got crop=(top {top}, left {left}, height {crop_height}, width {crop_width}); "
            f"expected a part of a picture of {rows} x {wide} pixels"
        )
    low, high = checked_limits(limits, "zooms()")
    columns = columns or len(shown)
    blocks = -(-len(shown) // columns)
    figure, axes = plt.subplots(2 * blocks, columns, figsize=(WIDTH, 2 * height * blocks), squeeze=False)
    for place in axes.flat:
        place.axis("off")
    for position, (title, picture) in enumerate(shown.items()):
        block, column = divmod(position, columns)
        whole, part = axes[2 * block, column], axes[2 * block + 1, column]
        for place in (whole, part):
            place.axis("on")
        draw(whole, picture, cmap, low, high)
        draw(part, picture[top : top + crop_height, left : left + crop_width], cmap, low, high)
        whole.set_title(title)
        whole.add_patch(frame((left - 0.5, top - 0.5), crop_width, crop_height))
        for side in part.spines.values():
            side.set(visible=True, color=COLOURS[1], linewidth=1.5)
    return figure


def frame(corner, width, height):
    """The mark around a crop; its white edge keeps it visible on dark and on reddish pictures, and in grey."""
    mark = Rectangle(corner, width, height, fill=False, edgecolor=COLOURS[1], linewidth=1.5)
    mark.set_path_effects([withStroke(linewidth=3, foreground="white")])
    return mark
