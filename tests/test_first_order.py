"""Windows cropped, their rims counted to first order: exact where the network is affine, and second order elsewhere."""

import numpy as np
import pytest
import torch
from torch import nn

from kryptonlib.occlusion.bounds import layer_work, patch_boxes
from kryptonlib.occlusion.cropping import Reach, Threshold
from kryptonlib.occlusion.first_order import Slopes
from kryptonlib.occlusion.incremental import Incremental
from kryptonlib.occlusion.intervals import kept
from kryptonlib.occlusion.linear_tail import LinearTail, window_macs
from kryptonlib.occlusion.scores import score

PATCH = (4, 3)
POSITIONS = np.array([(0, 0), (3, 5), (9, 2), (15, 17), (16, 0), (7, 16)])


class Affine(nn.Module):
    """Convolutions of several kinds, average pooling, a sum, a concatenation, and no activation."""

    def __init__(self, flatten):
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.strided = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.wide = nn.Conv2d(4, 4, 3, padding=2, dilation=2)
        self.one = nn.Conv2d(4, 4, 1)
        self.pool = nn.AvgPool2d(3, 2, padding=1)
        self.last = nn.Conv2d(8, 6, 3, padding=1)
        self.tail = nn.Flatten() if flatten else nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(6 * 5 * 5 if flatten else 6, 3)

    def forward(self, x):
        x = self.strided(self.first(x))
        x = x + self.wide(x)
        x = self.pool(torch.cat([self.one(x), x], 1))
        return self.head(self.tail(self.last(x)))


def image_of(channels=2, seed=0):
    return torch.rand(1, channels, 20, 20, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seeded(net, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3, generator=generator)
    return net.double().eval()


def curved(seed=0):
    return seeded(
        nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1),
            nn.Softplus(),
            nn.Conv2d(4, 4, 3, stride=2, padding=1),
            nn.Softplus(),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.Softplus(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 3),
        ),
        seed,
    )


@pytest.mark.parametrize("flatten", [True, False])
@pytest.mark.parametrize("rule", [Reach, Threshold])
@pytest.mark.parametrize("share", [1.0, 0.7, 0.4, 0.2, 0.01])
@pytest.mark.parametrize("batch_size", [1, 4, None])
def test_an_affine_network_loses_nothing_whatever_is_cropped(flatten, rule, share, batch_size):
    engine = Incremental(seeded(Affine(flatten)), image_of())
    slopes = Slopes(engine, [2, 0], "logit")
    crop = rule(engine.steps, share)
    got = slopes.scores(POSITIONS, PATCH, 0.0, crop=crop, batch_size=batch_size)
    want = score(engine.logits(POSITIONS, PATCH, torch.tensor(0.0)), [2, 0], "logit")
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)
    if share <= 0.4:
        dropped = score(engine.logits(POSITIONS, PATCH, torch.tensor(0.0), crop=crop), [2, 0], "logit")
        assert (dropped - want).abs().max() > 1e-3


def test_a_curved_network_equals_dense_maps_cropped_one_by_one():
    net = curved()
    image, fill = image_of(), torch.tensor(0.3, dtype=torch.float64)
    engine = Incremental(net, image)
    crop = Reach(engine.steps, 0.35)
    got = Slopes(engine, [1], "log-odds").scores(POSITIONS, PATCH, fill, crop=crop)[0]
    layers = [net[:2], net[2:4], net[4:6], net[6:]]
    for (top, left), value in zip(POSITIONS, got):
        assert value == pytest.approx(cropped_by_hand(layers, image, fill, top, left, 0.35), abs=1e-9)


