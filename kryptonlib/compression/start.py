"""First weights of the autoencoder, computed from images: a nested block transform that keeps lengths.

From random weights a codec needs a million steps. But stride 16 on blocks is a transform that image coding has
known for long, and it can be written into the kernels' middles: a 4 x 4 DCT (16 maps), then the Karhunen-Loève transform
(KLT, principal components) of 2 x 2 places of these (64 maps), then that of 2 x 2 places of those, of which the first m
are kept. Every stage is orthonormal, so the decoder is the transpose. Training starts as good as a 16 x 16 block transform
and learns what overlap and divisive normalisation add.

Maps beyond the transform's 16 and 64 get small random filters that nothing reads at first.
"""

import math

import numpy as np
import torch
from scipy.fft import dct

from kryptonlib.compression.autoencoder import UNIT, Autoencoder

DETAIL, COARSE = 16, 64
"""Maps of the first and the second stage that carry the transform."""


def block_transform(net, patches, seed=0):
    """Write the nested transform into a network, in place.

    Args:
        net: :class:`Autoencoder` with at most 256 maps and hidden layers of at least 16 and 64.
        patches: luma of training photos, tensor [N, 1, H, W] in [0, 255], H and W multiples of 16; some hundred
            patches of 128 x 128 do.
        seed: of the random filters.

    Returns:
        Tensor [maps]: the latents' standard deviations, in units of the step 1.

    Raises:
        ValueError: too few maps for the transform, or patches of another shape.
    """
    first, second, third = (net.encoder[i] for i in (0, 2, 4))
    sizes = first.weight.shape[0], second.weight.shape[0], third.weight.shape[0]
    if sizes[0] < DETAIL or sizes[1] < COARSE or sizes[2] > 4 * COARSE:
        raise ValueError(f"block_transform() got {sizes} maps; expected at least 16, at least 64 and at most 256")
    if patches.ndim != 4 or patches.shape[1] != 1 or any(length % 16 for length in patches.shape[2:]):
        raise ValueError(f"block_transform() got patches {tuple(patches.shape)}; expected [N, 1, H, W], multiples of 16")
    random = torch.Generator().manual_seed(seed)
    images = ((patches - 128) / UNIT).double()
    detail, first_taps = _transformed(images, _dct_taps())
    coarse, second_taps = _transformed(detail, _klt_taps(detail, COARSE))
    latents, third_taps = _transformed(coarse, _klt_taps(coarse, net.maps))
    spreads = [_spread(maps) for maps in (detail, coarse, latents)]
    with torch.no_grad():
        # Maps are brought to the size 1, and the layer that reads them takes the factor back.
        _set_stage(first, net.decoder[-1], first_taps, torch.ones(1), spreads[0], random)
        _set_stage(second, net.decoder[-3], second_taps, spreads[0], spreads[1], random)
        _set_stage(third, net.decoder[-5], third_taps, spreads[1], torch.ones(net.maps), random)
        if net.normalized:
            for normalization in (net.encoder[-1], net.decoder[0]):
                normalization.scale.copy_(spreads[2])
    return spreads[2]


def _transformed(maps, taps):
    """(maps after the transform, the taps) of taps [out, in, b, b] on blocks of b x b places."""
    size = taps.shape[-1]
    return torch.nn.functional.conv2d(maps, taps, stride=size), taps


def _dct_taps():
    """The orthonormal DCT of 4 x 4 pixels as filters [16, 1, 4, 4], by rising frequency."""
    basis = torch.from_numpy(dct(np.eye(4), axis=0, norm="ortho"))
    products = torch.einsum("ay,bx->abyx", basis, basis)
    order = sorted(range(16), key=lambda n: (n // 4 + n % 4, n))
    return products.reshape(16, 1, 4, 4)[order]


def _klt_taps(maps, kept):
    """The first ``kept`` principal components of 2 x 2 places of maps [N, C, h, w], as filters [kept, C, 2, 2]."""
    count, channels, height, width = maps.shape
    blocks = maps.reshape(count, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(-1, 4 * channels)
    _, vectors = torch.linalg.eigh(blocks.T @ blocks / len(blocks))
    components = vectors.T.flip(0)[:kept]
    # The sign of a component is arbitrary; a positive sum makes it the same everywhere.
    components = components * torch.where(components.sum(1, keepdim=True) < 0, -1.0, 1.0)
    return components.reshape(kept, channels, 2, 2)


def _spread(maps):
    """Root mean square of each map, at least 0.01 so that it can be divided by."""
    return maps.square().mean((0, 2, 3)).sqrt().clamp_min(1e-2).float()


def _set_stage(forward, backward, taps, before, after, random):
    """Write taps [out, in, b, b] into a layer and its transpose, for maps of size ``before`` that are made 1, ``after``
    to 1; further maps get random filters of the size 1 that the next layer does not read."""
    outputs, inputs, size, _ = taps.shape
    taps = taps.float()
    middle = slice(forward.padding, forward.padding + size)
    for layer in (forward, backward):
        layer.weight.zero_()
        if layer.bias is not None:
            layer.bias.zero_()
    forward.weight[:outputs, :inputs, middle, middle] = taps * before[:, None, None] / after[:, None, None, None]
    backward.weight[:outputs, :inputs, middle, middle] = taps / before[:, None, None] * after[:, None, None, None]
    extra = forward.weight[outputs:, :inputs]
    extra.copy_(torch.randn(extra.shape, generator=random) / math.sqrt(max(1, extra[:1].numel())))
    extra = backward.weight[:, inputs:]
    extra.copy_(torch.randn(extra.shape, generator=random) / math.sqrt(max(1, backward.weight[:, :1].numel())))


def rescale_latents(net, factor):
    """Make all latents of a trained network smaller by ``factor``, in place: the same codec at a coarser step.

    Step 1 then does what the step ``factor`` did, so a network for a higher gamma starts where the one for 10000
    is at its best step for that gamma, factor = sqrt(gamma / 10000).

    Args:
        net: :class:`Autoencoder` with its normalisations.
        factor: positive.
    """
    if not isinstance(net, Autoencoder) or not net.normalized:
        raise ValueError("rescale_latents() expected an Autoencoder with normalized=True")
    if not factor > 0:
        raise ValueError(f"rescale_latents() got factor={factor!r}; expected a positive number")
    gdn, igdn = net.encoder[-1], net.decoder[0]
    with torch.no_grad():
        # y / f = x / sqrt(f^2 beta + f^2 gamma ...); behind, y * f must come out, and the energies be the same.
        gdn.beta.mul_(factor**2)
        gdn.gamma.mul_(factor**2)
        igdn.beta.mul_(factor**2)
        igdn.gamma.mul_(factor**2)
        igdn.scale.div_(factor)


