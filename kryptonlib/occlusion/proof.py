"""Is what we compute with the network that the caller gave? Asked of images that tell networks apart.

A clean image may prove nothing: a black one looks the same to many networks. So two random images, of other contrast
than each other, are put through what is to be proven, side by side, and each alone through the caller's own module. The
answers agree where Python code was followed rightly and no image's answer depends on its company.
"""

import torch
import torch.nn.functional as F

FAR = 64
"""How many times as large as an image its company is."""
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
    """Two random images [2, C, H, W] far beyond that range, up and down.

    What depends on the largest value of a batch, or on its mean, changes beside one of them.
    """
    found = probes(image, fill)[:1].flip(3) * FAR
    return like(torch.cat([found, -found]), image)


def alone(module, images):
    """The module's answers to images [n, C, H, W], one at a time; it is given copies, which it may overwrite."""
    return torch.cat([module(image[None].clone()) for image in images])


def tolerance(truths):
    """How far right answers may lie from the caller's, relative to the largest: rounding in another order.

    Where the answers [n, classes] hardly differ from image to image, a small error is a large part of a map.
    """
    if truths.dtype == torch.float64:
        return 1e-9
    # GPUs may multiply 32 bits as 19 (TF32).
    rough = max(1e-3 if truths.device.type == "cpu" else 5e-3, 8 * torch.finfo(truths.dtype).eps)
    if truths.dtype != torch.float32 or truths.device.type != "cpu" or len(truths) < 2:
        return rough
    spread = float((truths.amax(0) - truths.amin(0)).max()) / max(float(truths.abs().max()), 1e-30)
    return min(rough, max(1e-4, spread / 100)) if spread == spread else rough


def closeness(answers):
    """How far answers of the very same operations may lie apart, in other company: next to nothing."""
    return 64 * torch.finfo(answers.dtype).eps if answers.is_floating_point() else 0.0


def agrees(answers, truth, within=None):
    """Whether two answers [n, classes] are those of one function, rounding apart; NaN agrees with NaN."""
    if answers.shape != truth.shape or answers.dtype != truth.dtype:
        return False
    within = tolerance(truth) if within is None else within
    finite = truth[truth.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(answers, truth, rtol=within, atol=within * largest, equal_nan=True)


def keeps_apart(module, images, truths, beside, most=5):
    """Whether a module answers images rightly, and each whatever the images beside it are.

    Args:
        module: nn.Module in evaluation mode, or what is called like one.
        images: [n, C, H, W].
        truths: the right answer to each of them alone [n, classes].
        beside: two other images [2, C, H, W], put before and behind them in each way: the first and the last of a batch
            may be what the others are compared with. None where it is known that the module computes each by itself.
        most: images that may be passed at a time; with 1 only the answers themselves are compared.
    """
    # Groups of (what comes before, what comes behind) that take the same operations.
    groups, room = [[([], [])]], most
    if beside is not None and most > 1:
        one, other = beside.split(1)
        groups, room = [[([before], [behind]) for before in (one, other) for behind in (one, other)]], most - 2
        if most == 2:
            groups, room = [[([one], []), ([other], [])], [([], [one]), ([], [other])]], 1
    for part, truth in zip(images.split(room), truths.split(room)):
        for group in groups:
            answers = [_within(module, before, part, behind, images) for before, behind in group]
            if any(answer is None or not agrees(answer, truth, tolerance(truths)) for answer in answers):
                return False
            if not all(agrees(answer, answers[0], closeness(truth)) for answer in answers):
                return False
    return True


def _within(module, before, part, behind, image):
    """The answers to ``part`` among other images; None where the module does not take batches."""
    batch = torch.cat([*before, part, *behind])
    try:
        together = module(like(batch, image))
    # The caller's own code may be made for batches of one: a fixed size, for example.
    except Exception:
        return None
    if not isinstance(together, torch.Tensor) or len(together) != len(batch):
        return None
    return together[len(before) : len(before) + len(part)]


def like(batch, image):
    """A batch [n, C, H, W] whose images lie in memory as the caller's image does."""
    if image.is_contiguous():
        return batch.contiguous()
    return batch.contiguous(memory_format=torch.channels_last)
