"""The learned turn of pairs against what is known of it, and its measure against the toy transform code."""

import numpy as np
import pytest
import torch

from kryptonlib.basics import learned_turn, transform_coding


def test_all_ways_find_the_axes_that_are_not_correlated():
    for way in learned_turn.WAYS:
        turn = learned_turn.learn(way, 0, weight=0.1, steps=150)
        assert turn.angle == pytest.approx(45, abs=4)
        assert turn.cost == pytest.approx(turn.error + 0.1 * turn.rate)
        bound = transform_coding.reverse_water_filling([1.9, 0.1], turn.error)
        assert bound < turn.rate < bound + 1


def test_the_measure_is_that_of_real_rounding():
    # Before any step the gains are 1: the transform code with step 1, at whatever angle was drawn.
    turn = learned_turn.learn("soft", 3, steps=0)
    x = transform_coding.pairs(learned_turn.MEASURED_ON, 0.9, [3, 1])
    angle = torch.rand((), generator=torch.Generator().manual_seed(3)).item() * 180
    _, _, rate, error = transform_coding.code(x.astype(np.float32).astype(float), angle, 1.0)
    assert turn.angle == pytest.approx(angle % 90, abs=1e-3)
    assert (turn.rate, turn.error) == (pytest.approx(rate, abs=1e-3), pytest.approx(error, rel=1e-3))


def test_the_decoder_is_given_what_the_way_says():
    latent = torch.randn(1, 2, 50, 1, generator=torch.Generator().manual_seed(0))
    noisy, one = latent + 0.3, torch.ones(2)
    assert learned_turn._given("noise", latent, noisy, one, 0.5) is noisy
    torch.testing.assert_close(learned_turn._given("straight-through", latent, noisy, one, 0.5), latent.round())
    torch.testing.assert_close(learned_turn._given("soft", latent, noisy, one, 1e-4), latent.round(), atol=1e-2, rtol=0)


def test_what_cannot_be_learned_is_refused():
    with pytest.raises(ValueError, match="did you mean noise"):
        learned_turn.learn("noises", 0)
    with pytest.raises(ValueError, match="weight=0; expected a positive number"):
        learned_turn.learn("noise", 0, weight=0)
