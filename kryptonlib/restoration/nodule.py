"""A faint round spot is planted into a clean X-ray: what does a denoiser leave of it, and what does it make up?

The spot is synthetic and no lesion; it is a ruler. Its contrast is known, so that the share of it that a method keeps
is too. Not for diagnosis.
"""

from typing import NamedTuple

import numpy as np

from kryptonlib.restoration import noise


class Kept(NamedTuple):
    """Of one method and contrast: what is read with and without a spot, each [spots, draws], in grey levels."""

    present: np.ndarray
    absent: np.ndarray
    contrast: float

    @property
    def share(self):
        """Of the contrast, how much is kept on average; 1 is all of it."""
        return float((self.present.mean() - self.absent.mean()) / self.contrast)

    @property
    def index(self):
        """Detectability: the distance of the two means in standard deviations of the readings (d')."""
        # Each place has its own mean: the anatomy that the method changes there is no chance.
        spread = np.sqrt((self.present.var(1, ddof=1).mean() + self.absent.var(1, ddof=1).mean()) / 2)
        return float((self.present.mean() - self.absent.mean()) / spread)


def spot(side, radius):
    """A bump of height 1 in the middle of a square [side, side]: (1 - r^2 / radius^2)^2 inside, 0 outside.

    Example:
        >>> spot(5, 2.0).round(2)[2]
        array([0.  , 0.56, 1.  , 0.56, 0.  ])
    """
    if side < 1 or not 0 < radius <= side / 2:
        raise ValueError(f"spot: got side {side} and radius {radius}; expected 0 < radius <= side / 2")
    places = np.arange(side) - (side - 1) / 2
    return np.clip(1 - (places[:, None] ** 2 + places**2) / radius**2, 0, None) ** 2


def pieces(image, count, side, *, seed=0):
    """Random squares of an X-ray to plant spots in: neither nearly black nor nearly white, away from the border.

    Args:
        image: [H, W] in [0, 255]. count: how many. side: in pixels, at most half of each side of the image.

    Raises:
        ValueError: an image too small, or hardly a place in it that is neither black nor white.
    """
    margin = min(image.shape) // 6
    if min(image.shape) - 2 * margin <= side:
        raise ValueError(f"pieces: got an image of {image.shape[0]}x{image.shape[1]} for squares of {side}x{side}")
    random, found = np.random.default_rng(seed), []
    for _ in range(200 * count):
        top, left = (int(random.integers(margin, length - margin - side)) for length in image.shape)
        piece = image[top : top + side, left : left + side]
        if 40 < piece.mean() < 200:
            found.append(piece)
        if len(found) == count:
            return found
    raise ValueError("pieces: hardly a place of the image is neither black nor white; take another image")


def reading(image, clean, template):
    """How strongly the template is in ``image - clean``, least squares: sum(t (image - clean)) / sum(t^2).

    Example:
        >>> round(float(reading(7 + 4 * spot(9, 3.0), np.full((9, 9), 7.0), spot(9, 3.0))), 6)
        4.0
    """
    return (template * (np.asarray(image, dtype=np.float64) - clean)).sum() / np.square(template).sum()


def trial(method, pieces, contrast, *, radius, eta, sigma, draws, seed=0):
    """Plant a spot in the middle of clean pieces, put noise on, denoise, and read it; and the same without a spot.

    Args:
        method: function (noisy [H, W]) -> restored, in grey levels.
        pieces: clean squares [side, side] in [0, 255], large enough that the middle does not see their border.
        contrast: of the spot in grey levels, not 0; negative is darker.
        radius: in pixels.
        eta, sigma: of the noise.
        draws: of the noise for each piece, at least 2, with and without a spot independent of each other.

    Returns:
        :class:`Kept`.
    """
    if not contrast or draws < 2:
        raise ValueError(f"trial: got contrast {contrast} and {draws} draws; expected a contrast and at least 2 draws")
    template = spot(len(pieces[0]), radius)
    readings = np.empty((2, len(pieces), draws))
    for place, clean in enumerate(pieces):
        for present in (0, 1):
            planted = np.clip(clean + present * contrast * template, 0, noise.WHITE)
            for draw in range(draws):
                number = seed + (place * draws + draw) * 2 + present
                restored = method(noise.hybrid(planted, eta, sigma, seed=number))
                readings[present, place, draw] = reading(restored, clean, template)
    return Kept(readings[1], readings[0], float(contrast))
