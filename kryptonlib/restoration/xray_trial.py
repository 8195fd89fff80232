"""Compare denoisers on X-rays with hybrid noise: all of them blind, all on the same noisy images.

A method is a function from a noisy image to a restored one, both [H, W] in grey levels of 8 bits. Networks are given
nothing else. Classical methods are given what ``noise_level.estimate`` finds in the image itself, and work in the
domain of ``stabilisation``.
"""

import time
from functools import partial

import numpy as np
import torch

from kryptonlib import datasets, images, losses, restoration
from kryptonlib.choices import check_choice
from kryptonlib.restoration import classical, noise, noise_level, published, stabilisation

NETWORKS = {
    "xray-bdcnn": "X-BDCNN",
    "xray-bdcnn-no-nle": "X-BDCNN w/o NLE",
    "xray-bdcnn-no-ssim": "X-BDCNN w/o SSIM",
    "xray-dncnn": "DnCNN",
    "xray-recnn": "plain residual CNN",
    "xray-bdcnn-seed1": "X-BDCNN, second seed",
    "xray-dncnn-seed1": "DnCNN, second seed",
}
"""Checkpoints, and what tables call them."""
STRENGTHS = {"total-variation": 1.4, "non-local-means": 0.7, "bm3d": None, "bm3d-package": None}
"""Of the classical methods, each tried from 0.6 to 3 (total variation) and 0.5 to 1 on training X-rays of ChestX-ray8
for the highest PSNR; BM3D has no strength besides the noise."""
LABELS = {
    "noisy": "noisy",
    "total-variation": "total variation",
    "non-local-means": "non-local means",
    "bm3d": "BM3D",
    "bm3d-package": "BM3D, authors' package",
    **NETWORKS,
}
"""What tables and figures call the methods."""
LARGE = 1100
"""X-rays with more pixels on their longer side are halved."""
COLUMNS = ("SNR", "PSNR", "SSIM", "seconds")
IN_PAPER = {
    "noisy": "noisy",
    "bm3d": "BM3D",
    "bm3d-package": "BM3D",
    "xray-dncnn": "DnCNN",
    "xray-recnn": "X-ReCNN",
    "xray-bdcnn": "X-BDCNN",
    "xray-bdcnn-no-ssim": "X-BDCNN w/o SSIM",
    "xray-bdcnn-no-nle": "X-BDCNN w/o NLE",
}
"""The rows of ``published.TABLE_1`` that belong to the methods."""


def methods(names):
    """Name -> function (noisy [H, W] in [0, 255]) -> restored [H, W] in [0, 255].

    Args:
        names: keys of ``NETWORKS`` and ``STRENGTHS``; "noisy" does nothing.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> methods(["noisy"])["noisy"](np.ones((2, 2)))[0, 0]
        np.float64(1.0)
    """
    known = ["noisy", *NETWORKS, *STRENGTHS]
    found = {}
    for name in names:
        check_choice("method", name, known)
        if name == "noisy":
            found[name] = lambda noisy: noisy
        elif name in NETWORKS:
            found[name] = partial(_by_network, restoration.load(name))
        else:
            strength = STRENGTHS[name]
            settings = {} if strength is None else {"strength": strength}
            found[name] = partial(_by_classic, partial(classical.METHODS[name], **settings))
    return found


def _by_network(restorer, noisy):
    return 255 * restorer(np.asarray(noisy, dtype=np.float32) / 255)


def _by_classic(denoise, noisy):
    level = noise_level.estimate(noisy)
    # Without photon noise the transform would be a line; a large eta makes it one.
    return stabilisation.stabilised(denoise, noisy, min(level.eta, 100.0), max(level.sigma, 0.1))


def xrays(folder, names, side, most):
    """Middles of X-rays to test on: of a folder of ChestX-ray8 (some of its images are enough), or of samples.

    Larger ones are halved first, which brings them near the 1,024 pixels of ChestX-ray8.

    Args:
        folder: the reader's own, or "". names: of samples, taken where there is no folder.
        side: in pixels. most: how many X-rays at most.
    """
    found = datasets.images_of(folder, partial(datasets.chest_xray8, partial_download=True), names)[:most]
    greys = [one.image if one.image.ndim == 2 else images.luma(one.image) for one in found]
    return [middle(halved(grey) if max(grey.shape) > LARGE else grey, side) for grey in greys]


