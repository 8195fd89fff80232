"""Learned image compression: a transform learned once, quantised with any step (Dumas, Roumy and Guillemot, 2018).

The rooms: ``gdn`` (divisive normalisation), ``autoencoder`` (the transform), ``start`` (its first weights, computed
from images), ``density`` (what the rate is estimated with) and ``quantization`` (rounding, and what replaces it in
training). Images are 8-bit luma: float32 [N, 1, H, W] in [0, 255].
"""
