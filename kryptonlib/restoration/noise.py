"""The noise of an X-ray image: photons that are counted, and electronics that add to the count.

Yin et al. (paper 4), eq. 1-2: f = p + n, with p drawn from a Poisson distribution and n from a Gaussian. The text
leaves open where the scale factor eta stands. The nine noisy PSNRs of its Table II fit one reading,

    f = clip(Poisson(eta g) / eta + N(0, sigma^2), 0, 255),     g: grey levels of 8 bits,

in which eta is the number of photons that one grey level stands for, and every other reading that we tried misses
them by far (``tests/test_noise.py``). That is an inference from two tables, not something that the paper says.
"""

from numbers import Real

import numpy as np
import torch

from kryptonlib.gaussian import gaussian_blur, gaussian_kernel

ETAS, SIGMAS = (0.4, 1.9), (0.0, 20.0)
"""Paper 4, section II.A: what eta (photons per grey level) and sigma (grey levels) are drawn from in training."""
WHITE = 255.0


def hybrid(grey, eta, sigma, *, seed, clip=True):
    """An image with photon noise and electronic noise: Poisson(eta g) / eta + N(0, sigma^2).

    Before clipping its mean is g and its variance g / eta + sigma^2 (see :func:`variance`).

    Args:
        grey: array or tensor of any shape, grey levels of 8 bits as numbers in [0, 255], whole or not.
        eta: photons per grey level, > 0; a number, or a tensor that broadcasts, [N, 1, 1, 1] for a batch.
        sigma: standard deviation of the electronic noise in grey levels, >= 0; as ``eta``.
        seed: a whole number. One seed gives the same noise again on one kind of device; a GPU draws other numbers than
            a CPU.
        clip: to [0, 255], as a picture file does. It removes variance near black and white.

    Returns:
        float32, an array for an array and a tensor, on its device, for a tensor.

    Raises:
        TypeError: no numbers. ValueError: values outside [0, 255], an image in [0, 1], eta or sigma out of range.

    Source: Yin et al. (paper 4), eq. 1-2, as read from its Table II.

    Example:
        >>> hybrid(np.full((64, 64), 100.0), 0.5, 10.0, seed=0).mean().round()
        np.float32(100.0)
    """
    array = not isinstance(grey, torch.Tensor)
    grey = _grey(grey)
    eta, sigma = _level("eta", eta, grey), _level("sigma", sigma, grey)
    generator = torch.Generator(grey.device).manual_seed(_seed(seed))
    photons = torch.poisson(eta * grey, generator=generator) / eta
    electronic = torch.empty_like(grey).normal_(generator=generator)
    noisy = photons + sigma * electronic
    noisy = noisy.clamp(0, WHITE) if clip else noisy
    return noisy.numpy() if array else noisy


def correlated(grey, eta, sigma, *, seed, width=1.0, clip=True):
    """Hybrid noise whose neighbours are alike, as a detector's blur makes them; its variance is that of :func:`hybrid`.

    The noise is blurred by a Gaussian and scaled up by what white noise of equal variance everywhere would lose, so the
    variance is exact where g is flat.

    Args:
        grey: [H, W] or [N, C, H, W], otherwise as in :func:`hybrid`.
        width: of the Gaussian in pixels, > 0.
        eta, sigma, seed, clip: as in :func:`hybrid`.

    Example:
        >>> correlated(np.full((64, 64), 100.0), 0.5, 10.0, seed=0).shape
        (64, 64)
    """
    array = not isinstance(grey, torch.Tensor)
    clean = _grey(grey)
    if clean.ndim not in (2, 4):
        raise ValueError(f"grey: got shape {tuple(clean.shape)}, expected [H, W] or [N, C, H, W]")
    noise = hybrid(clean, eta, sigma, seed=seed, clip=False) - clean
    kept = float((gaussian_kernel(width) ** 2).sum())
    noisy = clean + gaussian_blur(noise, width) / kept
    noisy = noisy.clamp(0, WHITE) if clip else noisy
    return noisy.numpy() if array else noisy


