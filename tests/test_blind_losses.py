"""X-BDCNN's losses against sums by hand, their gradients, and the sign of eq. 3."""

import pytest
import torch

from kryptonlib import losses
from kryptonlib.losses import blind

TRUE = torch.rand(2, 2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
ESTIMATED = TRUE + 0.1 * torch.randn(2, 2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_under_estimation_costs_seven_thirds():
    under, over = (blind.asymmetric(TRUE + sign * 0.02, TRUE) for sign in (-1, 1))
    assert float(under / over) == pytest.approx(7 / 3, rel=1e-4)
    assert float(over) == pytest.approx(0.3 * 0.02**2, rel=1e-4)
    # The printed sign is that of alpha turned round.
    printed = blind.asymmetric(TRUE - 0.02, TRUE, alpha=0.7) / blind.asymmetric(TRUE + 0.02, TRUE, alpha=0.7)
    assert float(printed) == pytest.approx(3 / 7, rel=1e-9)


def test_asymmetric_is_the_sum_by_hand():
    total = 0.0
    for estimated, true in zip(ESTIMATED.flatten().tolist(), TRUE.flatten().tolist()):
        total += (0.7 if estimated < true else 0.3) * (estimated - true) ** 2
    assert float(blind.asymmetric(ESTIMATED, TRUE)) == pytest.approx(total / TRUE.numel(), rel=1e-12)


def test_total_variation_is_the_sum_by_hand():
    down = right = 0.0
    for one in TRUE.flatten(0, 1).tolist():
        down += sum((one[i + 1][j] - one[i][j]) ** 2 for i in range(4) for j in range(6))
        right += sum((one[i][j + 1] - one[i][j]) ** 2 for i in range(5) for j in range(5))
    assert float(blind.total_variation(TRUE)) == pytest.approx(down / (4 * 4 * 6) + right / (4 * 5 * 5), rel=1e-12)
    assert float(blind.total_variation(torch.ones(1, 1, 3, 3))) == 0


@pytest.mark.parametrize("function", [lambda maps: blind.asymmetric(maps, TRUE), blind.total_variation])
def test_gradients(function):
    assert torch.autograd.gradcheck(function, ESTIMATED.clone().requires_grad_())


def test_the_mixture_is_its_shares():
    y = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(2))
    x = (y + 0.1 * torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(3))).requires_grad_()
    maps, true = ESTIMATED[:1].float(), TRUE[:1].float()
    loss, parts = blind.blind(x, y, maps, true, data_range=1.0)
    expected = 0.4 * losses.l2(x, y, data_range=1.0) + 0.6 * (1 - losses.ssim(x, y, data_range=1.0))
    expected = expected + 0.5 * blind.asymmetric(maps, true) + 0.05 * blind.total_variation(maps)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert set(parts) == set(blind.SHARES)
    alone, parts = blind.blind(x, y, None, None, data_range=1.0, shares={**blind.SHARES, "ssim": 0.0})
    assert alone.item() == pytest.approx(0.4 * losses.l2(x, y, data_range=1.0).item(), rel=1e-6)
    assert parts["ssim"] == parts["asymmetric"] == parts["tv"] == 0
    alone.backward()
    assert torch.isfinite(x.grad).all() and x.grad.abs().max() > 0


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: blind.asymmetric(ESTIMATED, TRUE[:1]), ValueError, "differ in shape"),
        (lambda: blind.asymmetric(ESTIMATED, TRUE, alpha=1.5), ValueError, "alpha must lie in"),
        (lambda: blind.asymmetric(ESTIMATED.numpy(), TRUE), TypeError, "estimated must be a floating-point tensor"),
        (lambda: blind.asymmetric(ESTIMATED / 0, TRUE), ValueError, "NaN"),
        (lambda: blind.total_variation(torch.ones(1, 1, 1, 5)), ValueError, "at least 2x2"),
        (lambda: blind.blind(TRUE, TRUE, None, None, data_range=1.0, shares={}), ValueError, "shares must name"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
