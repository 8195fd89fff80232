"""DCGAN: shapes, what the checker names, the walk through z, quality numbers by hand, the VAE's bound, and both
studies."""

import csv

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy import linalg, ndimage, stats
from torch import distributions, nn

from kryptonlib import samples, store
from kryptonlib.adversarial import dcgan, guidelines, quality, vae
from kryptonlib.training import card, generative
from kryptonlib.training.loop import Loop
from kryptonlib.training.study import Options

DIGITS = torch.from_numpy(samples.shown_digits(300)[0])

# The networks.


def test_shapes_and_ranges():
    net, judge = dcgan.generator(4), dcgan.discriminator(4)
    z = dcgan.draw(5, seed=0)
    assert z.shape == (5, 100, 1, 1) and z.min() >= -1 and z.max() <= 1 and abs(z.mean()) < 0.05
    assert torch.equal(z, dcgan.draw(5, seed=0)) and not torch.equal(z, dcgan.draw(5, seed=1))
    made = net(z)
    assert made.shape == (5, 1, 28, 28) and made.abs().max() <= 1 and judge(made).shape == (5, 1, 1, 1)
    colour = dcgan.generator(2, first=4, doublings=4, channels=3)
    assert colour(z).shape == (5, 3, 64, 64)
    assert dcgan.discriminator(2, last=4, halvings=4, channels=3)(colour(z)).shape == (5, 1, 1, 1)


def test_pictures_are_in_0_to_1_and_do_not_depend_on_their_batch():
    net = dcgan.generator(4)
    with pytest.raises(ValueError, match=r"call .eval\(\) first"):
        dcgan.pictures(net, dcgan.draw(2, seed=0))
    z = dcgan.draw(7, seed=0)
    made = dcgan.pictures(net.eval(), z)
    assert made.shape == (7, 28, 28) and made.min() >= 0 and made.max() <= 1
    torch.testing.assert_close(dcgan.pictures(net, z, batch=3), made)
    assert dcgan.pictures(dcgan.generator(2, first=4, doublings=4, channels=3).eval(), z).shape == (7, 64, 64, 3)


def test_ways_through_z():
    a, b = torch.randn(2, 100, 1, 1, generator=torch.Generator().manual_seed(0))
    way = dcgan.between(a, b, 5)
    assert (
        torch.equal(way[0], a)
        and torch.allclose(way[-1], b, atol=1e-6)
        and torch.allclose(way[2], (a + b) / 2, atol=1e-6)
    )
    a, b = a / a.norm(), b / b.norm()
    for share in (0.0, 0.3, 1.0):
        point = dcgan.around(a, b, share)
        assert point.shape == (1, 100, 1, 1) and point.norm().item() == pytest.approx(1, abs=1e-5)
        angle = torch.arccos((point[0] * a).sum().clamp(-1, 1))
        assert angle.item() == pytest.approx(share * torch.arccos((a * b).sum()).item(), abs=1e-3)
    with pytest.raises(ValueError, match="no one way between them"):
        dcgan.around(a, a, 0.5)
    with pytest.raises(ValueError, match="at least 2 steps"):
        dcgan.between(a, b, 1)


# The checker.


def swapped(net, number, *others):
    """The network with one layer replaced by others."""
    layers = list(net)
    return nn.Sequential(*layers[:number], *others, *layers[number + 1 :])


def names(generator=None, discriminator=None, z=None):
    found = guidelines.broken(
        generator or dcgan.generator(4),
        discriminator or dcgan.discriminator(4),
        dcgan.draw(64, seed=0) if z is None else z,
    )
    return [entry.guideline for entry in found]


def test_the_paper_s_networks_break_nothing():
    assert names() == []
    colour = (
        dcgan.generator(2, first=4, doublings=4, channels=3),
        dcgan.discriminator(2, last=4, halvings=4, channels=3),
    )
    assert names(*colour) == []
    # The paper reshapes a matrix product to the first maps, and feeds the last ones into one number.
    start = [nn.Flatten(), nn.Linear(100, 8 * 49), nn.Unflatten(1, (8, 7, 7))]
    end = [nn.Flatten(), nn.Linear(8 * 49, 1), nn.Sigmoid()]
    assert names(swapped(dcgan.generator(4), 0, *start), swapped(dcgan.discriminator(4), 5, *end)) == []
    assert all(guidelines.kept([]).values()) and list(guidelines.kept([])) == list(guidelines.GUIDELINES)


