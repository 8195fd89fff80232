"""Separable filters with any taps along rows and columns, fast and differentiable on a CPU.

The windows of SSIM and all filters of FLIP are products of a filter along the rows and one along the columns. Grouped
convolutions are slow for them on a CPU. Two ways are used instead, whichever costs less:

- a product with a banded matrix, for images of up to ``DENSE`` pixels a side (crops in training), and on a GPU;
- a weighted sum of shifted copies, added in place, for larger ones. Its gradient is the same sum of the gradient,
  shifted back, and nothing is kept for it.
"""

import functools

import torch

DENSE = 128
"""Longest side in pixels for which the product with a banded matrix is the cheaper way on a CPU."""


def separable(x, down, across):
    """Correlate images with the filter down[i] * across[j], where it fits in whole.

        out[.., r, c] = sum_ij down[i] across[j] x[.., r + i, c + j]

    Args:
        x: [..., H, W], float32 or float64.
        down, across: the taps along the rows' and the columns' axis, sequences of numbers, no longer than H and W.

    Returns:
        [..., H - len(down) + 1, W - len(across) + 1].

    Example:
        >>> separable(torch.arange(12.0).view(3, 4), [0.5, 0.5], [1.0, 0.0])
        tensor([[2., 3., 4.],
                [6., 7., 8.]])
    """
    return along(along(x, across, -1), down, -2)


def along(x, taps, axis):
    """Correlate with ``taps`` along one of the last two axes (-1 or -2), where they fit in whole."""
    taps = tuple(float(tap) for tap in taps)
    if x.shape[axis] < len(taps):
        raise ValueError(f"a filter of {len(taps)} taps does not fit into {x.shape[axis]} pixels")
    if x.is_cuda or x.shape[axis] <= DENSE:
        band = _band(x.shape[axis], taps, x.dtype, x.device)
        return x @ band if axis == -1 else band.mT @ x
    return _Shifts.apply(x, taps, axis)


@functools.lru_cache(maxsize=64)
def _band(size, taps, dtype, device):
    """The matrix [size, size - len(taps) + 1] whose product with a row is that row's correlation with ``taps``."""
    # What is kept must serve gradients later, even if it was first asked for within inference_mode.
    with torch.inference_mode(False):
        band = torch.zeros(size, size - len(taps) + 1, dtype=dtype, device=device)
        for place, tap in enumerate(taps):
            band.diagonal(-place).fill_(tap)
        return band


class _Shifts(torch.autograd.Function):
    """sum_k taps[k] * (x shifted back by k)."""

    @staticmethod
    def forward(ctx, x, taps, axis):
        ctx.taps, ctx.axis, ctx.size = taps, axis, x.shape[axis]
        length = x.shape[axis] - len(taps) + 1
        out = x.narrow(axis, 0, length) * taps[0]
        for place, tap in enumerate(taps[1:], 1):
            out.add_(x.narrow(axis, place, length), alpha=tap)
        return out

    @staticmethod
    def backward(ctx, gradient):
        shape = list(gradient.shape)
        length, shape[ctx.axis] = shape[ctx.axis], ctx.size
        out = gradient.new_zeros(shape)
        for place, tap in enumerate(ctx.taps):
            out.narrow(ctx.axis, place, length).add_(gradient, alpha=tap)
        return out, None, None
