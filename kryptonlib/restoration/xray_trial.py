"""Compare denoisers on X-rays with hybrid noise: all of them blind, all on the same noisy images.

A method is a function from a noisy image to a restored one, both [H, W] in grey levels of 8 bits. Networks are given
nothing else. Classical methods are given what ``noise_level.estimate`` finds in the image itself, and work in the
domain of ``stabilisation``; "bm3d-one-level" does without that domain and takes the mean variance for all grey levels.
"""

import time
from functools import partial

import numpy as np
import torch

from kryptonlib import datasets, images, losses, restoration
from kryptonlib.choices import check_choice
from kryptonlib.losses import blind
from kryptonlib.restoration import classical, denoisers, noise, noise_level, published, stabilisation

NETWORKS = {
    "xray-bdcnn": "X-BDCNN",
    "xray-bdcnn-no-nle": "X-BDCNN w/o NLE",
    "xray-bdcnn-no-ssim": "X-BDCNN w/o SSIM",
    "xray-dncnn": "DnCNN",
    "xray-recnn": "plain CNN",
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
    "bm3d-one-level": "BM3D, one noise level",
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
        names: keys of ``NETWORKS`` and ``STRENGTHS``; "bm3d-one-level"; "noisy" does nothing.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> methods(["noisy"])["noisy"](np.ones((2, 2)))[0, 0]
        np.float64(1.0)
    """
    known = ["noisy", *NETWORKS, *STRENGTHS, "bm3d-one-level"]
    found = {}
    for name in names:
        check_choice("method", name, known)
        if name == "noisy":
            found[name] = lambda noisy: noisy
        elif name in NETWORKS:
            found[name] = partial(_by_network, restoration.load(name))
        elif name == "bm3d-one-level":
            found[name] = partial(_by_one_level, classical.bm3d)
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


def _by_one_level(denoise, noisy):
    # Of the variance's line the value at the mean grey level, which is the mean variance.
    level = noise_level.estimate(noisy)
    sd = np.sqrt(noise.variance(np.mean(noisy, dtype=np.float64), level.eta, level.sigma))
    restored = denoise(np.asarray(noisy, dtype=np.float32) / 255, max(float(sd), 0.1) / 255)
    return np.clip(255 * np.asarray(restored, dtype=np.float64), 0, noise.WHITE)


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


def seconds(methods, noisy):
    """Name -> seconds that each method takes on one noisy image [H, W], after a first go that does not count."""
    spent = {}
    for name, method in methods.items():
        method(noisy[:64, :64])
        start = time.perf_counter()
        method(noisy)
        spent[name] = time.perf_counter() - start
    return spent


def as_table(found, spent):
    """What :func:`compare` found, as a Markdown table of the means beside the paper's Table I.

    Args:
        found: name -> [images, 4]. spent: name -> seconds, as :func:`seconds` gives them; of "noisy" none are shown.
    """
    heading = "| method | SNR (dB) | PSNR (dB) | SSIM | seconds, 256x256 | SNR, paper | PSNR, paper | SSIM, paper |"
    lines = [f"{heading} seconds, paper (GPU) |", "|-" * 9 + "|"]
    for name, values in found.items():
        printed = published.TABLE_1.get(IN_PAPER.get(name))
        cells = [*_formatted(values.mean(0)), "-" if name == "noisy" else f"{spent[name]:.3f}"]
        cells += _formatted(printed) if printed else ["-"] * 3
        paper = published.SECONDS.get(IN_PAPER.get(name))
        cells.append("-" if paper is None else f"{paper:.3f}")
        lines.append(f"| {LABELS.get(name, name)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _formatted(scores):
    snr, psnr, ssim = scores[:3]
    return [f"{snr:.2f}", f"{psnr:.2f}", f"{ssim:.3f}"]


def table_2(methods, images, levels, *, seed=0):
    """Judge every method at every noise level: name -> array [levels, images, 4] as :func:`compare` has them.

    Args:
        levels: pairs (eta, sigma); at each one the methods see the same noisy images.
        methods, images, seed: as in :func:`compare`.
    """
    told = [compare(methods, images, [level] * len(images), seed=seed + 1000 * n) for n, level in enumerate(levels)]
    return {name: np.array([one[name] for one in told]) for name in methods}


def table_2_as_markdown(found, levels):
    """What :func:`table_2` found as the paper's Table II: a row for each level, in each cell ours and (the printed).

    Args:
        found: name -> [levels, images, 4]; of "noisy" the paper prints PSNR alone. levels: of ``published.NOISY_PSNR``.

    Raises:
        KeyError: a level, or a method, that Table II has not.
    """
    columns = [f"{LABELS[name]}, {what}" for name in found for what in ("PSNR", "SSIM")[: 1 + (name != "noisy")]]
    lines = ["| η | σ | " + " | ".join(columns) + " |", "|-" * (2 + len(columns)) + "|"]
    for number, (eta, sigma) in enumerate(levels):
        cells = []
        for name, values in found.items():
            _, psnr, ssim = values[number, :, :3].mean(0)
            if name == "noisy":
                cells.append(f"{psnr:.2f} ({published.NOISY_PSNR[eta, sigma]:.2f})")
                continue
            _, said_psnr, said_ssim = published.TABLE_2[IN_PAPER[name]][eta, sigma]
            cells += [f"{psnr:.2f} ({said_psnr:.2f})", f"{ssim:.3f} ({said_ssim:.3f})"]
        lines.append(f"| {eta:g} | {sigma:g} | {' | '.join(cells)} |")
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


def ssim_share(network, clean, eta, sigma, *, seed=0):
    """The share of X-BDCNN's loss (eq. 8) that 1 - SSIM makes on one X-ray with noise; a number in [0, 1].

    Args:
        network: an ``XBDCNN`` that estimates. clean: [H, W] in [0, 255], both sides even. eta, sigma: of the noise.
    """
    noisy = noise.hybrid(clean, eta, sigma, seed=seed)
    given, wanted = (torch.from_numpy(np.asarray(one, dtype=np.float32) / 255)[None, None] for one in (noisy, clean))
    with torch.no_grad():
        restored, maps = network.both(given)
    true = noise.level_maps(eta, sigma, maps.shape[2:])
    total, parts = blind.blind(restored, wanted, maps / denoisers.LEVEL, true / denoisers.LEVEL, data_range=1.0)
    return float(blind.SHARES["ssim"] * parts["ssim"] / total)


def unlearned(cleans, ct, *, seed=5):
    """Kinds of noise that the networks did not learn: label -> (clean images, function clean -> noisy).

    The first is as they learned it, at eta = 0.6 and sigma = 10, for comparison.

    Args:
        cleans: X-rays [H, W] in [0, 255]. ct: a slice of a CT, alike.
    """
    hybrid = partial(noise.hybrid, seed=seed)
    return {
        "learned\n(0.6, 10)": (cleans, lambda clean: hybrid(clean, 0.6, 10)),
        "dose\nη = 0.1": (cleans, lambda clean: hybrid(clean, 0.1, 10)),
        "electronics\nσ = 40": (cleans, lambda clean: hybrid(clean, 0.6, 40)),
        "blurred\nnoise": (cleans, lambda clean: noise.correlated(clean, 0.6, 10, seed=seed)),
        "12 grey\nlevels": (cleans, lambda clean: noise.quantized(hybrid(clean, 0.6, 10), 12)),
        "CT slice\n(0.6, 10)": ([ct], lambda clean: hybrid(clean, 0.6, 10)),
    }


def map_errors(maps, eta, sigma, grey):
    """How far a sub-network's maps are off: spread of the photon map, its bias, the other's bias, bias of the sum.

    All are shares of the true value; the sum is the standard deviation of the whole noise at the grey level ``grey``.

    Args:
        maps: [2, h, w], shares of white as :func:`level_maps` gives them. eta, sigma: the truth.

    Example:
        >>> map_errors(noise.level_maps(0.4, 5, (4, 4))[0], 0.4, 5, 99.0)[3] < 1e-6
        True
    """
    electronic, photon = (255 * np.asarray(one, dtype=np.float64) for one in maps)
    at_white = np.sqrt(noise.WHITE / eta)
    total = np.sqrt(electronic.mean() ** 2 + photon.mean() ** 2 * grey / noise.WHITE)
    true_total = np.sqrt(noise.variance(grey, eta, sigma))
    pairs = (photon.std(), at_white), (photon.mean(), at_white), (electronic.mean(), sigma), (total, true_total)
    spread, *biases = (float(found / true) for found, true in pairs)
    return (spread, *(bias - 1 for bias in biases))


def surfaces(methods, images, etas, sigmas, *, seed=0):
    """PSNR over the noise: name -> array [etas, sigmas, images], the same noisy images for all.

    Args:
        etas, sigmas: the levels of the two axes.
        methods, images, seed: as in :func:`compare`.
    """
    found = table_2(methods, images, [(eta, sigma) for eta in etas for sigma in sigmas], seed=seed)
    return {name: values[..., 1].reshape(len(etas), len(sigmas), -1) for name, values in found.items()}
