"""The game in one dimension, its losses, and the ring: against integrals, torch's losses and networks trained one by
one."""

import numpy as np
import pytest
import torch
from scipy import integrate, optimize
from torch import nn
from torch.nn import functional

from kryptonlib.adversarial import drawing, game, losses, ring

X = np.linspace(-12, 12, 6001)

# The game.


@pytest.mark.parametrize("p, q", [(0.3, 0.1), (0.0, 0.2), (0.4, 0.4), (2.0, 1e-9)])
def test_the_best_discriminator_is_the_best_of_all_numbers(p, q):
    found = optimize.minimize_scalar(
        lambda d: -(p * np.log(d) + q * np.log(1 - d)),
        bounds=(1e-12, 1 - 1e-12),
        method="bounded",
        options={"xatol": 1e-12},
    )
    assert game.optimal_discriminator(np.array([p]), np.array([q]))[0] == pytest.approx(found.x, abs=1e-6)


def test_value_and_divergence_are_the_integrals_that_scipy_finds():
    def p(x):
        return game.normal(x, 0.5, 0.8)

    def q(x):
        return game.normal(x, -1, 1.3)

    def both(x):
        return p(x) * np.log(p(x) / (p(x) + q(x))) + q(x) * np.log(q(x) / (p(x) + q(x)))

    found = game.value(game.optimal_discriminator(p(X), q(X)), p(X), q(X), X)
    assert found == pytest.approx(integrate.quad(both, -9, 9)[0], abs=1e-6)
    # Theorem 1: -log 4 plus twice the Jensen-Shannon divergence.
    assert found == pytest.approx(-np.log(4) + 2 * game.jensen_shannon(p(X), q(X), X), abs=1e-9)


def test_the_game_s_ends():
    p = game.normal(X)
    half = np.full_like(X, 0.5)
    assert game.value(half, p, p, X) == pytest.approx(-np.log(4), abs=1e-9)
    assert game.jensen_shannon(p, p, X) == pytest.approx(0, abs=1e-12)
    apart = game.normal(X, 8, 0.1), game.normal(X, -8, 0.1)
    assert game.jensen_shannon(*apart, X) == pytest.approx(np.log(2), abs=1e-6)
    assert game.value((X > 0).astype(float), *apart, X) == 0  # sure and right
    assert game.value((X < 0).astype(float), *apart, X) == -np.inf  # sure and wrong


def test_the_players_end_where_theorem_1_says():
    played = game.play()
    assert played.value[0] == pytest.approx(-np.log(4))  # D knows nothing yet: its logits are 0
    assert played.value.max() > -1.2  # it learned to tell them apart on the way
    assert (played.mean[-1], played.deviation[-1]) == pytest.approx((2.0, 0.7), abs=1e-4)
    assert played.value[-1] == pytest.approx(-np.log(4), abs=1e-6) and played.furthest[-1] < 1e-3


def test_the_best_logit_of_the_family_is_the_ratio_s_logarithm():
    board = game.Board((0.5, 0.8), (-0.5, 1.0))
    best = optimize.minimize(lambda logit: board.wrong(torch.from_numpy(logit)).item(), np.zeros(3), tol=1e-12).x
    u = np.linspace(-1, 1, 5)
    x = 0.5 + game.UNIT * u
    ratio = game.normal(x, 0.5, 0.8) / game.normal(x, -0.5, 1.0)
    np.testing.assert_allclose(np.array([np.ones(5), u, u**2]).T @ best, np.log(ratio), atol=1e-4)
    # And a step goes towards it.
    before = board.wrong(board.logit)
    board.move_discriminator(0.1)
    assert board.wrong(board.logit) < before


def test_a_sure_discriminator_leaves_the_saturating_loss_no_gradient():
    fooled, saturating, other = game.sharpen(steps=150).T
    assert fooled[0] == 0.5 and fooled[-1] < 0.03 and (np.diff(fooled) < 0).all()
    assert saturating[0] == other[0] == 0  # a discriminator without an opinion has no slope either
    assert saturating[-1] < 0.03 * other[-1]


@pytest.mark.parametrize("kind", losses.KINDS)
def test_the_generator_s_slope_is_that_of_finite_differences(kind):
    board = game.Board((1.0, 0.5), (-0.3, 0.9))
    for _ in range(30):
        board.move_discriminator(0.2)
    x = np.linspace(-15, 15, 20001)
    a, b, c = board.logit.numpy()

    def loss(mean):
        u = (x - 1) / game.UNIT
        logit = a + b * u + c * u**2
        density = game.normal(x, mean, 0.9)
        return np.trapezoid(
            density * (np.logaddexp(0, -logit) if kind == "non-saturating" else -np.logaddexp(0, logit)), x
        )

    expected = (loss(-0.3 + 1e-4) - loss(-0.3 - 1e-4)) / 2e-4
    assert board.slope(kind)[0].item() == pytest.approx(expected, rel=1e-3)


