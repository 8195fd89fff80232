"""From a network's logits to the number a heat map shows."""

import torch

SCORES = ("probability", "log-odds", "logit")


def score(logits, targets, kind):
    """The score of each target class.

    With logits z and target t, in float64 (a probability of 1 - 1e-9 is not rounded to 1):

    - "probability": softmax, exp(z_t) / sum_k exp(z_k), in [0, 1];
    - "log-odds": z_t - log sum_{k != t} exp(z_k), which equals log(p / (1 - p)) but stays exact where p rounds to 1;
    - "logit": z_t itself.

    Args:
        logits: tensor [n, classes].
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
    if kind == "logit":
        return logits[:, targets].T
    if kind == "log-odds":
        rows = []
        for target in targets:
            others = logits.clone()
            others[:, target] = -torch.inf
            rows.append(logits[:, target] - others.logsumexp(1))
        return torch.stack(rows)
    raise ValueError(f"score must be one of {', '.join(SCORES)}, got {kind!r}")
