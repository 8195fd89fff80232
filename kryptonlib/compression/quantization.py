"""Rounding to multiples of a step, and three stand-ins for it through which a gradient passes.

Rounding has the derivative 0 nearly everywhere, so nothing could be learned through it.
"""

import torch


def quantize(y, steps, means=None):
    """step * round((y - mean) / step) + mean: Dumas, Roumy and Guillemot, sections 3.1 and 4.

    Args:
        y: latents [N, maps, h, w].
        steps: tensor [maps], positive. means: tensor [maps] that latents are centred by, or None.

    Returns:
        (values, symbols): the quantized latents, and the whole numbers (y - mean) / step was rounded to, as int32.

    Raises:
        ValueError: a step that is not positive, or a number of steps or means that is not that of the maps.
    """
    steps = _per_map("steps", steps, y)
    if not (steps > 0).all():
        raise ValueError(f"quantize() got steps down to {float(steps.min()):g}; expected positive ones")
    centre = torch.zeros_like(steps) if means is None else _per_map("means", means, y)
    symbols = ((y - centre) / steps).round()
    return symbols * steps + centre, symbols.to(torch.int32)


def add_noise(y, steps, generator=None):
    """y + step * uniform noise on [-1/2, 1/2): what the paper trains with; differentiable in y and in the steps.

    The noise has the density that rounding errors have where the density of y is nearly constant over a step, and the
    step appears as a factor: the change of variable of eq. 4, through which the steps are learned.
    """
    noise = torch.rand(y.shape, generator=generator, device=y.device, dtype=y.dtype) - 0.5
    return y + _per_map("steps", steps, y) * noise


def straight_through(y, steps):
    """Rounded values whose gradient is that of y: Bengio et al., 2013, https://arxiv.org/abs/1308.3432."""
    return y + (quantize(y.detach(), steps)[0] - y.detach())


def soft_round(y, steps, temperature, reach=2):
    """Mean of the nearest multiples of the step, weighted by exp(-distance^2 / temperature), in units of the step.

    The soft quantizer of the tutorial's slides ("End-to-end compression"), with the temperature that they omit. As it
    falls to 0 this becomes rounding; where it is high the values are drawn to the middle.

    Args:
        y: latents [N, maps, h, w].
        steps: tensor [maps].
        temperature: positive.
        reach: multiples on either side of the nearest one that count.

    Raises:
        ValueError: a temperature that is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"soft_round() got temperature={temperature!r}; expected a positive number")
    steps = _per_map("steps", steps, y)
    place = y / steps
    levels = place.detach().round()[..., None] + torch.arange(-reach, reach + 1, device=y.device)
    weights = torch.softmax(-(place[..., None] - levels).square() / temperature, -1)
    return (weights * levels).sum(-1) * steps


def _per_map(what, values, y):
    """Values [maps] in a shape that broadcasts over latents."""
    values = torch.as_tensor(values, dtype=y.dtype, device=y.device)
    if y.ndim != 4 or values.shape != y.shape[1:2]:
        raise ValueError(f"{what}: got {tuple(values.shape)} for latents {tuple(y.shape)}; expected [maps], [N, maps, h, w]")
    return values.reshape(-1, 1, 1)