@pytest.mark.parametrize(
    "guideline, change",
    [
        ("z", {"z": torch.randn(64, 100, 1, 1, generator=torch.Generator().manual_seed(0))}),
        ("z", {"z": dcgan.draw(64, 20, seed=0)}),
        ("generator", {"generator": swapped(dcgan.generator(4), 7, nn.Sigmoid())}),
        ("generator", {"generator": dcgan.generator(4)[:-1]}),
        ("generator", {"generator": swapped(dcgan.generator(4), 2, nn.LeakyReLU(0.2))}),
        ("ends", {"generator": swapped(dcgan.generator(4), 7, nn.BatchNorm2d(1), nn.Tanh())}),
        ("ends", {"discriminator": swapped(dcgan.discriminator(4), 1, nn.BatchNorm2d(4), nn.LeakyReLU(0.2))}),
        ("ends", {"discriminator": nn.Sequential(nn.BatchNorm2d(1), *dcgan.discriminator(4))}),
        ("batch norm", {"generator": swapped(dcgan.generator(4), 4, nn.Identity())}),
        ("batch norm", {"discriminator": swapped(dcgan.discriminator(4), 3, nn.Identity())}),
        ("discriminator", {"discriminator": swapped(dcgan.discriminator(4), 4, nn.ReLU())}),
        ("discriminator", {"discriminator": nn.Sequential(*dcgan.discriminator(4), nn.Tanh())}),
        ("strides", {"discriminator": swapped(dcgan.discriminator(4), 2, nn.Conv2d(4, 8, 3, 1, 1), nn.MaxPool2d(2))}),
        (
            "strides",
            {"generator": swapped(dcgan.generator(4), 3, nn.Upsample(scale_factor=2), nn.Conv2d(8, 4, 3, 1, 1))},
        ),
    ],
)
def test_each_broken_guideline_is_named_and_no_other(guideline, change):
    assert names(**change) == [guideline]


def test_a_hidden_dense_layer_is_named_with_its_place():
    start = [nn.Flatten(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 8 * 49), nn.Unflatten(1, (8, 7, 7))]
    found = guidelines.broken(swapped(dcgan.generator(4), 0, *start), dcgan.discriminator(4), dcgan.draw(64, seed=0))
    assert [entry.guideline for entry in found] == ["dense", "batch norm"]
    assert str(found[0]) == "no hidden layer is fully connected: generator, layer 3: Linear from 50 to 392"
    assert guidelines.kept(found)["dense"] is False and guidelines.kept(found)["ends"] is True


def test_several_faults_are_all_named():
    bad = nn.Sequential(
        nn.Conv2d(1, 4, 3, 1, 1), nn.ReLU(), nn.Conv2d(4, 8, 3, 1, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 784, 1)
    )
    assert sorted(names(discriminator=bad)) == ["batch norm", "discriminator", "discriminator", "strides"]


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(TypeError, match="got a str as generator"):
        guidelines.broken("net", dcgan.discriminator(4), dcgan.draw(64, seed=0))
    with pytest.raises(ValueError, match="no convolution in the discriminator"):
        guidelines.broken(dcgan.generator(4), nn.Linear(3, 3), dcgan.draw(64, seed=0))
    with pytest.raises(ValueError, match="20 of them or more"):
        guidelines.broken(dcgan.generator(4), dcgan.discriminator(4), dcgan.draw(3, seed=0))


# Quality.


def test_frechet_is_the_formula_with_scipy_s_square_root():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(400, 5)) @ rng.normal(size=(5, 5)), 1 + rng.normal(size=(300, 5))
    one, two = np.cov(a.T), np.cov(b.T)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(one + two - 2 * linalg.sqrtm(one @ two).real)
    assert quality.frechet(a, b) == pytest.approx(expected, rel=1e-8) == quality.frechet(b, a)
    assert quality.frechet(a, a) == pytest.approx(0, abs=1e-8)
    assert quality.frechet(a, a + 3) == pytest.approx(45)
    for wrong in ((a, b[:, :4]), (a[:5], b)):
        with pytest.raises(ValueError, match="expected"):
            quality.frechet(*wrong)


