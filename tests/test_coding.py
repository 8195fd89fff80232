"""The two lossless coders: everything comes back, the rate is what it should be, the arithmetic is exact."""

import math
import os
import subprocess
import sys

import constriction
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kryptonlib.compression import binarization, context, context_coding
from kryptonlib.compression.density import empirical_entropy
from kryptonlib.small_weights import write_small

SYMBOLS = arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 30)), elements=st.one_of(
    st.integers(-3, 3), st.integers(-300, 300), st.sampled_from([binarization.LARGEST, -binarization.LARGEST])))  # fmt: skip


def laplace(maps, count, scale=1.0, seed=0):
    return np.round(np.random.default_rng(seed).laplace(0, scale, (maps, count))).astype(np.int64)


# The paper's coder.


@settings(deadline=None)
@given(SYMBOLS, st.booleans())
def test_all_coefficients_come_back(symbols, adaptive):
    probabilities = binarization.count_probabilities(laplace(len(symbols), 100))
    words = binarization.encode(symbols, probabilities, adaptive=adaptive)
    assert np.array_equal(binarization.decode(words, *symbols.shape, probabilities, adaptive=adaptive), symbols)


@pytest.mark.parametrize("exceptional", [0, 2, 3])
@pytest.mark.parametrize("values", [(-70, 71), (5, 6), (4, 5), (0, 1), (-(1 << 23), 1 << 23)])
def test_the_exceptional_map_costs_what_a_uniform_one_does(exceptional, values):
    symbols = laplace(4, 200)
    symbols[exceptional] = np.random.default_rng(1).integers(*values, 200)
    symbols[exceptional, :2] = values[0], values[1] - 1
    probabilities = binarization.count_probabilities(laplace(4, 200))
    for adaptive in (False, True):
        options = {"exceptional": exceptional, "adaptive": adaptive}
        words = binarization.encode(symbols, probabilities, **options)
        assert np.array_equal(binarization.decode(words, 4, 200, probabilities, **options), symbols)
        bits = binarization.cost(symbols, probabilities, **options)
        assert bits[exceptional] == pytest.approx(np.log2(values[1] - values[0]))
        # Its ends are written in Exp-Golomb codes.
        assert bits.sum() - 1 < 32 * len(words) < bits.sum() + 66 + 100


def test_adaptive_probabilities_follow_the_file():
    ours, others = laplace(3, 4000, 3.0), laplace(3, 4000, 0.5, seed=1)
    known, strange = (binarization.count_probabilities(some) for some in (ours, others))
    best, static = (32 * len(binarization.encode(ours, table)) for table in (known, strange))
    adaptive = 32 * len(binarization.encode(ours, strange, adaptive=True))
    # What is left of the tables of another source: all of their loss in the first 32nd of the places, and little after it.
    assert static > 2 * best and adaptive < best + (static - best) / 32 + 0.015 * best
    assert 32 * len(binarization.encode(ours, known, adaptive=True)) < 1.01 * best