def quantized(grey, levels):
    """Rounded to ``levels`` equally spaced grey levels from 0 to 255, as a detector of few bits does; 256 are 8 bits.

    Example:
        >>> quantized(np.array([0.0, 100.0, 255.0]), 4)
        array([  0.,  85., 255.], dtype=float32)
    """
    if isinstance(levels, bool) or not isinstance(levels, (int, np.integer)) or levels < 2:
        raise ValueError(f"levels must be a whole number of at least 2, got {levels!r}")
    array = not isinstance(grey, torch.Tensor)
    step = WHITE / (int(levels) - 1)
    rounded = (_grey(grey) / step).round() * step
    return rounded.numpy() if array else rounded


def variance(grey, eta, sigma):
    """Variance of :func:`hybrid` without clipping, in squared grey levels: g / eta + sigma^2."""
    return grey / eta + sigma**2


def level_maps(eta, sigma, shape, device="cpu"):
    """What the noise-level sub-network is to say: tensor [N, 2, rows, columns], constant over each image.

    Both maps are standard deviations as shares of white: of the electronic noise, sigma / 255, and of the photon noise
    at white, 1 / sqrt(255 eta). The paper names neither number nor scale of its maps; these two are of one size.

    Args:
        eta, sigma: numbers, or tensors [N, 1, 1, 1] (of one number of images).
        shape: (rows, columns).
    """
    eta, sigma = (torch.as_tensor(value, dtype=torch.float32, device=device).reshape(-1) for value in (eta, sigma))
    levels = torch.stack(torch.broadcast_tensors(sigma / WHITE, (WHITE * eta).rsqrt()), 1)
    return levels[:, :, None, None].expand(-1, -1, *shape)


def levels_of_maps(maps):
    """(eta, sigma) of the means of :func:`level_maps`, each a tensor [N]; eta is inf for a map of 0."""
    sigma, photon = maps.mean((2, 3)).unbind(1)
    return 1 / (WHITE * photon.square()), WHITE * sigma


def _grey(grey):
    """float32 tensor of the grey levels."""
    if not isinstance(grey, torch.Tensor):
        array = np.asarray(grey)
        if array.dtype == bool or not (np.issubdtype(array.dtype, np.number) and np.isrealobj(array)):
            raise TypeError(f"grey: got {array.dtype}, expected numbers in [0, 255]")
        grey = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
    if grey.dtype == torch.bool or grey.is_complex():
        raise TypeError(f"grey: got {grey.dtype}, expected numbers in [0, 255]")
    grey = grey.float()
    if grey.numel() == 0 or not torch.isfinite(grey).all():
        raise ValueError("grey: it is empty, or holds NaN or infinite values")
    low, high = grey.min().item(), grey.max().item()
    if low < 0 or high > WHITE:
        raise ValueError(f"grey: values run from {low:.4g} to {high:.4g}, expected grey levels in [0, 255]")
    if 0 < high <= 1 and bool((grey != grey.round()).any()):
        raise ValueError(f"grey: values run from {low:.4g} to {high:.4g}, an image in [0, 1]; multiply it by 255")
    return grey


def _level(name, value, grey):
    """eta or sigma as a number or tensor on the image's device."""
    if isinstance(value, bool) or not isinstance(value, (Real, torch.Tensor)):
        raise TypeError(f"{name}: got {type(value).__name__}, expected a number or a tensor")
    tensor = torch.as_tensor(value, dtype=torch.float32, device=grey.device)
    good = torch.isfinite(tensor) & (tensor > 0 if name == "eta" else tensor >= 0)
    if not bool(good.all()):
        least = "more than 0 photons per grey level" if name == "eta" else "at least 0 grey levels"
        raise ValueError(f"{name}: got {value!r}, expected {least}")
    return tensor


def _seed(seed):
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed: got {seed!r}, expected a whole number")
    return int(seed)
