"""One transform at many steps: against the codec's own numbers, and bits against the entropies."""

import numpy as np
import pytest
import torch

from kryptonlib.compression import rate_distortion
from kryptonlib.compression.autoencoder import Autoencoder
from kryptonlib.compression.density import empirical_entropy, map_bits
from kryptonlib.compression.rate_distortion import Point
from kryptonlib.compression.start import block_transform
from kryptonlib.compression.step_sweep import Sweep, bits_of, gap, without_tables


@pytest.fixture(scope="module")
def luma():
    rows, columns = np.mgrid[:70, :91]
    wave = 126 + 60 * np.sin(rows / 7) * np.cos(columns / 5) + np.random.default_rng(0).normal(0, 12, (70, 91))
    return wave.clip(16, 235).astype(np.uint8)


@pytest.fixture(scope="module")
def codec():
    net = Autoencoder(32, hidden=(16, 64))
    random = torch.Generator().manual_seed(0)
    block_transform(net, torch.rand(8, 1, 32, 32, generator=random).cumsum(3) * 8)
    with torch.no_grad():
        net.steps.copy_(torch.linspace(0.5, 1.5, 32))
    codec = without_tables("small", net)
    assert not codec.tables["means"].any()
    codec.tables["means"] = torch.linspace(-1, 1, 32)
    return codec


@pytest.mark.parametrize("beta", [0.7, 1.0, 3.0])
def test_a_sweep_says_what_the_codec_says(codec, luma, beta):
    sweep = Sweep(codec, luma)
    assert sweep.point(beta) == rate_distortion.entropy_point(codec, luma, beta)
    assert (sweep.symbols(beta) == codec.symbols(luma, beta)).all()
    assert [sweep.point(beta)] == sweep.curve([beta])


def test_without_centring_latents_are_rounded_to_multiples_of_the_step(codec, luma):
    values, symbols = Sweep(codec, luma, centred=False).rounded(2.0)
    assert torch.allclose(values, 2 * codec.net.steps.reshape(-1, 1, 1) * symbols)


def test_what_is_no_8_bit_luma_is_refused(codec, luma):
    with pytest.raises(TypeError, match="8-bit luma"):
        Sweep(codec, luma / 255)


def test_a_dead_zone_costs_fewer_bits(codec, luma):
    assert Sweep(codec, luma, edge=0.7).rate(1.0) < Sweep(codec, luma).rate(1.0)


def test_the_factor_for_a_rate_gives_that_rate(codec, luma):
    sweep = Sweep(codec, luma)
    for bpp in (0.2, 0.5):
        beta = sweep.factor_for(bpp)
        assert sweep.rate(beta * 1.02) <= bpp <= sweep.rate(beta / 1.02)
    with pytest.raises(ValueError, match="bit/pixel"):
        sweep.factor_for(1000)


def test_the_gap_of_shifted_curves_is_the_shift():
    curve = [Point(rate, 30 + 5 * np.log2(rate)) for rate in (0.1, 0.2, 0.5, 0.9)]
    other = [Point(rate, 28.5 + 5 * np.log2(rate)) for rate in (0.15, 0.3, 0.6)]
    rates, differences = gap(curve, other)
    assert differences == pytest.approx(1.5)
    assert (rates[0], rates[-1]) == pytest.approx((0.15, 0.6))
    assert gap(other, curve)[1] == pytest.approx(-differences)
    twice = [Point(0.3, 10.0), *other]
    assert gap(curve, twice)[1] == pytest.approx(differences), "of two points with one rate the better one counts"
    with pytest.raises(ValueError, match="share no rate"):
        gap(curve, [Point(2.0, 40), Point(3.0, 42)])


def test_bits_by_map_and_by_place_have_the_sum_of_the_entropies():
    symbols = np.random.default_rng(1).integers(-3, 4, (5, 6, 7)) // np.arange(1, 6)[:, None, None]
    of_map, of_place = bits_of(symbols)
    assert (of_map.shape, of_place.shape) == ((5,), (6, 7))
    assert of_map == pytest.approx([42 * empirical_entropy(torch.from_numpy(some)) for some in symbols])
    assert of_place.sum() == pytest.approx(map_bits(torch.from_numpy(symbols)))
    constant, places = bits_of(np.full((2, 3, 3), 7))
    assert not constant.any() and not places.any()
