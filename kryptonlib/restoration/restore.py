"""Restoring whole images: any size, in tiles without seams.

A network of this room is local. A tile that is cut out with ``reach`` pixels around it, on the grid of its pooling, gives
in its middle what the whole image gives there; at the image's own border the tile ends where the image does.
"""

import numpy as np
import torch

from kryptonlib import images, store
from kryptonlib.choices import check_choice
from kryptonlib.restoration.networks import build
from kryptonlib.restoration.unet import padded
from kryptonlib.small_weights import read_small

TILE = 512
"""Side in pixels of a tile, without what is cut out around it."""
OUTSIDE = 3.0
"""How far values may lie outside [0, 1]: noise carries them there, 8 bits taken for [0, 1] much farther."""


def names(folder=None):
    """Restoration networks that are shipped: checkpoints whose card says what they restore.

    Args:
        folder: where to look; None takes the course's checkpoints.

    Example:
        >>> "denoise-l2" in names()  # doctest: +SKIP
        True
    """
    folder = store.CHECKPOINTS if folder is None else folder
    cards = sorted(folder.glob("*.json"))
    return [file.stem for file in cards if "restores" in store.read_card(file.stem, folder)]


def load(name, device="cpu", folder=None):
    """A trained :class:`Restorer`.

    Args:
        name: of ``names()``.
        device: where it computes.
        folder: of the checkpoints; None takes the course's.

    Raises:
        ValueError: an unknown name; the message lists those like it.

    Example:
        >>> load("denoise-l2")(noisy).shape  # doctest: +SKIP
        (512, 512, 3)
    """
    folder = store.CHECKPOINTS if folder is None else folder
    check_choice("restoration", name, names(folder))
    card = store.read_card(name, folder)
    network = build(card["restores"])
    network.load_state_dict(read_small(folder / f"{name}.safetensors"))
    return Restorer(name, network.to(device), card)


class Restorer:
    """A network that restores images.

    Args:
        name: as it was loaded. network: a module as ``networks.BUILDERS`` makes them. card: what is known of it.
    """

    def __init__(self, name, network, card=None):
        self.name, self.network, self.card = name, network.eval().requires_grad_(False), card or {}

    def __call__(self, image, tile=TILE):
        """The restored image: float32 in [0, 1], of the shape of ``image``; see :func:`apply`."""
        return apply(self.network, image, tile)

    def __repr__(self):
        count = sum(p.numel() for p in self.network.parameters())
        return f"Restorer({self.name!r}, {count:,} parameters)"


def apply(network, image, tile=TILE):
    """Restore an image with a network.

    Args:
        network: a module as ``networks.BUILDERS`` makes them, with one input per channel.
        image: float array [H, W] or [H, W, 3], the clean image's values in [0, 1]; noise may lie outside. A network of
            three channels sees a grey image three times, and the mean of what it gives is taken; one of one channel
            restores red, green and blue each by itself.
        tile: side of a tile in pixels; images up to it are done at once. The result does not depend on it.

    Returns:
        float32 array of the same shape, clipped to [0, 1].

    Raises:
        TypeError, ValueError: no image, values of another range, or a tile below 1.
    """
    image = check_noisy(image)
    if isinstance(tile, bool) or not isinstance(tile, int) or tile < 1:
        raise ValueError(f"tile must be a whole number of pixels of at least 1, got {tile!r}")
    tensor = torch.from_numpy(image)
    tensor = tensor.permute(2, 0, 1) if image.ndim == 3 else tensor[None]
    if network.channels == 3:
        batch = tensor.expand(3, -1, -1)[None]
    else:
        batch = tensor[:, None]
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    restored = restore_tensor(network, batch.to(device), tile).cpu().clamp(0, 1)
    if image.ndim == 2:
        return restored.mean(1)[0].numpy()
    restored = restored[0] if network.channels == 3 else restored[:, 0]
    return np.ascontiguousarray(restored.permute(1, 2, 0).numpy())


@torch.no_grad()
def restore_tensor(network, batch, tile=TILE):
    """The network's output [N, channels, H, W] for a tensor [N, inputs, H, W], tile by tile; not clipped."""
    height, width = batch.shape[2:]
    if max(height, width) <= tile:
        return network(batch)
    step = network.multiple
    tile, margin = -(-tile // step) * step, -(-network.reach // step) * step
    whole = padded(batch, step)
    restored = whole.new_empty(len(batch), network.channels, *whole.shape[2:])
    for top in range(0, whole.shape[2], tile):
        for left in range(0, whole.shape[3], tile):
            above, before = max(0, top - margin), max(0, left - margin)
            below, behind = top + tile + margin, left + tile + margin
            piece = network(whole[:, :, above:below, before:behind])
            piece = piece[:, :, top - above :, left - before :][:, :, :tile, :tile]
            restored[:, :, top : top + tile, left : left + tile] = piece
    return restored[:, :, :height, :width]


def check_noisy(image):
    """An image as float32 [H, W] or [H, W, 3]; values around [0, 1], where noise carries them, are let through."""
    array = np.asarray(image)
    if isinstance(image, torch.Tensor) or not np.issubdtype(array.dtype, np.floating):
        return images.check_image(image)
    if not np.isfinite(array).all():
        raise ValueError(f"image: {np.count_nonzero(~np.isfinite(array))} values are NaN or infinite")
    if array.size and not -OUTSIDE <= array.min() <= array.max() <= 1 + OUTSIDE:
        raise ValueError(
            f"image: values run from {array.min():.4g} to {array.max():.4g}, expected about [0, 1], where noise may "
            "leave it a little; divide by the white value (255 for 8 bits)"
        )
    # The shape is checked as everywhere; of the values only those inside [0, 1], where noise is allowed beyond.
    images.check_image(np.clip(array, 0, 1))
    return np.ascontiguousarray(array, dtype=np.float32)
