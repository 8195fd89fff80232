"""Is what we compute with the network that the caller gave? Asked of images that tell networks apart.

A clean image may prove nothing: a black one looks the same to many networks. So two random images, of other contrast
than each other, are put through what is to be proven, side by side, and each alone through the caller's own module. The
answers agree where Python code was followed rightly and no image's answer depends on its company.
"""

import torch
import torch.nn.functional as F

BLOCKS = 5
"""Cells a side of the coarse half of a random image: a network that averages noise away still sees those."""


def probes(image, fill=None):
    """Two random images in the range of ``image`` and ``fill``, of full and of a third of its contrast: [2, C, H, W].

    Args:
        image: the caller's image [1, C, H, W]; only its shape, type and range matter.
        fill: what a patch shows, or None.
    """
    known = [image, *([] if fill is None else [torch.as_tensor(fill).to(image)])]
    low = min(0.0, *(float(one.min()) for one in known))
    high = max(1.0, *(float(one.max()) for one in known))
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, image.shape[1], BLOCKS, BLOCKS, generator=generator)
    noise = torch.rand(2, *image.shape[1:], generator=generator)
    unit = (F.interpolate(coarse, image.shape[2:], mode="nearest") + noise) / 2
    unit[1] = 0.2 + unit[1] / 3
    return like((low + (high - low) * unit).to(image), image)


def company(image, fill=None):
    """A random image beyond that range [1, C, H, W]: what depends on the largest value of a batch changes beside it."""
    pair = probes(image, fill)
    return pair[:1] * 8 - pair.mean() * 4


def alone(module, images):
    """The module's answers to images [n, C, H, W], one at a time; it is given copies, which it may overwrite."""
    return torch.cat([module(image[None].clone()) for image in images])


def tolerance(answers):
    """How far answers of the same function may lie apart, relative to the largest: rounding in another order."""
    if answers.dtype == torch.float64:
        return 1e-7
    return max(1e-3, 8 * torch.finfo(answers.dtype).eps)


def agrees(answers, truth, within=None):
    """Whether two answers [n, classes] are those of one function, rounding apart; NaN agrees with NaN."""
    if answers.shape != truth.shape or answers.dtype != truth.dtype:
        return False
    within = tolerance(truth) if within is None else within
    finite = truth[truth.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(answers, truth, rtol=within, atol=within * largest, equal_nan=True)


def keeps_apart(module, images, truths, beside, most=5):
    """Whether a module answers images beside others as it does alone.

    Args:
        module: nn.Module in evaluation mode, or what is called like one.
        images: [n, C, H, W].
        truths: the right answer to each of them alone [n, classes].
        beside: another image [1, C, H, W], put before and behind them: the first and the last of a batch may be what
            the others are compared with.
        most: images that may be passed at a time; with 1 only the answers themselves are compared.
    """
    # Beside an image far beyond its range even eight bits, shared by a batch, tell; GPUs round more coarsely.
    within = tolerance(truths) / (10 if truths.device.type == "cpu" else 1)
    other = beside.flip(3) / 2
    for part, truth in zip(images.split(max(1, most - 2)), truths.split(max(1, most - 2))):
        # (what comes before, what comes behind): with two at a time once this way and once the other.
        sides = {1: [([], [])], 2: [([beside], []), ([], [other])]}.get(most, [([beside], [other])])
        for before, behind in sides:
            batch = torch.cat([*before, part, *behind])
            try:
                together = module(like(batch, images))
            # The caller's own code may be made for batches of one: a fixed size, for example.
            except Exception:
                return False
            if not isinstance(together, torch.Tensor) or len(together) != len(batch):
                return False
            if not agrees(together[len(before) : len(before) + len(part)], truth, within):
                return False
    return True


def like(batch, image):
    """A batch [n, C, H, W] whose images lie in memory as the caller's image does."""
    if image.is_contiguous():
        return batch.contiguous()
    return batch.contiguous(memory_format=torch.channels_last)
