"""How well a distilled classifier agrees with its teacher, on photos that it was not trained on."""

import torch
from torch.nn import functional

from kryptonlib.training.distillation_pool import held_out_crops, logits


def compare(found, truth):
    """How well a student's logits [n, classes] agree with the teacher's.

    Returns:
        dict of ``top1``: share of images with the same best class; ``top5``: share where the teacher's best class is
        among the student's five best; ``kl``: mean KL(teacher || student) in nats; ``correlation``: mean over the
        images of the correlation of the logits across classes.
    """
    best = truth.argmax(1)
    theirs, ours = truth.log_softmax(1), found.log_softmax(1)
    centred = [values - values.mean(1, keepdim=True) for values in (found, truth)]
    values = {
        "top1": (found.argmax(1) == best).float().mean(),
        "top5": (found.topk(5).indices == best[:, None]).any(1).float().mean(),
        "kl": (theirs.exp() * (theirs - ours)).sum(1).mean(),
        "correlation": functional.cosine_similarity(*centred).mean(),
    }
    return {name: round(float(value), 4) for name, value in values.items()}


@torch.inference_mode()
def centre_logits(cnn, photos):
    """Logits [n, classes] of photos, each prepared as the classifier itself does it."""
    images = [cnn.prepare(photo.image_as_floats()) for photo in photos]
    return torch.cat([cnn.module(image).float().cpu() for image in images])


def agreement(cnn, teacher, photos, count, seed):
    """Agreement with the teacher on photos: {"photos", "centre", "crops", "labels"}.

    Args:
        photos: ``distillation_pool.Photo`` objects that were not trained on.
        count: crops of each, in "crops" (``distillation_pool.held_out_crops``); "centre" is the usual centre crop.

    Returns:
        dict; "labels" holds how many photos have a label and the share that student and teacher get right.
    """
    found, truth = centre_logits(cnn, photos), centre_logits(teacher, photos)
    crops = [held_out_crops(photo, count, seed, max(cnn.input_size)) for photo in photos]
    pairs = [(logits(cnn, some), logits(teacher, some)) for some in crops]
    labelled = [i for i, photo in enumerate(photos) if photo.label is not None]
    report = {
        "photos": len(photos),
        "centre": compare(found, truth),
        "crops": compare(*(torch.cat(side) for side in zip(*pairs, strict=True))) | {"count": count * len(photos)},
    }
    if labelled:
        labels = torch.tensor([photos[i].label for i in labelled])
        right = {"student": found, "teacher": truth}
        report["labels"] = {"photos": len(labelled)} | {
            who: round(float((values[labelled].argmax(1) == labels).float().mean()), 4) for who, values in right.items()
        }
    return report
