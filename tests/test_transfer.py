"""The five learners of the transfer experiment, and the drawings of filters, answers and bands."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from kryptonlib import anatomy
from kryptonlib.anatomy import drawing, transfer

SIDE = 16


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def digits():
    return transfer.digits(SIDE, held_out=20, seed=0)


def pretrained():
    torch.manual_seed(7)
    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 2), nn.ReLU()).eval()


def test_the_parts_are_apart_and_balanced(digits):
    assert digits.pictures.shape == (1797, 3, SIDE, SIDE)
    parts = [digits.choosing, digits.testing, *digits.rest]
    assert sorted(np.concatenate(parts)) == list(range(1797))
    for part in (digits.choosing, digits.testing, digits.draw(3, np.random.default_rng(0))):
        counts = np.bincount(digits.classes[part])
        assert len(counts) == 10 and len(set(counts)) == 1


def test_draws_come_from_the_rest_and_differ(digits):
    one, other = (digits.draw(2, np.random.default_rng(seed)) for seed in (0, 1))
    assert set(one) <= set(np.concatenate(digits.rest)) and set(one) != set(other)
    assert len(set(one)) == 20


def test_pictures_are_the_digits_enlarged_and_normalised(digits):
    """Without enlarging: grey in all three channels, from 0 to 1, once ImageNet's scale is taken out."""
    small = transfer.digits(8, held_out=20, seed=0).pictures
    assert small.shape[2:] == (8, 8)
    scale, shift = (torch.tensor(v).view(3, 1, 1) for v in ([0.229, 0.224, 0.225], [0.485, 0.456, 0.406]))
    restored = small * scale + shift
    assert torch.allclose(restored[:, 0], restored[:, 2], atol=1e-5)
    assert float(restored.min()) == pytest.approx(0, abs=1e-5) and float(restored.max()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", transfer.LEARNERS)
def test_a_learner_trains_what_its_name_says(kind):
    source = pretrained()
    trunk, head = transfer.learner(kind, source, SIDE, seed=1)
    logits = head(trunk(torch.randn(4, 3, SIDE, SIDE)))
    assert logits.shape == (4, 10) and (logits == 0).all()
    assert all(parameter.requires_grad for parameter in head.parameters())
    assert all(p.requires_grad == (kind in ("tuned", "scratch")) for p in trunk.parameters())
    same = [torch.equal(p, q) for p, q in zip(trunk.parameters(), source.parameters())]
    if kind != "pixels":
        assert len(same) == 4 and all(same) == any(same) == (kind in ("frozen", "tuned"))
    assert not any(p.data_ptr() == q.data_ptr() for p in trunk.parameters() for q in source.parameters())


def test_random_weights_follow_the_seed_and_leave_torchs_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, again, other = (transfer.learner("random", pretrained_quietly(), SIDE, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one[0].weight, again[0].weight) and not torch.equal(one[0].weight, other[0].weight)


def pretrained_quietly():
    with torch.random.fork_rng():
        return pretrained()


def test_filters_lie_in_rows_scaled_around_grey():
    weight = np.zeros((3, 3, 2, 2))
    weight[:, :, 0, 0], weight[0, :, 1, 1] = [[1] * 3, [5] * 3, [-2] * 3], -1
    sheet = drawing.filters(weight, columns=2, gap=1, side=2)
    assert sheet.shape == (8, 8, 3)
    assert sheet[1, 1].tolist() == [1, 1, 1] and sheet[2, 2].tolist() == [0, 0, 0] and sheet[1, 2].tolist() == [0.5] * 3
    assert sheet[5, 1].tolist() == [0, 0, 0] and sheet[6, 6].tolist() == [1, 1, 1]  # an empty place is white


def test_answers_show_the_most_varied_maps_and_the_field():
    net = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, bias=False)).eval()
    table = anatomy.layers(net, (3, 9, 9))
    maps = {"0": np.stack([np.zeros((9, 9)), np.eye(9), 5 * np.eye(9)])}
    figure = drawing.answers(np.zeros((9, 9, 3)), table, maps, {"first": "0"}, channels=2)
    assert figure.axes[0].get_title() == "first: 3 px"
    assert figure.axes[1].images[0].get_array().max() == 5 and figure.axes[2].images[0].get_array().max() == 1
    box = figure.axes[0].patches[0]
    assert (box.get_x(), box.get_width()) == (2.5, 3)


def test_band_is_the_middle_and_the_range():
    _, axes = plt.subplots()
    drawing.band(axes, [0, 1], [[1, 4], [2, 5], [6, 6]], index=0, label="x", middle=np.median)
    assert axes.lines[0].get_ydata().tolist() == [2, 5]
    corners = axes.collections[0].get_paths()[0].vertices
    assert corners[:, 1].min() == 1 and corners[:, 1].max() == 6


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: transfer.digits(20, 10, 0), "multiple of 8"),
        (lambda: transfer.digits(8, 100, 0), "leave digits to train with"),
        (lambda: transfer.learner("froze", None, SIDE, 0), "did you mean frozen"),
        (lambda: drawing.filters(np.zeros((2, 1, 3, 3))), r"\[F, 3, k, k\]"),
        (lambda: drawing.filters(np.zeros((2, 3, 3, 3))), "filter 0 is zero everywhere"),
        (lambda: drawing.band(None, [0, 1], [1, 2], index=0, label=""), "needs draws"),
        (lambda: drawing.answers(None, None, {}, {"a": "b"}), "needs layers of the network"),
    ],
)
def test_bad_input_is_refused_with_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_too_many_or_too_few_labels_are_refused(digits):
    for labels in (0, 1000):
        with pytest.raises(ValueError, match="labels must be 1 to"):
            digits.draw(labels, np.random.default_rng(0))
