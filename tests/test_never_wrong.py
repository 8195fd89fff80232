"""Networks with other people's tricks: every method gives the map of one pass per position of the untouched module."""

import warnings

import numpy as np
import pytest
import torch
from drawn_networks import HEADS, IMAGES, LAYERS, ROOTS, image, network
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from kryptonlib.occlusion import Occlusion, Plan, heatmap
from kryptonlib.occlusion.apart import computes_apart
from kryptonlib.occlusion.fold import prepared
from kryptonlib.occlusion.proof import alone, company, keeps_apart, probes

PATCH, STRIDE, TARGET = (4, 4), (4, 2), 1
"""Positions: 3 times 6, the last ones flush with the border, so that Captum's convention and ours are the same."""


def one_by_one(net, clean, fill):
    """Logits of the clean image and one pass per position, in a plain loop, each on an image of its own."""
    with torch.no_grad():
        answers = [net(clean.clone())]
        for top in range(0, clean.shape[2] - PATCH[0] + 1, STRIDE[0]):
            for left in range(0, clean.shape[3] - PATCH[1] + 1, STRIDE[1]):
                occluded = clean.clone()
                occluded[:, :, top : top + PATCH[0], left : left + PATCH[1]] = fill
                answers.append(net(occluded))
    return torch.cat(answers).double().numpy()[:, TARGET]


def attribution_of(truth, shape):
    """Captum's: the drop of the output, per pixel the mean over the windows that cover it."""
    total, count, changes = np.zeros(shape), np.zeros(shape), iter(truth[0] - truth[1:])
    for top in range(0, shape[0] - PATCH[0] + 1, STRIDE[0]):
        for left in range(0, shape[1] - PATCH[1] + 1, STRIDE[1]):
            total[top : top + PATCH[0], left : left + PATCH[1]] += next(changes)
            count[top : top + PATCH[0], left : left + PATCH[1]] += 1
    return total / count


def check(net, clean, fill, batch_size=None):
    """Every way equals the loop, with at most one warning, and leaves the network and the image as they were."""
    truth = one_by_one(net, clean, fill)
    within = (1e-9 if clean.dtype == torch.float64 else 3e-4) * max(1.0, np.abs(truth).max())
    kept = clean.clone()
    weights = {name: value.clone() for name, value in net.state_dict().items() if isinstance(value, torch.Tensor)}
    ways = {
        "full": {"method": "full", "batch_size": batch_size},
        "exact": {"method": "exact", "batch_size": batch_size},
        "approximate": {"method": "approximate", "plan": Plan(reach=0.5)},
    }
    for way, options in ways.items():
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            heat = heatmap(net, clean, patch=PATCH, stride=STRIDE, target=TARGET, score="logit", fill=fill, **options)
        assert len(told) <= 1, (way, [str(one.message) for one in told])
        np.testing.assert_allclose(heat.values.ravel(), truth[1:], rtol=0, atol=within, err_msg=way)
        assert heat.baseline == pytest.approx(truth[0], abs=within)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        shapes, strides = (3, *PATCH), (3, *STRIDE)
        given = Occlusion(net).attribute(
            clean, shapes, strides=strides, target=TARGET, baselines=fill, perturbations_per_eval=batch_size
        )
    assert len(told) <= 1, [str(one.message) for one in told]
    expected = np.broadcast_to(attribution_of(truth, clean.shape[2:]), given.shape)
    np.testing.assert_allclose(given.numpy(), expected, rtol=0, atol=2 * within, err_msg="Occlusion")
    assert torch.equal(clean, kept)
    assert all(torch.equal(net.state_dict()[name], value) for name, value in weights.items())
    np.testing.assert_array_equal(one_by_one(net, clean, fill), truth)


@given(
    layers=st.lists(st.sampled_from(sorted(LAYERS)), max_size=4),
    head=st.sampled_from(sorted(HEADS)),
    root=st.sampled_from(sorted(ROOTS)),
    kind=st.sampled_from(sorted(IMAGES)),
    fill=st.sampled_from([0.0, 0.5, 1.0, -1.0]),
    batch_size=st.sampled_from([None, 1, 2, 4]),
    double=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_network_gives_its_own_map(layers, head, root, kind, fill, batch_size, double, seed):
    clean = image(kind, seed)
    try:
        net = network(layers, head, root, seed)
        with torch.no_grad():
            net(clean.clone())
    except RuntimeError:
        reject()  # a view of what does not lie in one piece: no network that somebody has
    check(net.double(), clean.double(), fill, batch_size) if double else check(net, clean, fill, batch_size)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(torch.backends.quantized.engine == "none", reason="torch was built without quantized layers")
@pytest.mark.parametrize("kind", ["random", "black"])
def test_a_network_quantized_as_it_runs_goes_one_by_one(kind):
    """Eight bits for the range of the whole batch: beside a brighter image an answer is coarser."""
    torch.manual_seed(0)
    net = network(["conv", "rectifier"], "hidden", "plain", 0)
    check(torch.ao.quantization.quantize_dynamic(net, {torch.nn.Linear}).eval(), image(kind, 0), 0.5)


@pytest.mark.parametrize("layer", sorted(LAYERS))
def test_what_is_known_to_compute_apart_does(layer):
    net, clean = network([layer], "pool, flatten, linear", "plain", 0).double(), image("random", 0).double()
    with torch.no_grad():
        images = torch.cat([probes(clean), clean])
        apart = keeps_apart(net, images, alone(net, images), company(clean))
    traced = prepared(net)
    assert apart or traced is None or not computes_apart(traced)


@pytest.mark.parametrize("layer", sorted(LAYERS))
def test_every_layer_alone(layer):
    check(
        network(["conv", layer, "conv, norm, rectifier"], "pool, flatten, linear", "plain", 0), image("random", 0), 0.0
    )


@pytest.mark.parametrize("head", sorted(HEADS))
def test_every_head_alone(head):
    check(network(["conv", "rectifier"], head, "plain", 0), image("random", 0), 0.0)


@pytest.mark.parametrize("root", sorted(ROOTS))
@pytest.mark.parametrize("kind", ["random", "black", "channels last", "a cut-out", "around zero"])
def test_every_root_on_every_image(root, kind):
    check(network(["conv", "rectifier"], "two heads", root, 0), image(kind, 0), 1.0)