def test_the_score_is_the_mean_divergence():
    rows = np.random.default_rng(0).dirichlet(np.ones(10), 50)
    expected = np.exp(np.mean([stats.entropy(row, rows.mean(0)) for row in rows]))
    assert quality.score(rows) == pytest.approx(expected)
    assert quality.score(np.eye(10)) == pytest.approx(10) and quality.score(np.full((3, 10), 0.1)) == pytest.approx(1)
    np.testing.assert_allclose(quality.shares(np.eye(10)[[0, 0, 3]]), [2 / 3, 0, 0, 1 / 3, 0, 0, 0, 0, 0, 0])


def test_the_nearest_is_found_by_looking_at_all():
    some, others = DIGITS[:6], DIGITS[6:60]
    distances, found = quality.nearest(some, others, batch=4)
    for digit, distance, index in zip(some, distances, found):
        all_of_them = ((others - digit) ** 2).mean((1, 2)).sqrt()
        assert distance == pytest.approx(all_of_them.min().item(), rel=1e-4) and all_of_them.argmin() == index
    assert quality.nearest(some, DIGITS)[0].max() < 1e-3


def test_sharpness_falls_with_a_blur_and_not_with_contrast():
    sharp = quality.sharpness(DIGITS)
    assert (quality.sharpness(ndimage.gaussian_filter(DIGITS.numpy(), (0, 1, 1))) < sharp).all()
    np.testing.assert_allclose(quality.sharpness(0.1 + 0.5 * DIGITS.numpy()), sharp, rtol=1e-5)
    noisy = DIGITS.numpy() + 0.1 * np.random.default_rng(0).normal(size=DIGITS.shape)
    assert (quality.sharpness(noisy) > sharp).all() and quality.sharpness(np.ones((1, 4, 4)))[0] == 0
    with pytest.raises(ValueError, match="expected"):
        quality.sharpness(np.zeros((4, 4)))


def test_the_classifier_learns_and_is_repeated_exactly():
    images, labels = samples.mnist("train", 2000)
    first, again = (quality.train_classifier(images, labels, steps=60) for _ in range(2))
    test, truth = samples.mnist("test", 500)
    features, probabilities = quality.looked_at(first, test)
    assert features.shape == (500, 64) and np.mean(probabilities.argmax(1) == truth) > 0.8
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    assert torch.equal(first(torch.from_numpy(test)), again(torch.from_numpy(test)))
    # Noise is farther from digits than digits are.
    noise = np.random.default_rng(0).random((300, 28, 28), dtype=np.float32)
    assert quality.frechet(quality.looked_at(first, noise)[0], features) > quality.frechet(
        quality.looked_at(first, samples.mnist("tune", 300)[0])[0], features
    )


# The variational autoencoder.


def test_the_divergence_is_torch_s():
    means, log_variances = torch.randn(2, 6, 4, 1, 1, generator=torch.Generator().manual_seed(0))
    one = distributions.Normal(means, (0.5 * log_variances).exp())
    expected = distributions.kl_divergence(one, distributions.Normal(0.0, 1.0)).sum((1, 2, 3))
    torch.testing.assert_close(vae.divergence(means, log_variances), expected)


def test_the_bound_is_cross_entropy_plus_divergence():
    torch.manual_seed(0)
    encode, decode = vae.encoder(4, 3).eval(), vae.decoder(4, 3).eval()
    images = 2 * DIGITS[:5, None] - 1
    noise = torch.randn(5, 3, 1, 1)
    loss, cross_entropy, divergence = vae.bound(encode, decode, images, noise)
    means, log_variances = encode(images).chunk(2, 1)
    one = distributions.Normal(means, (0.5 * log_variances).exp())
    ink, share = (decode(means + one.scale * noise) + 1) / 2, DIGITS[:5, None]
    expected = -(share * ink.log() + (1 - share) * (1 - ink).log()).sum((1, 2, 3)).mean()
    torch.testing.assert_close(cross_entropy, expected)
    torch.testing.assert_close(
        divergence, distributions.kl_divergence(one, distributions.Normal(0.0, 1.0)).sum((1, 2, 3)).mean()
    )
    torch.testing.assert_close(loss, cross_entropy + divergence)
    loss.backward()
    assert all(
        p.grad is not None and torch.isfinite(p.grad).all() for p in [*encode.parameters(), *decode.parameters()]
    )


# The studies.


@pytest.fixture
def small(monkeypatch):
    """Both studies with tiny networks, few digits and a judge that needs no training."""
    monkeypatch.setattr(generative, "WIDTH", 4)
    monkeypatch.setattr(generative, "BATCH", 8)
    monkeypatch.setattr(generative, "JUDGED", 100)
    torch.manual_seed(0)
    judge = quality.Classifier().eval().requires_grad_(False)
    monkeypatch.setattr(generative, "_judge", lambda: (judge, quality.looked_at(judge, DIGITS)[0]))


