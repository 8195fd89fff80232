"""What the thesis measured: its tables 6.1 (Kodak), 6.3 (knee) and 6.4 (brain), as printed.

Source: Engman and Nilsson, "A novel perceptual metric in deep learning" (paper 5), section 6. The caption of table 6.4
says knee; its section says brain, and so do its images. Table 6.1 prints 0.4593 for the noisy images twice, for LPIPS
and for FLIP; one is probably a slip.
"""

MODELS = ("input", "l1", "l2", "MS-SSIM", "LPIPS + l2", "FLIP", "adaptive")
"""The columns: the noisy or masked images, then what the network trained with each loss makes of them."""

TABLES = {
    "denoising": {
        "l1": (78.22e-3, 24.52e-3, 18.50e-3, 19.30e-3, 19.02e-3, 20.87e-3, 18.60e-3),
        "l2": (9.61e-3, 1.11e-3, 0.68e-3, 0.74e-3, 0.70e-3, 0.86e-3, 0.69e-3),
        "psnr": (20.17, 29.81, 32.05, 31.69, 31.89, 31.01, 31.97),
        "ms_ssim": (0.8930, 0.9614, 0.9805, 0.9814, 0.9801, 0.9808, 0.9810),
        "lpips": (0.4593, 0.3182, 0.2274, 0.2096, 0.0500, 0.2083, 0.2235),
        "flip": (0.4593, 0.1611, 0.1207, 0.1246, 0.1247, 0.1121, 0.1221),
    },
    "knee": {
        "l1": (28.91e-3, 20.35e-3, 20.53e-3, 20.96e-3, 21.89e-3, 20.46e-3, 20.36e-3),
        "l2": (2.39e-3, 1.16e-3, 1.17e-3, 1.24e-3, 1.28e-3, 1.17e-3, 1.17e-3),
        "psnr": (26.71, 30.29, 30.25, 30.01, 29.81, 30.23, 30.27),
        "ms_ssim": (0.9111, 0.9591, 0.9585, 0.9595, 0.9559, 0.9590, 0.9590),
        "lpips": (0.3517, 0.3597, 0.3618, 0.3352, 0.1563, 0.3644, 0.3589),
        "flip": (0.1972, 0.1241, 0.1238, 0.1255, 0.1309, 0.1222, 0.1245),
    },
    "brain": {
        "l1": (54.66e-3, 28.17e-3, 28.32e-3, 30.06e-3, 32.59e-3, 27.57e-3, 27.64e-3),
        "l2": (5.96e-3, 1.87e-3, 1.85e-3, 1.95e-3, 2.21e-3, 1.85e-3, 1.83e-3),
        "psnr": (22.61, 27.53, 27.55, 27.37, 26.83, 27.56, 27.62),
        "ms_ssim": (0.8652, 0.9541, 0.9531, 0.9587, 0.9509, 0.9544, 0.9555),
        "lpips": (0.4274, 0.2973, 0.2971, 0.2906, 0.1496, 0.3011, 0.3002),
        "flip": (0.3053, 0.1890, 0.1918, 0.2097, 0.2280, 0.1842, 0.1862),
    },
}
"""Problem -> metric -> its mean for each of ``MODELS``; l1 and l2 without the factor of 1000 of the tables."""
