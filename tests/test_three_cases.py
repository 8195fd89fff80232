"""The three cases on small networks, and the differences of curves that are known."""

import numpy as np
import pytest
import torch

from kryptonlib.compression import rate_distortion as rd
from kryptonlib.compression import three_cases
from kryptonlib.compression.autoencoder import Autoencoder
from kryptonlib.compression.rate_distortion import Point
from kryptonlib.compression.start import block_transform
from kryptonlib.compression.step_sweep import without_tables
from kryptonlib.images import limited_luma


def small(step):
    net = Autoencoder(32, hidden=(16, 64))
    block_transform(net, torch.rand(8, 1, 32, 32, generator=torch.Generator().manual_seed(0)).cumsum(3) * 8)
    net.steps.fill_(step)
    codec = without_tables(f"step {step}", net)
    codec.tables["means"] = torch.full((32,), 0.3)
    return codec


@pytest.fixture(scope="module")
def luma():
    rows, columns = np.mgrid[:48, :64]
    return (126 + 60 * np.sin(rows / 7) * np.cos(columns / 5)).astype(np.uint8)


def test_the_middle_piece_is_limited_luma_of_the_middle():
    image = np.random.default_rng(0).random((40, 61, 3), np.float32)
    piece = three_cases.middle_luma(image, 32)
    whole = np.round(255 * limited_luma(image))
    assert piece.dtype == np.uint8 and (piece == whole[4:36, 14:46]).all()
    assert (three_cases.middle_luma(image, 100) == whole).all()
    grey = three_cases.middle_luma(np.ones((8, 8), np.float32), 8)
    assert (grey == 235).all()
    with pytest.raises(ValueError, match="side"):
        three_cases.middle_luma(image, 0)


def test_each_case_is_measured_as_the_paper_does(luma):
    networks = {10000: small(1.0), 40000: small(2.0)}
    cases = three_cases.measure([luma], networks, small(1.5), [1, 2])
    (first,), (second,), (third,) = cases["case 1"], cases["case 2"], cases["case 3"]
    assert third == [rd.entropy_point(networks[10000], luma, beta) for beta in (1, 2)]
    assert second == [rd.entropy_point(small(1.5), luma, beta) for beta in (1, 2)]
    plain = small(2.0)
    plain.tables["means"] = torch.zeros(32)
    assert first[1] == rd.entropy_point(plain, luma, 1.0)
    assert first[1].psnr != third[1].psnr, "case 1 is not centred"
    with pytest.raises(ValueError, match="10000"):
        three_cases.measure([luma], {40000: small(2.0)}, small(1.5), [1])


def test_differences_are_those_of_the_mean_curves():
    def curves(above):
        base = [30 + above, 32 + above]
        return [[Point(rate, psnr + 5 * np.log2(rate)) for rate in (0.1, 0.2, 0.5, 0.9)] for psnr in base]

    found = three_cases.differences({"case 1": curves(0.0), "case 2": curves(0.5), "case 3": curves(0.4)})
    assert found["case 2", "case 3"] == pytest.approx([0.1, 0.1])
    assert found["case 2", "case 1"] == pytest.approx([0.5, 0.5])
    assert found["case 3", "case 1"] == pytest.approx([0.4, 0.4])
    assert three_cases.agreement(found) == pytest.approx((0.1, 0.4, 0.5))
    more = three_cases.differences({"case 1": curves(0.0), "start": curves(0.2)}, [("case 1", "start")])
    assert more == {("case 1", "start"): pytest.approx([-0.2, -0.2])}


def test_bd_rates_of_means_and_of_images_may_differ():
    # The test spends more on the easy image and less on the hard one, on the very same curves of both images.
    def of(image, psnr):
        return Point((0.05, 0.6)[image] * np.exp(0.15 * (psnr - 34)), psnr)

    anchor = [[of(image, psnr) for psnr in (30, 32, 34, 36, 38)] for image in (0, 1)]
    test = [[of(image, psnr + (4, -4)[image]) for psnr in (30, 32, 34, 36, 38)] for image in (0, 1)]
    of_mean, each = rd.two_bd_rates(anchor, test)
    assert each == pytest.approx([0, 0], abs=1e-6)
    assert of_mean < -10
    assert of_mean == rd.bd_rate(rd.mean_curve(anchor), rd.mean_curve(test))
    # A third image that is too hard for the test has no BD-rate; the others keep theirs.
    hard = [Point(0.1 * psnr, psnr - 20) for psnr in (30, 32, 34, 36, 38)]
    each = rd.bd_rate_per_image([*anchor, anchor[0]], [*test, hard])
    assert np.isnan(each).tolist() == [False, False, True]


def test_another_coder_at_a_rate_is_the_nearest_setting(luma):
    decoded, point = rd.other_at_rate("JPEG", luma, 1.0, range(5, 96, 10))
    all_points = [rd.other_point("JPEG", luma, setting) for setting in range(5, 96, 10)]
    assert abs(point.bpp - 1.0) == min(abs(some.bpp - 1.0) for some in all_points)
    assert rd.psnr(luma, decoded) == point.psnr
    (curve,) = rd.other_curves("JPEG", [luma])
    assert [some.setting for some in curve] == list(rd.CODERS["JPEG"][1])


def test_leads_are_told_at_the_settings_that_the_other_reaches():
    curve = [Point(rate, 30 + 5 * np.log2(rate), beta) for rate, beta in ((0.05, 8), (0.2, 4), (0.5, 2), (2.0, 1))]
    other = [Point(rate, 29 + 5 * np.log2(rate)) for rate in (0.1, 0.3, 1.0)]
    assert three_cases.leads(curve, other) == pytest.approx({4: 1.0, 2: 1.0})


def test_training_began_from_a_transform_that_keeps_lengths():
    patches = 255 * torch.rand(12, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    begun = three_cases.beginnings(patches[1:])
    assert list(begun) == ["untrained", "start"]
    net = begun["untrained"].net
    back = net.decode(net.encode(patches[:1]), (64, 64))
    # 128 of 256 components of noise: half of the energy is kept.
    assert 0.3 < (back - 128).square().sum() / (patches[:1] - 128).square().sum() < 0.7
    assert begun["start"].net.maps == 128
