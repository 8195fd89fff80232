"""Densities fitted to latents, atoms of the decoder and their likeness to a DCT: by brute force and by scipy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.fft import idctn

from kryptonlib.compression.autoencoder import Autoencoder
from kryptonlib.compression.latents import atoms, families, likeness
from kryptonlib.compression.start import block_transform

# Densities.


def drawn(name, count=4000, seed=0):
    rng = np.random.default_rng(seed)
    return {"laplace": rng.laplace(2, 3, count), "normal": rng.normal(-1, 0.5, count)}[name]


def test_laplace_and_gaussian_fits_are_scipy_s():
    y = np.stack([drawn("laplace"), drawn("normal")])
    found = families.fit(y, families.LAPLACE)
    for number, values in enumerate(y):
        assert (found.location[number], found.scale[number]) == pytest.approx(stats.laplace.fit(values))
    found = families.fit(y, families.GAUSSIAN)
    for number, values in enumerate(y):
        mean, deviation = stats.norm.fit(values)
        assert (found.location[number], found.scale[number]) == pytest.approx((mean, 2**0.5 * deviation))


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0]), st.floats(0.01, 100), st.integers(0, 5))
def test_the_power_is_found_and_no_other_is_likelier(power, scale, seed):
    y = stats.gennorm.rvs(power, loc=1, scale=scale, size=4000, random_state=seed)[None]
    found = families.fit(y)
    assert found.power[0] == pytest.approx(power, rel=0.2)

    def likelihood(m, s, b):
        return stats.gennorm.logpdf(y, b, loc=m, scale=s).sum()

    best = likelihood(found.location[0], found.scale[0], found.power[0])
    for b in (0.9, 1.1):
        for s in (0.95, 1.05):
            assert best >= likelihood(found.location[0], s * found.scale[0], found.power[0])
        assert best >= likelihood(found.location[0], found.scale[0], b * found.power[0])


def test_densities_distribution_functions_and_distances_are_scipy_s():
    y = np.stack([drawn("laplace", 500), drawn("normal", 500)])
    for power in (families.LAPLACE, families.GAUSSIAN, None):
        model = families.fit(y, power)
        for number, values in enumerate(y):
            theirs = stats.gennorm(model.power[number], model.location[number], model.scale[number])
            np.testing.assert_allclose(model.density(number, values), theirs.pdf(values), rtol=1e-9)
            np.testing.assert_allclose(model.cumulative(y)[number], theirs.cdf(values), rtol=1e-8, atol=1e-12)
            expected = stats.kstest(values, theirs.cdf).statistic
            assert families.distance(y, model)[number] == pytest.approx(expected, abs=1e-9)


def test_bits_are_those_of_the_cells():
    y = np.stack([drawn("laplace", 300), 0.1 * drawn("normal", 300)])
    steps = np.array([1.0, 0.25])
    for power in (families.LAPLACE, families.GAUSSIAN):
        model = families.fit(y, power)
        for number, (values, step) in enumerate(zip(y, steps)):
            theirs = stats.gennorm(model.power[number], model.location[number], model.scale[number])
            centre = model.location[number]
            levels = centre + step * np.round((values - centre) / step)
            cells = theirs.cdf(levels + step / 2) - theirs.cdf(levels - step / 2)
            expected = -np.log2(np.maximum(cells, families.LEAST)).mean()
            assert families.bits(y, model, steps)[number] == pytest.approx(expected, rel=1e-6)


def test_dividing_by_the_local_contrast_undoes_a_mixture():
    rng = np.random.default_rng(0)
    contrast = np.exp(rng.normal(size=3000))
    y = rng.laplace(size=(40, 3000)) * contrast * np.geomspace(0.1, 10, 40)[:, None]
    model = families.fit(y, families.LAPLACE)
    found = families.local_contrast(y, model)
    sizes = np.abs(y - model.location[:, None]) / np.abs(y - model.location[:, None]).mean(1, keepdims=True)
    np.testing.assert_allclose(found[7, 5], np.delete(sizes[:, 5], 7).mean())
    evened = (y - model.location[:, None]) / found
    assert np.median(families.fit(y).power) < 0.7 and abs(np.median(families.fit(evened).power) - 1) < 0.1
    elsewhere = found[:, rng.permutation(3000)]
    assert np.median(families.fit((y - model.location[:, None]) / elsewhere).power) < 0.7


def test_what_cannot_be_fitted_is_refused():
    for wrong in (np.zeros(5), np.zeros((2, 0)), np.array([[1.0, np.nan]])):
        with pytest.raises(ValueError, match=r"expected finite numbers \[maps, n\]"):
            families.fit(wrong)
    with pytest.raises(ValueError, match="number 1"):
        families.fit(np.array([[1.0, 2.0], [3.0, 3.0]]))
    with pytest.raises(ValueError, match="expected a positive number"):
        families.fit(np.array([[1.0, 2.0]]), 0)
    model = families.fit(np.array([[1.0, 2.0]]), families.LAPLACE)
    with pytest.raises(ValueError, match="a positive one per map"):
        families.bits(np.array([[1.0, 2.0]]), model, [0.0])


# Atoms.


@pytest.fixture(scope="module")
def linear():
    """The transform that training begins with: its decoder is linear but for GDNs that are nearly 1."""
    net = Autoencoder(128, hidden=(16, 64), normalized=False)
    patches = 128 + 30 * torch.randn(60, 1, 64, 64, generator=torch.Generator().manual_seed(0)).cumsum(2).clamp(-4, 4)
    block_transform(net, patches)
    return net


@pytest.fixture(scope="module")
def curved():
    """A network with weights everywhere and strong normalisations."""
    torch.manual_seed(3)
    net = Autoencoder(6, hidden=(5, 4), normalized=False)
    for parameter in net.parameters():
        parameter.data += 0.2 * torch.rand(parameter.shape)
    net.project()
    return net


def test_atoms_of_a_nearly_linear_decoder_scale_and_change_their_sign(linear):
    rest = atoms.resting(torch.zeros(128))
    one, minus, two = (atoms.atoms(linear, rest, [0, 3, 40], [k] * 3) for k in (1.0, -1.0, 2.0))
    assert atoms.even_share(one, minus).max() < 1e-3
    assert atoms.deviation(two, 2 * one).max() < 0.02


def test_additivity_holds_for_the_linear_decoder_alone(linear, curved):
    photo = torch.randn(1, 128, 9, 10, generator=torch.Generator().manual_seed(2))
    found = atoms.additivity(linear, torch.zeros(128), photo, [0, 3, 40], np.ones(3), [1, 4])
    assert list(found) == ["a multiple", "beside another", "in a photo"] and max(map(max, found.values())) < 0.02
    found = atoms.additivity(curved, torch.zeros(6), photo[:, :6], [0, 3, 5], np.ones(3), [1, 8])
    assert all(small > 1e-3 for small, _ in found.values()) and found["a multiple"][1] > found["a multiple"][0]


def test_an_atom_is_the_difference_of_two_decodings_and_lies_in_its_field(curved):
    rest = torch.rand(1, 6, 7, 7, generator=torch.Generator().manual_seed(1))
    found = atoms.atoms(curved, rest, [4, 1, 5], [2.0, -1.0, 0.5], batch=2)
    for atom, number, amount in zip(found, (4, 1, 5), (2.0, -1.0, 0.5)):
        moved = rest.clone()
        moved[0, number, 3, 3] += amount
        with torch.no_grad():
            expected = (curved.decode(moved) - curved.decode(rest))[0, 0].double().numpy()
        np.testing.assert_allclose(atom, expected, rtol=1e-3, atol=1e-3)
        field = np.zeros((112, 112), bool)
        field[atoms.FIELD, atoms.FIELD] = True
        assert np.abs(atom[~field]).max() < 1e-3 * np.abs(atom).max()
        assert np.abs(atom[atoms.FIELD.start]).max() > 0 and np.abs(atom[:, atoms.FIELD.stop - 1]).max() > 0


def test_the_field_is_what_reaches_the_coefficient(curved):
    image = torch.full((1, 1, 112, 112), 100.0, requires_grad=True)
    (slope,) = torch.autograd.grad(curved.encode(image)[0, 2, 3, 3], image)
    reached = (slope[0, 0] != 0).nonzero()
    assert reached.min(0).values.tolist() == [atoms.FIELD.start] * 2
    assert reached.max(0).values.tolist() == [atoms.FIELD.stop - 1] * 2


def test_what_no_atom_can_be_made_of_is_refused(curved):
    rest = atoms.resting(torch.zeros(6))
    with pytest.raises(ValueError, match="numbered 0 to 5"):
        atoms.atoms(curved, rest, [6], [1.0])
    with pytest.raises(ValueError, match="an amount per map"):
        atoms.atoms(curved, rest, [0, 1], [1.0])
    with pytest.raises(ValueError, match="an amount per map"):
        atoms.atoms(curved, rest[:, :, :5], [0], [1.0])


def test_ascent_over_all_images_saturates_where_the_coefficient_is_linear(linear):
    """The largest value of a linear function over [0, 255]^n has every pixel at an end, by the sign of its weight."""
    image = torch.full((1, 1, 112, 112), 128.0, requires_grad=True)
    (weights,) = torch.autograd.grad(linear.encode(image)[0, 2, 3, 3], image)
    with torch.no_grad():
        best = linear.encode(255.0 * (weights > 0))[0, 2, 3, 3].item()
    images, values, saturated = atoms.maximize(linear, [2], steps=200, rate=8.0)
    assert 0.97 * best < values[0] < 1.001 * best
    block = images[0][32:48, 32:48]
    assert ((block == 0) | (block == 255)).mean() > 0.9 and saturated[0, 0] == 0 < saturated[-1, 0]


def test_ascent_with_a_bounded_contrast_keeps_it(linear):
    images, values, saturated = atoms.maximize(linear, [1, 7], steps=30, contrast=10.0)
    assert np.sqrt(np.square(images - 128).sum((1, 2)) / 57**2).max() <= 10.01
    assert (values > 0).all() and saturated.shape == (31, 2) and saturated[-1].max() < 0.05
    with pytest.raises(ValueError, match="expected positive grey levels"):
        atoms.maximize(linear, [0], contrast=0)
    with pytest.raises(TypeError, match="expected an Autoencoder"):
        atoms.maximize(torch.nn.Identity(), [0])


def test_the_piece_that_is_ascended_on_gives_the_coefficient_of_the_whole_image(curved):
    images, values, _ = atoms.maximize(curved, [1, 4], steps=5)
    whole = torch.full((2, 1, 112, 112), 128.0)
    whole[:, 0, 16:80, 16:80] = torch.from_numpy(images)
    with torch.no_grad():
        found = curved.encode(whole)[[0, 1], [1, 4], 3, 3]
    np.testing.assert_allclose(found.numpy(), values, rtol=1e-4)


# Likeness to a DCT.


def test_dct_atoms_are_what_the_inverse_transform_draws_and_are_recognised():
    found = likeness.dct_atoms(256)
    order = likeness.frequency_order(16)
    for number in (0, 1, 2, 77, 255):
        coefficients = np.zeros(256)
        coefficients[order[number]] = 1
        np.testing.assert_allclose(found[number][48:64, 48:64], idctn(coefficients.reshape(16, 16), norm="ortho"), atol=1e-12)
    np.testing.assert_allclose(np.square(found).sum((1, 2)), 1)
    np.testing.assert_allclose(likeness.dct_share(found), 1)
    np.testing.assert_allclose(likeness.outside(found), 0, atol=1e-12)
    assert (np.diff(likeness.frequency(found)[[0, 5, 60, 255]]) > 0).all()
    with pytest.raises(ValueError, match="a block has 256"):
        likeness.dct_atoms(257)


def test_a_mixture_of_dct_functions_is_none_and_a_shifted_one_lies_outside():
    found = likeness.dct_atoms(4)
    mixed = (found[:1] + 2 * found[3:]) / 5**0.5
    assert likeness.dct_share(mixed)[0] == pytest.approx(0.8)
    shifted = np.roll(found, 8, 2)
    # The constant function, half of it outside.
    assert likeness.outside(shifted)[0] == pytest.approx(0.5)
    assert likeness.dct_share(shifted)[0] < 0.5
    assert likeness.area(found)[0] == pytest.approx(256)


def test_untrained_atoms_lie_in_their_block_and_differ_by_draw():
    found = likeness.untrained_atoms(2, patches=30)
    assert found.shape == (2, 128, 112, 112)
    np.testing.assert_allclose([likeness.outside(some) for some in found], 0, atol=1e-6)
    np.testing.assert_array_equal(found, likeness.untrained_atoms(2, patches=30))
    assert np.abs(found[0] - found[1]).max() > 0.01
    with pytest.raises(ValueError, match="draws=0; expected 1 or more"):
        likeness.untrained_atoms(0)


def test_atoms_beside_draws_are_told_by_medians_and_ends():
    pure = likeness.dct_atoms(6)
    mixed = (pure[:3] + 2 * pure[3:]) / 5**0.5
    even = (pure[:3] + pure[3:]) / 2**0.5
    middle, half, outside = likeness.beside_draws(mixed, np.stack([pure[:3], even]))
    assert middle == pytest.approx([0.8, 0.5, 1.0]) and outside == pytest.approx([0, 0], abs=1e-12)
    assert half[0] == 1 and half[2] == 1
    three = likeness.beside_draws(even * 0.9, np.stack([mixed]))[1]
    assert three[1] == three[2] == 1


def test_coefficients_of_blocks_are_scipy_s_and_their_energy_is_the_image_s():
    from scipy.fft import dctn

    luma = np.random.default_rng(0).integers(0, 256, (40, 35))
    found = likeness.block_dct(luma)
    assert found.shape == (256, 4)
    block = dctn(luma[16:32, :16].astype(float), norm="ortho").ravel()
    np.testing.assert_allclose(found[:, 2], block[likeness.frequency_order(16)], atol=1e-9)
    assert np.square(found).sum() == pytest.approx(np.square(luma[:32, :32].astype(float)).sum())
    with pytest.raises(ValueError, match="at least 16x16"):
        likeness.block_dct(np.zeros((15, 40)))
