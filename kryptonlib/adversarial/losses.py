"""The losses of the two players, on logits, and what reaches the generator of each.

I. Goodfellow et al., "Generative adversarial nets", NIPS 2014, section 3; with D = sigmoid(logit):

    discriminator    -log D(x) - log(1 - D(G(z)))                      minimized over D
    saturating        log(1 - D(G(z)))                                 minimized over G: the game's own
    non-saturating   -log D(G(z))                                      minimized over G: what is used
"""

from torch.nn import functional

from kryptonlib.choices import check_choice

KINDS = ("non-saturating", "saturating")


def discriminator_loss(real, fake):
    """Mean of -log D(real) plus mean of -log(1 - D(fake)).

    Args:
        real, fake: logits of real and of generated examples, tensors of any shape. That no gradient reaches the
            generator is the caller's part: ``D(G(z).detach())``.

    Returns:
        A tensor without axes: 2 log 2 where D is 1/2 everywhere.
    """
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def generator_loss(fake, kind="non-saturating"):
    """What the generator minimizes.

    Args:
        fake: logits of generated examples. kind: of ``KINDS``.

    Example:
        >>> generator_loss(torch.zeros(4)).item()
        0.6931471824645996
    """
    check_choice("kind", kind, KINDS)
    return functional.softplus(-fake).mean() if kind == "non-saturating" else -functional.softplus(fake).mean()


def pull(logit, kind="non-saturating"):
    """Size of the loss's derivative in the logit of a generated example: what the generator has to go by.

    Saturating: D(G(z)), which vanishes where the discriminator is sure. Non-saturating: 1 - D(G(z)).

    Example:
        >>> round(pull(torch.tensor(-5.0), "saturating").item(), 4), round(pull(torch.tensor(-5.0)).item(), 4)
        (0.0067, 0.9933)
    """
    check_choice("kind", kind, KINDS)
    return (-logit if kind == "non-saturating" else logit).sigmoid()
