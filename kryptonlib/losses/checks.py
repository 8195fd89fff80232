"""What every loss asks of its two images, and how values per image become one.

Throughout this room ``x`` is the image that is judged (a network's output) and ``y`` the reference, both tensors
[N, C, H, W]. The reference must lie in [0, data_range]; the judged image may leave it, as the output of a network in
training does.
"""

from numbers import Real

import torch

ROUNDING = 1e-3
"""How far, in parts of the data range, a reference may leave it; a resampled image does by a hair."""
REDUCTIONS = ("mean", "none")


def check_pair(name, x, y, data_range=1.0, channels=None, smallest=1):
    """Raise unless ``x`` and ``y`` are images that ``name`` can compare.

    Args:
        name: what the caller is called in messages, for example "ssim".
        x, y: the two images [N, C, H, W].
        data_range: largest minus smallest possible value; None leaves the values' range unchecked.
        channels: how many channels are needed, or None for any.
        smallest: the least height and width.

    Raises:
        TypeError: not tensors, not float32 or float64, of two types or on two devices; a data range that is no number.
        ValueError: shapes, sizes, NaN, or a reference outside of [0, data_range].
    """
    for letter, image in (("x", x), ("y", y)):
        if not isinstance(image, torch.Tensor):
            raise TypeError(f"{name}: {letter} must be a tensor [N, C, H, W], got {type(image).__name__}")
        if image.dtype not in (torch.float32, torch.float64):
            raise TypeError(
                f"{name}: {letter} must be float32 or float64, got {image.dtype}; bring 8 bits there by x.float() / 255"
            )
    if x.shape != y.shape:
        raise ValueError(f"{name}: x and y differ in shape, {tuple(x.shape)} and {tuple(y.shape)}")
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(
            f"{name}: images must be [N, C, H, W], got shape {tuple(x.shape)}; of one image [H, W, C] make "
            "x.permute(2, 0, 1)[None]"
        )
    if x.dtype != y.dtype or x.device != y.device:
        raise TypeError(f"{name}: x is {x.dtype} on {x.device}, y is {y.dtype} on {y.device}; both must be alike")
    if channels is not None and x.shape[1] != channels:
        raise ValueError(f"{name}: needs {channels} channel(s), got {x.shape[1]} in shape {tuple(x.shape)}")
    if min(x.shape[-2:]) < smallest:
        raise ValueError(f"{name}: needs images of at least {smallest}x{smallest} pixels, got {tuple(x.shape[-2:])}")
    if not torch.isfinite(x.detach()).all():
        raise ValueError(f"{name}: x holds NaN or infinite values")
    if data_range is not None:
        _check_range(name, y.detach(), data_range)
    elif not torch.isfinite(y.detach()).all():
        raise ValueError(f"{name}: y holds NaN or infinite values")


def _check_range(name, y, data_range):
    if isinstance(data_range, bool) or not isinstance(data_range, Real):
        raise TypeError(f"{name}: data_range must be a number such as 1.0 or 255, got {data_range!r}")
    if not 0 < data_range < float("inf"):
        raise ValueError(f"{name}: data_range must be positive and finite, got {data_range!r}")
    low, high = (float(value) for value in torch.aminmax(y))
    if not (-ROUNDING * data_range <= low and high <= (1 + ROUNDING) * data_range):
        raise ValueError(
            f"{name}: the reference y has values from {low:.4g} to {high:.4g}, expected 0 to {data_range:g}; give its "
            "own data_range (1.0 or 255), bring [-1, 1] to [0, 1] by (y + 1) / 2, clamp it, or exchange x and y if x "
            "is the reference"
        )
    # An image in [0, 1] scored with 255 is the classic silent mistake: SSIM then calls everything equal. A very dark
    # 8-bit image has whole numbers.
    if data_range >= 100 and 0 < high <= 1 and bool((y != y.round()).any()):
        raise ValueError(
            f"{name}: data_range is {data_range:g}, but the reference y has fractions from {low:.4g} to {high:.4g}; "
            "expected data_range=1.0 for an image in [0, 1]"
        )


def reduced(values, reduction):
    """Values per image [N] as they are ("none") or their mean ("mean")."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    return values.mean() if reduction == "mean" else values
