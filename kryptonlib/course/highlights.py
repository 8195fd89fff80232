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
    Highlight("06", "published-settings-kept", "The quality a fit promises on some images is not that of another."),
    Highlight("21", "timed-at-the-promise", "Of an earlier session, alone on a machine; the paper's own methods reach less."),
    Highlight("03", "layers-to-underflow", "Plain stacks, five seeds, with default and with He's weights as a control."),
    Highlight("22", "plain-training-error", "Three seeds, each network at the best of the same rates."),
    Highlight("08", "one-transform", "One common start and equal further steps; a control tells what case 1's own did."),
    Highlight("08", "beats-jpeg2000", "A mean over settings also measures how each coder divides its bits among images."),
    Highlight("14", "lpips-first", "The thesis's own votes, scored again, 4,000 resamples of them."),
    Highlight("11", "leads-over-two-seeds", "One common start, equal steps, a rate for each loss found by the same sweep."),
    Highlight("12", "inventors", "Planted lesions, three sets of masks, two seeds: the contrast shown where there is none."),
    Highlight("13", "reading-fits", "Of several readings of the text, the only one that gives the printed values."),
    Highlight("13", "table-2-leads", "Most of its loss is SSIM, and PSNR pays: without that term X-BDCNN leads DnCNN."),
)
