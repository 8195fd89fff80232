"""What all restoration studies share: they learn, continue exactly, and write a checkpoint that restoration loads."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional

from kryptonlib import restoration
from kryptonlib.seeds import generator
from kryptonlib.small_weights import read_small
from kryptonlib.training import restoring
from kryptonlib.training.loop import Loop
from kryptonlib.training.study import Options

NETWORK = {"network": "unet", "channels": 1, "levels": [4, 6]}


class Waves(restoring.Restoring):
    """Takes noise out of vertical waves."""

    def __init__(self, options, steps=12, **more):
        super().__init__(options, name="waves", network=NETWORK, steps=steps, rate=3e-3, **more)

    def begin(self):
        restoring.linear_start(self.net, [self.pairs(-1 - n) for n in range(8)])

    def pairs(self, step):
        random = generator(self.options.seed, step)
        phase = 6 * torch.rand(4, 1, 1, 1, generator=random)
        wanted = (0.5 + 0.4 * torch.sin(phase + 0.7 * torch.arange(16))).expand(4, 1, 16, 16)
        return wanted + 0.1 * torch.randn(wanted.shape, generator=random), wanted

    def loss(self, restored, wanted):
        return (restored - wanted).square().mean() if self.criterion is None else self.criterion(restored, wanted)

    def held_out(self):
        return [self.pairs(-100), self.pairs(-101)]

    def scores(self, restored, wanted):
        return {"mse": (restored - wanted).square().mean().item()}

    def about(self):
        return {"what": "waves", "recipe": {"noise": 0.1}, "data": []}


def run(folder, minutes=None, **more):
    options = Options(folder / "work")
    loop = Loop(Waves(options, **more), options, folder / "out")
    loop.run(minutes)
    return loop


def test_it_learns_and_the_checkpoint_is_the_averaged_network(tmp_path):
    loop = run(tmp_path, steps=150)
    before = Waves(Options(tmp_path / "other")).measure()["mse"]
    card = json.loads((tmp_path / "out" / "waves.json").read_text(encoding="utf-8"))
    assert card["held_out"]["mse"] < 0.8 * before
    assert card["restores"] == NETWORK and card["finished"] and card["seed"] == 0
    restorer = restoration.load("waves", folder=tmp_path / "out")
    given, wanted = loop.study.pairs(-100)
    found = restorer(given[0, 0].numpy())
    expected = loop.study.average(given[:1])[0, 0].clamp(0, 1)
    assert np.allclose(found, expected, atol=3e-3)
    assert np.square(found - wanted[0, 0].numpy()).mean() < np.square((given - wanted)[0, 0].numpy()).mean()


def test_a_stopped_run_ends_with_the_same_weights(tmp_path):
    run(tmp_path / "through")
    while not run(tmp_path / "stopped", minutes=1e-9).finished:
        pass
    found, expected = (read_small(tmp_path / name / "out" / "waves.safetensors") for name in ("stopped", "through"))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_learned_criterion_gets_its_own_rate_and_is_continued(tmp_path):
    from kryptonlib.losses import Adaptive

    loop = run(tmp_path, criterion=Adaptive(1, c=0.1), criterion_rate=0.05)
    net, learned = (group["lr"] for group in loop.study.optimizer.param_groups)
    assert net > 0 and learned == pytest.approx(net * 0.05 / 3e-3)
    assert abs(loop.study.criterion.c.item() - 0.1) > 1e-3
    again = Loop(Waves(loop.options, criterion=Adaptive(1, c=0.1), criterion_rate=0.05), loop.options, tmp_path / "out")
    assert again.study.criterion.c.item() == loop.study.criterion.c.item()


def test_it_begins_from_a_parent_exactly(tmp_path):
    parent = {name: value + 0.01 for name, value in restoration.build(NETWORK).state_dict().items()}
    study = Waves(Options(tmp_path), parent=parent)
    assert all(torch.equal(study.net.state_dict()[name], value) for name, value in parent.items())
    assert study.net.state_dict().keys() == study.weights().keys()


def test_the_linear_start_is_the_best_linear_filter():
    """Against numpy's least squares on the same neighbourhoods."""
    study = Waves(Options(None))
    pairs = [study.pairs(-1 - n) for n in range(8)]
    rows, targets = [], []
    for given, wanted in pairs:
        maps = functional.pixel_unshuffle(given - 0.5, 2) * 4
        extended = functional.pad(maps, (1, 1, 1, 1))
        for image in range(4):
            for row in range(8):
                for column in range(8):
                    rows.append([*extended[image, :, row : row + 3, column : column + 3].flatten().tolist(), 1.0])
                    difference = (given - wanted)[image, 0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
                    targets.append(difference.flatten().tolist())
    solution, *_ = np.linalg.lstsq(np.array(rows), np.array(targets), rcond=None)
    best = np.square(np.array(rows) @ solution - np.array(targets)).mean()
    with torch.no_grad():
        found = np.mean([(study.net(given) - wanted).square().mean().item() for given, wanted in pairs])
    assert found == pytest.approx(best, rel=1e-3)


def test_random_numbers_follow_both_seed_and_number():
    places = [(a, b) for a in (0, 1, 2) for b in (-1, 0, 1, 2**40)]
    found = {place: tuple(torch.rand(3, generator=generator(*place)).tolist()) for place in places}
    assert len(set(found.values())) == len(found)
    assert found[1, -1] == tuple(torch.rand(3, generator=generator(1, -1)).tolist())


def test_one_huge_gradient_counts_no_more_than_those_before_it(tmp_path):
    class Shouting(Waves):
        loudness = 1.0

        def loss(self, restored, wanted):
            return self.loudness * super().loss(restored, wanted)

    def norm(study):
        return torch.nn.utils.get_total_norm([p.grad for p in study.net.parameters()]).item()

    study, norms = Shouting(Options(tmp_path)), []
    for step in range(8):
        usual = study.usual
        study.learn(step, 0.1)
        norms.append(norm(study))
        assert usual is None or norms[-1] <= np.exp(usual) * (1 + 1e-4)
    usual, study.loudness = study.usual, 1e6
    study.learn(8, 0.1)
    assert norm(study) == pytest.approx(np.exp(usual), rel=1e-4)
    assert min(norms) < np.exp(usual) < 2 * max(norms) and study.usual > usual
    study.loudness = 0.0
    study.learn(9, 0.1)
    assert norm(study) == 0
