"""Moving digits move as said; both restorers are equally large; memory is used by the recurrent one alone."""

import pytest
import torch

from kryptonlib.sequences import video

DOT = torch.zeros(1, 5, 5)
DOT[0, 2, 2] = 1


def places(speed, seed, frames=60):
    moved = video.moving(DOT, frames, torch.Generator().manual_seed(seed), speed)[:, 0, 0]
    assert torch.equal(moved.flatten(1).sum(1), torch.ones(frames)), "the image never leaves the frame"
    return torch.tensor([divmod(int(frame.argmax()), video.SIDE) for frame in moved])


@pytest.mark.parametrize("speed", [0, 1, 2])
def test_moves_are_even_bounce_and_never_stand_still(speed):
    found = set()
    for seed in range(25):
        steps = places(speed, seed).diff(dim=0)
        assert steps.abs().max() <= speed
        assert (steps.abs().sum(1) > 0).float().mean() > 0.8 or speed == 0, "a bounce may take a frame"
        found.add(tuple(steps[0].tolist()))
    assert len(found) == 1 if speed == 0 else len(found) > 4


def test_both_kinds_are_equally_large_and_begin_alike():
    recurrent, frame = video.Restorer(True, seed=3), video.Restorer(False, seed=3)
    for one, other in zip(recurrent.parameters(), frame.parameters()):
        assert torch.equal(one, other)


@pytest.mark.parametrize("recurrent", [True, False])
def test_what_an_output_depends_on(recurrent):
    network = video.Restorer(recurrent)
    noisy = torch.rand(4, 1, 1, 12, 12, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (slopes,) = torch.autograd.grad(network(noisy)[2].sum(), noisy)
    reached = [bool(frame.abs().max() > 0) for frame in slopes]
    assert reached == [recurrent, recurrent, True, False]


def test_the_forward_pass_is_the_formula():
    network = video.Restorer(True, 4)
    noisy = torch.rand(3, 2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    h = torch.zeros(2, 4, 8, 8)
    for t in range(3):
        f = torch.relu(network.first(noisy[t]))
        sums = network.both(torch.cat([f, h], 1))
        n, z = torch.relu(sums[:, :4]), torch.sigmoid(sums[:, 4:])
        h = (1 - z) * n + z * h
        torch.testing.assert_close(network(noisy)[t], network.last(h))


def test_training_restores_and_repeats_itself():
    bars = torch.zeros(2, 16, 16)
    bars[0, :, 4:8], bars[1, 6:10] = 1, 1
    settings = {"recurrent": True, "steps": 40, "frames": 3, "batch": 4}
    trained, again = (video.train(bars, **settings, seed=1) for _ in range(2))
    clean = video.moving(bars, 3, torch.Generator().manual_seed(5), 0)
    noisy = clean + 0.5 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(6))
    assert torch.equal(trained(noisy), again(noisy))
    assert (video.psnr_per_frame(trained(noisy), clean) > video.psnr_per_frame(noisy, clean) + 3).all()


def test_psnr_by_hand():
    clean = torch.zeros(2, 3, 1, 4, 4)
    found = clean + torch.tensor([0.1, 0.01]).reshape(2, 1, 1, 1, 1)
    torch.testing.assert_close(video.psnr_per_frame(found, clean), torch.tensor([20.0, 40.0]))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: video.moving(torch.zeros(1, 40, 5), 3, None), "up to 32 x 32"),
        (lambda: video.moving(DOT, 0, None), "frames=0"),
        (lambda: video.train(torch.zeros(0, 5, 5), recurrent=True, steps=1), r"\[M, h, w\]"),
        (lambda: video.psnr_per_frame(torch.zeros(2, 1), torch.zeros(2, 2)), "equal shapes"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
