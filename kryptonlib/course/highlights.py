"""The claims that README shows: about ten, chosen by hand, with the reason for each verdict.

All others stand on the page of claims (``claims_page``) and in the report.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Highlight:
    """A claim for README.

    Args:
        notebook: number of the notebook that records it, "05".
        name: the record's name.
        why: one sentence: what makes the verdict believable, or why the claim does not hold.
    """

    notebook: str
    name: str
    why: str


HIGHLIGHTS = (
    Highlight("02", "convolution-against-torch", "The largest difference between the corrected sum and torch is the rounding of doubles."),
    Highlight("02", "max-pool-is-linear", "The maximum of a sum is not the sum of the maxima: no fixed kernel gives it."),
    Highlight("03", "conv-share-of-macs", "Multiply-adds of five networks, counted layer by layer; the lowest share is AlexNet's."),
    Highlight("04", "saliency-spreads-wider", "The root mean square distance from the map's centre, on one photo: saliency's over occlusion's."),
    Highlight("05", "vgg16-published-ratio", "Counted from the layers' shapes, so that no timing enters."),
    Highlight("05", "resnet18-published-ratio", "Counted from the layers' shapes, so that no timing enters."),
    Highlight("05", "vgg16-maps-equal", "Both maps are computed and compared position by position."),
    Highlight("06", "settings-that-miss-raw-ssim", "The raw maps are compared; how they are rendered changes the score."),
    Highlight("02", "group-norm-uses-other-samples", "A sample alone and the same sample in a batch give the same output."),
    Highlight("03", "accuracy-with-few-labels", "Digits, each way on the same few labels, averaged over draws of them."),
)
