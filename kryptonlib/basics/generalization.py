"""How well a model does on data it has not seen: splits, polynomials, weight decay, dropout, augmentation.

The tutorial's slides "Bias vs. Variance", "Generalization Error" (which quotes S. Fortmann-Roe, 2012: "resampling based
measures such as cross-validation should be preferred over theoretical measures such as Akaike's Information Criteria"),
"Regularization" and "Amount of Data".
"""

import numpy as np


def hold_out(samples, test, seed=0):
    """Shuffle 0..samples-1 and split off ``test`` of them: (training indices, test indices)."""
    if not 1 <= test < samples:
        raise ValueError(f"test must be between 1 and {samples - 1} of {samples} samples, got {test}")
    order = np.random.default_rng(seed).permutation(samples)
    return np.sort(order[test:]), np.sort(order[:test])


def folds(samples, k=5, seed=0):
    """k-fold cross-validation: k pairs (training indices, test indices).

    Every sample is in exactly one test set; test sets differ in size by at most one.

    >>> [len(test) for _, test in folds(11, 5)]
    [3, 2, 2, 2, 2]
    """
    if not 2 <= k <= samples:
        raise ValueError(f"k must be between 2 and the {samples} samples, got {k}")
    order = np.random.default_rng(seed).permutation(samples)
    parts = [np.sort(part) for part in np.array_split(order, k)]
    return [(np.setdiff1d(order, part), part) for part in parts]


def polynomial(x, degree):
    """Legendre polynomials 0..degree of x in [-1, 1] as columns [N, degree + 1]; they stay well conditioned."""
    x = np.asarray(x, dtype=float)
    if x.ndim != 1 or np.any(np.abs(x) > 1):
        raise ValueError(f"x must be a vector of numbers in [-1, 1], got shape {x.shape}")
    if degree < 0:
        raise ValueError(f"degree must be at least 0, got {degree}")
    return np.polynomial.legendre.legvander(x, degree)


def least_squares(design, targets):
    """Weights [K] of the least mean square error for the design [N, K]; the smallest ones if several fit."""
    return np.linalg.lstsq(design, targets, rcond=None)[0]


def degree_sweep(spots, sets, fine, truth, noise, degrees, k=5):
    """Errors of polynomial fits of each degree, over many training sets at the same spots.

    Args:
        spots: where the training sets are measured [N], in [-1, 1].
        sets: one training set per column [N, S].
        fine: where the fits are judged [F].
        truth: the noiseless values there [F].
        noise: standard deviation of a measurement, in the units of ``truth``.
        degrees: the degrees to fit.
        k: folds of the cross-validation.

    Returns:
        (curves, fits, left_out): mean squares per degree under the names "training error", "test error" (= bias² +
        variance + noise²), "bias²", "variance" and "k-fold CV"; for each degree the fits at ``fine`` [F, S]; and for
        each degree the errors at ``spots`` of the fits that were not shown the spot [N, S], from which a single
        training set's own cross-validation follows.
    """
    spots, sets = np.asarray(spots, dtype=float), np.asarray(sets, dtype=float)
    if sets.ndim != 2 or len(sets) != len(spots):
        raise ValueError(f"sets must be [{len(spots)}, training sets], got {sets.shape}")
    names = ("training error", "test error", "bias²", "variance", f"{k}-fold CV")
    curves, fits, left_out = {name: [] for name in names}, {}, {}
    for degree in degrees:
        seen = polynomial(spots, degree)
        weights = least_squares(seen, sets)
        fits[degree] = polynomial(fine, degree) @ weights
        bias, variance = np.mean((fits[degree].mean(axis=1) - truth) ** 2), fits[degree].var(axis=1).mean()
        left_out[degree] = np.zeros_like(sets)
        for training, test in folds(len(spots), k):
            left_out[degree][test] = sets[test] - seen[test] @ least_squares(seen[training], sets[training])
        training_error = np.mean((seen @ weights - sets) ** 2)
        errors = (training_error, bias + variance + noise**2, bias, variance, np.mean(left_out[degree] ** 2))
        for name, value in zip(names, errors):
            curves[name].append(float(value))
    return curves, fits, left_out


