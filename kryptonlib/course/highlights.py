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
    Highlight("02", "convolution-against-torch", "The corrected sum differs from torch by rounding alone."),
    Highlight("03", "conv-share-of-macs", "Multiply-adds of five networks; AlexNet's share is the least."),
    Highlight("04", "saliency-spreads-wider", "Root mean square distance from the map's centre, on one photo."),
    Highlight("05", "all-changes-inside-the-window", "Outside the windows every activation equals the clean one."),
    Highlight("05", "vgg16-published-ratio", "Counted from the layers' shapes, so that no timing enters."),
    Highlight("05", "resnet18-published-ratio", "Counted from the layers' shapes, so that no timing enters."),
    Highlight("01", "built-error", "The networks are built, not trained; largest error at six widths."),
    Highlight("02", "stacked-fields", "Followed layer by layer; the weights of both ways are counted."),
    Highlight("02", "group-norm-uses-other-samples", "A sample gives the same output alone and in a batch."),
    Highlight("01", "reddi-ends", "Both run on Reddi's sequence of gradients; the best point is -1."),
)
