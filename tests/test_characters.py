"""The character model, its text, temperature, tables, and the study that trains it."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from kryptonlib import store
from kryptonlib.sequences import cells, characters, numpy_text
from kryptonlib.training import characters as study
from kryptonlib.training.loop import Loop
from kryptonlib.training.study import Options


def random_model(kind="LSTM", alphabet="abcde", hidden=6):
    model = characters.Model(alphabet, hidden, kind, seed=1)
    torch.manual_seed(0)
    nn.init.normal_(model.readout.weight)
    return model.requires_grad_(False)


@pytest.mark.parametrize("kind", cells.GATES)
def test_the_model_is_our_cell_and_a_linear_layer(kind):
    model = random_model(kind)
    codes = model.encode("abacedb")
    x = nn.functional.one_hot(codes, 5).float()[:, None]
    outputs, _ = cells.unroll(kind, x, cells.from_torch(model.recurrent))
    scores, state = model(codes)
    torch.testing.assert_close(scores, model.readout(outputs)[:, 0], rtol=0, atol=1e-6)
    first, halfway = model(codes[:3])
    torch.testing.assert_close(torch.cat([first, model(codes[3:], halfway)[0]]), scores, rtol=0, atol=1e-6)
    log_p = torch.log_softmax(scores[:-1], 1)[range(6), codes[1:]]
    assert float(model.loss(codes)) == pytest.approx(-float(log_p.mean()), rel=1e-5)
    assert characters.held_out_loss(model, "abacedb", length=2) == pytest.approx(float(model.loss(codes)), rel=1e-5)


def test_the_slides_model_starts_at_ln_4_and_learns_hello():
    model = characters.Model("helo", 3, "RNN", seed=0)
    steps = dict(characters.train(model, "hello", 300, length=4, batch=1, rate=0.1))
    assert steps[0] == pytest.approx(math.log(4)) and steps[300] < 0.05
    assert characters.generate(model, "h", 4, temperature=0) == "ello"


def test_pieces_lie_in_the_text():
    codes = torch.arange(20)
    found = characters.pieces(codes, 4, 500, torch.Generator().manual_seed(0))
    assert found.shape == (5, 500) and (found.diff(dim=0) == 1).all()
    assert set(found[0].tolist()) == set(range(16))


def test_temperature():
    scores = np.log([0.1, 0.2, 0.7])
    np.testing.assert_allclose(characters.with_temperature(scores, 1), [0.1, 0.2, 0.7])
    np.testing.assert_allclose(characters.with_temperature(scores + 1000, 0.5), np.array([1, 4, 49]) / 54)
    np.testing.assert_allclose(characters.with_temperature(torch.tensor(scores), 0), [0, 0, 1])
    np.testing.assert_allclose(characters.with_temperature(scores, 1e9), [1 / 3] * 3, rtol=1e-6)
    for wrong in (-1, math.nan, math.inf):
        with pytest.raises(ValueError, match="temperature"):
            characters.with_temperature(scores, wrong)


def test_drawn_characters_have_the_models_probabilities():
    model = random_model(hidden=3)
    expected = characters.next_probabilities(model, "ab", 0.7)
    drawn = [characters.generate(model, "ab", 1, 0.7, seed) for seed in range(1500)]
    shares = np.array([drawn.count(character) for character in model.alphabet]) / 1500
    assert np.abs(shares - expected).max() < 4 * 0.5 / 1500**0.5
    assert characters.generate(model, "ab", 9, 0.7, 3) == characters.generate(model, "ab", 9, 0.7, 3)
    assert characters.generate(model, "ab", 1, 0) == model.alphabet[expected.argmax()]


def test_tables_by_hand():
    """Order 0 of "aab" over "abc": p(a) = (2 + 1/3) / 4; order 1 after a: a once, b once in two."""
    p = (2 + 1 / 3) / 4, (1 + 1 / 3) / 4
    assert characters.table_losses("aab", "ab", "abc", 0) == pytest.approx([-(math.log(p[0]) + math.log(p[1])) / 2])
    assert characters.table_losses("aab", "ab", "abc", 1) == pytest.approx([-math.log(p[1]), -math.log((1 + p[1]) / 3)])


def test_tables_are_probabilities():
    text = "the cat sat on the mat"
    losses = np.array([characters.table_losses(text, "at" + last, " acehmnost", 2) for last in " acehmnost"])
    np.testing.assert_allclose(np.exp(-losses).sum(0), 1)


def test_numpys_text():
    train, test = numpy_text.text("train"), numpy_text.text("test")
    assert len(train) > 5 * len(test) > 100_000 and set(train + test) <= set(numpy_text.ALPHABET)
    documents = numpy_text.documents()
    assert len(set(documents)) == len(documents) and test == "\n\n\n".join(documents[9::10])
    assert train.startswith(documents[0]) and not any(document in train for document in documents[9::10])
    assert np.mean.__doc__.strip().splitlines()[0] in train + test
    with pytest.raises(ValueError, match="'train' or 'test'"):
        numpy_text.text("all")


def test_without_documentation_strings_the_remedy_is_named(monkeypatch):
    numpy_text.documents.cache_clear()
    monkeypatch.setattr(numpy_text.np, "__all__", ["mean", "pi"])
    with pytest.raises(ValueError, match="-OO"):
        numpy_text.documents()
    numpy_text.documents.cache_clear()


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: characters.Model("aab", 3), "each once"),
        (lambda: characters.Model("ab", 3, "ESN"), "ESN"),
        (lambda: random_model().encode("xyz"), "does not know 'x'"),
        (lambda: characters.generate(random_model(), "", 3), "at least one"),
        (lambda: characters.next_probabilities(random_model(), ""), "at least one"),
        (lambda: characters.pieces(torch.arange(5), 5, 1, None), "more than 5"),
        (lambda: characters.held_out_loss(random_model(), "a"), "fewer than two"),
        (lambda: characters.table_losses("aab", "a", "ab", 1), "expected 0 up to"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.fixture
def tiny_text(monkeypatch):
    monkeypatch.setattr(numpy_text, "text", lambda split: "array of shape (M, N)\n" * (40 if split == "train" else 4))
    monkeypatch.setattr(study, "HIDDEN", 8)


def test_a_training_that_was_stopped_ends_as_one_that_was_not(tiny_text, tmp_path):
    def trained(folder, stops):
        for stop in stops:
            options = Options(tmp_path / folder, steps=6)
            loop = Loop(study.Characters(options), options, tmp_path / folder)
            while loop.step < stop:
                loop._learn()
            loop._save()
        return loop.study.weights()

    whole, halves = trained("whole", [6]), trained("halves", [3, 6])
    assert all(torch.equal(whole[name], halves[name]) for name in whole)


def test_the_study_learns_and_its_card_says_what_it_is(tiny_text, tmp_path):
    made = study.Characters(Options(tmp_path, steps=60))
    before = made.measure()["test"]
    losses = [made.learn(step, 1.0)["train"] for step in range(60)]
    assert before == pytest.approx(math.log(96), rel=1e-5) and losses[-1] < 0.9 * losses[0]
    facts = made.facts(True)
    assert facts["data"][0]["licence"] == "BSD-3-Clause" and facts["held_out"]["nats_per_character"] < before


def test_the_shipped_checkpoint_belongs_to_its_card():
    folder = store.CHECKPOINTS
    card = json.loads((folder / f"{study.Characters.name}.json").read_text(encoding="utf-8"))
    file = folder / card["file"]["name"]
    assert store.sha256(file) == card["file"]["sha256"] and file.stat().st_size < 2**20
    model = characters.trained()
    assert card["parameters"] == sum(part.numel() for part in model.parameters())
    text = numpy_text.text("test")[:3000]
    tables = characters.table_losses(numpy_text.text("train"), text, numpy_text.ALPHABET, 1)
    assert characters.held_out_loss(model, text) < tables[1]


def test_word_shares():
    assert characters.word_shares("The cat, the bat; a ox", "cat the\nhat") == (3 / 4, 3 / 4)
    with pytest.raises(ValueError, match="without words"):
        characters.word_shares("a b c", "cat")
