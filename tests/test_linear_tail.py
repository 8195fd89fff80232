"""The linear tail: exact where the tail is affine, of first order where it is not, its gradient that of differences."""

import numpy as np
import pytest
import torch
from torch import nn

from kryptonlib.occlusion.bounds import layer_work, patch_boxes
from kryptonlib.occlusion.incremental import Incremental
from kryptonlib.occlusion.intervals import kept
from kryptonlib.occlusion.linear_tail import LinearTail, cuts, window_macs
from kryptonlib.occlusion.scores import score

POSITIONS = [(0, 0), (0, 9), (3, 4), (7, 2), (9, 9), (5, 11)]
PATCH = (4, 3)


def seeded(net, seed=0, dtype=torch.float64):
    """Random weights around zero; evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    for value in net.parameters():
        value.data = torch.randn(value.shape, generator=generator, dtype=torch.float64) / value[0].numel() ** 0.5
    return net.to(dtype).eval()


def image_of(channels=2, size=(14, 15), seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, channels, *size, generator=generator, dtype=torch.float64).to(dtype)


def curved(seed=0):
    """A small network whose every layer after the first bends."""
    return seeded(
        nn.Sequential(
            nn.Conv2d(2, 5, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(5, 6, 3, 2),
            nn.SiLU(),
            nn.Conv2d(6, 4, 3, padding=1),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * 3 * 3, 7),
            nn.Tanh(),
            nn.Linear(7, 3),
        ),
        seed,
    )


def straight_tail(head, dtype=torch.float32):
    """Curved up to the first map, affine behind it."""
    layers = [nn.Conv2d(2, 5, 3, 1, 1), nn.ReLU(), nn.Conv2d(5, 6, 3, 2), nn.AvgPool2d(2)]
    return seeded(nn.Sequential(*layers, *head), dtype=dtype)


def exact(engine, targets, kind, fill=0.0, crop=None):
    return score(engine.logits(POSITIONS, PATCH, torch.tensor(fill), crop=crop), targets, kind)


class Skipping(nn.Module):
    """The middle convolutions are passed by; their sum is not."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = (nn.Conv2d(a, 4, 3, padding=1) for a in (2, 4, 4))
        self.last = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.relu(self.one(x))
        y = torch.relu(self.two(x))
        return self.last((torch.tanh(self.three(y)) + x).mean((2, 3)))


