"""How metrics agree with people, against the code of LPIPS's authors; what the thesis measured, against its tables."""

import numpy as np
import pytest

from kryptonlib.judging import agreement, votes

RANDOM = np.random.default_rng(5)


class Loader(list):
    """What the authors' functions ask for data."""

    def load_data(self):
        return self


def theirs(name, rows):
    trainer = pytest.importorskip("lpips.trainer", reason="the package lpips is not installed")
    import torch

    data = Loader({key: torch.tensor([value]) for key, value in row.items()} for row in rows)
    return getattr(trainer, name)(data, lambda reference, test: test)[0]


@pytest.mark.parametrize("count", [1, 7, 60])
def test_two_alternatives_are_the_authors(count):
    first, second = RANDOM.integers(0, 6, (2, count)) / 6
    preferred = RANDOM.integers(0, 6, count) / 5
    rows = [dict(ref=0.0, p0=a, p1=b, judge=p) for a, b, p in zip(first, second, preferred)]
    assert agreement.two_alternatives(first, second, preferred) == pytest.approx(theirs("score_2afc_dataset", rows))


@pytest.mark.parametrize("count", [1, 7, 60])
def test_same_or_different_is_the_authors(count):
    distances, same = RANDOM.random(count), RANDOM.integers(0, 4, count) / 3
    same[0] = 1
    rows = [dict(p0=0.0, p1=d, same=s) for d, s in zip(distances, same)]
    assert agreement.same_or_different(distances, same) == pytest.approx(theirs("score_jnd_dataset", rows))


def test_a_perfect_metric_and_none():
    """By hand. A metric that sorts all "same" first has precision 1 throughout; one that sorts them last does not."""
    same = np.array([1.0, 1.0, 0.0, 0.0])
    assert agreement.same_or_different([1, 2, 3, 4], same) == 1
    assert agreement.same_or_different([4, 3, 2, 1], same) == pytest.approx(2 / 4)
    assert agreement.two_alternatives([1, 1], [2, 2], [0, 0]) == 1
    assert agreement.two_alternatives([1, 1], [1, 1], [0, 1]) == 0.5


def test_no_metric_is_above_the_ceiling():
    preferred = RANDOM.integers(0, 6, 200) / 5
    best, person = agreement.ceiling(preferred)
    assert agreement.two_alternatives(preferred, 1 - preferred, preferred) == pytest.approx(best)
    for _ in range(20):
        assert agreement.two_alternatives(*RANDOM.random((2, 200)), preferred) <= best
    # One more person, drawn by the shares themselves.
    voted = RANDOM.random((4000, 200)) < preferred
    assert np.where(voted, preferred, 1 - preferred).mean() == pytest.approx(person, abs=0.002)


def test_the_share_of_votes_by_loops():
    wins, quality = votes.denoising(), votes.quality("denoising")["FLIP"]
    right = sum(wins[i, j] for i in range(6) for j in range(6) if quality[i] > quality[j])
    assert agreement.share_of_votes(quality, wins) == pytest.approx(right / wins.sum())
    assert agreement.share_of_votes([1] * 6, wins) == pytest.approx(0.5)
    assert agreement.share_of_votes([-value for value in quality], wins) == pytest.approx(1 - right / wins.sum())


@pytest.mark.parametrize("problem, lines", [("denoising", 6), ("knee", 6), ("brain", 6)])
def test_tables_of_the_thesis_hang_together(problem, lines):
    """A higher PSNR is a lower l2, as far as means of single images allow; what is higher is better."""
    table, quality = votes.measured(problem), votes.quality(problem)
    assert len(table) == lines and all(list(row) == list(votes.LOSSES) for row in table.values())
    for metric, row in table.items():
        sign = 1 if metric in ("PSNR", "MS-SSIM") else -1
        assert quality[metric] == [sign * value for value in row.values()]
    psnr, l2 = np.array(list(table["PSNR"].values())), np.array(list(table["l2"].values()))
    # The mean of PSNRs is never below the PSNR of the mean (Jensen).
    assert (psnr >= -10 * np.log10(l2) - 0.07).all() and np.corrcoef(psnr, np.log(l2))[0, 1] < -0.9


def test_spot_checks_with_the_printed_tables():
    assert votes.measured("denoising")["LPIPS"]["FLIP"] == 0.2083
    assert votes.measured("knee")["MS-SSIM"]["MS-SSIM"] == 0.9595
    assert votes.measured("brain")["FLIP"]["LPIPS+l2"] == 0.2280
    assert votes.measured("brain")["l1"]["MS-SSIM"] == pytest.approx(0.03006)
    with pytest.raises(ValueError, match="denoising, knee, brain"):
        votes.measured("foot")


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: agreement.two_alternatives([1], [1, 2], [0.5]), "one length"),
        (lambda: agreement.two_alternatives([1], [2], [1.5]), r"in \[0, 1\]"),
        (lambda: agreement.two_alternatives([np.nan], [2], [0.5]), "finite"),
        (lambda: agreement.same_or_different([1, 2], [0.5]), "2 distances and 1 shares"),
        (lambda: agreement.same_or_different([1, 2], [0, 0]), "nobody"),
        (lambda: agreement.same_or_different([], []), "finite numbers"),
        (lambda: agreement.share_of_votes([1, 2], np.zeros((3, 3))), "2 candidates"),
    ],
)
def test_what_cannot_be_scored_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
