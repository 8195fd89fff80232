"""What the codec knows of latents before it sees an image: mean maps, probabilities and the order of maps, counted on
photos that are none of the test's."""

import numpy as np
import torch

from kryptonlib.compression import binarization
from kryptonlib.compression.quantization import BETAS, exceptional_map, mean_maps, quantize


@torch.no_grad()
def count(net, images, centred):
    """Tables of a trained network.

    Args:
        net: :class:`kryptonlib.compression.autoencoder.Autoencoder`.
        images: list of luma tensors [1, 1, H, W] in [0, 255], of the extra set.
        centred: subtract the maps' means before rounding (the paper's cases 2 and 3; not case 1).

    Returns:
        Name -> tensor, to be stored beside the weights: "means" [maps] float32, "probabilities" int32 [betas, maps, 10]
        (``binarization``), "exceptional" int64: the DC-like map.
    """
    means = mean_maps(net.encode, images) if centred else torch.zeros(net.maps)
    latents = [net.encode(image).cpu() for image in images]
    steps = net.steps.detach().cpu()
    tables = []
    for beta in BETAS:
        symbols = [quantize(some, beta * steps, means)[1][0].flatten(1) for some in latents]
        tables.append(binarization.count_probabilities(torch.cat(symbols, 1).numpy()).astype(np.int32))
    flat = torch.cat([some.flatten(2) for some in latents], 2)[..., None]
    index, _ = exceptional_map(flat)
    return {
        "means": means.float(),
        "probabilities": torch.from_numpy(np.stack(tables)),
        "exceptional": torch.tensor(index),
    }