@pytest.mark.parametrize("study", [generative.DCGAN, generative.VAE])
def test_a_stopped_study_ends_with_the_same_weights(tmp_path, small, study):
    def loop(folder):
        return Loop(
            study(Options(tmp_path / folder / "work"), steps=6),
            Options(tmp_path / folder / "work"),
            tmp_path / folder / "out",
        )

    assert loop("through").run()
    stopped = loop("stopped")
    stopped.clock.now = iter(range(0, 10**6, 20)).__next__
    assert not stopped.run(minutes=1)
    assert loop("stopped").run()
    name = stopped.study.name
    found, expected = (load_file(tmp_path / way / "out" / f"{name}.safetensors") for way in ("stopped", "through"))
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    written = card.read(name, tmp_path / "through" / "out")
    assert written["held_out"]["frechet"] > 0 and "none stated" in written["data"][0]["licence"]
    log = list(csv.DictReader((tmp_path / "through" / "out" / f"{name}.csv").open(encoding="utf-8")))
    assert [row["step"] for row in log] == ["6"] and float(log[0]["frechet_average"]) > 0


def test_the_discriminator_s_step_leaves_the_generator_alone(small, tmp_path):
    study = generative.DCGAN(Options(tmp_path))
    draw, judge = study.nets["generator"], study.nets["discriminator"]
    seen = []
    for name, optimizer in study.optimizers.items():

        def step(name=name, go=optimizer.step):
            given = {
                part: any(p.grad is not None and p.grad.any() for p in net.parameters())
                for part, net in study.nets.items()
            }
            seen.append((name, given["generator"]))
            return go()

        optimizer.step = step
    told = study.learn(0, 1.0)
    assert seen == [("discriminator", False), ("generator", True)]
    assert all(p.requires_grad for p in [*draw.parameters(), *judge.parameters()])
    assert 0 < told["d_of_real"] < 1 and 0 < told["generator_loss"]


@pytest.mark.parametrize("study", [generative.DCGAN, generative.VAE])
def test_a_checkpoint_alone_continues_with_the_average(small, tmp_path, study):
    first, second = study(Options(tmp_path)), study(Options(tmp_path, seed=1))
    for step in range(3):
        first.learn(step, 1.0)
    stored = first.weights()
    second.load_weights(stored)
    for name, value in second.weights().items():
        assert torch.equal(value, stored[name]), name
    for one, other in zip(second.nets["generator"].state_dict().values(), first.average.state_dict().values()):
        assert torch.equal(one, other)
    assert not torch.equal(first.nets["generator"][0].weight, first.average[0].weight)


def test_the_studies_refuse_a_folder_of_photos(tmp_path):
    with pytest.raises(ValueError, match="learns from MNIST"):
        generative.VAE(Options(tmp_path, data=tmp_path))


# The checkpoints of this repository, and the faces.


@pytest.mark.parametrize("name, load", [("dcgan-mnist", dcgan.trained), ("vae-mnist", vae.trained)])
def test_the_checkpoints_draw_digits(name, load):
    nets = load()
    net = nets[0] if name == "dcgan-mnist" else nets[1]
    z = dcgan.draw(300, seed=0) if name == "dcgan-mnist" else vae.draw(300, seed=0)
    made = dcgan.pictures(net, z)
    # As much ink as digits have, and not 300 times the same.
    assert 0.05 < made.mean() < 0.25 and quality.nearest(made[:50], made[50:])[0].min() > 0.02
    assert store.checkpoint(name).stat().st_size <= 2**20
    written, log = card.read(name), card.read_log(name)
    assert written["held_out"]["frechet_average"] < 100 and written["step"] - 100 < log["step"][-1] <= written["step"]
    assert log["frechet_average"][-1] < log["frechet_average"][0] / 4


def test_the_faces_generator_is_dcgan_s():
    net = dcgan.faces()
    made = dcgan.pictures(net, torch.randn(30, 100, 1, 1, generator=torch.Generator().manual_seed(0)))
    assert made.shape == (30, 64, 64, 3) and made.std(0).mean() > 0.1 and 0.2 < made.mean() < 0.8
    judge = dcgan.discriminator(2, last=4, halvings=4, channels=3)
    assert guidelines.broken(net, judge, dcgan.draw(64, seed=0)) == []