@pytest.mark.parametrize(
    "head",
    [
        [nn.Flatten(), nn.Linear(6 * 3 * 3, 4)],
        [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)],
        [nn.Flatten(), nn.Dropout(), nn.Linear(6 * 3 * 3, 9), nn.Linear(9, 4)],
    ],
    ids=["flattened", "mean", "two linear layers"],
)
def test_an_affine_tail_is_exact(head):
    engine = Incremental(straight_tail(head), image_of(dtype=torch.float32))
    for cut in cuts(engine, patch_boxes(POSITIONS, PATCH)):
        tail = LinearTail(engine, cut.index, [2, 0], "logit")
        got = tail.scores(POSITIONS, PATCH, 0.0)
        torch.testing.assert_close(got, exact(engine, [2, 0], "logit"), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("batch_size", [1, 4, None])
def test_an_affine_tail_is_exact_with_cropped_windows_too(batch_size):
    net = straight_tail([nn.Flatten(), nn.Linear(6 * 3 * 3, 4)], torch.float64)
    engine = Incremental(net, image_of())
    cells = [(14, 15), (3, 4), (2, 1), (1, 1), (1, 1)][: len(engine.steps)]

    def crop(index, axis, low, high, middle):
        return kept(low, high, middle, cells[index][axis])

    got = LinearTail(engine, 1, [1], "logit").scores(POSITIONS, PATCH, 0.0, crop=crop, batch_size=batch_size)
    # Behind the cut nothing is cropped any more, so the exact run crops no further.
    cells[2:] = [tuple(int(size) for size in step.size) for step in engine.steps[2:]]
    want = exact(engine, [1], "logit", crop=crop)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(want, exact(engine, [1], "logit"), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["log-odds", "logit"])
def test_the_gradient_is_that_of_finite_differences(kind):
    net = curved()
    engine = Incremental(net, image_of())
    for cut in cuts(engine, patch_boxes(POSITIONS, PATCH)):
        tail = LinearTail(engine, cut.index, [1, 2], kind)
        step = engine.steps[cut.index]
        assert [tuple(slope.shape) for slope in tail.gradients] == [(np.prod(step.size), step.channels)] * 2
        generator = torch.Generator().manual_seed(cut.index)
        direction = torch.randn(step.clean.shape, generator=generator, dtype=torch.float64)
        ahead, behind = (_tail_score(engine, cut.index, sign * 1e-5 * direction, kind) for sign in (1, -1))
        rows = direction[0].permute(1, 2, 0).reshape(-1, step.channels)
        got = torch.stack([(slope * rows).sum() for slope in tail.gradients])
        torch.testing.assert_close(got, ((ahead - behind) / 2e-5)[:, 0], rtol=1e-6, atol=1e-9)


def _tail_score(engine, cut, change, kind):
    """The scores of targets 1 and 2 with ``change`` added to the map after the cut, by the steps behind it."""
    values = {cut: engine.steps[cut].clean + change}
    for index, step in enumerate(engine.steps):
        if index > cut:
            result = step.run(1, [values[source] for source in step.sources])
            for post in step.posts:
                result = post.function([result])
            values[index] = result
    return score(values[engine.output], [1, 2], kind)


@pytest.mark.parametrize("kind", ["probability", "log-odds", "logit"])
def test_the_error_shrinks_with_the_square_of_the_change(kind):
    image = image_of(seed=3)
    engine = Incremental(curved(seed=1), image)
    for cut in cuts(engine, patch_boxes(POSITIONS, PATCH))[:3]:
        tail = LinearTail(engine, cut.index, [0, 1], kind)
        errors = []
        for share in (0.02, 0.01, 0.005):
            fill = image[0] + share
            truth = score(engine.logits(POSITIONS, PATCH, fill), [0, 1], kind)
            errors.append(float((tail.scores(POSITIONS, PATCH, fill) - truth).abs().max()))
        assert errors[0] > 1e-9
        # Halving the change quarters a second-order error (and would only halve a wrong gradient's).
        assert np.divide(errors[:-1], errors[1:]) == pytest.approx([4, 4], rel=0.1)


def test_probabilities_are_the_logistic_function_of_the_log_odds_and_unchanged_positions_keep_the_clean_score():
    image = image_of()
    image[0, :, 3:7, 4:7] = 0.0
    engine = Incremental(curved(), image)
    kinds = "probability", "log-odds"
    probability, odds = (LinearTail(engine, 1, [2], kind).scores(POSITIONS, PATCH, 0.0) for kind in kinds)
    torch.testing.assert_close(probability, odds.sigmoid(), rtol=1e-12, atol=0)
    assert odds[0, 2] == score(engine.clean, [2], "log-odds")[0, 0]  # (3, 4) is black already
    assert (odds[0, [0, 1, 3, 4]] != odds[0, 2]).all()


def test_cuts_are_the_articulations_and_their_shares_are_of_the_counted_work():
    engine = Incremental(seeded(Skipping()), image_of())
    boxes = patch_boxes(POSITIONS, PATCH)
    found = cuts(engine, boxes)
    assert [cut.name for cut in found] == ["Conv2d", "add"]
    assert [cut.size for cut in found] == [(14, 15)] * 2 and [cut.channels for cut in found] == [4, 4]
    work = layer_work(engine.steps, np.minimum(boxes, [14, 14, 15, 15]))
    full, incremental = ([getattr(layer, name) for layer in work] for name in ("full", "incremental"))
    assert [layer.name for layer in work] == ["Conv2d", "Conv2d", "Conv2d", "Linear"]
    assert [cut.full for cut in found] == pytest.approx([sum(full[1:]) / sum(full), full[3] / sum(full)])
    assert found[0].incremental == pytest.approx(sum(incremental[1:]) / sum(incremental))
    assert found[1].incremental == pytest.approx(incremental[3] / sum(incremental))


def test_macs_are_those_of_the_windows_up_to_the_cut_and_of_the_products():
    engine = Incremental(seeded(Skipping()), image_of())
    box = np.array([[3, 7, 4, 7]])
    # The patch of 4 x 3 grows to 6 x 5, 8 x 7 and 10 x 9 places; 36 or 72 weights for each of 4 channels.
    assert window_macs(engine.steps, box).tolist() == [0, 30 * 72, 56 * 144, 90 * 144, 0, 0, 12]

    def crop(index, axis, low, high, middle):
        return kept(low, high, middle, (3, 2)[axis])

    assert LinearTail(engine, 1, [0, 1], "logit").macs(box) == 30 * 72 + 30 * 4 * 2
    assert LinearTail(engine, 1, [0], "logit").macs(box, crop) == 6 * 72 + 6 * 4
    last = cuts(engine, box)[-1].index
    assert LinearTail(engine, last, [0], "logit").macs(box) == 30 * 72 + 56 * 144 + 90 * 144 + 90 * 4


def test_wrong_use_is_refused_with_what_would_be_right():
    net = seeded(Skipping())
    engine = Incremental(net, image_of())
    for cut, what in ((2, "passes by"), (0, "no such"), (99, "no such"), (-1, "no such")):
        with pytest.raises(ValueError, match=rf"step {cut} is no cut.*{what}.*\[1, 4\]"):
            LinearTail(engine, cut, [0])
    with pytest.raises(ValueError, match="no map"):
        LinearTail(engine, len(engine.steps) - 1, [0])
    for cut in (True, 1.0, "add"):
        with pytest.raises(TypeError, match="integer"):
            LinearTail(engine, cut, [0])
    for targets in ([], [3], [-1]):
        with pytest.raises(ValueError, match="0 to 2"):
            LinearTail(engine, 1, targets)
    with pytest.raises(ValueError, match="log-odds"):
        LinearTail(engine, 1, [0], "odds")
    tail = LinearTail(engine, 1, [0])
    engine.look_at(image_of(seed=5))
    with pytest.raises(ValueError, match="another clean image"):
        tail.scores(POSITIONS, PATCH, 0.0)
    single = Incremental(seeded(nn.Sequential(nn.Conv2d(2, 1, 3), nn.Flatten(), nn.Linear(156, 1))), image_of())
    with pytest.raises(ValueError, match="always 1"):
        LinearTail(single, 1, [0])