def test_the_parts_of_adaptive_coding_hold_every_place_once_and_lie_everywhere():
    parts = binarization._parts(32 * 48, True)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(32 * 48))
    assert [round(len(part) / 48) for part in parts] == [1, 1, 2, 4, 8, 16]
    for part in parts:
        rows, columns = np.divmod(part, 32)
        assert len(set(rows // 8)) == 6 and len(set(columns // 8)) == 4


def test_counted_probabilities_are_learned_from():
    """By hand: 4 decisions of 8 said "above", the table said 1 of 4 and counts as 32 decisions: (8 + 4) / 40."""
    table = binarization._Table(np.array([1024]))
    assert table.chances(np.array([0]))[0] == 0.25
    table.count(np.zeros(8, int), np.array([1, 0] * 4))
    assert table.chances(np.array([0]))[0] == pytest.approx(0.3, abs=1 / 4096)


def test_probabilities_are_those_of_the_decisions():
    symbols = np.array([[0, 0, 1, -2], [5, 5, -5, 5]])
    found = binarization.count_probabilities(symbols) / binarization.UNIT
    # Map 0: 2 of 4 above 0, 1 of these above 1, none above 2; nothing was met after that.
    np.testing.assert_allclose(found[0], [0.5, 0.5, 0.01, *[0.5] * 7], atol=2e-4)
    np.testing.assert_allclose(found[1], [*[0.99] * 5, 0.01, *[0.5] * 4], atol=2e-4)


def test_the_rate_is_that_of_the_decisions():
    symbols = laplace(128, 1536)
    words = binarization.encode(symbols, binarization.count_probabilities(symbols))
    rate = 32 * len(words) / symbols.size
    entropy = np.mean([empirical_entropy(torch.from_numpy(some)) for some in symbols])
    # Beyond 10 the Exp-Golomb code is not ideal for Laplace; with step 1 that costs a hundredth of a bit.
    assert entropy < rate < entropy + 0.02


@settings(deadline=None)
@given(SYMBOLS, st.booleans())
def test_the_cost_of_coefficients_is_what_is_written(symbols, adaptive):
    probabilities = binarization.count_probabilities(laplace(len(symbols), 100))
    bits = binarization.cost(symbols, probabilities, adaptive=adaptive)
    words = binarization.encode(symbols, probabilities, adaptive=adaptive)
    # A coder ends with whole words; its own rounding is far below a bit here.
    assert bits.shape == symbols.shape and bits.sum() - 1 < 32 * len(words) < bits.sum() + 66


def test_the_length_of_exp_golomb_codes():
    values = np.arange(200)
    assert binarization.golomb_bits(values).tolist() == [2 * (len(bin(n + 1)) - 3) + 1 for n in values]


def test_what_cannot_be_coded_is_refused():
    probabilities = binarization.count_probabilities(laplace(1, 10))
    with pytest.raises(ValueError, match="at most 16777214 can be coded"):
        binarization.encode(np.array([[1 << 24]]), probabilities)
    with pytest.raises(ValueError, match=r"expected \[maps, n\]"):
        binarization.encode(np.zeros((2, 3), int), probabilities)
    wide = np.array([[-(1 << 23), 1 << 23]])
    with pytest.raises(ValueError, match="at most 16777216 values"):
        binarization.encode(wide, probabilities, exceptional=0)
    coder = constriction.stream.queue.RangeEncoder()
    binarization.write_signed(coder, np.array([3, 1]))
    with pytest.raises(ValueError, match="an exceptional map from 3 to 1"):
        binarization.decode(coder.get_compressed(), 1, 2, probabilities, exceptional=0)


# The context model.


@pytest.fixture(scope="module")
def model():
    """A model with weights as a fit would leave them: none of them 0."""
    generator = torch.Generator().manual_seed(1)
    spread = torch.logspace(1, -0.7, 128).repeat(len(context.BETAS), 1)
    made = context.ContextModel(spread, torch.randperm(128, generator=generator))
    for parameter in made.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return made


@given(st.integers(1, 20), st.integers(1, 20))
def test_the_stages_of_a_group_cover_every_place_once(height, width):
    for group in (0, 1, 5):
        masks = [context.places((height, width), stride, which) for stride, which, _ in context.passes(group)]
        assert (sum(mask.int() for mask in masks) == 1).all()
    assert context.STAGES == 34


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (9, 3), (12, 10)])
@pytest.mark.parametrize("beta", [0, 8])
def test_with_contexts_all_coefficients_come_back(model, size, beta):
    symbols = laplace(128, size[0] * size[1], 2.0).reshape(128, *size)
    symbols[3, 0, 0], symbols[77, -1, -1] = 5000, -binarization.LARGEST
    symbols[5] = 0
    exact = model.exact()
    words = context_coding.encode(exact, symbols, beta)
    assert np.array_equal(context_coding.decode(exact, words, size, beta), symbols)


@pytest.mark.parametrize("beta", [0, 5])
def test_the_cost_with_contexts_is_what_is_written(model, beta):
    symbols = laplace(128, 12 * 14, 2.0).reshape(128, 12, 14)
    symbols[3, 0, 0], symbols[90, 5, 2] = 5000, -70000
    exact = model.exact()
    bits = context_coding.cost(exact, symbols, beta)
    words = context_coding.encode(exact, symbols, beta)
    assert bits.shape == symbols.shape and bits[90, 5, 2] > 2 * math.log2(70000)
    assert bits.sum() - 2 < 32 * len(words) < 1.001 * bits.sum() + 66


def test_a_prediction_reads_nothing_that_is_coded_later(model):
    exact = model.exact()
    known = torch.from_numpy(laplace(128, 64, 2.0).reshape(1, 128, 8, 8)).double()
    seen = torch.zeros(128, 8, 8, dtype=torch.bool)
    other = known.clone()
    for number, stages in enumerate(zip(exact.stages(known, torch.tensor([2])), exact.stages(other, torch.tensor([2])))):
        (maps, mask, mean, scale), (_, _, other_mean, other_scale) = stages
        assert torch.equal(mean[0][:, mask], other_mean[0][:, mask])
        assert torch.equal(scale[0][:, mask], other_scale[0][:, mask])
        # All that is not decoded yet is something else for the second model, before its next stage.
        seen[maps] |= mask
        other[0] = torch.where(seen, known[0], torch.full_like(known[0], number + 3.0))


def test_sums_do_not_depend_on_their_order(model):
    """With hidden numbers shuffled and with float32's rounding kept out, the results are equal to the last bit."""
    exact, shuffled = model.exact(), model.exact()
    order = torch.randperm(context.STATE, generator=torch.Generator().manual_seed(3))
    for weights in shuffled.reading:
        weights.copy_(weights[order])
    for weights in shuffled.mixing:
        weights.copy_(weights[:, order])
    known = torch.from_numpy(laplace(128, 80, 3.0).reshape(1, 128, 8, 10)).double()
    for one, two in zip(exact.stages(known, torch.tensor([0])), shuffled.stages(known, torch.tensor([0]))):
        assert torch.equal(one[2], two[2]) and torch.equal(one[3], two[3])
    half = {name: value.half() for name, value in model.state_dict().items() if value.is_floating_point()}
    again = context.ContextModel(model.scales.detach().exp(), model.order)
    again.load_state_dict(model.state_dict() | half)
    back = context.ContextModel(model.scales.detach().exp(), model.order)
    back.load_state_dict(again.state_dict())
    symbols = laplace(128, 30, 2.0).reshape(128, 5, 6)
    words = context_coding.encode(again.exact(), symbols, 1)
    assert np.array_equal(words, context_coding.encode(back.exact(), symbols, 1))


