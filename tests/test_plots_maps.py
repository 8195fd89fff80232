"""Heat maps side by side share one scale; the outline lies around the lowest values."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from kryptonlib import plots


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


FIRST, SECOND = np.arange(24.0).reshape(4, 6) / 24, np.arange(24.0)[::-1].reshape(4, 6)


def test_one_scale_for_all_that_of_the_first_or_the_one_given():
    for limits, expected in ((None, (0.0, 23 / 24)), ((-1, 2), (-1, 2))):
        figure = plots.maps({"exact": FIRST, "other": SECOND}, limits, label="probability")
        left, right, bar = figure.axes
        for axis, values, title in ((left, FIRST, "exact"), (right, SECOND, "other")):
            np.testing.assert_array_equal(axis.images[0].get_array(), values)
            assert axis.images[0].get_clim() == pytest.approx(expected) and axis.get_title() == title
        assert bar.get_ylabel() == "probability"


def test_the_outline_separates_the_lowest_share():
    figure = plots.maps({"exact": FIRST, "other": SECOND}, outline=0.25)
    for axis, values in zip(figure.axes, (FIRST, SECOND)):
        (line,) = axis.collections
        ends = np.concatenate([path.vertices for path in line.get_paths()])
        inside = np.argwhere(values <= np.sort(values, axis=None)[5])
        # The line runs halfway between the six lowest positions and the others.
        assert all(np.abs(ends - place[::-1]).sum(1).min() <= 0.5 + 1e-9 for place in inside if place[0] in (0, 3))
        assert np.abs(ends - [[3.0, 1.5]]).sum(1).min() > 0.4


def test_no_maps_are_refused():
    with pytest.raises(ValueError, match="got no maps"):
        plots.maps({})
