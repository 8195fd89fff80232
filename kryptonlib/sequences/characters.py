"""A model of text, character by character: at every step the probabilities of the next one.

A. Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015 (the tutorial slides' example); A.
Graves, "Generating sequences with recurrent neural networks", 2013, https://arxiv.org/abs/1308.0850.
"""

import math
import re
from collections import Counter

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from kryptonlib import store
from kryptonlib.choices import check_choice
from kryptonlib.sequences import cells, numpy_text
from kryptonlib.small_weights import read_small

CHECKPOINT = "characters-numpy"
WORD = "[a-z]{3,}"


class Model(nn.Module):
    """A recurrent layer of torch's on one-hot characters, and a linear layer to a score for each.

    The linear layer begins with zeros: then all characters have the same probability and the loss is ln V. The gate
    that keeps the state begins with a bias of 1.

    Args:
        alphabet: the V characters that it knows, each once.
        hidden: numbers in the state.
        kind: "RNN", "GRU" or "LSTM".
        seed: of the first weights.

    Example:
        >>> model = Model("helo", 3, "RNN")
        >>> round(float(model.loss(model.encode("hello"))), 4)
        1.3863
    """

    def __init__(self, alphabet, hidden, kind="LSTM", *, seed=0):
        super().__init__()
        check_choice("kind", kind, cells.GATES)
        if len(set(alphabet)) != len(alphabet) or len(alphabet) < 2:
            raise ValueError(f"Model() got the alphabet {alphabet!r}; expected at least two characters, each once")
        self.alphabet, self.codes = alphabet, {character: code for code, character in enumerate(alphabet)}
        self.recurrent = getattr(nn, kind)(len(alphabet), hidden)
        keep_bias = 1.0 if kind in cells.KEEPERS else None
        weights = cells.initial(kind, len(alphabet), hidden, seed=seed, keep_bias=keep_bias)
        self.recurrent.load_state_dict({f"{name}_l0": part for name, part in weights._asdict().items()})
        self.readout = nn.Linear(hidden, len(alphabet))
        for part in self.readout.parameters():
            nn.init.zeros_(part)

    def encode(self, text):
        """The characters of a text as numbers, int64 [T]."""
        unknown = sorted(set(text) - set(self.codes))
        if unknown:
            raise ValueError(f"the model does not know {unknown[0]!r}; it knows {''.join(self.alphabet)!r}")
        return torch.tensor([self.codes[character] for character in text], dtype=torch.int64)

    def forward(self, codes, state=None):
        """Scores of the character after each.

        Args:
            codes: int64 [T, N] or [T].
            state: of the recurrent layer, or None for zeros.

        Returns:
            (scores [T, N, V] or [T, V], the state after).
        """
        outputs, state = self.recurrent(functional.one_hot(codes, len(self.alphabet)).float(), state)
        return self.readout(outputs), state

    def loss(self, codes, state=None):
        """Mean of -ln p(next character) over a piece of text, int64 [T + 1, N] or [T + 1]: nats per character."""
        return self.loss_and_state(codes, state)[0]

    def loss_and_state(self, codes, state=None):
        """``loss``, and the state after all characters but the last, to go on from."""
        scores, state = self(codes[:-1], state)
        return functional.cross_entropy(scores.flatten(0, -2), codes[1:].flatten()), state


def trained():
    """The LSTM that ``python -m kryptonlib train characters-numpy`` trained on NumPy's documentation."""
    weights = read_small(store.CHECKPOINTS / f"{CHECKPOINT}.safetensors")
    model = Model(numpy_text.ALPHABET, weights["recurrent.weight_hh_l0"].shape[1])
    model.load_state_dict(weights)
    return model.requires_grad_(False)


def pieces(codes, length, count, generator):
    """Random pieces of a text: int64 [length + 1, count] of codes [T].

    Raises ValueError if the text is not longer than a piece.
    """
    if len(codes) <= length:
        raise ValueError(f"pieces() got a text of {len(codes)} characters; expected more than {length}")
    starts = torch.randint(len(codes) - length, (count,), generator=generator)
    return codes[starts + torch.arange(length + 1)[:, None]]


def train(model, text, steps, *, length=64, batch=32, rate=5e-3, seed=0, at=()):
    """Train a model on random pieces of a text with Adam, whose rate falls to 0 as a cosine.

    Args:
        model: ``Model``, changed in place.
        text: over its alphabet.
        steps: of Adam.
        length, batch: characters in a piece, pieces in a step.
        rate: at the start.
        seed: of the pieces.
        at: steps after which to look at it.

    Yields:
        (step, loss of that step's pieces before the update), for step 0 and those of ``at``; the model at that moment
        is as it was before the update.
    """
    codes, generator = model.encode(text), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    for step in range(steps + 1):
        loss = model.loss(pieces(codes, length, batch, generator))
        if step == 0 or step in at or step == steps:
            yield step, loss.item()
        if step < steps:
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()


