"""Races over a grid of rates: each walk against the plain one, batches against torch, saddles, refusals."""

import numpy as np
import pytest
import torch

from kryptonlib.basics import racing
from kryptonlib.basics.optimizers import OPTIMIZERS, descend
from kryptonlib.basics.surfaces import SURFACES


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("ground", ["bowl", "Beale", "narrow saddle"])
def test_every_walk_is_the_plain_one(name, ground):
    surface, rates, starts = SURFACES[ground], [0.001, 0.01, 5.0], [(1.0, 1.5), (-0.5, 0.3)]
    got = racing.losses(name, surface, rates, starts, 40)
    assert got.shape == (41, 3, 2)
    for r, rate in enumerate(rates):
        for s, start in enumerate(starts):
            walk = descend(OPTIMIZERS[name](rate), surface.gradient, start, 40)
            np.testing.assert_allclose(got[: len(walk), r, s], surface.value(walk.T), rtol=1e-9, atol=1e-15)
            assert np.all(np.isinf(got[len(walk) :, r, s]))


def test_a_walk_that_diverges_disturbs_no_other():
    alone = racing.losses("Adam", SURFACES["Beale"], [0.1], [(1.0, 1.5)], 60)
    beside = racing.losses("Adam", SURFACES["Beale"], [0.1, 1e7], [(1.0, 1.5)], 60)
    np.testing.assert_array_equal(alone[:, 0], beside[:, 0])
    assert np.isinf(beside[-1, 1, 0])


def test_settled_is_the_last_crossing():
    path = np.array([3.0, 0.5, 2.0, 0.5, 0.4])[:, None, None]
    assert racing.settled(path, 1.0)[0, 0] == 3
    assert racing.settled(path, 0.45)[0, 0] == 4
    assert racing.settled(path, 5.0)[0, 0] == 0
    assert np.isinf(racing.settled(path, 0.1)[0, 0])


def test_best_is_judged_by_the_worst_start():
    assert racing.best(np.array([[1.0, 9.0], [5.0, 5.0], [0.1, np.inf]])) == 1
    with pytest.raises(ValueError, match="no rate of the grid"):
        racing.best(np.array([[1.0, np.inf], [np.inf, 2.0]]))


@pytest.mark.parametrize("size", [1, 3, 6])
def test_batches_are_torchs_sgd(size):
    draw = np.random.default_rng(0)
    points, answers, rates = draw.normal(size=(6, 2)), draw.normal(size=6), [0.01, 0.2]
    got = racing.batches(points, answers, [1.0, -1.0], rates, size, epochs=2, seeds=[4, 5])
    assert got.shape == (2, 2, 2)
    least = np.linalg.lstsq(points, answers, rcond=None)[0]
    floor = np.mean((answers - points @ least) ** 2) / 2
    for r, rate in enumerate(rates):
        for run, seed in enumerate([4, 5]):
            shuffle, w = np.random.default_rng(seed), torch.tensor([1.0, -1.0], dtype=torch.float64, requires_grad=True)
            optimizer = torch.optim.SGD([w], lr=rate)
            for epoch in range(2):
                for chosen in np.split(shuffle.permutation(6), 6 // size):
                    optimizer.zero_grad()
                    errors = torch.tensor(answers[chosen]) - torch.tensor(points[chosen]) @ w
                    (errors.square().mean() / 2).backward()
                    optimizer.step()
                loss = np.mean((answers - points @ w.detach().numpy()) ** 2) / 2 - floor
                assert got[epoch, r, run] == pytest.approx(loss, rel=1e-9)
    far = racing.batches(points, answers, [1.0, -1.0], [0.01, 1e4], size, epochs=5, seeds=[0])
    assert np.isfinite(far[:, 0]).all() and np.isinf(far[-1, 1]).all()


def test_the_saddles_are_saddles_and_take_as_long_as_the_growth_of_descent():
    """Near the ridge descent multiplies the distance by 1 + rate, so a tenth of it costs ln 10 / ln(1 + rate) steps."""
    for name, steepness in (("saddle", 1.0), ("narrow saddle", 100.0)):
        leaf = torch.zeros(2, dtype=torch.float64)
        hessian = torch.autograd.functional.hessian(SURFACES[name].value, leaf)
        np.testing.assert_allclose(hessian.numpy(), np.diag([steepness, -1.0]))
        rate, steps = racing.steps_to_leave("SGD", SURFACES[name], np.geomspace(1e-3, 10, 41), [1e-3, 1e-4, 1e-5])
        assert rate < 2 / steepness
        np.testing.assert_allclose(np.diff(steps), np.log(10) / np.log(1 + rate), atol=1)
    assert np.isinf(racing.steps_to_leave("SGD", SURFACES["saddle"], [0.5], [0.0])[1][0])


def test_reddi_is_the_problem_of_the_paper():
    path = racing.reddi("Adam", 300, every=1)
    assert len(path) == 300 and np.all(np.abs(path) <= 1)
    assert path[0] == pytest.approx(-0.1 * 0.1 / 0.01**0.5)  # (1 - beta1) g / sqrt((1 - beta2) g^2), times the rate
    # The large gradient comes at t = 1, 102, ...: x falls there, and the small ones raise it again.
    assert path[101] < path[100] and np.all(np.diff(path[60:101]) > 0)
    with pytest.raises(ValueError, match="Adam and AMSGrad"):
        racing.reddi("SGD", 10)


@pytest.mark.parametrize(
    "call, hint",
    [
        (lambda: racing.losses("Newton", SURFACES["bowl"], [0.1], [(0, 1)], 5), "unknown optimizer"),
        (lambda: racing.losses("SGD", SURFACES["bowl"], [0.1, -1], [(0, 1)], 5), "rates must be"),
        (lambda: racing.losses("SGD", SURFACES["bowl"], [], [(0, 1)], 5), "rates must be"),
        (lambda: racing.losses("SGD", SURFACES["bowl"], [0.1], [0, 1], 5), r"points \[S, 2\]"),
        (lambda: racing.losses("SGD", SURFACES["bowl"], [0.1], [(0, np.nan)], 5), "finite"),
        (lambda: racing.losses("SGD", SURFACES["bowl"], [0.1], [(0, 1)], 0), "at least 1"),
        (lambda: racing.batches(np.ones((6, 2)), np.ones(5), [0, 0], [0.1], 2, 1, [0]), r"answers \[M\]"),
        (lambda: racing.batches(np.ones((6, 2)), np.ones(6), [0, 0], [0.1], 4, 1, [0]), "size must divide the 6"),
    ],
)
def test_refusals(call, hint):
    with pytest.raises(ValueError, match=hint):
        call()
