"""Images as arrays and as tensors: checks, conversions and luma, once for the whole library.

An *image* is a float array in [0, 1], [H, W] (grey) or [H, W, 3] (red, green, blue, gamma-encoded as files hold
them). A *batch* is a tensor [N, C, H, W] with the same values. Functions that take both keep what they get: an array
stays an array with its channels last, a tensor stays a tensor with its channels before the rows, on its device, with
its gradient. Files are read by ``reading.read_image``; the Gaussian is in ``gaussian``.
"""

import numpy as np
import torch

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in luma: ITU-R BT.601-7, section 2.5.1, on gamma-encoded values."""
BLACK, WHITE = 16 / 255, 235 / 255
"""Where limited range ("studio swing") puts black and white: 16 and 235 of 255."""


def check_image(image, name="image"):
    """The image as contiguous float32, [H, W] or [H, W, 3] in [0, 1].

    Args:
        image: floats in [0, 1], or whole numbers whose type tells it: uint8 (255 is white), uint16 (65,535), bool.
        name: what to call it in a message.

    Raises:
        TypeError: whole numbers of another type, whose white value is not known, or no numbers.
        ValueError: another shape, NaN or infinite values, or floats outside [0, 1].

    Example:
        >>> check_image(np.full((2, 2), 255, np.uint8)).max()
        np.float32(1.0)
    """
    if isinstance(image, torch.Tensor):
        shape = tuple(image.shape)
        raise TypeError(f"{name}: got a tensor {shape}, expected an array [H, W] or [H, W, 3]; from_tensor() makes one")
    image = np.asarray(image)
    if image.dtype in (np.uint8, np.uint16, np.bool_):
        white = np.float32(1 if image.dtype == np.bool_ else np.iinfo(image.dtype).max)
    elif np.issubdtype(image.dtype, np.floating):
        white = None
    else:
        raise TypeError(
            f"{name}: got {image.dtype}, expected floats in [0, 1], uint8 or uint16; "
            "divide other numbers by their white value"
        )
    _check_shape(image.shape, name)
    if white is not None:
        return np.ascontiguousarray(image.astype(np.float32) / white)
    if not np.isfinite(image).all():
        raise ValueError(f"{name}: {np.count_nonzero(~np.isfinite(image))} values are NaN or infinite")
    if image.min() < 0 or image.max() > 1:
        raise ValueError(
            f"{name}: values run from {image.min():.4g} to {image.max():.4g}, expected [0, 1]; "
            "divide by the white value (255 for 8 bits) or window it first"
        )
    return np.ascontiguousarray(image, dtype=np.float32)


def _check_shape(shape, name):
    if len(shape) == 4 or (len(shape) == 3 and shape[-1] != 3 and shape[0] in (1, 3)):
        raise ValueError(f"{name}: got shape {shape}, expected [H, W] or [H, W, 3] (one image, channels last)")
    if len(shape) == 3 and shape[-1] == 4:
        raise ValueError(f"{name}: got shape {shape} with an alpha channel; pass image[..., :3]")
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[-1] != 3) or 0 in shape:
        raise ValueError(f"{name}: got shape {shape}, expected [H, W] or [H, W, 3]")


def check_batch(batch, name="batch", channels=None):
    """The tensor itself, if it is a batch of finite floats [N, C, H, W] in [0, 1], none of the sizes 0.

    Args:
        channels: how many there must be, or None.

    Raises:
        TypeError: no tensor, or not floating point. ValueError: another shape, NaN, or values outside [0, 1].
    """
    if not isinstance(batch, torch.Tensor) or not batch.is_floating_point():
        got = batch.dtype if isinstance(batch, torch.Tensor) else type(batch).__name__
        raise TypeError(f"{name}: got {got}, expected a floating-point tensor [N, C, H, W]; to_tensor() makes one")
    if batch.ndim != 4 or 0 in batch.shape or channels not in (None, batch.shape[1]):
        raise ValueError(f"{name}: got shape {tuple(batch.shape)}, expected [N, {channels or 'C'}, H, W]")
    if not torch.isfinite(batch).all():
        raise ValueError(f"{name}: {int((~torch.isfinite(batch)).sum())} values are NaN or infinite")
    low, high = batch.min().item(), batch.max().item()
    if low < 0 or high > 1:
        raise ValueError(f"{name}: values run from {low:.4g} to {high:.4g}, expected [0, 1]")
    return batch


def as_rgb(image):
    """Three channels: [H, W, 3] of an image; a grey one has its values three times."""
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)


def to_tensor(images):
    """A batch [N, C, H, W], float32, of one image or of a list of images of one shape; C is 1 or 3.

    Example:
        >>> to_tensor(np.zeros((4, 6, 3))).shape
        torch.Size([1, 3, 4, 6])
    """
    images = images if isinstance(images, (list, tuple)) else [images]
    arrays = [check_image(image) for image in images]
    if len({array.shape for array in arrays}) != 1:
        raise ValueError(f"images of one shape make a batch, got {sorted({array.shape for array in arrays})}")
    batch = torch.from_numpy(np.stack(arrays))
    return batch[:, None] if batch.ndim == 3 else batch.permute(0, 3, 1, 2).contiguous()


def from_tensor(tensor):
    """The image of a batch of one: float32 [H, W] or [H, W, 3] of a tensor [1, C, H, W] or [C, H, W], C = 1 or 3.

    Values are not clipped: what a network returns may lie outside [0, 1].
    """
    shape = tuple(tensor.shape)
    if len(shape) not in (3, 4) or shape[-3] not in (1, 3) or (len(shape) == 4 and shape[0] != 1):
        raise ValueError(f"tensor: got shape {shape}, expected [1, C, H, W] or [C, H, W] with 1 or 3 channels")
    array = tensor.detach().cpu().float().reshape(shape[-3:]).permute(1, 2, 0).numpy()
    return np.ascontiguousarray(array[..., 0] if shape[-3] == 1 else array)


def to_uint8(image):
    """Rounded to 8 bits, 0 to 255, after clipping to [0, 1]; of an array or a tensor."""
    if isinstance(image, torch.Tensor):
        return (image.detach().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _channels(image):
    """The three channels of an image [H, W, 3] or a tensor [..., 3, H, W], and a function that stacks channels."""
    tensor = isinstance(image, torch.Tensor)
    image = image if tensor else np.asarray(image)
    axis = -3 if tensor else -1
    if image.ndim < 3 or image.shape[axis] != 3:
        raise ValueError(f"image: got shape {tuple(image.shape)}, expected an array [H, W, 3] or a tensor [N, 3, H, W]")
    if tensor:
        return image.split(1, dim=-3), lambda parts: torch.cat(parts, dim=-3)
    return np.moveaxis(image, -1, 0), lambda parts: np.stack(parts, axis=-1)


def luma(image):
    """Luma of BT.601 in full range, .299 R + .587 G + .114 B in [0, 1], as JPEG has it: black is 0, white is 1.

    Args:
        image: an array [H, W, 3] or a tensor [N, 3, H, W].

    Returns:
        [H, W], or a tensor [N, 1, H, W].

    Example:
        >>> round(float(luma(np.array([[[1.0, 0.0, 0.0]]]))[0, 0]), 3)
        0.299
    """
    (red, green, blue), _ = _channels(image)
    # The weights sum to 1. In this form grey stays exactly what it is, and white does not exceed 1 by rounding.
    return green + LUMA_WEIGHTS[0] * (red - green) + LUMA_WEIGHTS[2] * (blue - green)


def limited_luma(image):
    """Luma of BT.601 in limited range: black is 16/255, white is 235/255. The learned codec's images are of this kind.

    Its peak in a PSNR stays 1 (255 of 8 bits), as in the codec's paper, although the values span 219/255 only. Layouts
    as in ``luma``; ``full_range`` undoes the scaling.
    """
    return limited_range(luma(image))


def limited_range(full):
    """Full-range luma, [0, 1], in limited range: [16/255, 235/255]."""
    return BLACK + (WHITE - BLACK) * full


def full_range(limited):
    """Limited-range luma in full range: 16/255 becomes 0 and 235/255 becomes 1; what lies outside stays outside."""
    return (limited - BLACK) / (WHITE - BLACK)


def ycbcr(image):
    """Luma and the two colour differences in full range, each in [0, 1]; grey has Cb = Cr = 0.5.

    JPEG's own 8 bits put grey at 128, half a step higher. Layouts as in ``luma``, three channels in and out.
    """
    (red, _, blue), stack = _channels(image)
    y = luma(image)
    return stack([y, 0.5 + (blue - y) / (2 - 2 * LUMA_WEIGHTS[2]), 0.5 + (red - y) / (2 - 2 * LUMA_WEIGHTS[0])])


def rgb(image):
    """Red, green and blue of full-range ``ycbcr``; the inverse. Values are not clipped."""
    (y, cb, cr), stack = _channels(image)
    red = y + (2 - 2 * LUMA_WEIGHTS[0]) * (cr - 0.5)
    blue = y + (2 - 2 * LUMA_WEIGHTS[2]) * (cb - 0.5)
    return stack([red, (y - LUMA_WEIGHTS[0] * red - LUMA_WEIGHTS[2] * blue) / LUMA_WEIGHTS[1], blue])
