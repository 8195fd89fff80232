"""The images of a study: references, and what each candidate made of them; from a folder, or made on the spot."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from kryptonlib import losses
from kryptonlib.datasets.folder import files, hidden
from kryptonlib.images import as_rgb, check_image, to_tensor, to_uint8
from kryptonlib.reading import read_image

REFERENCE = "reference"
"""The folder of the references."""


@dataclass(frozen=True)
class Material:
    """Images to judge.

    Args:
        references: name of an image -> [H, W] or [H, W, 3] in [0, 1].
        tests: name of a candidate -> its images, under the same names and of the same shapes; values a little outside
            of [0, 1], as networks give them, are cut off.

    Raises:
        ValueError: no images, fewer than two candidates, one called "reference", an image that a candidate lacks, has
            in addition or has in another shape.

    Example:
        >>> grey = np.full((8, 8), 0.5, np.float32)
        >>> Material({"plain": grey}, {"darker": {"plain": grey - 0.1}, "lighter": {"plain": grey + 0.1}}).candidates
        ['darker', 'lighter']
    """

    references: dict = field(repr=False)
    tests: dict = field(repr=False)

    def __post_init__(self):
        if not self.references or len(self.tests) < 2 or REFERENCE in self.tests:
            raise ValueError(
                f"material: needs at least one reference and two candidates not called {REFERENCE!r}, got "
                f"{len(self.references)} and {', '.join(self.tests) or 'none'}"
            )
        checked = {name: check_image(image, name) for name, image in self.references.items()}
        object.__setattr__(self, "references", checked)
        object.__setattr__(self, "tests", {name: self._of(name, made) for name, made in self.tests.items()})

    def _of(self, candidate, made):
        if set(made) != set(self.references):
            raise ValueError(
                f"material: {candidate} must have the images {', '.join(self.references)}; missing are "
                f"{sorted(set(self.references) - set(made))}, unknown are {sorted(set(made) - set(self.references))}"
            )
        checked = {}
        for name, reference in self.references.items():
            image = np.asarray(made[name])
            image = np.clip(image, 0, 1) if np.issubdtype(image.dtype, np.floating) else image
            image = check_image(image, f"{candidate}/{name}")
            if image.shape != reference.shape:
                raise ValueError(
                    f"material: {candidate}/{name} has shape {image.shape}, its reference {reference.shape}; images "
                    "that alternate on a screen must be of one size"
                )
            checked[name] = image
        return checked

    @property
    def images(self):
        """Names of the images."""
        return list(self.references)

    @property
    def candidates(self):
        """Names of the candidates."""
        return list(self.tests)

    def measured(self, metric):
        """A metric's value for every image and candidate, array [images, candidates].

        Args:
            metric: a name out of ``losses.METRICS``.
        """
        rows = []
        for name, reference in self.references.items():
            tests = to_tensor([as_rgb(self.tests[candidate][name]) for candidate in self.candidates])
            same = to_tensor(as_rgb(reference)).expand_as(tests)
            rows.append(losses.measure(same, tests, (metric,), data_range=1.0).values[:, 0])
        return np.array(rows)

    def distances(self, metric):
        """As :meth:`measured`, with the sign turned where more is better: the lower the better for every metric."""
        return self.measured(metric) * (1 if losses.METRICS[metric].better == "lower" else -1)

    def write(self, folder):
        """Write all images as PNG: FOLDER/reference/NAME.png and FOLDER/CANDIDATE/NAME.png; for other programs."""
        for candidate, made in {REFERENCE: self.references, **self.tests}.items():
            place = Path(folder) / candidate
            place.mkdir(parents=True, exist_ok=True)
            for name, image in made.items():
                Image.fromarray(to_uint8(image)).save(place / f"{name}.png")


def read_folder(folder):
    """The images of a study from a folder: FOLDER/reference/NAME.png and FOLDER/CANDIDATE/NAME.png.

    Args:
        folder: holds one folder called "reference" and one per candidate, with images of the same names and sizes.

    Returns:
        A :class:`Material`; the candidates in alphabetical order.

    Raises:
        FileNotFoundError: no such folder, or none called "reference" in it.
        ValueError: as :class:`Material`.
    """
    folder = Path(folder).expanduser()
    if not (folder / REFERENCE).is_dir():
        raise FileNotFoundError(
            f"material: there is no folder {folder / REFERENCE}; expected FOLDER/{REFERENCE}/NAME.png and "
            "FOLDER/CANDIDATE/NAME.png for every candidate"
        )
    found = {
        place.name: {path.stem: read_image(path) for path in files(place)}
        for place in sorted(folder.iterdir())
        if place.is_dir() and not hidden(place.name)
    }
    return Material(found.pop(REFERENCE), found)
