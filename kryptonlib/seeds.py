"""Streams of random numbers that do not depend on what was drawn before."""

import numpy as np
import torch


def generator(seed, number, device="cpu"):
    """A ``torch.Generator`` on ``device`` that two whole numbers decide, also negative ones.

    torch's own seed keeps 32 bits on a CPU, so that ``seed * 2**32 + number`` would be the same for every seed.

    Example:
        >>> torch.rand(1, generator=generator(0, 5)) == torch.rand(1, generator=generator(1, 5))
        tensor([False])
    """
    words = np.random.SeedSequence([seed % 2**63, number % 2**63]).generate_state(1)
    return torch.Generator(device).manual_seed(int(words[0]))
