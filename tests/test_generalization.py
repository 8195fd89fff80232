"""Splits, polynomials, weight decay, dropout and the eight symmetries."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from kryptonlib.basics import generalization as g
from kryptonlib.basics.optimizers import SGD, descend


@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 3))
def test_folds_are_disjoint_and_cover(samples, k, seed):
    k = min(k, samples)
    parts = g.folds(samples, k, seed)
    assert len(parts) == k
    tests = np.concatenate([test for _, test in parts])
    assert sorted(tests) == list(range(samples))
    for training, test in parts:
        assert sorted([*training, *test]) == list(range(samples))
    sizes = [len(test) for _, test in parts]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(2, 60), st.integers(1, 59))
def test_hold_out_is_disjoint_and_covers(samples, test):
    test = min(test, samples - 1)
    training, held = g.hold_out(samples, test)
    assert len(held) == test and sorted([*training, *held]) == list(range(samples))


def test_splits_are_shuffled_and_repeatable():
    assert g.folds(50, 5)[0][1].tolist() == g.folds(50, 5)[0][1].tolist() != list(range(10))


def test_polynomials_span_the_powers():
    x = np.linspace(-1, 1, 40)
    powers = np.vander(x, 6, increasing=True)
    fit = g.polynomial(x, 5)
    np.testing.assert_allclose(fit @ g.least_squares(fit, powers), powers, atol=1e-10)


def test_train_error_never_rises_with_the_degree_and_test_error_is_u_shaped():
    draw = np.random.default_rng(0)
    x, fine = np.linspace(-1, 1, 20), np.linspace(-1, 1, 400)
    y = np.sin(np.pi * x) + 0.25 * draw.normal(size=20)
    train, test = [], []
    for degree in range(16):
        w = g.least_squares(g.polynomial(x, degree), y)
        train.append(np.mean((g.polynomial(x, degree) @ w - y) ** 2))
        test.append(np.mean((g.polynomial(fine, degree) @ w - np.sin(np.pi * fine)) ** 2))
    assert np.all(np.diff(train) < 1e-12)
    assert 1 <= int(np.argmin(test)) <= 8 and test[0] > 3 * min(test) and test[-1] > 3 * min(test)


def test_degree_sweep_is_the_plain_experiment():
    """Bias and variance against fresh noise, and cross-validation against numpy's own polynomial fit."""
    draw = np.random.default_rng(0)
    spots, fine = np.linspace(-1, 1, 12), np.linspace(-0.9, 0.9, 40)
    sets = np.sin(np.pi * spots)[:, None] + 0.2 * draw.normal(size=(12, 500))
    curves, fits, left_out = g.degree_sweep(spots, sets, fine, np.sin(np.pi * fine), 0.2, [1, 4], k=4)
    for place, degree in enumerate([1, 4]):
        plain = [np.polynomial.Polynomial.fit(spots, column, degree) for column in sets.T]
        np.testing.assert_allclose(fits[degree], np.transpose([fit(fine) for fit in plain]), atol=1e-9)
        fresh = np.sin(np.pi * fine)[:, None] + 0.2 * draw.normal(size=fits[degree].shape)
        assert np.mean((fresh - fits[degree]) ** 2) == pytest.approx(curves["test error"][place], rel=0.03)
        errors = np.empty_like(sets)
        for training, test in g.folds(12, 4):
            for number, column in enumerate(sets.T):
                fit = np.polynomial.Polynomial.fit(spots[training], column[training], degree)
                errors[test, number] = (fit(spots[test]) - column[test]) ** 2
        np.testing.assert_allclose(left_out[degree] ** 2, errors, atol=1e-9)
        assert np.mean(errors) == pytest.approx(curves["4-fold CV"][place], rel=1e-9)
        assert np.mean([np.mean((f(spots) - c) ** 2) for f, c in zip(plain, sets.T)]) == pytest.approx(
            curves["training error"][place]
        )
    with pytest.raises(ValueError, match="sets must be"):
        g.degree_sweep(spots, sets.T, fine, np.sin(np.pi * fine), 0.2, [1])


def test_akaike_is_twice_the_parameters_less_twice_the_likelihood():
    """Against the definition: the likelihood of normal residuals whose variance is fitted, up to a constant of N."""
    draw = np.random.default_rng(0)
    scores = {}
    for parameters, spread in ((3, 1.0), (6, 0.7)):
        residuals = spread * draw.normal(size=20)
        variance = np.mean(residuals**2)
        log_likelihood = norm.logpdf(residuals, scale=variance**0.5).sum()
        scores[parameters] = 2 * parameters - 2 * log_likelihood - g.akaike(variance, parameters, 20)
        correction = 2 * parameters * (parameters + 1) / (20 - parameters - 1)
        assert g.akaike(variance, parameters, 20, corrected=True) == pytest.approx(
            g.akaike(variance, parameters, 20) + correction
        )
    assert scores[3] == pytest.approx(scores[6]) == pytest.approx(20 * (1 + np.log(2 * np.pi)))


