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
    Highlight("05", "vgg16-published-ratio", "Counted from the layers' shapes, so that no timing enters."),
    Highlight("05", "all-changes-inside-the-window", "Outside the windows every activation equals the clean one."),
    Highlight("03", "conv-share-of-macs", "Multiply-adds of five networks; AlexNet's share is the least."),
    Highlight("06", "published-settings-kept", "The quality a fit promises on some images is not that of another."),
    Highlight("06", "tuned-threshold-on-others", "Its own tuner, judged on photos that it did not see."),
    Highlight("21", "timed-at-the-promise", "Of an earlier session, alone on a machine; the paper's own methods reach less."),
    Highlight("04", "saliency-spreads-wider", "Root mean square distance from the map's centre, six photos."),
    Highlight("03", "layers-to-underflow", "Plain stacks, five seeds, with default and with He's weights as a control."),
    Highlight("02", "group-norm-uses-other-samples", "A sample gives the same output alone and in a batch."),
    Highlight("07", "entropy-of-rounding", "Computed for Laplace's density, which learned latents resemble."),
    Highlight("07", "slide-soft", "Without a temperature and with levels on one side it is drawn to the middle."),
)
