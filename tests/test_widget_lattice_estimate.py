"""The panel of estimates without a browser: what it computes, its drawing, its controls."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from kryptonlib.occlusion import lattice, quality
from kryptonlib.widgets import lattice_estimate

ROWS, COLUMNS = np.mgrid[:15, :17]
EXACT = 0.5 + 0.3 * np.sin(0.5 * ROWS) * np.cos(0.6 * COLUMNS) + 0.1 * (np.hypot(ROWS - 4, COLUMNS - 9) < 3)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", lattice_estimate.NAMES)
def test_a_guess_knows_its_lattice_and_checks_as_many_places_as_asked(name):
    shown = lattice_estimate.guess(EXACT, name, 24, draw=3)
    np.testing.assert_array_equal(shown.values[shown.known], EXACT[shown.known])
    np.testing.assert_array_equal(shown.known, lattice.mask(EXACT.shape, name))
    assert len({tuple(place) for place in shown.checked.tolist()}) == shown.estimate.checks == 24
    assert shown.truth == quality.ssim(EXACT, shown.values)
    assert shown.estimate.low <= shown.estimate.value <= shown.estimate.high


def test_all_positions_checked_are_all_positions_and_draws_differ():
    every = lattice_estimate.guess(EXACT, "quarter", EXACT.size, draw=0)
    assert len(np.unique(every.checked, axis=0)) == EXACT.size
    first, again, other = (lattice_estimate.guess(EXACT, "quarter", 16, draw) for draw in (0, 0, 1))
    np.testing.assert_array_equal(first.checked, again.checked)
    assert not np.array_equal(first.checked, other.checked)


def test_drawing_shows_estimate_and_truth():
    shown = lattice_estimate.guess(EXACT, "eighth", 16, 2)
    left, middle, right = lattice_estimate.render(EXACT, "eighth", 16, 2, promised=0.8).axes
    np.testing.assert_array_equal(left.images[0].get_array(), shown.values)
    assert left.images[0].get_clim() == (EXACT.min(), EXACT.max())
    np.testing.assert_array_equal(np.stack(left.lines[0].get_data()), shown.checked.T[::-1])
    np.testing.assert_array_equal(middle.images[0].get_array(), shown.known)
    heights = [line.get_ydata()[0] for line in right.lines]
    assert shown.truth in heights and shown.estimate.value in heights and 0.8 in heights


def test_controls_redraw(monkeypatch):
    shown = []
    monkeypatch.setattr(lattice_estimate, "display", shown.append)
    box = lattice_estimate.explore(EXACT)
    assert shown == [box] and "Lattice quarter" in box.picture.value
    for name, value in (("lattice", "half"), ("checks", 32), ("draw", 5)):
        before = box.picture.value
        box.controls[name].value = value
        assert box.picture.value != before
        assert box.controls[name].description and box.controls[name].tooltip
    assert "Lattice half" in box.picture.value and "32 checks, draw 5" in box.picture.value


@pytest.mark.parametrize(
    "arguments, message",
    [(("all", 16, 0), "lattice"), (("quarter", 7, 0), "checks must lie in 8 to 255"), (("quarter", 256, 0), "got 256")],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        lattice_estimate.guess(EXACT, *arguments)