def test_every_rule_chooses_as_it_says():
    draw = np.random.default_rng(2)
    spots, fine, degrees = np.linspace(-1, 1, 15), np.linspace(-1, 1, 30), [1, 2, 5]
    sets = spots[:, None] ** 2 + 0.1 * draw.normal(size=(15, 6))
    _, _, left_out = g.degree_sweep(spots, sets, fine, fine**2, 0.1, degrees, k=5)
    chosen = g.choices(spots, sets, degrees, left_out, k=5)
    for number, column in enumerate(sets.T):
        residuals = [np.polynomial.Polynomial.fit(spots, column, d)(spots) - column for d in degrees]
        missed = {rule: [] for rule in ("cross-validation", "hold-out")}
        for degree in degrees:
            errors = []
            for training, test in g.folds(15, 5):
                fit = np.polynomial.Polynomial.fit(spots[training], column[training], degree)
                errors.append((fit(spots[test]) - column[test]) ** 2)
            missed["cross-validation"].append(np.concatenate(errors).mean())
            missed["hold-out"].append(errors[0].mean())
        for rule, values in missed.items():
            assert chosen[rule][number] == np.argmin(values)
        aic = [15 * np.log(np.mean(r**2)) + 2 * (d + 2) for r, d in zip(residuals, degrees)]
        assert chosen["AIC"][number] == np.argmin(aic)
        assert chosen["corrected AIC"][number] == np.argmin(
            [value + 2 * (d + 2) * (d + 3) / (15 - d - 3) for value, d in zip(aic, degrees)]
        )
        assert chosen["training error"][number] == 2


@pytest.fixture
def problem():
    draw = np.random.default_rng(1)
    x = draw.normal(size=(60, 8))
    return x, x @ np.array([3.0, -2, 1, 0, 0, 0, 0, 0]) + 0.3 * draw.normal(size=60)


@pytest.mark.parametrize("decay", [0.0, 0.1, 2.0])
def test_ridge_is_where_gradient_descent_with_l2_decay_ends(problem, decay):
    x, y = problem
    path = descend(SGD(0.1), lambda w: x.T @ (x @ w - y) / 60 + decay * w, np.zeros(8), 5000)
    np.testing.assert_allclose(g.ridge(x, y, decay), path[-1], atol=1e-10)


@pytest.mark.parametrize("decay", [0.0, 0.1, 1.0])
def test_lasso_meets_its_optimality_conditions(problem, decay):
    x, y = problem
    w = g.lasso(x, y, decay)
    pull = x.T @ (y - x @ w) / 60
    np.testing.assert_allclose(pull[w != 0], decay * np.sign(w[w != 0]), atol=1e-9)
    assert np.all(np.abs(pull[w == 0]) <= decay + 1e-9)
    assert decay < 1 or np.sum(w == 0) >= 5


def test_decay_on_orthonormal_columns_in_closed_form():
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(20, 4)))
    x, y = q * 20**0.5, np.random.default_rng(1).normal(size=20)
    plain = g.least_squares(x, y)
    np.testing.assert_allclose(g.ridge(x, y, 0.5), plain / 1.5, atol=1e-12)
    np.testing.assert_allclose(g.lasso(x, y, 0.1), g.soft_threshold(plain, 0.1), atol=1e-12)


def test_dropout_keeps_the_mean_and_drops_its_share():
    x = np.full(200_000, 3.0)
    for probability in (0.0, 0.2, 0.5, 0.9):
        out = g.dropout(x, probability, seed=1)
        assert set(np.round(np.unique(out), 9)) <= {0.0, round(3 / (1 - probability), 9)}
        assert np.mean(out == 0) == pytest.approx(probability, abs=0.005)
        # Five standard errors of the mean.
        assert out.mean() == pytest.approx(3, abs=5 * 3 * (probability / (1 - probability) / 200_000) ** 0.5 + 1e-12)


def test_dihedral_is_a_group_of_eight():
    image = np.arange(9).reshape(3, 3)
    views = [view.tobytes() for view in g.dihedral(image)]
    assert len(set(views)) == 8
    for view in g.dihedral(image):
        assert {again.tobytes() for again in g.dihedral(view)} == set(views)


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (4, 3, 3)])
def test_dihedral_inverses(shape):
    image = np.random.default_rng(0).random(shape)
    for index, view in enumerate(g.dihedral(image)):
        np.testing.assert_array_equal(g.dihedral_inverse(view, index), image)
    assert np.array_equal(g.dihedral(image)[0], image) and np.array_equal(g.dihedral(image)[4], image[:, ::-1])


@pytest.mark.parametrize(
    "call, hint",
    [
        (lambda: g.folds(5, 6), "k must be between 2 and the 5"),
        (lambda: g.folds(5, 1), "k must be between"),
        (lambda: g.hold_out(5, 5), "test must be between 1 and 4"),
        (lambda: g.polynomial(np.array([2.0]), 1), r"in \[-1, 1\]"),
        (lambda: g.polynomial(np.array([0.0]), -1), "degree must be at least 0"),
        (lambda: g.akaike(0.0, 2, 20), "above 0"),
        (lambda: g.akaike(1.0, 19, 20), "between 1 and 18 for 20"),
        (lambda: g.ridge(np.eye(2), np.ones(2), -1), "must not be negative"),
        (lambda: g.lasso(np.eye(2), np.ones(2), float("nan")), "must not be negative"),
        (lambda: g.dropout([1.0], 1.0), r"lie in \[0, 1\)"),
        (lambda: g.dihedral(np.zeros(3)), r"\[H, W\]"),
        (lambda: g.dihedral_inverse(np.eye(2), 8), "index must be 0..7"),
    ],
)
def test_refusals(call, hint):
    with pytest.raises(ValueError, match=hint):
        call()
