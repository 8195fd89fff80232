"""textgenrnn's layers in our cell: Keras' order of the weights, torch's LSTM, and what the model says."""

import numpy as np
import pytest
import torch
from torch import nn

from kryptonlib.sequences import cells, textgenrnn


def test_weights_come_out_of_cudnns_order():
    """Written as Keras writes cuDNN's: the memory of an input block [H, I], taken for [I, H]; a state block as it
    is."""
    rng = np.random.default_rng(0)
    truth = cells.Weights(*(torch.from_numpy(rng.normal(size=shape)) for shape in ((20, 3), (20, 5), (20,), (20,))))
    kernel = np.concatenate([block.numpy().reshape(3, 5) for block in truth.weight_ih.split(5)], axis=1)
    recurrent = np.concatenate([block.numpy() for block in truth.weight_hh.split(5)], axis=1)
    found = textgenrnn.from_cudnn(kernel, recurrent, np.concatenate([truth.bias_ih.numpy(), truth.bias_hh.numpy()]))
    for mine, its in zip(found, truth):
        assert torch.equal(mine, its)


def test_both_layers_equal_torchs():
    arrays, codes = textgenrnn.load(), textgenrnn.encode("It rains today.")
    features, trace = textgenrnn.run(codes)
    x = arrays.embedding[torch.tensor(codes)]
    torch.testing.assert_close(features[:, :100], x)
    for place, weights in enumerate(arrays.layers):
        module = nn.LSTM(x.shape[1], 128)
        module.load_state_dict({f"{name}_l0": part for name, part in weights._asdict().items()})
        x, (_, c) = module(x)
        torch.testing.assert_close(features[:, 100 + 128 * place : 228 + 128 * place], x.detach(), rtol=0, atol=1e-5)
        torch.testing.assert_close(trace.layers[place]["c"][-1], c[0].detach(), rtol=0, atol=1e-4)
        assert all(0 <= trace.layers[place][gate].min() and trace.layers[place][gate].max() <= 1 for gate in "ifo")


def test_it_writes_english_and_attention_is_a_mean():
    scores, attention = textgenrnn.scores(textgenrnn.encode("The weather is nic"))
    assert scores.argmax() == textgenrnn.load().symbols["e"] and float(scores.exp()[scores.argmax()]) > 0.8
    assert float(scores.exp().sum()) == pytest.approx(1, rel=1e-5) and scores.shape == (465,)
    assert float(attention.sum()) == pytest.approx(1, rel=1e-5) and attention.shape == (40,)
    start = "The weather is nic"
    assert textgenrnn.generate(1, 0, start=start) == "e"
    assert textgenrnn.generate(12, 0.5, seed=2) == textgenrnn.generate(12, 0.5, seed=2)


def test_only_the_last_forty_symbols_count():
    first, second = ("The weather is fine, but " * 3 + "x" * 40, "y" * 50 + "x" * 40)
    torch.testing.assert_close(*(textgenrnn.scores(textgenrnn.encode(text))[0] for text in (first, second)))


def test_bad_input():
    with pytest.raises(ValueError, match="does not know"):
        textgenrnn.encode("\0")
    with pytest.raises(ValueError, match=r"\[I, 4 H\]"):
        textgenrnn.from_cudnn(np.zeros((3, 21)), np.zeros((5, 20)), np.zeros(40))


def test_letters_and_who_follows_them():
    assert textgenrnn.letters_so_far("It's a dog.").tolist() == [1, 2, 0, 1, 0, 1, 0, 1, 2, 3, 0]
    text = "One unit of the first layer counts letters."
    found = textgenrnn.following(text)
    values = textgenrnn.gates(text).layers[0]["c"][1:, 7].numpy()
    expected = np.corrcoef(values, textgenrnn.letters_so_far(text))[0, 1]
    assert found[7] == pytest.approx(expected) and found.shape == (128,)