SCRIPT = """
import sys, numpy as np, torch
from kryptonlib.compression import context, context_coding
from kryptonlib.small_weights import read_small
torch.set_num_threads(int(sys.argv[2]))
weights = read_small(sys.argv[1])
model = context.ContextModel(torch.ones(9, 128), weights["order"])
model.load_state_dict(weights)
symbols = np.round(np.random.default_rng(0).laplace(0, 2, (128, 20, 24))).astype(int)
print(context_coding.encode(model.exact(), symbols, 3).tobytes().hex())
"""


def test_one_and_two_threads_and_another_vector_width_make_the_same_file(model, tmp_path):
    # Weights from a file: torch's random numbers are not the same with every vector width.
    write_small(model.state_dict(), tmp_path / "model.safetensors")

    def run(threads, **environment):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / "model.safetensors"), str(threads)]
        return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True).stdout

    assert run(1) == run(2) == run(1, ATEN_CPU_CAPABILITY="default", MKL_CBWR="COMPATIBLE")


def test_the_float_model_that_is_fitted_predicts_what_the_exact_one_does(model):
    symbols = torch.from_numpy(laplace(128, 120, 2.0).reshape(1, 128, 10, 12))
    beta = torch.tensor([4])
    mean, scale = model(symbols.float(), beta)
    exact_mean, exact_scale = model.exact()(symbols.double(), beta)
    assert (mean - exact_mean).abs().max() < 2 / context.FEATURE
    assert (scale - exact_scale).abs().mean() < 0.02


def test_tables_hold_the_logistic_distribution_and_do_not_hang_on_a_last_digit():
    from scipy.stats import logistic

    nearest = 1.0
    for number in range(context_coding.SCALES * context_coding.PARTS):
        width, counts = context_coding.probabilities(number)
        scale, part = math.exp(number // 8 / 9 - 3), number % 8 / 8
        assert len(counts) == 2 * width + 2 and counts.min() >= 32
        if number % 37 == 0:
            edges = logistic.cdf(np.arange(-width, width + 2) - 0.5, part, scale)
            expected = np.append(np.diff(edges), edges[0] + logistic.sf(width + 0.5, part, scale))
            np.testing.assert_allclose(counts / context_coding.UNIT, expected, atol=3e-6)
        # How near an unrounded entry comes to a tie, where another machine's exp() could round it the other way.
        edges = (np.arange(-width, width + 2) - 0.5 - part) / scale
        below, above = 1 / (1 + np.exp(-edges.clip(-700, 700))), 1 / (1 + np.exp(edges.clip(-700, 700)))
        cells = np.where(edges[:-1] > 0, above[:-1] - above[1:], np.diff(below)) * context_coding.UNIT
        nearest = min(nearest, np.abs(cells[cells > 32] % 1 - 0.5).min(initial=1))
    assert nearest > 1e-7
    table = torch.log2(1 + torch.arange(context.FARTHEST, dtype=torch.float64) / context.FEATURE) * context.FEATURE
    assert ((table % 1) - 0.5).abs().min() > 1e-6


def test_contexts_save_where_neighbours_and_maps_are_alike():
    """A fit of a few steps on latents whose sizes vary together over places."""
    generator = torch.Generator().manual_seed(0)
    energy = torch.nn.functional.interpolate(torch.rand(8, 1, 3, 3, generator=generator) * 4, (12, 12))
    symbols = (torch.randn(8, 128, 12, 12, generator=generator) * energy).round()
    made = context.ContextModel(symbols.std((0, 2, 3)).repeat(9, 1), torch.arange(128))
    # At three times this rate the count swings by 2 % between processors, as much as was asked of it.
    optimizer = torch.optim.Adam(made.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        mean, scale = made(symbols, torch.zeros(8, dtype=torch.long))
        inverse = torch.exp(-scale)
        cells = torch.sigmoid((symbols - mean + 0.5) * inverse) - torch.sigmoid((symbols - mean - 0.5) * inverse)
        loss = -cells.clamp_min(1e-7).log2().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    static = np.mean([empirical_entropy(symbols[:, number]) for number in range(128)])
    assert losses[-1] < losses[0] and losses[-1] < 0.96 * static
    exact = made.exact()
    words = context_coding.encode(exact, symbols[0].numpy(), 0)
    assert np.array_equal(context_coding.decode(exact, words, (12, 12), 0), symbols[0].numpy())
