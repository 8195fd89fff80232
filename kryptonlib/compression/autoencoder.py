"""The paper's transform: three strided convolutions with GDN, and their mirror image.

Dumas, Roumy and Guillemot, "Autoencoder based image compression: can the learning be quantization independent?",
2018, section 3: kernels 9x9, 5x5, 5x5 with strides 4, 2, 2 (16 in all), m = 128 maps everywhere. Cases 1 and 3 have one
more GDN after the encoder and one more IGDN before the decoder (33,024 parameters); case 2 learns a step size per
map instead (128).

A strided convolution is computed as an ordinary one on an image whose blocks of stride x stride pixels were laid into
channels, its transpose as an ordinary one whose channels are laid out into blocks: the same sums, 1.3 to 5 times as
fast on a CPU.
"""

import torch
from torch import nn
from torch.nn import functional

from kryptonlib.compression.gdn import GDN

STRIDE = 16
"""Pixels of the image per coefficient of a map, along each axis."""
UNIT = 18.4
"""Grey levels per unit of the network's input. With a quadratic distortion D = step^2 / 12 and the rate falling by one
bit per coefficient when the step doubles, D + gamma / 256 R per pixel is least at step^2 = 6 gamma / (256 ln 2); for the
paper's gamma of 10000 that is 18.4. In these units a first transform that keeps lengths wants the step 1."""
STEPS = (0.8, 4.0)
"""Range of a learned step size (the paper's training code)."""


class StridedConvolution(nn.Module):
    """Convolution with stride s, k x k weights [out, in, k, k] and padding, [N, in, H, W] -> [N, out, H/s, W/s].

    Output o covers the inputs s o - padding to s o - padding + k - 1 of each axis; the block s o to s o + s - 1 lies in the
    kernel's middle.
    """

    def __init__(self, inputs, outputs, kernel, stride, padding):
        super().__init__()
        self.stride, self.padding = stride, padding
        # Laid out so that what forward() copies are whole rows of inputs; a permuted view has the usual axes.
        self.weight = nn.Parameter(torch.zeros(outputs, kernel, kernel, inputs).permute(0, 3, 1, 2))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        """As ``functional.conv2d(x, weight, bias, stride, padding)``, for H and W that are multiples of the stride."""
        s = self.stride
        blocks = _in_blocks(self.weight.permute(2, 3, 0, 1), s, self.padding)
        weight = blocks.permute(4, 0, 2, 1, 3, 5).flatten(3).permute(0, 3, 1, 2)
        rows = x.permute(0, 2, 3, 1).unflatten(1, (-1, s)).unflatten(3, (-1, s))
        x = rows.permute(0, 1, 3, 2, 4, 5).flatten(3).permute(0, 3, 1, 2)
        return functional.conv2d(x, weight, self.bias, padding=1)


class TransposedConvolution(nn.Module):
    """Transpose of ``StridedConvolution``: weights [in, out, k, k], [N, in, h, w] -> [N, out, s h, s w]."""

    def __init__(self, inputs, outputs, kernel, stride, padding, bias=True):
        super().__init__()
        self.stride, self.padding = stride, padding
        self.weight = nn.Parameter(torch.zeros(kernel, kernel, outputs, inputs).permute(3, 2, 0, 1))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x):
        """As ``functional.conv_transpose2d(x, weight, bias, stride, padding, output_padding=...)`` of size s h, s w."""
        s = self.stride
        blocks = _in_blocks(self.weight.permute(2, 3, 1, 0), s, self.padding)
        # The transpose reads its inputs in the opposite order.
        weight = blocks.flip(0, 2).permute(1, 3, 4, 0, 2, 5).flatten(0, 2).permute(0, 3, 1, 2)
        y = functional.conv2d(x, weight, padding=1).permute(0, 2, 3, 1).unflatten(3, (s, s, -1))
        y = y.permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(1, 2)
        return (y if self.bias is None else y + self.bias).permute(0, 3, 1, 2)


def _in_blocks(taps, stride, padding):
    """Kernel taps [k, k, a, b] as [3, s, 3, s, a, b], zeros added: tap = block * s + place, shifted so that block 1 is the
    one that the output stands for."""
    before = -padding % stride
    after = 3 * stride - before - taps.shape[0]
    filled = functional.pad(taps, (0, 0, 0, 0, before, after, before, after))
    return filled.unflatten(0, (3, stride)).unflatten(2, (3, stride))


