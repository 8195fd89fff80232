"""The denoisers that differ in their loss, on the same noisy photos: which are shipped, what the thesis found, how they
learned."""


import numpy as np

from kryptonlib import store
from kryptonlib.losses import thesis

SIGMA = 25 / 255
"""Deviation of the noise in the thesis's test, in parts of the range."""
LOSSES = {
    "l1": "l1",
    "l2": "l2",
    "msssim": "MS-SSIM",
    "lpips": "LPIPS + l2",
    "flip": "FLIP",
    "adaptive": "adaptive",
    "l1-msssim": "l1 + MS-SSIM",
}
"""Key in the checkpoints' names -> what tables call the model."""
OWN = {"MS-SSIM": "ms_ssim", "LPIPS + l2": "lpips", "FLIP": "flip", "l2": "psnr"}
"""Model -> the metric that its loss makes good; l2 has the order of PSNR."""
TABLE_61 = {
    metric: dict(zip(("noisy", *thesis.MODELS[1:]), values)) for metric, values in thesis.TABLES["denoising"].items()
}
"""Metric -> model -> the mean that table 6.1 of the thesis (paper 5) prints, for Kodak."""


def checkpoint(model, kind=""):
    """The name of a model's checkpoint: ``checkpoint("FLIP", "seed1")`` is "denoise-flip-seed1"."""
    key = next(key for key, label in LOSSES.items() if label == model)
    return f"denoise-{key}{'-' * bool(kind)}{kind}"


def shipped(models, kind="", folder=store.CHECKPOINTS):
    """Those of the models whose training was finished, in the same order.

    Args:
        models: values of ``LOSSES``. kind: "", "seed1" or "scratch". folder: of the checkpoints.
    """
    return [model for model in models if store.read_card(checkpoint(model, kind), folder).get("finished")]


def middles(images, side):
    """Middle pieces of images, side x side pixels or as large as the image is; 0 takes them whole."""
    pieces = []
    for image in images:
        height, width = (length if side == 0 else min(side, length) for length in image.shape[:2])
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        pieces.append(np.ascontiguousarray(image[top : top + height, left : left + width]))
    return pieces


def with_noise(images, sigma=SIGMA, seed=0):
    """The images with Gaussian noise, unclipped as in the thesis's table; image n gets noise of its own, always the
    same."""
    return [
        (image + sigma * np.random.default_rng([seed, number]).standard_normal(image.shape)).astype(np.float32)
        for number, image in enumerate(images)
    ]


def learning_curve(name, column, folder=store.CHECKPOINTS):
    """(steps, values) of a column of a checkpoint's log: ``learning_curve("denoise-l2", "psnr")``.

    Raises:
        FileNotFoundError: no such log. KeyError: no such column.
    """
    log = store.read_log(name, folder)
    if column not in log:
        raise KeyError(f"{name}.csv has no column {column!r}; there are {', '.join(log)}")
    return log["step"].astype(int).tolist(), log[column].tolist()


def shift_error(network, image, shift):
    """How far a network is from equivariance to translation: RMS of f(shifted x) - shifted f(x), away from all borders.

    Args:
        network: of ``restoration``, with ``reach``. image: tensor [1, C, H, W]. shift: pixels to the left, at least 0.

    Raises:
        ValueError: an image that has no place which neither border nor shift reaches.
    """
    border = network.reach + network.multiple
    if min(image.shape[2:]) <= 2 * border + shift:
        raise ValueError(
            f"shift_error: an image of {tuple(image.shape[2:])} pixels has no place that is {border} pixels from every "
            f"border; more than {2 * border + shift} are needed"
        )
    shifted = network(image[..., shift:])[..., border:-border, border:-border]
    still = network(image)[..., border:-border, border + shift :][..., : shifted.shape[-1]]
    return float((shifted - still).square().mean().sqrt())
