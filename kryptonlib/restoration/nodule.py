"""A faint round spot is planted into a clean X-ray: what does a denoiser leave of it, and what does it make up?

The spot is synthetic and no lesion; it is a ruler. Its contrast is known, so that the share of it that a method keeps
is too. Not for diagnosis.
"""

from typing import NamedTuple

import numpy as np
import torch

from kryptonlib.restoration import noise
from kryptonlib.seeds import generator


class Kept(NamedTuple):
    """Of one method and contrast: what is read with and without a spot, each [spots, draws], in grey levels.

    A reading with a spot and the one without it at the same place of the arrays are of the same noise.
    """

    present: np.ndarray
    absent: np.ndarray
    contrast: float

    @property
    def share(self):
        """Of the contrast, how much is kept on average; 1 is all of it."""
        return float((self.present.mean() - self.absent.mean()) / self.contrast)

    @property
    def share_error(self):
        """Standard error of ``share``, from the differences of readings with the same noise."""
        differences = (self.present - self.absent) / self.contrast
        return float(differences.std(ddof=1) / np.sqrt(differences.size))

    @property
    def bias(self):
        """What is read on average where no spot is: 0 is right."""
        return float(self.absent.mean())

    @property
    def deviation(self):
        """Standard deviation of what is read at a place without a spot, from noise to noise."""
        return float(np.sqrt(self.absent.var(1, ddof=1).mean()))

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


def trials(method, pieces, contrasts, *, radius, eta, sigma, draws, seed=0):
    """Plant a spot in the middle of clean pieces, put noise on, denoise, and read it; and the same without a spot.

    The noise with a spot is the noise without it and the photons of the spot alone: a sum of two Poisson numbers is a
    Poisson number, so this is ``noise.hybrid`` of the piece with the spot, and the difference of two readings holds
    little of the noise around it.

    Args:
        method: function (noisy [H, W]) -> restored, in grey levels.
        pieces: clean squares [side, side] in [0, 255], large enough that the middle does not see their border.
        contrasts: of the spot in grey levels, each above 0 (brighter than what is around it).
        radius: in pixels.
        eta, sigma: of the noise.
        draws: of the noise for each piece, at least 2; the same ones for every contrast.

    Returns:
        A list of :class:`Kept`, one for each contrast.

    Example:
        >>> found = trials(lambda noisy: noisy, [np.full((32, 32), 99.0)], [40], radius=6, eta=1.0, sigma=5.0, draws=9)
        >>> abs(found[0].share - 1) < 0.1
        True
    """
    contrasts = [float(contrast) for contrast in contrasts]
    if not contrasts or min(contrasts) <= 0 or draws < 2:
        raise ValueError(
            f"trials: got contrasts {contrasts} and {draws} draws; expected contrasts above 0, at least 2 draws"
        )
    template = spot(len(pieces[0]), radius)
    readings = np.empty((1 + len(contrasts), len(pieces), draws))
    for place, clean in enumerate(pieces):
        for draw in range(draws):
            number = seed + place * draws + draw
            without = noise.hybrid(clean, eta, sigma, seed=number, clip=False)
            for row, contrast in enumerate([0.0, *contrasts]):
                # Beyond white a spot cannot be brighter.
                added = np.clip(contrast * template, 0, noise.WHITE - clean)
                noisy = np.clip(without + _photons(added, eta, number), 0, noise.WHITE)
                readings[row, place, draw] = reading(method(noisy), clean, template)
    return [Kept(present, readings[0], contrast) for present, contrast in zip(readings[1:], contrasts)]


def _photons(grey, eta, seed):
    """Poisson(eta g) / eta, float32 [H, W], from another stream than ``noise.hybrid`` of the same seed."""
    return (torch.poisson(torch.from_numpy(np.float32(eta * grey)), generator=generator(seed, 1)) / eta).numpy()


def as_table(trials):
    """The share of the contrast that is kept, with its standard error, as a Markdown table: a row for each method.

    Args:
        trials: label -> list of :class:`Kept`, of the same contrasts.
    """
    contrasts = [one.contrast for one in next(iter(trials.values()))]
    lines = ["| kept at a contrast of | " + " | ".join(f"{contrast:g}" for contrast in contrasts) + " |"]
    lines.append("|-" * (1 + len(contrasts)) + "|")
    for label, found in trials.items():
        lines.append(f"| {label} | " + " | ".join(f"{one.share:.2f} ± {one.share_error:.2f}" for one in found) + " |")
    return "\n".join(lines)


def verdict(trials):
    """Which methods keep a spot and which erase it, in a sentence for each method.

    At a contrast a spot counts as erased if the share that is kept lies within two standard errors of 0, as shrunk if
    it lies more than two below 1, and as kept otherwise.

    Args:
        trials: label -> list of :class:`Kept`, in the order of their contrasts.

    Example:
        >>> found = Kept(np.array([[5.0, 7.0, 6.0]]), np.array([[1.0, 3.0, 2.1]]), 8.0)
        >>> verdict({"this one": [found]})
        'None erases the spot. This one shrinks it at every contrast: 0.50 of it is left.'
    """
    erased = any(_answer(one) == "erases" for found in trials.values() for one in found)
    sentences = ["at some contrast the spot is erased." if erased else "none erases the spot."]
    for label, found in trials.items():
        answers = [_answer(one) for one in found]
        shares = [one.share for one in found]
        left = f"{min(shares):.2f} to {max(shares):.2f}" if len(shares) > 1 else f"{shares[0]:.2f}"
        if len(set(answers)) == 1:
            sentences.append(f"{label} {answers[0]} it at every contrast: {left} of it is left.")
        else:
            parts = [
                f"{answer} it at {', '.join(f'{one.contrast:g}' for one, a in zip(found, answers) if a == answer)}"
                for answer in dict.fromkeys(answers)
            ]
            sentences.append(f"{label} {' and '.join(parts)}: {left} of it is left.")
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in sentences)


def _answer(one):
    if one.share <= 2 * one.share_error:
        return "erases"
    return "shrinks" if one.share < 1 - 2 * one.share_error else "keeps"
