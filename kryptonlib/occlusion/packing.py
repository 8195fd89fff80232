"""Convolutions whose weights are brought into oneDNN's order once instead of at every call.

A window is small, so reordering the weights for each batch would cost VGG16 as much as one more position per batch.
torch's compiler calls ``mkldnn::_convolution_pointwise`` for this; it is no public function, so it is tried once and
compared with ``conv2d``, and where it is missing or different, ``conv2d`` is used throughout.
"""

import functools

import torch
import torch.nn.functional as F


class Convolution:
    """A convolution for patches that hold their context.

    Once its weights are packed it lets go of them as they were: fresh memory for both takes an operating system longer
    than packing them. Where they are needed after all, the packed ones give them back.

    Args:
        weight: [C_out, C_in / groups, H_k, W_k].
        bias: [C_out] or None.
        dilation: (rows, columns).
        groups: as for ``conv2d``.

    Attributes:
        part: a module that nobody calls any more and that has to let go of the same weights, or None.
    """

    def __init__(self, weight, bias, dilation, groups):
        self.weight, self.bias, self.groups = weight, bias, groups
        self.dilation = list(dilation)
        self.packed = self.form = self.part = None
        # oneDNN's order depends on the patch. Blocks of 32 and 64 channels are quickly brought into each other, but
        # blocks of 48, which other numbers of channels may get, at times take longer than the convolution.
        self.odd = len(weight) & (len(weight) - 1) > 0

    def __call__(self, patch, strides, padding):
        """The outputs of ``patch`` [n, C, h, w].

        Args:
            patch: what the kernel reads; zeros beyond the border too, except along an axis with a ``padding``.
            strides: (1, 1) where the patch holds only what is read.
            padding: (rows, columns), the layer's own along an axis that is computed whole: oneDNN does not multiply
                by it, as it would by zeros.
        """
        strides, padding = list(strides), list(padding)
        if not self._packs(patch, strides, padding):
            return F.conv2d(patch, self._plain(), self.bias, strides, padding, self.dilation, self.groups)
        return _packed_convolution(patch, self.packed, self.bias, strides, padding, self.dilation)

    def added(self, change, before, padding, rectify):
        """``before`` plus what a change of the input adds to it, rectified or not; ``before`` may be overwritten.

        Args:
            change: [n, C, h, w], zero around.
            before: what the convolution gave without it, the bias included, for the outputs that ``padding`` leads to.
            padding: (rows, columns) of zeros around the change, stride 1.
        """
        padding = list(padding)
        if not self._packs(change, [1, 1], padding):
            result = F.conv2d(change, self._plain(), None, 1, padding, self.dilation).add_(before)
            return result.relu_() if rectify else result
        return _packed_addition(before, change, self.packed, padding, self.dilation, rectify)

    def _plain(self):
        """The weights in their own order."""
        return self.packed.to_dense() if self.weight is None else self.weight

    def _packs(self, patch, strides, padding):
        """False where torch's own convolution is to be taken; else the weights are packed once this returns."""
        usable = patch.device.type == "cpu" and patch.dtype == torch.float32 and self.groups == 1
        # The operator has no gradient.
        if not usable or patch.requires_grad or not available():
            return False
        form = patch.shape[2:], strides, padding
        if self.packed is None or (self.odd and form != self.form):
            self.packed, self.form = _pack(self.weight, padding, strides, self.dilation, patch.shape), form
            if not self.odd:
                self.weight = None
                if self.part is not None:
                    self.part.weight = None
        return True


@functools.cache
def available():
    """True where the packed convolution exists and gives what ``conv2d`` gives, channels last."""
    last = torch.channels_last
    generator = torch.Generator().manual_seed(0)
    patch = torch.rand(2, 16, 5, 6, generator=generator).contiguous(memory_format=last)
    weight = torch.rand(32, 16, 3, 3, generator=generator).contiguous(memory_format=last)
    try:
        with torch.inference_mode():
            packed = _pack(weight, [1, 0], [1, 1], [1, 1], patch.shape)
            got = _packed_convolution(patch, packed, None, [1, 1], [1, 0], [1, 1])
            expected = F.conv2d(patch, weight, padding=(1, 0))
            sums = _packed_addition(-got, 2 * patch, packed, [1, 0], [1, 1], True)
            return (
                got.is_contiguous(memory_format=last)
                and torch.allclose(got, expected, rtol=1e-4)
                and torch.allclose(sums, F.relu(expected), rtol=1e-4, atol=1e-5)
            )
    except (AttributeError, RuntimeError, NotImplementedError):
        return False


def _pack(weight, padding, strides, dilation, shape):
    return torch.ops.mkldnn._reorder_convolution_weight(weight, padding, strides, dilation, 1, list(shape))


def _packed_convolution(patch, packed, bias, strides, padding, dilation):
    return torch.ops.mkldnn._convolution_pointwise(patch, packed, bias, padding, strides, dilation, 1, "none", [], "")


def _packed_addition(before, change, packed, padding, dilation, rectify):
    last = "relu" if rectify else None
    return torch.ops.mkldnn._convolution_pointwise_.binary(
        before, change, packed, None, padding, [1, 1], dilation, 1, "add", None, last, [], None
    )
