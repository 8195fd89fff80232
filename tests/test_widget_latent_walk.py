"""The walk through z: its ends are the two inputs, the panel redraws, what cannot be drawn is said."""

import pytest
import torch
from matplotlib import pyplot as plt

from kryptonlib.adversarial import dcgan
from kryptonlib.widgets import latent_walk, wiring


@pytest.fixture
def tiny(monkeypatch):
    """Untrained small networks in place of the trained ones."""
    torch.manual_seed(0)
    nets = {"digits": dcgan.generator(2).eval(), "faces": dcgan.generator(2, first=4, doublings=4, channels=3).eval()}
    monkeypatch.setattr(latent_walk, "network", nets.__getitem__)
    return nets


def test_the_ends_of_the_way_are_the_two_inputs():
    way = latent_walk.station("digits", 3, 4, [0.0, 0.5, 1.0])
    first, last = dcgan.draw(1, seed=3), dcgan.draw(1, seed=4)
    torch.testing.assert_close(way, torch.cat([first, (first + last) / 2, last]))
    way = latent_walk.station("faces", 3, 4, [0.0, 0.5, 1.0])
    lengths = way.flatten(1).norm(dim=1)
    # Halfway on the great circle z is as long as at its ends; on the line it would be shorter.
    assert lengths[1].item() == pytest.approx((lengths[0].item() + lengths[2].item()) / 2, rel=0.15)
    torch.testing.assert_close(way[0], torch.randn(100, 1, 1, generator=torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("name", list(latent_walk.GENERATORS))
def test_a_state_shows_where_it_is_and_the_whole_way(tiny, name):
    figure = latent_walk.render(name, 1, 2, 0.25)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["25% of the way", "0%", "12%", "25%", "38%", "50%", "62%", "75%", "88%", "100%"]
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert (shown[0] == shown[3]).all() and not (shown[1] == shown[9]).all()
    plt.close(figure)


def test_the_panel_redraws_and_says_what_cannot_be_drawn(tiny):
    box = latent_walk.panel()
    before = box.picture.value
    box.controls["share"].value = 0.9
    assert box.picture.value != before and "90% of the way" in box.picture.value
    box.controls["name"].value = "faces"
    assert "rendered faces" in box.picture.value
    box.controls["end"].value = 1
    assert wiring.ERROR in box.picture.value and "choose two different numbers" in box.picture.value


def test_what_is_not_there_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="generator: got 'cats'"):
        latent_walk.network("cats")
    with pytest.raises(ValueError, match="expected 0 to 1"):
        latent_walk.render(share=2)

    def absent():
        raise FileNotFoundError("Fetch it with:  python -m kryptonlib data")

    monkeypatch.setattr(dcgan, "faces", absent)
    latent_walk.network.cache_clear()
    with pytest.raises(ValueError, match="python -m kryptonlib data"):
        latent_walk.network("faces")
    latent_walk.network.cache_clear()