def test_a_game_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="negative density"):
        game.optimal_discriminator(np.array([-1.0]), np.array([1.0]))
    with pytest.raises(ValueError, match=r"from 0.5 to 1.5; expected"):
        game.value(np.linspace(0.5, 1.5, len(X)), game.normal(X), game.normal(X), X)
    with pytest.raises(ValueError, match="expected numbers above 0"):
        game.play(start=(0, 0))
    with pytest.raises(ValueError, match="kind: got 'wasserstein'"):
        game.play(kind="wasserstein")
    with pytest.raises(ValueError, match="at least one round"):
        game.play(rounds=0)


# The losses.


def test_the_losses_are_torch_s_cross_entropy():
    real, fake = torch.randn(2, 50, generator=torch.Generator().manual_seed(0)) * 4
    ones, zeros = torch.ones(50), torch.zeros(50)
    bce = functional.binary_cross_entropy_with_logits
    torch.testing.assert_close(losses.discriminator_loss(real, fake), bce(real, ones) + bce(fake, zeros))
    torch.testing.assert_close(losses.generator_loss(fake), bce(fake, ones))
    torch.testing.assert_close(losses.generator_loss(fake, "saturating"), -bce(fake, zeros))


@pytest.mark.parametrize("kind", losses.KINDS)
def test_the_pull_is_the_derivative_also_far_out(kind):
    logit = torch.tensor([-200.0, -5, 0, 3, 200], requires_grad=True)
    loss = losses.generator_loss(logit, kind)
    assert torch.isfinite(loss)
    (slope,) = torch.autograd.grad(len(logit) * loss, logit)
    torch.testing.assert_close(-slope, losses.pull(logit.detach(), kind))
    assert losses.pull(logit, kind).max() <= 1
    with pytest.raises(ValueError, match="kind: got 'hinge'"):
        losses.generator_loss(logit, "hinge")


# The ring.


def test_points_lie_around_their_centres():
    found = ring.points((4000,), torch.Generator().manual_seed(0))
    distances, mode = torch.cdist(found, ring.centres()).min(1)
    assert torch.bincount(mode, minlength=8).min() > 400
    assert distances.square().mean().sqrt().item() == pytest.approx(2**0.5 * ring.DEVIATION, rel=0.05)
    modes, good, overlap = ring.judged(found)
    assert modes == 8 and good > 0.998 and 0.94 < overlap < 1
    radii = ring.centres().norm(dim=1)
    torch.testing.assert_close(radii, torch.full((8,), ring.RADIUS))


def test_judging_counts_what_a_loop_counts():
    generator = torch.Generator().manual_seed(3)
    three = ring.centres()[:3].repeat(40, 1) + 0.05 * torch.randn(120, 2, generator=generator)
    few = ring.centres()[5:6]  # one point of 221: less than a tenth of an eighth
    far = 5 + torch.randn(100, 2, generator=generator)
    found = torch.cat([three, few, far])
    near = [min((p - c).norm().item() for c in ring.centres()) <= 4 * ring.DEVIATION for p in found]
    # Each of the three has 40 of 221, more than its eighth; the fourth has the one point.
    assert ring.judged(found) == (3, pytest.approx(sum(near) / len(found)), pytest.approx(3 / 8 + 1 / 221))
    modes, good, overlap = ring.judged(torch.stack([found, found]))
    assert modes.tolist() == [3, 3] and good[0] == good[1] and overlap.shape == (2,)
    with pytest.raises(ValueError, match=r"points of shape \(3,\)"):
        ring.judged(torch.zeros(3))


def test_a_stack_is_its_networks_one_by_one():
    stack = ring.Stack([3, 5, 4, 2], seeds=[7, 8])
    x = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    for run, seed in enumerate((7, 8)):
        layers = []
        for weight, bias in zip(stack.weights, stack.biases):
            linear = nn.Linear(*weight.shape[1:])
            linear.load_state_dict({"weight": weight[run].T, "bias": bias[run, 0]})
            layers += [linear, nn.ReLU()]
        torch.testing.assert_close(stack(x)[run], nn.Sequential(*layers[:-1])(x[run]))
        alone = ring.Stack([3, 5, 4, 2], seeds=[seed])
        assert torch.equal(alone.weights[1][0], stack.weights[1][run])


