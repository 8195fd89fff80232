"""Training deep networks: networks, first weights, normalisation, schedules, digits, fitting and what is measured."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from kryptonlib.basics import layers
from kryptonlib.deep import choosing, experiments, fitting, initialisation, networks, probes, schedules, small_digits
from kryptonlib.deep.normalisation import NORMS, SwitchNorm


def made_up(count=60, seed=0):
    """Pictures whose class is the row of a bright bar: learnt in a few steps, without MNIST."""
    draw = torch.Generator().manual_seed(seed)

    def part(number):
        classes = torch.randint(10, (number,), generator=draw)
        pictures = 0.3 * torch.randn(number, 1, 14, 14, generator=draw)
        pictures[torch.arange(number), 0, classes + 2] += 3
        return small_digits.Part(pictures, classes)

    return small_digits.Digits(part(count), part(40), part(40))


# Networks.


@pytest.mark.parametrize("depth", [20, 56])
def test_thin_networks_have_their_layers_and_plain_and_residual_equally_many_weights(depth):
    pair = [networks.thin(depth, shortcut=shortcut, width=2) for shortcut in (False, True)]
    for network in pair:
        weighted = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
        assert len(weighted) == depth and network(torch.zeros(2, 1, 14, 14)).shape == (2, 10)
    assert networks.parameters(pair[0]) == networks.parameters(pair[1])
    assert all(torch.equal(a, b) for a, b in zip(pair[0].parameters(), pair[1].parameters()))


@pytest.mark.parametrize("before, after, stride", [(4, 4, 1), (4, 8, 2)])
def test_a_block_without_its_branch_hands_its_input_on(before, after, stride):
    block = networks.Block(before, after, shortcut=True).eval()
    nn.init.zeros_(block.second_norm.weight)
    x = torch.rand(1, before, 6, 6)
    expected = torch.zeros(1, after, 6 // stride, 6 // stride)
    expected[:, :before] = x[:, :, ::stride, ::stride]
    assert torch.equal(block(x), expected)
    plain = networks.Block(before, after, shortcut=False).eval()
    nn.init.zeros_(plain.second_norm.weight)
    assert not plain(x).any()


def test_a_width_comes_as_close_to_a_budget_as_any():
    for depth, budget, norm in ((2, 3000, "none"), (8, 8000, "batch"), (5, 1700, "switchable")):
        counts = {width: networks.parameters(networks.chain(depth, width, norm=norm)) for width in range(1, 40)}
        nearest = min(counts, key=lambda width: abs(counts[width] - budget))
        assert networks.width_for(depth, budget, norm=norm) == nearest


def test_the_same_seed_makes_the_same_network_and_leaves_the_global_state():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two, other = (networks.chain(3, 4, norm="batch", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one(torch.ones(2, 1, 14, 14)), two(torch.ones(2, 1, 14, 14)))
    assert not torch.equal(one[0].weight, other[0].weight)
    initialisation.initialise(one, "glorot", 3)
    torch.manual_seed(5)
    assert torch.equal(before, torch.get_rng_state())


# First weights.


THEIRS = {
    "glorot": nn.init.xavier_normal_,
    "he": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "lecun": partial(nn.init.kaiming_normal_, nonlinearity="linear"),
}


@pytest.mark.parametrize("rule, init", THEIRS.items())
def test_first_weights_have_torchs_spread(rule, init):
    conv = nn.Conv2d(40, 60, 3)
    theirs = init(torch.empty_like(conv.weight)).std().item()
    ours = initialisation.initialise(conv, rule).weight
    assert ours.std().item() == pytest.approx(theirs, rel=0.03) and abs(ours.mean().item()) < 0.05 * theirs
    assert not conv.bias.any()


def test_small_and_zero_weights():
    linear = nn.Linear(300, 200)
    assert initialisation.initialise(linear, "small").weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert not initialisation.initialise(linear, "zero").weight.any()


# Normalisation.


@pytest.mark.parametrize("mean_logits, variance_logits", [([0, 0, 0], [0, 0, 0]), ([2, -1, 0.5], [0, 3, -2])])
def test_switchable_norm_equals_the_one_of_notebook_02(mean_logits, variance_logits):
    norm, x = SwitchNorm(5), 2 * torch.randn(4, 5, 3, 3) + 1
    with torch.no_grad():
        norm.mean_logits.copy_(torch.tensor(mean_logits))
        norm.variance_logits.copy_(torch.tensor(variance_logits))
    expected = layers.switchable_norm(x.double().numpy(), np.array(mean_logits), np.array(variance_logits))
    np.testing.assert_allclose(norm(x).detach(), expected, atol=1e-5)
    np.testing.assert_allclose(norm.shares().sum(1).detach(), [1, 1], rtol=1e-6)


def test_with_all_weight_on_the_batch_it_is_batch_norm_in_training_and_in_use():
    ours, theirs = SwitchNorm(3), nn.BatchNorm2d(3)
    with torch.no_grad():
        ours.mean_logits.copy_(torch.tensor([-50.0, -50, 50]))
        ours.variance_logits.copy_(torch.tensor([-50.0, -50, 50]))
    for seed in range(3):
        x = torch.randn(50, 3, 9, 9, generator=torch.Generator().manual_seed(seed)) * 2 + 1
        torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-5)
    # torch's moving variance divides by n - 1.
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), atol=1e-3, rtol=1e-3)


def test_its_weights_are_learned():
    norm = SwitchNorm(4)
    norm(torch.randn(6, 4, 3, 3)).square().sum(3)[:, 0].sum().backward()
    assert norm.mean_logits.grad.abs().max() > 0 and norm.variance_logits.grad.abs().max() > 0


@pytest.mark.parametrize("name", NORMS)
def test_every_norm_stands_in_a_chain(name):
    assert networks.chain(3, 4, norm=name)(torch.randn(3, 1, 14, 14)).isfinite().all()


# Schedules.


def test_schedules_by_hand():
    made = {name: schedules.schedule(name, 100) for name in schedules.SCHEDULES}
    assert {made["constant"].pace(step) for step in range(100)} == {1.0}
    assert [made["steps"].pace(step) for step in (0, 49, 50, 74, 75, 99)] == [1, 1, 0.2, 0.2, 0.04, 0.04]
    assert made["cosine"].pace(50) == pytest.approx(0.5) and 0 < made["cosine"].pace(99) < 1e-3
    warm = [made["warm-up, cosine"].pace(step) for step in range(100)]
    assert warm[0] == pytest.approx(1 / 11) and warm[10] == 1 and warm[:11] == sorted(warm[:11])
    assert warm[10:] == sorted(warm[10:], reverse=True) and min(warm) > 0


def test_a_cosine_is_torchs():
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    theirs, ours = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20), schedules.schedule("cosine", 20)
    for step in range(20):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(ours.pace(step))
        optimizer.step()
        theirs.step()


def test_a_plateau_divides_the_rate_when_the_loss_stands_still():
    plateau = schedules.Plateau(50, window=0.1, better=0.1)
    paces = []
    for loss in [5] * 5 + [4] * 5 + [3.9] * 5 + [2] * 5 + [1.99] * 5:
        paces.append(plateau.pace(0))
        plateau.tell(loss)
    assert paces[::5] == [1, 1, 1, 0.2, 0.2] and plateau.pace(0) == pytest.approx(0.04)


# Digits and augmentation.


def test_digits_are_normalised_by_the_training_part():
    digits = small_digits.small_digits(300, 20, 40)
    assert digits.train.pictures.shape == (300, 1, 14, 14) and len(digits.tune) == 20 and len(digits.test) == 40
    assert digits.train.pictures.mean().abs() < 1e-5 and digits.train.pictures.std().item() == pytest.approx(
        1, abs=1e-4
    )
    grey = small_digits.small_digits(300, 20, 40, normalise=False).test.pictures
    assert grey.min() >= 0 and grey.max() <= 1
    np.testing.assert_allclose(np.corrcoef(grey.ravel(), digits.test.pictures.ravel())[0, 1], 1, rtol=1e-5)


def test_crops_move_pictures_by_at_most_their_margin():
    pictures = torch.full((40, 1, 6, 6), -1.0)
    pictures[:, :, 2, 3] = 1.0
    found = small_digits.crop(pictures, torch.Generator().manual_seed(0))
    places = {tuple(place[2:].tolist()) for place in (found == 1).nonzero()}
    assert places == {(row, column) for row in (1, 2, 3) for column in (2, 3, 4)}
    assert set(found.unique().tolist()) == {-1.0, 1.0}


def test_augmentations_keep_the_shape_and_draw_from_their_generator():
    pictures = torch.rand(5, 1, 14, 14)
    for name in small_digits.AUGMENTATIONS:
        one, two, other = (
            small_digits.augment([name], pictures, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
        )
        assert one.shape == pictures.shape and torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(small_digits.augment([], pictures, None), pictures)
    turned = small_digits.rotate(pictures, torch.Generator(), degrees=1e-6)
    torch.testing.assert_close(turned, pictures, atol=1e-4, rtol=0)
    flipped = small_digits.flip(pictures, torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) or torch.equal(a, b.flip(2)) for a, b in zip(flipped, pictures))


# Fitting.


def test_fit_is_the_loop_written_out():
    digits, rate = made_up(), 0.05
    network, draw, losses = networks.chain(2, 3, norm="batch"), torch.Generator().manual_seed(4), []
    optimizer, pace = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9), schedules.schedule("cosine", 6)
    for step in range(6):
        batch = torch.randint(60, (8,), generator=draw)
        optimizer.param_groups[0]["lr"] = rate * pace.pace(step)
        loss = functional.cross_entropy(network(digits.train.pictures[batch]), digits.train.classes[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    fitted = networks.chain(2, 3, norm="batch")
    found = fitting.fit(fitted, digits, rate=rate, steps=6, seed=4, batch=8, marks=3)
    np.testing.assert_allclose(found.batch_losses, losses, rtol=1e-4)
    assert found.steps.tolist() == [2, 4, 6]
    logits = network.eval()(digits.test.pictures)
    assert found.test_loss[-1] == pytest.approx(functional.cross_entropy(logits, digits.test.classes).item(), rel=1e-3)
    assert found.test_error[-1] == pytest.approx((logits.argmax(1) != digits.test.classes).float().mean().item())


def test_fit_learns():
    network, digits = networks.chain(2, 6, norm="batch"), made_up(200)
    assert fitting.judge(network, digits.test)[1] > 0.5
    assert fitting.fit(network, digits, rate=0.1, steps=60).test_error[-1] < 0.1


def test_company_counts_for_the_statistics_alone():
    digits = made_up()
    with_norm, without = (networks.chain(2, 3, norm=norm) for norm in ("batch", "none"))
    draw = torch.Generator().manual_seed(0)
    batch = torch.randint(60, (12,), generator=draw)
    expected = functional.cross_entropy(
        with_norm(digits.train.pictures[batch])[:4], digits.train.classes[batch[:4]]
    ).item()
    found = fitting.fit(networks.chain(2, 3, norm="batch"), digits, rate=0.1, steps=1, batch=4, company=8)
    assert found.batch_losses[0] == pytest.approx(expected, rel=1e-5)
    alone = functional.cross_entropy(without(digits.train.pictures[batch[:4]]), digits.train.classes[batch[:4]]).item()
    found = fitting.fit(networks.chain(2, 3), digits, rate=0.1, steps=1, batch=4, company=8)
    assert found.batch_losses[0] == pytest.approx(alone, rel=1e-5)


def test_a_training_that_diverges_ends_and_counts_as_lost():
    found = fitting.fit(networks.chain(4, 4), made_up(), rate=1e8, steps=20, marks=4)
    assert found.batch_losses.shape == (20,) and found.batch_losses[-1] == fitting.LOST
    assert len(found.test_error) == 4 and found.test_loss[-1] == fitting.LOST


def test_a_comparison_gives_everyone_the_best_of_the_same_rates():
    digits = made_up(200)
    make = partial(networks.chain, 2, 4, norm="batch")
    found = fitting.compare({"slow": (make, {}), "other digits": (make, {}, made_up(50, seed=9))}, digits,
                            rates=[1e-4, 0.1], seeds=[0, 1], steps=25, marks=1)  # fmt: skip
    assert found.rates == {"slow": 0.1, "other digits": 0.1}
    again = fitting.fit(make(seed=100), digits, rate=1e-4, steps=25, seed=100, marks=1)
    assert found.tuning["slow"][1e-4] == pytest.approx(again.tune_loss[-1], rel=1e-4)
    assert found.over("slow", "test_loss").shape == (1, 2) and found.last("slow", "test_loss").shape == (2,)
    assert not np.array_equal(found.last("slow", "train_loss"), found.last("other digits", "train_loss"))
    assert found.table("net").splitlines()[2].startswith("| slow | 0.1 | ")


def test_where_early_stopping_stops():
    assert fitting.stopping_point([3, 2, 1, 2, 3, 0], 2) == (2, 4)
    assert fitting.stopping_point([3, 2, 1, 0], 1) == (3, 3)
    assert fitting.stopping_point([1, 1, 1], 2) == (0, 2)
    assert fitting.stopping_point([1, 2], 5) == (0, 1)


def test_steps_to_a_loss():
    losses = np.array([3.0, 3, 1, 1, 1, 0])
    assert fitting.steps_to(losses, 1.0, window=2) == 4 and fitting.steps_to(losses, -1, window=2) == 6


# Probes and experiments.


def test_signals_are_those_of_the_outputs():
    network, draw = networks.stack(3, 20, activation="tanh", initial="lecun"), torch.Generator().manual_seed(0)
    pictures, classes = torch.randn(30, 1, 14, 14, generator=draw), torch.randint(10, (30,), generator=draw)
    found = probes.signals(network, pictures, classes)
    assert all(weight.grad is None for weight in network.parameters())
    first = torch.tanh(network[1](pictures.flatten(1)))
    assert found.mean[0] == pytest.approx(first.mean().item(), abs=1e-6)
    assert found.variance[0] == pytest.approx(first.var(unbiased=False).item(), rel=1e-5)
    top = network[:-1](pictures).detach().requires_grad_()
    functional.cross_entropy(network[-1](top), classes).backward()
    assert found.gradient[-1] == pytest.approx(top.grad.square().mean().sqrt().item(), rel=1e-4)
    with pytest.raises(ValueError, match="without any of the activations"):
        probes.signals(nn.Sequential(nn.Flatten(), nn.Linear(196, 10)), pictures, classes)


def test_what_a_bowl_keeps_of_a_promise(monkeypatch):
    """By hand: a bowl w^2/2 keeps 1 - share / 4 of a promised share, and its gradient changes by share / 2."""
    net = nn.Linear(1, 1, bias=False)
    nn.init.constant_(net.weight, 2.0)
    monkeypatch.setattr(functional, "cross_entropy", lambda out, _: out.square().mean() / 2)
    kept, turned = probes.trust(net, torch.ones(3, 1), None, (0.1, 1.0))
    np.testing.assert_allclose(kept, [1 - 0.1 / 4, 0.75], rtol=1e-5)
    np.testing.assert_allclose(turned, [0.05, 0.5], rtol=1e-5)
    assert net.weight.item() == 2.0


def test_experiments_return_what_they_say():
    digits = made_up()
    make = partial(networks.chain, 2, 3)
    kept, turned = experiments.trust_in_training(make, digits, rate=0.05, steps=6, seeds=[0, 1], decreases=(0.1, 1.0))
    assert kept.shape == turned.shape == (12, 2) and (turned[:, 0] < turned[:, 1]).mean() > 0.8
    shares = experiments.switch_shares(
        partial(networks.chain, 3, 3, norm="switchable"), digits, rate=0.1, steps=4, batch=8, seeds=[0, 1]
    )
    assert shares.shape == (2, 3, 2, 3) and not np.allclose(shares, 1 / 3)
    np.testing.assert_allclose(shares.sum(-1), 1, rtol=1e-5)
    stopping = experiments.early_stopping(
        partial(networks.chain, 2, 3), digits, rate=0.05, steps=10, seeds=[0, 1], marks=10
    )
    for run, step, loss in zip(stopping.curves, stopping.kept, stopping.loss_saved):
        at = run.steps.tolist().index(step)
        assert at == fitting.stopping_point(run.tune_loss, 5)[0] and loss == pytest.approx(
            run.test_loss[-1] - run.test_loss[at]
        )


def test_the_choice_of_a_degree_gets_better_with_samples():
    excess, error = choosing.excess_errors([20, 200], sets=100)
    for rule in choosing.RULES:
        assert 0 <= excess[rule][1] < excess[rule][0] and error[rule].shape == (2,)
    assert excess["corrected AIC"][0] < excess["AIC"][0]


@pytest.mark.parametrize(
    "call, hint",
    [
        (lambda: networks.chain(1), "depth 1"),
        (lambda: networks.chain(dropout=1.0), "dropout 1.0"),
        (lambda: networks.chain(norm="bach"), "did you mean batch"),
        (lambda: networks.chain(activation="softplus"), "activation: got 'softplus'"),
        (lambda: networks.chain(initial="xavier"), "rule: got 'xavier'"),
        (lambda: networks.stack(0, 4), "depth 0"),
        (lambda: networks.thin(21, shortcut=True), "expected 8, 14, 20"),
        (lambda: networks.width_for(8, 10), "have at least"),
        (lambda: initialisation.fans(torch.zeros(3)), r"shape \(3,\)"),
        (lambda: schedules.schedule("linear", 10), "schedule: got 'linear'"),
        (lambda: schedules.Schedule(schedules.cosine, 0), "at least 1 step"),
        (lambda: small_digits.augment(["turns"], torch.zeros(1, 1, 4, 4), None), "augmentation: got 'turns'"),
        (lambda: made_up().train.first(61), "expected 1 to the 60"),
        (lambda: fitting.fit(networks.chain(), made_up(), rate=0.0, steps=1), "rate 0.0"),
        (lambda: fitting.fit(networks.chain(), made_up(), rate=0.1, steps=0), "steps 0"),
        (lambda: fitting.stopping_point([], 1), "0 losses"),
        (lambda: fitting.stopping_point([1.0], 0), "patience of 0"),
        (lambda: choosing.excess_errors([12]), "expected at least 18"),
        (lambda: experiments.depth_results({}), "train depth"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, hint):
    with pytest.raises(ValueError, match=hint):
        call()


def test_a_rate_of_nan_is_refused():
    with pytest.raises(ValueError, match="rate nan"):
        fitting.fit(networks.chain(), made_up(), rate=math.nan, steps=1)
