"""A character model that others trained: textgenrnn, rebuilt from its arrays in our cell.

M. Woolf, textgenrnn 2.0.0 (MIT), https://github.com/minimaxir/textgenrnn: 465 symbols, an embedding of 100 numbers, two
LSTM layers of 128, and a weighted mean over the last 40 steps of embedding and both layers, from which a linear layer
scores the next symbol. Nothing of the package is executed; ``python -m kryptonlib data`` fetches its arrays.
"""

import functools
import json
from typing import NamedTuple

import h5py
import numpy as np
import torch

from kryptonlib import store
from kryptonlib.sequences import cells
from kryptonlib.sequences.characters import with_temperature

WEIGHTS, VOCABULARY = "textgenrnn/textgenrnn_weights.hdf5", "textgenrnn/textgenrnn_vocab.json"
CONTEXT = 40
"""Symbols that the model sees at most."""
START = "<s>"
"""The symbol before a text begins; the number 0 fills what is missing of the context at its left."""
LAYERS = ("rnn_1", "rnn_2")


class Arrays(NamedTuple):
    """The model: ``symbols`` (text -> number), ``embedding`` [465, 100], two ``layers`` of ``cells.Weights``,
    ``attention`` [356], ``kernel`` [356, 465], ``bias`` [465]."""

    symbols: dict
    embedding: torch.Tensor
    layers: tuple
    attention: torch.Tensor
    kernel: torch.Tensor
    bias: torch.Tensor


def from_cudnn(kernel, recurrent, bias):
    """An LSTM layer of Keras' CuDNNLSTM as ``cells.Weights``.

    Its files hold the four gates beside each other, in torch's order i, f, c, o. Each input block [I, H] was written as
    a transposed matrix read in the other order, so it is undone likewise; each recurrent block is transposed.

    Args:
        kernel: [I, 4 H].
        recurrent: [H, 4 H].
        bias: [8 H], that of the inputs, then that of the state.

    Raises:
        ValueError: shapes that do not belong together.
    """
    hidden = len(recurrent)
    if kernel.shape[1] != 4 * hidden or recurrent.shape != (hidden, 4 * hidden) or bias.shape != (8 * hidden,):
        raise ValueError(
            f"from_cudnn() got {kernel.shape}, {recurrent.shape}, {bias.shape}; expected [I, 4 H], [H, 4 H], [8 H]"
        )
    inputs = [block.T.reshape(block.shape, order="F") for block in np.split(kernel, 4, axis=1)]
    states = [block.T for block in np.split(recurrent, 4, axis=1)]
    parts = (
        np.concatenate(inputs, axis=1).T,
        np.concatenate(states, axis=1).T,
        *np.split(bias, 2),
    )
    return cells.Weights(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))


@functools.cache
def load():
    """The arrays of the package.

    Raises:
        FileNotFoundError: it was not fetched; the message names the command.
    """
    symbols = json.loads(store.path(VOCABULARY).read_text(encoding="utf-8"))
    with h5py.File(store.path(WEIGHTS), "r") as file:
        arrays = {}
        for layer in file.attrs["layer_names"].astype(str):
            for name in file[layer].attrs["weight_names"].astype(str):
                arrays[name.removesuffix(":0")] = np.array(file[layer][name])
    parts = ("kernel", "recurrent_kernel", "bias")
    layers = tuple(from_cudnn(*(arrays[f"{layer}/{part}"] for part in parts)) for layer in LAYERS)
    plain = ("embedding/embeddings", "attention/attention_W", "output/kernel", "output/bias")
    embedding, attention, kernel, bias = (torch.from_numpy(arrays[name]) for name in plain)
    return Arrays({START: symbols[START], **symbols}, embedding, layers, attention[:, 0], kernel, bias)


def encode(text):
    """The numbers of a text's symbols, the start symbol before them: a list of ints.

    Raises:
        ValueError: a character that the model does not know.
    """
    symbols = load().symbols
    unknown = sorted(set(text) - set(symbols))
    if unknown:
        raise ValueError(f"textgenrnn does not know {unknown[0]!r}; it knows {len(symbols)} symbols, letters and signs")
    return [symbols[START], *(symbols[character] for character in text)]


class Trace(NamedTuple):
    """What happens over T symbols: for each layer the gates i, f, g, o and the cell c, name -> [T, 128]."""

    layers: tuple


def run(codes):
    """Both layers over a context.

    Args:
        codes: numbers of symbols.

    Returns:
        (features [T, 356]: embedding and both layers' outputs, ``Trace``).
    """
    arrays = load()
    x = arrays.embedding[torch.tensor(codes)]
    features, traces = [x], []
    for weights in arrays.layers:
        (h, c), steps = cells.zero_state("LSTM", 1, weights.weight_hh.shape[1]), []
        for value in features[-1]:
            i, f, g, o = cells.lstm_gates(value[None], h, weights)
            h, c = cells.lstm_step(value[None], (h, c), weights)
            steps.append(torch.cat([i, f, g, o, c, h]))
        steps = torch.stack(steps)
        traces.append(dict(zip("ifgoc", steps.unbind(1))))
        features.append(steps[:, 5])
    return torch.cat(features, dim=1), Trace(tuple(traces))


def scores(codes):
    """What the model says of the next symbol: (logarithms of probabilities [465], attention over the context [40])."""
    arrays = load()
    context = ([0] * CONTEXT + list(codes))[-CONTEXT:]
    features, _ = run(context)
    attention = torch.softmax(features @ arrays.attention, dim=0)
    return torch.log_softmax((attention @ features) @ arrays.kernel + arrays.bias, dim=0), attention


def gates(text):
    """The gates over a text from its start: a ``Trace`` over its symbols, the start symbol first."""
    return run(encode(text))[1]


def letters_so_far(text):
    """How many letters the word has so far, after every character: int [T].

    Example:
        >>> letters_so_far("to be").tolist()
        [1, 2, 0, 1, 2]
    """
    counts = []
    for character in text:
        counts.append((counts[-1] if counts else 0) + 1 if character.isalpha() else 0)
    return np.array(counts)


def following(text, layer=0):
    """Correlation of every cell of a layer with ``letters_so_far`` over a text, [128]; 0 for one that never changes."""
    values = gates(text).layers[layer]["c"][1:].T.numpy()
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.corrcoef(values, letters_so_far(text))[-1, :-1])


def generate(count, temperature=1.0, *, start="", seed=0):
    """Write on, as ``characters.generate`` does; a text that ends (the start symbol comes again) is left there.

    Args:
        count: most symbols to add.
        temperature: 0 takes the most probable symbol.
        start: the text to begin with; it may be empty.
        seed: of the draws.

    Returns:
        The added text.
    """
    symbols = load().symbols
    names = {number: symbol for symbol, number in symbols.items()}
    random, codes, written = np.random.default_rng(seed), encode(start), ""
    for _ in range(count):
        found, _ = scores(codes)
        found[0] = -torch.inf  # the filling is no symbol
        shares = with_temperature(found, temperature).cumsum()
        code = min(int(np.searchsorted(shares, random.random(), side="right")), len(shares) - 1)
        if code == symbols[START]:
            break
        codes.append(code)
        written += names[code]
    return written
