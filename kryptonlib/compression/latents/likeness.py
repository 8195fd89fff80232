"""How alike latents are to DCT coefficients: the coefficients of blocks to compare with, and of atoms how far they reach,
which frequency they hold, and how much of one is one DCT function."""

import numpy as np
import torch
from scipy.fft import dctn

from kryptonlib import samples
from kryptonlib.compression.autoencoder import STRIDE, Autoencoder
from kryptonlib.compression.latents.atoms import BLOCK, SIDE, resting
from kryptonlib.compression.latents.atoms import atoms as atoms_of
from kryptonlib.compression.start import block_transform


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


def untrained_atoms(draws, patches=200):
    """Atoms of block transforms like the one that training begins with, each computed from other patches.

    The patches are of the course's photos for tuning, so that the control does not depend on what is tested. Principal
    components of nearly equal variances mix as chance has it: what differs between the draws is chance.

    Args:
        draws: how many transforms, of 128 maps each. patches: of 128 x 128 pixels that each is computed from.

    Returns:
        Array [draws, 128, 112, 112].

    Raises:
        ValueError: fewer than one draw.
    """
    if draws < 1:
        raise ValueError(f"untrained_atoms() got draws={draws!r}; expected 1 or more")
    found = []
    for seed in range(draws):
        source = samples.patches("tune", 128, seed=seed, kind="photo", channels="limited-luma")
        net = Autoencoder(normalized=False)
        block_transform(net, 255 * source.batch(0, patches))
        net.requires_grad_(False)
        found.append(atoms_of(net, resting(torch.zeros(net.maps)), range(net.maps), np.ones(net.maps)))
    return np.stack(found)


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


def beside_draws(learned, draws):
    """Learned atoms beside several draws of untrained ones, which tell what is chance.

    Args:
        learned: array [N, 112, 112]. draws: array [draws, N, 112, 112] of ``untrained_atoms``.

    Returns:
        Three lists. The median share that one DCT function holds: learned, least and largest of the draws. The share of
        atoms of which one function holds more than half: the same three. The median share outside the block: learned, all
        draws.
    """
    shares = [dct_share(some) for some in (learned, *draws)]
    middle, half = [float(np.median(some)) for some in shares], [float((some > 0.5).mean()) for some in shares]
    ends = [[of[0], min(of[1:]), max(of[1:])] for of in (middle, half)]
    return *ends, [float(np.median(outside(some))) for some in (learned, np.concatenate(draws))]


def _energy(images):
    return np.square(images).sum((1, 2))
