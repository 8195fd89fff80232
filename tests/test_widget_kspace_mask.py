"""The panel of notebook 12 without a browser."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from kryptonlib.restoration import kspace, masks, mri
from kryptonlib.widgets import kspace_mask

IMAGE = np.random.default_rng(2).random((32, 40))


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_the_default_middle_is_fastmris():
    for acceleration in (4, 8):
        found = kspace_mask.state(IMAGE, acceleration, 0.32, 5)[0]
        np.testing.assert_array_equal(found, masks.column_mask(40, acceleration, 5))


def test_what_is_shown_is_what_a_mask_does():
    mask, given, difference, energy = kspace_mask.state(IMAGE, 4, 0.5, 3)
    np.testing.assert_array_equal(given, mri.zero_filled(IMAGE, mask))
    np.testing.assert_allclose(difference, given - IMAGE)
    measured = kspace.to_kspace(IMAGE)[:, mask]
    assert energy == pytest.approx((abs(measured) ** 2).sum() / (IMAGE**2).sum())


def test_render_leaves_out_the_columns_that_are_not_measured():
    figure = kspace_mask.render(IMAGE, 4, 0.32, 1)
    mask = masks.column_mask(40, 4, 1)
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert (shown[1][:, ~mask] == -3).all()
    np.testing.assert_array_equal(shown[1][:, mask], shown[0][:, mask])
    assert figure.axes[1].get_title() == f"{mask.sum()} of 40 columns"


def test_panel_draws_when_a_control_moves():
    panel = kspace_mask.panel(IMAGE)
    before = panel.picture.value
    panel.controls["acceleration"].value = 8.0
    assert panel.picture.value != before and "of 40 columns of k-space hold" in panel.picture.value
    panel.controls["middle"].value = 1.0
    assert "krypton-panel-error" not in panel.picture.value
