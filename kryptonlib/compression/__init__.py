"""Learned image compression: a transform learned once, quantised with any step (Dumas, Roumy and Guillemot, 2018).

    from kryptonlib import compression

    codec = compression.Codec.load("codec-10000")
    data = codec.encode(luma, beta=2.0)               # uint8 [H, W] -> bytes
    codec.decode(data)                                # uint8 [H, W]

The rooms: ``gdn`` (divisive normalisation), ``autoencoder`` (the transform), ``start`` (its first weights, computed
from images), ``density`` (what the rate is estimated with), ``quantization`` (rounding, and what replaces it in training),
``coding_tables``, ``binarization`` and ``context`` with ``context_coding`` (two lossless coders), ``bitstream`` (files),
``codec``, ``rate_distortion`` (measuring, and other coders to compare with), ``step_sweep`` and ``three_cases`` (one
transform at many steps, and the paper's comparison), ``scalar`` (quantizers of one Laplace coefficient), ``gaps`` (files
beside the entropy) and ``latents`` (looking inside). Images are 8-bit luma.
"""

from kryptonlib.compression.bitstream import FormatError
from kryptonlib.compression.codec import Codec, names
from kryptonlib.compression.quantization import BETAS

__all__ = ["BETAS", "Codec", "FormatError", "names"]
