"""From a network's output to the number a heat map shows."""

import torch

SCORES = ("probability", "log-odds", "logit", "output")
OWN_VALUE = ("logit", "output")
"""Scores that are the network's own number, linear in its last layer; the others compare classes and need two."""


def score(logits, targets, kind):
    """The score of each target class.

    With logits z and target t, in float64 (a probability of 1 - 1e-9 is not rounded to 1):

    - "probability": softmax, exp(z_t) / sum_k exp(z_k), in [0, 1];
    - "log-odds": z_t - log sum_{k != t} exp(z_k), which equals log(p / (1 - p)) but stays exact where p rounds to 1;
    - "logit": z_t itself;
    - "output": the same number, by the name that fits a network which is no classifier (an age, a risk, a dose).

    Args:
        logits: tensor [n, classes], or [n, outputs] of a network that is no classifier.
        targets: class indices, T of them.
        kind: one of ``SCORES``.

    Returns:
        float64 tensor [T, n] on the CPU.

    Example:
        >>> score(torch.tensor([[0.0, 0.0]]), [1], "probability")
        tensor([[0.5000]], dtype=torch.float64)
    """
    logits = logits.detach().cpu().double()
    targets = list(targets)
    if kind == "probability":
        return logits.softmax(1)[:, targets].T
    if kind in OWN_VALUE:
        return logits[:, targets].T
    if kind == "log-odds":
        rows = []
        for target in targets:
            others = logits.clone()
            others[:, target] = -torch.inf
            rows.append(logits[:, target] - others.logsumexp(1))
        return torch.stack(rows)
    raise ValueError(f"score must be one of {', '.join(SCORES)}, got {kind!r}")


def check_outputs(count, kind):
    """ValueError where ``kind`` compares classes and the network has a single output (a regression)."""
    if count == 1 and kind not in OWN_VALUE:
        raise ValueError(
            f"the network has one output, so there is no other class and its softmax is always 1; got {kind!r}. "
            "Ask for the score 'output': the number that the network returns"
        )