def test_games_beside_each_other_do_not_touch():
    """The gradient of one game in another's weights is 0, and that in its own is what it would be alone."""
    recipe = ring.Recipe(hidden=8, batch=12)
    both = ring.Game(recipe, seeds=(3, 4))
    z = torch.randn(2, 12, ring.LATENTS, generator=torch.Generator().manual_seed(1))
    loss = 2 * losses.generator_loss(both.logits(both.draw(z)))
    slopes = torch.autograd.grad(loss, list(both.draw.parameters()))
    for run, seed in enumerate((3, 4)):
        alone = ring.Game(recipe, seeds=(seed,))
        own = losses.generator_loss(alone.logits(alone.draw(z[run : run + 1])))
        expected = torch.autograd.grad(own, list(alone.draw.parameters()))
        for slope, one in zip(slopes, expected):
            torch.testing.assert_close(slope[run], one[0])


def changed(recipe, move):
    """Which of the two networks a move changes: (generator, discriminator)."""
    some = ring.Game(recipe, seeds=(0,))
    before = [[p.detach().clone() for p in net.parameters()] for net in (some.draw, some.judge)]
    getattr(some, move)()
    return tuple(
        any(not torch.equal(old, new) for old, new in zip(olds, net.parameters()))
        for olds, net in zip(before, (some.draw, some.judge))
    )


def test_each_move_changes_what_it_should():
    small = ring.Recipe(hidden=8, batch=12)
    assert changed(small, "train_judge") == (False, True)
    assert changed(small.but(held=False), "train_judge") == (True, True)
    assert changed(small, "train_draw") == (True, False)
    assert changed(small, "both_at_once") == (True, True)


def test_at_once_means_from_the_same_weights():
    recipe = ring.Recipe(hidden=8, batch=12, in_turns=False)
    turn, once = ring.Game(recipe, seeds=(0,)), ring.Game(recipe, seeds=(0,))
    once.both_at_once()
    turn.train_judge()
    # The discriminator's own step is the same; the generator answered to the old one.
    for one, other in zip(once.judge.parameters(), turn.judge.parameters()):
        torch.testing.assert_close(one, other)
    fake = ring.Game(recipe, seeds=(0,))
    fake.train_draw()
    for one, other in zip(once.draw.parameters(), fake.draw.parameters()):
        torch.testing.assert_close(one, other)


def test_the_penalty_is_the_squared_slope_at_real_points():
    recipe = ring.Recipe(hidden=8, batch=6, penalty=2.0)
    some, plain = ring.Game(recipe, seeds=(0,)), ring.Game(recipe.but(penalty=0.0), seeds=(0,))
    fake = torch.zeros(1, 6, 2)
    difference = some.wrong(fake) - plain.wrong(fake)
    real = ring.points((1, 6), torch.Generator().manual_seed(1000))
    slopes = []
    for x in real[0].double():
        steps = [torch.tensor([1e-3, 0.0]), torch.tensor([0.0, 1e-3])]
        slopes.append([
            (some.logits((x + d).float()[None, None]) - some.logits((x - d).float()[None, None])).item() / 2e-3
            for d in steps
        ])  # fmt: skip
    assert difference.item() == pytest.approx((np.array(slopes) ** 2).sum(1).mean(), rel=0.02)


def test_a_game_is_repeated_exactly_and_learns():
    recipe = ring.Recipe(hidden=16, batch=24)
    first, history = ring.train(recipe, seeds=(0, 1), rounds=30, every=15)
    again, _ = ring.train(recipe, seeds=(0, 1), rounds=30)
    assert torch.equal(first, again) and [row[0] for row in history] == [15, 30] and first.shape == (2, 1000, 2)
    with pytest.raises(ValueError, match="the pack must divide the batch"):
        ring.train(recipe.but(pack=7))


def test_figures_show_what_they_are_given():
    played = game.play(rounds=3)
    assert len(drawing.one_dimension(played, (2.0, 0.7)).axes) == 3
    assert len(drawing.rings([ring.centres(), ring.centres()], ["a", "b"]).axes) == 2
    results = (np.array([3, 8]), np.array([0.2, 0.9]), np.array([0.1, 0.8]))
    figure = drawing.tips({"hold": {"with": results, "without": results}, "rates": {"equal": results}})
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "hold: with",
        "hold: without",
        "rates: equal",
    ]
    log = {
        name: np.arange(1.0, 4)
        for name in ("step", "discriminator_loss", "generator_loss", "frechet", "frechet_average")
    }
    assert len(drawing.stopping(log, 0.5).axes) == 2
