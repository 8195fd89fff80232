"""Prediction difference analysis against a plain loop, and its draws against the formulas of a normal distribution."""

import numpy as np
import pytest
import torch
from test_incremental import seeded
from torch import nn

from kryptonlib.occlusion import Surroundings, prediction_difference
from kryptonlib.occlusion.prediction_difference import log_odds_of_mean


def network(outputs=3):
    layers = [nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, outputs)]
    return seeded(nn.Sequential(*layers))


def picture(seed=0, size=(11, 13)):
    noise = np.random.default_rng(seed).standard_normal((1, 2, *size)).cumsum(2).cumsum(3)
    return torch.from_numpy(noise / np.abs(noise).max())


def prior(**settings):
    return Surroundings([picture(1), picture(2)], **{"patch": (3, 2), "border": 1, "count": 400, **settings})


def test_map_equals_a_plain_loop():
    net, image, filler = network().double(), picture(), prior()
    heat = prediction_difference(net, image, filler, stride=(2, 3), target=1, draws=4, seed=7)
    assert heat.values.shape == (5, 4)
    number = 0
    for i, top in enumerate(range(0, 9, 2)):
        for j, left in enumerate(range(0, 12, 3)):
            chances = []
            for fill in filler.draw(image, top, left, 4, (7, number)):
                covered = image.clone()
                covered[0, :, top : top + 3, left : left + 2] = fill
                chances.append(net(covered).softmax(1)[0, 1].item())
            number += 1
            mean = np.mean(chances)
            assert heat.values[i, j] == pytest.approx(np.log(mean / (1 - mean)), rel=1e-9, abs=1e-9)
    clean = net(image).softmax(1)[0, 1].item()
    assert heat.baseline == pytest.approx(np.log(clean / (1 - clean)), rel=1e-9)
    assert heat.info == {"passes": 80, "draws": 4}
    np.testing.assert_array_equal(
        heat.values, prediction_difference(net, image, filler, stride=(2, 3), target=1, draws=4, seed=7).values
    )
    other = prediction_difference(net, image, filler, stride=(2, 3), target=1, draws=4, seed=8)
    assert not np.array_equal(heat.values, other.values)


@pytest.mark.parametrize("top, left", [(4, 5), (0, 5), (4, 0), (8, 11), (0, 11)])
def test_draws_follow_the_conditional_normal_distribution(top, left):
    """Textbook formulas with an explicit inverse, for the joint distribution sorted into (patch, ring)."""
    image, filler = picture(), prior()
    filler.low, filler.high = torch.full((2,), -torch.inf).double(), torch.full((2,), torch.inf).double()
    corner = min(max(top - 1, 0), 11 - 5), min(max(left - 1, 0), 13 - 4)
    order, ring_values = [], []
    for inside in (True, False):
        for c in range(2):
            for y in range(5):
                for x in range(4):
                    in_patch = 0 <= corner[0] + y - top < 3 and 0 <= corner[1] + x - left < 2
                    if in_patch == inside:
                        order.append(c * 20 + y * 4 + x)
                        if not inside:
                            ring_values.append(image[0, c, corner[0] + y, corner[1] + x].item())
    covariance = filler.covariance.numpy()[np.ix_(order, order)]
    mean = filler.mean.numpy()[order]
    precision = np.linalg.inv(covariance)  # of the joint: its patch block is the inverse of the conditional covariance
    expected_covariance = np.linalg.inv(precision[:12, :12])
    expected_mean = mean[:12] - expected_covariance @ precision[:12, 12:] @ (np.array(ring_values) - mean[12:])
    drawn = filler.draw(image, top, left, 40000, 3).reshape(40000, 12).numpy()
    spread = np.sqrt(np.diag(expected_covariance))
    np.testing.assert_allclose(drawn.mean(0), expected_mean, rtol=0, atol=5 * spread.max() / 200)
    got = np.cov(drawn.T)
    np.testing.assert_allclose(got, expected_covariance, rtol=0, atol=0.04 * expected_covariance.max())


def test_a_patch_that_its_surroundings_determine_is_restored():
    """In planes every pixel is known from its neighbours, so that the draws return the hidden pixels."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:12, :12]
    planes = [a + b * rows / 12 + c * columns / 12 for a, b, c in rng.uniform(-1, 1, (60, 3))]
    images = [torch.from_numpy(np.stack([plane, -plane]))[None] for plane in planes]
    filler = Surroundings(images[1:], patch=3, border=2, count=2000)
    drawn = filler.draw(images[0], 4, 5, 400, 0)
    hidden = images[0][0, :, 4:7, 5:8]
    assert (drawn.mean(0) - hidden).abs().max() < 0.02 * hidden.abs().max()
    assert drawn.std(0).max() < 0.1


def test_draws_stay_in_the_range_of_the_images():
    filler = prior()
    drawn = filler.draw(picture(), 4, 5, 500, 0)
    for channel in range(2):
        values = torch.stack([picture(seed)[0, channel] for seed in (1, 2)])
        assert values.min() <= drawn[:, channel].min() and drawn[:, channel].max() <= values.max()


def test_log_odds_of_a_mean_stay_exact_near_one():
    logits = torch.tensor([[50.0, 0.0, 0.0], [51.0, 0.0, 0.0]])
    rest = np.mean([2 * np.exp(-50.0), 2 * np.exp(-51.0)])
    assert log_odds_of_mean(logits, 0) == pytest.approx(-np.log(rest), rel=1e-12)
    assert log_odds_of_mean(torch.tensor([[2000.0, 0.0]]), 1) == pytest.approx(-2000.0)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"patch": 12}, "need a window of 14x14 pixels, the image has 11x13"),
        ({"border": 0}, "border must be a positive integer"),
        ({"count": 0}, "count must be a positive integer"),
    ],
)
def test_surroundings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        prior(**settings)


@pytest.mark.parametrize(
    "images, message",
    [
        ([], "no images"),
        ([picture()[0]], r"prepared tensors \[N, C, H, W\]"),
        ([picture() * torch.nan], "NaN"),
        ([picture(), picture()[:, :1]], "same channels"),
    ],
)
def test_images_that_cannot_be_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        Surroundings(images, patch=2, border=1, count=10)


def test_bad_calls_are_refused():
    net, filler = network().double(), prior()
    with pytest.raises(ValueError, match="draws must be a positive integer, got 0"):
        prediction_difference(net, picture(), filler, draws=0)
    with pytest.raises(TypeError, match="must be a Surroundings, got int"):
        prediction_difference(net, picture(), 3)
    with pytest.raises(ValueError, match="one target"):
        prediction_difference(net, picture(), filler, target=[0, 1])
    with pytest.raises(ValueError, match="Ask for the score 'output'"):
        prediction_difference(network(1).double(), picture(), filler)
    grey = seeded(nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())).double()
    with pytest.raises(ValueError, match="the image has 1 channels, the surroundings 2"):
        prediction_difference(grey, picture()[:, :1], filler)
