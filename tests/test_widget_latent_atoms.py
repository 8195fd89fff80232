"""The panel of latent maps: its picture, its wiring; and the other figures of notebook 09."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kryptonlib.compression import coding_tables
from kryptonlib.compression.autoencoder import Autoencoder
from kryptonlib.compression.codec import Codec
from kryptonlib.compression.latents import atoms, drawing, families, likeness
from kryptonlib.compression.start import block_transform
from kryptonlib.widgets import latent_atoms, wiring


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def made():
    """The transform that training begins with, as a codec."""
    net = Autoencoder(128, hidden=(16, 64), normalized=False)
    patches = 128 + 40 * torch.randn(80, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    patches = torch.nn.functional.avg_pool2d(patches.cumsum(3).clamp(0, 255), 3, 1, 1)
    block_transform(net, patches)
    return Codec("test", net, coding_tables.count(net, [patches[:1]], centred=True))


@pytest.fixture(autouse=True)
def loaded(made, monkeypatch):
    monkeypatch.setattr(latent_atoms, "codec", lambda name: made)
    latent_atoms.latents.cache_clear()
    yield
    latent_atoms.latents.cache_clear()


def test_a_state_is_the_atom_of_the_coefficient(made):
    y, atom, value = latent_atoms.state("test", 3, 5.0, latent_atoms.REST)
    scale = families.fit(y[3:4], families.LAPLACE).scale[0]
    mean = made.tables["means"][3].item()
    assert value == pytest.approx(mean + 5 * scale, rel=1e-5)
    expected = atoms.atoms(made.net, atoms.resting(made.tables["means"]), [3], [5 * scale])[0]
    np.testing.assert_array_equal(atom, expected[atoms.VIEW, atoms.VIEW])
    assert atom.shape == (64, 64) and np.abs(atom[32:48, 32:48]).max() == np.abs(atom).max()
    _, busy, other = latent_atoms.state("test", 3, 5.0, latent_atoms.PHOTO)
    assert other != value and busy.shape == atom.shape
    with pytest.raises(ValueError, match="has the maps 0 to 127"):
        latent_atoms.state("test", 128, 1.0, latent_atoms.REST)


def test_the_panel_follows_its_controls():
    box = latent_atoms.panel("test", 2, 7.0)
    first = box.picture.value
    assert "<img" in first and "Map 2 with a coefficient of" in first
    box.controls["amount"].value = -7.0
    second = box.picture.value
    assert second != first
    box.controls["number"].value = 5
    assert "Map 5 with" in box.picture.value
    box.controls["around"].value = latent_atoms.PHOTO
    assert wiring.ERROR not in box.picture.value
    box.controls["amount"].value = 0.0
    assert wiring.ERROR not in box.picture.value, "a coefficient at its mean draws nothing"


def test_the_figure_marks_the_value_and_shows_the_atom():
    left, right, _ = latent_atoms.render("test", 4, -6.0).axes
    _, atom, value = latent_atoms.state("test", 4, -6.0, latent_atoms.REST)
    assert any(len(set(line.get_xdata())) == 1 and line.get_xdata()[0] == value for line in left.lines)
    np.testing.assert_array_equal(right.images[0].get_array(), atom)
    assert right.images[0].get_clim() == (-np.abs(atom).max(), np.abs(atom).max())


def test_distributions_draw_every_map_but_the_exception():
    y = np.random.default_rng(0).laplace(size=(9, 500)) * np.geomspace(0.2, 5, 9)[:, None]
    figure = drawing.distributions(y, [1, 4], 0, {"latents": np.array([0.5, 0.7, 0.6]), "DCT": np.array([0.4, 0.3])})
    axes = {place.get_xlabel(): place for place in figure.axes}
    assert sum(patch.get_height() for patch in axes["Laplace scale λ"].patches[1:]) == 8
    tails = axes["distance from the median / λ"].lines
    assert sum(len(line.get_xdata()) == 500 for line in tails) == 8
    laplace = next(line for line in tails if line.get_label() == "Laplace")
    np.testing.assert_allclose(laplace.get_ydata(), np.exp(-laplace.get_xdata()))
    curve = axes["power of the density that fits best"].lines[0]
    assert list(curve.get_xdata()) == [0.5, 0.6, 0.7] and curve.get_ydata()[-1] == 1


def test_likeness_and_gaps_draw_their_numbers():
    some = likeness.dct_atoms(6)
    left, right = drawing.alikeness({"a": some, "b": np.roll(some, 8, 2)}).axes
    np.testing.assert_allclose(left.lines[1].get_ydata(), likeness.outside(np.roll(some, 8, 2)))
    np.testing.assert_allclose(right.lines[0].get_xdata(), 1)
    left, right = drawing.alikeness({"a": some, "b": np.stack([some, np.roll(some, 8, 2)])}).axes
    assert [len(side.lines) for side in (left, right)] == [2, 3]
    assert right.get_legend_handles_labels()[1] == ["a", "b, 2 draws"]
    bits = np.array([0.1, 0.4, 0.2])
    left, right = drawing.gaps([1, 2], {"paper": [0.05, 0.03]}, {"paper": bits}, limit=0.04, bound=[0.02, 0.01]).axes
    assert list(left.lines[0].get_ydata()) == [0.05, 0.03] and 0.04 in left.lines[1].get_ydata()
    assert list(left.lines[2].get_ydata()) == [0.02, 0.01]
    assert left.get_legend_handles_labels()[1] == ["paper", "own tables"]
    np.testing.assert_allclose(right.lines[0].get_ydata(), [0.4, 0.6, 0.7])
    before, after = np.array([[10.0, 2.0]]), np.array([[7.0, 1.5]])
    images = [place.images[0] for place in drawing.saved(before, after, ["a", "b"]).axes[:3]]
    assert [image.get_clim() for image in images] == [(0, 10), (0, 10), (0, 3)]
    np.testing.assert_allclose(images[2].get_array(), before - after)
