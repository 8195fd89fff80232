"""How alike latents are to DCT coefficients: the coefficients of blocks to compare with, and of atoms how far they reach,
which frequency they hold, and how much of one is one DCT function."""

import numpy as np
from scipy.fft import dctn

from kryptonlib.compression.autoencoder import STRIDE
from kryptonlib.compression.latents.atoms import BLOCK, SIDE


def block_dct(luma, side=16):
    """Orthonormal DCT coefficients of an image's blocks: array [side², blocks], rows by rising frequency.

    Args:
        luma: array [H, W]; rows and columns beyond whole blocks are left out.
        side: of a block in pixels.

    Raises:
        ValueError: no image, or one smaller than a block.
    """
    luma = np.asarray(luma, float)
    if luma.ndim != 2 or min(luma.shape) < side:
        raise ValueError(f"block_dct() got an array of shape {luma.shape}; expected [H, W] of at least {side}x{side}")
    rows, columns = (length // side for length in luma.shape)
    blocks = luma[: rows * side, : columns * side].reshape(rows, side, columns, side).swapaxes(1, 2)
    found = dctn(blocks, axes=(2, 3), norm="ortho").reshape(rows * columns, side * side)
    return found[:, frequency_order(side)].T


def frequency_order(side):
    """Flat places of a block's DCT coefficients, by rising sum of their two frequencies."""
    return sorted(range(side * side), key=lambda n: (n // side + n % side, n))


def dct_atoms(count=128):
    """The first basis functions of a 16 x 16 DCT in the middle of a field of 112 x 112 pixels: array [count, 112, 112].

    Raises:
        ValueError: a count below 1 or above 256.
    """
    if not 1 <= count <= STRIDE**2:
        raise ValueError(f"dct_atoms() got count={count}; a block has {STRIDE**2} functions")
    functions = dctn(np.eye(STRIDE**2).reshape(-1, STRIDE, STRIDE), axes=(1, 2), type=3, norm="ortho")
    found = np.zeros((count, SIDE, SIDE))
    found[:, BLOCK, BLOCK] = functions[frequency_order(STRIDE)[:count]]
    return found


def outside(atoms):
    """Share of each atom's energy that lies outside its own block of 16 x 16 pixels: array [N], 0 to 1."""
    return 1 - _energy(atoms[:, BLOCK, BLOCK]) / _energy(atoms)


def area(atoms):
    """Pixels that an atom covers: (sum of squares)² / sum of fourth powers, 1 for a single pixel and n for n equal ones.

    Example:
        >>> area(np.ones((1, 4, 5)))
        array([20.])
    """
    return _energy(atoms) ** 2 / (atoms**4).sum((1, 2))


def frequency(atoms):
    """Mean frequency of each atom in cycles per pixel, by its power spectrum: array [N], 0 to 0.71.

    Example:
        >>> wave = np.cos(2 * np.pi * np.arange(64) / 8)
        >>> frequency(np.tile(wave, (1, 64, 1))).round(3)
        array([0.125])
    """
    power = np.abs(np.fft.fft2(atoms)) ** 2
    rows, columns = (np.fft.fftfreq(length) for length in atoms.shape[1:])
    return (power * np.hypot(rows[:, None], columns)).sum((1, 2)) / power.sum((1, 2))


def dct_share(atoms):
    """Most of an atom's energy that any single DCT function of its block holds: array [N], 0 to 1; 1 for a DCT's own."""
    inside = dctn(atoms[:, BLOCK, BLOCK], axes=(1, 2), norm="ortho")
    return np.square(inside).reshape(len(atoms), -1).max(1) / _energy(atoms)


def _energy(images):
    return np.square(images).sum((1, 2))
