"""The effective receptive field against theory, brute force and bad input; block diagrams."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from kryptonlib.anatomy import diagrams, effective


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def stack(*settings, weights=None):
    """Convolutions (kernel, stride) of 1 channel, float64; all weights 1 or random."""
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Conv2d(1, 1, k, stride=s, bias=False) for k, s in settings)).double().eval()
    for layer in net:
        nn.init.ones_(layer.weight) if weights is None else nn.init.normal_(layer.weight)
    return net


def test_equal_weights_give_the_squares_of_the_numbers_of_paths():
    paths = np.convolve(np.convolve([1, 1, 1], [1, 1, 1]), [1, 1, 1]).astype(float)
    expected = np.outer(paths, paths) ** 2
    field, size = effective.effective_field(stack((3, 1), (3, 1), (3, 1)), "2", [torch.zeros(1, 1, 7, 7).double()])
    assert size == 7
    np.testing.assert_allclose(field, expected / expected.sum(), rtol=1e-12)


def test_the_field_equals_finite_differences_with_strides_and_a_relu():
    net = stack((3, 2), (2, 1), weights="random")
    chain = nn.Sequential(net[0], nn.ReLU(), net[1]).eval()
    generator = torch.Generator().manual_seed(1)
    pictures = [torch.randn(1, 1, 6, 6, generator=generator, dtype=torch.double) for _ in range(2)]
    field, size = effective.effective_field(chain, "2", pictures)
    changes = np.zeros((size, size))
    with torch.no_grad():
        for picture in pictures:
            for row, column in np.ndindex(size, size):
                moved = picture.clone()
                moved[0, 0, row, column] += 1e-7
                changes[row, column] += float((chain(moved) - chain(picture))[0, 0, 0, 0] / 1e-7) ** 2
    np.testing.assert_allclose(field, changes / changes.sum(), atol=1e-6)


def test_random_weights_spread_as_the_variances_of_their_layers_add():
    """Mean over many random weights; strides make later layers count with their jump."""
    settings = ((3, 1), (2, 2), (3, 1), (2, 2), (3, 1))
    expected, jump = 0.0, 1
    for kernel, stride in settings:
        expected += (kernel**2 - 1) / 12 * jump**2
        jump *= stride
    total = 0
    for seed in range(300):
        torch.manual_seed(seed)
        net = nn.Sequential(*(nn.Conv2d(4, 4, k, stride=s, bias=False) for k, s in settings)).double().eval()
        side = effective.smallest_side(net, "4", channels=4)
        total = total + effective.effective_field(net, "4", [torch.zeros(1, 4, side, side).double()])[0]
    assert effective.spread(total) == pytest.approx(expected**0.5, rel=0.03)


def test_spread_of_a_uniform_square_and_of_two_axes():
    assert effective.spread(np.ones((5, 5))) == pytest.approx(np.sqrt(2))
    assert effective.spread(np.ones((1, 5))) == pytest.approx(1)  # variances 0 and 2


def test_smallest_side_is_the_smallest_that_works():
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3, padding=1)).eval()
    side = effective.smallest_side(net, "2", channels=1)
    field, size = effective.effective_field(net, "2", [torch.rand(1, 1, side, side)])
    assert field.shape == (size, size) == (8, 8)
    with pytest.raises(ValueError, match=f"needs pictures of {side} pixels"):
        effective.effective_field(net, "2", [torch.rand(1, 1, side - 1, side - 1)])


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: effective.effective_field("net", "0", []), TypeError, "nn.Sequential is needed, got str"),
        (lambda: effective.effective_field(stack((3, 1)), "0", []), ValueError, "no pictures"),
        (lambda: effective.spread(np.zeros((3, 3))), ValueError, "not all zero"),
        (lambda: effective.spread(-np.ones((3, 3))), ValueError, "none negative"),
        (lambda: effective.spread(np.ones(3)), ValueError, "H, W"),
        (lambda: diagrams.chain(None, []), ValueError, "no blocks"),
        (lambda: diagrams.chain(None, [("x", "thing")]), ValueError, "kinds thing"),
        (lambda: diagrams.shortcut(None, (2, 0), (1, 0)), ValueError, "to the right"),
    ],
)
def test_bad_input_is_refused_with_words(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_zero_gradient_is_refused():
    net = stack((3, 1))
    nn.init.zeros_(net[0].weight)
    with pytest.raises(ValueError, match="is zero on these pictures"):
        effective.effective_field(net, "0", [torch.ones(1, 1, 3, 3).double()])


def test_a_vector_has_no_place():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()).eval()
    with pytest.raises(ValueError, match="no units at places|no layer"):
        effective.effective_field(nn.Sequential(*net, nn.Linear(2, 1)).eval(), "2", [torch.ones(1, 1, 3, 3)])


def test_a_chain_has_a_box_for_each_block_and_an_arrow_between():
    _, axes = plt.subplots()
    centres = diagrams.chain(axes, [("a", "data", "1"), ("b", "layer"), ("+", "sum")], y=2)
    assert centres == [(0, 2), (1, 2), (2, 2)]
    assert len(axes.patches) == 3
    arrows = [text for text in axes.texts if text.get_text() == ""]
    assert len(arrows) == 2
    assert {text.get_text() for text in axes.texts} == {"", "a", "b", "+", "1"}
    assert min(text.get_fontsize() for text in axes.texts if text.get_text()) >= 12


def test_a_shortcut_leaves_behind_its_start_and_ends_on_its_end():
    _, axes = plt.subplots()
    diagrams.shortcut(axes, (0, 0), (3, 0), text="x", lift=1)
    line = axes.lines[0].get_xydata().tolist()
    assert line == [[0.5, 0], [0.5, 1], [3, 1]]
    assert axes.texts[0].xy == (3, diagrams.HEIGHT / 2)


def test_windows_come_from_all_photos_in_turn():
    photos = [np.full((9, 12, 3), 1.0), np.full((8, 8), 2.0)]
    cut = effective.windows(photos, 8, 4, seed=0)
    assert [window.shape for window in cut] == [(8, 8, 3), (8, 8)] * 2
    assert [window.flat[0] for window in cut] == [1, 2, 1, 2]
    with pytest.raises(ValueError, match=r"9 x 9 pixels, got a photo of \(8, 8\)"):
        effective.windows(photos, 9, 1, seed=0)


def test_random_weights_have_hes_variance_and_come_from_meta():
    with torch.device("meta"):
        net = nn.Sequential(nn.Conv2d(32, 64, 3), nn.ReLU())
    net = effective.random_weights(net, 0)
    assert float(net[0].weight.var()) == pytest.approx(2 / (9 * 32), rel=0.05)
    assert (net[0].bias == 0).all() and not net[0].weight.requires_grad and not net.training
    assert torch.equal(net[0].weight, effective.random_weights(nn.Sequential(nn.Conv2d(32, 64, 3)), 0)[0].weight)


def test_the_classifier_diagram_shows_the_shapes_that_run():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.MaxPool2d(2)).eval()
    _, axes = plt.subplots()
    diagrams.classifier(axes, net, 9, 7)
    texts = [text.get_text() for text in axes.texts]
    for expected in ("conv\n3×3\n/ 2", "4×4×4", "4×2×2", "16", "7", "max\npool", "softmax"):
        assert expected in texts
    with pytest.raises(ValueError, match="at most 6 layers"):
        diagrams.classifier(axes, nn.Sequential(*[nn.ReLU() for _ in range(7)], nn.Conv2d(3, 1, 1)).eval(), 9, 7)
    with pytest.raises(ValueError, match="got norm"):
        diagrams.classifier(axes, nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval(), 9, 7)


def test_the_residual_diagram_has_two_rows_and_two_shortcuts():
    _, axes = plt.subplots()
    diagrams.residual_blocks(axes)
    assert len(axes.patches) == 16 and len(axes.lines) == 2