def cropped_by_hand(layers, image, fill, top, left, share):
    """The same on entire maps: compute, keep the inner part, and add gradient times what was put back."""
    clean, leaves = [image], []
    for layer in layers:
        leaves.append(layer(clean[-1] if not leaves else leaves[-1]))
        leaves[-1].retain_grad()
        clean.append(leaves[-1].detach())
    odds(leaves[-1]).backward()
    changed = image.clone()
    changed[..., top : top + PATCH[0], left : left + PATCH[1]] = fill
    middle = [top + (PATCH[0] - 1) / 2, left + (PATCH[1] - 1) / 2]
    rim = 0.0
    for number, layer in enumerate(layers[:-1]):
        changed = layer(changed).detach()
        if number == 1:
            middle = [m / 2 for m in middle]
        if number == 2:
            # The mean reads this map as a whole, so nothing of it is left out.
            continue
        inside = torch.zeros_like(changed, dtype=torch.bool)
        spans = []
        for size, m in zip(changed.shape[2:], middle):
            most = max(1, int(np.floor(share * size + 0.5)))
            begin = int(np.floor(m - (most - 1) / 2 + 0.5))
            spans.append(slice(max(begin, 0), min(begin + most, size)))
        inside[..., spans[0], spans[1]] = True
        still = clean[number + 1]
        rim += float((leaves[number].grad * torch.where(inside, 0.0, changed - still)).sum())
        changed = torch.where(inside, changed, still)
    return float(odds(layers[-1](changed))) + rim


def odds(logits):
    return logits[0, 1] - logits[0, [0, 2]].logsumexp(0)


@pytest.mark.parametrize("kind", ["log-odds", "logit", "probability"])
def test_without_anything_cropped_it_is_exact(kind):
    engine = Incremental(curved(), image_of())

    def everything(index, axis, low, high, middle):
        return low, high

    got = Slopes(engine, [0, 2], kind).scores(POSITIONS, PATCH, 0.0, crop=everything)
    want = score(engine.logits(POSITIONS, PATCH, torch.tensor(0.0)), [0, 2], kind)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)


def test_the_error_is_of_second_order():
    net, image = curved(), image_of()
    engine = Incremental(net, image)
    slopes, crop = Slopes(engine, [1], "log-odds"), Reach(engine.steps, 0.2)
    errors = []
    for part in (1.0, 0.1):
        fill = image[0] + part * (0.5 - image[0])
        got = slopes.scores(POSITIONS, PATCH, fill, crop=crop)
        want = score(engine.logits(POSITIONS, PATCH, fill), [1], "log-odds")
        errors.append(float((got - want).abs().max()))
    assert 0 < errors[1] < 0.02 * errors[0]


def test_cropping_all_of_one_map_is_the_linear_tail():
    engine = Incremental(curved(), image_of())
    cut = 2

    def nothing_after(index, axis, low, high, middle):
        return (low, low) if index == cut else (low, high)

    got = Slopes(engine, [1]).scores(POSITIONS, PATCH, 0.0, crop=nothing_after)
    torch.testing.assert_close(got, LinearTail(engine, cut, [1]).scores(POSITIONS, PATCH, 0.0), rtol=1e-9, atol=1e-9)


def test_macs_count_the_rim_and_its_product():
    net = seeded(nn.Sequential(nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(4 * 16 * 16, 3)))
    engine = Incremental(net, image_of())
    box = np.array([[8, 12, 8, 11]])

    def crop(index, axis, low, high, middle):
        return kept(low, high, middle, 2)

    # 6 x 5 places are computed of which 2 x 2 are kept; they grow to 4 x 4.
    macs = window_macs(engine.steps, box, crop, rim=True)
    assert macs[:3].tolist() == [0, 30 * 72 + 26 * 4, 16 * 144]
    assert window_macs(engine.steps, box, crop)[1] == 4 * 72
    whole = [layer.incremental for layer in layer_work(engine.steps, box)]
    assert window_macs(engine.steps, box, rim=True)[1:3].tolist() == whole[:2]


def test_slopes_belong_to_one_image():
    engine = Incremental(curved(), image_of())
    slopes = Slopes(engine, [0])
    engine.look_at(image_of(seed=1))
    with pytest.raises(ValueError, match="another clean image"):
        slopes.scores(POSITIONS, PATCH, 0.0, crop=Reach(engine.steps, 0.5))
    with pytest.raises(ValueError, match="kind"):
        Slopes(engine, [0], "odds")
    assert patch_boxes(POSITIONS, PATCH).shape == (6, 4)