def middle(image, side):
    """The middle of an image [H, W] in [0, 1] as grey levels: [side, side] in [0, 255]."""
    if min(image.shape) < side:
        raise ValueError(f"middle: the image is {image.shape[0]}x{image.shape[1]}, smaller than {side}x{side}")
    top, left = ((length - side) // 2 for length in image.shape)
    return 255 * image[top : top + side, left : left + side]


def halved(grey):
    """An image [H, W] of half the size, each pixel the mean of four; odd last rows and columns are left out."""
    height, width = (length // 2 for length in grey.shape)
    return grey[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3))


def scores(restored, clean):
    """(SNR in dB, PSNR in dB, SSIM) of a restored image; SNR = 10 log10(sum g^2 / sum (restored - g)^2).

    Both images [H, W] in [0, 255]; PSNR with a peak of 255, SSIM with the Gaussian window of 11x11.
    """
    x, y = (torch.from_numpy(np.asarray(image, dtype=np.float32) / 255)[None, None] for image in (restored, clean))
    snr = -10 * torch.log10(losses.nmse(x, y))
    return snr.item(), losses.psnr(x, y, data_range=1.0).item(), losses.ssim(x, y, data_range=1.0).item()


def compare(methods, images, levels, *, seed=0):
    """Put noise on every image and judge every method on it.

    Args:
        methods: name -> function, as :func:`methods` gives them.
        images: clean ones [H, W] in [0, 255].
        levels: a pair (eta, sigma) for each image.
        seed: of the noise of the first image; the others count on from it.

    Returns:
        Name -> float array [images, 4] of SNR, PSNR, SSIM and seconds, as ``COLUMNS``.

    Example:
        >>> compare(methods(["noisy"]), [np.full((32, 32), 99.0)], [(0.4, 5)])["noisy"].shape
        (1, 4)
    """
    images, levels = list(images), list(levels)
    if len(images) != len(levels):
        raise ValueError(f"compare: got {len(images)} images and {len(levels)} noise levels; each image needs one")
    rows = {name: [] for name in methods}
    for number, (clean, (eta, sigma)) in enumerate(zip(images, levels)):
        noisy = noise.hybrid(clean, eta, sigma, seed=seed + number)
        for name, method in methods.items():
            start = time.perf_counter()
            restored = method(noisy)
            spent = time.perf_counter() - start
            rows[name].append((*scores(restored, clean), spent))
    return {name: np.array(found) for name, found in rows.items()}


def as_table(found):
    """What :func:`compare` found, as a Markdown table of the means beside the paper's Table I."""
    heading = "| method | SNR (dB) | PSNR (dB) | SSIM | seconds an image | PSNR, paper | SSIM, paper |"
    lines = [heading, "|-|-|-|-|-|-|-|"]
    for name, values in found.items():
        snr, psnr, ssim, seconds = values.mean(0)
        _, decibels, similarity = published.TABLE_1.get(IN_PAPER.get(name), ("", "", ""))
        measured = f"{snr:.2f} | {psnr:.2f} | {ssim:.3f} | {seconds:.2g}"
        lines.append(f"| {LABELS.get(name, name)} | {measured} | {decibels} | {similarity} |")
    return "\n".join(lines)


def estimates(network, images, levels, *, seed=0):
    """(eta, sigma) of every image at every level: true, by a network's sub-network, by ``noise_level``; [n, 2] each.

    Args:
        network: an ``XBDCNN`` that estimates. images: [H, W] in [0, 255]. levels: pairs (eta, sigma).
    """
    rows = []
    for number, (eta, sigma) in enumerate(levels):
        for place, clean in enumerate(images):
            noisy = noise.hybrid(clean, eta, sigma, seed=seed + 100 * number + place)
            own = [float(level) for level in noise.levels_of_maps(level_maps(network, noisy))]
            rows.append(((eta, sigma), own, noise_level.estimate(noisy)[:2]))
    return np.array(rows, dtype=np.float64).transpose(1, 0, 2)


def level_maps(network, noisy):
    """What a network's sub-network says of a noisy image [H, W] in [0, 255]: tensor [1, 2, h, w], shares of white."""
    with torch.no_grad():
        return network.both(torch.from_numpy(np.asarray(noisy, dtype=np.float32) / 255)[None, None])[1]


def surfaces(methods, images, etas, sigmas, *, seed=0):
    """PSNR over the noise: name -> array [etas, sigmas, images], the same noisy images for all.

    Args:
        etas, sigmas: the levels of the two axes.
        methods, images, seed: as in :func:`compare`.
    """
    cells = [(eta, sigma) for eta in etas for sigma in sigmas]
    found = {name: [] for name in methods}
    for number, cell in enumerate(cells):
        told = compare(methods, images, [cell] * len(images), seed=seed + 1000 * number)
        for name in methods:
            found[name].append(told[name][:, 1])
    return {name: np.array(rows).reshape(len(etas), len(sigmas), -1) for name, rows in found.items()}