class Autoencoder(nn.Module):
    """The transform g_e and its approximate inverse g_d, for one luma channel.

    Args:
        maps: m, the number of latent maps.
        hidden: maps of the first and the second layer; None takes ``maps`` for both, as the paper does.
        normalized: one more GDN after g_e and one more IGDN before g_d (cases 1 and 3).
        learned_steps: make ``steps`` a parameter (case 2); without it, it is 1 and fixed.

    Attributes:
        encoder, decoder: the two halves, in units of ``UNIT`` grey levels around 128.
        steps: tensor [maps], the quantization step sizes in training.

    Example:
        >>> net = Autoencoder()
        >>> sum(p.numel() for p in net.parameters())
        1758848
        >>> net.encode(torch.full((1, 1, 30, 50), 128.0)).shape
        torch.Size([1, 128, 2, 4])
    """

    def __init__(self, maps=128, *, hidden=None, normalized=True, learned_steps=False):
        super().__init__()
        first, second = (maps, maps) if hidden is None else hidden
        self.maps = maps
        ends = [GDN(maps)] if normalized else []
        begins = [GDN(maps, inverse=True)] if normalized else []
        self.encoder = nn.Sequential(
            StridedConvolution(1, first, 9, 4, 3),
            GDN(first),
            StridedConvolution(first, second, 5, 2, 2),
            GDN(second),
            StridedConvolution(second, maps, 5, 2, 2),
            *ends,
        )
        self.decoder = nn.Sequential(
            *begins,
            TransposedConvolution(maps, second, 5, 2, 2),
            GDN(second, inverse=True),
            TransposedConvolution(second, first, 5, 2, 2),
            GDN(first, inverse=True),
            # A bias of all pixels is what the coefficients of the first map are for.
            TransposedConvolution(first, 1, 9, 4, 3, bias=False),
        )
        steps = torch.ones(maps)
        if learned_steps:
            self.steps = nn.Parameter(steps)
        else:
            self.register_buffer("steps", steps)

    @property
    def normalized(self):
        """Whether a GDN ends the encoder."""
        return isinstance(self.encoder[-1], GDN)

    def encode(self, luma):
        """Latents of images.

        Args:
            luma: tensor [N, 1, H, W], 0 to 255. Sides that are no multiple of 16 are continued by their last row and
                column.

        Returns:
            Tensor [N, maps, ceil(H / 16), ceil(W / 16)].

        Raises:
            ValueError: another shape.
        """
        if luma.ndim != 4 or luma.shape[1] != 1 or 0 in luma.shape:
            raise ValueError(f"encode() got a tensor {tuple(luma.shape)}; expected luma [N, 1, H, W]")
        missing = [-length % STRIDE for length in luma.shape[2:]]
        if any(missing):
            luma = functional.pad(luma, (0, missing[1], 0, missing[0]), mode="replicate")
        return self.encoder((luma - 128) / UNIT)

    def decode(self, latents, size=None):
        """Images of latents, not clipped.

        Args:
            latents: tensor [N, maps, h, w].
            size: (H, W) to cut to; None keeps 16 h x 16 w.

        Raises:
            ValueError: another number of maps, or a size that does not belong to h and w.
        """
        if latents.ndim != 4 or latents.shape[1] != self.maps:
            raise ValueError(f"decode() got latents {tuple(latents.shape)}; expected [N, {self.maps}, h, w]")
        height, width = (STRIDE * length for length in latents.shape[2:]) if size is None else size
        if [-(-height // STRIDE), -(-width // STRIDE)] != list(latents.shape[2:]):
            raise ValueError(f"decode() got the size {height}x{width} for latents of {tuple(latents.shape[2:])}")
        return (self.decoder(latents) * UNIT + 128)[:, :, :height, :width]

    @torch.no_grad()
    def project(self):
        """Bring GDN's parameters and learned step sizes back into their ranges, after a step of the optimizer."""
        for module in self.modules():
            if isinstance(module, GDN):
                module.project()
        if isinstance(self.steps, nn.Parameter):
            self.steps.clamp_(*STEPS)