@torch.no_grad()
def held_out_loss(model, text, length=1000):
    """Nats per character on a text, read from its start in pieces of at most ``length`` with the state carried on."""
    codes, state, total = model.encode(text), None, 0.0
    if len(codes) < 2:
        raise ValueError("held_out_loss() got a text of fewer than two characters")
    for start in range(0, len(codes) - 1, length):
        part = codes[start : start + length + 1]
        scores, state = model(part[:-1], state)
        total += float(functional.cross_entropy(scores, part[1:], reduction="sum"))
    return total / (len(codes) - 1)


def table_losses(train_text, test_text, alphabet, order):
    """Nats per character of tables of how often each character came after the k before it, k = 0 ... ``order``.

    One is shared out among all characters in proportion to the table of one order less (order 0: equally), so that what
    was never seen has a probability.

    Args:
        train_text: what the tables count.
        test_text: what they predict, from its character number ``order`` on.
        alphabet: the characters that occur.
        order: the longest context.

    Returns:
        A list of ``order`` + 1 numbers.
    """
    if order < 0 or len(test_text) <= order:
        raise ValueError(
            f"table_losses() got order={order}; expected 0 up to below the text's length, {len(test_text)}"
        )
    tables = []
    for size in range(order + 1):
        pairs = Counter(train_text[i : i + size + 1] for i in range(len(train_text) - size))
        tables.append((pairs, Counter(train_text[i : i + size] for i in range(len(train_text) - size))))
    totals = [0.0] * (order + 1)
    for i in range(order, len(test_text)):
        found = 1 / len(alphabet)
        for size, (pairs, contexts) in enumerate(tables):
            before = test_text[i - size : i]
            found = (pairs[before + test_text[i]] + found) / (contexts[before] + 1)
            totals[size] -= math.log(found)
    return [total / (len(test_text) - order) for total in totals]


def word_shares(text, known_text):
    """(share that occurs in ``known_text``, share of different ones) of a text's words of three letters or more.

    Example:
        >>> word_shares("the array the arrab", "An array is the one")
        (0.75, 0.75)
    """
    known, words = set(re.findall(WORD, known_text.lower())), re.findall(WORD, text.lower())
    if not words:
        raise ValueError("word_shares() got a text without words of three letters")
    return sum(word in known for word in words) / len(words), len(set(words)) / len(words)


def with_temperature(scores, temperature):
    """softmax(scores / temperature): below 1 the probable gets more probable, above 1 all come closer to each other.

    Args:
        scores: array or tensor [..., V].
        temperature: positive; 0 puts all on the highest score.

    Returns:
        NumPy array of float64, [..., V].

    Example:
        >>> with_temperature([0.0, np.log(3)], 1.0)
        array([0.25, 0.75])
    """
    scores = np.asarray(scores.detach() if isinstance(scores, torch.Tensor) else scores, dtype=float)
    if not temperature >= 0 or math.isinf(temperature):
        raise ValueError(f"temperature must be a finite number of at least 0, got {temperature!r}")
    if temperature == 0:
        return np.eye(scores.shape[-1])[scores.argmax(-1)]
    scaled = (scores - scores.max(-1, keepdims=True)) / temperature
    return np.exp(scaled) / np.exp(scaled).sum(-1, keepdims=True)


@torch.no_grad()
def generate(model, start, count, temperature=1.0, seed=0):
    """Write on: each character is drawn with the model's probabilities and read as the next input.

    Args:
        model: ``Model``.
        start: the text to begin with, at least one character.
        count: characters to add.
        temperature: as for ``with_temperature``; 0 always takes the most probable.
        seed: of the draws.

    Returns:
        The added characters as a string.
    """
    if not start:
        raise ValueError("generate() got no text to begin with; give at least one character")
    random, codes, state, written = np.random.default_rng(seed), model.encode(start), None, []
    for _ in range(count):
        scores, state = model(codes, state)
        shares = with_temperature(scores[-1], temperature).cumsum()
        code = min(int(np.searchsorted(shares, random.random(), side="right")), len(shares) - 1)
        written.append(model.alphabet[code])
        codes = torch.tensor([code])
    return "".join(written)


@torch.no_grad()
def next_probabilities(model, text, temperature=1.0):
    """The probability of every character of the alphabet after a text, NumPy array [V]."""
    if not text:
        raise ValueError("next_probabilities() got no text; give at least one character")
    return with_temperature(model(model.encode(text))[0][-1], temperature)