def akaike(training_error, parameters, samples, corrected=False):
    """Akaike's information criterion of a least-squares fit, N log(training error) + 2 p; the smallest is chosen.

    Args:
        training_error: mean square of the residuals, above 0; a number or an array.
        parameters: p, the number of fitted parameters with the noise's variance (degree + 2 for a polynomial).
        samples: N, the samples fitted.
        corrected: Hurvich and Tsai's form for few samples, with 2 p N / (N - p - 1) in place of 2 p; p < N - 1.
    """
    training_error = np.asarray(training_error, dtype=float)
    if not np.all(training_error > 0):
        raise ValueError("akaike() needs training errors above 0; a fit without error has no likelihood")
    if not 1 <= parameters < samples - 1:
        raise ValueError(f"parameters must be between 1 and {samples - 2} for {samples} samples, got {parameters}")
    penalty = 2 * parameters * (samples / (samples - parameters - 1) if corrected else 1)
    return samples * np.log(training_error) + penalty


def choices(spots, sets, degrees, left_out, k=5):
    """The degree that each rule chooses for each training set of polynomial fits.

    Args:
        spots, sets, degrees, k: as for ``degree_sweep``.
        left_out: its third result, made with the same ``k``.

    Returns:
        Mapping from a rule to the indices into ``degrees`` that it chooses [S]: "cross-validation" (mean over all k
        folds), "hold-out" (the first fold alone), "AIC", "corrected AIC" and "training error".
    """
    samples = len(spots)
    held_out = folds(samples, k)[0][1]
    scores = {rule: [] for rule in ("cross-validation", "hold-out", "AIC", "corrected AIC", "training error")}
    for degree in degrees:
        design = polynomial(spots, degree)
        error = np.mean((design @ least_squares(design, sets) - sets) ** 2, axis=0)
        scores["cross-validation"].append(np.mean(left_out[degree] ** 2, axis=0))
        scores["hold-out"].append(np.mean(left_out[degree][held_out] ** 2, axis=0))
        scores["AIC"].append(akaike(error, degree + 2, samples))
        scores["corrected AIC"].append(akaike(error, degree + 2, samples, corrected=True))
        scores["training error"].append(error)
    return {rule: np.argmin(values, axis=0) for rule, values in scores.items()}


def ridge(design, targets, decay):
    """L2 weight decay in closed form: argmin ||Xw - y||^2 / (2N) + decay/2 ||w||^2."""
    _not_negative(decay)
    n, k = design.shape
    return np.linalg.solve(design.T @ design / n + decay * np.eye(k), design.T @ targets / n)


def soft_threshold(w, amount):
    """What L1 decay does to a weight: towards zero by ``amount``, and to zero exactly when it gets there."""
    _not_negative(amount)
    return np.sign(w) * np.maximum(np.abs(w) - amount, 0.0)


def lasso(design, targets, decay, steps=2000):
    """L1 weight decay by proximal gradient steps: argmin ||Xw - y||^2 / (2N) + decay sum |w|.

    Each step is gradient descent at the rate 1/L followed by ``soft_threshold``; L is the largest curvature.
    """
    _not_negative(decay)
    n = len(design)
    rate = n / np.linalg.norm(design, 2) ** 2
    w = np.zeros(design.shape[1])
    for _ in range(steps):
        w = soft_threshold(w - rate * design.T @ (design @ w - targets) / n, rate * decay)
    return w


def _not_negative(value):
    if not value >= 0:
        raise ValueError(f"decay must not be negative, got {value}")


def dropout(x, probability, seed=0):
    """Inverted dropout: each element becomes 0 with ``probability``, the others are divided by 1 - probability.

    The mean over many draws is x, so nothing has to change when the network is used. At test time do not call it.
    """
    if not 0 <= probability < 1:
        raise ValueError(f"probability must lie in [0, 1), got {probability}")
    x = np.asarray(x, dtype=float)
    keep = np.random.default_rng(seed).random(x.shape) >= probability
    return np.where(keep, x / (1 - probability), 0.0)


def dihedral(image):
    """The eight views of a square's symmetry: turned by 0, 90, 180, 270 degrees, then the same of its mirror image.

    Args:
        image: [H, W] or [H, W, channels]; views 1, 3, 5 and 7 have rows and columns exchanged.

    Returns:
        List of eight arrays, anticlockwise turns; ``dihedral_inverse(views[i], i)`` gives back ``image``.
    """
    image = np.asarray(image)
    if image.ndim not in (2, 3):
        raise ValueError(f"image must be [H, W] or [H, W, channels], got shape {image.shape}")
    return [np.rot90(start, turns) for start in (image, image[:, ::-1]) for turns in range(4)]


def dihedral_inverse(view, index):
    """Undo view ``index`` (0..7) of ``dihedral``."""
    if not 0 <= index < 8:
        raise ValueError(f"index must be 0..7, got {index}")
    back = np.rot90(np.asarray(view), -(index % 4))
    return back[:, ::-1] if index >= 4 else back
