"""Which pairs an observer is shown, in what order: random, blinded, and the same again after a closed tab."""

import hashlib
import itertools
import random
import re
import secrets
from dataclasses import dataclass

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,39}")
"""What a pseudonym or a study may be called: 2 to 40 letters, digits, "-" and "_"."""
_ANIMALS = (
    "badger beetle bison crane curlew dunlin eider ferret gannet heron ibis jackdaw kestrel lapwing marten newt "
    "osprey otter plover quail raven robin salmon stoat tern viper weasel wren"
).split()


@dataclass(frozen=True)
class Trial:
    """One question to an observer: which of two candidates is closer to the reference?

    Attributes:
        number: place in the observer's order, from 0.
        image: name of the image.
        first, second: the candidates behind the keys A and B; the observer must not see these names.
    """

    number: int
    image: str
    first: str
    second: str

    def candidate(self, key):
        """The candidate behind "A" or "B"."""
        if key not in ("A", "B"):
            raise ValueError(f"a vote must be 'A' or 'B', got {key!r}")
        return self.first if key == "A" else self.second


def pseudonym():
    """A random name for an observer, such as "otter-4821": nothing leads from it to the person."""
    return f"{secrets.choice(_ANIMALS)}-{secrets.randbelow(9000) + 1000}"


def check_name(what, name):
    """Raise unless ``name`` can stand in a file name and a CSV."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"{what} must be 2 to 40 letters, digits, '-' or '_', such as 'otter-4821', got {name!r}")


def draw(images, candidates, *, study, observer, count=None):
    """The trials of one observer: every pair of candidates on every image, in random order, sides exchanged at random.

    The order follows from the study's and the observer's names alone, so that a session can be taken up again.

    Args:
        images: names of the images.
        candidates: names of what is compared, at least 2.
        study: name of the study.
        observer: the observer's pseudonym, see :func:`pseudonym`.
        count: how many trials; None is all. Fewer are spread evenly: no pair is asked for the (k + 1)th time before all
            were k times.

    Returns:
        A list of :class:`Trial`.

    Raises:
        ValueError: names that are missing, double or not usable; a count of which there are not enough trials.

    Example:
        >>> trials = draw(["parrots"], ["l1", "l2", "flip"], study="kodak", observer="otter-4821")
        >>> len(trials), {trial.image for trial in trials}
        (3, {'parrots'})
    """
    check_name("the study's name", study)
    check_name("an observer's pseudonym", observer)
    images, candidates = list(images), list(candidates)
    for what, names, least in (("images", images, 1), ("candidates", candidates, 2)):
        if len(set(names)) != len(names) or len(names) < least or not all(isinstance(n, str) and n for n in names):
            raise ValueError(f"draw: {what} must be at least {least} different names, got {names!r}")
    chance = random.Random(hashlib.sha256(f"{study}/{observer}".encode()).digest())
    pairs = list(itertools.combinations(candidates, 2))
    # Each round asks for every pair once, each on another image than in the rounds before.
    starts = {pair: chance.sample(images, len(images)) for pair in pairs}
    rounds = [chance.sample([(starts[pair][turn], pair) for pair in pairs], len(pairs)) for turn in range(len(images))]
    asked = [question for turn in rounds for question in turn]
    count = len(asked) if count is None else count
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= len(asked):
        raise ValueError(f"draw: count must be from 1 to {len(asked)}, the number of pairs times images, got {count!r}")
    asked = asked[:count]
    chance.shuffle(asked)
    return [Trial(number, image, *chance.sample(pair, 2)) for number, (image, pair) in enumerate(asked)]
