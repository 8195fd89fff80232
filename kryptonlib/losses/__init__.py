"""Image losses and metrics: what each sees, and what it misses.

Every function compares ``x`` (the image that is judged) with ``y`` (the reference), tensors [N, C, H, W] in
[0, data_range], and is differentiable, so that it serves as a loss and as a metric. l1, l2, NMSE, LPIPS, FLIP and the
mixtures are low where images are alike; PSNR, SSIM and MS-SSIM are high, so train with ``1 - ssim``.
"""

from kryptonlib.losses.adaptive import Adaptive, log_partition, rho
from kryptonlib.losses.flip import (
    PIXELS_PER_DEGREE,
    flip,
    flip_grey,
    flip_grey_map,
    flip_map,
    pixels_per_degree,
)
from kryptonlib.losses.lpips import lpips, lpips_map
from kryptonlib.losses.measure import METRICS, Metric, Table, measure
from kryptonlib.losses.mixed import l1_ms_ssim, lpips_l2
from kryptonlib.losses.ms_ssim import ms_ssim
from kryptonlib.losses.pointwise import l1, l1_map, l2, l2_map, nmse, psnr
from kryptonlib.losses.ssim import ssim, ssim_map

__all__ = [
    "Adaptive",
    "METRICS",
    "Metric",
    "PIXELS_PER_DEGREE",
    "Table",
    "flip",
    "flip_grey",
    "flip_grey_map",
    "flip_map",
    "l1",
    "l1_map",
    "l1_ms_ssim",
    "l2",
    "l2_map",
    "log_partition",
    "lpips",
    "lpips_l2",
    "lpips_map",
    "measure",
    "ms_ssim",
    "nmse",
    "pixels_per_degree",
    "psnr",
    "rho",
    "ssim",
    "ssim_map",
]
