"""Rounding to multiples of a step, and three stand-ins for it through which a gradient passes.

Rounding has the derivative 0 nearly everywhere, so nothing could be learned through it.
"""

import torch


def quantize(y, steps, means=None, *, edge=0.5):
    """step * round((y - mean) / step) + mean: Dumas, Roumy and Guillemot, sections 3.1 and 4.

    Args:
        y: latents [N, maps, h, w].
        steps: tensor [maps], positive. means: tensor [maps] that latents are centred by, or None.
        edge: what lies nearer to the mean than edge * step becomes the mean; a number or a tensor [maps], above 0 and
            at most 1. 1/2 is rounding, more gives a dead zone (``scalar``); the decoder is the same.

    Returns:
        (values, symbols): the quantized latents, and the whole numbers (y - mean) / step was rounded to, as int32.

    Raises:
        ValueError: a step that is not positive, an edge that cannot be, or a number of steps, means or edges that is
            not that of the maps.
    """
    steps = _per_map("steps", steps, y)
    if not (steps > 0).all():
        raise ValueError(f"quantize() got steps down to {float(steps.min()):g}; expected positive ones")
    centre = torch.zeros_like(steps) if means is None else _per_map("means", means, y)
    place = (y - centre) / steps
    symbols = place.round() if isinstance(edge, float) and edge == 0.5 else _with_dead_zone(place, edge, y)
    return symbols * steps + centre, symbols.to(torch.int32)


def _with_dead_zone(place, edge, y):
    """Whole numbers for places in units of the step, where 0 reaches as far as ``edge``."""
    edge = _per_map("edge", torch.full(y.shape[1:2], float(edge)) if isinstance(edge, (int, float)) else edge, y)
    if not ((edge > 0) & (edge <= 1)).all():
        low, high = float(edge.min()), float(edge.max())
        raise ValueError(f"quantize() got edges from {low:g} to {high:g}; expected above 0 and at most 1")
    return place.sign() * (place.abs() + 1 - edge).floor()


def rounding_noise(shape, generator=None, **kind):
    """Uniform noise on [-1/2, 1/2), in units of a step.

    Rounding errors have this density where that of what is rounded is nearly constant over a step.

    Args:
        shape: of the tensor.
        generator: of torch, on the same device.
        kind: device and dtype.
    """
    return torch.rand(shape, generator=generator, **kind) - 0.5


def add_noise(y, steps, generator=None, *, noise=None):
    """y + step * uniform noise on [-1/2, 1/2): what the paper trains with; differentiable in y and in the steps.

    The step appears as a factor: the change of variable of eq. 4, through which the steps are learned.

    Args:
        y: latents [N, maps, h, w].
        steps: tensor [maps].
        generator: of torch, on the device of ``y``.
        noise: what :func:`rounding_noise` gave for the shape of ``y``, where it was drawn before.
    """
    if noise is None:
        noise = rounding_noise(y.shape, generator, device=y.device, dtype=y.dtype)
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


BETAS = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)
"""The paper's factors of the step sizes at test time, section 4."""


@torch.no_grad()
def mean_maps(encode, images):
    """Mean of each map over images that are none of the test's: what latents are centred by (section 3.1).

    Args:
        encode: from luma [1, 1, H, W] to latents [1, maps, h, w].
        images: tensors [1, 1, H, W] in [0, 255].

    Returns:
        Tensor [maps].

    Raises:
        ValueError: no image.
    """
    total, count = None, 0
    for image in images:
        latents = encode(image).double()
        part = latents.sum((0, 2, 3))
        total = part if total is None else total + part
        count += latents.numel() // latents.shape[1]
    if total is None:
        raise ValueError("mean_maps() got no images")
    return (total / count).float()


def exceptional_map(latents, bins=40):
    """The map whose values are spread most evenly, as those of a block's mean are: (its index, divergences).

    All other maps of a learned transform have a peak at their mean like Laplace's; the paper's run had one exception,
    its 90th, and every run has another. It is the one with the least Jensen-Shannon divergence between the histogram
    over its range and the uniform distribution (the paper's code).

    Args:
        latents: tensor [N, maps, h, w].
        bins: of the histogram, from the least to the largest value of a map.

    Returns:
        (index, divergences): the divergences are a tensor [maps] in bits, 0 to 1, and infinite for a map that is
        constant.

    Raises:
        ValueError: all maps are constant.

    Example:
        >>> y = torch.cat([torch.randn(1, 2, 50, 50), torch.rand(1, 1, 50, 50)], 1)
        >>> exceptional_map(y)[0]
        2
    """
    columns = latents.transpose(0, 1).flatten(1).double()
    low, high = columns.amin(1, keepdim=True), columns.amax(1, keepdim=True)
    alive = (high > low).squeeze(1)
    if not alive.any():
        raise ValueError("exceptional_map() got constant maps only")
    place = ((columns - low) / (high - low).clamp_min(1e-300) * bins).long().clamp(0, bins - 1)
    counts = torch.zeros(len(columns), bins, dtype=torch.float64, device=columns.device)
    share = counts.scatter_add_(1, place, torch.ones_like(columns)) / columns.shape[1]
    middle = (share + 1 / bins) / 2

    def divergence(p):
        return torch.where(p > 0, p * (p / middle).log2(), torch.zeros_like(p)).sum(1)

    found = (divergence(share) + divergence(torch.full_like(share, 1 / bins))) / 2
    found = torch.where(alive, found, torch.inf)
    return int(found.argmin()), found.float()
